//! Where members are looked for: at the addresses where they were met last, and behind relays.
//!
//! Deliberately absent: dialling and the choice between paths, which are the network's.

use std::collections::BTreeSet;

use libp2p::Multiaddr;
use omniscope_protocol::identity::DeviceId;
use omniscope_protocol::judge::Role;

use super::Actor;
use crate::net::NetCommand;
use crate::store::{Batch, Write};

/// Addresses of one member kept over restarts.
const MAX_REMEMBERED: usize = 8;

impl Actor {
    /// Looks for a member: where it was met last, and behind the relays that are in use.
    pub(super) fn seek(&self, device: DeviceId) {
        if device == self.me {
            return;
        }
        if let Some(peer) = self.peers.get(&device) {
            self.remember_addresses(device, &peer.addrs);
        }
        let relays = self.relays().map(|r| circuit_through(r, &device));
        let addrs: Vec<Multiaddr> = self.remembered_addresses(&device).into_iter().chain(relays).collect();
        // Without an address, too: circuits and neighbours may lead to it later.
        self.command(NetCommand::Know { device, addrs });
    }

    /// Looks for everybody in the workspaces of which this device is a member.
    pub(super) fn seek_members(&self) {
        let rooms = self.rooms.values().filter(|r| r.space.replica.role(&self.me) > Role::None);
        let members: BTreeSet<DeviceId> = rooms.flat_map(|r| r.space.members()).map(|m| DeviceId(m.author)).collect();
        for device in members {
            self.seek(device);
        }
    }

    pub(super) fn on_addresses(&mut self, device: DeviceId, addrs: Vec<Multiaddr>) {
        if self.rooms.values().any(|r| r.space.replica.role(&device) > Role::None) {
            self.remember_addresses(device, &addrs);
        }
        if let Some(peer) = self.peers.get_mut(&device) {
            peer.addrs = addrs;
        }
    }

    /// Keeps where a member listens, so that it is found again after a restart without a relay.
    fn remember_addresses(&self, device: DeviceId, addrs: &[Multiaddr]) {
        let known = self.remembered_addresses(&device);
        let addrs: Vec<&Multiaddr> = addrs.iter().take(MAX_REMEMBERED).collect();
        if addrs.is_empty() || known.iter().eq(addrs.iter().copied()) {
            return;
        }
        let text = addrs.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        let write = Write::Setting { key: addresses_key(&device), value: Some(text.into_bytes()) };
        self.store.commit(Batch::one(write), |result| {
            if let Err(error) = result {
                tracing::warn!(%error, "a member's addresses were not kept");
            }
        });
    }

    fn remembered_addresses(&self, device: &DeviceId) -> Vec<Multiaddr> {
        let kept = self.store.setting(&addresses_key(device)).ok().flatten().unwrap_or_default();
        let text = String::from_utf8(kept).unwrap_or_default();
        text.lines().take(MAX_REMEMBERED).filter_map(|line| line.parse().ok()).collect()
    }
}

fn addresses_key(device: &DeviceId) -> String {
    format!("addresses {device}")
}

/// The address of a device behind a relay.
pub(super) fn circuit_through(relay: &Multiaddr, device: &DeviceId) -> Multiaddr {
    let mut addr = relay.clone();
    addr.push(libp2p::multiaddr::Protocol::P2pCircuit);
    if let Some(peer) = crate::net::peer_of(device) {
        addr.push(libp2p::multiaddr::Protocol::P2p(peer));
    }
    addr
}
