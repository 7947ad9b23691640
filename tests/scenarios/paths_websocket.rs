//! Devices that reach their relay by WebSocket, as from a network that lets only that through.
//!
//! The relay here is libp2p's own behaviour and no more, so that this is about the devices. Deliberately absent: `wss`
//! (`relay_tls`).

use futures::StreamExt;
use libp2p::core::upgrade::Version;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, Swarm, SwarmBuilder, Transport, identify, noise, relay, tcp, websocket, yamux};
use omniscope_engine::net::{NetCommand, Path};
use omniscope_tests::net_node::{NetNode, TOPIC};

#[derive(NetworkBehaviour)]
struct Meeting {
    circuits: relay::Behaviour,
    identify: identify::Behaviour,
}

/// A relay that listens by WebSocket alone; gives its address, and serves until dropped.
async fn web_relay() -> (Multiaddr, tokio::task::JoinSet<()>) {
    let mut swarm: Swarm<Meeting> = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_other_transport(|key| {
            let web = websocket::Config::new(tcp::tokio::Transport::new(tcp::Config::default()));
            let secure = noise::Config::new(key).unwrap();
            web.upgrade(Version::V1Lazy).authenticate(secure).multiplex(yamux::Config::default())
        })
        .unwrap()
        .with_behaviour(|key| Meeting {
            circuits: relay::Behaviour::new(key.public().to_peer_id(), relay::Config::default()),
            identify: identify::Behaviour::new(identify::Config::new("/omniscope/1".into(), key.public())),
        })
        .unwrap()
        .build();
    swarm.listen_on("/ip4/127.0.0.1/tcp/0/ws".parse().unwrap()).unwrap();
    let addr = loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            break address;
        }
    };
    swarm.add_external_address(addr.clone());
    let peer = *swarm.local_peer_id();
    let mut serving = tokio::task::JoinSet::new();
    serving.spawn(async move {
        loop {
            swarm.select_next_some().await;
        }
    });
    (addr.with(Protocol::P2p(peer)), serving)
}

#[tokio::test]
async fn a_relay_that_is_reached_by_websocket_alone_brings_two_devices_together() {
    let (relay, _serving) = web_relay().await;
    assert!(relay.iter().any(|part| matches!(part, Protocol::Ws(_))), "{relay}");
    let mut ana = NetNode::start_unreachable(1, vec![relay.clone()]).await;
    let circuit = ana.relay_up().await;
    let mut ben = NetNode::start_unreachable(2, vec![relay]).await;
    ben.tell(NetCommand::Know { device: ana.net.device(), addrs: vec![circuit] });
    assert_eq!(ben.connected(ana.net.device()).await, Path::Relayed);
    assert_eq!(ana.connected(ben.net.device()).await, Path::Relayed);
    ana.tell(NetCommand::Subscribe(TOPIC));
    ben.tell(NetCommand::Subscribe(TOPIC));
    ana.subscribed(ben.net.device()).await;
    ana.tell(NetCommand::Publish { topic: TOPIC, bytes: b"through port 443".to_vec() });
    assert_eq!(ben.gossip().await, b"through port 443");
    ben.tell(NetCommand::Request { device: ana.net.device(), id: 1, body: vec![1; 50_000] });
    let (token, body) = ana.request().await;
    ana.tell(NetCommand::Respond { token, body });
    assert_eq!(ben.response(1).await.unwrap().len(), 50_000);
}
