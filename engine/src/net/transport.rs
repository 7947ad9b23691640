//! The ways to carry bytes: QUIC, TCP and WebSocket with Noise and Yamux, and circuits through relays.
//!
//! WebSocket is only dialled, never listened on: it is for reaching a relay from a network that lets only port 443
//! through. Who is at the other end is proved by Noise, so the certificate of a `wss` relay proves no more than that the
//! way there is the one that people meant: what the world or this computer trusts will do. Deliberately absent: addresses
//! and dialling.

use std::sync::LazyLock;
use std::time::Duration;

use libp2p::core::Transport;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::{PeerId, Swarm, SwarmBuilder, dns, noise, quic, tcp, websocket};

use super::NetError;
use super::behaviour::{Behaviour, Manners};
use super::bundle::Mux;

/// A QUIC connection without a packet for this long is dead, so that a partition is noticed within 5 s.
const QUIC_IDLE_MS: u32 = 4000;
const QUIC_KEEP_ALIVE: Duration = Duration::from_secs(1);
const DIAL_TIMEOUT: Duration = Duration::from_secs(6);
/// Connections are kept while the device is online; what is dead is noticed by QUIC or by pings.
const IDLE: Duration = Duration::from_secs(24 * 3600);

pub(super) fn failed(error: &dyn std::fmt::Display) -> NetError {
    NetError::Transport(error.to_string())
}

/// Builds the swarm; it neither listens nor dials yet.
pub(super) fn build(key: &Keypair, manners: Manners) -> Result<Swarm<Behaviour>, NetError> {
    let all = transports(key)?;
    Ok(SwarmBuilder::with_existing_identity(key.clone())
        .with_tokio()
        .with_other_transport(|_| all)
        .map_err(|error| failed(&error))?
        .with_relay_client(noise::Config::new, Mux::default)
        .map_err(|error| failed(&error))?
        .with_behaviour(|key, relay| Ok(Behaviour::new(key, relay, manners)?))
        .map_err(|error| failed(&error))?
        // A request goes along with the naming of its protocol, instead of a round trip later.
        .with_swarm_config(|config| {
            let config = config.with_substream_upgrade_protocol_override(Version::V1Lazy);
            config.with_idle_connection_timeout(IDLE).with_smart_dial()
        })
        .with_connection_timeout(DIAL_TIMEOUT)
        .build())
}

/// All but circuits. WebSocket resolves names by itself, because it has to know for whom the certificate shall be.
fn transports(key: &Keypair) -> Result<Boxed<(PeerId, StreamMuxerBox)>, NetError> {
    let noise = noise::Config::new(key).map_err(|error| failed(&error))?;
    let direct = named(|| {
        let mut config = quic::Config::new(key);
        (config.max_idle_timeout, config.keep_alive_interval) = (QUIC_IDLE_MS, QUIC_KEEP_ALIVE);
        let datagrams = quic::tokio::Transport::new(config).map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
        let streams = tcp().upgrade(Version::V1Lazy).authenticate(noise.clone()).multiplex(Mux::default());
        let streams = streams.map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
        datagrams.or_transport(streams).map(|either, _| either.into_inner())
    });
    let mut web = websocket::Config::new(named(tcp));
    web.set_tls_config(trust());
    let web = web.upgrade(Version::V1Lazy).authenticate(noise).multiplex(Mux::default());
    let web = web.map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    Ok(web.or_transport(direct).map(|either, _| either.into_inner()).boxed())
}

fn tcp() -> tcp::tokio::Transport {
    tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
}

/// Takes names in addresses, where this machine can resolve any.
fn named<T>(make: impl Fn() -> T) -> dns::tokio::Transport<T> {
    dns::tokio::Transport::system(make()).unwrap_or_else(|error| {
        tracing::warn!(%error, "host names in addresses cannot be resolved on this machine");
        dns::tokio::Transport::custom(make(), dns::ResolverConfig::default(), dns::ResolverOpts::default())
    })
}

/// The authorities that the world trusts, and those of this computer: a lab may have one of its own. `SSL_CERT_FILE` and
/// `SSL_CERT_DIR` take the place of the latter. Read once a process.
pub(super) fn trust() -> websocket::tls::Config {
    static TRUST: LazyLock<websocket::tls::Config> = LazyLock::new(|| {
        let mut builder = websocket::tls::Config::builder();
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::debug!(%error, "certificates of this computer cannot be read");
        }
        for certificate in found.certs {
            if let Err(error) = builder.add_trust(&websocket::tls::Certificate::new(certificate.to_vec())) {
                tracing::debug!(%error, "a certificate of this computer is passed over");
            }
        }
        builder.finish()
    });
    TRUST.clone()
}
