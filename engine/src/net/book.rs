//! The address book: where devices were last seen, and which of them must stay connected.
//!
//! Deliberately absent: dialling; the driver asks what is due and does it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use libp2p::{Multiaddr, PeerId};

use super::address::{is_circuit, is_quic};
use super::backoff::{Backoff, Pace, jitter};
use super::{MAX_ADDRESSES_PER_DEVICE, MAX_BOOK};

/// How long direct addresses are tried before circuits are tried beside them.
const HEAD_START: Duration = Duration::from_millis(200);
/// A device that is connected with nobody looks for somebody this often, however long it has been alone.
const PROBE_PAUSE: Duration = Duration::from_millis(1500);
/// Devices that it then dials at one time, in turn.
const MAX_PROBES: usize = 4;

struct Entry {
    /// Newest first; at most [`MAX_ADDRESSES_PER_DEVICE`].
    addrs: Vec<Multiaddr>,
    /// Addresses at which somebody else answered; as many. They are not dialled until the surroundings change.
    wrong: Vec<Multiaddr>,
    supervised: bool,
    direct: Backoff,
    circuit: Backoff,
    upgrade: Backoff,
}

impl Entry {
    fn new(now: Instant) -> Self {
        Self {
            addrs: Vec::new(),
            wrong: Vec::new(),
            supervised: false,
            direct: Backoff::new(Pace::Device, now),
            circuit: Backoff::new(Pace::Device, now),
            upgrade: Backoff::new(Pace::Upgrade, now),
        }
    }

    fn head_start(&self) -> Duration {
        if self.addrs.iter().all(is_circuit) { Duration::ZERO } else { HEAD_START }
    }

    fn restart(&mut self, now: Instant) {
        self.direct.restart(now);
        self.upgrade.restart(now);
        self.circuit.restart_after(now, self.head_start());
    }

    /// As `restart`, but once in a burst.
    fn refresh(&mut self, now: Instant) {
        self.direct.refresh(now, Duration::ZERO);
        self.upgrade.refresh(now, Duration::ZERO);
        self.circuit.refresh(now, self.head_start());
    }
}

/// The way on which a device is dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    Direct,
    Circuit,
    /// Directly by QUIC, beside a circuit that stands.
    Upgrade,
    /// The same in other ways, once QUIC has failed.
    UpgradeOtherwise,
}

/// What to do about one device.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) peer: PeerId,
    /// Of the kind that the way asks for; may be empty.
    pub(super) addrs: Vec<Multiaddr>,
    pub(super) way: Way,
}

#[derive(Default)]
pub(super) struct Book {
    entries: BTreeMap<PeerId, Entry>,
    /// When a device that is alone looks for somebody again, and after whom it goes on.
    probe: Option<(Instant, PeerId)>,
}

/// How a device is connected, as far as the book cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    None,
    RelayedOnly,
    Direct,
}

impl Book {
    /// Adds addresses of a device, newest first; true if one of them is news.
    pub(super) fn learn(&mut self, peer: PeerId, addrs: impl IntoIterator<Item = Multiaddr>, now: Instant) -> bool {
        self.make_room(&peer);
        let entry = self.entries.entry(peer).or_insert_with(|| Entry::new(now));
        let mut news = false;
        for addr in addrs {
            let known = entry.addrs.len();
            entry.addrs.retain(|known| *known != addr);
            if !entry.wrong.contains(&addr) {
                news |= entry.addrs.len() == known;
                entry.addrs.insert(0, addr);
            }
        }
        entry.addrs.truncate(MAX_ADDRESSES_PER_DEVICE);
        news
    }

    /// Keeps the device connected from now on; the next attempt is due at once.
    pub(super) fn supervise(&mut self, peer: PeerId, addrs: Vec<Multiaddr>, now: Instant) {
        self.learn(peer, addrs, now);
        if let Some(entry) = self.entries.get_mut(&peer) {
            entry.supervised = true;
            entry.refresh(now);
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
            entry.restart(now);
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
            entry.refresh(now);
        }
    }

    /// A relay is connected: whoever can be reached through it is tried at once.
    pub(super) fn restart_circuits(&mut self, now: Instant) {
        for entry in self.entries.values_mut().filter(|entry| entry.supervised) {
            entry.circuit.refresh(now, Duration::ZERO);
        }
    }

    /// This device is connected with nobody: looks for a few of those who are due only later.
    pub(super) fn probe(&mut self, now: Instant) {
        if self.probe.is_some_and(|(due, _)| now < due) {
            return;
        }
        let last = self.probe.map(|(_, last)| last);
        let supervised: Vec<PeerId> = self.entries.iter().filter(|(_, e)| e.supervised).map(|(p, _)| *p).collect();
        let start = supervised.iter().position(|peer| last.is_none_or(|last| *peer > last)).unwrap_or(0);
        let chosen: Vec<PeerId> =
            supervised.iter().cycle().skip(start).take(MAX_PROBES.min(supervised.len())).copied().collect();
        for entry in self.entries.iter_mut().filter(|(peer, _)| chosen.contains(peer)).map(|(_, entry)| entry) {
            entry.direct.bring_forward(now);
        }
        self.probe = chosen.last().map(|last| (now + PROBE_PAUSE, *last));
    }

    /// The attempts that are due now; each is noted as made.
    pub(super) fn due(&mut self, now: Instant, reach: impl Fn(&PeerId) -> Reach) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        for (peer, entry) in self.entries.iter_mut().filter(|(_, entry)| entry.supervised) {
            let ways: &[Way] = match reach(peer) {
                Reach::None => &[Way::Direct, Way::Circuit],
                Reach::RelayedOnly => &[Way::Upgrade],
                Reach::Direct => &[],
            };
            for way in ways {
                let backoff = match way {
                    Way::Direct => &mut entry.direct,
                    Way::Circuit => &mut entry.circuit,
                    Way::Upgrade | Way::UpgradeOtherwise => &mut entry.upgrade,
                };
                if backoff.is_due(now) {
                    backoff.attempted(now, jitter());
                    let fits = |addr: &&Multiaddr| is_circuit(addr) == (*way == Way::Circuit);
                    let addrs = entry.addrs.iter().filter(fits).cloned().collect();
                    attempts.push(Attempt { peer: *peer, addrs, way: *way });
                }
            }
        }
        attempts
    }

    /// Where a device may be reached directly, though not by QUIC.
    pub(super) fn without_quic(&self, peer: &PeerId) -> Vec<Multiaddr> {
        let known = self.entries.get(peer).map(|entry| entry.addrs.as_slice()).unwrap_or_default();
        known.iter().filter(|addr| !is_circuit(addr) && !is_quic(addr)).cloned().collect()
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
        assert_eq!(due, [Attempt { peer: known, addrs: vec![addr(2)], way: Way::Direct }]);
        assert!(book.due(now, |_| Reach::None).is_empty(), "the next attempt waits");
        let due = book.due(now + HEAD_START, |_| Reach::None);
        assert!(due.iter().any(|a| a.way == Way::Circuit && a.addrs.is_empty()), "circuits come a little later");
        assert_eq!(book.due(now, |_| Reach::RelayedOnly).len(), 1);
        assert!(book.due(now, |_| Reach::RelayedOnly).is_empty());
        book.release(&known);
        assert!(book.due(now + Duration::from_secs(60), |_| Reach::None).is_empty());
    }

    #[test]
    fn a_circuit_never_waits_for_direct_dials() {
        let now = Instant::now();
        let mut book = Book::default();
        let (near, far) = (PeerId::random(), PeerId::random());
        let circuit: Multiaddr = "/ip4/10.0.0.9/tcp/1/p2p-circuit".parse().unwrap();
        book.supervise(near, vec![addr(1), circuit.clone()], now);
        book.supervise(far, vec![circuit.clone()], now);
        let ways = |book: &mut Book, at| -> Vec<(PeerId, Way, usize)> {
            book.due(at, |_| Reach::None).into_iter().map(|a| (a.peer, a.way, a.addrs.len())).collect()
        };
        let first = ways(&mut book, now);
        assert!(first.contains(&(far, Way::Circuit, 1)) && first.contains(&(near, Way::Direct, 1)));
        assert!(!first.iter().any(|(peer, way, _)| *peer == near && *way == Way::Circuit), "direct goes first");
        let mut now = now + HEAD_START;
        assert!(ways(&mut book, now).contains(&(near, Way::Circuit, 1)));
        now += Duration::from_secs(60);
        ways(&mut book, now);
        now += Duration::from_millis(500);
        book.restart_circuits(now);
        assert!(ways(&mut book, now).contains(&(near, Way::Circuit, 1)), "a relay came back");
    }

    #[test]
    fn whoever_is_alone_goes_on_looking_for_a_few_at_a_time() {
        let start = Instant::now();
        let mut book = Book::default();
        for _ in 0..10 {
            book.supervise(PeerId::random(), vec![addr(1)], start);
        }
        let mut now = start;
        // An hour without anybody: the pauses have grown.
        while now < start + Duration::from_secs(3600) {
            book.due(now, |_| Reach::None);
            now += Duration::from_secs(5);
        }
        let mut dialled = std::collections::BTreeSet::new();
        for _ in 0..3 {
            book.probe(now);
            let due: Vec<_> = book.due(now, |_| Reach::None).into_iter().filter(|a| a.way == Way::Direct).collect();
            assert!(due.len() >= MAX_PROBES, "{}", due.len());
            book.probe(now);
            assert!(book.due(now, |_| Reach::None).is_empty(), "not at every look");
            dialled.extend(due.into_iter().map(|a| a.peer));
            now += PROBE_PAUSE;
        }
        assert_eq!(dialled.len(), 10, "in turn");
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
        let later = now + Duration::from_secs(1);
        assert_eq!(book.due(later, |_| Reach::None)[0].addrs, [addr(1), addr(2)]);
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
