//! What goes out by itself: ops, heads and who is near to peers; events to whoever watches; messages to windows.
//!
//! Deliberately absent: questions and answers (`network`).

use std::sync::Arc;

use omniscope_protocol::identity::{DeviceId, OpId, WorkspaceId};
use omniscope_protocol::judge::Role;
use omniscope_protocol::wire::{Gossip, MAX_GOSSIP_BYTES, MAX_NEAR, Note, NoteContent, topic};

use super::Actor;
use crate::event::Event;
use crate::net::{NetCommand, Topic};
use crate::store::WorkspaceState;
use crate::workspace::DocumentMessage;

/// How long changes of who is connected gather before they are announced.
const NEAR_AFTER_MS: u64 = 250;

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

    /// Tells members whom this device hears directly. With one peer there is nobody to spare anything. Gossip drops what it
    /// carried lately, and one who subscribes late has still to be told, so the list begins with another each time.
    pub(super) fn announce_near(&mut self, id: &WorkspaceId) {
        let Some(room) = self.rooms.get_mut(id) else { return };
        room.near_due = None;
        let replica = &room.space.replica;
        let members = self.peers.keys().filter(|d| replica.role(d) > Role::None);
        let mut near: Vec<DeviceId> = members.copied().take(MAX_NEAR).collect();
        if near.len() > 1 {
            room.near_told = room.near_told.wrapping_add(1);
            let first = room.near_told % near.len();
            near.rotate_left(first);
            self.note(id, NoteContent::Near(near));
        }
    }

    /// Has those connected announced soon.
    pub(super) fn near_changed(&mut self, id: &WorkspaceId) {
        let now = self.now();
        if let Some(room) = self.rooms.get_mut(id) {
            room.near_due.get_or_insert(now + NEAR_AFTER_MS);
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
