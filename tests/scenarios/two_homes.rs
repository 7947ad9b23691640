//! The main job with real processes in separate network namespaces: two headless peers at home behind NATs, the relay
//! in public. Everything is said by JSON-RPC.
//!
//! Needs root. Deliberately absent: windows, and engines in this process.

use std::time::{Duration, Instant};

use omniscope_engine::pipeline::SAMPLE_RNASEQ;
use omniscope_tests::headless::{Headless, Home, converged};
use omniscope_tests::lab::{Lab, Nat, PUBLIC_IP};
use omniscope_tests::process::{Process, program};
use serde_json::{Value, json};

/// A device must notice by itself that its network is gone, and that it is back.
const NOTICED_WITHIN: Duration = Duration::from_secs(10);

struct Street {
    ana: Headless,
    ben: Headless,
    lab: Lab,
    _relay: Process,
    _folder: tempfile::TempDir,
}

/// Two peers that only the relay can bring together at first.
fn street(nats: [Nat; 2]) -> Option<Street> {
    let relay_program = program("omniscope-relay")?;
    program("omniscope")?;
    let lab = Lab::new(nats)?;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("relay");
    let listen = format!("/ip4/{PUBLIC_IP}/udp/4717/quic-v1");
    let arguments = ["--listen", &listen, "--data-dir", data.to_str().unwrap(), "--policy", "open", "--log", "warn"];
    let relay = lab.spawn("pub", &relay_program, &arguments);
    let address = relay.until(&listen);
    let peer = |name: &'static str, home: &str| {
        let own = ["/ip4/0.0.0.0/udp/4001/quic-v1"];
        Headless::start_with(name, &Home::of(folder.path(), name), &own, Some(&address), &lab.prefix(home))
    };
    let (mut ana, mut ben) = (peer("Ana", "home1")?, peer("Ben", "home2")?);
    for peer in [&mut ana, &mut ben] {
        peer.until("the relay is up", |p| p.call("network.status", json!({}))["relays"][0]["state"] == "up");
    }
    Some(Street { ana, ben, lab, _relay: relay, _folder: folder })
}

fn labels(state: &str) -> Vec<String> {
    let state: Value = serde_json::from_str(state).unwrap();
    state["nodes"].as_object().unwrap().values().map(|n| n["label"].as_str().unwrap_or_default().to_owned()).collect()
}

fn add(peer: &mut Headless, ws: &str, label: &str) -> String {
    let made = peer.call("node.add", json!({"workspace": ws, "type": "generic", "label": label}));
    made["node"].as_str().unwrap().to_owned()
}

fn connected(peer: &mut Headless) -> bool {
    !peer.call("network.status", json!({}))["peers"].as_array().unwrap().is_empty()
}

fn the_main_job(nats: [Nat; 2]) {
    let Some(Street { mut ana, mut ben, lab, _relay, _folder }) = street(nats) else { return };
    let ws = ana.call("workspace.create", json!({"name": "RNA-seq"}))["workspace"].as_str().unwrap().to_owned();
    let imported = ana.call("pipeline.import", json!({"workspace": ws, "content": SAMPLE_RNASEQ}));
    assert!(imported["nodes"].as_u64().unwrap() > 10, "{imported}");
    ana.invite(&ws, &mut ben, "editor");
    let before = converged(&mut [&mut ana, &mut ben], &ws);

    // Concurrent edits: both are under way before either is answered.
    for n in 0..20 {
        let of_ana = ana.send("node.add", &json!({"workspace": ws, "type": "generic", "label": format!("Ana {n}")}));
        let of_ben = ben.send("node.add", &json!({"workspace": ws, "type": "generic", "label": format!("Ben {n}")}));
        assert!(of_ana.is_some() && of_ben.is_some());
    }
    for (peer, other) in [(&mut ana, "Ben 19"), (&mut ben, "Ana 19")] {
        peer.until("the other's edits", |p| p.state(&ws).contains(other));
    }
    let online = converged(&mut [&mut ana, &mut ben], &ws);
    assert_eq!(labels(&online).len(), labels(&before).len() + 40);

    // The cable is out at one home; both go on.
    lab.set_link("home2", false);
    let out = Instant::now();
    ana.until("Ana notices", |p| !connected(p));
    ben.until("Ben notices", |p| !connected(p));
    println!("a link down noticed on both sides after {:?}", out.elapsed());
    assert!(out.elapsed() <= NOTICED_WITHIN);
    let shared = add(&mut ana, &ws, "Ana offline");
    ana.call("node.note", json!({"workspace": ws, "node": shared, "text": "made while Ben was away 🧬"}));
    let of_ben = add(&mut ben, &ws, "Ben offline");
    ben.call("node.set", json!({"workspace": ws, "node": of_ben, "params": {"threads": 8}}));
    let report = ben.call("workspace.sync", json!({"workspace": ws, "wait_ms": 0}));
    assert_eq!(report["converged"], Value::Null, "nobody is reached: {report}");
    assert_ne!(ana.state(&ws), ben.state(&ws));

    lab.set_link("home2", true);
    let back = Instant::now();
    for (peer, other) in [(&mut ana, "Ben offline"), (&mut ben, "Ana offline")] {
        peer.until("the other's offline edits", |p| p.state(&ws).contains(other));
    }
    let merged = converged(&mut [&mut ana, &mut ben], &ws);
    println!("merged {:?} after the link came back", back.elapsed());
    assert!(back.elapsed() <= NOTICED_WITHIN);
    assert!(merged.contains("made while Ben was away 🧬") && merged.contains("\"threads\":8"));
    assert_eq!(labels(&merged).len(), labels(&online).len() + 2);
    let report = ana.call("workspace.sync", json!({"workspace": ws, "wait_ms": 10_000}));
    assert_eq!(report["converged"], true, "{report}");
    assert_eq!(report["peers"][0]["name"], "Ben");
    ana.stop();
    ben.stop();
}

#[test]
fn two_homes_do_the_main_job_through_the_relay() {
    the_main_job([Nat::Symmetric, Nat::Symmetric]);
}

#[test]
fn two_homes_do_the_main_job_and_may_punch_a_hole() {
    the_main_job([Nat::Cone, Nat::Cone]);
}
