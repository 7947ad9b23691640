//! Dials under way, by device and way.
//!
//! A dial into nothing takes seconds to fail, and one that began before a link came back wakes up late; so a new one may
//! start beside it. Deliberately absent: when (`book`, `relays`).

use std::collections::BTreeMap;

use libp2p::PeerId;
use libp2p::swarm::ConnectionId;

use super::book::Way;

/// Dials of one device on one way at one time.
const MAX_AT_ONCE: usize = 3;
/// Dials under way at one time.
const MAX_DIALS: usize = 512;

#[derive(Default)]
pub(super) struct Dials {
    under_way: BTreeMap<ConnectionId, (PeerId, Way)>,
}

impl Dials {
    /// Whether another dial may begin.
    pub(super) fn has_room(&self, peer: &PeerId, way: Way) -> bool {
        let same = self.under_way.values().filter(|(p, w)| p == peer && *w == way).count();
        same < MAX_AT_ONCE && self.under_way.len() < MAX_DIALS
    }

    pub(super) fn began(&mut self, id: ConnectionId, peer: PeerId, way: Way) {
        self.under_way.insert(id, (peer, way));
    }

    /// A dial ended, one way or the other. Returns what it was.
    pub(super) fn ended(&mut self, id: ConnectionId) -> Option<(PeerId, Way)> {
        self.under_way.remove(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dials_of_one_device_are_few_and_ways_do_not_wait_for_each_other() {
        let (mut dials, peer) = (Dials::default(), PeerId::random());
        for n in 0..MAX_AT_ONCE {
            assert!(dials.has_room(&peer, Way::Direct));
            dials.began(ConnectionId::new_unchecked(n), peer, Way::Direct);
        }
        assert!(!dials.has_room(&peer, Way::Direct));
        assert!(dials.has_room(&peer, Way::Circuit));
        assert_eq!(dials.ended(ConnectionId::new_unchecked(0)), Some((peer, Way::Direct)));
        assert!(dials.has_room(&peer, Way::Direct));
    }
}
