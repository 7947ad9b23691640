//! Two workspaces on the same peers and the same relay: nothing of one shows in the other.
//!
//! Ana is in both, Ben in the open one, Cara in the secret one; all meet on one relay, or on loopback.

use std::sync::Arc;

use omniscope_engine::event::Event;
use omniscope_engine::net::{NetCommand, Topic};
use omniscope_engine::store::{DATABASE_FILE, Store};
use omniscope_protocol::identity::WorkspaceId;
use omniscope_protocol::wire::{Refusal, Request, Response, topic};
use omniscope_tests::net_node::NetNode;
use omniscope_tests::peers::{Peer, Place, Way, converged, key_of};
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;

/// What must not be found where it does not belong, beside Cara's name and the workspace's id.
const CANARIES: [&str; 4] = ["canary-name", "canary-label", "canary-note", "canary-selection"];

async fn create(owner: &Peer, name: &str) -> String {
    let made = owner.call("workspace.create", json!({"name": name})).await;
    made["workspace"].as_str().unwrap().to_owned()
}

/// Everything that a peer tells by verbs.
async fn everything(peer: &Peer) -> String {
    let mut all = peer.call("workspace.list", json!({})).await.to_string();
    for ws in peer.call("workspace.list", json!({})).await["workspaces"].as_array().unwrap() {
        let of = json!({"workspace": ws["workspace"]});
        for verb in ["show", "members", "state", "sync", "presence", "online"] {
            all += &peer.call(&format!("workspace.{verb}"), of.clone()).await.to_string();
        }
    }
    all + &peer.call("network.status", json!({})).await.to_string()
}

fn drain(events: &mut Receiver<Arc<Event>>) -> String {
    let mut all = String::new();
    loop {
        match events.try_recv() {
            Ok(event) => all += &serde_json::to_string(&*event).unwrap(),
            Err(tokio::sync::broadcast::error::TryRecvError::Lagged(n)) => panic!("{n} events were missed"),
            Err(_) => return all,
        }
    }
}

fn nothing_of(secrets: &[&str], place: &str, text: &str) {
    for secret in secrets {
        assert!(!text.contains(secret), "{secret:?} is found in {place}");
    }
}

async fn nothing_crosses(way: Way) {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(way, folder.path()).await;
    let ana = place.peer("Ana").await;
    let home = folder.path().join("ben");
    let ben = place.peer_over("Ben", Store::open(&home, "test").unwrap()).await;
    let cara = place.peer("Cara").await;
    let mut at_ben = ben.engine.subscribe();
    let mut at_ana = ana.engine.subscribe();
    let (open, secret) = (create(&ana, "open").await, create(&ana, "canary-name").await);
    ana.invite(&open, &ben, "editor").await;
    ana.invite(&secret, &cara, "editor").await;
    converged(&[&ana, &ben], &open).await;
    let before = ana.state(&open).await;
    let heads = ana.call("workspace.show", json!({"workspace": open})).await["heads"].clone();
    drain(&mut at_ana);

    let made = cara.call("node.add", json!({"workspace": secret, "type": "generic", "label": "canary-label"})).await;
    ana.until("Cara's step", async |p| p.state(&secret).await.contains("canary-label")).await;
    ana.call("node.note", json!({"workspace": secret, "node": made["node"], "text": "canary-note"})).await;
    converged(&[&ana, &cara], &secret).await;
    let mut moved = ana.engine.subscribe();
    cara.call("cursor.move", json!({"workspace": secret, "x": 1.5, "y": 2.5})).await;
    cara.call("selection.change", json!({"workspace": secret, "nodes": ["canary-selection"]})).await;
    ana.event(&mut moved, "Cara's selection", |e| matches!(e, Event::SelectionUpdated { .. })).await;
    // What goes to everybody in the open workspace now comes after all of it.
    ana.call("node.add", json!({"workspace": open, "type": "generic", "label": "afterwards"})).await;
    ben.until("the later edit", async |p| p.state(&open).await.contains("afterwards")).await;

    let device = cara.engine.device().to_owned();
    let mut secrets: Vec<&str> = CANARIES.to_vec();
    secrets.extend(["Cara", &secret, &device]);
    nothing_of(&secrets, "Ben's events", &drain(&mut at_ben));
    // Whom a device is connected to is its own business; Cara and Ben never are.
    nothing_of(&secrets, "Ben's verbs", &everything(&ben).await);
    // In Ana's engine, which has both, nothing of one is told as part of the other.
    for line in drain(&mut at_ana).split("{\"event\"") {
        let (of_open, of_secret) = (line.contains(&open), line.contains(&secret));
        assert!(!(of_open && of_secret), "{line}");
        if of_open {
            nothing_of(&secrets, "events of the open workspace", line);
        }
    }
    let state: Value = serde_json::from_str(&ana.state(&open).await).unwrap();
    nothing_of(&secrets, "the open document", &state.to_string());
    assert_eq!(state["nodes"].as_object().unwrap().len(), 1, "one edit was made there: {before} became {state}");
    let now = ana.call("workspace.show", json!({"workspace": open})).await["heads"].clone();
    assert_ne!(now, heads, "the later edit is there");
    let gone = cara.refused("workspace.show", json!({"workspace": open})).await;
    assert_eq!(gone, "no_such_workspace");
    ben.call("workspace.persist", json!({"workspace": open})).await;
    ben.engine.shutdown().await;
    let mut bytes = std::fs::read(home.join(DATABASE_FILE)).unwrap();
    bytes.extend(std::fs::read(home.join(format!("{DATABASE_FILE}-wal"))).unwrap_or_default());
    nothing_of(&secrets, "Ben's database", &String::from_utf8_lossy(&bytes));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_edit_presence_or_name_crosses_between_workspaces_on_loopback() {
    nothing_crosses(Way::Loopback).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_edit_presence_or_name_crosses_between_workspaces_through_the_relay() {
    nothing_crosses(Way::Relay).await;
}

/// Ben's device, with a program of its own, asks for the secret workspace by its id, which it must have guessed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_no_member_is_told_nothing_whatever_it_asks() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(Way::Loopback, folder.path()).await;
    let ana = place.peer("Ana").await;
    let secret = create(&ana, "canary-name").await;
    let made = ana.call("node.add", json!({"workspace": secret, "type": "generic", "label": "canary-label"})).await;
    let id = WorkspaceId::parse_hex(&secret).unwrap();
    let heads = ana.call("workspace.show", json!({"workspace": secret})).await["heads"].clone();
    let head = heads[0].as_str().and_then(omniscope_protocol::identity::OpId::parse_hex).unwrap();

    let mut ben = NetNode::start(key_of("Ben").seed()[0], |_| {}).await;
    ben.tell(NetCommand::Subscribe(Topic(topic(&id))));
    let status = ana.call("network.status", json!({})).await;
    for addr in status["listening"].as_array().unwrap() {
        ben.tell(NetCommand::Dial { addr: addr.as_str().unwrap().parse().unwrap() });
    }
    let device = omniscope_protocol::identity::DeviceId::parse_hex(ana.engine.device()).unwrap();
    ben.connected(device).await;
    let questions = [
        Request::Sync { workspace: id, heads: Vec::new(), have: Vec::new() },
        Request::Sync { workspace: id, heads: vec![head], have: Vec::new() },
        Request::Fetch { workspace: id, ids: vec![head] },
        Request::Push { workspace: id, ops: Vec::new() },
    ];
    for (n, question) in questions.into_iter().enumerate() {
        ben.tell(NetCommand::Request { device, id: n as u64, body: question.encode() });
        let answer = Response::decode(&ben.response(n as u64).await.unwrap()).unwrap();
        assert_eq!(answer, Response::Refused(Refusal::NotMember), "question {n}");
    }
    assert!(made["node"].is_string());
    let still = ana.call("workspace.show", json!({"workspace": secret})).await["heads"].clone();
    assert_eq!(still, heads);
}
