//! F7: pairs of homes that are connected in different ways, with real peers: an op arrives within 10 s by some path, and
//! directly where that can work.
//!
//! Four pairs at each change, all 21 with `OMNISCOPE_FULL=1`. Needs root. Deliberately absent: what happens when a path
//! is lost (`paths_lost`).

use std::time::{Duration, Instant};

use omniscope_tests::headless::{Headless, Home};
use omniscope_tests::lab::{HOME_LISTEN, Lab, Nat};
use serde_json::{Value, json};

const ARRIVES_WITHIN: Duration = Duration::from_secs(10);

/// Whether the two can reach each other without a relay, once each knows where it is seen.
fn can_be_direct(pair: [Nat; 2]) -> bool {
    let has = |nat| pair.contains(&nat);
    if has(Nat::Open) {
        return true;
    }
    // Where UDP is blocked, only an open home tells where it listens by TCP.
    if has(Nat::UdpBlocked) {
        return false;
    }
    // Nobody can guess the port of a symmetric NAT; one that is open to everybody can be dialled from there.
    !has(Nat::Symmetric) || has(Nat::FullCone)
}

pub(crate) fn peer(lab: &Lab, folder: &std::path::Path, name: &'static str, home: &str, relays: &[String]) -> Headless {
    let mut words = vec!["--no-mdns"];
    for addr in HOME_LISTEN {
        words.extend(["--listen", addr]);
    }
    for relay in relays {
        words.extend(["--relay", relay]);
    }
    let started = Headless::start_peer(name, &Home::of(folder, name), &lab.prefix(home), &words);
    started.expect("the relay beside it was built").0
}

/// The path to the only other peer; empty when there is none.
pub(crate) fn path(peer: &mut Headless) -> String {
    let status = peer.call("network.status", json!({}));
    status["peers"][0]["path"].as_str().unwrap_or_default().to_owned()
}

pub(crate) fn add(peer: &mut Headless, ws: &str, label: &str) {
    peer.call("node.add", json!({"workspace": ws, "type": "generic", "label": label}));
}

pub(crate) fn wait_for(peer: &mut Headless, ws: &str, label: &str) {
    let quoted = format!("\"{label}\"");
    peer.until(label, |p| p.state(ws).contains(&quoted));
}

pub(crate) fn relays_up(peer: &mut Headless) {
    peer.until("the relays are up", |p| {
        let status = p.call("network.status", json!({}));
        let relays = status["relays"].as_array().unwrap();
        !relays.is_empty() && relays.iter().all(|r| r["state"] == "up")
    });
}

fn meet(pair: [Nat; 2]) {
    let Some(lab) = Lab::new(pair) else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some((_relay, relays)) = lab.relay(folder.path()) else { return };
    let mut ana = peer(&lab, folder.path(), "Ana", "home1", &relays);
    let mut ben = peer(&lab, folder.path(), "Ben", "home2", &relays);
    relays_up(&mut ana);
    let ws = ana.call("workspace.create", json!({"name": "pair"}))["workspace"].as_str().unwrap().to_owned();
    add(&mut ana, &ws, "before Ben");

    let started = Instant::now();
    ana.invite(&ws, &mut ben, "editor");
    wait_for(&mut ben, &ws, "before Ben");
    let joined = started.elapsed();
    let edited = Instant::now();
    add(&mut ben, &ws, "by Ben");
    wait_for(&mut ana, &ws, "by Ben");
    let arrived = edited.elapsed();
    assert!(joined < ARRIVES_WITHIN && arrived < ARRIVES_WITHIN, "{pair:?}: {joined:?}, {arrived:?}");

    if can_be_direct(pair) {
        for peer in [&mut ana, &mut ben] {
            peer.until("the path is direct", |p| path(p) == "direct");
        }
    }
    let direct = started.elapsed();
    add(&mut ana, &ws, "after the upgrade");
    wait_for(&mut ben, &ws, "after the upgrade");
    let report = ana.call("workspace.sync", json!({"workspace": ws, "wait_ms": 10_000}));
    assert_eq!(report["converged"], Value::Bool(true), "{report}");
    assert!(report["peers"][0]["latency_ms"].is_number(), "{report}");
    println!("{pair:?}: joined after {joined:?}, an op after {arrived:?}, {} after {direct:?}", path(&mut ana));
    ana.stop();
    ben.stop();
}

#[test]
fn homes_that_can_punch_a_hole_meet_directly() {
    meet([Nat::Cone, Nat::Cone]);
}

#[test]
fn a_home_with_a_port_forwarded_is_dialled_from_behind_a_symmetric_nat() {
    meet([Nat::Symmetric, Nat::FullCone]);
}

#[test]
fn a_home_where_udp_is_blocked_meets_an_open_one_by_tcp() {
    meet([Nat::UdpBlocked, Nat::Open]);
}

#[test]
fn homes_behind_symmetric_nats_meet_on_the_relay() {
    meet([Nat::Symmetric, Nat::Symmetric]);
}

#[test]
fn every_pair_of_homes_meets() {
    if std::env::var_os("OMNISCOPE_FULL").is_none() {
        println!("skipped: 21 pairs take minutes; set OMNISCOPE_FULL=1");
        return;
    }
    let mut met = 0;
    for (at, one) in Nat::ALL.into_iter().enumerate() {
        for other in &Nat::ALL[at..] {
            meet([one, *other]);
            met += 1;
        }
    }
    assert_eq!(met, 21);
}
