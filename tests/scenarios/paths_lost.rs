//! Paths that are lost: in the middle of a stream of edits, by a cable, by a sleep, by a new address. Nothing is lost with
//! them, and what can come back comes back by itself.
//!
//! Real peers in network namespaces; needs root. Deliberately absent: which pairs meet at all (`nat_pairs`), and relays
//! that restart (`paths_relays`).

use std::process::Command;
use std::time::{Duration, Instant};

use omniscope_tests::headless::{Headless, Home, converged};
use omniscope_tests::lab::{Lab, Nat};
use omniscope_tests::process::Process;
use serde_json::json;

use crate::nat_pairs::{add, path, peer, relays_up, wait_for};

/// F7: after a direct path turned into a black hole.
const FALLS_BACK_WITHIN: Duration = Duration::from_secs(20);
const NOTICED_WITHIN: Duration = Duration::from_secs(5);
const BACK_WITHIN: Duration = Duration::from_secs(3);
/// A path that can be direct becomes so again, though nobody asks for it.
const DIRECT_AGAIN_WITHIN: Duration = Duration::from_secs(90);

struct Street {
    lab: Lab,
    ana: Headless,
    ben: Headless,
    ws: String,
    _relay: Process,
    _folder: tempfile::TempDir,
}

/// Two homes whose people work on one pipeline, on a path of this kind; empty stands for any.
fn street(pair: [Nat; 2], wanted: &str) -> Option<Street> {
    let lab = Lab::new(pair)?;
    let folder = tempfile::tempdir().unwrap();
    let (relay, relays) = lab.relay(folder.path())?;
    let mut ana = peer(&lab, folder.path(), "Ana", "home1", &relays);
    let mut ben = peer(&lab, folder.path(), "Ben", "home2", &relays);
    relays_up(&mut ana);
    let ws = ana.call("workspace.create", json!({"name": "street"}))["workspace"].as_str().unwrap().to_owned();
    ana.invite(&ws, &mut ben, "editor");
    for peer in [&mut ana, &mut ben] {
        peer.until("the path", |p| path(p).contains(wanted) && !path(p).is_empty());
    }
    Some(Street { lab, ana, ben, ws, _relay: relay, _folder: folder })
}

/// The time until an edit made now has arrived.
fn edit_arrives(from: &mut Headless, to: &mut Headless, ws: &str, label: &str) -> Duration {
    let made = Instant::now();
    add(from, ws, label);
    wait_for(to, ws, label);
    made.elapsed()
}

#[test]
fn a_direct_path_that_turns_into_a_black_hole_falls_back_and_loses_nothing() {
    let Some(mut street) = street([Nat::Cone, Nat::Cone], "direct") else { return };
    let Street { lab, ana, ben, ws, .. } = &mut street;
    let edits = 60;
    let mut cut = None;
    for n in 0..edits {
        if n == edits / 3 {
            lab.cut(true);
            cut = Some(Instant::now());
        }
        add(ana, ws, &format!("Ana {n}"));
        add(ben, ws, &format!("Ben {n}"));
        std::thread::sleep(Duration::from_millis(20));
    }
    for n in 0..edits {
        wait_for(ana, ws, &format!("Ben {n}"));
        wait_for(ben, ws, &format!("Ana {n}"));
    }
    let fell_back = cut.unwrap().elapsed();
    assert!(lab.dropped() > 0, "something was on the path that was cut");
    println!("all {edits} edits of each side had arrived {fell_back:?} after the direct path was cut");
    assert!(fell_back <= FALLS_BACK_WITHIN, "{fell_back:?}");
    converged(&mut [ana, ben], ws);
    ana.until("the path is relayed", |p| path(p) == "relayed");

    lab.cut(false);
    let healed = Instant::now();
    while path(ana) != "direct" {
        assert!(healed.elapsed() <= DIRECT_AGAIN_WITHIN, "still relayed");
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("direct again {:?} after it could be", healed.elapsed());
    let arrived = edit_arrives(ben, ana, ws, "on the new path");
    assert!(arrived < BACK_WITHIN, "{arrived:?}");
}

/// Both notice that Ben is away, and after `back` they are in step again soon.
fn away_and_back(street: &mut Street, away: impl Fn(&Street), back: impl Fn(&Street), what: &str) {
    away(street);
    let out = Instant::now();
    street.ana.until("Ana notices", |p| path(p).is_empty());
    street.ben.until("Ben notices", |p| path(p).is_empty());
    let noticed = out.elapsed();
    add(&mut street.ana, &street.ws, &format!("Ana, {what}"));
    add(&mut street.ben, &street.ws, &format!("Ben, {what}"));
    back(street);
    let healed = Instant::now();
    wait_for(&mut street.ana, &street.ws, &format!("Ben, {what}"));
    wait_for(&mut street.ben, &street.ws, &format!("Ana, {what}"));
    let merged = healed.elapsed();
    println!("{what}: noticed after {noticed:?}, merged {merged:?} after the heal");
    assert!(noticed <= NOTICED_WITHIN + Duration::from_millis(500), "{what}: {noticed:?}");
    assert!(merged <= BACK_WITHIN, "{what}: {merged:?}");
}

#[test]
fn a_cable_pulled_is_noticed_and_everything_is_back_when_it_is_in_again() {
    let pairs = [([Nat::Symmetric; 2], "relayed"), ([Nat::UdpBlocked; 2], ""), ([Nat::Open, Nat::Cone], "direct")];
    for (pair, wanted) in pairs {
        let Some(mut street) = street(pair, wanted) else { return };
        let rounds = if std::env::var_os("OMNISCOPE_FULL").is_some() { 5 } else { 1 };
        for round in 0..rounds {
            let what = format!("{pair:?}, cable {round}");
            away_and_back(&mut street, |s| s.lab.set_link("home2", false), |s| s.lab.set_link("home2", true), &what);
        }
    }
}

fn signal(process: u32, name: &str) {
    assert!(Command::new("kill").args([name, &process.to_string()]).status().unwrap().success());
}

#[test]
fn after_a_sleep_a_device_is_back_at_once() {
    let Some(mut street) = street([Nat::Cone, Nat::Symmetric], "relayed") else { return };
    let Street { ana, ben, ws, .. } = &mut street;
    signal(ben.id(), "-STOP");
    ana.until("Ana notices", |p| path(p).is_empty());
    add(ana, ws, "while Ben slept");
    // Longer than a nap: to Ben's own clocks, too, every connection has been silent for too long.
    std::thread::sleep(Duration::from_secs(3));
    signal(ben.id(), "-CONT");
    let woke = Instant::now();
    wait_for(ben, ws, "while Ben slept");
    println!("in step {:?} after waking up", woke.elapsed());
    assert!(woke.elapsed() <= BACK_WITHIN);
}

#[test]
fn a_device_that_gets_another_address_is_found_again() {
    let Some(mut street) = street([Nat::Cone, Nat::Cone], "direct") else { return };
    let inside = |command: &str| street.lab.inside("home2", command);
    inside("ip addr del 10.77.2.2/24 dev eth0");
    inside("ip addr add 10.77.2.9/24 dev eth0");
    inside("ip route add default via 10.77.2.1");
    let moved = Instant::now();
    let arrived = edit_arrives(&mut street.ana, &mut street.ben, &street.ws, "to the new address");
    println!("an edit arrived {arrived:?} after the address changed");
    assert!(moved.elapsed() <= NOTICED_WITHIN + BACK_WITHIN, "{:?}", moved.elapsed());
    let status = street.ben.call("network.status", json!({}));
    let listening = status["listening"].to_string();
    assert!(listening.contains("10.77.2.9") && !listening.contains("10.77.2.2/"), "{listening}");
}

#[test]
fn neighbours_meet_without_any_server_and_prefer_the_short_way() {
    let Some(lab) = Lab::one_lan() else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some((relay, relays)) = lab.relay(folder.path()) else { return };
    let start = |name, home, words: &[&str]| {
        Headless::start_peer(name, &Home::of(folder.path(), name), &lab.prefix(home), words).map(|(peer, _)| peer)
    };
    let with_relay: Vec<&str> = relays.iter().flat_map(|relay| ["--relay", relay.as_str()]).collect();
    let Some(mut ana) = start("Ana", "home1", &with_relay) else { return };
    let mut ben = start("Ben", "home2", &with_relay).unwrap();
    let ws = ana.call("workspace.create", json!({"name": "lan"}))["workspace"].as_str().unwrap().to_owned();
    ana.invite(&ws, &mut ben, "editor");
    for peer in [&mut ana, &mut ben] {
        peer.until("the path is the LAN's", |p| path(p) == "lan");
    }
    ana.stop();
    ben.stop();
    drop(relay);
    // Ports of the system's choice, and no relay: only mDNS can bring them together.
    let mut ana = start("Ana", "home1", &[]).unwrap();
    let mut ben = start("Ben", "home2", &[]).unwrap();
    let started = Instant::now();
    add(&mut ana, &ws, "without a server");
    wait_for(&mut ben, &ws, "without a server");
    println!("in step {:?} after both restarted", started.elapsed());
    assert!(started.elapsed() <= Duration::from_secs(10));
}

#[test]
fn both_restarted_at_once_they_find_each_other_without_relay_and_mdns() {
    let Some(lab) = Lab::new([Nat::Open, Nat::Open]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let start = |name, home| {
        let home = lab.prefix(home);
        Headless::start_peer(name, &Home::of(folder.path(), name), &home, &["--no-mdns"]).map(|(peer, _)| peer)
    };
    let Some(mut ana) = start("Ana", "home1") else { return };
    let mut ben = start("Ben", "home2").unwrap();
    let ws = ana.call("workspace.create", json!({"name": "restart"}))["workspace"].as_str().unwrap().to_owned();
    ana.invite(&ws, &mut ben, "editor");
    converged(&mut [&mut ana, &mut ben], &ws);
    // What is remembered of others is written while both are there.
    edit_arrives(&mut ana, &mut ben, &ws, "before");
    ana.stop();
    ben.stop();
    let (mut ana, mut ben) = (start("Ana", "home1").unwrap(), start("Ben", "home2").unwrap());
    let started = Instant::now();
    edit_arrives(&mut ana, &mut ben, &ws, "after");
    println!("in step {:?} after both restarted on ports of the system's choice", started.elapsed());
    assert!(started.elapsed() <= Duration::from_secs(10));
}

#[test]
fn with_relays_only_nobody_else_sees_the_address() {
    let Some(lab) = Lab::new([Nat::Cone, Nat::Open]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some((_relay, relays)) = lab.relay(folder.path()) else { return };
    // What goes between Ana and Ben past the relay would be dropped here, and counted.
    lab.cut(true);
    let mut words = vec!["--relay-only"];
    words.extend(relays.iter().flat_map(|relay| ["--relay", relay.as_str()]));
    let started = Headless::start_peer("Ana", &Home::of(folder.path(), "Ana"), &lab.prefix("home1"), &words);
    let Some((mut ana, ready)) = started else { return };
    assert_eq!(ready["listening"], json!([]));
    let mut ben = peer(&lab, folder.path(), "Ben", "home2", &relays);
    relays_up(&mut ana);
    let ws = ana.call("workspace.create", json!({"name": "shy"}))["workspace"].as_str().unwrap().to_owned();
    ana.invite(&ws, &mut ben, "editor");
    for n in 0..20 {
        edit_arrives(&mut ana, &mut ben, &ws, &format!("Ana {n}"));
        edit_arrives(&mut ben, &mut ana, &ws, &format!("Ben {n}"));
    }
    assert_eq!((path(&mut ana), path(&mut ben)), ("relayed".to_owned(), "relayed".to_owned()));
    assert_eq!(lab.dropped(), 0, "no packet went past the relay");

    // Shown again, the address is used.
    lab.cut(false);
    ana.call("network.set", json!({"relay_only": false}));
    ana.until("the path is direct", |p| path(p) == "direct");
    edit_arrives(&mut ben, &mut ana, &ws, "directly");
    ana.call("network.set", json!({"relay_only": true}));
    ana.until("the path is relayed", |p| path(p) == "relayed");
    edit_arrives(&mut ben, &mut ana, &ws, "by the relay again");
    ana.stop();
    let started = Headless::start_peer("Ana", &Home::of(folder.path(), "Ana"), &lab.prefix("home1"), &words[1..]);
    assert_eq!(started.unwrap().1["listening"], json!([]), "it is kept over a restart");
}
