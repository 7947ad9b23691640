//! How long what is missing may be on its way before it is asked for.
//!
//! Where many work at once, ops overtake one another, heads are named before they have come, and nobody has acknowledged
//! what was said just now. Asking at once would cost an exchange with everybody for each of these, many times a second,
//! and bring what comes by itself. So a doubt about a peer gets a moment to settle, and a peer counts as behind only if
//! it is not known to hold what stood in the log so long ago that it would have told by now.
//!
//! Deliberately absent: the exchange itself (`network`), and what peers hold (`protocol::replica`).

use std::collections::BTreeMap;

use omniscope_protocol::identity::{DeviceId, OpId};
use omniscope_protocol::replica::Replica;

/// Peers that are asked at one time: most of what others are doubted for comes with it.
const MAX_ASKED: usize = 2;
/// What is missing for so long was not only waiting to be read.
const STANDS_MS: u64 = 3000;
/// A peer's heads may come this much later than it announces them, commit included.
const TOLD_AFTER_MS: u64 = 250;

/// Something that a peer holds and that is not known here.
#[derive(Debug)]
struct Doubt {
    since: u64,
    due: u64,
    /// How many ops had ever waited for their past by then.
    waited: u64,
}

/// The log at one moment.
#[derive(Debug, Default)]
struct Mark {
    heads: Vec<OpId>,
    /// How many ops had ever waited for their past.
    waited: u64,
}

/// What is in doubt in one workspace, and how its log stood a while ago. At most one doubt a connected device.
#[derive(Debug, Default)]
pub(super) struct Patience {
    doubts: BTreeMap<DeviceId, Doubt>,
    aged: Mark,
    young: Mark,
    turned: u64,
}

impl Patience {
    /// A device named heads that are not known here, or an op that builds on such: by now, in milliseconds. They may be on
    /// their way for a `pause`.
    pub(super) fn doubt(&mut self, device: DeviceId, now: u64, pause: u64, replica: &Replica) {
        let waited = replica.ever_waited();
        self.doubts.entry(device).or_insert(Doubt { since: now, due: now + pause, waited });
    }

    /// When the next doubt is to be looked at.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.doubts.values().map(|doubt| doubt.due).min()
    }

    /// Takes the doubts that are due by `now`; those about whom they still stand. Of many the oldest, the others after `pause`;
    /// while this device is `behind`, only those that have stood for long.
    pub(super) fn take_due(&mut self, now: u64, pause: u64, behind: bool, replica: &Replica) -> Vec<DeviceId> {
        let due = self.doubts.extract_if(.., |_, doubt| doubt.due <= now);
        let stands =
            |(device, doubt): &(DeviceId, Doubt)| replica.is_ahead(device) || replica.waits_since(doubt.waited);
        let mut standing: Vec<(DeviceId, Doubt)> = due.filter(stands).collect();
        standing.sort_by_key(|(device, doubt)| (doubt.since, *device));
        let ripe =
            standing.iter().take(MAX_ASKED).filter(|(_, doubt)| !behind || doubt.since + STANDS_MS <= now).count();
        let later = standing.split_off(ripe).into_iter();
        self.doubts.extend(later.map(|(device, doubt)| (device, Doubt { due: now + pause, ..doubt })));
        standing.into_iter().map(|(device, _)| device).collect()
    }

    /// Lets time pass. Peers announce their heads within `heads_after` of a commit.
    pub(super) fn turn(&mut self, now: u64, heads_after: u64, replica: &Replica) {
        if now >= self.turned + heads_after + TOLD_AFTER_MS {
            let mark = Mark { heads: replica.heads(), waited: replica.ever_waited() };
            self.aged = std::mem::replace(&mut self.young, mark);
            self.turned = now;
        }
    }

    /// Whether an exchange with a device would bring one side something, as far as known.
    pub(super) fn is_uneven(&self, device: &DeviceId, replica: &Replica) -> bool {
        replica.is_ahead(device) || replica.waits_since(self.aged.waited) || replica.lacks_any(device, &self.aged.heads)
    }
}

#[cfg(test)]
mod tests {
    use omniscope_protocol::identity::DeviceKey;

    use super::*;

    const PEER: DeviceId = DeviceId([9; 32]);

    #[test]
    fn a_peer_counts_as_behind_only_on_what_it_would_have_told_by_now() {
        let replica = Replica::found(&DeviceKey::from_seed(&[1; 32]), [0; 16], 0, &mut Vec::new());
        let mut patience = Patience::default();
        for now in (1000..2000).step_by(10) {
            patience.turn(now, 120, &replica);
            let uneven = patience.is_uneven(&PEER, &replica);
            if now < 1000 + 120 + TOLD_AFTER_MS {
                assert!(!uneven, "at {now} it may not have told yet");
            }
            if now >= 1000 + 2 * (120 + TOLD_AFTER_MS) {
                assert!(uneven, "at {now} it should have told");
            }
        }
    }

    #[test]
    fn a_doubt_that_settles_by_itself_asks_nobody() {
        let mut replica = Replica::found(&DeviceKey::from_seed(&[1; 32]), [0; 16], 0, &mut Vec::new());
        let (mut patience, other) = (Patience::default(), DeviceId([8; 32]));
        replica.note_heads(PEER, &[OpId([7; 32])]);
        replica.note_heads(other, &replica.heads());
        patience.doubt(PEER, 50, 100, &replica);
        patience.doubt(other, 50, 100, &replica);
        assert_eq!(patience.next_due(), Some(150));
        assert_eq!(patience.take_due(50, 100, false, &replica), []);
        assert_eq!(patience.take_due(150, 100, false, &replica), [PEER]);
        assert_eq!(patience.next_due(), None);
    }

    #[test]
    fn of_many_in_doubt_few_are_asked_at_a_time_the_oldest_first() {
        let mut replica = Replica::found(&DeviceKey::from_seed(&[1; 32]), [0; 16], 0, &mut Vec::new());
        let (mut patience, devices) = (Patience::default(), (0..10).rev().map(|n| DeviceId([n; 32])));
        for (since, device) in devices.clone().enumerate() {
            replica.note_heads(device, &[OpId([7; 32])]);
            patience.doubt(device, since as u64, 100, &replica);
        }
        let mut asked = Vec::new();
        for turn in 1..=5 {
            let now = STANDS_MS / 5 * turn;
            asked.extend(patience.take_due(now, STANDS_MS / 5, false, &replica));
            assert_eq!(asked.len(), MAX_ASKED * turn as usize);
            assert_eq!(patience.take_due(now + STANDS_MS / 5 - 1, STANDS_MS / 5, false, &replica), []);
        }
        assert!(asked.into_iter().eq(devices), "and all of them in the end");
        patience.doubt(PEER, 0, 100, &replica);
        replica.note_heads(PEER, &[OpId([7; 32])]);
        assert_eq!(patience.take_due(STANDS_MS - 100, 100, true, &replica), [], "who is behind reads first");
        assert_eq!(patience.take_due(STANDS_MS, 100, true, &replica), [PEER], "but not for ever");
    }
}
