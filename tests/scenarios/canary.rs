//! A hundred random strings go through a whole session, and none of them shows anywhere outside the programs.
//!
//! Searched are: everything on the wires in public, where the relay stands; the relay's folder with database, write-ahead
//! log and log; its figures; its memory, as a core dump would show it; the folders of both peers; and, since the transport
//! is encrypted besides, what a member's device receives above the transport: gossip, requests and ops as they were sent.
//! The counter-proofs run the same search where nothing is sealed: over what a member's keys open, over a relay to which a
//! device gave the strings in the clear, and over a wire on which they were said in the clear. There all are found.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use libp2p::Multiaddr;
use omniscope_engine::net::{NetCommand, NetEvent, Topic, device_at};
use omniscope_protocol::identity::{DeviceId, DeviceKey, KeyId, WorkspaceId};
use omniscope_protocol::op::{Body, Op, Sealed};
use omniscope_protocol::replica::Replica;
use omniscope_protocol::wire::{Gossip, Note, NoteContent, Response, topic};
use omniscope_tests::canaries::{Search, canaries};
use omniscope_tests::dice::{Dice, seed};
use omniscope_tests::headless::{Headless, Home, converged};
use omniscope_tests::hostile::{Hostile, key_in};
use omniscope_tests::lab::{Lab, Nat, PUBLIC_IP};
use omniscope_tests::log::ops_in;
use omniscope_tests::net_node::NetNode;
use omniscope_tests::process::{PATIENCE, Process, program};
use omniscope_tests::relay::Relay;
use omniscope_tests::rows::tier;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

/// Of the strings of a session so many are shown as presence, which is no op.
const IN_PRESENCE: usize = 16;
/// The relay's figures, inside the public place.
const ADMIN_PORT: u16 = 4718;

/// Strings of one session.
fn count() -> usize {
    tier(100, 1000) as usize
}

/// The first ones are written into ops.
fn in_ops() -> usize {
    count() - IN_PRESENCE
}

/// Names the two people and the workspace, and lets Ben in.
fn begin(ana: &mut Headless, ben: &mut Headless, words: &mut std::slice::Iter<'_, String>) -> String {
    let mut word = || words.next().unwrap().as_str();
    ana.call("profile.set", json!({"name": word()}));
    ben.call("profile.set", json!({"name": word()}));
    let made = ana.call("workspace.create", json!({"name": word(), "description": word()}));
    let ws = made["workspace"].as_str().unwrap().to_owned();
    ana.invite(&ws, ben, "editor");
    ana.call("workspace.update", json!({"workspace": ws, "name": word(), "description": word()}));
    ws
}

/// What two people do in a session, with the strings in every place where people write.
fn work(mut peers: [&mut Headless; 2], ws: &str, words: &mut std::slice::Iter<'_, String>) {
    let mut turn = 0;
    while words.len() > IN_PRESENCE {
        let mut word = || words.next().unwrap().as_str();
        turn += 1;
        let peer = &mut *peers[turn % 2];
        match turn % 6 {
            0 => drop(peer.call("version.create", json!({"workspace": ws, "name": word()}))),
            1 => {
                let chat = json!({"extra": {"chat": {(format!("{turn}")): word()}}});
                peer.call("state.update", json!({"workspace": ws, "patch": chat}));
            }
            _ => {
                let made = peer.call("node.add", json!({"workspace": ws, "type": "generic", "label": word()}));
                if words.len() > IN_PRESENCE + 2 {
                    let mut word = || words.next().unwrap().as_str();
                    peer.call("node.note", json!({"workspace": ws, "node": made["node"], "text": word()}));
                    let params = json!({(word()): word()});
                    peer.call("node.set", json!({"workspace": ws, "node": made["node"], "params": params}));
                }
            }
        }
    }
    converged(&mut peers, ws);
}

/// Shows the rest as presence, each until the other one has seen it.
fn show([one, other]: [&mut Headless; 2], ws: &str, words: &mut std::slice::Iter<'_, String>) {
    for (n, word) in words.enumerate() {
        let state = match n % 4 {
            0 => json!({"editing": word}),
            1 => json!({"user": {"name": word}}),
            2 => json!({"selection": [word]}),
            _ => json!({"pointer": {"x": n, "y": 1, "over": word}}),
        };
        let (from, to) = if n % 2 == 0 { (&mut *one, &mut *other) } else { (&mut *other, &mut *one) };
        from.call("presence.set", json!({"workspace": ws, "state": state}));
        to.until("the other's presence", |p| {
            p.call("workspace.presence", json!({"workspace": ws})).to_string().contains(word.as_str())
        });
    }
}

/// A whole session, kept by the relay at `relay` for those who are away.
fn whole_session(mut peers: [&mut Headless; 2], words: &[String], relay: &str) -> String {
    let mut words = words.iter();
    let [ana, ben] = &mut peers;
    let ws = begin(ana, ben, &mut words);
    ana.call("relay.add", json!({"workspace": ws, "addr": relay}));
    let [ana, ben] = &mut peers;
    work([ana, ben], &ws, &mut words);
    let [ana, ben] = peers;
    show([ana, ben], &ws, &mut words);
    for peer in [ana, ben] {
        peer.saved(&ws);
        peer.until("the relay keeps everything", |p| {
            let relay = p.call("relay.list", json!({"workspace": ws}))["relays"][0].take();
            relay["state"] == "kept" && relay["behind"] == 0
        });
    }
    ws
}

/// What the holder of `key` can open of `ops`.
fn opened(ops: &[Op], ws: &str, key: &DeviceKey) -> (Replica, Vec<u8>) {
    let mut replica = Replica::for_device(WorkspaceId::parse_hex(ws).unwrap(), key);
    for op in ops {
        replica.receive(&op.bytes, &mut Vec::new()).unwrap();
    }
    let texts = ops.iter().filter_map(|op| replica.open(op)).flatten().collect();
    (replica, texts)
}

fn sealed_bytes(ops: &[Op]) -> Vec<u8> {
    ops.iter().flat_map(|op| op.bytes.iter().copied()).collect()
}

/// What a line of bash prints in a part of the lab.
fn shell(lab: &Lab, part: &str, line: &str) -> String {
    let prefix = lab.prefix(part);
    let said = Command::new(&prefix[0]).args(&prefix[1..]).args(["bash", "-c", line]).output().unwrap();
    assert!(said.status.success(), "{line}: {said:?}");
    String::from_utf8(said.stdout).unwrap()
}

/// A capture of everything in public.
struct Capture {
    process: Process,
    file: PathBuf,
}

impl Capture {
    fn start(lab: &Lab, file: PathBuf) -> Self {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &lab.name("pub"), "sh", "-c", "exec \"$@\" 2>&1", "sh", "tcpdump"]);
        command.args(["-i", "any", "-n", "-s", "0", "-U", "--immediate-mode", "-B", "65536", "-Z", "root", "-w"]);
        let process = Process::spawn({
            command.arg(&file);
            command
        });
        process.until("tcpdump: listening");
        Self { process, file }
    }

    /// Sends words in the clear through the public place, and waits until the search finds all of them in the capture:
    /// whatever passed before is there, too.
    fn control(&self, lab: &Lab, words: &[String]) {
        shell(
            lab,
            "home1",
            &format!("for word in {}; do printf $word > /dev/udp/{PUBLIC_IP}/9; done", words.join(" ")),
        );
        let search = Search::new(words);
        let end = Instant::now() + PATIENCE;
        while search.found_in(&std::fs::read(&self.file).unwrap()).len() < words.len() {
            assert!(Instant::now() < end, "what is said in the clear is not found in the capture");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// All packets; none may have been missed.
    fn end(self) -> Vec<u8> {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        self.process.until("0 packets dropped by kernel");
        std::fs::read(self.file).unwrap()
    }
}

/// A relay on the public network with its log and figures, and with all that it says in the log.
fn relay_that_tells_all(lab: &Lab, program: &Path, data: &Path) -> Process {
    std::fs::create_dir_all(data).unwrap();
    let log = format!("exec \"$@\" 2> {}", data.join("log").display());
    let (quic, tcp) = (format!("/ip4/{PUBLIC_IP}/udp/4717/quic-v1"), format!("/ip4/{PUBLIC_IP}/tcp/4717"));
    let program = program.to_str().unwrap();
    let data_dir = data.to_str().unwrap();
    let admin = format!("127.0.0.1:{ADMIN_PORT}");
    let words_of_relay = [
        "-c",
        &log,
        "sh",
        program,
        "--listen",
        &quic,
        "--listen",
        &tcp,
        "--data-dir",
        data_dir,
        "--policy",
        "open",
        "--log",
        "debug",
        "--admin",
        &admin,
    ];
    lab.spawn("pub", Path::new("sh"), &words_of_relay)
}

#[test]
fn nothing_written_shows_on_the_wire_at_the_relay_or_on_a_disk() {
    let (Some(relay_program), Some(_)) = (program("omniscope-relay"), program("omniscope")) else { return };
    if !Command::new("tcpdump").arg("--version").output().is_ok_and(|said| said.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "CI must have tcpdump");
        println!("skipped: tcpdump is not installed");
        return;
    }
    let Some(lab) = Lab::new([Nat::Symmetric; 2]) else { return };
    let mut dice = Dice::new(seed());
    let (words, controls) = (canaries(&mut dice, count()), canaries(&mut dice, 2));
    let folder = tempfile::tempdir().unwrap();
    let capture = Capture::start(&lab, folder.path().join("capture"));
    capture.control(&lab, &controls[..1]);
    let data = folder.path().join("relay");
    let relay = relay_that_tells_all(&lab, &relay_program, &data);
    let mut addresses = [relay.until(&format!("/ip4/{PUBLIC_IP}/")), relay.until(&format!("/ip4/{PUBLIC_IP}/"))];
    addresses.sort();
    // One by TCP with Noise, one by QUIC.
    let homes = ["Ana", "Ben"].map(|name| Home::of(folder.path(), name));
    let peer = |name, n: usize| {
        let listen = ["/ip4/0.0.0.0/udp/4001/quic-v1", "/ip4/0.0.0.0/tcp/4001"];
        let home = lab.prefix(&format!("home{}", n + 1));
        let mut peer = Headless::start_with(name, &homes[n], &listen, Some(&addresses[n]), &home).unwrap();
        peer.until("the relay is up", |p| p.call("network.status", json!({}))["relays"][0]["state"] == "up");
        peer
    };
    let (mut ana, mut ben) = (peer("Ana", 0), peer("Ben", 1));
    let ws = whole_session([&mut ana, &mut ben], &words, &addresses[0]);
    let path = ana.call("network.status", json!({}))["peers"][0]["path"].clone();
    assert_eq!(path, "relayed", "everything went through the relay");
    ana.stop();
    ben.stop();
    capture.control(&lab, &controls[1..]);
    let get = "exec 3<>/dev/tcp/127.0.0.1/$0; printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3";
    let figures = shell(&lab, "pub", &get.replace("$0", &ADMIN_PORT.to_string()));
    let memory = relay.memory();
    drop(relay);
    let wire = capture.end();
    let in_the_clear = Capture::start(&lab, folder.path().join("in the clear"));
    in_the_clear.control(&lab, &words);

    let search = Search::new(&words);
    let none = BTreeSet::new();
    assert!(wire.len() > 200_000, "only {} bytes were captured", wire.len());
    assert_eq!(search.found_in(&wire), none, "on the wire");
    let (at_relay, bytes) = search.found_below(&data);
    assert!(bytes > 20_000, "only {bytes} bytes were kept");
    assert!(data.join("relay.sqlite3-wal").metadata().unwrap().len() > 0, "the write-ahead log is searched");
    assert_eq!(at_relay, none, "in the relay's folder and log");
    assert!(figures.contains("omniscope_relay_requests_total"), "{figures}");
    assert_eq!(search.found_in(figures.as_bytes()), none, "in the relay's figures");
    assert!(memory.len() > 1_000_000, "only {} bytes of memory were read", memory.len());
    assert_eq!(search.found_in(&memory), none, "in the relay's memory");
    for home in &homes {
        let (on_disk, bytes) = search.found_below(&home.data());
        assert!(bytes > 20_000, "only {bytes} bytes were kept");
        assert_eq!(on_disk, none, "in a peer's folder");
        let ops = ops_in(&home.data());
        let (_, texts) = opened(&ops, &ws, &key_in(home));
        assert_eq!(search.found_in(&sealed_bytes(&ops)), none, "in ops");
        // The counter-proof.
        assert_eq!(search.found_in(&texts), (0..in_ops()).collect(), "in what the keys open");
    }
    println!("{} bytes on the wire, {bytes} at the relay, {} in its memory", wire.len(), memory.len());
}

/// The counter-proof at the relay: a device that forgets to seal is served like others, and what it wrote is found.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_device_does_not_seal_is_found_in_the_relays_database_and_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (data, home) = (folder.path().join("relay"), Home::of(folder.path(), "Ana"));
    let Some(relay) = Relay::start(&data, &["--policy", "open"]) else { return };
    let mut ana = Headless::start("Ana", &home).unwrap();
    let ws = ana.call("workspace.create", json!({"name": "W"}))["workspace"].as_str().unwrap().to_owned();
    ana.call("relay.add", json!({"workspace": ws, "addr": relay.addr}));
    ana.until("it is kept", |p| p.call("relay.list", json!({"workspace": ws}))["relays"][0]["state"] == "kept");
    ana.stop();
    let mut careless = Hostile::start(key_in(&home), WorkspaceId::parse_hex(&ws).unwrap()).await;
    let addr: Multiaddr = relay.addr.parse().unwrap();
    let device = device_at(&addr).unwrap();
    careless.node.tell(NetCommand::Dial { addr });
    careless.node.connected(device).await;
    careless.listen_to(device).await;
    let words = canaries(&mut Dice::new(seed()), count());
    let plain = |word: &String| Body::Version(Sealed { key: KeyId([0; 32]), bytes: word.clone().into_bytes() });
    let ops: Vec<Op> = words.iter().flat_map(|word| careless.say(plain(word), 1)).collect();
    for some in ops.chunks(50) {
        assert!(matches!(careless.push(device, some).await, Response::Receipt { .. }));
    }
    let (search, all) = (Search::new(&words), (0..count()).collect::<BTreeSet<_>>());
    assert_eq!(search.found_in(&relay.memory()), all, "in its memory");
    relay.kill();
    assert_eq!(search.found_below(&data).0, all, "in its folder");
}

/// What a node was told above the transport: gossip and requests, as bytes.
#[derive(Default)]
struct Heard {
    gossip: Vec<Vec<u8>>,
    requests: Vec<Vec<u8>>,
}

/// Writes down what is heard until told to stop; gives the events' receiver back.
async fn record(
    mut events: mpsc::Receiver<NetEvent>,
    mut stop: oneshot::Receiver<()>,
    heard: Arc<Mutex<Heard>>,
) -> mpsc::Receiver<NetEvent> {
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(NetEvent::Gossip { bytes, .. }) => heard.lock().unwrap().gossip.push(bytes),
                Some(NetEvent::Request { body, .. }) => heard.lock().unwrap().requests.push(body),
                Some(_) => {}
                None => return events,
            },
            _ = &mut stop => return events,
        }
    }
}

/// The notes of presence among gossip.
fn presence_of(gossip: &[Vec<u8>]) -> impl Iterator<Item = Note> {
    gossip.iter().filter_map(|bytes| match Gossip::decode(bytes) {
        Ok(Gossip::Note(note)) if matches!(note.content, NoteContent::Presence(_)) => Some(note),
        _ => None,
    })
}

/// What notes of presence say, to who holds the replica's keys.
fn opened_notes(gossip: &[Vec<u8>], replica: &Replica) -> Vec<u8> {
    let opened = presence_of(gossip).filter_map(|note| match &note.content {
        NoteContent::Presence(sealed) => replica.open_note(&note.device, sealed),
        _ => None,
    });
    opened.flatten().collect()
}

/// Of what was heard and of the ops nothing is found as it was sent, and everything by who has the keys.
fn only_who_has_the_keys_finds_them(by_vic: &Heard, by_odd: &Heard, ops: &[Op], replica: &Replica, search: &Search) {
    let none = BTreeSet::new();
    println!(
        "Vic: {} gossip messages, {} requests; Odd: {}",
        by_vic.gossip.len(),
        by_vic.requests.len(),
        by_odd.gossip.len()
    );
    assert!(by_vic.gossip.len() > IN_PRESENCE);
    for bytes in by_vic.gossip.iter().chain(&by_vic.requests).chain(&by_odd.gossip).chain(&by_odd.requests) {
        assert_eq!(search.found_in(bytes), none, "in a message");
    }
    assert_eq!(search.found_in(&sealed_bytes(ops)), none, "in ops");

    // The counter-proof: who has the keys finds every one of them in the same bytes.
    let texts: Vec<u8> = ops.iter().filter_map(|op| replica.open(op)).flatten().collect();
    assert_eq!(search.found_in(&texts), (0..in_ops()).collect(), "in what the keys open");
    let notes = opened_notes(&by_vic.gossip, replica);
    assert_eq!(search.found_in(&notes), (in_ops()..count()).collect(), "in the notes that the keys open");
}

/// Vic is a viewer whose device writes down what it is sent; Odd is nobody, and listens to the same topic.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_written_shows_in_gossip_requests_or_ops_as_they_are_sent() {
    let folder = tempfile::tempdir().unwrap();
    let home = |name: &str| Home::of(folder.path(), name);
    let Some(mut ana) = Headless::start("Ana", &home("Ana")) else { return };
    let [mut ben, mut vic] = ["Ben", "Vic"].map(|name| Headless::start(name, &home(name)).unwrap());
    let words = canaries(&mut Dice::new(seed()), count());
    let mut rest = words.iter();
    let ws = begin(&mut ana, &mut ben, &mut rest);
    ana.invite(&ws, &mut vic, "viewer");
    converged(&mut [&mut ana, &mut ben, &mut vic], &ws);
    vic.stop();
    let id = WorkspaceId::parse_hex(&ws).unwrap();
    let mut vic = Hostile::start(key_in(&home("Vic")), id).await;
    let device = vic.meet(&mut ana).await;
    vic.meet(&mut ben).await;
    vic.listen_to(device).await;
    let mut odd = NetNode::start(77, |_| {}).await;
    let addr: Value = ana.call("network.status", json!({}))["listening"][0].clone();
    odd.tell(NetCommand::Dial { addr: addr.as_str().unwrap().parse().unwrap() });
    odd.connected(device).await;
    let mut recordings = Vec::new();
    let heard = Arc::new(Mutex::new(Heard::default()));
    let by_odd = Arc::new(Mutex::new(Heard::default()));
    for (node, heard) in [(&mut vic.node, &heard), (&mut odd, &by_odd)] {
        node.tell(NetCommand::Subscribe(Topic(topic(&id))));
        let (stop, stopped) = oneshot::channel();
        let events = std::mem::replace(&mut node.events, mpsc::channel(1).1);
        recordings.push((stop, tokio::spawn(record(events, stopped, Arc::clone(heard)))));
    }
    work([&mut ana, &mut ben], &ws, &mut rest);
    for peer in [&mut ana, &mut ben] {
        let device = DeviceId::parse_hex(&peer.device).unwrap();
        peer.until("Vic hears what both show", |p| {
            p.call("cursor.move", json!({"workspace": ws, "x": 1.0, "y": 2.0}));
            presence_of(&heard.lock().unwrap().gossip).any(|note| note.device == device)
        });
    }
    show([&mut ana, &mut ben], &ws, &mut rest);
    let (known, search) = (opened(&ops_in(&home("Ana").data()), &ws, &vic.key).0, Search::new(&words));
    ana.until("Vic heard all presence", |_| {
        let notes = opened_notes(&heard.lock().unwrap().gossip, &known);
        search.found_in(&notes) == (in_ops()..count()).collect()
    });
    let mut events = Vec::new();
    for (stop, recording) in recordings {
        stop.send(()).unwrap();
        events.push(recording.await.unwrap());
    }
    vic.node.events = events.swap_remove(0);
    vic.listen_to(device).await;
    for peer in [&mut ana, &mut ben] {
        peer.saved(&ws);
    }
    ana.stop();
    ben.stop();

    let ops = ops_in(&home("Ana").data());
    let (by_vic, by_odd) = (heard.lock().unwrap(), by_odd.lock().unwrap());
    only_who_has_the_keys_finds_them(&by_vic, &by_odd, &ops, &vic.replica, &search);
    let outside = Replica::for_device(id, &DeviceKey::from_seed(&[77; 32]));
    assert!(opened_notes(&by_odd.gossip, &outside).is_empty());
}
