//! Five people edit one pipeline of 82 steps, apart and together, with restarts in between; afterwards their documents
//! are equal to the byte, read by yrs and by real Yjs.

use std::path::Path;

use omniscope_engine::doc::canonical::to_canonical;
use omniscope_engine::pipeline::import::plan;
use omniscope_protocol::identity::OpId;
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::Body;
use omniscope_tests::dice::{Dice, seed};
use omniscope_tests::sim::peer::{Peer, key};
use serde_json::{Map, Value, json};

use super::yjs_equal::Yjs;

const PEERS: usize = 5;
const STEPS: usize = 82;
const TURNS: usize = 60;
const PART_BYTES: usize = 40_000;

/// A published pipeline of 82 steps where it is at hand, else one of the same size.
fn pipeline() -> Value {
    let shared = "../../shared/data/galaxy/hi-c-map-for-assembly-manual-curation.ga";
    let mut count = 0u64;
    let mut ids = || {
        count += 1;
        let hash = blake3::hash(&count.to_le_bytes());
        *hash.as_bytes().first_chunk::<16>().expect("a hash has 32 bytes")
    };
    if let Ok(text) = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(shared)) {
        let mut plans = plan(&text, &mut ids).unwrap();
        return plans.remove(0).state;
    }
    let mut nodes = Map::new();
    let mut edges = Map::new();
    for n in 0..STEPS {
        let node = json!({"kind": "generic", "label": format!("step {n}"), "pos": [220 * (n % 9), 120 * (n / 9)], "notes": ""});
        nodes.insert(format!("n{n}"), node);
        if n > 0 {
            let edge = json!({"source": format!("n{}", n - 1), "sourcePort": "out", "target": format!("n{n}"), "targetPort": "in"});
            edges.insert(format!("e{n}"), edge);
        }
    }
    json!({"meta": {"name": "sample"}, "nodes": nodes, "edges": edges})
}

fn exchange(peers: &mut [Peer], asks: usize, answers: usize) {
    let (from, to) = (peers[asks].id(), peers[answers].id());
    let mut request = Some(peers[asks].sync_request());
    while let Some(bytes) = request {
        let answer = peers[answers].on_request(&from, &bytes);
        request = peers[asks].on_response(&to, &answer);
    }
}

fn exchange_all(peers: &mut [Peer]) {
    for asks in 0..PEERS {
        (0..PEERS).filter(|b| *b != asks).for_each(|answers| exchange(peers, asks, answers));
    }
}

#[test]
fn five_peers_on_a_pipeline_of_82_steps_end_with_equal_bytes_in_yrs_and_yjs() {
    let mut dice = Dice::new(seed());
    let founder = Peer::founder();
    let workspace = founder.replica.workspace();
    let mut peers = vec![founder];
    peers.extend((1..PEERS).map(|n| Peer::new(n, workspace)));
    for n in 1..PEERS {
        let body = Body::SetRole { subject: key(n).id(), role: Role::Editor, cap: OpId(workspace.0) };
        peers[0].say(body, 0);
    }
    let updates = peers[0].document.insert_state(&pipeline());
    let parts = peers[0].sign_edit(&updates, 0, PART_BYTES, usize::MAX).len();
    exchange_all(&mut peers);
    let steps = peers[4].document.root_json("nodes").as_object().unwrap().len();
    assert_eq!(steps, STEPS, "the pipeline came over whole, in {parts} parts");

    let (mut edits, mut apart, mut restarts) = (0, 0, 0);
    for turn in 0..TURNS {
        // Two groups that do not reach each other, until another turn divides them otherwise.
        let side = dice.below(1 << PEERS);
        for peer in &mut peers {
            for _ in 0..dice.below(5) {
                let size = if dice.one_in(10) { 400 } else { PART_BYTES };
                edits += peer.edit(&mut dice, turn as u64, size, usize::MAX).len();
            }
            if dice.one_in(12) {
                let count = if dice.one_in(2) { peer.log.len() } else { peer.committed.max(1) };
                peer.restart(count);
                restarts += 1;
            }
        }
        for _ in 0..6 {
            let (a, b) = (dice.below(PEERS), dice.below(PEERS));
            if a != b && (side >> a ^ side >> b) & 1 == 0 {
                exchange(&mut peers, a, b);
            } else {
                apart += 1;
            }
        }
    }
    (0..3).for_each(|_| exchange_all(&mut peers));
    assert!(edits > 300 && apart > 50 && restarts > 10, "{edits} edits, {apart} times apart, {restarts} restarts");

    let expected = peers[0].document.canonical_json();
    let mut yjs = Yjs::start();
    for (n, peer) in peers.iter().enumerate() {
        assert_eq!(peer.document.canonical_json(), expected, "peer {n}, yrs");
        let hex: Vec<String> = peer.updates().iter().map(|u| omniscope_protocol::identity::hex(u)).collect();
        let read = yjs.ask(&json!({ "fold": hex }));
        assert_eq!(read["pending"], json!(false), "peer {n}");
        assert_eq!(to_canonical(&read["json"]), expected, "peer {n}, Yjs");
    }
    yjs.stop();
}
