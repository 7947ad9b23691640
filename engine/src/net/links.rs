//! The open connections to each device, and what they add up to.
//!
//! Deliberately absent: opening and closing; `silent` names what the driver must close.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};

use super::address::path_of;
use super::book::Reach;
use super::pulse::is_watched;
use super::{DeviceId, Path};

/// A watched connection without an answered ping for this long is dead.
const SILENCE: Duration = Duration::from_millis(4500);
/// A change of the round-trip time below this share is not told.
const RTT_CHANGE: f64 = 0.25;
/// Round-trip times closer than this are the same, whatever the share.
const RTT_NOISE_MS: f64 = 1.0;

struct Connection {
    path: Path,
    watched: bool,
    rtt_ms: Option<f64>,
    heard: Instant,
}

struct Link {
    device: DeviceId,
    connections: BTreeMap<ConnectionId, Connection>,
    told: (Path, Option<f64>),
}

impl Link {
    /// The best path and its best round-trip time; `None` without connections.
    fn best(&self) -> Option<(Path, Option<f64>)> {
        let path = self.connections.values().map(|connection| connection.path).min()?;
        let rtts = self.connections.values().filter(|c| c.path == path).filter_map(|c| c.rtt_ms);
        Some((path, rtts.reduce(f64::min)))
    }

    /// The best path if it differs from what was told by enough to tell it again.
    fn news(&mut self) -> Option<Change> {
        let best = self.best()?;
        let same_rtt = match (best.1, self.told.1) {
            (Some(new), Some(old)) => (new - old).abs() < RTT_NOISE_MS.max(old * RTT_CHANGE),
            (new, old) => new.is_some() == old.is_some(),
        };
        if best.0 == self.told.0 && same_rtt {
            return None;
        }
        self.told = best;
        Some(Change::Path { device: self.device, path: best.0, rtt_ms: best.1 })
    }
}

/// What the owner should hear after an event.
#[derive(Debug, PartialEq)]
pub(super) enum Change {
    Up { device: DeviceId, path: Path },
    Path { device: DeviceId, path: Path, rtt_ms: Option<f64> },
    Down { device: DeviceId },
}

#[derive(Default)]
pub(super) struct Links {
    links: BTreeMap<PeerId, Link>,
}

impl Links {
    /// A connection was opened; `remote` carries the circuit if there is one.
    pub(super) fn opened(
        &mut self,
        peer: PeerId,
        device: DeviceId,
        id: ConnectionId,
        remote: &Multiaddr,
        now: Instant,
    ) -> Option<Change> {
        let path = path_of(remote);
        let connection = Connection { path, watched: is_watched(remote), rtt_ms: None, heard: now };
        match self.links.get_mut(&peer) {
            Some(link) => {
                link.connections.insert(id, connection);
                link.news()
            }
            None => {
                let connections = BTreeMap::from([(id, connection)]);
                self.links.insert(peer, Link { device, connections, told: (path, None) });
                Some(Change::Up { device, path })
            }
        }
    }

    pub(super) fn closed(&mut self, peer: &PeerId, id: ConnectionId) -> Option<Change> {
        let link = self.links.get_mut(peer)?;
        link.connections.remove(&id);
        if !link.connections.is_empty() {
            return link.news();
        }
        let device = link.device;
        self.links.remove(peer);
        Some(Change::Down { device })
    }

    /// A ping was answered.
    pub(super) fn heard(&mut self, peer: &PeerId, id: ConnectionId, rtt: Duration, now: Instant) -> Option<Change> {
        let link = self.links.get_mut(peer)?;
        let connection = link.connections.get_mut(&id)?;
        connection.heard = now;
        let sample = rtt.as_secs_f64() * 1000.0;
        connection.rtt_ms = Some(connection.rtt_ms.map_or(sample, |old| old * 0.75 + sample * 0.25));
        link.news()
    }

    /// Watched connections that have been silent for too long.
    pub(super) fn silent(&self, now: Instant) -> Vec<ConnectionId> {
        let all = self.links.values().flat_map(|link| &link.connections);
        all.filter(|(_, c)| c.watched && now.duration_since(c.heard) > SILENCE).map(|(id, _)| *id).collect()
    }

    /// Starts the clock of silence anew, after this process itself was asleep.
    pub(super) fn excuse_all(&mut self, now: Instant) {
        for connection in self.links.values_mut().flat_map(|link| link.connections.values_mut()) {
            connection.heard = now;
        }
    }

    pub(super) fn reach(&self, peer: &PeerId) -> Reach {
        match self.links.get(peer).and_then(Link::best) {
            None => Reach::None,
            Some((Path::Relayed, _)) => Reach::RelayedOnly,
            Some(_) => Reach::Direct,
        }
    }

    pub(super) fn is_connected(&self, peer: &PeerId) -> bool {
        self.links.contains_key(peer)
    }

    pub(super) fn device(&self, peer: &PeerId) -> Option<DeviceId> {
        self.links.get(peer).map(|link| link.device)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    const DEVICE: DeviceId = DeviceId([1; 32]);

    #[test]
    fn the_best_of_several_connections_is_the_path() {
        let now = Instant::now();
        let mut links = Links::default();
        let peer = PeerId::random();
        let (relayed, direct) = (ConnectionId::new_unchecked(1), ConnectionId::new_unchecked(2));
        let circuit = "/ip4/203.0.113.1/tcp/1/p2p-circuit".parse().unwrap();
        let up = links.opened(peer, DEVICE, relayed, &circuit, now);
        assert_eq!(up, Some(Change::Up { device: DEVICE, path: Path::Relayed }));
        assert_eq!(links.reach(&peer), Reach::RelayedOnly);
        let lan = "/ip4/10.0.0.2/udp/1/quic-v1".parse().unwrap();
        let better = links.opened(peer, DEVICE, direct, &lan, now);
        assert_eq!(better, Some(Change::Path { device: DEVICE, path: Path::Lan, rtt_ms: None }));
        assert_eq!(links.closed(&peer, relayed), None);
        assert_eq!(links.closed(&peer, direct), Some(Change::Down { device: DEVICE }));
        assert!(!links.is_connected(&peer));
    }

    #[test]
    fn only_watched_connections_fall_silent() {
        let now = Instant::now();
        let mut links = Links::default();
        let (tcp, quic) = (ConnectionId::new_unchecked(1), ConnectionId::new_unchecked(2));
        let peer = PeerId::random();
        links.opened(peer, DEVICE, tcp, &"/ip4/10.0.0.2/tcp/1".parse().unwrap(), now);
        links.opened(peer, DEVICE, quic, &"/ip4/10.0.0.2/udp/1/quic-v1".parse().unwrap(), now);
        assert!(links.silent(now + SILENCE).is_empty());
        let later = now + SILENCE * 2;
        assert_eq!(links.silent(later), [tcp]);
        assert!(links.heard(&peer, tcp, Duration::from_millis(3), later).is_some(), "the first measurement is news");
        assert!(links.heard(&peer, tcp, Duration::from_millis(3), later).is_none());
        assert!(links.silent(later).is_empty());
    }
}
