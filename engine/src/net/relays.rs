//! Which relays to hold a reservation on, and how that stands.
//!
//! A relay is dialled at all its addresses, and asked for a reservation once a connection stands. Deliberately absent:
//! dialling and listening; the driver does both when this module says that they are due.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};

use super::address::{is_circuit, is_quic, last_peer};
use super::backoff::{Backoff, Pace, jitter};
use super::links::SILENCE;
use super::pulse::is_watched;
use super::{MAX_ADDRESSES_PER_DEVICE, MAX_RELAYS};

/// A reservation that is not granted within this time is given up and asked for anew.
const PATIENCE: Duration = Duration::from_secs(4);

/// QUIC goes first: where a relay sees this device by UDP, a hole can be punched.
const HEAD_START: Duration = Duration::from_millis(700);

/// A relay tells at once where it sees this device. Circuits wait for it, up to this time: libp2p punches a hole only
/// with what it knew when the circuit came up.
const VANTAGE: Duration = Duration::from_millis(400);

/// One connection to a relay.
struct Line {
    watched: bool,
    heard: Instant,
    /// When circuits may be dialled over it.
    ready: Instant,
    /// The address that was dialled, which ends in the relay's peer id.
    addr: Multiaddr,
}

struct Relay {
    /// Each ends in the relay's peer id; at least one.
    addrs: Vec<Multiaddr>,
    lines: BTreeMap<ConnectionId, Line>,
    /// By QUIC, and in other ways.
    by_quic: Backoff,
    otherwise: Backoff,
    asking: Backoff,
    listener: Option<(ListenerId, Instant)>,
    /// Set while the reservation holds: the configured address that it is told under.
    held: Option<Multiaddr>,
    /// That it cannot be reached was told.
    told_down: bool,
}

impl Relay {
    /// Dials soon again, once in a burst.
    fn refresh(&mut self, now: Instant) {
        let head_start = if self.addrs.iter().any(is_quic) { HEAD_START } else { Duration::ZERO };
        self.by_quic.refresh(now, Duration::ZERO);
        self.otherwise.refresh(now, head_start);
    }

    /// The address that works, or else the first.
    fn current(&self) -> &Multiaddr {
        self.lines.values().next().map_or(&self.addrs[0], |line| &line.addr)
    }

    /// The configured address that the current one goes by: a name resolved, or a connection from before, is none of
    /// them.
    fn told(&self) -> Multiaddr {
        let current = self.current();
        self.addrs.iter().find(|addr| *addr == current).unwrap_or(&self.addrs[0]).clone()
    }
}

/// All relays, by peer.
#[derive(Default)]
pub(super) struct Relays {
    relays: BTreeMap<PeerId, Relay>,
}

impl Relays {
    /// Adds an address of a relay; the refusal says why.
    pub(super) fn add(&mut self, addr: Multiaddr, now: Instant) -> Result<PeerId, String> {
        let peer = last_peer(&addr).ok_or("the address of a relay must end in /p2p/<peer id>")?;
        if is_circuit(&addr) {
            return Err("a relay is not reached through another".to_owned());
        }
        if !self.relays.contains_key(&peer) && self.relays.len() >= MAX_RELAYS {
            return Err(format!("{MAX_RELAYS} relays are already in use"));
        }
        let relay = self.relays.entry(peer).or_insert_with(|| Relay {
            addrs: Vec::new(),
            lines: BTreeMap::new(),
            by_quic: Backoff::new(Pace::Relay, now),
            otherwise: Backoff::new(Pace::Relay, now),
            asking: Backoff::new(Pace::Relay, now),
            listener: None,
            held: None,
            told_down: false,
        });
        if !relay.addrs.contains(&addr) && relay.addrs.len() < MAX_ADDRESSES_PER_DEVICE {
            relay.addrs.push(addr);
            relay.refresh(now);
        }
        Ok(peer)
    }

    /// Takes an address away. With the last one the relay goes, and its listener is returned to be closed.
    pub(super) fn remove(&mut self, addr: &Multiaddr) -> Option<(PeerId, Option<ListenerId>)> {
        let peer = last_peer(addr)?;
        let relay = self.relays.get_mut(&peer)?;
        if relay.addrs.len() > 1 || relay.addrs.first() != Some(addr) {
            relay.addrs.retain(|known| known != addr);
            return None;
        }
        self.leave(&peer)
    }

    /// Takes a relay away with all of its addresses; its listener is returned to be closed.
    pub(super) fn leave(&mut self, peer: &PeerId) -> Option<(PeerId, Option<ListenerId>)> {
        let relay = self.relays.remove(peer)?;
        Some((*peer, relay.listener.map(|(id, _)| id)))
    }

    pub(super) fn contains(&self, peer: &PeerId) -> bool {
        self.relays.contains_key(peer)
    }

    pub(super) fn is_connected(&self, peer: &PeerId) -> bool {
        self.relays.get(peer).is_some_and(|relay| !relay.lines.is_empty())
    }

    /// Whether UDP seems to be blocked here: some relay is connected, and none by QUIC.
    pub(super) fn udp_is_blocked(&self) -> bool {
        let mut lines = self.relays.values().flat_map(|relay| relay.lines.values()).peekable();
        lines.peek().is_some() && lines.all(|line| !is_quic(&line.addr))
    }

    /// The circuit addresses under which `peer` may be found, if it uses the same relays; only through relays that are
    /// connected, so that nobody waits for one that is not.
    pub(super) fn circuits_to(&self, peer: PeerId, now: Instant) -> Vec<Multiaddr> {
        self.relays
            .iter()
            .filter(|(relay, state)| **relay != peer && state.lines.values().any(|line| now >= line.ready))
            .map(|(_, relay)| relay.current().clone().with(Protocol::P2pCircuit).with(Protocol::P2p(peer)))
            .collect()
    }

    /// Relays that must be dialled now, with their addresses; each is noted as attempted.
    pub(super) fn due_dials(&mut self, now: Instant) -> Vec<(PeerId, Vec<Multiaddr>)> {
        let mut due = Vec::new();
        for (peer, relay) in &mut self.relays {
            for quic in [true, false] {
                let dialling = if quic { &mut relay.by_quic } else { &mut relay.otherwise };
                if relay.lines.is_empty() && dialling.is_due(now) {
                    dialling.attempted(now, jitter());
                    let addrs: Vec<Multiaddr> = relay.addrs.iter().filter(|a| is_quic(a) == quic).cloned().collect();
                    due.extend((!addrs.is_empty()).then_some((*peer, addrs)));
                }
            }
        }
        due
    }

    /// Circuits that must be listened on now; each is noted as attempted.
    pub(super) fn due_reservations(&mut self, now: Instant) -> Vec<(PeerId, Multiaddr)> {
        let mut due = Vec::new();
        for (peer, relay) in &mut self.relays {
            if relay.listener.is_none() && !relay.lines.is_empty() && relay.asking.is_due(now) {
                relay.asking.attempted(now, jitter());
                due.push((*peer, relay.current().clone().with(Protocol::P2pCircuit)));
            }
        }
        due
    }

    pub(super) fn listening(&mut self, peer: &PeerId, listener: ListenerId, now: Instant) {
        if let Some(relay) = self.relays.get_mut(peer) {
            relay.listener = Some((listener, now));
        }
    }

    /// A relay told where it sees this device.
    pub(super) fn ready(&mut self, peer: &PeerId, id: ConnectionId, now: Instant) {
        if let Some(line) = self.relays.get_mut(peer).and_then(|relay| relay.lines.get_mut(&id)) {
            line.ready = line.ready.min(now);
        }
    }

    /// A dial of a relay failed. Returns its address the first time since it was up.
    pub(super) fn unreached(&mut self, peer: &PeerId) -> Option<Multiaddr> {
        let relay = self.relays.get_mut(peer).filter(|relay| relay.lines.is_empty() && !relay.told_down)?;
        relay.told_down = true;
        Some(relay.told())
    }

    /// A connection to a relay stands; `addr` is the address at its other end, with the peer id.
    pub(super) fn opened(&mut self, peer: &PeerId, id: ConnectionId, addr: Multiaddr, now: Instant) {
        let Some(relay) = self.relays.get_mut(peer) else { return };
        let line = Line { watched: is_watched(&addr), heard: now, ready: now + VANTAGE, addr };
        if relay.lines.insert(id, line).is_none() && relay.lines.len() == 1 {
            relay.asking.restart(now);
        }
    }

    /// The relay answered a ping.
    pub(super) fn heard(&mut self, peer: &PeerId, id: ConnectionId, now: Instant) {
        if let Some(line) = self.relays.get_mut(peer).and_then(|relay| relay.lines.get_mut(&id)) {
            line.heard = now;
        }
    }

    /// Watched connections that have been silent for too long.
    pub(super) fn silent(&self, now: Instant) -> Vec<ConnectionId> {
        let all = self.relays.values().flat_map(|relay| &relay.lines);
        all.filter(|(_, line)| line.watched && now.duration_since(line.heard) > SILENCE).map(|(id, _)| *id).collect()
    }

    /// Starts the clock of silence anew, after this process itself was asleep.
    pub(super) fn excuse_all(&mut self, now: Instant) {
        for line in self.relays.values_mut().flat_map(|relay| relay.lines.values_mut()) {
            line.heard = now;
        }
    }

    /// The relay granted or renewed a reservation. Returns its address and ours when it is news.
    pub(super) fn granted(&mut self, peer: &PeerId, local: PeerId) -> Option<(Multiaddr, Multiaddr)> {
        let relay = self.relays.get_mut(peer)?;
        if relay.held.is_some() {
            return None;
        }
        let told = relay.told();
        relay.held = Some(told.clone());
        relay.told_down = false;
        let circuit = told.clone().with(Protocol::P2pCircuit).with(Protocol::P2p(local));
        Some((told, circuit))
    }

    /// A listener closed. Returns the relay's address when that ended a reservation or an attempt.
    pub(super) fn listener_closed(&mut self, listener: ListenerId) -> Option<Multiaddr> {
        let relay = self.relays.values_mut().find(|relay| relay.listener.is_some_and(|(id, _)| id == listener))?;
        relay.listener = None;
        Some(relay.held.take().unwrap_or_else(|| relay.told()))
    }

    /// A connection to a relay is gone. With the last one so is the reservation: returns the listener to close, and the
    /// address if the reservation held.
    pub(super) fn closed(
        &mut self,
        peer: &PeerId,
        id: ConnectionId,
        now: Instant,
    ) -> Option<(Option<ListenerId>, Option<Multiaddr>)> {
        let relay = self.relays.get_mut(peer)?;
        relay.lines.remove(&id)?;
        if !relay.lines.is_empty() {
            return None;
        }
        relay.refresh(now);
        Some((relay.listener.take().map(|(listener, _)| listener), relay.held.take()))
    }

    /// Attempts that have waited too long; their listeners are to be closed.
    pub(super) fn stalled(&mut self, now: Instant) -> Vec<ListenerId> {
        let mut stalled = Vec::new();
        for relay in self.relays.values_mut() {
            if let (None, Some((listener, since))) = (&relay.held, relay.listener)
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
        let reset = |relay: &mut Relay| {
            relay.refresh(now);
            relay.asking.restart(now);
            relay.told_down = false;
            (relay.listener.take().map(|(id, _)| id), relay.held.take())
        };
        self.relays.values_mut().map(reset).collect()
    }

    /// Forgets all connections, as when their swarm is no more; gives the relays.
    pub(super) fn disconnect_all(&mut self) -> Vec<PeerId> {
        for relay in self.relays.values_mut() {
            relay.lines.clear();
        }
        self.relays.keys().copied().collect()
    }

    /// Tries all relays without a reservation at once.
    pub(super) fn restart_all(&mut self, now: Instant) {
        for relay in self.relays.values_mut().filter(|relay| relay.held.is_none()) {
            relay.refresh(now);
            relay.asking.refresh(now, Duration::ZERO);
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
        let (peer, local, line) = (PeerId::random(), PeerId::random(), ConnectionId::new_unchecked(1));
        let addr: Multiaddr = format!("/ip4/127.0.0.1/tcp/1/p2p/{peer}").parse().unwrap();
        let mut relays = Relays::default();
        assert!(relays.add("/ip4/127.0.0.1/tcp/1".parse().unwrap(), now).is_err());
        assert!(relays.add(addr.clone().with(Protocol::P2pCircuit).with(Protocol::P2p(local)), now).is_err());
        assert_eq!(relays.add(addr.clone(), now), Ok(peer));
        assert_eq!(relays.due_dials(now), [(peer, vec![addr.clone()])]);
        assert!(relays.due_dials(now).is_empty(), "the next attempt waits");
        assert_eq!(relays.unreached(&peer), Some(addr.clone()));
        assert_eq!(relays.unreached(&peer), None, "told once");
        assert!(relays.due_reservations(now).is_empty() && relays.circuits_to(local, now + VANTAGE).is_empty());
        relays.opened(&peer, line, addr.clone(), now);
        assert_eq!(relays.due_reservations(now).len(), 1);
        assert!(relays.circuits_to(local, now).is_empty(), "it has not told how this device looks");
        assert_eq!(relays.circuits_to(local, now + VANTAGE).len(), 1);
        relays.ready(&peer, line, now);
        assert_eq!(relays.circuits_to(local, now).len(), 1);
        let listener = ListenerId::next();
        relays.listening(&peer, listener, now);
        let (granted, circuit) = relays.granted(&peer, local).unwrap();
        assert_eq!(granted, addr);
        assert!(circuit.to_string().ends_with(&format!("/p2p-circuit/p2p/{local}")));
        assert!(relays.granted(&peer, local).is_none(), "a renewal is no news");
        assert!(relays.stalled(now + PATIENCE * 2).is_empty());
        assert_eq!(relays.closed(&peer, line, now), Some((Some(listener), Some(addr.clone()))));
        let now = now + Duration::from_secs(1);
        assert_eq!(relays.due_dials(now).len(), 1, "at once, except in a burst");
        relays.opened(&peer, line, addr.clone(), now);
        assert_eq!(relays.due_reservations(now).len(), 1);
        relays.listening(&peer, listener, now);
        assert_eq!(relays.stalled(now + PATIENCE * 2), [listener]);
        assert_eq!(relays.silent(now + SILENCE * 2), [line], "TCP does not notice by itself");
        assert_eq!(relays.remove(&addr), Some((peer, None)));
        assert!(!relays.contains(&peer));
    }

    #[test]
    fn a_relay_is_dialled_at_all_its_addresses_and_told_by_the_one_that_answered() {
        let now = Instant::now();
        let (peer, line) = (PeerId::random(), ConnectionId::new_unchecked(1));
        let addrs: Vec<Multiaddr> = ["udp/1/quic-v1", "tcp/1", "tcp/443/ws"]
            .iter()
            .map(|way| format!("/ip4/127.0.0.1/{way}/p2p/{peer}").parse().unwrap())
            .collect();
        let mut relays = Relays::default();
        for addr in &addrs {
            relays.add(addr.clone(), now).unwrap();
        }
        assert_eq!(relays.due_dials(now), [(peer, addrs[..1].to_vec())]);
        assert!(relays.due_dials(now + HEAD_START).contains(&(peer, addrs[1..].to_vec())), "the others come later");
        relays.opened(&peer, line, addrs[2].clone(), now);
        relays.listening(&peer, ListenerId::next(), now);
        assert_eq!(relays.granted(&peer, PeerId::random()).unwrap().0, addrs[2]);
        assert_eq!(relays.remove(&addrs[0]), None, "two are left");
    }
}
