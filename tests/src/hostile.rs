//! A device with a program of its own: the key of a member or of a stranger, a real network node, and no scruples.
//!
//! It keeps a replica, so that what it signs is well made, and pushes whatever a test wants to real peers. Deliberately
//! absent: gossip, which `NetNode` speaks, and any judgement of what it does.
#![allow(clippy::unwrap_used, reason = "test harness")]

use std::sync::Arc;

use omniscope_engine::keys::{KeyFile, KeyVault};
use omniscope_engine::net::{NetCommand, Zeroizing};
use omniscope_protocol::identity::{DeviceId, DeviceKey, OpId, WorkspaceId};
use omniscope_protocol::op::{Op, Part};
use omniscope_protocol::replica::{LocalSession, Output, Replica, Saying};
use omniscope_protocol::wire::{Request, Response};
use serde_json::json;
use yrs::{Any, Doc, Map, ReadTxn, Transact};

use crate::headless::{Headless, Home};
use crate::net_node::NetNode;

/// The key that a peer keeps in its home.
pub fn key_in(home: &Home) -> DeviceKey {
    DeviceKey::from_seed(&KeyFile::new(home.0.join("key")).load().unwrap().expect("the peer made its key"))
}

/// A hostile device.
pub struct Hostile {
    /// Its key.
    pub key: DeviceKey,
    /// Its network.
    pub node: NetNode,
    /// What it knows of the workspace.
    pub replica: Replica,
    session: LocalSession,
    document: Doc,
    asked: u64,
}

impl Hostile {
    /// Online on loopback with the device key of `key`, knowing nothing of `workspace` but its id.
    pub async fn start(key: DeviceKey, workspace: WorkspaceId) -> Self {
        let node = NetNode::start(0, |config| config.secret = Zeroizing::new(*key.seed())).await;
        let replica = Replica::for_device(workspace, &key);
        let session = LocalSession::new(&workspace, &key, *blake3::hash(&*key.seed()).as_bytes());
        let document = Doc::with_client_id(session.client());
        Self { key, node, replica, session, document, asked: 0 }
    }

    /// Connects with a peer; gives its device.
    pub async fn meet(&mut self, peer: &mut Headless) -> DeviceId {
        let device = DeviceId::parse_hex(&peer.device).unwrap();
        let status = peer.call("network.status", json!({}));
        let addr = status["listening"][0].as_str().unwrap().parse().unwrap();
        self.node.tell(NetCommand::Dial { addr });
        self.node.connected(device).await;
        device
    }

    /// Sends a request and awaits the answer.
    pub async fn ask(&mut self, device: DeviceId, request: &Request) -> Response {
        self.asked += 1;
        self.node.tell(NetCommand::Request { device, id: self.asked, body: request.encode() });
        let answer = self.node.response(self.asked).await.expect("the peer answers");
        Response::decode(&answer).unwrap()
    }

    /// Takes in everything that a peer gives it.
    pub async fn listen_to(&mut self, device: DeviceId) {
        loop {
            let (heads, have) = (self.replica.heads(), self.replica.have());
            let request = Request::Sync { workspace: self.replica.workspace(), heads, have };
            let Response::Sync { ops, more, .. } = self.ask(device, &request).await else {
                panic!("a member is served");
            };
            for op in &ops {
                self.replica.receive(op, &mut Vec::new()).unwrap();
            }
            if !more {
                return;
            }
        }
    }

    /// Pushes ops to a peer.
    pub async fn push(&mut self, device: DeviceId, ops: &[Op]) -> Response {
        self.push_bytes(device, ops.iter().map(|op| Arc::clone(&op.bytes)).collect()).await
    }

    /// Pushes what may be ops to a peer.
    pub async fn push_bytes(&mut self, device: DeviceId, ops: Vec<Arc<[u8]>>) -> Response {
        self.ask(device, &Request::Push { workspace: self.replica.workspace(), ops }).await
    }

    /// Which of the ops with these ids a peer holds in its log.
    pub async fn held_by(&mut self, device: DeviceId, ids: Vec<OpId>) -> Vec<OpId> {
        let answer = self.ask(device, &Request::Fetch { workspace: self.replica.workspace(), ids }).await;
        let Response::Ops(held) = answer else { panic!("a member is served, found {answer:?}") };
        held.iter().map(|bytes| Op::decode(bytes).unwrap().id).collect()
    }

    /// Signs what its replica lets it say, whatever its role: the ops that are new by it.
    ///
    /// # Panics
    ///
    /// When no log at all would take the op.
    pub fn say(&mut self, saying: impl Into<Saying>, time_ms: u64) -> Vec<Op> {
        let mut out = Vec::new();
        self.replica.author(&self.key, &mut self.session, saying, time_ms, &mut out).unwrap();
        let ops = out.into_iter().filter_map(|o| if let Output::Persist(op) = o { Some(op) } else { None });
        ops.collect()
    }

    /// Goes on in a new session, as after a restart.
    pub fn begin_session(&mut self) {
        let seed = *blake3::hash(&self.session.client().to_le_bytes()).as_bytes();
        self.session = LocalSession::new(&self.replica.workspace(), &self.key, seed);
        self.document = Doc::with_client_id(self.session.client());
    }

    /// An edit that sets `meta[name]`, sealed under the key that the members use as far as it knows.
    pub fn edit(&mut self, name: &str, time_ms: u64) -> Vec<Op> {
        let before = self.document.transact().state_vector();
        let meta = self.document.get_or_insert_map("meta");
        meta.insert(&mut self.document.transact_mut(), name, Any::from("forged"));
        let update = self.document.transact().encode_state_as_update_v1(&before);
        self.say(Saying::Edit { adopts: Vec::new(), part: Part::WHOLE, update }, time_ms)
    }
}
