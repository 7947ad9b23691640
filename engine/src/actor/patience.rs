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

/// An op may come this much later than what tells of it.
const ON_ITS_WAY_MS: u64 = 100;
/// A peer's heads may come this much later than it announces them, commit included.
const TOLD_AFTER_MS: u64 = 250;

/// Something that a peer holds and that is not known here.
#[derive(Debug)]
struct Doubt {
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
    /// A device named heads that are not known here, or an op that builds on such: by now, in milliseconds.
    pub(super) fn doubt(&mut self, device: DeviceId, now: u64, replica: &Replica) {
        let waited = replica.ever_waited();
        self.doubts.entry(device).or_insert(Doubt { due: now + ON_ITS_WAY_MS, waited });
    }

    /// When the next doubt is to be looked at.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.doubts.values().map(|doubt| doubt.due).min()
    }

    /// Takes the doubts that are due by `now`; those about whom they still stand.
    pub(super) fn take_due(&mut self, now: u64, replica: &Replica) -> Vec<DeviceId> {
        let due = self.doubts.extract_if(.., |_, doubt| doubt.due <= now);
        let stands = |(device, doubt): (DeviceId, Doubt)| {
            let stands = replica.is_ahead(&device) || replica.waits_since(doubt.waited);
            stands.then_some(device)
        };
        due.filter_map(stands).collect()
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
        patience.doubt(PEER, 50, &replica);
        patience.doubt(other, 50, &replica);
        assert_eq!(patience.next_due(), Some(50 + ON_ITS_WAY_MS));
        assert_eq!(patience.take_due(50, &replica), []);
        assert_eq!(patience.take_due(50 + ON_ITS_WAY_MS, &replica), [PEER]);
        assert_eq!(patience.next_due(), None);
    }
}
