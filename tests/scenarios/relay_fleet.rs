//! Past one machine: workspaces spread over several relays that share nothing. One of them is lost for good, workspaces
//! move to others, and nothing is lost.
//!
//! Real engines that reach each other through relays alone, and relays in this process. Deliberately absent: any state
//! that relays would share; there is none.

use std::path::Path;

use omniscope_engine::Options;
use omniscope_engine::store::Store;
use omniscope_relay::{Config, Policy, Server};
use omniscope_tests::peers::{Peer, converged, options};
use serde_json::json;

async fn start_relay(folder: &Path, name: &str) -> Server {
    let mut config = Config::new(folder.join(name));
    config.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()];
    config.policy = Policy::Open;
    Server::start(config).await.unwrap()
}

/// A person whom nobody can dial, over a folder of their own.
async fn person(folder: &Path, name: &'static str) -> Peer {
    let listen = vec!["/memory/1".parse().unwrap()];
    let store = Store::open(&folder.join(name), "test").unwrap();
    Peer::start_with(name, store, Options { listen, ..options() }).await
}

async fn add(peer: &Peer, ws: &str, label: &str) {
    peer.call("node.add", json!({"workspace": ws, "type": "generic", "label": label})).await;
    peer.call("workspace.persist", json!({"workspace": ws})).await;
}

async fn has(peer: &Peer, ws: &str, labels: &[&str]) {
    peer.until("the edits", async |p| {
        let state = p.state(ws).await;
        labels.iter().all(|label| state.contains(&format!("\"{label}\"")))
    })
    .await;
}

async fn keep(peer: &Peer, ws: &str, relay: &Server) {
    let addr = relay.addresses()[0].to_string();
    peer.call("relay.add", json!({"workspace": ws, "addr": addr})).await;
    kept(peer, ws, relay).await;
}

/// Waits until a relay holds all that a peer has.
async fn kept(peer: &Peer, ws: &str, relay: &Server) {
    let addr = relay.addresses()[0].to_string();
    peer.until("the relay holds all of it", async |p| {
        let list = p.call("relay.list", json!({"workspace": ws})).await;
        let relays = list["relays"].as_array().unwrap();
        relays.iter().any(|r| r["addr"] == addr.as_str() && r["state"] == "kept" && r["behind"] == 0)
    })
    .await;
}

/// A workspace of two people at two relays.
async fn workspace(owner: &Peer, guest: &Peer, relays: [&Server; 2]) -> String {
    let name = format!("{} and {}", owner.name, guest.name);
    let ws = owner.call("workspace.create", json!({"name": name})).await["workspace"].as_str().unwrap().to_owned();
    for relay in relays {
        keep(owner, &ws, relay).await;
    }
    owner.invite(&ws, guest, "editor").await;
    converged(&[owner, guest], &ws).await;
    ws
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_three_relays_with_workspaces_spread_over_them_one_is_lost_and_nothing_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let first = start_relay(place, "relay 1").await;
    let second = start_relay(place, "relay 2").await;
    let third = start_relay(place, "relay 3").await;
    let (ana, ben, cara) = (person(place, "Ana").await, person(place, "Ben").await, person(place, "Cara").await);
    let one = workspace(&ana, &ben, [&first, &second]).await;
    let two = workspace(&ben, &cara, [&second, &third]).await;
    let three = workspace(&cara, &ana, [&third, &first]).await;

    // The second relay is gone with its disk, in the middle of work.
    add(&ana, &one, "before").await;
    add(&ben, &two, "before").await;
    second.stop().await;
    std::fs::remove_dir_all(place.join("relay 2")).unwrap();
    for (ws, pair) in [(&one, [&ana, &ben]), (&two, [&ben, &cara]), (&three, [&cara, &ana])] {
        for peer in pair {
            add(peer, ws, &format!("{} after", peer.name)).await;
        }
        for peer in pair {
            let labels = pair.map(|p| format!("{} after", p.name));
            has(peer, ws, &[&labels[0], &labels[1]]).await;
        }
        converged(&pair, ws).await;
    }

    // The other relay of a workspace serves who was away, though nobody else is there.
    ben.engine.shutdown().await;
    drop(ben);
    add(&ana, &one, "while Ben was away").await;
    kept(&ana, &one, &first).await;
    ana.engine.shutdown().await;
    drop(ana);
    let ben = person(place, "Ben").await;
    has(&ben, &one, &["before", "while Ben was away"]).await;
    has(&ben, &two, &["before", "Cara after"]).await;

    // The workspace moves to the third relay; then its first one is lost as well.
    let ana = person(place, "Ana").await;
    keep(&ana, &one, &third).await;
    for lost in ["relay 2", "relay 1"] {
        let list = ana.call("relay.list", json!({"workspace": one})).await;
        let at = usize::from(lost == "relay 1");
        let gone =
            [list["relays"].as_array().unwrap().iter().find(|r| r["state"] == "down"), list["relays"].get(0)][at];
        let addr = gone.unwrap()["addr"].clone();
        ana.call("relay.remove", json!({"workspace": one, "addr": addr})).await;
    }
    converged(&[&ana, &ben], &one).await;
    first.stop().await;
    add(&ana, &one, "after the move").await;
    has(&ben, &one, &["before", "Ben after", "while Ben was away", "after the move"]).await;
    kept(&ana, &one, &third).await;
    assert_eq!(ana.call("relay.list", json!({"workspace": one})).await["relays"].as_array().unwrap().len(), 1);
    third.stop().await;
}
