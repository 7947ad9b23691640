//! One device of the network layer in a test, with its events.
//!
//! Deliberately absent: anything above `engine::net`.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use omniscope_engine::net::{
    DeviceId, Net, NetCommand, NetConfig, NetEvent, Path, RequestError, ResponseToken, Topic, Zeroizing,
};
use tokio::sync::mpsc;

/// How long a test waits for one event.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// The topic of these tests.
pub const TOPIC: Topic = Topic([9; 32]);

/// One device with its events.
pub struct NetNode {
    pub net: Net,
    pub events: mpsc::Receiver<NetEvent>,
    /// Where it listens, as of [`NetNode::start`].
    pub addrs: Vec<Multiaddr>,
}

impl NetNode {
    /// A device on loopback with QUIC, without mDNS, with the key made of `seed`, changed by `change`.
    pub async fn start(seed: u8, change: impl FnOnce(&mut NetConfig)) -> Self {
        let mut config = NetConfig::new(Zeroizing::new([seed; 32]));
        config.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()];
        config.mdns = false;
        change(&mut config);
        let nowhere = |addr: &Multiaddr| addr.iter().any(|part| matches!(part, Protocol::Memory(_)));
        let wanted = config.listen.iter().filter(|addr| !nowhere(addr)).count();
        let (net, events) = Net::start(config).expect("the network starts");
        let mut node = Self { net, events, addrs: Vec::new() };
        while node.addrs.len() < wanted {
            let addr = node.until(|event| match event {
                NetEvent::Listening { addr } => Some(addr),
                _ => None,
            });
            let addr = addr.await;
            node.addrs.push(addr);
        }
        node
    }

    /// A device that cannot be dialled directly: the only address it listens on is of a kind that it does not have.
    pub async fn start_unreachable(seed: u8, relays: Vec<Multiaddr>) -> Self {
        let nowhere = vec!["/memory/1".parse().unwrap()];
        Self::start(seed, |config| {
            config.listen = nowhere;
            config.relays = relays;
        })
        .await
    }

    /// The first wanted event.
    ///
    /// # Panics
    ///
    /// After [`PATIENCE`].
    pub async fn until<T>(&mut self, mut want: impl FnMut(NetEvent) -> Option<T>) -> T {
        let wanted = async {
            loop {
                if let Some(found) = want(self.events.recv().await.expect("the network runs")) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, wanted).await.expect("the event comes in time")
    }

    pub fn tell(&self, command: NetCommand) {
        self.net.send(command).expect("the network takes commands");
    }

    pub async fn relay_up(&mut self) -> Multiaddr {
        self.until(|event| match event {
            NetEvent::RelayUp { circuit_addr, .. } => Some(circuit_addr),
            _ => None,
        })
        .await
    }

    pub async fn relay_down(&mut self) {
        self.until(|event| matches!(event, NetEvent::RelayDown { .. }).then_some(())).await;
    }

    pub async fn connected(&mut self, other: DeviceId) -> Path {
        self.until(|event| match event {
            NetEvent::Connected { device, path } if device == other => Some(path),
            _ => None,
        })
        .await
    }

    pub async fn disconnected(&mut self, other: DeviceId) {
        self.until(|event| matches!(event, NetEvent::Disconnected { device } if device == other).then_some(())).await;
    }

    pub async fn subscribed(&mut self, other: DeviceId) {
        self.until(|event| matches!(event, NetEvent::Subscribed { device, .. } if device == other).then_some(())).await;
    }

    pub async fn gossip(&mut self) -> Vec<u8> {
        self.until(|event| match event {
            NetEvent::Gossip { bytes, topic, .. } if topic == TOPIC => Some(bytes),
            _ => None,
        })
        .await
    }

    pub async fn request(&mut self) -> (ResponseToken, Vec<u8>) {
        self.until(|event| match event {
            NetEvent::Request { token, body, .. } => Some((token, body)),
            _ => None,
        })
        .await
    }

    pub async fn response(&mut self, wanted: u64) -> Result<Vec<u8>, RequestError> {
        self.until(|event| match event {
            NetEvent::Response { id, result, .. } if id == wanted => Some(result),
            _ => None,
        })
        .await
    }
}
