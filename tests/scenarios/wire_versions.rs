//! F12, wire part: devices of neighbouring versions. Who speaks a newer one is told which is understood, and both go on.
//!
//! Deliberately absent: bytes that are of no version (`garbage_wire`), and schemas of databases (`upgrade`).

use std::time::{Duration, Instant};

use libp2p::Multiaddr;
use omniscope_engine::net::{NetCommand, NetEvent, Topic, device_at};
use omniscope_protocol::identity::{DeviceId, WorkspaceId};
use omniscope_protocol::wire::{Gossip, Request, Response, WIRE_VERSION, topic};
use omniscope_tests::headless::{Headless, Home};
use omniscope_tests::hostile::{Hostile, key_in};
use omniscope_tests::net_node::NetNode;
use omniscope_tests::relay::Relay;
use serde_json::json;

/// The same message as a newer version might say it.
fn newer(mut bytes: Vec<u8>) -> Vec<u8> {
    assert_eq!(bytes[0], WIRE_VERSION);
    bytes[0] += 1;
    bytes.push(7);
    bytes
}

async fn asked(node: &mut NetNode, device: DeviceId, body: Vec<u8>) -> Response {
    let id = body.iter().fold(1, |sum, byte| sum + u64::from(*byte));
    node.tell(NetCommand::Request { device, id, body });
    Response::decode(&node.response(id).await.expect("it answers")).unwrap()
}

/// Asks as a newer version would, is told, and is served as this version on the same connection.
async fn is_told_and_served(member: &mut Hostile, device: DeviceId, workspace: WorkspaceId) {
    let sync = Request::Sync { workspace, heads: vec![], have: vec![] }.encode();
    let told = asked(&mut member.node, device, newer(sync.clone())).await;
    assert_eq!(told, Response::Unsupported { version: WIRE_VERSION });
    let served = asked(&mut member.node, device, sync).await;
    assert!(matches!(served, Response::Sync { ref ops, .. } if !ops.is_empty()), "{served:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_in_a_newer_version_is_told_so_by_peers_and_relays_and_served_in_this_one() {
    let place = tempfile::tempdir().unwrap();
    let Some(relay) = Relay::start(&place.path().join("relay"), &["--policy", "open"]) else { return };
    let homes = ["Ana", "Vic"].map(|name| Home::of(place.path(), name));
    let [mut ana, mut vic] = [("Ana", 0), ("Vic", 1)].map(|(name, n)| Headless::start(name, &homes[n]).unwrap());
    let ws = ana.call("workspace.create", json!({"name": "W"}))["workspace"].as_str().unwrap().to_owned();
    ana.invite(&ws, &mut vic, "viewer");
    ana.call("relay.add", json!({"workspace": ws, "addr": relay.addr}));
    ana.until("the relay keeps everything", |p| {
        let relay = p.call("relay.list", json!({"workspace": ws}))["relays"][0].take();
        relay["state"] == "kept" && relay["behind"] == 0
    });
    vic.stop();
    let workspace = WorkspaceId::parse_hex(&ws).unwrap();
    let mut vic = Hostile::start(key_in(&homes[1]), workspace).await;
    let device = vic.meet(&mut ana).await;
    vic.node.subscribed(device).await;
    is_told_and_served(&mut vic, device, workspace).await;
    let addr: Multiaddr = relay.addr.parse().unwrap();
    let at_relay = device_at(&addr).unwrap();
    vic.node.tell(NetCommand::Dial { addr });
    vic.node.connected(at_relay).await;
    is_told_and_served(&mut vic, at_relay, workspace).await;

    // Gossip needs no answer, and is no reason to part.
    let topic = Topic(topic(&workspace));
    vic.node.tell(NetCommand::Subscribe(topic));
    vic.node.tell(NetCommand::Publish { topic, bytes: newer(Gossip::Announce(Vec::new()).encode()) });
    is_told_and_served(&mut vic, device, workspace).await;
}

/// An older peer understands nothing of what this version asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_is_told_so_by_an_older_one_neither_ends_nor_asks_without_pause() {
    let place = tempfile::tempdir().unwrap();
    let homes = ["Ana", "Vic"].map(|name| Home::of(place.path(), name));
    let Some(mut ana) = Headless::start("Ana", &homes[0]) else { return };
    let mut vic = Headless::start("Vic", &homes[1]).unwrap();
    let ws = ana.call("workspace.create", json!({"name": "W"}))["workspace"].as_str().unwrap().to_owned();
    ana.invite(&ws, &mut vic, "viewer");
    vic.stop();
    let mut vic = Hostile::start(key_in(&homes[1]), WorkspaceId::parse_hex(&ws).unwrap()).await;
    vic.meet(&mut ana).await;
    let (mut asked, end) = (0, Instant::now() + Duration::from_secs(5));
    ana.call("node.add", json!({"workspace": ws, "type": "generic", "label": "new"}));
    while let Ok(event) =
        tokio::time::timeout(end.saturating_duration_since(Instant::now()), vic.node.events.recv()).await
    {
        if let Some(NetEvent::Request { token, .. }) = event {
            asked += 1;
            let body = Response::Unsupported { version: WIRE_VERSION }.encode();
            vic.node.tell(NetCommand::Respond { token, body });
        }
    }
    println!("asked {asked} times in 5 s");
    assert!((1..50).contains(&asked), "asked {asked} times in 5 s");
    ana.saved(&ws);
}
