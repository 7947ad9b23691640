//! A running relay: the handle to it, and its start.
//!
//! The task ends with its handle. Deliberately absent: printing, signals, arguments (`main`); what the task does is in
//! `server/driver.rs`.

mod driver;
mod events;
mod listen;
mod news;
mod proxied;
mod transport;
mod waking;

use std::sync::Arc;
use std::time::Duration;

use libp2p::{Multiaddr, PeerId};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::Config;
use crate::admission::Gate;
use crate::codec::BytesCodec;
use crate::control::Control;
use crate::descriptors;
use crate::identity::{IdentityError, load_or_create};
use crate::mailbox::Mailbox;
use crate::metrics::Metrics;
use crate::store::{Store, StoreError};
use driver::Driver;
pub(crate) use driver::{new_token, now_ms};

/// Addresses that wait to be read from the handle; interfaces are few.
const MAX_ADDRESSES: usize = 256;
/// Orders of the operator that may wait.
const MAX_ORDERS: usize = 64;
/// A relay that was asked to stop ends within this time, done or not.
pub const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Why a relay did not start.
#[derive(Debug)]
pub enum StartError {
    Identity(IdentityError),
    Store(StoreError),
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
            Self::Store(error) => error.fmt(f),
            Self::Transport(error) => write!(f, "cannot set up the transports: {error}"),
            Self::Listen { addr, reason } => write!(f, "cannot listen on {addr}: {reason}"),
            Self::NoAddress => write!(f, "no address to listen on was given"),
        }
    }
}

impl std::error::Error for StartError {}

/// What the handle and the operator ask of the task.
pub(crate) enum Order {
    /// An operator's command; the answer is text for people.
    Control(Control, oneshot::Sender<Result<String, String>>),
    /// Take the rules of newly read settings.
    Reload(Box<Config>),
}

/// A running relay.
pub struct Server {
    peer: PeerId,
    addresses: Vec<Multiaddr>,
    news: mpsc::Receiver<Multiaddr>,
    orders: mpsc::Sender<Order>,
    first_token: Option<String>,
    metrics: Arc<Metrics>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts a relay on the current tokio runtime and waits until every configured address is bound.
    ///
    /// # Errors
    /// When its folder is in use or not in order, or an address cannot be listened on.
    pub async fn start(mut config: Config) -> Result<Self, StartError> {
        let wanted = config.limits.connections;
        if let Some(room) = descriptors::room_for_connections().filter(|room| *room < wanted) {
            tracing::warn!(wanted, room, "fewer connections than the settings say: raise the limit of open files");
            config.limits.connections = room;
        }
        let key = load_or_create(&config.data_dir).map_err(StartError::Identity)?;
        let peer = key.libp2p.public().to_peer_id();
        let store = Arc::new(Store::open(&config.data_dir).map_err(StartError::Store)?);
        let first_token = driver::first_token(&config, &store).map_err(StartError::Store)?;
        let mailbox = Mailbox::load(&store, key.device, config.policy, config.mailbox).map_err(StartError::Store)?;
        let (gate, codec) = (Gate::new(config.policy), BytesCodec::new(config.limits.incoming_bytes));
        let swarm = transport::build(key.libp2p, &config, &gate, codec.clone())?;
        let (announce, news) = mpsc::channel(MAX_ADDRESSES);
        let (orders, asked) = mpsc::channel(MAX_ORDERS);
        let metrics = Arc::new(Metrics::default());
        let mut driver = Driver::new(swarm, config, mailbox, store, gate, codec, Arc::clone(&metrics), announce);
        let addresses = driver.listen().await?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(driver.run(stopped, asked));
        Ok(Self { peer, addresses, news, orders, first_token, metrics, stop: Some(stop), task })
    }

    pub fn peer_id(&self) -> PeerId {
        self.peer
    }

    /// The addresses to tell others: those bound at the start, or those to be announced. Each ends in
    /// `/p2p/<peer id>`.
    pub fn addresses(&self) -> &[Multiaddr] {
        &self.addresses
    }

    /// The token that was made because nobody could register a workspace yet. Told once; only its hash is kept.
    pub fn first_token(&self) -> Option<&str> {
        self.first_token.as_deref()
    }

    /// Figures of this relay.
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// Carries out an operator's command.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub async fn control(&self, command: Control) -> Result<String, String> {
        let (reply, answer) = oneshot::channel();
        let stopped = || "the relay is stopping".to_owned();
        self.orders.send(Order::Control(command, reply)).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// A way to give the relay commands from other tasks.
    pub fn remote(&self) -> Remote {
        Remote { orders: self.orders.clone() }
    }

    /// Takes the policy and the limits of mailboxes from newly read settings. Addresses and limits of connections
    /// stay as they were at the start.
    pub async fn reload(&self, config: Config) {
        // A relay that is stopping needs no settings.
        let _ = self.orders.send(Order::Reload(Box::new(config))).await;
    }

    /// The next address that came up after the start, such as that of a new interface; `None` once stopped.
    pub async fn next_address(&mut self) -> Option<Multiaddr> {
        self.news.recv().await
    }

    /// Answers what is under way, closes all connections and returns when the task has ended, within [`STOP_WITHIN`].
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

/// Gives commands to a running relay.
#[derive(Clone)]
pub struct Remote {
    orders: mpsc::Sender<Order>,
}

impl Remote {
    /// Carries out an operator's command.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub async fn control(&self, command: Control) -> Result<String, String> {
        let (reply, answer) = oneshot::channel();
        let stopped = || "the relay is stopping".to_owned();
        self.orders.send(Order::Control(command, reply)).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
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
        assert!(server.first_token().is_some(), "nobody could register anything otherwise");
        let taken = server.addresses()[0].iter().take(2).collect::<Multiaddr>();
        let other = tempfile::tempdir().unwrap();
        let beside = Config { listen: vec![taken.clone()], ..Config::new(other.path().to_owned()) };
        assert!(matches!(Server::start(beside).await, Err(StartError::Listen { .. })));
        assert!(matches!(Server::start(config.clone()).await, Err(StartError::Store(StoreError::InUse { .. }))));
        let peer = server.peer_id();
        server.stop().await;
        config.listen = vec![taken];
        let again = Server::start(config.clone()).await.unwrap();
        assert_eq!((again.peer_id(), again.first_token()), (peer, None));
        again.stop().await;
        config.listen.clear();
        assert!(matches!(Server::start(config).await, Err(StartError::NoAddress)));
    }
}
