//! Real engines in one process, over loopback, with stores in memory or in a folder.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use libp2p::Multiaddr;
use omniscope_engine::event::Event;
use omniscope_engine::store::Store;
use omniscope_engine::{Engine, Options};
use omniscope_protocol::identity::DeviceKey;
use omniscope_relay::Server;
use serde_json::{Value, json};

/// How long anything that should happen may take before a test calls it not happening.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A person with an engine.
pub struct Peer {
    /// Their engine.
    pub engine: Engine,
    /// Their name.
    pub name: &'static str,
}

/// Ana's key is always the same, and so is everybody's, by the first letter of the name.
pub fn key_of(name: &str) -> DeviceKey {
    DeviceKey::from_seed(&[name.as_bytes()[0]; 32])
}

impl Peer {
    /// Starts a peer on loopback, with a store in memory.
    pub async fn start(name: &'static str) -> Self {
        Self::start_with(name, Store::memory().expect("a store in memory opens"), options()).await
    }

    /// Starts a peer over a folder.
    pub async fn start_in(name: &'static str, dir: &Path) -> Self {
        Self::start_with(name, Store::open(dir, "test").expect("the store opens"), options()).await
    }

    /// Starts a peer as told.
    pub async fn start_with(name: &'static str, store: Store, options: Options) -> Self {
        let engine = Engine::start(store, key_of(name), options).await.expect("the engine starts");
        let peer = Self { engine, name };
        peer.call("profile.set", json!({"name": name})).await;
        peer
    }

    /// Calls a verb that must succeed.
    pub async fn call(&self, method: &str, params: Value) -> Value {
        match self.engine.call(method, params).await {
            Ok(value) => value,
            Err(error) => panic!("{}: {method}: {}: {}", self.name, error.code, error.message),
        }
    }

    /// Calls a verb that must be refused; gives the code.
    pub async fn refused(&self, method: &str, params: Value) -> String {
        match self.engine.call(method, params).await {
            Ok(value) => panic!("{}: {method} was not refused: {value}", self.name),
            Err(error) => error.code,
        }
    }

    /// The document's canonical JSON.
    pub async fn state(&self, workspace: &str) -> String {
        let exported = self.call("pipeline.export", json!({"workspace": workspace})).await;
        exported["content"].as_str().expect("content is text").to_owned()
    }

    /// Invites somebody and lets them join.
    pub async fn invite(&self, workspace: &str, guest: &Peer, role: &str) {
        self.reachable().await;
        let link = self.call("invite.create", json!({"workspace": workspace, "role": role})).await;
        let wait = PATIENCE.as_millis() as u64;
        let joined = guest.call("join", json!({"link": link["link"], "wait_ms": wait})).await;
        assert_eq!((joined["status"].as_str(), joined["role"].as_str()), (Some("member"), Some(role)));
    }

    /// Waits until this peer has an address that others can dial.
    pub async fn listening(&self) {
        self.until("it listens", async |p| {
            p.call("network.status", json!({})).await["listening"].as_array().is_some_and(|l| !l.is_empty())
        })
        .await;
    }

    /// Waits until others can reach this peer, directly or, where it uses relays, through all of them.
    pub async fn reachable(&self) {
        self.until("it can be reached", async |p| {
            let status = p.call("network.status", json!({})).await;
            let relays = status["relays"].as_array().cloned().unwrap_or_default();
            let listening = status["listening"].as_array().is_some_and(|l| !l.is_empty());
            relays.iter().all(|r| r["state"] == "up") && (listening || !relays.is_empty())
        })
        .await;
    }

    /// Looks again at each event until `holds`; panics when that takes too long.
    pub async fn until(&self, what: &str, holds: impl AsyncFn(&Peer) -> bool) {
        let mut events = self.engine.subscribe();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !holds(self).await {
            assert!(tokio::time::Instant::now() < deadline, "{}: not within {PATIENCE:?}: {what}", self.name);
            // An event, or a moment's pause: some states change without one.
            let _ = tokio::time::timeout(Duration::from_millis(20), events.recv()).await;
        }
    }

    /// Waits for an event.
    pub async fn event(
        &self,
        events: &mut tokio::sync::broadcast::Receiver<Arc<Event>>,
        what: &str,
        matches: impl Fn(&Event) -> bool,
    ) -> Arc<Event> {
        let wait = async {
            loop {
                match events.recv().await {
                    Ok(event) if matches(&event) => return event,
                    Ok(_) | Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
                    Err(error) => panic!("{}: {error} while waiting for {what}", self.name),
                }
            }
        };
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(event) => event,
            Err(_) => panic!("{}: not within {PATIENCE:?}: {what}", self.name),
        }
    }
}

/// Waits until all have the same document, byte for byte, and gives it.
pub async fn converged(peers: &[&Peer], workspace: &str) -> String {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let mut states = Vec::new();
        for peer in peers {
            states.push(peer.state(workspace).await);
        }
        if states.windows(2).all(|w| w[0] == w[1]) {
            return states.swap_remove(0);
        }
        assert!(tokio::time::Instant::now() < deadline, "no convergence within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// How peers of a test reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Directly, on loopback.
    Loopback,
    /// Through the circuits of a relay and in no other way.
    Relay,
}

/// A place where peers can meet in one [`Way`].
pub struct Place {
    way: Way,
    /// Runs while the place stands.
    _relay: Option<Server>,
    relays: Vec<Multiaddr>,
}

impl Place {
    /// Starts the relay, if there shall be one.
    pub async fn new(way: Way, folder: &Path) -> Self {
        if way == Way::Loopback {
            return Self { way, _relay: None, relays: Vec::new() };
        }
        let mut config = omniscope_relay::Config::new(folder.join("relay"));
        config.policy = omniscope_relay::Policy::Open;
        config.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().expect("a multiaddr")];
        let relay = Server::start(config).await.expect("the relay starts");
        Self { way, relays: relay.addresses().to_vec(), _relay: Some(relay) }
    }

    /// Options of a peer here. Behind a relay it listens on an address of a kind that it does not have, so that nobody
    /// can dial it.
    pub fn options(&self) -> Options {
        match self.way {
            Way::Loopback => options(),
            Way::Relay => Options {
                listen: vec!["/memory/1".parse().expect("a multiaddr")],
                relays: self.relays.clone(),
                ..options()
            },
        }
    }

    /// Starts a peer here, with a store in memory, and waits until it can be reached.
    pub async fn peer(&self, name: &'static str) -> Peer {
        self.peer_over(name, Store::memory().expect("a store in memory opens")).await
    }

    /// As `peer`, over a store.
    pub async fn peer_over(&self, name: &'static str, store: Store) -> Peer {
        let peer = Peer::start_with(name, store, self.options()).await;
        peer.reachable().await;
        peer
    }

    /// The path that peers here see to each other.
    pub fn path(&self) -> &'static str {
        match self.way {
            Way::Loopback => "lan",
            Way::Relay => "relayed",
        }
    }
}

/// Loopback, no mDNS, so that tests do not meet each other.
pub fn options() -> Options {
    let listen = ["/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"];
    let listen = listen.iter().map(|a| a.parse().expect("a multiaddr")).collect();
    Options { network: true, listen, ..Options::default() }
}
