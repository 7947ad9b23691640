//! Listening: every address is bound before the relay counts as started.

use std::net::IpAddr;
use std::time::Duration;

use futures::StreamExt;
use libp2p::Multiaddr;
use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;

use super::StartError;
use super::driver::Driver;

/// How long the addresses may take to be bound.
const START_PATIENCE: Duration = Duration::from_secs(10);

impl Driver {
    /// Listens on every address and waits until each is bound. Gives the addresses to tell.
    pub(super) async fn listen(&mut self) -> Result<Vec<Multiaddr>, StartError> {
        let wanted = self.config.listen.clone();
        if wanted.is_empty() {
            return Err(StartError::NoAddress);
        }
        let mut waiting: Vec<(ListenerId, Multiaddr)> = Vec::new();
        for addr in &wanted {
            check_free(addr).map_err(|error| StartError::Listen { addr: addr.clone(), reason: error.to_string() })?;
        }
        for addr in &wanted {
            let listen = self.swarm.listen_on(addr.clone());
            let id = listen.map_err(|error| StartError::Listen { addr: addr.clone(), reason: error.to_string() })?;
            waiting.push((id, addr.clone()));
        }
        let mut bound = Vec::new();
        let deadline = tokio::time::Instant::now() + START_PATIENCE;
        while let Some((_, addr)) = waiting.first().cloned() {
            let refused = |reason| StartError::Listen { addr, reason };
            match tokio::time::timeout_at(deadline, self.swarm.select_next_some()).await {
                Err(_) => return Err(refused(format!("not bound after {} s", START_PATIENCE.as_secs()))),
                Ok(SwarmEvent::NewListenAddr { listener_id, address }) => {
                    bound.extend(self.adopt(address));
                    waiting.retain(|(id, _)| *id != listener_id);
                }
                Ok(SwarmEvent::ListenerClosed { listener_id, reason, .. }) => {
                    let closed = waiting.iter().find(|(id, _)| *id == listener_id);
                    if let (Some((_, addr)), Err(error)) = (closed, reason) {
                        return Err(StartError::Listen { addr: addr.clone(), reason: error.to_string() });
                    }
                }
                Ok(_) => {}
            }
        }
        for addr in self.config.announce.clone() {
            self.swarm.add_external_address(addr.clone());
            bound.extend(addr.with_p2p(self.peer).ok());
        }
        Ok(bound)
    }

    /// Takes a bound address as one that others can use, unless others are announced in its place. libp2p offers
    /// reservations only once it has such an address, and a relay listens where it can be reached, on loopback and in
    /// a closed network too.
    pub(super) fn adopt(&mut self, address: Multiaddr) -> Option<Multiaddr> {
        if !self.config.announce.is_empty() {
            return None;
        }
        self.swarm.add_external_address(address.clone());
        address.with_p2p(self.peer).ok()
    }
}

/// Refuses a TCP port that another process listens on. libp2p shares ports (for hole punching), so without this two
/// relays would start on one port and each get some of the connections.
fn check_free(addr: &Multiaddr) -> std::io::Result<()> {
    let mut parts = addr.iter();
    let ip = match parts.next() {
        Some(Protocol::Ip4(ip)) => IpAddr::V4(ip),
        Some(Protocol::Ip6(ip)) => IpAddr::V6(ip),
        _ => return Ok(()),
    };
    match parts.next() {
        Some(Protocol::Tcp(port)) if port != 0 => std::net::TcpListener::bind((ip, port)).map(drop),
        _ => Ok(()),
    }
}
