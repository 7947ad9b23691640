//! How this device lets itself be reached: on which ports, through which relays, and whether by those alone.
//!
//! Relays come from the start (`--relay`) and from links by which this device joined: who was let in through a relay
//! is to be found there later, too. Deliberately absent: reservations and dialling, which are the network's.

use std::collections::{BTreeMap, BTreeSet};

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use omniscope_protocol::identity::DeviceId;

use super::Actor;
use crate::answers::UsedRelay;
use crate::net::{MAX_RELAYS, NetCommand, device_at};
use crate::store::{Batch, Store, Write};

const RELAYS_KEY: &str = "relays";
const PORTS_KEY: &str = "ports";
const RELAY_ONLY_KEY: &str = "relay only";

/// Relays kept from links, in the order in which they came.
pub(crate) fn kept_relays(store: &Store) -> Vec<Multiaddr> {
    kept_addresses(store, RELAYS_KEY)
}

/// Where this device listened last, with the ports that the system chose.
pub(crate) fn kept_ports(store: &Store) -> Vec<Multiaddr> {
    kept_addresses(store, PORTS_KEY)
}

fn kept_addresses(store: &Store, key: &str) -> Vec<Multiaddr> {
    let kept = store.setting(key).ok().flatten().unwrap_or_default();
    let text = String::from_utf8(kept).unwrap_or_default();
    text.lines().take(MAX_RELAYS).filter_map(|line| line.parse().ok()).collect()
}

fn as_text<'a>(addresses: impl IntoIterator<Item = &'a Multiaddr>) -> Option<Vec<u8>> {
    Some(addresses.into_iter().map(ToString::to_string).collect::<Vec<_>>().join("\n").into_bytes())
}

/// Whether this device was told to be reached by relays alone.
pub(crate) fn is_relay_only(store: &Store) -> bool {
    store.setting(RELAY_ONLY_KEY).is_ok_and(|kept| kept.is_some())
}

/// The relays that circuits lead through.
pub(super) fn relays_in(addresses: &[Multiaddr]) -> BTreeSet<Multiaddr> {
    let before = |addr: &Multiaddr| {
        let relay: Multiaddr = addr.iter().take_while(|part| !matches!(part, Protocol::P2pCircuit)).collect();
        (relay.len() < addr.len() && device_at(&relay).is_some()).then_some(relay)
    };
    addresses.iter().filter_map(before).collect()
}

/// How it stands with a relay, beside its reservation.
#[derive(Debug, Default)]
pub(super) struct RelayHealth {
    latency_ms: Option<f64>,
    /// Why it was lost or refused last; nothing while a reservation holds.
    problem: Option<String>,
}

/// By relay; as many as may be in use.
pub(super) type RelaysHealth = BTreeMap<DeviceId, RelayHealth>;

impl Actor {
    fn relay_health(&mut self, relay: DeviceId) -> Option<&mut RelayHealth> {
        if !self.relays_health.contains_key(&relay) && self.relays_health.len() >= MAX_RELAYS {
            let used: BTreeSet<DeviceId> = self.relays().filter_map(device_at).collect();
            self.relays_health.retain(|device, _| used.contains(device));
        }
        let room = self.relays_health.len() < MAX_RELAYS || self.relays_health.contains_key(&relay);
        room.then(|| self.relays_health.entry(relay).or_default())
    }

    pub(super) fn on_relay_heard(&mut self, relay: DeviceId, rtt_ms: f64) {
        if let Some(health) = self.relay_health(relay) {
            health.latency_ms = Some(rtt_ms);
        }
    }

    pub(super) fn on_relay_up(&mut self, addr: &Multiaddr) {
        if let Some(health) = device_at(addr).and_then(|relay| self.relay_health(relay)) {
            health.problem = None;
        }
    }

    pub(super) fn on_relay_down(&mut self, addr: &Multiaddr, reason: String) {
        if let Some(health) = device_at(addr).and_then(|relay| self.relay_health(relay)) {
            *health = RelayHealth { latency_ms: None, problem: Some(reason) };
        }
    }

    /// The relays in use as the status shows them.
    pub(super) fn shown_relays(&self) -> Vec<UsedRelay> {
        let relay = |addr: &Multiaddr| {
            let health = device_at(addr).and_then(|relay| self.relays_health.get(&relay));
            UsedRelay {
                addr: addr.to_string(),
                state: if self.is_relay_up(addr) { "up" } else { "down" },
                latency_ms: health.and_then(|health| health.latency_ms),
                problem: health.and_then(|health| health.problem.clone()),
            }
        };
        self.relays().map(relay).collect()
    }

    /// The relays in use.
    pub(super) fn relays(&self) -> impl Iterator<Item = &Multiaddr> {
        let here = self.options.relays.iter().chain(&self.kept_relays);
        let kept = self.kept_relays.iter().filter(|r| !self.options.relays.contains(r));
        let mailboxes = self.mail.relays().into_iter().filter(move |m| {
            let relay = device_at(m);
            here.clone().all(|r| device_at(r) != relay)
        });
        self.options.relays.iter().chain(kept).chain(mailboxes)
    }

    /// Uses a relay until the end of this run.
    pub(super) fn use_relay(&self, relay: &Multiaddr) {
        if self.relays().count() < MAX_RELAYS {
            self.command(NetCommand::AddRelay(relay.clone()));
        }
    }

    /// Uses an address of a relay no more, unless it is used for something else. A relay that no setting and no workspace
    /// names any more is left altogether, whatever links had said of it.
    pub(super) fn drop_relay(&mut self, relay: &Multiaddr) {
        let Some(device) = device_at(relay) else { return };
        let is = |used: &Multiaddr| device_at(used) == Some(device);
        if self.options.relays.iter().chain(self.mail.addresses()).any(is) {
            let mut used = self.options.relays.iter().chain(&self.kept_relays).chain(self.mail.addresses());
            if used.all(|used| used != relay) {
                self.command(NetCommand::RemoveRelay(relay.clone()));
            }
            return;
        }
        if self.kept_relays.iter().any(is) {
            self.kept_relays.retain(|kept| !is(kept));
            self.keep_setting(RELAYS_KEY, as_text(&self.kept_relays));
        }
        self.circuits.retain(|addr, _| !is(addr));
        self.command(NetCommand::LeaveRelay(device));
    }

    /// Uses relays from now on, also after a restart.
    pub(super) fn keep_relays(&mut self, relays: BTreeSet<Multiaddr>) {
        let known = self.kept_relays.len();
        for relay in relays {
            if self.relays().all(|r| *r != relay) && self.relays().count() < MAX_RELAYS {
                self.command(NetCommand::AddRelay(relay.clone()));
                self.kept_relays.push(relay);
            }
        }
        if self.kept_relays.len() > known {
            self.keep_setting(RELAYS_KEY, as_text(&self.kept_relays));
            // Members may be found behind them.
            self.seek_members();
        }
    }

    /// Lets this device be reached by relays alone, or no more.
    pub(super) fn set_relay_only(&mut self, on: bool) {
        self.keep_setting(RELAY_ONLY_KEY, on.then(|| vec![1]));
        self.options.relay_only = on;
        self.listening.clear();
        self.command(NetCommand::SetRelayOnly(on));
    }

    /// Listens on the same ports after a restart, so that who remembers this device finds it.
    pub(super) fn keep_ports(&self, ports: &[Multiaddr]) {
        self.keep_setting(PORTS_KEY, as_text(ports));
    }

    fn keep_setting(&self, key: &str, value: Option<Vec<u8>>) {
        let write = Write::Setting { key: key.into(), value };
        self.store.commit(Batch::one(write), |result| {
            if let Err(error) = result {
                tracing::warn!(%error, "a setting of the network was not kept");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_circuit_names_the_relay_to_keep() {
        let (relay, peer) = (
            "12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5",
            "12D3KooWJWoaqZhDaoEFshF7Rh1bpY9ohihFhzcW6d69Lr2NASuq",
        );
        let read = |text: String| text.parse::<Multiaddr>().unwrap();
        let way = format!("/dns4/relay.example/tcp/443/wss/p2p/{relay}");
        let addresses = [
            read(format!("{way}/p2p-circuit/p2p/{peer}")),
            read(format!("/ip4/10.0.0.1/tcp/1/p2p/{peer}")),
            read(format!("/ip4/10.0.0.1/tcp/1/p2p-circuit/p2p/{peer}")),
        ];
        assert_eq!(relays_in(&addresses), [read(way)].into());
    }
}
