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

/// Time between exchanges with a peer in step.
const IDLE_SYNC_MS: u64 = 10_000;
/// Time between exchanges while one side lacks something.
const BUSY_SYNC_MS: u64 = 700;
/// Time between two looks at who lacks something; this for each peer, because that is what it costs by.
const LOOK_EVERY_MS: u64 = 100;
const LOOK_EVERY_PEER_MS: u64 = 20;

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
        if replica.behind(&device).is_none_or(|n| n == 0) || replica.role(&device) == Role::None {
            return;
        }
        let missing = replica.missing_at(&device, MAX_PUSH_BYTES);
        let ops = room.space.op_bytes(&self.store, &missing.ids);
        self.request(device, Sent::Push(*id), &Request::Push { workspace: *id, ops });
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
        self.request(device, Sent::Push(id), &Request::Push { workspace: id, ops });
    }

    pub(super) fn tick_network(&mut self, now: u64) {
        let mut due = Vec::new();
        for (id, room) in &mut self.rooms {
            due.extend(room.patience.take_due(now, &room.space.replica).into_iter().map(|device| (*id, device)));
        }
        if now >= self.look_due {
            self.look_due = now + LOOK_EVERY_MS.max(LOOK_EVERY_PEER_MS * self.peers.len() as u64);
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
