//! F1 with a real peer: kill -9 in the middle of edits loses nothing that the peer had called saved, and no position of
//! a session is ever signed twice, whatever the other peer got to see.
//!
//! Deliberately absent: the store alone, with many more kills (`kill`).

use std::time::{Duration, Instant};

use omniscope_tests::headless::{Headless, Home, converged};
use omniscope_tests::log::{ops_in, signed_twice};
use omniscope_tests::process::PATIENCE;
use omniscope_tests::rows::{Rng, tier};
use serde_json::{Value, json};

/// Edits between two questions whether all is saved.
const EDITS_A_SAVE: u64 = 3;
const EDITS_A_ROUND: u64 = 60;

/// One life of Ana's peer: edits without waiting for answers, and an end at a random moment. Gives the labels whose
/// being saved was answered for, and how many edits were sent in all.
fn live_and_die(mut ana: Headless, ws: &str, round: u64, rng: &mut Rng) -> (Vec<String>, u64) {
    let first = ana.send("network.status", &json!({})).unwrap();
    let mut sent = Vec::new();
    for n in 0..EDITS_A_ROUND {
        let label = format!("round {round} edit {n}");
        let edit = json!({"workspace": ws, "type": "generic", "label": label});
        let Some(id) = ana.send("node.add", &edit) else { break };
        sent.push((id, label));
        if n % EDITS_A_SAVE == EDITS_A_SAVE - 1 {
            ana.send("workspace.persist", &json!({"workspace": ws}));
        }
    }
    // Right after one of the answers, when whatever was promised too early is still under way, or a little later.
    let (mut wanted, mut answered) = (1 + rng.below(EDITS_A_ROUND / EDITS_A_SAVE), Vec::new());
    let deadline = Instant::now() + PATIENCE;
    while wanted > 0 {
        let message = ana.message(deadline).expect("the peer answers");
        wanted -= u64::from(message["result"]["saved"] == true);
        answered.push(message);
    }
    if rng.below(4) == 0 {
        std::thread::sleep(Duration::from_micros(rng.below(5_000)));
    }
    let count = sent.len() as u64;
    answered.extend(ana.kill());
    let saved = answered.iter().filter(|a| a["result"]["saved"] == true).filter_map(|a| a["id"].as_u64()).max();
    // Requests are carried out in their order, so an answered save covers all edits sent before it.
    let covered = saved.unwrap_or(first);
    (sent.into_iter().filter(|(id, _)| *id < covered).map(|(_, label)| label).collect(), count)
}

#[test]
fn kill_nine_of_a_peer_loses_nothing_saved_and_signs_no_position_twice() {
    let mut rng = Rng::from_env("kill_peer");
    let folder = tempfile::tempdir().unwrap();
    let (at_ana, at_ben) = (Home::of(folder.path(), "ana"), Home::of(folder.path(), "ben"));
    let Some(mut ana) = Headless::start("Ana", &at_ana) else { return };
    let mut ben = Headless::start("Ben", &at_ben).unwrap();
    let ws = ana.call("workspace.create", json!({"name": "RNA-seq"}))["workspace"].as_str().unwrap().to_owned();
    ana.invite(&ws, &mut ben, "editor");
    converged(&mut [&mut ana, &mut ben], &ws);
    let (mut saved, mut sent, mut cut_short) = (Vec::new(), 0, 0);
    for round in 0..tier(20, 200) {
        let (acknowledged, edits) = live_and_die(ana, &ws, round, &mut rng);
        cut_short += u64::from((acknowledged.len() as u64) < edits);
        sent += edits;
        saved.extend(acknowledged);
        ana = Headless::start("Ana", &at_ana).unwrap();
        let state = ana.state(&ws);
        let lost: Vec<&String> = saved.iter().filter(|label| !state.contains(&format!("\"{label}\""))).collect();
        assert!(lost.is_empty(), "round {round} lost {lost:?}");
        // Now and then both catch up, so that the next round starts with what the other peer kept of the last one.
        if rng.below(2) == 0 {
            ana.until("both are in step", |p| {
                p.call("workspace.sync", json!({"workspace": ws, "wait_ms": 5_000}))["converged"] == true
            });
        }
    }
    let merged = converged(&mut [&mut ana, &mut ben], &ws);
    let nodes = serde_json::from_str::<Value>(&merged).unwrap()["nodes"].as_object().unwrap().len() as u64;
    ana.stop();
    ben.stop();
    let mut ops = ops_in(&at_ana.data());
    let of_ana = ops.len();
    ops.extend(ops_in(&at_ben.data()));
    assert_eq!(signed_twice(&ops), Vec::<String>::new());
    println!("{sent} edits sent, {} called saved, {nodes} in the end, {cut_short} rounds cut short", saved.len());
    assert!(of_ana as u64 > tier(20, 200) && cut_short > 0 && saved.len() as u64 > tier(20, 200));
}
