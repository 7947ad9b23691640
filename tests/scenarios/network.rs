//! The network layer and a relay together, on loopback.
//!
//! Deliberately absent: NAT, which needs namespaces (`namespaces`), and documents.

use std::time::{Duration, Instant};

use libp2p::Multiaddr;
use omniscope_engine::net::{NetCommand, NetEvent, Path};
use omniscope_relay::{Config, Limits, Server};
use omniscope_tests::net_node::{NetNode, PATIENCE, TOPIC};

/// More than the 128 KiB at which libp2p's default cuts a circuit.
const BEYOND_DEFAULT_BYTES: usize = 128 * 1024 * 4;
/// More than the 2 minutes at which libp2p's default cuts a circuit.
const BEYOND_DEFAULT_TIME: Duration = Duration::from_secs(150);

async fn start_relay(folder: &std::path::Path, listen: &[Multiaddr]) -> Server {
    let mut config = Config::new(folder.to_owned());
    config.listen = listen.to_vec();
    config.policy = omniscope_relay::Policy::Open;
    Server::start(config).await.unwrap()
}

fn any_port() -> Vec<Multiaddr> {
    vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap(), "/ip4/127.0.0.1/tcp/0".parse().unwrap()]
}

/// Two devices that only the relay can bring together, and the relay.
async fn relayed_pair(folder: &std::path::Path) -> (Server, NetNode, NetNode) {
    let server = start_relay(folder, &any_port()).await;
    let relays = server.addresses()[..1].to_vec();
    let mut ana = NetNode::start_unreachable(1, relays.clone()).await;
    let circuit = ana.relay_up().await;
    let mut ben = NetNode::start_unreachable(2, relays).await;
    ben.relay_up().await;
    ben.tell(NetCommand::Know { device: ana.net.device(), addrs: vec![circuit] });
    assert_eq!(ben.connected(ana.net.device()).await, Path::Relayed);
    assert_eq!(ana.connected(ben.net.device()).await, Path::Relayed);
    (server, ana, ben)
}

/// Ana asks Ben with `bytes` bytes and gets as many back.
async fn exchange(ana: &mut NetNode, ben: &mut NetNode, id: u64, bytes: usize) {
    ana.tell(NetCommand::Request { device: ben.net.device(), id, body: vec![1; bytes] });
    let (token, body) = ben.request().await;
    assert_eq!(body.len(), bytes);
    ben.tell(NetCommand::Respond { token, body });
    assert_eq!(ana.response(id).await.unwrap().len(), bytes);
}

#[tokio::test]
async fn a_circuit_carries_requests_beyond_128_kib_and_gossip() {
    assert!(Limits::default().circuit_duration > Duration::from_secs(120));
    assert!(Limits::default().circuit_bytes > 128 * 1024);
    let folder = tempfile::tempdir().unwrap();
    let (server, mut ana, mut ben) = relayed_pair(folder.path()).await;
    for id in 0..4 {
        exchange(&mut ana, &mut ben, id, BEYOND_DEFAULT_BYTES).await;
    }
    ana.tell(NetCommand::Subscribe(TOPIC));
    ben.tell(NetCommand::Subscribe(TOPIC));
    ana.subscribed(ben.net.device()).await;
    let mut times = Vec::new();
    for round in 0..100u8 {
        let sent = Instant::now();
        ana.tell(NetCommand::Publish { topic: TOPIC, bytes: vec![round; 200] });
        assert_eq!(ben.gossip().await, vec![round; 200]);
        times.push(sent.elapsed());
    }
    times.sort();
    println!("gossip through a circuit on loopback: p50 {:?}, p99 {:?}", times[50], times[98]);
    server.stop().await;
}

#[tokio::test]
async fn devices_meet_again_after_the_relay_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let (server, mut ana, mut ben) = relayed_pair(folder.path()).await;
    let (peer, bound) = (server.peer_id(), server.addresses().to_vec());
    server.stop().await;
    ana.relay_down().await;
    ben.disconnected(ana.net.device()).await;
    let listen: Vec<Multiaddr> =
        bound.iter().map(|addr| addr.iter().take_while(|p| p.tag() != "p2p").collect()).collect();
    let server = start_relay(folder.path(), &listen).await;
    let back = Instant::now();
    assert_eq!(server.peer_id(), peer, "the key survives, so the address stays true");
    ana.relay_up().await;
    let reserved = back.elapsed();
    assert_eq!(ben.connected(ana.net.device()).await, Path::Relayed);
    ana.connected(ben.net.device()).await;
    println!("reservation back after {reserved:?}, devices after {:?}", back.elapsed());
    assert!(reserved <= Duration::from_secs(5));
    exchange(&mut ana, &mut ben, 9, 1000).await;
}

#[tokio::test]
async fn a_circuit_gives_way_to_a_direct_path_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let server = start_relay(folder.path(), &any_port()).await;
    let relay = server.addresses()[1].clone();
    let mut ana = NetNode::start(1, |config| config.relays = vec![relay.clone()]).await;
    let circuit = ana.relay_up().await;
    let mut ben = NetNode::start(2, |config| config.relays = vec![relay.clone()]).await;
    ana.tell(NetCommand::Subscribe(TOPIC));
    ben.tell(NetCommand::Subscribe(TOPIC));
    ben.tell(NetCommand::Know { device: ana.net.device(), addrs: vec![circuit] });
    // Ben knows only the circuit; the direct address comes by identify, or the hole is punched.
    let (a, b) = (ana.net.device(), ben.net.device());
    ben.until(|event| match event {
        NetEvent::Connected { device, path: Path::Lan } | NetEvent::PathChanged { device, path: Path::Lan, .. }
            if device == a =>
        {
            Some(())
        }
        _ => None,
    })
    .await;
    let mut got = 0;
    let listening = async {
        while got < 200 {
            ben.gossip().await;
            got += 1;
        }
    };
    let sending = async {
        ana.subscribed(b).await;
        for round in 0..200u8 {
            ana.tell(NetCommand::Publish { topic: TOPIC, bytes: vec![round; 100] });
            tokio::task::yield_now().await;
        }
    };
    let both = async { tokio::join!(listening, sending) };
    tokio::time::timeout(PATIENCE, both).await.expect("all messages arrive");
    // The relay is no longer needed.
    server.stop().await;
    ana.until(|event| matches!(event, NetEvent::PathChanged { path: Path::Lan, lost: true, .. }).then_some(())).await;
    exchange(&mut ana, &mut ben, 1, 1000).await;
}

#[tokio::test]
async fn a_relayed_session_outlives_two_minutes() {
    if std::env::var_os("OMNISCOPE_FULL").is_none() {
        println!("skipped: takes {} s; set OMNISCOPE_FULL=1", BEYOND_DEFAULT_TIME.as_secs());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (_server, mut ana, mut ben) = relayed_pair(folder.path()).await;
    let end = Instant::now() + BEYOND_DEFAULT_TIME;
    let mut id = 0;
    while Instant::now() < end {
        exchange(&mut ana, &mut ben, id, 100).await;
        id += 1;
        let quiet = ben.until(|event| matches!(event, NetEvent::Disconnected { .. }).then_some(()));
        assert!(tokio::time::timeout(Duration::from_secs(5), quiet).await.is_err(), "the circuit was cut");
    }
}

#[tokio::test]
async fn a_relay_that_does_not_exist_is_reported_and_retried() {
    let folder = tempfile::tempdir().unwrap();
    let server = start_relay(folder.path(), &any_port()).await;
    let relay = server.addresses()[1].clone();
    server.stop().await;
    let mut ana = NetNode::start_unreachable(1, vec![relay.clone()]).await;
    ana.relay_down().await;
    let listen = vec![relay.iter().take_while(|part| part.tag() != "p2p").collect()];
    let _server = start_relay(folder.path(), &listen).await;
    ana.relay_up().await;
}
