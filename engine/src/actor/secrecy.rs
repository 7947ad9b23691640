//! Who has the keys of a workspace: shared when members change, asked for when missing, made anew on request.
//!
//! A device that cannot open something asks the members that it is connected with, one after the other; who has the key
//! seals it to the asker once more. So a bad seal, or a share that was lost, is mended without anybody's help.
//! Deliberately absent: which key is sealed under (`protocol::replica`), and the ciphers.

use std::collections::{BTreeMap, BTreeSet};

use omniscope_protocol::identity::{DeviceId, KeyId, WorkspaceId};
use omniscope_protocol::judge::Role;
use omniscope_protocol::wire::{MAX_KEYS, Refusal, Request, Response};

use super::network::Sent;
use super::{Actor, Room};
use crate::api::ApiError;

/// Others than who changed who is a member wait so long before they share keys, and each another share of the span, so
/// that usually one of them is enough.
const KEYS_AFTER_MS: u64 = 300;
const KEYS_SPREAD_MS: u64 = 1500;
/// The first wait for a missing key; it doubles up to the last one.
const ASK_AFTER_MS: u64 = 2000;
const MAX_ASK_AFTER_MS: u64 = 60_000;
/// Keys that were sealed again to the devices of one person who asked, in one workspace since the start; beyond it they
/// are not answered. One key that everybody was given leads to all before it.
const MAX_GIVEN: usize = 256;

/// What is due in one workspace.
#[derive(Debug, Default)]
pub(super) struct Secrecy {
    /// When members who lack the key are given it, if nobody did before.
    share_due: Option<u64>,
    /// When a missing key is asked for.
    ask_due: Option<u64>,
    /// How often it was asked for.
    asked: u32,
    /// What was sealed again to whom, by person.
    given: BTreeMap<DeviceId, BTreeSet<(DeviceId, KeyId)>>,
}

impl Secrecy {
    pub(super) fn next_due(&self) -> Option<u64> {
        self.share_due.into_iter().chain(self.ask_due).min()
    }
}

impl Actor {
    /// After members or keys changed; `own` if by this device's own doing: then the keys follow at once.
    pub(super) fn tend_keys(&mut self, id: &WorkspaceId, own: bool) {
        let (now, me) = (self.now(), self.me);
        let Some(room) = self.rooms.get_mut(id) else { return };
        if room.space.replica.keys_in_order() || room.space.replica.role(&me) == Role::None {
            room.secrecy.share_due = None;
        } else if own {
            self.share_keys(id);
        } else {
            let turn = u64::from(u16::from_le_bytes([me.0[0], me.0[1]])) % KEYS_SPREAD_MS;
            room.secrecy.share_due.get_or_insert(now + KEYS_AFTER_MS + turn);
        }
        self.say_profile(id);
        self.show_presence_late(id);
        self.release_presence(id);
        if own {
            self.renew_deposits(id);
        }
    }

    fn share_keys(&mut self, id: &WorkspaceId) {
        if let Some(room) = self.rooms.get_mut(id) {
            room.secrecy.share_due = None;
        }
        // Who may not make a key leaves it to those who may.
        if let Err(error) = self.begin_epoch(id, false) {
            tracing::debug!(%error, "the workspace's key was not shared");
        }
    }

    /// Shares what is due; `afresh` makes a new key in any case.
    pub(super) fn begin_epoch(&mut self, id: &WorkspaceId, afresh: bool) -> Result<(), ApiError> {
        self.with(id, |space, store, key, effects| space.share_keys(afresh, store, key, effects))
    }

    pub(super) fn tick_secrecy(&mut self, now: u64) {
        for id in self.rooms.keys().copied().collect::<Vec<_>>() {
            let Some(room) = self.rooms.get_mut(&id) else { continue };
            let share = room.secrecy.share_due.is_some_and(|at| at <= now);
            if room.space.replica.shut_keys().is_empty() {
                (room.secrecy.ask_due, room.secrecy.asked) = (None, 0);
            } else {
                room.secrecy.ask_due.get_or_insert(now + ASK_AFTER_MS);
            }
            let ask = room.secrecy.ask_due.is_some_and(|at| at <= now);
            if share {
                self.share_keys(&id);
            }
            if ask {
                self.ask_for_keys(&id, now);
            }
        }
    }

    fn ask_for_keys(&mut self, id: &WorkspaceId, now: u64) {
        let Some(room) = self.rooms.get_mut(id) else { return };
        let Room { space, secrecy, .. } = room;
        let pause = ASK_AFTER_MS.checked_shl(secrecy.asked).unwrap_or(u64::MAX).min(MAX_ASK_AFTER_MS);
        secrecy.ask_due = Some(now + pause);
        let members = self.peers.keys().filter(|d| space.replica.role(d) > Role::None);
        let members: Vec<DeviceId> = members.copied().collect();
        let Some(turn) = (secrecy.asked as usize).checked_rem(members.len()) else { return };
        let keys = asked_for(space.replica.shut_keys(), secrecy.asked as usize / members.len());
        secrecy.asked = secrecy.asked.saturating_add(1);
        self.request(members[turn], Sent::Keys, &Request::Keys { workspace: *id, keys });
    }

    /// Seals keys to a member who says that it cannot open what is sealed under them: each of them once.
    pub(super) fn answer_keys(&mut self, id: WorkspaceId, device: DeviceId, keys: &[KeyId]) -> Response {
        if let Some(refusal) = self.refusal(&id, &device) {
            return Response::Refused(refusal);
        }
        let Some(room) = self.rooms.get_mut(&id) else { return Response::Refused(Refusal::UnknownWorkspace) };
        let Room { space, secrecy, .. } = room;
        let mut wanted: Vec<KeyId> = keys.iter().filter(|key| space.replica.has_key(key)).copied().collect();
        let given = secrecy.given.entry(space.replica.person_of(&device)).or_default();
        wanted.retain(|key| given.len() < MAX_GIVEN && given.insert((device, *key)));
        let shared = wanted.iter().try_for_each(|key| {
            self.with(&id, |space, store, own, effects| space.share_again(key, &device, store, own, effects))
        });
        if let Err(error) = shared {
            tracing::debug!(%error, "a key was not sealed again");
        }
        Response::Receipt { heads: self.rooms[&id].space.replica.committed_heads() }
    }
}

/// What is asked for after all members were asked `rounds` times: in turn, for ops may name keys that nobody has.
fn asked_for(shut: &BTreeSet<KeyId>, rounds: usize) -> Vec<KeyId> {
    let from = rounds.wrapping_mul(MAX_KEYS).checked_rem(shut.len()).unwrap_or(0);
    shut.iter().cycle().skip(from).take(MAX_KEYS.min(shut.len())).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_nobody_has_do_not_keep_others_from_being_asked_for() {
        let shut: BTreeSet<KeyId> = (0..200).map(|n| KeyId([n; 32])).collect();
        let rounds: Vec<Vec<KeyId>> = (0..4).map(|rounds| asked_for(&shut, rounds)).collect();
        assert!(rounds.iter().all(|keys| keys.len() == MAX_KEYS));
        assert_eq!(rounds.concat().into_iter().collect::<BTreeSet<_>>(), shut);
        assert_eq!(asked_for(&shut.into_iter().take(3).collect(), 7).len(), 3);
        assert_eq!(asked_for(&BTreeSet::new(), 7), []);
    }
}
