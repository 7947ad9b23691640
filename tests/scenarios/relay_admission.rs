//! Who is served by a relay, and who is not.

use std::path::Path;
use std::time::{Duration, Instant};

use omniscope_engine::net::{Net, NetCommand, NetConfig, NetEvent, Zeroizing};
use omniscope_protocol::identity::{DeviceId, OpId, WorkspaceId};
use omniscope_protocol::wire::{Refusal, Request, Response};
use omniscope_tests::headless::{Headless, Home, LOOPBACK};
use omniscope_tests::process::PATIENCE;
use omniscope_tests::relay::Relay;
use serde_json::json;

fn peer(name: &'static str, place: &Path) -> Option<Headless> {
    Headless::start_with(name, &Home::of(place, name), &LOOPBACK, None, &[])
}

/// A device that only talks to a relay.
struct Stranger {
    net: Net,
    events: tokio::sync::mpsc::Receiver<NetEvent>,
    relay: DeviceId,
    asked: u64,
    /// Whether it ever had a reservation.
    let_in: bool,
    /// Why it has no reservation, once it was told.
    down: Option<String>,
}

impl Stranger {
    async fn meet(relay: &Relay, seed: u8) -> Self {
        let mut config = NetConfig::new(Zeroizing::new([seed; 32]));
        config.mdns = false;
        config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
        config.relays = vec![relay.addr.parse().unwrap()];
        let device = omniscope_engine::net::device_at(&config.relays[0]).unwrap();
        let (net, events) = Net::start(config).unwrap();
        let mut stranger = Self { net, events, relay: device, asked: 0, let_in: false, down: None };
        stranger.until(|event| matches!(event, NetEvent::RelayMet { .. })).await;
        stranger
    }

    async fn until(&mut self, matches: impl Fn(&NetEvent) -> bool) -> NetEvent {
        let wait = async {
            loop {
                let event = self.events.recv().await.unwrap();
                self.let_in |= matches!(event, NetEvent::RelayUp { .. });
                if let NetEvent::RelayDown { reason, .. } = &event {
                    self.down = Some(reason.clone());
                }
                if matches(&event) {
                    return event;
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap()
    }

    fn send(&mut self, body: Vec<u8>) -> u64 {
        self.asked += 1;
        self.net.send(NetCommand::Request { device: self.relay, id: self.asked, body }).unwrap();
        self.asked
    }

    async fn ask(&mut self, request: &Request) -> Response {
        let asked = self.send(request.encode());
        match self.until(|event| matches!(event, NetEvent::Response { id, .. } if *id == asked)).await {
            NetEvent::Response { result, .. } => Response::decode(&result.unwrap()).unwrap(),
            _ => unreachable!(),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_refused_with_a_reason_and_gets_nothing() {
    let place = tempfile::tempdir().unwrap();
    let Some(relay) = Relay::start(&place.path().join("relay"), &[]) else { return };
    let mut ana = peer("Ana", place.path()).unwrap();
    let ws = ana.call("workspace.create", json!({"name": "secret"}))["workspace"].as_str().unwrap().to_owned();
    let token = relay.order(&["register"]);
    ana.call("relay.add", json!({"workspace": ws, "addr": relay.addr, "token": token}));
    ana.until("it is kept", |p| p.call("relay.list", json!({"workspace": ws}))["relays"][0]["state"] == "kept");
    ana.until("Ana can be reached through it", |p| {
        p.call("network.status", json!({}))["relays"]
            .as_array()
            .is_some_and(|all| all.iter().any(|r| r["state"] == "up"))
    });

    let mut eve = Stranger::meet(&relay, 66).await;
    let workspace = WorkspaceId::parse_hex(&ws).unwrap();
    let requests = [
        Request::Sync { workspace, heads: vec![], have: vec![] },
        Request::Fetch { workspace, ids: vec![OpId(workspace.0)] },
        Request::Push { workspace, ops: vec![] },
        Request::Lookup { workspace },
        Request::Register { workspace, genesis: vec![1].into(), token: token.into_bytes() },
    ];
    for request in &requests {
        assert_eq!(eve.ask(request).await, Response::Refused(Refusal::NotMember), "{request:?}");
    }
    let unknown = WorkspaceId([5; 32]);
    let sync = Request::Sync { workspace: unknown, heads: vec![], have: vec![] };
    assert_eq!(eve.ask(&sync).await, Response::Refused(Refusal::UnknownWorkspace));
    if eve.down.is_none() {
        eve.until(|event| matches!(event, NetEvent::RelayDown { .. })).await;
    }
    // Nor does it reach Ana: the relay refuses the circuit.
    let device = DeviceId::parse_hex(&ana.device).unwrap();
    let circuit = format!("{}/p2p-circuit/p2p/{}", relay.addr, omniscope_engine::net::peer_of(&device).unwrap());
    let addr: libp2p::Multiaddr = circuit.parse().unwrap();
    eve.net.send(NetCommand::Dial { addr }).unwrap();
    eve.until(|event| matches!(event, NetEvent::DialFailed { .. })).await;
    assert_eq!(ana.call("network.status", json!({}))["peers"], json!([]));
    assert!(!eve.let_in, "a stranger has a reservation");
}

#[test]
fn who_is_removed_is_disconnected_at_once_and_served_no_more() {
    let place = tempfile::tempdir().unwrap();
    let Some(relay) = Relay::start(&place.path().join("relay"), &[]) else { return };
    let (mut ana, mut ben) = (peer("Ana", place.path()).unwrap(), peer("Ben", place.path()).unwrap());
    let ws = ana.call("workspace.create", json!({"name": "W"}))["workspace"].as_str().unwrap().to_owned();
    let token = relay.order(&["register"]);
    ana.call("relay.add", json!({"workspace": ws, "addr": relay.addr, "token": token}));
    ana.invite(&ws, &mut ben, "editor");
    let up = |p: &mut Headless| {
        p.call("network.status", json!({}))["relays"]
            .as_array()
            .is_some_and(|all| all.iter().any(|r| r["state"] == "up"))
    };
    ben.until("Ben can be reached through the relay", up);
    // Ben does not hear it from Ana.
    let began = Instant::now();
    ana.call("member.remove", json!({"workspace": ws, "member": ben.device}));
    ben.until("the relay lets Ben go", |p| !up(p));
    println!("disconnected after {:?}", began.elapsed());
    ana.until("the relay knows", |p| p.call("relay.list", json!({"workspace": ws}))["relays"][0]["behind"] == 0);
    let before = ben.state(&ws);
    ana.call("node.add", json!({"workspace": ws, "type": "generic", "label": "not for Ben"}));
    ana.saved(&ws);
    ana.until("the relay has it", |p| p.call("relay.list", json!({"workspace": ws}))["relays"][0]["behind"] == 0);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(ben.state(&ws), before);
    assert!(!up(&mut ben), "it is not let in again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_told_to_wait_and_members_are_served_meanwhile() {
    let place = tempfile::tempdir().unwrap();
    // To an open relay nobody is a stranger, who would be cut off before long.
    let Some(relay) = Relay::start(&place.path().join("relay"), &["--policy", "open"]) else { return };
    let mut ana = peer("Ana", place.path()).unwrap();
    let ws = ana.call("workspace.create", json!({"name": "W"}))["workspace"].as_str().unwrap().to_owned();
    let token = relay.order(&["register"]);
    ana.call("relay.add", json!({"workspace": ws, "addr": relay.addr, "token": token}));
    let kept = |p: &mut Headless| {
        let relay = p.call("relay.list", json!({"workspace": ws}))["relays"][0].clone();
        relay["state"] == "kept" && relay["behind"] == 0
    };
    ana.until("it is kept", kept);
    let memory = || relay.resident_kib();
    let before = memory();
    let mut eve = Stranger::meet(&relay, 66).await;
    let (mut busy, mut served, mut answered) = (0, 0, 0);
    let big = vec![0; 900_000];
    for round in 0..40 {
        for _ in 0..50 {
            eve.send(Request::Lookup { workspace: WorkspaceId([5; 32]) }.encode());
        }
        eve.send(big.clone());
        if round % 10 == 0 {
            ana.call("node.add", json!({"workspace": ws, "type": "generic", "label": format!("{round}")}));
            ana.saved(&ws);
            ana.until("members are served", kept);
        }
        for _ in 0..51 {
            let event = eve.until(|event| matches!(event, NetEvent::Response { .. })).await;
            let NetEvent::Response { result, .. } = event else { unreachable!() };
            answered += 1;
            if let Ok(Ok(Response::Refused(why))) = result.map(|body| Response::decode(&body)) {
                busy += usize::from(why == Refusal::Busy);
                served += usize::from(why == Refusal::UnknownWorkspace);
            }
        }
    }
    assert!(answered == 2040 && busy > 200 && served < 900, "{served} of {answered} served, {busy} told to wait");
    let after = memory();
    println!("{served} of {answered} served, {busy} told to wait; memory {before} KiB before, {after} KiB after");
    assert!(after < before + 100 * 1024, "memory is bounded: {before} KiB before, {after} KiB after");
}
