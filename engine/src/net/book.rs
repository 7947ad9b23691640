//! The address book: where devices were last seen, and which of them must stay connected.
//!
//! Deliberately absent: dialling; the driver asks what is due and does it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use libp2p::{Multiaddr, PeerId};

use super::address::is_circuit;
use super::backoff::{Backoff, jitter};
use super::{MAX_ADDRESSES_PER_DEVICE, MAX_BOOK};

/// Pause between attempts to find a direct path to a device that is connected through a relay only.
const UPGRADE_PAUSE: Duration = Duration::from_secs(20);

struct Entry {
    /// Newest first; at most [`MAX_ADDRESSES_PER_DEVICE`].
    addrs: Vec<Multiaddr>,
    /// Addresses at which somebody else answered; as many. They are not dialled until the surroundings change.
    wrong: Vec<Multiaddr>,
    supervised: bool,
    backoff: Backoff,
    upgrade_due: Instant,
}

/// What to do about one device.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) peer: PeerId,
    pub(super) addrs: Vec<Multiaddr>,
    /// A direct path is wanted beside the relayed one.
    pub(super) upgrade: bool,
}

#[derive(Default)]
pub(super) struct Book {
    entries: BTreeMap<PeerId, Entry>,
}

/// How a device is connected, as far as the book cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    None,
    RelayedOnly,
    Direct,
}

impl Book {
    /// Adds addresses of a device, newest first.
    pub(super) fn learn(&mut self, peer: PeerId, addrs: impl IntoIterator<Item = Multiaddr>, now: Instant) {
        self.make_room(&peer);
        let entry = self.entries.entry(peer).or_insert_with(|| Entry {
            addrs: Vec::new(),
            wrong: Vec::new(),
            supervised: false,
            backoff: Backoff::new(now),
            upgrade_due: now,
        });
        for addr in addrs {
            entry.addrs.retain(|known| *known != addr);
            if !entry.wrong.contains(&addr) {
                entry.addrs.insert(0, addr);
            }
        }
        entry.addrs.truncate(MAX_ADDRESSES_PER_DEVICE);
    }

    /// Keeps the device connected from now on; the next attempt is due at once.
    pub(super) fn supervise(&mut self, peer: PeerId, addrs: Vec<Multiaddr>, now: Instant) {
        self.learn(peer, addrs, now);
        if let Some(entry) = self.entries.get_mut(&peer) {
            entry.supervised = true;
            entry.backoff.restart(now);
            entry.upgrade_due = now;
        }
    }

    pub(super) fn release(&mut self, peer: &PeerId) {
        if let Some(entry) = self.entries.get_mut(peer) {
            entry.supervised = false;
        }
    }

    /// The connection to this device was lost, or news about its place came: try soon again.
    pub(super) fn restart(&mut self, peer: &PeerId, now: Instant) {
        if let Some(entry) = self.entries.get_mut(peer) {
            entry.backoff.restart(now);
            entry.upgrade_due = now;
        }
    }

    /// Somebody else answered at an address of this device: on another network, or this device itself on a port that
    /// both use. Of all addresses dialled at once the first to answer counts, whoever it is, so one such address would
    /// keep all others from being reached. The rest is due at once.
    pub(super) fn is_wrong(&mut self, peer: &PeerId, addr: &Multiaddr, now: Instant) {
        let Some(entry) = self.entries.get_mut(peer) else { return };
        let known = entry.addrs.len();
        entry.addrs.retain(|known| known != addr);
        if entry.addrs.len() < known {
            entry.wrong.insert(0, addr.clone());
            entry.wrong.truncate(MAX_ADDRESSES_PER_DEVICE);
            self.restart(peer, now);
        }
    }

    /// The surroundings changed: try everyone soon again, and at all addresses.
    pub(super) fn restart_all(&mut self, now: Instant) {
        for entry in self.entries.values_mut().filter(|entry| entry.supervised) {
            entry.addrs.append(&mut entry.wrong);
            entry.addrs.truncate(MAX_ADDRESSES_PER_DEVICE);
            entry.backoff.restart(now);
            entry.upgrade_due = now;
        }
    }

    /// The attempts that are due now; each is noted as made.
    pub(super) fn due(&mut self, now: Instant, reach: impl Fn(&PeerId) -> Reach) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        for (peer, entry) in self.entries.iter_mut().filter(|(_, entry)| entry.supervised) {
            match reach(peer) {
                Reach::None if entry.backoff.is_due(now) => {
                    entry.backoff.attempted(now, jitter());
                    attempts.push(Attempt { peer: *peer, addrs: entry.addrs.clone(), upgrade: false });
                }
                Reach::RelayedOnly if now >= entry.upgrade_due => {
                    entry.upgrade_due = now + UPGRADE_PAUSE;
                    let addrs: Vec<_> = entry.addrs.iter().filter(|addr| !is_circuit(addr)).cloned().collect();
                    if !addrs.is_empty() {
                        attempts.push(Attempt { peer: *peer, addrs, upgrade: true });
                    }
                }
                _ => {}
            }
        }
        attempts
    }

    fn make_room(&mut self, newcomer: &PeerId) {
        if self.entries.len() < MAX_BOOK || self.entries.contains_key(newcomer) {
            return;
        }
        let idle = self.entries.iter().find(|(_, entry)| !entry.supervised).map(|(peer, _)| *peer);
        // With only supervised devices left the first one goes: the bound holds in any case.
        if let Some(peer) = idle.or_else(|| self.entries.keys().next().copied()) {
            self.entries.remove(&peer);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn addr(n: usize) -> Multiaddr {
        format!("/ip4/10.0.0.1/tcp/{n}").parse().unwrap()
    }

    #[test]
    fn only_supervised_devices_are_due_and_only_while_unreached() {
        let now = Instant::now();
        let mut book = Book::default();
        let (known, other) = (PeerId::random(), PeerId::random());
        book.learn(other, [addr(1)], now);
        book.supervise(known, vec![addr(2)], now);
        assert!(book.due(now, |_| Reach::Direct).is_empty());
        let due = book.due(now, |_| Reach::None);
        assert_eq!(due, [Attempt { peer: known, addrs: vec![addr(2)], upgrade: false }]);
        assert!(book.due(now, |_| Reach::None).is_empty(), "the next attempt waits");
        assert_eq!(book.due(now, |_| Reach::RelayedOnly).len(), 1);
        assert!(book.due(now, |_| Reach::RelayedOnly).is_empty());
        book.release(&known);
        assert!(book.due(now + Duration::from_secs(60), |_| Reach::None).is_empty());
    }

    #[test]
    fn an_address_of_somebody_else_waits_until_the_surroundings_change() {
        let now = Instant::now();
        let mut book = Book::default();
        let peer = PeerId::random();
        book.supervise(peer, vec![addr(1), addr(2)], now);
        assert_eq!(book.due(now, |_| Reach::None)[0].addrs, [addr(2), addr(1)]);
        book.is_wrong(&peer, &addr(2), now);
        assert_eq!(book.due(now, |_| Reach::None)[0].addrs, [addr(1)], "the rest is due at once");
        book.is_wrong(&peer, &addr(2), now);
        assert!(book.due(now, |_| Reach::None).is_empty(), "once");
        book.learn(peer, [addr(2)], now);
        book.restart(&peer, now);
        assert_eq!(book.due(now, |_| Reach::None)[0].addrs, [addr(1)], "hearing of it again makes it no better");
        book.restart_all(now);
        assert_eq!(book.due(now, |_| Reach::None)[0].addrs, [addr(1), addr(2)]);
    }

    #[test]
    fn the_book_is_bounded_and_keeps_the_newest_addresses() {
        let now = Instant::now();
        let mut book = Book::default();
        let kept = PeerId::random();
        book.supervise(kept, (0..100).map(addr).collect(), now);
        let due = book.due(now, |_| Reach::None);
        assert_eq!(due[0].addrs.len(), MAX_ADDRESSES_PER_DEVICE);
        assert_eq!(due[0].addrs[0], addr(99));
        for _ in 0..MAX_BOOK + 50 {
            book.learn(PeerId::random(), [addr(1)], now);
        }
        assert_eq!(book.entries.len(), MAX_BOOK);
        assert!(book.entries.contains_key(&kept), "supervised devices stay");
    }
}
