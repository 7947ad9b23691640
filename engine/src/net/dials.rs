//! Dials under way, by device and way.
//!
//! A dial into nothing takes seconds to fail, and one that began before a link came back wakes up late; so a new one may
//! start beside it. Deliberately absent: when (`book`, `relays`).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use libp2p::PeerId;
use libp2p::swarm::ConnectionId;

use super::book::Way;

/// Dials of one device on one way at one time.
const MAX_AT_ONCE: usize = 3;
/// Dials under way at one time.
const MAX_DIALS: usize = 512;
/// How long one has to itself before another begins beside it: where all cores are busy a handshake takes its time.
const ALONE: Duration = Duration::from_millis(600);

#[derive(Default)]
pub(super) struct Dials {
    under_way: BTreeMap<ConnectionId, (PeerId, Way, Instant)>,
}

impl Dials {
    /// Whether another dial may begin.
    pub(super) fn has_room(&self, peer: &PeerId, way: Way, now: Instant) -> bool {
        let same = || self.under_way.values().filter(|(p, w, _)| p == peer && *w == way);
        let crowded = same().count() >= MAX_AT_ONCE || same().any(|(_, _, began)| now < *began + ALONE);
        !crowded && self.under_way.len() < MAX_DIALS
    }

    pub(super) fn began(&mut self, id: ConnectionId, peer: PeerId, way: Way, now: Instant) {
        self.under_way.insert(id, (peer, way, now));
    }

    /// A dial ended, one way or the other. Returns what it was.
    pub(super) fn ended(&mut self, id: ConnectionId) -> Option<(PeerId, Way)> {
        self.under_way.remove(&id).map(|(peer, way, _)| (peer, way))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dials_of_one_device_are_few_and_ways_do_not_wait_for_each_other() {
        let (mut dials, peer, mut now) = (Dials::default(), PeerId::random(), Instant::now());
        for n in 0..MAX_AT_ONCE {
            assert!(dials.has_room(&peer, Way::Direct, now));
            dials.began(ConnectionId::new_unchecked(n), peer, Way::Direct, now);
            assert!(!dials.has_room(&peer, Way::Direct, now), "one after the other");
            now += ALONE;
        }
        assert!(!dials.has_room(&peer, Way::Direct, now));
        assert!(dials.has_room(&peer, Way::Circuit, now));
        assert_eq!(dials.ended(ConnectionId::new_unchecked(0)), Some((peer, Way::Direct)));
        assert!(dials.has_room(&peer, Way::Direct, now));
    }
}
