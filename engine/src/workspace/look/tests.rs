//! A newcomer's workspace over stores in memory: what an owner vouches for is shown first, and what the log says counts.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::{Arc, Mutex};

use omniscope_protocol::checkpoint::{Said, document_digest};
use omniscope_protocol::identity::{DeviceKey, OpId};
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::{Body, Op};
use omniscope_protocol::replica::{Replica, Saying};
use serde_json::{Map, json};

use super::*;
use crate::workspace::{DocumentMessage, DocumentSink, Effects};

fn key(who: u8) -> DeviceKey {
    DeviceKey::from_seed(&[who; 32])
}

/// A window that keeps what it is told.
#[derive(Clone, Default)]
struct Window(Arc<Mutex<Vec<DocumentMessage>>>);

impl DocumentSink for Window {
    fn send(&self, message: DocumentMessage) -> bool {
        self.0.lock().unwrap().push(message);
        true
    }
}

/// Ana's workspace, Ben among its members, and its log.
struct Ana {
    space: Workspace,
    store: Store,
    log: Vec<Op>,
}

impl Ana {
    fn new() -> Self {
        let mut out = Vec::new();
        let replica = Replica::found(&key(1), [9; 16], 0, &mut out);
        let mut ana =
            Self { space: Workspace::new(replica, &key(1), [3; 32]), store: Store::memory().unwrap(), log: Vec::new() };
        let mut effects = Effects::default();
        ana.space.carry_out(&out, None, &ana.store, &mut effects);
        ana.note(effects);
        ana.say(Body::SetRole { subject: key(2).id(), role: Role::Viewer, cap: OpId(ana.space.id().0) });
        let mut effects = Effects::default();
        ana.space.share_keys(false, &ana.store, &key(1), &mut effects).unwrap();
        ana.note(effects);
        ana
    }

    fn note(&mut self, effects: Effects) {
        for write in effects.writes {
            if let crate::store::Write::Op { bytes, .. } = write {
                self.log.push(Op::decode(&bytes).unwrap());
            }
        }
    }

    fn say(&mut self, saying: impl Into<Saying>) -> OpId {
        let mut effects = Effects::default();
        let id = self.space.say(saying.into(), &self.store, &key(1), &mut effects).unwrap();
        self.note(effects);
        id
    }

    fn edit(&mut self, name: &str) {
        let value = format!("{} {}", self.log.len(), "x".repeat(300));
        let update = self.space.document().set_meta(&Map::from_iter([(name.to_owned(), json!(value))]));
        self.space.push_own(&[update], 0, Some(30)).unwrap();
        let mut effects = Effects::default();
        self.space.flush(&self.store, &key(1), u64::MAX, 0, &mut effects);
        self.note(effects);
    }

    /// A checkpoint that vouches for what `edits` make up, called `document`; and the parts.
    fn vouch(&mut self, edits: &[OpId], document: &Document) -> (Op, Vec<Arc<[u8]>>) {
        let epoch = self.space.replica.epoch_key().unwrap();
        let parts = self.space.state_parts(&self.store, edits, &epoch.id()).unwrap();
        let hashes = parts.iter().map(|part| *blake3::hash(part).as_bytes()).collect();
        let said = Said { document: document_digest(&document.canonical_json()), parts: hashes };
        let sum = self.space.replica.sum_now();
        let (count, ops, roles) = (sum.count, sum.ops, sum.roles);
        let id = self.say(Saying::Checkpoint { count, ops, roles, document: said.encode() });
        (self.log.iter().find(|op| op.id == id).unwrap().clone(), parts)
    }

    fn made_of(&self, edits: &[OpId]) -> Document {
        let mut document = Document::new(1);
        self.space.fold_into(&mut document, &self.store, edits).unwrap();
        document
    }
}

/// Ben, who knows nothing but how to open what Ana seals.
fn ben(ana: &Ana) -> (Workspace, Store) {
    let mut ben = Workspace::new(Replica::for_device(ana.space.id(), &key(2)), &key(2), [4; 32]);
    for op in &ana.log {
        if let Body::KeyShare(share) = &op.body {
            ben.replica.learn(&op.author, share);
        }
    }
    (ben, Store::memory().unwrap())
}

fn hear(space: &mut Workspace, store: &Store, log: &[Op]) {
    for op in log {
        let mut out = Vec::new();
        space.replica.receive(&op.bytes, &mut out).unwrap();
        space.carry_out(&out, None, store, &mut Effects::default());
    }
}

/// Shows Ben what a checkpoint vouches for; whether it was taken.
fn show(ben: &mut Workspace, checkpoint: &Op, parts: &[Arc<[u8]>]) -> bool {
    let mut coming = ben.expect_state(ben.replica.said(checkpoint).unwrap());
    let taken = parts.iter().all(|part| ben.take_part(&mut coming, part)) && coming.is_whole();
    taken && ben.show_state(checkpoint.id, checkpoint.sealed().unwrap().key, coming)
}

#[test]
fn what_an_owner_vouches_for_is_shown_before_the_log_and_holds_once_it_is_there() {
    let mut ana = Ana::new();
    for n in 0..2000 {
        ana.edit(&format!("k{}", n % 50));
    }
    let edits = ana.space.replica.state_now();
    let state = ana.made_of(&edits);
    let (checkpoint, parts) = ana.vouch(&edits, &state);
    assert!(parts.len() > 2, "{} parts", parts.len());
    ana.edit("after");
    let (mut ben, store) = ben(&ana);
    assert!(show(&mut ben, &checkpoint, &parts));
    assert!(ben.replica.is_empty() && ben.is_looked_at() && ben.snapshot().is_none());
    assert_eq!(ben.document().canonical_json(), state.canonical_json());
    let window = Window::default();
    ben.open_window(1, &key(2), [5; 32], Box::new(window.clone()));
    hear(&mut ben, &store, &ana.log);
    assert_eq!(ben.document().canonical_json(), state.canonical_json(), "ops are judged, not folded");
    assert_eq!(window.0.lock().unwrap().len(), 1, "a window hears of none of them");
    assert_eq!(ben.settle_look(&store).unwrap(), Settled::Holds);
    assert_eq!(ben.document().canonical_json(), ana.space.document().canonical_json(), "what came after is there, too");
    assert!(!ben.is_looked_at());
    ben.rebuild(&store).unwrap();
    assert_eq!(ben.document().canonical_json(), ana.space.document().canonical_json());
}

#[test]
fn what_the_log_says_counts_where_an_owner_vouched_for_something_else() {
    let mut ana = Ana::new();
    for name in ["a", "b", "c"] {
        ana.edit(name);
    }
    // Ana leaves out what was said last.
    let edits = ana.space.replica.state_now();
    let less = &edits[..2];
    let lie = ana.made_of(less);
    let (checkpoint, parts) = ana.vouch(less, &lie);
    let (mut ben, store) = ben(&ana);
    assert!(show(&mut ben, &checkpoint, &parts), "nobody can know yet");
    hear(&mut ben, &store, &ana.log);
    assert_eq!(ben.settle_look(&store).unwrap(), Settled::Differs);
    assert_eq!(ben.document().canonical_json(), ana.space.document().canonical_json());
}

#[test]
fn what_nobody_vouched_for_is_not_taken_in() {
    let mut ana = Ana::new();
    for n in 0..2000 {
        ana.edit(&format!("k{}", n % 50));
    }
    let edits = ana.space.replica.state_now();
    let state = ana.made_of(&edits);
    let (checkpoint, parts) = ana.vouch(&edits, &state);
    let (mut ben, _) = ben(&ana);
    let mut backwards = parts.clone();
    backwards.reverse();
    assert!(!show(&mut ben, &checkpoint, &backwards), "another order");
    let mut changed = parts.clone();
    changed[0] = changed[0].iter().map(|byte| byte ^ 1).collect();
    assert!(!show(&mut ben, &checkpoint, &changed), "other bytes");
    assert!(!show(&mut ben, &checkpoint, &[]), "nothing");
    // The parts fit the hashes, but are not the document that is spoken of.
    let (contradicts, parts) = ana.vouch(&edits, &Document::new(1));
    assert!(!show(&mut ben, &contradicts, &parts));
    // A hash of bytes that are no part.
    let nonsense: Arc<[u8]> = vec![7; 500].into();
    let mut coming = ben.expect_state(Said { document: [0; 32], parts: vec![*blake3::hash(&nonsense).as_bytes()] });
    assert!(!ben.take_part(&mut coming, &nonsense));
    assert!(!ben.is_looked_at());
}
