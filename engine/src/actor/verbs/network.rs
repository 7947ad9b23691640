//! Verbs about presence, the network and the state of this device.

use omniscope_protocol::identity::{DeviceId, WorkspaceId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::{Actor, Peer};
use crate::answers::{Connected, NetworkStatus, answer};
use crate::api::{ApiError, params};
use crate::net::NetCommand;

impl Actor {
    pub(super) fn call_presence(&mut self, method: &str, given: Value) -> Result<Value, ApiError> {
        let workspace = given["workspace"].as_str().ok_or_else(|| ApiError::params("missing field `workspace`"))?;
        let id = self.find(workspace)?;
        let fields = match method {
            "cursor.move" => match (given["x"].as_f64(), given["y"].as_f64()) {
                (Some(x), Some(y)) => json!({"pointer": {"x": x, "y": y}}),
                _ => return Err(ApiError::params("expected the numbers x and y")),
            },
            "selection.change" => json!({"selection": given["nodes"]}),
            "presence.set" => given["state"].clone(),
            "presence.list" => return Ok(json!({"presence": self.presence_json(&id)})),
            _ => return Err(ApiError::new("unknown_method", format!("there is no verb {method}"))),
        };
        self.set_own_presence(&id, &fields)?;
        Ok(json!({}))
    }

    pub(super) fn call_network(&mut self, verb: &str, given: Value) -> Result<Value, ApiError> {
        if verb == "set" {
            #[derive(Deserialize)]
            #[serde(deny_unknown_fields)]
            struct Set {
                online: Option<bool>,
                relay_only: Option<bool>,
            }
            let Set { online, relay_only } = params(given)?;
            if online.is_none() && relay_only.is_none() {
                return Err(ApiError::params("expected online, relay_only or both"));
            }
            if self.net.is_none() {
                return Err(ApiError::new("no_network", "this engine was started without a network"));
            }
            if let Some(relay_only) = relay_only {
                self.set_relay_only(relay_only);
            }
            if let Some(online) = online {
                self.set_online(online);
            }
        } else if verb == "connect" {
            #[derive(Deserialize)]
            #[serde(deny_unknown_fields)]
            struct Connect {
                addr: libp2p::Multiaddr,
            }
            let Connect { addr } = params(given)?;
            let device = crate::net::device_at(&addr)
                .ok_or_else(|| ApiError::params(format!("expected an address that ends in /p2p/…, found {addr}")))?;
            self.command(NetCommand::Know { device, addrs: vec![addr] });
        } else if verb != "status" {
            return Err(ApiError::new("unknown_method", format!("there is no verb network.{verb}")));
        }
        let connected = |(device, peer): (&DeviceId, &Peer)| Connected {
            device: device.to_string(),
            path: peer.path.as_str().to_owned(),
            latency_ms: peer.rtt_ms,
        };
        answer(NetworkStatus {
            online: self.online,
            relay_only: self.options.relay_only,
            listening: self.listening.iter().map(ToString::to_string).collect(),
            relays: self.shown_relays(),
            peers: self.peers.iter().map(connected).collect(),
        })
    }

    fn set_online(&mut self, online: bool) {
        let rooms: Vec<WorkspaceId> = self.rooms.keys().copied().collect();
        for id in rooms.iter().filter(|_| !online) {
            self.pause_presence(id);
        }
        self.command(NetCommand::SetOnline(online));
        self.online = online;
        for id in &rooms {
            self.sync_state_changed(id);
        }
    }

    /// Whether a reservation stands on a relay, at whichever of its addresses.
    pub(in super::super) fn is_relay_up(&self, relay: &libp2p::Multiaddr) -> bool {
        let of = crate::net::device_at(relay);
        self.circuits.keys().any(|addr| crate::net::device_at(addr) == of)
    }
}
