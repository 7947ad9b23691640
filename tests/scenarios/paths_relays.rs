//! Relays that go away and come back, and more than one of them: F13 for real engines that have no other way to each
//! other.
//!
//! Deliberately absent: the mailbox of a relay, and networks that change (`paths_lost`).

use std::path::Path;
use std::time::{Duration, Instant};

use libp2p::Multiaddr;
use omniscope_engine::Options;
use omniscope_engine::store::Store;
use omniscope_relay::{Config, Server};
use omniscope_tests::peers::{Peer, converged, options};
use omniscope_tests::rows::tier;
use serde_json::json;

/// F13: at the 95th percentile.
const RESERVED_WITHIN: Duration = Duration::from_secs(5);

async fn start_relay(folder: &Path, listen: &[Multiaddr]) -> Server {
    let mut config = Config::new(folder.to_owned());
    config.listen = listen.to_vec();
    config.policy = omniscope_relay::Policy::Open;
    let deadline = Instant::now() + RESERVED_WITHIN;
    loop {
        match Server::start(config.clone()).await {
            Ok(server) => return server,
            // The sockets of the one that stopped live until its last connection has ended.
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn any_port() -> Vec<Multiaddr> {
    vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap(), "/ip4/127.0.0.1/tcp/0".parse().unwrap()]
}

/// Where a relay listens, to start it there again.
fn bound(server: &Server) -> Vec<Multiaddr> {
    server.addresses().iter().map(|addr| addr.iter().take_while(|part| part.tag() != "p2p").collect()).collect()
}

/// A person whom nobody can dial.
async fn behind(relays: &[Multiaddr], name: &'static str) -> Peer {
    let nowhere = vec!["/memory/1".parse().unwrap()];
    let options = Options { listen: nowhere, relays: relays.to_vec(), ..options() };
    Peer::start_with(name, Store::memory().unwrap(), options).await
}

async fn workspace(ana: &Peer, ben: &Peer) -> String {
    let ws = ana.call("workspace.create", json!({"name": "relayed"})).await["workspace"].as_str().unwrap().to_owned();
    ana.invite(&ws, ben, "editor").await;
    converged(&[ana, ben], &ws).await;
    ws
}

async fn add(peer: &Peer, ws: &str, label: &str) {
    peer.call("node.add", json!({"workspace": ws, "type": "generic", "label": label})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_restarts_again_and_again_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let mut relay = start_relay(folder.path(), &any_port()).await;
    let (addresses, listen) = (relay.addresses().to_vec(), bound(&relay));
    let (ana, ben) = (behind(&addresses, "Ana").await, behind(&addresses, "Ben").await);
    let ws = workspace(&ana, &ben).await;
    let mut reserved = Vec::new();
    let rounds = tier(5, 61);
    for round in 0..rounds {
        add(&ana, &ws, &format!("before {round}")).await;
        relay.stop().await;
        for peer in [&ana, &ben] {
            peer.until("the relay is missed", async |p| {
                p.call("network.status", json!({})).await["relays"][0]["state"] == "down"
            })
            .await;
        }
        add(&ana, &ws, &format!("Ana, away {round}")).await;
        add(&ben, &ws, &format!("Ben, away {round}")).await;
        relay = start_relay(folder.path(), &listen).await;
        let back = Instant::now();
        for peer in [&ana, &ben] {
            peer.reachable().await;
            reserved.push(back.elapsed());
        }
        converged(&[&ana, &ben], &ws).await;
    }
    reserved.sort();
    let p95 = reserved[reserved.len() * 95 / 100];
    println!(
        "{rounds} restarts: reservation back after {:?} in the median, {p95:?} at p95",
        reserved[reserved.len() / 2]
    );
    assert!(p95 <= RESERVED_WITHIN);
    let state = ana.state(&ws).await;
    for round in 0..rounds {
        for label in [format!("before {round}"), format!("Ana, away {round}"), format!("Ben, away {round}")] {
            assert!(state.contains(&format!("\"{label}\"")), "{label} is lost");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_of_two_relays_takes_over_and_a_guest_keeps_both() {
    let folder = tempfile::tempdir().unwrap();
    let first = start_relay(&folder.path().join("1"), &any_port()[..1]).await;
    let second = start_relay(&folder.path().join("2"), &any_port()[..1]).await;
    let both: Vec<Multiaddr> = first.addresses().iter().chain(second.addresses()).cloned().collect();
    let ana = behind(&both, "Ana").await;
    // Ben knows of no relay but what the link says.
    let ben = behind(&[], "Ben").await;
    let ws = workspace(&ana, &ben).await;
    ben.until("both relays are up", async |p| {
        let status = p.call("network.status", json!({})).await;
        let relays = status["relays"].as_array().unwrap();
        relays.len() == 2 && relays.iter().all(|r| r["state"] == "up")
    })
    .await;
    first.stop().await;
    add(&ana, &ws, "through the second").await;
    let stopped = Instant::now();
    ben.until("the edit", async |p| p.state(&ws).await.contains("\"through the second\"")).await;
    println!("through the second relay {:?} after the first stopped", stopped.elapsed());
    assert!(stopped.elapsed() <= RESERVED_WITHIN);
    second.stop().await;
}
