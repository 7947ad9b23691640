//! Addresses and names: device keys to peer ids, and what an address says about a path.
//!
//! Deliberately absent: any state; which addresses a device has is kept in `book`.

use std::net::{IpAddr, Ipv6Addr};

use libp2p::identity::{PublicKey, ed25519};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};

use super::{DeviceId, Path};

/// Multihash code for "the digest is the data itself", which Ed25519 peer ids use.
const IDENTITY_HASH: u64 = 0;

/// The peer id of a device; `None` when the bytes are no Ed25519 point.
pub fn peer_of(device: &DeviceId) -> Option<PeerId> {
    let key = ed25519::PublicKey::try_from_bytes(&device.0).ok()?;
    Some(PublicKey::from(key).to_peer_id())
}

/// The device behind a peer id; `None` for peers with another kind of key.
pub fn device_of(peer: &PeerId) -> Option<DeviceId> {
    let hash = peer.as_ref();
    if hash.code() != IDENTITY_HASH {
        return None;
    }
    let key = PublicKey::try_decode_protobuf(hash.digest()).ok()?;
    Some(DeviceId(key.try_into_ed25519().ok()?.to_bytes()))
}

/// The device whose address this is: the one it ends in.
pub fn device_at(addr: &Multiaddr) -> Option<DeviceId> {
    last_peer(addr).and_then(|peer| device_of(&peer))
}

/// The peer that an address ends in.
pub(super) fn last_peer(addr: &Multiaddr) -> Option<PeerId> {
    match addr.iter().last() {
        Some(Protocol::P2p(peer)) => Some(peer),
        _ => None,
    }
}

/// The relay that a circuit leads through.
pub(super) fn relay_of(addr: &Multiaddr) -> Option<PeerId> {
    let mut relay = None;
    for part in addr {
        match part {
            Protocol::P2pCircuit => return relay,
            Protocol::P2p(peer) => relay = Some(peer),
            _ => {}
        }
    }
    None
}

/// The transport and port of an address that one can listen on: QUIC as UDP, or plain TCP.
pub(super) fn port_of(addr: &Multiaddr) -> Option<(bool, u16)> {
    let mut parts = addr.iter().skip(1);
    match (parts.next()?, parts.next()) {
        (Protocol::Udp(port), Some(Protocol::QuicV1)) => Some((true, port)),
        (Protocol::Tcp(port), None | Some(Protocol::P2p(_))) => Some((false, port)),
        _ => None,
    }
}

pub(super) fn is_quic(addr: &Multiaddr) -> bool {
    addr.iter().any(|part| matches!(part, Protocol::QuicV1))
}

pub(super) fn is_circuit(addr: &Multiaddr) -> bool {
    addr.iter().any(|part| matches!(part, Protocol::P2pCircuit))
}

/// Where the address leads; circuits are told apart first, names count as public.
pub(super) fn path_of(addr: &Multiaddr) -> Path {
    if is_circuit(addr) {
        return Path::Relayed;
    }
    let ip = addr.iter().find_map(|part| match part {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::V6(ip)),
        _ => None,
    });
    if ip.is_some_and(is_local) { Path::Lan } else { Path::Direct }
}

fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => is_local(IpAddr::V4(ip)),
            None => ip == Ipv6Addr::LOCALHOST || ip.is_unicast_link_local() || ip.is_unique_local(),
        },
    }
}

/// `addr` with the peer at its end, whether or not it already was there; `None` when it ends in another peer.
pub(super) fn ending_in(addr: Multiaddr, peer: PeerId) -> Option<Multiaddr> {
    addr.with_p2p(peer).ok()
}

/// `wildcard` with the port that the system chose for it, as seen in `actual`.
pub(super) fn with_port_of(wildcard: &Multiaddr, actual: &Multiaddr) -> Multiaddr {
    let port = actual.iter().find_map(|part| match part {
        Protocol::Tcp(port) | Protocol::Udp(port) => Some(port),
        _ => None,
    });
    let Some(port) = port else { return wildcard.clone() };
    wildcard
        .iter()
        .map(|part| match part {
            Protocol::Tcp(0) => Protocol::Tcp(port),
            Protocol::Udp(0) => Protocol::Udp(port),
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn device_and_peer_are_two_names_of_one_key() {
        let key = libp2p::identity::Keypair::ed25519_from_bytes([7; 32]).unwrap();
        let peer = key.public().to_peer_id();
        let device = device_of(&peer).unwrap();
        assert_eq!(peer_of(&device), Some(peer));
        assert_eq!(device_of(&PeerId::random()), None);
    }

    #[test]
    fn paths_follow_the_address() {
        let cases = [
            ("/ip4/127.0.0.1/tcp/1", Path::Lan),
            ("/ip4/192.168.1.9/udp/1/quic-v1", Path::Lan),
            ("/ip4/169.254.0.1/tcp/1", Path::Lan),
            ("/ip6/fe80::1/tcp/1", Path::Lan),
            ("/ip6/fd00::1/tcp/1", Path::Lan),
            ("/ip6/::ffff:10.0.0.1/tcp/1", Path::Lan),
            ("/ip4/203.0.113.7/tcp/1", Path::Direct),
            ("/ip6/2001:db8::1/tcp/1", Path::Direct),
            ("/dns4/example.org/tcp/1", Path::Direct),
            ("/ip4/127.0.0.1/tcp/1/p2p-circuit", Path::Relayed),
        ];
        for (addr, path) in cases {
            assert_eq!(path_of(&addr.parse().unwrap()), path, "{addr}");
        }
    }

    #[test]
    fn a_circuit_names_its_relay() {
        let (relay, peer) = (PeerId::random(), PeerId::random());
        let plain: Multiaddr = format!("/ip4/10.0.0.1/tcp/1/p2p/{relay}").parse().unwrap();
        assert_eq!(relay_of(&plain), None);
        let circuit = plain.with(Protocol::P2pCircuit).with(Protocol::P2p(peer));
        assert_eq!((relay_of(&circuit), last_peer(&circuit)), (Some(relay), Some(peer)));
        let ports = ["udp/4/quic-v1", "tcp/4", "tcp/4/ws", "udp/4"]
            .map(|way| port_of(&format!("/ip4/10.0.0.1/{way}").parse().unwrap()));
        assert_eq!(ports, [Some((true, 4)), Some((false, 4)), None, None]);
    }

    #[test]
    fn chosen_port_replaces_zero() {
        let wildcard: Multiaddr = "/ip4/0.0.0.0/udp/0/quic-v1".parse().unwrap();
        let actual: Multiaddr = "/ip4/10.0.0.3/udp/4242/quic-v1".parse().unwrap();
        assert_eq!(with_port_of(&wildcard, &actual).to_string(), "/ip4/0.0.0.0/udp/4242/quic-v1");
    }
}
