//! F15: six real peers and a relay on a wire with delay and loss, at work for minutes: what they take of the machine does
//! not grow, and everything arrives.
//!
//! Two minutes at each change, 15 with `OMNISCOPE_FULL=1`. Deliberately absent: how much they take (`memory`).

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant};

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use omniscope_tests::headless::{Headless, Home};
use omniscope_tests::lossy::{Lossy, Wire};
use omniscope_tests::process::{Process, program};
use omniscope_tests::rows::{Rng, tier};
use serde_json::json;

const NAMES: [&str; 6] = ["Ana", "Ben", "Cara", "Dan", "Eva", "Finn"];
/// From each peer to the relay; from peer to peer it is twice that.
const WIRE: Wire = Wire { delay: Duration::from_millis(50), lost_per_mille: 20 };
/// Between two things that a person does.
const PAUSE: Duration = Duration::from_millis(250);
/// Every so many rounds somebody edits; in all others pointers move.
const EDIT_EVERY: u64 = 12;
/// Growth of one process that is still called none: the figure is 1 MiB in ten minutes, and the log grows by what is
/// edited.
const MAX_GROWTH_KIB_PER_10_MIN: u64 = 1024;
/// Handles that come and go with connections.
const MAX_MORE_FDS: usize = 4;

/// Memory of a process that is its own, in KiB.
fn own_kib(pid: u32) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = rollup.lines().find(|line| line.starts_with("Private_Dirty:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn fds(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

fn port_of(addr: &Multiaddr) -> u16 {
    addr.iter().find_map(|part| if let Protocol::Udp(port) = part { Some(port) } else { None }).unwrap()
}

/// A relay on loopback, and its address with the port of the wire to it.
async fn relay_behind_a_wire(folder: &std::path::Path, seed: u64) -> Option<(Process, Lossy, String)> {
    let mut command = Command::new(program("omniscope-relay")?);
    command
        .args(["--listen", "/ip4/127.0.0.1/udp/0/quic-v1", "--policy", "open", "--log", "warn", "--data-dir"])
        .arg(folder.join("relay"));
    let relay = Process::spawn(command);
    let addr: Multiaddr = relay.until("/ip4/127.0.0.1/udp/").parse().unwrap();
    let target = SocketAddr::from((Ipv4Addr::LOCALHOST, port_of(&addr)));
    let wire = Lossy::start(target, WIRE, seed).await;
    let port = wire.addr().port();
    let through = addr.iter().map(|part| if let Protocol::Udp(_) = part { Protocol::Udp(port) } else { part });
    let through: Multiaddr = through.collect();
    Some((relay, wire, through.to_string()))
}

/// Everybody moves their pointer, and now and then one edits, until `end`; gives the number of edits.
fn work(peers: &mut [Headless], ws: &str, end: Instant, die: &mut Rng, mut edits: u64) -> u64 {
    let mut round = 0u64;
    while Instant::now() < end {
        for peer in peers.iter_mut() {
            let (x, y) = (die.below(1000), die.below(1000));
            peer.send("cursor.move", &json!({"workspace": ws, "x": x, "y": y}));
        }
        if round.is_multiple_of(EDIT_EVERY) {
            let at = die.below(peers.len() as u64) as usize;
            edits += 1;
            let patch = json!({"extra": {format!("{at}"): edits}});
            peers[at].call("state.update", json!({"workspace": ws, "patch": patch}));
        }
        std::thread::sleep(PAUSE);
        for peer in peers.iter_mut() {
            peer.forget_events();
        }
        round += 1;
    }
    edits
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_peers_on_a_bad_wire_take_no_more_after_minutes() {
    let mut die = Rng::from_env("soak");
    let folder = tempfile::tempdir().unwrap();
    let Some((relay, wire, address)) = relay_behind_a_wire(folder.path(), die.next_u64()).await else { return };
    let start = |name: &&'static str| {
        let home = Home::of(folder.path(), name);
        Headless::start_peer(name, &home, &[], &["--relay-only", "--relay", &address]).map(|(peer, _)| peer)
    };
    let Some(mut peers) = NAMES.iter().map(start).collect::<Option<Vec<_>>>() else { return };
    peers[0].until("the relay is up", |p| p.call("network.status", json!({}))["relays"][0]["state"] == "up");
    let ws = peers[0].call("workspace.create", json!({"name": "soak"}))["workspace"].as_str().unwrap().to_owned();
    let (ana, guests) = peers.split_first_mut().unwrap();
    for guest in guests {
        ana.invite(&ws, guest, "editor");
    }
    let all = Duration::from_secs(60 * tier(2, 15));
    let begun = Instant::now();
    // What a process fetches at first it keeps: caches, pools, the heap's own reserves.
    let edits = work(&mut peers, &ws, begun + all / 3, &mut die, 0);
    let pids: Vec<u32> = peers.iter().map(Headless::id).chain([relay.id()]).collect();
    let before: Vec<(u64, usize)> = pids.iter().map(|pid| (own_kib(*pid), fds(*pid))).collect();
    let measured = Instant::now();
    let edits = work(&mut peers, &ws, begun + all, &mut die, edits);
    let minutes = measured.elapsed().as_secs() / 60;
    let after: Vec<(u64, usize)> = pids.iter().map(|pid| (own_kib(*pid), fds(*pid))).collect();

    let mut refs: Vec<&mut Headless> = peers.iter_mut().collect();
    let state = omniscope_tests::headless::converged(&mut refs, &ws);
    assert!(edits > 5 && state.contains(&format!(":{edits}")), "the last of {edits} edits is everywhere");
    let (carried, lost) = wire.counts();
    println!("{carried} packets carried, {lost} lost, {edits} edits; own memory in KiB and handles:");
    println!("{before:?}\n{after:?}");
    assert!(lost * 100 > carried, "the wire loses packets");
    let bound = MAX_GROWTH_KIB_PER_10_MIN * minutes.max(10) / 10;
    for ((memory, handles), (memory_before, handles_before)) in after.into_iter().zip(before) {
        assert!(memory <= memory_before + bound, "grew by more than {bound} KiB");
        assert!(handles <= handles_before + MAX_MORE_FDS, "{handles_before} handles became {handles}");
    }
}
