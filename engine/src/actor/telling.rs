//! What goes out by itself: ops, heads and who is near to peers; events to whoever watches; messages to windows.
//!
//! Deliberately absent: questions and answers (`network`).

use std::collections::BTreeMap;
use std::sync::Arc;

use omniscope_protocol::identity::{DeviceId, OpId, WorkspaceId};
use omniscope_protocol::judge::Role;
use omniscope_protocol::replica::Replica;
use omniscope_protocol::wire::{Gossip, MAX_GOSSIP_BYTES, Note, NoteContent, topic};

use super::Actor;
use super::near::Neighbours;
use super::network::Peer;
use crate::event::Event;
use crate::net::{NetCommand, Topic};
use crate::store::WorkspaceState;
use crate::workspace::DocumentMessage;

impl Actor {
    /// Hands a command to the network; false when there is none or it does not keep up.
    pub(super) fn command(&self, command: NetCommand) -> bool {
        let Some(net) = &self.net else { return false };
        let taken = net.send(command).is_ok();
        if !taken {
            tracing::warn!("the network does not keep up; a command was dropped, the next exchange of heads heals it");
        }
        taken
    }

    pub(super) fn publish_ops(&self, id: &WorkspaceId, ops: Vec<Arc<[u8]>>) {
        let mut batch: Vec<Arc<[u8]>> = Vec::new();
        let mut bytes = 0;
        for op in ops {
            if op.len() + 64 > MAX_GOSSIP_BYTES {
                let id_of = OpId(*blake3::hash(&op).as_bytes());
                self.gossip(id, &Gossip::Announce(vec![id_of]));
                continue;
            }
            if bytes + op.len() + 64 > MAX_GOSSIP_BYTES {
                self.gossip(id, &Gossip::Ops(std::mem::take(&mut batch)));
                bytes = 0;
            }
            bytes += op.len() + 8;
            batch.push(op);
        }
        if !batch.is_empty() {
            self.gossip(id, &Gossip::Ops(batch));
        }
    }

    pub(super) fn gossip(&self, id: &WorkspaceId, message: &Gossip) {
        let topic = self.rooms.get(id).map_or_else(|| Topic(topic(id)), |r| r.topic);
        self.command(NetCommand::Publish { topic, bytes: message.encode() });
    }

    pub(super) fn note(&self, id: &WorkspaceId, content: NoteContent) {
        self.gossip(id, &Gossip::Note(Note::sign(id, content, &self.key)));
    }

    pub(super) fn announce_heads(&mut self, id: &WorkspaceId) {
        let Some(room) = self.rooms.get_mut(id) else { return };
        room.heads_due = None;
        let heads = room.space.replica.committed_heads();
        if room.row.state == WorkspaceState::Member && !heads.is_empty() && room.heads_told != heads {
            room.heads_told.clone_from(&heads);
            self.note(id, NoteContent::Heads(heads));
        }
    }

    /// The members that are connected with this device.
    pub(super) fn neighbours(&self, id: &WorkspaceId) -> Neighbours {
        self.rooms.get(id).map(|room| members_among(&self.peers, &room.space.replica)).unwrap_or_default()
    }

    /// Tells members whom this device hears directly.
    pub(super) fn announce_near(&mut self, id: &WorkspaceId) {
        let (me, now, neighbours) = (self.me, self.now(), self.neighbours(id));
        let Some(room) = self.rooms.get_mut(id) else { return };
        if let Some(near) = room.near.take_due(&me, &neighbours, now) {
            self.note(id, NoteContent::Near(near));
        }
    }

    /// Has it told soon whom this device hears, if nobody else tells it.
    pub(super) fn near_changed(&mut self, id: &WorkspaceId) {
        let (me, now, neighbours) = (self.me, self.now(), self.neighbours(id));
        if let Some(room) = self.rooms.get_mut(id) {
            room.near.changed(&me, &neighbours, now);
        }
    }

    /// Whether anybody watches events.
    pub(super) fn is_watched(&self) -> bool {
        self.events.receiver_count() > 0
    }

    pub(super) fn tell(&self, event: Event) {
        // Nobody watching is not an error.
        let _ = self.events.send(Arc::new(event));
    }

    pub(super) fn tell_windows(&self, id: &WorkspaceId, message: &DocumentMessage) {
        if let Some(room) = self.rooms.get(id) {
            room.space.tell_windows(message);
        }
    }
}

/// The members among connected devices, and since when they are connected.
pub(super) fn members_among(peers: &BTreeMap<DeviceId, Peer>, replica: &Replica) -> Neighbours {
    let members = peers.iter().filter(|(device, _)| replica.role(device) > Role::None);
    members.map(|(device, peer)| (*device, peer.since)).collect()
}
