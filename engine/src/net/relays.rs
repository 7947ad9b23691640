//! Which relays to hold a reservation on, and how that stands.
//!
//! Deliberately absent: listening on the circuits; the driver does it when this module says that one is due.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};

use super::MAX_RELAYS;
use super::address::last_peer;
use super::backoff::{Backoff, jitter};

/// A reservation that is not granted within this time is given up and asked for anew.
const PATIENCE: Duration = Duration::from_secs(8);

struct Relay {
    /// Each ends in the relay's peer id; tried in turn.
    addrs: Vec<Multiaddr>,
    turn: usize,
    listener: Option<(ListenerId, Instant)>,
    /// Set while the reservation holds.
    circuit: Option<Multiaddr>,
    backoff: Backoff,
}

impl Relay {
    fn current(&self) -> &Multiaddr {
        &self.addrs[self.turn % self.addrs.len()]
    }
}

/// All relays, by peer; an entry has at least one address.
#[derive(Default)]
pub(super) struct Relays {
    relays: BTreeMap<PeerId, Relay>,
}

impl Relays {
    /// Adds an address of a relay; the refusal says why.
    pub(super) fn add(&mut self, addr: Multiaddr, now: Instant) -> Result<PeerId, String> {
        let peer = last_peer(&addr).ok_or("the address of a relay must end in /p2p/<peer id>")?;
        if !self.relays.contains_key(&peer) && self.relays.len() >= MAX_RELAYS {
            return Err(format!("{MAX_RELAYS} relays are already in use"));
        }
        let relay = self.relays.entry(peer).or_insert_with(|| Relay {
            addrs: Vec::new(),
            turn: 0,
            listener: None,
            circuit: None,
            backoff: Backoff::new(now),
        });
        if !relay.addrs.contains(&addr) && relay.addrs.len() < super::MAX_ADDRESSES_PER_DEVICE {
            relay.addrs.push(addr);
        }
        Ok(peer)
    }

    /// Takes an address away. With the last one the relay goes, and its listener is returned to be closed.
    pub(super) fn remove(&mut self, addr: &Multiaddr) -> Option<(PeerId, Option<ListenerId>)> {
        let peer = last_peer(addr)?;
        let relay = self.relays.get_mut(&peer)?;
        relay.addrs.retain(|known| known != addr);
        if !relay.addrs.is_empty() {
            return None;
        }
        let relay = self.relays.remove(&peer)?;
        Some((peer, relay.listener.map(|(id, _)| id)))
    }

    pub(super) fn contains(&self, peer: &PeerId) -> bool {
        self.relays.contains_key(peer)
    }

    /// The circuit addresses under which `peer` may be found, if it uses the same relays.
    pub(super) fn circuits_to(&self, peer: PeerId) -> Vec<Multiaddr> {
        self.relays
            .iter()
            .filter(|(relay, _)| **relay != peer)
            .map(|(_, relay)| relay.current().clone().with(Protocol::P2pCircuit).with(Protocol::P2p(peer)))
            .collect()
    }

    /// Circuits that must be listened on now; each is noted as attempted.
    pub(super) fn due(&mut self, now: Instant) -> Vec<(PeerId, Multiaddr)> {
        let mut due = Vec::new();
        for (peer, relay) in &mut self.relays {
            if relay.listener.is_none() && relay.backoff.is_due(now) {
                relay.backoff.attempted(now, jitter());
                due.push((*peer, relay.current().clone().with(Protocol::P2pCircuit)));
                relay.turn = relay.turn.wrapping_add(1);
            }
        }
        due
    }

    pub(super) fn listening(&mut self, peer: &PeerId, listener: ListenerId, now: Instant) {
        if let Some(relay) = self.relays.get_mut(peer) {
            relay.listener = Some((listener, now));
        }
    }

    /// The relay granted or renewed a reservation. Returns its address and ours when it is news.
    pub(super) fn granted(&mut self, peer: &PeerId, local: PeerId, now: Instant) -> Option<(Multiaddr, Multiaddr)> {
        let relay = self.relays.get_mut(peer)?;
        relay.backoff.restart(now);
        if relay.circuit.is_some() {
            return None;
        }
        // `due` moved on to the next address when it handed this one out.
        relay.turn = relay.turn.wrapping_sub(1);
        let addr = relay.current().clone();
        let circuit = addr.clone().with(Protocol::P2pCircuit).with(Protocol::P2p(local));
        relay.circuit = Some(circuit.clone());
        Some((addr, circuit))
    }

    /// A listener closed. Returns the relay's address when that ended a reservation or an attempt.
    pub(super) fn listener_closed(&mut self, listener: ListenerId) -> Option<Multiaddr> {
        let relay = self.relays.values_mut().find(|relay| relay.listener.is_some_and(|(id, _)| id == listener))?;
        relay.listener = None;
        relay.circuit = None;
        Some(relay.current().clone())
    }

    /// The last connection to a relay is gone. Returns the listener to close and the address.
    pub(super) fn lost(&mut self, peer: &PeerId, now: Instant) -> Option<(ListenerId, Multiaddr)> {
        let relay = self.relays.get_mut(peer)?;
        // Without a reservation the connection belonged to an attempt, which ends by itself.
        relay.circuit.take()?;
        relay.backoff.restart(now);
        let (listener, _) = relay.listener.take()?;
        Some((listener, relay.current().clone()))
    }

    /// Attempts that have waited too long; their listeners are to be closed.
    pub(super) fn stalled(&mut self, now: Instant) -> Vec<ListenerId> {
        let mut stalled = Vec::new();
        for relay in self.relays.values_mut() {
            if let (None, Some((listener, since))) = (&relay.circuit, relay.listener)
                && now.duration_since(since) > PATIENCE
            {
                relay.listener = None;
                stalled.push(listener);
            }
        }
        stalled
    }

    /// Forgets all listeners and makes every relay due at once; returns what was listened on.
    pub(super) fn reset(&mut self, now: Instant) -> Vec<(Option<ListenerId>, Option<Multiaddr>)> {
        self.relays
            .values_mut()
            .map(|relay| {
                relay.backoff.restart(now);
                let held = relay.circuit.take().map(|_| relay.current().clone());
                (relay.listener.take().map(|(id, _)| id), held)
            })
            .collect()
    }

    /// Tries all relays without a reservation soon again.
    pub(super) fn restart_all(&mut self, now: Instant) {
        for relay in self.relays.values_mut().filter(|relay| relay.circuit.is_none()) {
            relay.backoff.restart(now);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_lost_reservation_is_due_again_at_once() {
        let now = Instant::now();
        let (peer, local) = (PeerId::random(), PeerId::random());
        let addr: Multiaddr = format!("/ip4/127.0.0.1/tcp/1/p2p/{peer}").parse().unwrap();
        let mut relays = Relays::default();
        assert!(relays.add("/ip4/127.0.0.1/tcp/1".parse().unwrap(), now).is_err());
        assert_eq!(relays.add(addr.clone(), now), Ok(peer));
        assert_eq!(relays.due(now).len(), 1);
        let listener = ListenerId::next();
        relays.listening(&peer, listener, now);
        assert!(relays.due(now + PATIENCE).is_empty());
        let (granted, circuit) = relays.granted(&peer, local, now).unwrap();
        assert_eq!(granted, addr);
        assert!(circuit.to_string().ends_with(&format!("/p2p-circuit/p2p/{local}")));
        assert!(relays.granted(&peer, local, now).is_none(), "a renewal is no news");
        assert!(relays.stalled(now + PATIENCE * 2).is_empty());
        assert_eq!(relays.lost(&peer, now), Some((listener, addr.clone())));
        assert_eq!(relays.due(now).len(), 1);
        relays.listening(&peer, listener, now);
        assert_eq!(relays.stalled(now + PATIENCE * 2), [listener]);
        assert_eq!(relays.remove(&addr), Some((peer, None)));
        assert!(!relays.contains(&peer));
    }
}
