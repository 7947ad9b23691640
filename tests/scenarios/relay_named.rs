//! Members name the relays of a workspace, and take them away, while they are apart: what each of them said stays said,
//! and a relay that was removed is left by all, with their reservations.
//!
//! Deliberately absent: what the entries in the document say (`doc::relays` of the engine), and moving a workspace
//! (`relay_fleet`).

use std::collections::BTreeSet;
use std::path::Path;

use omniscope_relay::{Config, Policy, Server};
use omniscope_tests::peers::{PATIENCE, Peer, converged};
use omniscope_tests::rows::{Rng, tier};
use serde_json::json;

/// A relay with two addresses, as they have in earnest.
async fn start_relay(folder: &Path, name: &str) -> Server {
    let mut config = Config::new(folder.join(name));
    config.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap(), "/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    config.policy = Policy::Open;
    Server::start(config).await.unwrap()
}

fn addr(relay: &Server) -> String {
    relay.addresses()[0].to_string()
}

async fn online(peer: &Peer, on: bool) {
    peer.call("network.set", json!({"online": on})).await;
}

async fn name(peer: &Peer, ws: &str, relay: &Server) {
    peer.call("relay.add", json!({"workspace": ws, "addr": addr(relay)})).await;
}

async fn remove(peer: &Peer, ws: &str, relay: &Server) {
    let answer = peer.call("relay.remove", json!({"workspace": ws, "addr": addr(relay)})).await;
    assert_eq!(answer["removed"], true);
}

/// Waits until a peer keeps the workspace at just these relays, and holds reservations there and nowhere else.
async fn at(peer: &Peer, ws: &str, relays: &[&Server]) {
    let expected: BTreeSet<String> = relays.iter().map(|relay| relay.peer_id().to_string()).collect();
    let ids = |rows: &serde_json::Value, state: &str| -> BTreeSet<String> {
        let rows = rows["relays"].as_array().unwrap().iter().filter(|r| r["state"] == state);
        rows.map(|r| r["addr"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
    };
    let all = |rows: &serde_json::Value| rows["relays"].as_array().unwrap().len() >= expected.len();
    peer.until("it is at the relays that were named", async |p| {
        let (kept, used) =
            (p.call("relay.list", json!({"workspace": ws})).await, p.call("network.status", json!({})).await);
        all(&kept) && ids(&kept, "kept") == expected && ids(&used, "up") == expected && ids(&used, "down").is_empty()
    })
    .await;
}

/// Waits until a relay says that it has connections, or none.
async fn connected(peer: &Peer, relay: &Server, any: bool) {
    let metrics = relay.metrics();
    peer.until("the relay's connections", async |_| metrics.text().contains("omniscope_relay_connections 0\n") != any)
        .await;
}

/// Ana's workspace at one relay, and Ben, who joined by a link that leads through it, at either of its addresses.
async fn workspace(ana: &Peer, ben: &Peer, first: &Server) -> String {
    let ws = ana.call("workspace.create", json!({"name": "W"})).await["workspace"].as_str().unwrap().to_owned();
    name(ana, &ws, first).await;
    at(ana, &ws, &[first]).await;
    let relay: Vec<String> = first.addresses().iter().map(ToString::to_string).collect();
    let link = ana.call("invite.create", json!({"workspace": ws, "role": "editor", "relay": relay})).await;
    let wait = PATIENCE.as_millis() as u64;
    let joined = ben.call("join", json!({"link": link["link"], "wait_ms": wait})).await;
    assert_eq!(joined["status"], "member");
    at(ben, &ws, &[first]).await;
    ws
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_that_two_members_add_and_remove_while_apart_are_as_both_said() {
    let place = tempfile::tempdir().unwrap();
    let [first, second, third] = [
        start_relay(place.path(), "1").await,
        start_relay(place.path(), "2").await,
        start_relay(place.path(), "3").await,
    ];
    let (ana, ben) = (Peer::start("Ana").await, Peer::start("Ben").await);
    let ws = workspace(&ana, &ben, &first).await;

    online(&ana, false).await;
    online(&ben, false).await;
    name(&ana, &ws, &second).await;
    name(&ben, &ws, &third).await;
    online(&ana, true).await;
    online(&ben, true).await;
    for peer in [&ana, &ben] {
        at(peer, &ws, &[&first, &second, &third]).await;
    }

    online(&ana, false).await;
    online(&ben, false).await;
    remove(&ana, &ws, &first).await;
    remove(&ben, &ws, &second).await;
    online(&ana, true).await;
    online(&ben, true).await;
    for peer in [&ana, &ben] {
        at(peer, &ws, &[&third]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joined_through_a_relay_leaves_it_when_it_is_removed_and_nothing_old_brings_it_back() {
    let place = tempfile::tempdir().unwrap();
    let (first, second) = (start_relay(place.path(), "1").await, start_relay(place.path(), "2").await);
    let (ana, ben) = (Peer::start("Ana").await, Peer::start_in("Ben", &place.path().join("Ben")).await);
    let ws = workspace(&ana, &ben, &first).await;
    let with_first = ana.call("history.list", json!({"workspace": ws})).await["total"].as_u64().unwrap();
    name(&ana, &ws, &second).await;
    for peer in [&ana, &ben] {
        at(peer, &ws, &[&first, &second]).await;
    }
    connected(&ana, &first, true).await;
    remove(&ana, &ws, &first).await;
    for peer in [&ana, &ben] {
        at(peer, &ws, &[&second]).await;
    }
    connected(&ana, &first, false).await;

    ana.call("history.restore", json!({"workspace": ws, "at": with_first})).await;
    converged(&[&ana, &ben], &ws).await;
    connected(&ana, &first, false).await;
    ben.engine.shutdown().await;
    drop(ben);
    let ben = Peer::start_in("Ben", &place.path().join("Ben")).await;
    ana.call("node.add", json!({"workspace": ws, "type": "generic", "label": "after"})).await;
    for peer in [&ana, &ben] {
        at(peer, &ws, &[&second]).await;
    }
    converged(&[&ana, &ben], &ws).await;
    connected(&ana, &first, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_any_adding_and_removing_apart_all_members_are_at_the_relays_that_were_named_last() {
    let mut rng = Rng::from_env("relays named apart");
    let place = tempfile::tempdir().unwrap();
    let mut relays = Vec::new();
    for n in 0..4 {
        relays.push(start_relay(place.path(), &n.to_string()).await);
    }
    let (ana, ben) = (Peer::start("Ana").await, Peer::start("Ben").await);
    let ws = workspace(&ana, &ben, &relays[0]).await;
    let mut named = [true, false, false, false];
    for round in 0..tier(3, 30) {
        for peer in [&ana, &ben] {
            online(peer, false).await;
        }
        // Each relay is in the hands of one of them; what both say of one at the same time is anybody's.
        for (at, relay) in relays.iter().enumerate() {
            let peer = [&ana, &ben][(rng.below(2)) as usize];
            for _ in 0..rng.below(3) {
                named[at] = !named[at];
                match named[at] {
                    true => name(peer, &ws, relay).await,
                    false => remove(peer, &ws, relay).await,
                }
            }
        }
        for peer in [&ana, &ben] {
            online(peer, true).await;
        }
        println!("round {round}: {named:?}");
        let expected: Vec<&Server> = relays.iter().zip(named).filter(|(_, named)| *named).map(|(r, _)| r).collect();
        for peer in [&ana, &ben] {
            at(peer, &ws, &expected).await;
        }
    }
}
