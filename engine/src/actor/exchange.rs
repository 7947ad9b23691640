//! The exchange of heads with each peer: the truth, where gossip is a hint.
//!
//! It happens on connect, on a gap, when a peer named heads that are not known here, and on a timer that is short while something is
//! missing on either side. Deliberately absent: the other side of it (`answers`), and what two logs have in common (the replica's).

use omniscope_protocol::identity::{DeviceId, OpId, WorkspaceId};
use omniscope_protocol::judge::Role;
use omniscope_protocol::wire::{MAX_PUSH_BYTES, Request};

use super::Actor;
use super::network::Sent;
use crate::store::WorkspaceState;

/// Time between exchanges with a peer in step; this for each peer where they are many, for each of them has what others have.
const IDLE_SYNC_MS: u64 = 10_000;
const IDLE_SYNC_PEER_MS: u64 = 1000;
/// Time between exchanges while one side lacks something.
const BUSY_SYNC_MS: u64 = 700;
/// Time between two looks at who lacks something, and how long what is missing may be on its way; this for each peer, because
/// that is what both cost by.
const LOOK_EVERY_MS: u64 = 100;
const LOOK_EVERY_PEER_MS: u64 = 20;

/// Peers of one workspace that are asked at one look, those first that were asked longest ago: of many who lack something, or
/// have it, most are in step once one was asked. This bounds what exchanges cost, however many peers are behind.
const MAX_ASKED_A_LOOK: usize = 3;
/// Who deals with what was said only after this time is not missing what it has not read yet, and asks for little.
const BEHIND_MS: u64 = 20;
/// The pause between exchanges with a peer is then longer by so much.
const BEHIND_FACTOR: u64 = 3;
/// Who lacks more ops than this is not sent them unasked: it gets them from whom it asks, and from others too.
const MAX_PUSHED: usize = 64;

/// Peers that are asked at one time while the history comes in, since each gives all of it.
const MAX_SOURCES: usize = 2;
/// Who has not answered by then is no such source any more.
const SLOW_MS: u64 = 3000;

/// What an exchange can change: the ops here, those that wait, and those that the other lacks.
pub(super) type Standing = (usize, usize, Option<usize>);

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked {
    pub(super) at: u64,
    /// Whether it was asked at all since it is connected.
    pub(super) tried: bool,
    pub(super) under_way: bool,
    /// The last answer was not all that it had to give.
    pub(super) more: bool,
    /// Exchanges since one last changed anything, and how things stood after it.
    pub(super) vain: u32,
    pub(super) left: Option<Standing>,
    /// Whether it has told its heads since it is connected: what is remembered of it is of before.
    pub(super) answered: bool,
    /// Whether it has asked since it is connected, and when it was last given ops for that.
    pub(super) asks: bool,
    pub(super) served: Option<u64>,
}

impl Asked {
    /// The pause before the next exchange while one side lacks something: short, but it grows while that brings nothing
    /// new, because what is missing may not exist.
    fn pause_ms(self) -> u64 {
        (BUSY_SYNC_MS << self.vain.min(8)).min(IDLE_SYNC_MS)
    }
}

impl Actor {
    /// Asks a device soon, if what it told of has not come by then.
    pub(super) fn doubt(&mut self, id: &WorkspaceId, device: DeviceId) {
        let (now, pause) = (self.now(), self.look_pause());
        if let Some(room) = self.rooms.get_mut(id)
            && self.peers.contains_key(&device)
        {
            room.patience.doubt(device, now, pause, &room.space.replica);
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
    pub(super) fn exchange_with(&mut self, id: &WorkspaceId, device: DeviceId) {
        if self.awaits_state(id) {
            return;
        }
        // Whoever hears these heads takes them for all there is: what is still gathered is signed first.
        self.flush(id, u64::MAX);
        let now = self.now();
        let enough = self.has_sources(id);
        let Some(room) = self.rooms.get(id) else { return };
        let replica = &room.space.replica;
        let Some(peer) = self.peers.get_mut(&device) else { return };
        if peer.asked.get(id).is_some_and(|a| a.under_way) || enough {
            return;
        }
        let request = Request::Sync { workspace: *id, heads: replica.heads(), have: replica.have_for(&device) };
        let asked = peer.asked.entry(*id).or_default();
        (asked.at, asked.tried, asked.under_way) = (now, true, false);
        let under_way = self.request(device, Sent::Sync(*id), &request);
        if let Some(asked) = self.peers.get_mut(&device).and_then(|p| p.asked.get_mut(id)) {
            asked.under_way = under_way;
        }
    }

    /// Whether so many peers are giving this device the history that no other is to be asked for it.
    fn has_sources(&self, id: &WorkspaceId) -> bool {
        let recent = self.now().saturating_sub(SLOW_MS);
        let asked = self.peers.values().filter_map(|peer| peer.asked.get(id));
        let sources = || asked.clone().filter(|asked| asked.under_way && asked.vain == 0 && asked.at >= recent);
        let empty = self.rooms.get(id).is_some_and(|room| room.space.replica.is_empty());
        (empty || sources().any(|asked| asked.more)) && sources().count() >= MAX_SOURCES
    }

    /// Asks those who were not asked while the history came in.
    fn ask_the_rest(&mut self, id: &WorkspaceId) {
        let unasked = self.peers.iter().filter(|(_, peer)| !peer.asked.get(id).is_some_and(|asked| asked.tried));
        for device in unasked.map(|(device, _)| *device).collect::<Vec<_>>() {
            self.sync_with(id, device);
        }
    }

    /// An exchange has ended, one way or the other.
    pub(super) fn after_exchange(&mut self, id: &WorkspaceId, device: &DeviceId) {
        let goes_on = self.peers.get(device).and_then(|peer| peer.asked.get(id)).is_some_and(|asked| asked.under_way);
        if !goes_on {
            self.ask_the_rest(id);
        }
    }

    pub(super) fn standing(&self, id: &WorkspaceId, device: &DeviceId) -> Option<Standing> {
        let replica = &self.rooms.get(id)?.space.replica;
        Some((replica.len(), replica.waiting(), replica.behind(device)))
    }

    /// Notes whether an exchange was of any use.
    pub(super) fn note_use(&mut self, id: &WorkspaceId, device: &DeviceId, before: Option<Standing>) {
        let after = self.standing(id, device);
        if let Some(asked) = self.peers.get_mut(device).and_then(|peer| peer.asked.get_mut(id)) {
            asked.vain = if before == after { asked.vain.saturating_add(1) } else { 0 };
            asked.left = after;
        }
    }

    pub(super) fn behind(&self, id: &WorkspaceId, device: &DeviceId) -> Option<usize> {
        self.rooms.get(id)?.space.replica.behind(device)
    }

    /// Whether a peer gets what it lacks for the asking: it was given that just now, or has yet to ask, as all do when
    /// they are connected.
    pub(super) fn is_being_served(&self, id: &WorkspaceId, device: &DeviceId) -> bool {
        let Some(peer) = self.peers.get(device) else { return false };
        let asked = peer.asked.get(id).copied().unwrap_or_default();
        let since = if asked.asks { asked.served } else { Some(peer.since) };
        since.is_some_and(|at| self.now() < at + BUSY_SYNC_MS)
    }

    /// Sends what a peer lacks, as far as known.
    pub(super) fn push_missing(&mut self, id: &WorkspaceId, device: DeviceId) {
        let Some(room) = self.rooms.get(id) else { return };
        let replica = &room.space.replica;
        let little = replica.behind(&device).is_some_and(|lacks| (1..=MAX_PUSHED).contains(&lacks));
        if !little || replica.role(&device) == Role::None {
            return;
        }
        let missing = replica.missing_at(&device, MAX_PUSH_BYTES);
        let ops = room.space.op_bytes(&self.store, &missing.ids);
        self.request(device, Sent::Push(*id, missing.more), &Request::Push { workspace: *id, ops });
    }

    /// A peer that has not heard of this device's admission yet is shown it.
    pub(super) fn show_admission(&mut self, id: WorkspaceId, device: DeviceId) {
        let me = self.me;
        let Some(room) = self.rooms.get(&id) else { return };
        let Some(grant) = room.space.replica.members().into_iter().find(|m| m.author == me.0) else { return };
        let replica = &room.space.replica;
        // A later device of a person is let in by the op that added it.
        let add = replica.standing_add(&DeviceId(grant.person), &me).flatten();
        let grant = add.unwrap_or_else(|| OpId(*replica.judge().id(grant.grant)));
        let ops = room.space.op_bytes(&self.store, &[grant]);
        self.request(device, Sent::Push(id, false), &Request::Push { workspace: id, ops });
    }

    pub(super) fn tick_network(&mut self, now: u64) {
        let mut due = Vec::new();
        let pause = self.look_pause();
        let behind = self.is_behind();
        for (id, room) in &mut self.rooms {
            let doubted = room.patience.take_due(now, pause, behind, &room.space.replica);
            due.extend(doubted.into_iter().map(|device| (*id, device)));
        }
        if now >= self.look_due {
            self.look_due = now + pause;
            self.tell_ignored();
            self.look_for_uneven(now, &mut due);
            let empty = self.rooms.iter().filter(|(_, room)| room.space.replica.is_empty());
            for id in empty.map(|(id, _)| *id).collect::<Vec<_>>() {
                self.ask_the_rest(&id);
            }
        }
        for (id, device) in due {
            self.sync_with(&id, device);
        }
    }

    fn look_for_uneven(&mut self, now: u64, due: &mut Vec<(WorkspaceId, DeviceId)>) {
        let behind = self.is_behind();
        let idle = IDLE_SYNC_MS.max(IDLE_SYNC_PEER_MS * self.peers.len() as u64);
        let idle = if behind { BEHIND_FACTOR * idle } else { idle };
        let heads_after = self.heads_after();
        for room in self.rooms.values_mut() {
            room.patience.turn(now, heads_after, &room.space.replica);
        }
        for (id, room) in self.rooms.iter().filter(|(_, room)| room.row.state != WorkspaceState::Closed) {
            let mut asks: Vec<(u64, DeviceId)> = Vec::new();
            for (device, peer) in &self.peers {
                let asked = peer.asked.get(id).copied().unwrap_or_default();
                let since = now - asked.at;
                // Whether the two are even is worth finding out only once that matters.
                let uneven = || room.patience.is_uneven(device, &room.space.replica);
                let worth = || since >= asked.pause_ms() || self.standing(id, device) != asked.left;
                let ask = since >= idle || !behind && since >= BUSY_SYNC_MS && uneven() && worth();
                if ask {
                    asks.push((asked.at, *device));
                }
            }
            asks.sort_unstable();
            asks.truncate(if behind { 1 } else { MAX_ASKED_A_LOOK });
            due.extend(asks.into_iter().map(|(_, device)| (*id, device)));
        }
    }

    fn look_pause(&self) -> u64 {
        LOOK_EVERY_MS.max(LOOK_EVERY_PEER_MS * self.peers.len() as u64)
    }

    fn is_behind(&self) -> bool {
        self.lag.ms() >= BEHIND_MS
    }

    /// Whether every connected member has told its heads since it is connected.
    pub(super) fn all_answered(&self, id: &WorkspaceId) -> bool {
        let Some(room) = self.rooms.get(id) else { return false };
        let mut members = self.peers.iter().filter(|(device, _)| room.space.replica.role(device) > Role::None);
        members.all(|(_, peer)| peer.asked.get(id).is_some_and(|asked| asked.answered))
    }

    /// How long edits gather for one op that follow one within that time; none while no other member is connected.
    pub(super) fn pause_ms(&self, id: &WorkspaceId) -> Option<u64> {
        let replica = &self.rooms.get(id)?.space.replica;
        let company = self.peers.keys().any(|device| replica.role(device) > Role::None);
        company.then(|| self.lag.pause_ms())
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
