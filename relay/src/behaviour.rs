//! The libp2p protocols that a relay speaks, and their limits.
//!
//! Deliberately absent: gossip. A relay hears circuits as ciphertext and subscribes to nothing.

use std::num::NonZeroU32;
use std::time::Duration;

use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::identity::PublicKey;
use libp2p::swarm::NetworkBehaviour;
use libp2p::{autonat, identify, ping, relay};

use crate::Limits;

/// A dead TCP connection is closed after about three of these.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_secs(5);
const MINUTE: Duration = Duration::from_secs(60);

#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    limits: connection_limits::Behaviour,
    pub(crate) circuits: relay::Behaviour,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    reachability: autonat::v2::server::Behaviour,
}

impl Behaviour {
    pub(crate) fn new(key: PublicKey, limits: &Limits) -> Self {
        let connections = ConnectionLimits::default()
            .with_max_established(Some(limits.connections))
            .with_max_established_per_peer(Some(limits.connections_per_peer))
            .with_max_pending_incoming(Some(limits.pending_connections));
        let identify = identify::Config::new("/omniscope/1".to_owned(), key.clone())
            .with_agent_version(format!("omniscope-relay/{}", env!("CARGO_PKG_VERSION")));
        let ping = ping::Config::new().with_interval(PING_INTERVAL).with_timeout(PING_TIMEOUT);
        Self {
            limits: connection_limits::Behaviour::new(connections),
            circuits: relay::Behaviour::new(key.to_peer_id(), circuits(limits)),
            identify: identify::Behaviour::new(identify),
            ping: ping::Behaviour::new(ping),
            reachability: autonat::v2::server::Behaviour::default(),
        }
    }
}

fn circuits(limits: &Limits) -> relay::Config {
    // A limit of zero would mean "never", which no setting here can ask for.
    let rate = |limit: u32| NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN);
    let config = relay::Config {
        max_reservations: limits.reservations,
        max_reservations_per_peer: limits.reservations_per_peer,
        reservation_duration: limits.reservation_duration,
        reservation_rate_limiters: Vec::new(),
        max_circuits: limits.circuits,
        max_circuits_per_peer: limits.circuits_per_peer,
        max_circuit_duration: limits.circuit_duration,
        max_circuit_bytes: limits.circuit_bytes,
        circuit_src_rate_limiters: Vec::new(),
    };
    config
        .reservation_rate_per_peer(rate(limits.reservation_requests_per_peer), MINUTE)
        .reservation_rate_per_ip(rate(limits.reservation_requests_per_ip), MINUTE)
        .circuit_src_per_peer(rate(limits.circuit_requests_per_peer), MINUTE)
        .circuit_src_per_ip(rate(limits.circuit_requests_per_ip), MINUTE)
}
