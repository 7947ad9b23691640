//! The replica over a few devices, without a network: stories about Alice (the founder), Bob (an editor) and Cara.
//!
//! Deliberately absent: schedules at random, which `tests/` runs over the same replica.
#![allow(clippy::unwrap_used, reason = "tests")]

mod admission;
mod checkpoints;
mod delivery;
mod exchange;
mod forks;
mod groups;
mod kept;
mod keys;
mod names;
mod sessions;
mod state;
mod tail;
mod versions;

use super::*;
use crate::codec::Writer;
use crate::identity::DeviceKey;
use crate::judge::Role;
use crate::op::{Draft, KeyShare, Part, place};
use crate::sealing::EpochKey;

const ALICE: u8 = 1;
const BOB: u8 = 2;
const CARA: u8 = 3;
const DORA: u8 = 4;
const NOW_MS: u64 = 1_700_000_000_000;

fn key(who: u8) -> DeviceKey {
    DeviceKey::from_seed(&[who; 32])
}

fn id(who: u8) -> DeviceId {
    key(who).id()
}

/// One device with what it holds, and what it has folded so far.
struct Peer {
    key: DeviceKey,
    replica: Replica,
    session: LocalSession,
    /// The clock that its session's next struct has.
    clock: u64,
    log: Vec<Op>,
    folded: Vec<OpId>,
    rebuilds: usize,
    rereads: usize,
}

impl Peer {
    /// Alice founds the workspace that all stories play in.
    fn alice() -> Self {
        let mut out = Vec::new();
        let replica = Replica::found(&key(ALICE), [9; 16], NOW_MS, &mut out);
        let mut alice = Self::around(ALICE, replica);
        alice.carry_out(out);
        alice
    }

    fn around(who: u8, replica: Replica) -> Self {
        let session = LocalSession::new(&replica.workspace(), &key(who), [who; 32]);
        let (log, folded) = (Vec::new(), Vec::new());
        let mut replica = replica;
        // What is forged is sealed, too.
        replica.keys.keep(forged_key());
        Self { key: key(who), replica, session, clock: 0, log, folded, rebuilds: 0, rereads: 0 }
    }

    /// A device that has heard of everything that `other` holds.
    fn beside(who: u8, other: &Peer) -> Self {
        let mut peer = Self::around(who, Replica::for_device(other.replica.workspace(), &key(who)));
        peer.hear(other);
        peer
    }

    fn carry_out(&mut self, out: Vec<Output>) {
        let reopen = out.contains(&Output::Reopen);
        let rebuild = reopen || out.iter().any(|o| matches!(o, Output::Rebuild(_)));
        for output in out {
            match output {
                Output::Persist(op) => self.log.push(op),
                Output::Fold(id) => self.folded.push(id),
                _ => {}
            }
        }
        if reopen {
            let fetch = |id: &OpId| self.log.iter().find(|op| op.id == *id).cloned();
            self.replica.reopen(fetch, &mut Vec::new());
            self.rereads += 1;
        }
        if rebuild {
            self.folded = self.replica.fold_order();
            self.rebuilds += 1;
        }
        self.check();
    }

    /// What was folded step by step is what would be folded from the beginning, and refers to nothing unfolded.
    fn check(&self) {
        let mut order = self.replica.fold_order();
        let mut folded = self.folded.clone();
        order.sort_unstable();
        folded.sort_unstable();
        assert_eq!(folded, order);
        assert!(self.folded.iter().all(|id| self.replica.is_folded(id)));
    }

    fn try_say(&mut self, body: impl Into<Saying>) -> Result<OpId, AuthorError> {
        let mut out = Vec::new();
        let result = self.replica.author(&self.key, &mut self.session, body, NOW_MS, &mut out);
        self.carry_out(out);
        result
    }

    fn say(&mut self, body: impl Into<Saying>) -> OpId {
        self.try_say(body).unwrap()
    }

    /// What a driver does after it changed who is a member.
    fn share_keys(&mut self) {
        let mut out = Vec::new();
        // Who may not make a key leaves it to others.
        let _ = self.replica.share_keys(&self.key, &mut self.session, false, NOW_MS, &mut out);
        self.carry_out(out);
    }

    /// Sets a key of `meta`.
    fn edit(&mut self, key: &str) -> OpId {
        let body = self.set(key, Part::WHOLE);
        self.say(body)
    }

    fn set(&mut self, key: &str, part: Part) -> Saying {
        let update = set_meta(self.session.client(), self.clock, key);
        self.clock += 1;
        Saying::Edit { adopts: Vec::new(), part, update }
    }

    fn grant(&mut self, who: u8, role: Role) -> OpId {
        let me = self.replica.members().into_iter().find(|m| m.author == self.key.id().0).unwrap();
        let cap = OpId(*self.replica.judge().id(me.grant));
        let grant = self.say(Body::SetRole { subject: id(who), role, cap });
        self.share_keys();
        grant
    }

    fn take(&mut self, op: &Op) -> Result<Received, Unacceptable> {
        let mut out = Vec::new();
        let result = self.replica.receive(&op.bytes, &mut out);
        self.carry_out(out);
        result
    }

    fn hear(&mut self, other: &Peer) {
        for op in &other.log {
            self.take(op).unwrap();
        }
    }

    fn op(&self, id: &OpId) -> Op {
        self.log.iter().find(|op| op.id == *id).unwrap().clone()
    }

    fn heads(&self) -> Vec<OpId> {
        self.replica.heads()
    }

    /// A new session, as after a restart.
    fn restart(&mut self, nonce: u8) {
        self.session = LocalSession::new(&self.replica.workspace(), &self.key, [nonce; 32]);
        self.clock = 0;
    }
}

/// Random numbers that a seed repeats: xorshift.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.roll(i + 1));
        }
    }
}

fn seed() -> u64 {
    std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1)
}

/// Delivers again and again, as exchanges do, until nothing is new.
fn deliver(peer: &mut Peer, ops: &[&Op]) {
    loop {
        let before = peer.replica.len();
        for op in ops {
            peer.take(op).unwrap();
        }
        if peer.replica.len() == before {
            return;
        }
    }
}

/// Alice and Bob, who may edit; both know everything.
fn alice_and_bob() -> (Peer, Peer) {
    let mut alice = Peer::alice();
    alice.grant(BOB, Role::Editor);
    let bob = Peer::beside(BOB, &alice);
    (alice, bob)
}

/// An update that sets one key of `meta`.
fn set_meta(client: u64, clock: u64, key: &str) -> Vec<u8> {
    let mut w = Writer::new();
    w.u8(1).u8(1).varint(client).varint(clock);
    w.u8(0x28).u8(1).str("meta").str(key).u8(1).u8(120).u8(0);
    w.into_bytes()
}

/// An update that sets the same key again: it names the value before it as its neighbour.
fn set_again(client: u64, clock: u64, before: (u64, u64)) -> Vec<u8> {
    let mut w = Writer::new();
    w.u8(1).u8(1).varint(client).varint(clock);
    w.u8(0xa8).varint(before.0).varint(before.1).u8(1).u8(121).u8(0);
    w.into_bytes()
}

/// Signs an op as it stands, in order or not.
fn forge(who: u8, workspace: WorkspaceId, nonce: u8, seq: u64, before: &[OpId], saying: impl Into<Saying>) -> Op {
    let session = SessionId([nonce; 16]);
    let body = saying.into().seal(&forged_key(), |kind| place(&workspace, &id(who), &session, seq, kind));
    let prev = (seq > 0).then(|| before[0]);
    let deps = before[usize::from(seq > 0)..].to_vec();
    Op::sign(Draft { workspace, session, seq, prev, deps, time_ms: NOW_MS, body }, &key(who))
}

/// A key that everybody here knows, though no share names it.
fn forged_key() -> EpochKey {
    EpochKey::new([99; 32])
}

fn whole(update: Vec<u8>) -> Saying {
    Saying::Edit { adopts: Vec::new(), part: Part::WHOLE, update }
}

/// Everything that peers who hold the same ops must agree on.
#[derive(Clone, Debug, PartialEq)]
struct State {
    known: Vec<OpId>,
    folded: Vec<OpId>,
    roles: [Role; 3],
    newer: Option<u8>,
}

fn state(replica: &Replica) -> State {
    let mut known: Vec<OpId> = (0..replica.len() as u32).map(|n| OpId(*replica.judge().id(Node(n)))).collect();
    known.sort_unstable();
    let mut folded = replica.fold_order();
    folded.sort_unstable();
    let roles = [ALICE, BOB, CARA].map(|who| replica.role(&id(who)));
    State { known, folded, roles, newer: replica.newer_version() }
}
