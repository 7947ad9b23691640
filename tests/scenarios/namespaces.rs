//! Two devices, each behind a NAT of its own, and a relay, in separate network namespaces.
//!
//! Needs root. Deliberately absent: documents (`two_homes`), delay and loss.

use std::time::{Duration, Instant};

use omniscope_relay::{Config, load_or_create};
use omniscope_tests::lab::{Lab, Nat};
use omniscope_tests::process::program;

fn meet_through_the_relay(nats: [Nat; 2], direct: bool) {
    let Some(relay_program) = program("omniscope-relay") else { return };
    let Some(lab) = Lab::new(nats) else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new(folder.path().to_owned());
    let peer = load_or_create(&config.data_dir).unwrap().libp2p.public().to_peer_id();
    let data_dir = folder.path().to_str().unwrap();
    let listen = "/ip4/203.0.113.1/udp/4717/quic-v1";
    let relay = lab.spawn(
        "pub",
        &relay_program,
        &["--listen", listen, "--policy", "open", "--data-dir", data_dir, "--log", "warn"],
    );
    let address = relay.until("/ip4/203.0.113.1/");
    assert_eq!(address, format!("{listen}/p2p/{peer}"));

    let node = std::path::Path::new(env!("CARGO_BIN_EXE_net_node"));
    let own = "/ip4/0.0.0.0/udp/4001/quic-v1";
    let mut ana = lab.spawn("home1", node, &["1", own, &address]);
    ana.until("relay up");
    let started = Instant::now();
    let mut ben = lab.spawn("home2", node, &["2", own, &address, "1"]);
    assert_eq!(ben.until("connected"), "connected relayed");
    // Whoever speaks must have heard that the other listens.
    ben.until("subscribed");
    ben.say("say first");
    ana.until("heard first");
    println!("an op through the relay after {:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(10));
    if direct {
        ana.until("path direct");
        println!("direct after {:?}", started.elapsed());
    }
    for size in [200_000, 900_000] {
        ben.say(&format!("ask {size}"));
        assert_eq!(ben.until("answer"), format!("answer {size}"));
    }
    ben.say("online false");
    ana.until("disconnected");
    ben.say("online true");
    ana.until("connected");
    ana.until("subscribed");
    ana.say("say welcome back");
    ben.until("heard welcome back");
}

#[test]
fn devices_behind_cone_nats_meet_and_punch_a_hole() {
    meet_through_the_relay([Nat::Cone, Nat::Cone], true);
}

#[test]
fn devices_behind_symmetric_nats_stay_on_the_relay() {
    meet_through_the_relay([Nat::Symmetric, Nat::Symmetric], false);
}
