//! Rooms of many: what joining costs those who are there.
//!
//! Deliberately absent: figures (`docs/performance.md`); here messages are counted.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use libp2p::Multiaddr;
use omniscope_engine::net::{NetCommand, NetEvent, Topic, Verdict};
use omniscope_protocol::identity::{WorkspaceId, parse_hex};
use omniscope_protocol::wire::{Gossip, NoteContent, topic};
use omniscope_tests::net_node::NetNode;
use omniscope_tests::peers::{Peer, converged};
use serde_json::json;

const NAMES: [&str; 20] =
    ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T"];
/// Nothing more is said about a joining after so long.
const QUIET: Duration = Duration::from_secs(6);

/// Who listens at the topic of a workspace, and the different notes that it heard: lists of who is near, and presence.
struct Listener {
    node: NetNode,
    topic: Topic,
    near: BTreeSet<Vec<u8>>,
    presence: BTreeSet<Vec<u8>>,
}

impl Listener {
    async fn start(workspace: &str) -> Self {
        let topic = Topic(topic(&WorkspaceId(parse_hex(workspace).unwrap())));
        let node = NetNode::start(250, |_| {}).await;
        node.tell(NetCommand::Subscribe(topic));
        Self { node, topic, near: BTreeSet::new(), presence: BTreeSet::new() }
    }

    /// Listens until nothing was heard for a while, except that people are still there.
    async fn until_quiet(&mut self) {
        let mut deadline = tokio::time::Instant::now() + QUIET;
        while let Ok(event) = tokio::time::timeout_at(deadline, self.node.events.recv()).await {
            let Some(NetEvent::Gossip { topic, id, bytes, .. }) = event else { continue };
            self.node.tell(NetCommand::Judge { message: id, verdict: Verdict::Ignore });
            if topic != self.topic {
                continue;
            }
            let new = match Gossip::decode(&bytes).unwrap() {
                Gossip::Note(note) => match note.content {
                    NoteContent::Near(_) => self.near.insert(bytes),
                    NoteContent::Presence(_) => {
                        self.presence.insert(bytes);
                        false
                    }
                    NoteContent::Heads(_) => false,
                },
                _ => true,
            };
            if new {
                deadline = tokio::time::Instant::now() + QUIET;
            }
        }
    }
}

async fn addresses(peer: &Peer) -> Vec<Multiaddr> {
    let status = peer.call("network.status", json!({})).await;
    status["listening"].as_array().unwrap().iter().map(|addr| addr.as_str().unwrap().parse().unwrap()).collect()
}

/// If everybody told everybody anew for each who comes, twenty would say 190 times whom they hear and as often that they are
/// there, and everybody would hear each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_when_somebody_joins_does_not_grow_with_those_who_are_there() {
    let founder = Peer::start(NAMES[0]).await;
    founder.listening().await;
    let made = founder.call("workspace.create", json!({"name": "Room"})).await;
    let ws = made["workspace"].as_str().unwrap().to_owned();
    let link = founder.call("invite.create", json!({"workspace": ws, "role": "editor", "unlimited": true})).await;
    let mut listener = Listener::start(&ws).await;
    let began = Instant::now();
    let ear = listener.node.addrs[0].clone();
    let listening = tokio::spawn(async move {
        listener.until_quiet().await;
        listener
    });
    founder.call("network.connect", json!({"addr": ear})).await;
    let (mut peers, mut known) = (vec![founder], Vec::new());
    for name in &NAMES[1..] {
        known.extend(addresses(peers.last().unwrap()).await);
        let guest = Peer::start(name).await;
        guest.listening().await;
        for addr in known.iter().chain([&ear]) {
            guest.call("network.connect", json!({"addr": addr})).await;
        }
        let joined = guest.call("join", json!({"link": link["link"], "wait_ms": 20_000})).await;
        assert_eq!(joined["status"], "member", "{name}");
        peers.push(guest);
    }
    peers[7].call("node.add", json!({"workspace": ws, "type": "generic", "label": "by one of many"})).await;
    let all: Vec<&Peer> = peers.iter().collect();
    assert!(converged(&all, &ws).await.contains("by one of many"));
    for peer in &peers {
        peer.until("it sees all", async |p| {
            let online = p.call("presence.list", json!({"workspace": ws})).await;
            online["presence"].as_array().unwrap().len() == NAMES.len()
        })
        .await;
    }
    let heard = listening.await.unwrap();
    println!(
        "{} told whom they hear {} times, that they are there {} times",
        NAMES.len(),
        heard.near.len(),
        heard.presence.len()
    );
    assert!(!heard.near.is_empty(), "the listener hears them");
    assert!(heard.near.len() <= 4 * NAMES.len(), "{}", heard.near.len());
    // Who is there says so again every 15 s.
    let beats = began.elapsed().as_secs() as usize / 15 + 1;
    assert!(heard.presence.len() <= (4 + beats) * NAMES.len(), "{} with {beats} heartbeats", heard.presence.len());
}
