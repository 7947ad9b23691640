//! Who is connected, what the network tells, and which answers are awaited.
//!
//! Deliberately absent: what is said to a topic (`gossip`), the exchange of heads (`exchange`), and answering (`answers`).

use std::collections::BTreeMap;
use std::sync::Arc;

use libp2p::Multiaddr;
use omniscope_protocol::identity::{DeviceId, OpId, WorkspaceId};
use omniscope_protocol::wire::{Refusal, Request, Response, WIRE_VERSION};

use super::Actor;
use super::answers::Owed;
use super::exchange::Asked;
use super::mail::Step;
use crate::event::Event;
use crate::net::{GossipId, NetCommand, NetEvent, Path, ResponseToken, Topic, Verdict};
use crate::store::WorkspaceState;

/// Requests under way, all peers together. The network ends each within 15 s, so a full table empties by itself.
const MAX_ASKED: usize = 512;
/// Messages that go no further and of which the network does not know it yet: it keeps them so long.
const MAX_IGNORED: usize = 16;

/// A connected device.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) path: Path,
    pub(super) rtt_ms: Option<f64>,
    /// Where it says that it listens.
    pub(super) addrs: Vec<Multiaddr>,
    /// Since when it is connected.
    pub(super) since: u64,
    /// When each shared workspace was last asked about.
    pub(super) asked: BTreeMap<WorkspaceId, Asked>,
    pub(super) heard_ms: i64,
}

/// Requests of this device, and answers that it owes.
#[derive(Debug, Default)]
pub(super) struct Requests {
    next: u64,
    sent: BTreeMap<u64, Sent>,
    pub(super) owed: Vec<(WorkspaceId, Owed, ResponseToken)>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Sent {
    Sync(WorkspaceId),
    /// What a member lacks; whether there is more of it than went into this one.
    Push(WorkspaceId, bool),
    Fetch(WorkspaceId),
    /// By this invite: an answer to a link that was given up says nothing about the next one.
    Join(OpId),
    /// By this key of a link.
    Device(DeviceId),
    Keys,
    Notes,
    State(WorkspaceId),
    Mail(WorkspaceId, Step),
}

impl Actor {
    pub(super) fn on_net(&mut self, event: NetEvent) {
        match event {
            NetEvent::Connected { device, path } => self.on_connected(device, path),
            NetEvent::Disconnected { device } => self.on_disconnected(&device),
            NetEvent::PathChanged { device, path, rtt_ms, lost } => self.on_path(device, path, rtt_ms, lost),
            NetEvent::Gossip { topic, source, id, bytes } => {
                let verdict = self.on_gossip(topic, source, &bytes);
                self.judge(id, verdict);
            }
            NetEvent::Request { device, token, body } => self.on_request(device, token, &body),
            NetEvent::Response { id, device, result } => self.on_response(id, device, result.ok()),
            NetEvent::Subscribed { device, topic } => self.on_subscribed(device, topic),
            NetEvent::Listening { addr } => {
                if !self.listening.contains(&addr) {
                    self.listening.push(addr);
                }
            }
            NetEvent::PortsChosen(ports) => self.keep_ports(&ports),
            NetEvent::NotListening { addr } => self.listening.retain(|known| *known != addr),
            NetEvent::RelayUp { addr, circuit_addr } => {
                self.on_relay_up(&addr);
                self.circuits.insert(addr, circuit_addr);
            }
            NetEvent::RelayHeard { device, rtt_ms } => self.on_relay_heard(device, rtt_ms),
            NetEvent::RelayMet { device } => self.on_relay_met(device),
            NetEvent::RelayGone { device } => self.on_relay_gone(&device),
            NetEvent::RelayDown { addr, reason } => {
                tracing::info!(reason, "a relay is not reachable; it is tried again");
                self.circuits.remove(&addr);
                self.on_relay_down(&addr, reason);
            }
            NetEvent::Discovered { device, addrs } => self.on_discovered(device, addrs),
            NetEvent::Online(online) => self.online = online,
            NetEvent::PublishFailed { error, .. } => tracing::debug!(%error, "gossip was not published"),
            NetEvent::ListenFailed { addr, reason } => tracing::warn!(%addr, reason, "cannot listen"),
            NetEvent::DialFailed { reason, .. } => tracing::debug!(reason, "an address did not answer"),
            NetEvent::Addresses { device, addrs } => self.on_addresses(device, addrs),
            NetEvent::Unsubscribed { .. } => {}
        }
    }

    /// Tells the network what becomes of a message. That it goes no further nobody waits for: such verdicts are told
    /// together, since each wakes the network's thread while others here still draw the same edit.
    fn judge(&mut self, message: GossipId, verdict: Verdict) {
        if verdict == Verdict::Ignore {
            self.ignored.push(message);
            if self.ignored.len() < MAX_IGNORED {
                return;
            }
        } else {
            self.command(NetCommand::Judge { message, verdict });
        }
        self.tell_ignored();
    }

    pub(super) fn tell_ignored(&mut self) {
        for message in std::mem::take(&mut self.ignored) {
            self.command(NetCommand::Judge { message, verdict: Verdict::Ignore });
        }
    }

    fn on_connected(&mut self, device: DeviceId, path: Path) {
        let heard_ms = super::unix_ms();
        let (addrs, asked, since) = (Vec::new(), BTreeMap::new(), self.now());
        self.peers.insert(device, Peer { path, rtt_ms: None, addrs, since, asked, heard_ms });
        self.tell_path(device, Some(path), None);
        for id in self.rooms.keys().copied().collect::<Vec<_>>() {
            self.sync_with(&id, device);
            self.sync_state_changed(&id);
            self.near_changed(&id);
        }
        self.try_joins_with(device);
    }

    /// What was under way on a lost connection is asked for again at once.
    fn on_path(&mut self, device: DeviceId, path: Path, rtt_ms: Option<f64>, lost: bool) {
        let Some(peer) = self.peers.get_mut(&device) else { return };
        let changed = peer.path != path;
        (peer.path, peer.rtt_ms) = (path, if changed { rtt_ms } else { rtt_ms.or(peer.rtt_ms) });
        if changed {
            self.tell_path(device, Some(path), rtt_ms);
        }
        for id in self.rooms.keys().copied().collect::<Vec<_>>() {
            if lost {
                self.sync_with(&id, device);
            }
            if changed {
                self.sync_state_changed(&id);
            }
        }
    }

    fn tell_path(&self, device: DeviceId, path: Option<Path>, latency_ms: Option<f64>) {
        let path = path.map(|path| path.as_str().to_owned());
        self.tell(Event::PathChanged { device: device.to_string(), path, latency_ms });
    }

    fn on_disconnected(&mut self, device: &DeviceId) {
        self.tell_path(*device, None, None);
        self.remember_last_seen(device);
        self.peers.remove(device);
        self.doubt_presence(device);
        for room in self.rooms.values_mut() {
            room.near.forget(device);
            room.presence.parted(device);
        }
        for id in self.rooms.keys().copied().collect::<Vec<_>>() {
            self.sync_state_changed(&id);
            self.near_changed(&id);
        }
    }

    /// A neighbour on the LAN is worth a connection if it is a member, or may be one that somebody admitted.
    fn on_discovered(&mut self, device: DeviceId, addrs: Vec<Multiaddr>) {
        let known = self.rooms.values().any(|r| r.space.replica.was_member(&device));
        let wanted = self.joins.iter().any(|j| j.wants(&device)) || self.device_joins.iter().any(|j| j.wants(&device));
        if (known || wanted || !self.rooms.is_empty()) && !self.peers.contains_key(&device) {
            for addr in addrs {
                self.command(NetCommand::Dial { addr });
            }
        }
    }

    fn on_subscribed(&mut self, device: DeviceId, of: Topic) {
        let Some(id) = self.room_of(of) else { return };
        self.sync_with(&id, device);
        self.greet(&id, device);
        self.near_changed(&id);
    }

    pub(super) fn heard(&mut self, device: &DeviceId) {
        if let Some(peer) = self.peers.get_mut(device) {
            peer.heard_ms = super::unix_ms();
        }
    }

    /// Sends a request; false when it could not be sent now, so that no answer comes either.
    pub(super) fn request(&mut self, device: DeviceId, sent: Sent, request: &Request) -> bool {
        if self.requests.sent.len() >= MAX_ASKED {
            return false;
        }
        self.requests.next += 1;
        let id = self.requests.next;
        let taken = self.command(NetCommand::Request { device, id, body: request.encode() });
        if taken {
            self.requests.sent.insert(id, sent);
        }
        taken
    }

    fn on_response(&mut self, id: u64, device: DeviceId, body: Option<Vec<u8>>) {
        let Some(sent) = self.requests.sent.remove(&id) else { return };
        if let (Sent::Sync(workspace), Some(peer)) = (sent, self.peers.get_mut(&device))
            && let Some(asked) = peer.asked.get_mut(&workspace)
        {
            asked.under_way = false;
        }
        if let Sent::Mail(workspace, step) = sent {
            let response = body.and_then(|body| Response::decode(&body).ok());
            return self.on_mail(device, workspace, step, response);
        }
        if let Sent::State(workspace) = sent {
            let response = body.and_then(|body| Response::decode(&body).ok());
            return self.on_state(workspace, device, response);
        }
        self.on_answer(sent, device, body);
        if let Sent::Sync(workspace) = sent {
            self.after_exchange(&workspace, &device);
        }
    }

    fn on_answer(&mut self, sent: Sent, device: DeviceId, body: Option<Vec<u8>>) {
        let Some(body) = body else { return };
        let Ok(response) = Response::decode(&body) else {
            tracing::warn!(peer = %device.fmt_short(), "a peer answered with bytes that are no response");
            return;
        };
        self.heard(&device);
        let response = match sent {
            Sent::Sync(workspace) => self.heed_removal(&workspace, response),
            _ => response,
        };
        match (sent, response) {
            (Sent::Sync(workspace), Response::Sync { ops, heads, more }) => {
                self.on_synced(&workspace, device, &ops, &heads, more);
            }
            (Sent::Push(workspace, more), Response::Receipt { heads }) => {
                let lacked = self.behind(&workspace, &device);
                if self.recoveries.contains_key(&workspace) {
                    self.sync_with(&workspace, device);
                }
                self.note_heads(&workspace, device, &heads);
                // What was written meanwhile comes to it by gossip. A peer that took nothing, as an older version may, is not
                // sent the same again at once.
                if more && self.behind(&workspace, &device) < lacked {
                    self.push_missing(&workspace, device);
                }
            }
            (Sent::Fetch(workspace), Response::Ops(ops)) => {
                if self.take_ops(&workspace, &ops).1 {
                    self.doubt(&workspace, device);
                }
            }
            (Sent::Join(invite), Response::Admitted { deposit }) => self.on_join_admitted(invite, device, deposit),
            (Sent::Join(invite), Response::Refused(refusal)) => self.on_join_refused(invite, device, refusal),
            (Sent::Sync(workspace), Response::Refused(Refusal::NotMember | Refusal::Removed))
                if self.show_recovery(&workspace, device) => {}
            (Sent::Device(key), Response::Admitted { .. }) => self.on_device_added(key, device),
            (Sent::Device(key), Response::Refused(refusal)) => self.on_device_refused(key, device, refusal),
            (Sent::Sync(workspace), Response::Refused(Refusal::NotMember)) => self.show_admission(workspace, device),
            (Sent::Sync(workspace), Response::Refused(Refusal::Removed)) if self.is_member_here(&workspace) => {
                let code = "removed_elsewhere".to_owned();
                let message = "Another member says that you were removed from this workspace.".to_owned();
                self.tell(Event::Notice { code, message, workspace: Some(workspace.to_string()) });
            }
            // What it asked for comes as an op; what it was told of needs no answer.
            (Sent::Keys, Response::Receipt { .. }) | (Sent::Notes, _) => {}
            (_, Response::Unsupported { version }) => {
                tracing::warn!(version, ours = WIRE_VERSION, "a peer speaks another version");
            }
            (_, other) => tracing::debug!(?other, "a response of another kind than asked for"),
        }
    }

    /// A member gave what it thought was missing here, and says what it has.
    fn on_synced(&mut self, id: &WorkspaceId, device: DeviceId, ops: &[Arc<[u8]>], heads: &[OpId], more: bool) {
        let before = self.standing(id, &device);
        if let Some(asked) = self.peers.get_mut(&device).and_then(|p| p.asked.get_mut(id)) {
            (asked.answered, asked.more) = (true, more);
        }
        self.take_ops(id, ops);
        let ahead = self.note_heads(id, device, heads);
        self.tend_look(id, !more && !ahead);
        if (more || ahead) && !ops.is_empty() {
            self.sync_with(id, device);
        } else if !self.is_being_served(id, &device) {
            self.push_missing(id, device);
        }
        self.note_use(id, &device, before);
        self.after_first_sync(id);
    }

    /// How many ops are in the log, and how many wait for their past.
    pub(super) fn size(&self, id: &WorkspaceId) -> Option<(usize, usize)> {
        self.rooms.get(id).map(|room| (room.space.replica.len(), room.space.replica.waiting()))
    }

    fn is_member_here(&self, id: &WorkspaceId) -> bool {
        self.rooms.get(id).is_some_and(|room| room.row.state == WorkspaceState::Member)
    }
}
