//! The ways to carry bytes: QUIC, TCP and WebSocket with Noise and Yamux, and circuits through relays.
//!
//! WebSocket is only dialled, never listened on: it is for reaching a relay from a network that lets only port 443
//! through. Deliberately absent: addresses and dialling.

use std::time::Duration;

use futures::FutureExt;
use libp2p::identity::Keypair;
use libp2p::{Swarm, SwarmBuilder, dns, noise, tcp, yamux};

use super::NetError;
use super::behaviour::{Behaviour, Manners};

/// A QUIC connection without a packet for this long is dead, so that a partition is noticed within 5 s.
const QUIC_IDLE_MS: u32 = 4000;
const QUIC_KEEP_ALIVE: Duration = Duration::from_secs(1);
const DIAL_TIMEOUT: Duration = Duration::from_secs(6);
/// Connections are kept while the device is online; what is dead is noticed by QUIC or by pings.
const IDLE: Duration = Duration::from_secs(24 * 3600);

fn failed(error: &dyn std::fmt::Display) -> NetError {
    NetError::Transport(error.to_string())
}

/// The part of the builder after name resolution. A macro, because each way of resolving has a type of its own.
macro_rules! finish {
    ($builder:expr, $manners:expr) => {
        $builder
            .with_relay_client(noise::Config::new, yamux::Config::default)
            .map_err(|error| failed(&error))?
            .with_behaviour(|key, relay| Ok(Behaviour::new(key, relay, $manners)?))
            .map_err(|error| failed(&error))?
            .with_swarm_config(|config| config.with_idle_connection_timeout(IDLE).with_smart_dial())
            .with_connection_timeout(DIAL_TIMEOUT)
            .build()
    };
}

/// Builds the swarm; it neither listens nor dials yet.
pub(super) fn build(key: &Keypair, manners: Manners) -> Result<Swarm<Behaviour>, NetError> {
    let start = || {
        let builder = SwarmBuilder::with_existing_identity(key.clone())
            .with_tokio()
            .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
            .map_err(|error| failed(&error))?
            .with_quic_config(|mut config| {
                config.max_idle_timeout = QUIC_IDLE_MS;
                config.keep_alive_interval = QUIC_KEEP_ALIVE;
                config
            });
        Ok::<_, NetError>(builder)
    };
    match start()?.with_dns() {
        Ok(builder) => {
            let with_websocket = builder.with_websocket(noise::Config::new, yamux::Config::default);
            let builder = with_websocket.now_or_never().expect("it reads the resolver's settings and awaits nothing");
            Ok(finish!(builder.map_err(|error| failed(&error))?, manners))
        }
        Err(error) => {
            tracing::warn!(%error, "host names in addresses cannot be resolved on this machine, nor WebSockets be used");
            let none = dns::ResolverConfig::default();
            Ok(finish!(start()?.with_dns_config(none, dns::ResolverOpts::default()), manners))
        }
    }
}
