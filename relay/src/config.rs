//! What a relay is told at its start.
//!
//! Deliberately absent: reading arguments and the environment (`main`).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use libp2p::Multiaddr;

/// The port of a relay that was told nothing else, for TCP and for QUIC over UDP.
pub const DEFAULT_PORT: u16 = 4717;

/// Whom a relay serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// Members of registered workspaces and those whom they invited; a workspace is registered with a token, or by who
    /// was allowed to.
    #[default]
    Members,
    /// Anybody, as in a trusted network.
    Open,
}

impl std::str::FromStr for Policy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "members" => Ok(Self::Members),
            "open" => Ok(Self::Open),
            other => Err(format!("expected the policy members or open, found {other:?}")),
        }
    }
}

/// Settings of one relay.
#[derive(Debug, Clone)]
pub struct Config {
    /// Addresses to listen on; at least one.
    pub listen: Vec<Multiaddr>,
    /// Addresses to tell in place of those listened on, as behind a reverse proxy; none: those.
    pub announce: Vec<Multiaddr>,
    /// Where the identity key and the database live.
    pub data_dir: PathBuf,
    pub policy: Policy,
    pub limits: Limits,
    pub mailbox: MailboxLimits,
    /// Reverse proxies before the WebSocket listeners, which say by the PROXY protocol for whom they connect.
    pub trusted_proxies: Vec<std::net::IpAddr>,
    /// Where the admin page listens; none: nowhere.
    pub admin: Option<std::net::SocketAddr>,
    /// Certificate chain and key in PEM for `wss` addresses.
    pub tls: Option<(PathBuf, PathBuf)>,
}

/// What one relay keeps at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailboxLimits {
    /// Workspaces that may be registered.
    pub workspaces: usize,
    /// Ops of one workspace. Each takes about a third of a KiB of memory while more than the end of its log is needed.
    pub ops_per_workspace: usize,
    /// Bytes of one workspace's ops.
    pub bytes_per_workspace: u64,
    /// Days after which a workspace that no member uses is dropped; 0: never.
    pub retention_days: u32,
    /// Seconds after which a workspace leaves memory in which nothing happens, until somebody asks for it; 0: none ever does.
    pub in_memory_seconds: u32,
}

impl MailboxLimits {
    /// Whether ops are too much for a workspace that holds so many already, and so many bytes.
    pub(crate) fn are_exceeded(&self, held: usize, bytes: u64, ops: &[Arc<[u8]>]) -> bool {
        let more: u64 = ops.iter().map(|op| op.len() as u64).sum();
        bytes + more > self.bytes_per_workspace || held + ops.len() > self.ops_per_workspace
    }
}

impl Default for MailboxLimits {
    fn default() -> Self {
        Self {
            workspaces: 1000,
            ops_per_workspace: 500_000,
            bytes_per_workspace: 1 << 30,
            retention_days: 0,
            in_memory_seconds: 600,
        }
    }
}

impl Config {
    /// The default addresses and limits with the given data folder.
    pub fn new(data_dir: PathBuf) -> Self {
        Self {
            listen: default_listen(),
            announce: Vec::new(),
            data_dir,
            policy: Policy::default(),
            limits: Limits::default(),
            mailbox: MailboxLimits::default(),
            trusted_proxies: Vec::new(),
            admin: None,
            tls: None,
        }
    }
}

/// TCP and QUIC on every interface, at [`DEFAULT_PORT`].
pub fn default_listen() -> Vec<Multiaddr> {
    let port = DEFAULT_PORT;
    [
        format!("/ip4/0.0.0.0/tcp/{port}"),
        format!("/ip4/0.0.0.0/udp/{port}/quic-v1"),
        format!("/ip6/::/tcp/{port}"),
        format!("/ip6/::/udp/{port}/quic-v1"),
    ]
    .iter()
    .map(|text| text.parse().expect("the default listen addresses are well-formed"))
    .collect()
}

/// What one relay gives at most. libp2p's own defaults cut a circuit after 2 minutes or 128 KiB, which is made for
/// strangers who only meet here to punch a hole; here people stay on a circuit for a day's work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Devices that can be reached through this relay at one time.
    pub reservations: usize,
    /// Reservations of one device, which has one on each connection.
    pub reservations_per_peer: usize,
    pub reservation_duration: Duration,
    /// Circuits open at one time.
    pub circuits: usize,
    /// Circuits open at one time from or to one device: one for each co-member out of direct reach, and spares.
    pub circuits_per_peer: usize,
    /// After this time a circuit is cut and its ends dial anew.
    pub circuit_duration: Duration,
    /// After this many bytes in one direction a circuit is cut and its ends dial anew.
    pub circuit_bytes: u64,
    /// Reservations that one device may ask for in a minute.
    pub reservation_requests_per_peer: u32,
    /// Reservations that one address may ask for in a minute; a lab behind one NAT shares it.
    pub reservation_requests_per_ip: u32,
    /// Circuits that one device may ask for in a minute.
    pub circuit_requests_per_peer: u32,
    /// Circuits that one address may ask for in a minute.
    pub circuit_requests_per_ip: u32,
    /// Open connections, all devices together.
    pub connections: u32,
    /// Open connections of one device.
    pub connections_per_peer: u32,
    /// Open connections from one address; a lab behind one NAT shares it.
    pub connections_per_ip: u32,
    /// Connections under way of being set up.
    pub pending_connections: u32,
    /// Connections from one address under way of being set up.
    pub pending_per_ip: u32,
    /// Open connections of devices that are no members here and have shown no invitation.
    pub strangers: u32,
    /// Of those from one address.
    pub strangers_per_ip: u32,
    /// Requests of one device in a second, on average; ten times as many at once.
    pub requests_per_peer: u32,
    /// Requests from one address in a second, on average; ten times as many at once.
    pub requests_per_ip: u32,
    /// Bytes of requests on their way in or waiting, all together.
    pub incoming_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            reservations: 4096,
            reservations_per_peer: 8,
            reservation_duration: Duration::from_secs(3600),
            circuits: 16_384,
            circuits_per_peer: 256,
            circuit_duration: Duration::from_secs(24 * 3600),
            circuit_bytes: 64 << 30,
            reservation_requests_per_peer: 120,
            reservation_requests_per_ip: 3000,
            circuit_requests_per_peer: 1200,
            circuit_requests_per_ip: 12_000,
            connections: 8192,
            connections_per_peer: 8,
            connections_per_ip: 1024,
            pending_connections: 4096,
            pending_per_ip: 256,
            strangers: 256,
            strangers_per_ip: 64,
            requests_per_peer: 50,
            requests_per_ip: 1000,
            incoming_bytes: 64 << 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relayed_session_outlives_the_limits_of_libp2p() {
        let limits = Limits::default();
        assert!(limits.circuit_duration >= Duration::from_secs(8 * 3600));
        assert!(limits.circuit_bytes >= 1 << 30);
    }
}
