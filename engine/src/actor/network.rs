//! What peers send, and the exchange of heads with each of them.
//!
//! Gossip is a hint. The truth is the exchange: on connect, on a gap, when a peer named heads that are not known here,
//! and on a timer that is short while something is missing on either side.

use std::collections::BTreeMap;
use std::sync::Arc;

use libp2p::Multiaddr;
use omniscope_protocol::identity::{DeviceId, OpId, WorkspaceId};
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::Op;
use omniscope_protocol::wire::{
    Gossip, MAX_PUSH_BYTES, MAX_SHOWN, Note, NoteContent, Refusal, Request, Response, WIRE_VERSION,
};

use super::Actor;
use super::mail::Step;
use crate::event::Event;
use crate::net::{NetCommand, NetEvent, Path, ResponseToken, Topic, Verdict};
use crate::store::WorkspaceState;
use crate::workspace::Taken;

/// Time between exchanges with a peer in step.
const IDLE_SYNC_MS: u64 = 10_000;
/// Time between exchanges while one side lacks something.
const BUSY_SYNC_MS: u64 = 700;
/// Requests under way, all peers together. The network ends each within 15 s, so a full table empties by itself.
const MAX_ASKED: usize = 512;
/// Time between two looks at who lacks something: this costs by peers.
const LOOK_EVERY_MS: u64 = 100;
/// Answers that wait for a commit.
const MAX_OWED: usize = 256;

/// A connected device.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) path: Path,
    pub(super) rtt_ms: Option<f64>,
    /// Where it says that it listens.
    pub(super) addrs: Vec<Multiaddr>,
    /// Since when it is connected.
    since: u64,
    /// When each shared workspace was last asked about.
    asked: BTreeMap<WorkspaceId, Asked>,
    pub(super) heard_ms: i64,
}

/// What an exchange can change: the ops here, those that wait, and those that the other lacks.
type Standing = (usize, usize, Option<usize>);

#[derive(Debug, Clone, Copy, Default)]
struct Asked {
    at: u64,
    under_way: bool,
    /// Exchanges since one last changed anything, and how things stood after it.
    vain: u32,
    left: Option<Standing>,
    /// Whether it has told its heads since it is connected: what is remembered of it is of before.
    answered: bool,
    /// Whether it has asked since it is connected, and when it was last given ops for that.
    asks: bool,
    served: Option<u64>,
}

impl Asked {
    /// The pause before the next exchange while one side lacks something: short, but it grows while that brings nothing
    /// new, because what is missing may not exist.
    fn pause_ms(self) -> u64 {
        (BUSY_SYNC_MS << self.vain.min(8)).min(IDLE_SYNC_MS)
    }
}

/// Requests of this device, and answers that it owes.
#[derive(Debug, Default)]
pub(super) struct Requests {
    next: u64,
    sent: BTreeMap<u64, Sent>,
    owed: Vec<(WorkspaceId, Owed, ResponseToken)>,
}

/// An answer that promises something, and so waits for a commit.
#[derive(Debug, Clone, Copy)]
enum Owed {
    /// What was pushed is held here.
    Receipt,
    /// The asking device was let in. Said before the commit, a crash could let a link for one in twice.
    Admission,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Sent {
    Sync(WorkspaceId),
    Push(WorkspaceId),
    Fetch(WorkspaceId),
    /// By this invite: an answer to a link that was given up says nothing about the next one.
    Join(OpId),
    Device(WorkspaceId),
    Keys,
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
                self.command(NetCommand::Judge { message: id, verdict });
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

    fn on_connected(&mut self, device: DeviceId, path: Path) {
        let heard_ms = super::unix_ms();
        let (addrs, asked, since) = (Vec::new(), BTreeMap::new(), self.now());
        self.peers.insert(device, Peer { path, rtt_ms: None, addrs, since, asked, heard_ms });
        self.tell_path(device, Some(path), None);
        for id in self.rooms.keys().copied().collect::<Vec<_>>() {
            self.sync_with(&id, device);
            self.show_presence(&id);
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
            room.near.remove(device);
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
        self.show_presence(&id);
        self.near_changed(&id);
    }

    // ---- gossip

    fn on_gossip(&mut self, of: Topic, source: DeviceId, bytes: &[u8]) -> Verdict {
        let Some(id) = self.room_of(of) else { return Verdict::Ignore };
        let Ok(message) = Gossip::decode(bytes) else { return Verdict::Reject };
        match message {
            Gossip::Ops(ops) => {
                let (verdict, gap) = self.take_ops(&id, &ops);
                if gap {
                    self.doubt(&id, source);
                }
                let author = ops.first().and_then(|op| Op::claimed_author(op));
                if author == Some(source) { self.handed_on(&id, source, verdict) } else { verdict }
            }
            Gossip::Announce(ids) => {
                let Ok(room) = self.room(&id) else { return Verdict::Ignore };
                let unknown: Vec<OpId> = ids.into_iter().filter(|i| !room.space.replica.knows(i)).collect();
                if !unknown.is_empty() {
                    self.request(source, Sent::Fetch(id), &Request::Fetch { workspace: id, ids: unknown });
                }
                Verdict::Accept
            }
            Gossip::Note(note) => {
                let author = note.device;
                let verdict = self.on_note(&id, note);
                if author == source { self.handed_on(&id, source, verdict) } else { verdict }
            }
        }
    }

    /// What was heard from its author is not handed on when everybody else here hears that author too.
    fn handed_on(&self, id: &WorkspaceId, author: DeviceId, verdict: Verdict) -> Verdict {
        let Some(room) = self.rooms.get(id) else { return verdict };
        let hears = |device: &DeviceId| {
            *device == author
                || room.near.get(device).is_some_and(|near| near.contains(&author))
                || room.space.replica.role(device) == Role::None
        };
        if verdict == Verdict::Accept && self.peers.keys().all(hears) { Verdict::Ignore } else { verdict }
    }

    fn room_of(&self, topic: Topic) -> Option<WorkspaceId> {
        self.rooms.iter().find(|(_, room)| room.topic == topic).map(|(id, _)| *id)
    }

    fn on_note(&mut self, id: &WorkspaceId, note: Note) -> Verdict {
        let Ok(room) = self.room(id) else { return Verdict::Ignore };
        let outsider = room.space.replica.role(&note.device) == Role::None;
        if !note.is_genuine(id) {
            return Verdict::Reject;
        }
        if outsider {
            if let NoteContent::Presence(body) = note.content {
                self.hold_presence(id, note.device, body);
            }
            return Verdict::Ignore;
        }
        self.heard(&note.device);
        match note.content {
            NoteContent::Presence(body) => self.on_presence(id, note.device, body),
            NoteContent::Near(devices) => {
                if self.peers.contains_key(&note.device)
                    && let Ok(room) = self.room(id)
                {
                    room.near.insert(note.device, devices.into_iter().collect());
                }
                // Only neighbours can spare anything by it.
                Verdict::Ignore
            }
            NoteContent::Heads(heads) => {
                if self.note_heads(id, note.device, &heads) {
                    self.doubt(id, note.device);
                }
                Verdict::Accept
            }
        }
    }

    /// Takes in foreign ops: the verdict about who sent them, and whether something is missing in between.
    pub(super) fn take_ops(&mut self, id: &WorkspaceId, ops: &[Arc<[u8]>]) -> (Verdict, bool) {
        let taken = self.with(id, |space, store, _, effects| Ok(space.take_in(ops, store, effects)));
        self.tend_look(id, false);
        let Ok(Taken { fault, unread, gap }) = taken else { return (Verdict::Ignore, false) };
        let verdict = match (fault, unread) {
            (true, _) => Verdict::Reject,
            (false, true) => Verdict::Ignore,
            (false, false) => Verdict::Accept,
        };
        (verdict, gap)
    }

    fn note_heads(&mut self, id: &WorkspaceId, device: DeviceId, heads: &[OpId]) -> bool {
        let Ok(room) = self.room(id) else { return false };
        let before = (room.space.replica.common(&device), room.space.replica.is_ahead(&device));
        let ahead = room.space.replica.note_heads(device, heads);
        if before != (room.space.replica.common(&device), ahead) {
            room.heard_heads.insert(device);
            self.sync_state_changed(id);
        }
        ahead
    }

    pub(super) fn heard(&mut self, device: &DeviceId) {
        if let Some(peer) = self.peers.get_mut(device) {
            peer.heard_ms = super::unix_ms();
        }
    }

    // ---- the exchange of heads

    /// Asks a device soon, if what it told of has not come by then.
    fn doubt(&mut self, id: &WorkspaceId, device: DeviceId) {
        let now = self.now();
        if let Some(room) = self.rooms.get_mut(id)
            && self.peers.contains_key(&device)
        {
            room.patience.doubt(device, now, &room.space.replica);
        }
    }

    /// Asks a connected member about a workspace, unless an exchange with it is under way.
    pub(super) fn sync_with(&mut self, id: &WorkspaceId, device: DeviceId) {
        let Some(room) = self.rooms.get(id) else { return };
        let replica = &room.space.replica;
        if replica.is_empty() || replica.role(&device) > Role::None || replica.was_member(&device) {
            self.exchange_with(id, device);
        }
    }

    /// As `sync_with`, also with a device that is no member as far as this log tells: it may tell too little.
    fn exchange_with(&mut self, id: &WorkspaceId, device: DeviceId) {
        if self.awaits_state(id) {
            return;
        }
        // Whoever hears these heads takes them for all there is: what is still gathered is signed first.
        self.flush(id, u64::MAX);
        let now = self.now();
        let Some(room) = self.rooms.get(id) else { return };
        let replica = &room.space.replica;
        let Some(peer) = self.peers.get_mut(&device) else { return };
        if peer.asked.get(id).is_some_and(|a| a.under_way) {
            return;
        }
        let request = Request::Sync { workspace: *id, heads: replica.heads(), have: replica.have_for(&device) };
        let asked = peer.asked.entry(*id).or_default();
        (asked.at, asked.under_way) = (now, false);
        let under_way = self.request(device, Sent::Sync(*id), &request);
        if let Some(asked) = self.peers.get_mut(&device).and_then(|p| p.asked.get_mut(id)) {
            asked.under_way = under_way;
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
                let before = self.standing(&workspace, &device);
                if let Some(asked) = self.peers.get_mut(&device).and_then(|p| p.asked.get_mut(&workspace)) {
                    asked.answered = true;
                }
                self.take_ops(&workspace, &ops);
                let ahead = self.note_heads(&workspace, device, &heads);
                self.tend_look(&workspace, !more && !ahead);
                if (more || ahead) && !ops.is_empty() {
                    self.sync_with(&workspace, device);
                } else if !self.is_being_served(&workspace, &device) {
                    self.push_missing(&workspace, device);
                }
                self.note_use(&workspace, &device, before);
                self.after_first_sync(&workspace);
            }
            (Sent::Push(workspace), Response::Receipt { heads }) => {
                let lacked = self.behind(&workspace, &device);
                if self.recoveries.contains_key(&workspace) {
                    self.sync_with(&workspace, device);
                }
                self.note_heads(&workspace, device, &heads);
                // A peer that took nothing, as an older version may, is not sent the same again at once.
                if self.behind(&workspace, &device) < lacked {
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
            (Sent::Device(workspace), Response::Admitted { .. }) => self.on_device_added(workspace, device),
            (Sent::Device(workspace), Response::Refused(refusal)) => self.on_device_refused(workspace, device, refusal),
            (Sent::Sync(workspace), Response::Refused(Refusal::NotMember)) => self.show_admission(workspace, device),
            (Sent::Sync(workspace), Response::Refused(Refusal::Removed)) if self.is_member_here(&workspace) => {
                let code = "removed_elsewhere".to_owned();
                let message = "Another member says that you were removed from this workspace.".to_owned();
                self.tell(Event::Notice { code, message, workspace: Some(workspace.to_string()) });
            }
            // What it asked for comes as an op.
            (Sent::Keys, Response::Receipt { .. }) => {}
            (_, Response::Unsupported { version }) => {
                tracing::warn!(version, ours = WIRE_VERSION, "a peer speaks another version");
            }
            (_, other) => tracing::debug!(?other, "a response of another kind than asked for"),
        }
    }

    /// How many ops are in the log, and how many wait for their past.
    pub(super) fn size(&self, id: &WorkspaceId) -> Option<(usize, usize)> {
        self.rooms.get(id).map(|room| (room.space.replica.len(), room.space.replica.waiting()))
    }

    fn is_member_here(&self, id: &WorkspaceId) -> bool {
        self.rooms.get(id).is_some_and(|room| room.row.state == WorkspaceState::Member)
    }

    fn standing(&self, id: &WorkspaceId, device: &DeviceId) -> Option<Standing> {
        let replica = &self.rooms.get(id)?.space.replica;
        Some((replica.len(), replica.waiting(), replica.behind(device)))
    }

    /// Notes whether an exchange was of any use.
    fn note_use(&mut self, id: &WorkspaceId, device: &DeviceId, before: Option<Standing>) {
        let after = self.standing(id, device);
        if let Some(asked) = self.peers.get_mut(device).and_then(|peer| peer.asked.get_mut(id)) {
            asked.vain = if before == after { asked.vain.saturating_add(1) } else { 0 };
            asked.left = after;
        }
    }

    fn behind(&self, id: &WorkspaceId, device: &DeviceId) -> Option<usize> {
        self.rooms.get(id)?.space.replica.behind(device)
    }

    /// Whether a peer gets what it lacks for the asking: it was given that just now, or has yet to ask, as all do when
    /// they are connected.
    fn is_being_served(&self, id: &WorkspaceId, device: &DeviceId) -> bool {
        let Some(peer) = self.peers.get(device) else { return false };
        let asked = peer.asked.get(id).copied().unwrap_or_default();
        let since = if asked.asks { asked.served } else { Some(peer.since) };
        since.is_some_and(|at| self.now() < at + BUSY_SYNC_MS)
    }

    /// Sends what a peer lacks, as far as known.
    fn push_missing(&mut self, id: &WorkspaceId, device: DeviceId) {
        let Some(room) = self.rooms.get(id) else { return };
        let replica = &room.space.replica;
        if replica.behind(&device).is_none_or(|n| n == 0) || replica.role(&device) == Role::None {
            return;
        }
        let missing = replica.missing_at(&device, MAX_PUSH_BYTES);
        let ops = room.space.op_bytes(&self.store, &missing.ids);
        self.request(device, Sent::Push(*id), &Request::Push { workspace: *id, ops });
    }

    /// A peer that has not heard of this device's admission yet is shown it.
    fn show_admission(&mut self, id: WorkspaceId, device: DeviceId) {
        let me = self.me;
        let Some(room) = self.rooms.get(&id) else { return };
        let Some(grant) = room.space.replica.members().into_iter().find(|m| m.author == me.0) else { return };
        let replica = &room.space.replica;
        // A later device of a person is let in by the op that added it.
        let add = replica.standing_add(&DeviceId(grant.person), &me).flatten();
        let grant = add.unwrap_or_else(|| OpId(*replica.judge().id(grant.grant)));
        let ops = room.space.op_bytes(&self.store, &[grant]);
        self.request(device, Sent::Push(id), &Request::Push { workspace: id, ops });
    }

    // ---- answering

    fn on_request(&mut self, device: DeviceId, token: ResponseToken, body: &[u8]) {
        self.heard(&device);
        let request = match Request::decode(body) {
            Ok(request) => request,
            Err(_) if body.first().is_some_and(|v| *v > WIRE_VERSION) => {
                return self.respond(token, &Response::Unsupported { version: WIRE_VERSION });
            }
            Err(_) => return self.respond(token, &Response::Refused(Refusal::Malformed)),
        };
        match request {
            Request::News { workspace, heads, ops } if self.mail.is_met(&device) => {
                let response = self.answer_news(workspace, device, &heads, &ops);
                self.respond(token, &response);
            }
            // A relay reads what it is given, and asks for nothing.
            _ if self.mail.is_met(&device) => self.respond(token, &Response::Refused(Refusal::NotMember)),
            Request::Sync { workspace, heads, have } => {
                let response = self.answer_sync(workspace, device, &heads, &have);
                self.respond(token, &response);
            }
            Request::Fetch { workspace, ids } => {
                let response = match self.refusal(&workspace, &device) {
                    Some(refusal) => Response::Refused(refusal),
                    None => {
                        let space = &self.rooms[&workspace].space;
                        Response::Ops(space.op_bytes(&self.store, &space.replica.in_one_answer(&ids)))
                    }
                };
                self.respond(token, &response);
            }
            Request::Keys { workspace, keys } => {
                let response = self.answer_keys(workspace, device, &keys);
                self.respond(token, &response);
            }
            Request::State { workspace, by, from } => {
                let response = self.answer_state(workspace, device, by, from);
                self.respond(token, &response);
            }
            // Whoever is a member has no need of it; only a relay keeps keys for links, and tells news.
            Request::Deposit { .. }
            | Request::Register { .. }
            | Request::Lookup { .. }
            | Request::Asked { .. }
            | Request::News { .. } => self.respond(token, &Response::Refused(Refusal::NotAttester)),
            Request::Push { workspace, ops } => self.answer_push(workspace, device, &ops, token),
            Request::Device { workspace, key, redemption } => {
                match self.answer_device(workspace, device, &key, &redemption) {
                    Response::Admitted { .. } => self.owe(workspace, Owed::Admission, token),
                    other => self.respond(token, &other),
                }
            }
            Request::Join { workspace, invite, redemption, name } => {
                match self.answer_join(workspace, device, &invite, &redemption, name.as_deref()) {
                    Response::Admitted { .. } => self.owe(workspace, Owed::Admission, token),
                    other => self.respond(token, &other),
                }
            }
        }
    }

    fn respond(&self, token: ResponseToken, response: &Response) {
        self.command(NetCommand::Respond { token, body: response.encode() });
    }

    /// Why a device is not served: only members read.
    pub(super) fn refusal(&self, id: &WorkspaceId, device: &DeviceId) -> Option<Refusal> {
        let Some(room) = self.rooms.get(id) else { return Some(Refusal::UnknownWorkspace) };
        let replica = &room.space.replica;
        match replica.role(device) {
            Role::None if replica.was_member(device) => Some(Refusal::Removed),
            Role::None => Some(Refusal::NotMember),
            _ => None,
        }
    }

    /// Who is no member any more is shown why, and nothing else.
    fn removal_of(&self, id: &WorkspaceId, device: &DeviceId) -> Option<Response> {
        let space = &self.rooms.get(id)?.space;
        let by = space.op_bytes(&self.store, &[space.replica.ended_by(device)?]).pop()?;
        Some(Response::Removed { by })
    }

    fn answer_sync(&mut self, id: WorkspaceId, device: DeviceId, heads: &[OpId], have: &[OpId]) -> Response {
        self.flush(&id, u64::MAX);
        if let Some(refusal) = self.refusal(&id, &device) {
            return self.removal_of(&id, &device).unwrap_or(Response::Refused(refusal));
        }
        // What it names it holds, but has not necessarily committed: no receipt is read into this.
        let ahead = heads.iter().any(|h| !self.rooms[&id].space.replica.knows(h));
        let space = &self.rooms[&id].space;
        let missing = space.replica.missing(heads, have);
        let ops = space.op_bytes(&self.store, &missing.ids);
        let gives = (!ops.is_empty()).then(|| self.now());
        let response = Response::Sync { ops, heads: space.replica.committed_heads(), more: missing.more };
        if let Some(peer) = self.peers.get_mut(&device) {
            let asked = peer.asked.entry(id).or_default();
            (asked.asks, asked.served) = (true, gives.or(asked.served));
        }
        if ahead {
            self.doubt(&id, device);
        }
        response
    }

    /// Ops from members, and from others their admission; the receipt waits for the commit.
    fn answer_push(&mut self, id: WorkspaceId, device: DeviceId, ops: &[Arc<[u8]>], token: ResponseToken) {
        match self.refusal(&id, &device) {
            Some(Refusal::NotMember | Refusal::Removed) if (1..=MAX_SHOWN).contains(&ops.len()) => {}
            Some(refusal) => return self.respond(token, &Response::Refused(refusal)),
            None => {}
        }
        if self.take_ops(&id, ops).1 {
            // Whoever pushes what builds on more than is known here has the rest: a restored copy of this log may have
            // lost even that its sender is a member.
            self.exchange_with(&id, device);
        }
        // What was shown must have made a member of whoever shows it; a receipt tells the heads.
        match self.refusal(&id, &device) {
            Some(refusal) => self.respond(token, &Response::Refused(refusal)),
            None => self.owe(id, Owed::Receipt, token),
        }
    }

    /// Promises somebody what holds once everything in the log is committed: at once, if it is.
    fn owe(&mut self, id: WorkspaceId, owed: Owed, token: ResponseToken) {
        if self.requests.owed.len() >= MAX_OWED {
            return self.respond(token, &Response::Refused(Refusal::Busy));
        }
        self.requests.owed.push((id, owed, token));
        self.commit_gathered(&id);
        self.answer_owed(&id);
    }

    /// After a commit: the answers that waited for it.
    pub(super) fn answer_owed(&mut self, id: &WorkspaceId) {
        let Some(room) = self.rooms.get(id) else { return };
        if !room.space.replica.all_committed() {
            return;
        }
        let heads = room.space.replica.committed_heads();
        let (due, waiting): (Vec<_>, Vec<_>) = self.requests.owed.drain(..).partition(|(w, _, _)| w == id);
        self.requests.owed = waiting;
        for (_, owed, token) in due {
            let response = match owed {
                Owed::Receipt => Response::Receipt { heads: heads.clone() },
                Owed::Admission => Response::Admitted { deposit: None },
            };
            self.respond(token, &response);
        }
    }

    // ---- the timer

    pub(super) fn tick_network(&mut self, now: u64) {
        let mut due = Vec::new();
        for (id, room) in &mut self.rooms {
            due.extend(room.patience.take_due(now, &room.space.replica).into_iter().map(|device| (*id, device)));
        }
        if now >= self.look_due {
            self.look_due = now + LOOK_EVERY_MS;
            self.look_for_uneven(now, &mut due);
        }
        for (id, device) in due {
            self.sync_with(&id, device);
        }
    }

    fn look_for_uneven(&mut self, now: u64, due: &mut Vec<(WorkspaceId, DeviceId)>) {
        let heads_after = self.heads_after();
        for room in self.rooms.values_mut() {
            room.patience.turn(now, heads_after, &room.space.replica);
        }
        for (device, peer) in &self.peers {
            for (id, room) in &self.rooms {
                let asked = peer.asked.get(id).copied().unwrap_or_default();
                let since = now - asked.at;
                // Whether the two are even is worth finding out only once that matters.
                let uneven = || room.patience.is_uneven(device, &room.space.replica);
                let worth = || since >= asked.pause_ms() || self.standing(id, device) != asked.left;
                let ask = since >= IDLE_SYNC_MS || since >= BUSY_SYNC_MS && uneven() && worth();
                if ask && room.row.state != WorkspaceState::Closed {
                    due.push((*id, *device));
                }
            }
        }
    }

    /// Whether every connected member has told its heads since it is connected.
    pub(super) fn all_answered(&self, id: &WorkspaceId) -> bool {
        let Some(room) = self.rooms.get(id) else { return false };
        let mut members = self.peers.iter().filter(|(device, _)| room.space.replica.role(device) > Role::None);
        members.all(|(_, peer)| peer.asked.get(id).is_some_and(|asked| asked.answered))
    }

    /// Whether another member is connected.
    pub(super) fn has_company(&self, id: &WorkspaceId) -> bool {
        let Some(room) = self.rooms.get(id) else { return false };
        self.peers.keys().any(|d| room.space.replica.role(d) > Role::None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchanges_in_vain_become_as_rare_as_those_of_two_in_step() {
        let pauses: Vec<u64> = (0..40).map(|vain| Asked { vain, ..Asked::default() }.pause_ms()).collect();
        assert_eq!(pauses[0], BUSY_SYNC_MS, "what is missing is asked for quickly");
        assert!(pauses.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_eq!(pauses[4..], [IDLE_SYNC_MS; 36], "what does not exist is not asked for for ever");
    }
}
