//! The ways in: TCP, QUIC and WebSocket with Noise and Yamux; WebSocket over TLS where a certificate is configured.

use std::time::Duration;

use base64_pem::{certificates, private_key};
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{Boxed, Transport};
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::{PeerId, Swarm, SwarmBuilder, dns, noise, tcp, websocket, yamux};

use super::StartError;
use super::proxied::Proxied;
use crate::Config;
use crate::admission::Gate;
use crate::behaviour::Behaviour;
use crate::codec::BytesCodec;
use crate::screen::Screen;

mod base64_pem;

/// A QUIC connection without a packet for this long is dead; the same as in the devices.
const QUIC_IDLE_MS: u32 = 4000;
const QUIC_KEEP_ALIVE: Duration = Duration::from_secs(1);
/// What may lie unread on one QUIC connection, and on one of its streams.
const QUIC_UNREAD_BYTES: u32 = 512 * 1024;
const QUIC_STREAM_UNREAD_BYTES: u32 = 256 * 1024;
/// A connection without reservation, circuit or question is closed after this time.
const IDLE: Duration = Duration::from_secs(60);

/// Builds the swarm; it does not listen yet.
pub(super) fn build(
    key: Keypair,
    config: &Config,
    gate: &Gate,
    codec: BytesCodec,
) -> Result<Swarm<Behaviour>, StartError> {
    let failed = |error: &dyn std::fmt::Display| StartError::Transport(error.to_string());
    let web = websocket(&key, config, gate)?;
    let screen = |key: &Keypair| Ok::<_, noise::Error>(Screen::new(noise::Config::new(key)?, gate.clone()));
    let swarm = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), screen, yamux::Config::default)
        .map_err(|error| failed(&error))?
        .with_quic_config(|mut config| {
            config.max_idle_timeout = QUIC_IDLE_MS;
            config.keep_alive_interval = QUIC_KEEP_ALIVE;
            (config.max_connection_data, config.max_stream_data) = (QUIC_UNREAD_BYTES, QUIC_STREAM_UNREAD_BYTES);
            config
        })
        .with_other_transport(|_| web)
        .map_err(|error| failed(&error))?
        .with_behaviour(|key| Behaviour::new(key.public(), &config.limits, gate, codec))
        .map_err(|error| failed(&error))?
        .with_swarm_config(|config| config.with_idle_connection_timeout(IDLE))
        .build();
    Ok(swarm)
}

fn websocket(key: &Keypair, config: &Config, gate: &Gate) -> Result<Boxed<(PeerId, StreamMuxerBox)>, StartError> {
    let failed = |error: &dyn std::fmt::Display| StartError::Transport(error.to_string());
    // A relay dials nobody by name; the resolver is there because the type asks for one.
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true));
    let tcp = Proxied::new(tcp, config.trusted_proxies.clone());
    let none = dns::Transport::custom(tcp, dns::ResolverConfig::default(), dns::ResolverOpts::default());
    let mut web = websocket::Config::new(none);
    if let Some((chain, secret)) = &config.tls {
        let read = |path: &std::path::Path| {
            std::fs::read_to_string(path)
                .map_err(|e| StartError::Transport(format!("cannot read {}: {e}", path.display())))
        };
        let chain = certificates(&read(chain)?).map_err(|e| failed(&format!("{}: {e}", chain.display())))?;
        let secret = private_key(&read(secret)?).map_err(|e| failed(&format!("{}: {e}", secret.display())))?;
        let certificates = chain.into_iter().map(websocket::tls::Certificate::new);
        let tls = websocket::tls::Config::new(websocket::tls::PrivateKey::new(secret), certificates);
        web.set_tls_config(tls.map_err(|error| failed(&error))?);
    }
    let noise = noise::Config::new(key).map_err(|error| failed(&error))?;
    let web =
        web.upgrade(Version::V1Lazy).authenticate(Screen::new(noise, gate.clone())).multiplex(yamux::Config::default());
    Ok(web.map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer))).boxed())
}
