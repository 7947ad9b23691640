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
pub(super) const SILENCE: Duration = Duration::from_millis(4500);
/// A circuit is kept this long beside a direct connection, and until that one has carried an answer: closed at once, it
/// would take gossip with it, and a path that is soon lost would leave nothing.
const KEEP_CIRCUIT: Duration = Duration::from_secs(20);
/// Two direct connections, as hole punching or two dials at once leave them, are thinned out after this time.
const KEEP_SECOND: Duration = Duration::from_secs(5);
/// A change of the round-trip time below this share is not told.
const RTT_CHANGE: f64 = 0.25;
/// Round-trip times closer than this are the same, whatever the share.
const RTT_NOISE_MS: f64 = 1.0;

struct Connection {
    path: Path,
    watched: bool,
    rtt_ms: Option<f64>,
    heard: Instant,
    opened: Instant,
    /// An answer to a request came over it.
    carried: bool,
    closing: bool,
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
        Some(Change::Path { device: self.device, path: best.0, rtt_ms: best.1, lost: false })
    }
}

/// What the owner should hear after an event.
#[derive(Debug, PartialEq)]
pub(super) enum Change {
    Up {
        device: DeviceId,
        path: Path,
    },
    /// `lost`: a connection broke, and what was under way on it may be lost.
    Path {
        device: DeviceId,
        path: Path,
        rtt_ms: Option<f64>,
        lost: bool,
    },
    Down {
        device: DeviceId,
    },
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
        let watched = is_watched(remote);
        let connection =
            Connection { path, watched, rtt_ms: None, heard: now, opened: now, carried: false, closing: false };
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
        if let Some((path, rtt_ms)) = link.best() {
            link.told = (path, rtt_ms);
            return Some(Change::Path { device: link.device, path, rtt_ms, lost: true });
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

    /// An answer to a request came over a connection.
    pub(super) fn carried(&mut self, peer: &PeerId, id: ConnectionId) {
        if let Some(connection) = self.links.get_mut(peer).and_then(|link| link.connections.get_mut(&id)) {
            connection.carried = true;
        }
    }

    /// Connections that a better one of the same device has made superfluous. Only the side with the smaller peer id
    /// names any, so that the two never close each other's last one.
    pub(super) fn superfluous(&mut self, local: &PeerId, now: Instant) -> Vec<ConnectionId> {
        let mut found = Vec::new();
        for (_, link) in self.links.iter_mut().filter(|(peer, link)| local < *peer && link.connections.len() > 1) {
            let proven = link.connections.iter().filter(|(_, c)| c.carried && !c.closing && c.path != Path::Relayed);
            let Some((best, path, since)) = proven.map(|(id, c)| (*id, c.path, c.opened)).min_by_key(|b| (b.1, b.2))
            else {
                continue;
            };
            let stands = now.duration_since(since);
            for (id, other) in link.connections.iter_mut().filter(|(id, c)| **id != best && !c.closing) {
                let keep = if other.path == Path::Relayed { KEEP_CIRCUIT } else { KEEP_SECOND };
                if other.path >= path && stands > keep && now.duration_since(other.opened) > keep {
                    other.closing = true;
                    found.push(*id);
                }
            }
        }
        found
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

    /// Forgets everybody; returns who was connected.
    pub(super) fn clear(&mut self) -> Vec<DeviceId> {
        std::mem::take(&mut self.links).into_values().map(|link| link.device).collect()
    }

    pub(super) fn reach(&self, peer: &PeerId) -> Reach {
        match self.path(peer) {
            None => Reach::None,
            Some(Path::Relayed) => Reach::RelayedOnly,
            Some(_) => Reach::Direct,
        }
    }

    /// The best path to a device.
    pub(super) fn path(&self, peer: &PeerId) -> Option<Path> {
        self.links.get(peer).and_then(Link::best).map(|(path, _)| path)
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
        assert_eq!(better, Some(Change::Path { device: DEVICE, path: Path::Lan, rtt_ms: None, lost: false }));
        let told = Change::Path { device: DEVICE, path: Path::Lan, rtt_ms: None, lost: true };
        assert_eq!(links.closed(&peer, relayed), Some(told), "what was on it may be lost");
        assert_eq!(links.closed(&peer, direct), Some(Change::Down { device: DEVICE }));
        assert!(!links.is_connected(&peer));
    }

    #[test]
    fn a_circuit_is_kept_until_a_direct_path_has_stood_and_carried_an_answer() {
        let now = Instant::now();
        let mut links = Links::default();
        let mut keys = [PeerId::random(), PeerId::random()];
        keys.sort();
        let [small, large] = keys;
        let ids: Vec<ConnectionId> = (1..4).map(ConnectionId::new_unchecked).collect();
        let circuit = "/ip4/203.0.113.1/tcp/1/p2p-circuit".parse().unwrap();
        let direct = "/ip4/203.0.113.2/udp/1/quic-v1".parse().unwrap();
        links.opened(large, DEVICE, ids[0], &circuit, now);
        links.opened(large, DEVICE, ids[1], &direct, now);
        links.opened(large, DEVICE, ids[2], &direct, now);
        let later = now + KEEP_CIRCUIT * 2;
        assert!(links.superfluous(&small, later).is_empty(), "nothing is proven");
        links.carried(&large, ids[2]);
        assert!(links.superfluous(&small, now + KEEP_SECOND).is_empty());
        assert_eq!(links.superfluous(&small, now + KEEP_CIRCUIT), [ids[1]], "the second of two");
        assert_eq!(links.superfluous(&small, later), [ids[0]], "and the circuit");
        assert!(links.superfluous(&small, later).is_empty(), "once");
        links.opened(small, DEVICE, ids[0], &circuit, now);
        links.opened(small, DEVICE, ids[1], &direct, now);
        links.carried(&small, ids[1]);
        assert!(links.superfluous(&large, later).is_empty(), "one side decides");
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
