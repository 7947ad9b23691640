//! The libp2p protocols that a relay speaks, and their limits.
//!
//! Deliberately absent: gossip. A relay hears circuits as ciphertext and subscribes to nothing; what members shall know
//! it tells each of them.

use std::num::NonZeroU32;
use std::time::Duration;

use libp2p::Multiaddr;
use libp2p::identity::PublicKey;
use libp2p::request_response::{self, ProtocolSupport};
use libp2p::swarm::NetworkBehaviour;
use libp2p::{autonat, identify, ping, relay};

use crate::Limits;
use crate::admission::Gate;
use crate::codec::{BytesCodec, PROTOCOL};
use crate::doors::Doors;
use crate::feed::Feed;

/// A dead TCP connection is closed after about three of these.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_secs(5);
const MINUTE: Duration = Duration::from_secs(60);
/// Who sends its request slower than this is cut off.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// Requests open on one connection at one time, both directions together.
const MAX_STREAMS_PER_CONNECTION: usize = 16;

#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    /// First, so that nothing else hears of a connection that is not let in.
    pub(crate) doors: Doors,
    pub(crate) circuits: relay::Behaviour,
    pub(crate) requests: request_response::Behaviour<BytesCodec>,
    pub(crate) feed: Feed,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    reachability: autonat::v2::server::Behaviour,
}

impl Behaviour {
    pub(crate) fn new(key: PublicKey, limits: &Limits, gate: &Gate, codec: BytesCodec) -> Self {
        let identify = identify::Config::new("/omniscope/1".to_owned(), key.clone())
            .with_agent_version(format!("omniscope-relay/{}", env!("CARGO_PKG_VERSION")));
        let ping = ping::Config::new().with_interval(PING_INTERVAL).with_timeout(PING_TIMEOUT);
        let requests = request_response::Config::default()
            .with_request_timeout(REQUEST_TIMEOUT)
            .with_max_concurrent_streams(MAX_STREAMS_PER_CONNECTION);
        let protocols = [(PROTOCOL, ProtocolSupport::Full)];
        Self {
            doors: Doors::new(limits.clone(), gate.clone()),
            circuits: relay::Behaviour::new(key.to_peer_id(), circuits(limits, gate)),
            requests: request_response::Behaviour::with_codec(codec, protocols, requests),
            feed: Feed::default(),
            identify: identify::Behaviour::new(identify),
            ping: ping::Behaviour::new(ping),
            reachability: autonat::v2::server::Behaviour::default(),
        }
    }
}

/// The gate comes first: who is not let in takes nothing of anybody's rate.
fn circuits(limits: &Limits, gate: &Gate) -> relay::Config {
    let (reserving, connecting) = (gate.clone(), gate.clone());
    // A limit of zero would mean "never", which no setting here can ask for.
    let rate = |limit: u32| NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN);
    let config = relay::Config {
        max_reservations: limits.reservations,
        max_reservations_per_peer: limits.reservations_per_peer,
        reservation_duration: limits.reservation_duration,
        reservation_rate_limiters: vec![Box::new(move |peer, _: &Multiaddr, _| reserving.may_reserve(&peer))],
        max_circuits: limits.circuits,
        max_circuits_per_peer: limits.circuits_per_peer,
        max_circuit_duration: limits.circuit_duration,
        max_circuit_bytes: limits.circuit_bytes,
        circuit_src_rate_limiters: vec![Box::new(move |peer, _: &Multiaddr, now| connecting.may_connect(&peer, now))],
    };
    config
        .reservation_rate_per_peer(rate(limits.reservation_requests_per_peer), MINUTE)
        .reservation_rate_per_ip(rate(limits.reservation_requests_per_ip), MINUTE)
        .circuit_src_per_peer(rate(limits.circuit_requests_per_peer), MINUTE)
        .circuit_src_per_ip(rate(limits.circuit_requests_per_ip), MINUTE)
}
