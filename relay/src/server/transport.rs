//! The ways in: TCP, QUIC and WebSocket with Noise and Yamux; WebSocket over TLS where a certificate is configured.

use std::path::Path;
use std::time::Duration;

use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{Boxed, Transport};
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::{PeerId, Swarm, SwarmBuilder, dns, noise, tcp, websocket, yamux};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::StartError;
use super::proxied::Proxied;
use crate::Config;
use crate::admission::Gate;
use crate::behaviour::Behaviour;
use crate::codec::BytesCodec;
use crate::screen::Screen;

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
        // Lazily: what is said goes out with the name of its protocol, not a round trip later.
        .with_swarm_config(|config| {
            config.with_idle_connection_timeout(IDLE).with_substream_upgrade_protocol_override(Version::V1Lazy)
        })
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
        let read = |path: &Path| {
            std::fs::read(path).map_err(|e| StartError::Transport(format!("cannot read {}: {e}", path.display())))
        };
        let chain = certificates(&read(chain)?).map_err(|e| failed(&format!("{}: {e}", chain.display())))?;
        let secret = private_key(&read(secret)?)
            .map_err(|e| failed(&format!("no private key can be read from {}: {e}", secret.display())))?;
        let secret = websocket::tls::PrivateKey::new(secret);
        let tls = websocket::tls::Config::new(secret, chain.into_iter().map(websocket::tls::Certificate::new));
        web.set_tls_config(tls.map_err(|error| failed(&error))?);
    }
    let noise = noise::Config::new(key).map_err(|error| failed(&error))?;
    let web =
        web.upgrade(Version::V1Lazy).authenticate(Screen::new(noise, gate.clone())).multiplex(yamux::Config::default());
    Ok(web.map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer))).boxed())
}

/// Every certificate of a chain in PEM form, in the order of the file.
fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| error.to_string())?;
    if found.is_empty() {
        return Err("it holds no certificate in PEM form".to_owned());
    }
    Ok(found.iter().map(|certificate| certificate.to_vec()).collect())
}

/// The first private key of a file in PEM form, as DER of a shape that the TLS library knows: it would panic at another.
fn private_key(pem: &[u8]) -> Result<Vec<u8>, String> {
    let found = PrivateKeyDer::from_pem_slice(pem).map_err(|error| error.to_string())?;
    PrivateKeyDer::try_from(found.secret_der())?;
    Ok(found.secret_der().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_and_no_key_is_refused() {
        let block = |label, body| format!("x\n-----BEGIN {label}-----\n{body}\n-----END {label}-----\n").into_bytes();
        let chain =
            [block("CERTIFICATE", "AAEC\nAw=="), block("PRIVATE KEY", "/+8="), block("CERTIFICATE", "BA==")].concat();
        assert_eq!(certificates(&chain), Ok(vec![vec![0, 1, 2, 3], vec![4]]));
        assert!(certificates(&[]).is_err() && certificates(&block("CERTIFICATE", "?")).is_err());
        assert!(private_key(&chain).is_err(), "these are the bytes of no key");
        assert!(private_key(&[]).is_err() && private_key(&block("CERTIFICATE", "AAEC")).is_err());
    }
}
