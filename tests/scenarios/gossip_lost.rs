//! F14: gossip is a hint. With 30 % or all of it lost, the exchange of heads heals within 10 s.

use std::time::{Duration, Instant};

use omniscope_engine::Options;
use omniscope_engine::store::Store;
use omniscope_tests::peers::{Peer, converged, options};
use serde_json::json;

const HEALED_WITHIN: Duration = Duration::from_secs(10);
const EDITS: usize = 20;

async fn heals(lossy: impl Fn() -> Options) {
    let mut people = Vec::new();
    for name in ["Ana", "Ben", "Cara"] {
        people.push(Peer::start_with(name, Store::memory().unwrap(), lossy()).await);
    }
    let ws =
        people[0].call("workspace.create", json!({"name": "lossy"})).await["workspace"].as_str().unwrap().to_owned();
    for guest in &people[1..] {
        people[0].invite(&ws, guest, "editor").await;
    }
    let all: Vec<&Peer> = people.iter().collect();
    converged(&all, &ws).await;
    let mut slowest = Duration::ZERO;
    for round in 0..3 {
        for n in 0..EDITS {
            for peer in &people {
                let label = format!("{} {round} {n}.", peer.name);
                peer.call("node.add", json!({"workspace": ws, "type": "generic", "label": label})).await;
            }
        }
        let made = Instant::now();
        for peer in &people {
            peer.until("everybody's edits", async |p| {
                let state = p.state(&ws).await;
                let all = |name: &str| (0..EDITS).all(|n| state.contains(&format!("\"{name} {round} {n}.\"")));
                ["Ana", "Ben", "Cara"].into_iter().all(all)
            })
            .await;
        }
        converged(&all, &ws).await;
        slowest = slowest.max(made.elapsed());
    }
    println!("healed after {slowest:?} at most");
    assert!(slowest <= HEALED_WITHIN, "{slowest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_gossip_the_exchange_of_heads_heals_within_10_s() {
    heals(|| Options { no_gossip: true, ..options() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_third_of_gossip_lost_the_exchange_of_heads_heals_within_10_s() {
    heals(|| Options { gossip_loss_percent: 30, ..options() }).await;
}
