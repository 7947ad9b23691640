//! A running relay: the swarm task and the handle to it.
//!
//! The task ends with its handle. Deliberately absent: printing, signals, arguments (`main`).

use std::net::IpAddr;
use std::time::Duration;

use futures::StreamExt;
use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, Swarm, SwarmBuilder, noise, ping, relay, tcp, yamux};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::behaviour::{Behaviour, BehaviourEvent};
use crate::identity::{IdentityError, load_or_create};
use crate::{Config, Limits};

/// A QUIC connection without a packet for this long is dead; the same as in the devices.
const QUIC_IDLE_MS: u32 = 4000;
const QUIC_KEEP_ALIVE: Duration = Duration::from_secs(1);
/// A connection without reservation, circuit or question is closed after this time.
const IDLE: Duration = Duration::from_secs(60);
/// How long the addresses may take to be bound.
const START_PATIENCE: Duration = Duration::from_secs(10);
/// Time for goodbyes at the end.
const FAREWELL: Duration = Duration::from_secs(1);
/// Addresses that wait to be read from the handle; interfaces are few.
const MAX_ADDRESSES: usize = 256;

/// Why a relay did not start.
#[derive(Debug)]
pub enum StartError {
    Identity(IdentityError),
    Transport(String),
    /// An address could not be listened on.
    Listen {
        addr: Multiaddr,
        reason: String,
    },
    /// No address was given.
    NoAddress,
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Identity(error) => error.fmt(f),
            Self::Transport(error) => write!(f, "cannot set up the transports: {error}"),
            Self::Listen { addr, reason } => write!(f, "cannot listen on {addr}: {reason}"),
            Self::NoAddress => write!(f, "no address to listen on was given"),
        }
    }
}

impl std::error::Error for StartError {}

/// A running relay.
pub struct Server {
    peer: PeerId,
    addresses: Vec<Multiaddr>,
    news: mpsc::Receiver<Multiaddr>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts a relay on the current tokio runtime and waits until every configured address is bound.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let key = load_or_create(&config.data_dir).map_err(StartError::Identity)?;
        let peer = key.public().to_peer_id();
        let swarm = build(key, &config.limits)?;
        let (announce, news) = mpsc::channel(MAX_ADDRESSES);
        let mut driver = Driver { swarm, peer, announce };
        let addresses = driver.listen(&config.listen).await?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(driver.run(stopped));
        Ok(Self { peer, addresses, news, stop: Some(stop), task })
    }

    pub fn peer_id(&self) -> PeerId {
        self.peer
    }

    /// The addresses bound at the start, each ending in `/p2p/<peer id>`.
    pub fn addresses(&self) -> &[Multiaddr] {
        &self.addresses
    }

    /// The next address that came up after the start, such as that of a new interface; `None` once stopped.
    pub async fn next_address(&mut self) -> Option<Multiaddr> {
        self.news.recv().await
    }

    /// Closes all connections and returns when the task has ended; takes at most about a second.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that the task has already ended.
            let _ = stop.send(());
        }
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "the relay task failed");
        }
    }
}

fn build(key: libp2p::identity::Keypair, limits: &Limits) -> Result<Swarm<Behaviour>, StartError> {
    let failed = |error: &dyn std::fmt::Display| StartError::Transport(error.to_string());
    let swarm = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .map_err(|error| failed(&error))?
        .with_quic_config(|mut config| {
            config.max_idle_timeout = QUIC_IDLE_MS;
            config.keep_alive_interval = QUIC_KEEP_ALIVE;
            config
        })
        .with_behaviour(|key| Behaviour::new(key.public(), limits))
        .map_err(|error| failed(&error))?
        .with_swarm_config(|config| config.with_idle_connection_timeout(IDLE))
        .build();
    Ok(swarm)
}

struct Driver {
    swarm: Swarm<Behaviour>,
    peer: PeerId,
    announce: mpsc::Sender<Multiaddr>,
}

impl Driver {
    /// Listens on every address and waits until each is bound.
    async fn listen(&mut self, wanted: &[Multiaddr]) -> Result<Vec<Multiaddr>, StartError> {
        if wanted.is_empty() {
            return Err(StartError::NoAddress);
        }
        let mut waiting: Vec<(ListenerId, Multiaddr)> = Vec::new();
        for addr in wanted {
            check_free(addr).map_err(|error| StartError::Listen { addr: addr.clone(), reason: error.to_string() })?;
        }
        for addr in wanted {
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
        Ok(bound)
    }

    /// Takes a bound address as one that others can use. libp2p offers reservations only once it has such an address,
    /// and a relay listens where it can be reached, on loopback and in a closed network too.
    fn adopt(&mut self, address: Multiaddr) -> Option<Multiaddr> {
        self.swarm.add_external_address(address.clone());
        address.with_p2p(self.peer).ok()
    }

    async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_event(event),
                // Also when the handle was dropped.
                _ = &mut stopped => break,
            }
        }
        let peers: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            // An error means that the connection closed by itself.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let closed = async {
            while self.swarm.network_info().connection_counters().num_established() > 0 {
                self.swarm.select_next_some().await;
            }
        };
        // Whoever does not hear the goodbye notices the silence.
        let _ = tokio::time::timeout(FAREWELL, closed).await;
    }

    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::NewListenAddr { address, .. } => {
                if let Some(addr) = self.adopt(address) {
                    // A reader that fell so far behind does not read at all.
                    let _ = self.announce.try_send(addr);
                }
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => self.swarm.remove_external_address(&address),
            SwarmEvent::ListenerClosed { reason, .. } => tracing::error!(?reason, "a listener closed"),
            SwarmEvent::Behaviour(BehaviourEvent::Ping(ping::Event { connection, result: Err(error), .. }))
                if !matches!(error, ping::Failure::Unsupported) =>
            {
                self.swarm.close_connection(connection);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Circuits(event)) => on_circuit_event(&event),
            _ => {}
        }
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

fn on_circuit_event(event: &relay::Event) {
    match event {
        relay::Event::ReservationReqDenied { status, .. } => tracing::info!(?status, "reservation refused"),
        relay::Event::CircuitReqDenied { status, .. } => tracing::info!(?status, "circuit refused"),
        other => tracing::debug!(event = ?other, "circuit"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[tokio::test]
    async fn addresses_name_the_relay_and_are_freed_when_it_stops() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::new(folder.path().to_owned());
        config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap(), "/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()];
        let server = Server::start(config.clone()).await.unwrap();
        let end = format!("/p2p/{}", server.peer_id());
        assert_eq!(server.addresses().len(), 2);
        assert!(server.addresses().iter().all(|addr| addr.to_string().ends_with(&end)));
        let taken = server.addresses()[0].iter().take(2).collect::<Multiaddr>();
        config.listen = vec![taken];
        assert!(matches!(Server::start(config.clone()).await, Err(StartError::Listen { .. })));
        let peer = server.peer_id();
        server.stop().await;
        let again = Server::start(config.clone()).await.unwrap();
        assert_eq!(again.peer_id(), peer);
        config.listen.clear();
        assert!(matches!(Server::start(config).await, Err(StartError::NoAddress)));
    }
}
