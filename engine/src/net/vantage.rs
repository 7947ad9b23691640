//! How this device looks from outside: the addresses at which relays see it.
//!
//! Such an address is worth telling to co-members when they may be able to dial it: when a NAT kept the port that this
//! device listens on, or when two relays see the same, so that the NAT gives one address for everybody. Behind a NAT that
//! gives another to each, neither holds. Deliberately absent: punching holes, which is libp2p's.

use std::collections::{BTreeMap, BTreeSet};

use libp2p::{Multiaddr, PeerId};

use super::address::{is_circuit, port_of};

/// Addresses kept.
const MAX_SEEN: usize = 16;

#[derive(Default)]
pub(super) struct Vantage {
    /// By address, the relays that saw it, and whether this device listens on its port.
    seen: BTreeMap<Multiaddr, (BTreeSet<PeerId>, bool)>,
    told: BTreeSet<Multiaddr>,
}

impl Vantage {
    /// A relay saw this device at `addr`, which listens on `ports`.
    pub(super) fn seen(&mut self, relay: PeerId, addr: Multiaddr, ports: &[(bool, u16)]) {
        let Some(port) = port_of(&addr).filter(|_| !is_circuit(&addr)) else { return };
        if self.seen.contains_key(&addr) || self.seen.len() < MAX_SEEN {
            let (by, kept) = self.seen.entry(addr).or_default();
            by.insert(relay);
            *kept |= ports.contains(&port);
        }
    }

    /// Whether an address has become worth telling; noted as told.
    pub(super) fn tell(&mut self, addr: &Multiaddr) -> bool {
        let worth = self.seen.get(addr).is_some_and(|(by, kept)| *kept || by.len() > 1);
        worth && self.told.insert(addr.clone())
    }

    /// Forgets everything; returns what was worth telling.
    pub(super) fn clear(&mut self) -> BTreeSet<Multiaddr> {
        self.seen.clear();
        std::mem::take(&mut self.told)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn only_what_others_may_dial_is_told() {
        let mut vantage = Vantage::default();
        let [one, two] = [PeerId::random(), PeerId::random()];
        let kept: Multiaddr = "/ip4/203.0.113.7/udp/4001/quic-v1".parse().unwrap();
        let moved: Multiaddr = "/ip4/203.0.113.7/udp/61234/quic-v1".parse().unwrap();
        let other: Multiaddr = "/ip4/203.0.113.7/tcp/4001".parse().unwrap();
        let ports = [(true, 4001)];
        for addr in [&kept, &moved, &other] {
            assert!(!vantage.tell(addr), "only relays are believed");
            vantage.seen(one, addr.clone(), &ports);
        }
        assert!(vantage.tell(&kept) && !vantage.tell(&kept), "once");
        assert!(!vantage.tell(&moved), "it may differ for everybody");
        assert!(!vantage.tell(&other), "another transport");
        vantage.seen(two, moved.clone(), &ports);
        assert!(vantage.tell(&moved), "it does not");
        assert_eq!(vantage.clear(), [kept, moved].into());
        for n in 1..100u16 {
            vantage.seen(one, format!("/ip4/203.0.113.7/tcp/{n}").parse().unwrap(), &ports);
        }
        assert_eq!(vantage.seen.len(), MAX_SEEN);
    }
}
