//! A simulated network of real replicas and documents: one thread, one seed, thousands of runs a minute.
//!
//! Everything that goes over is real bytes of the wire, cut off, lost, doubled, late, out of order and sent again; the
//! devices restart from what was committed or from old copies of it; some of them cheat (`adversary`). After a run
//! comes quiet: the devices exchange heads in rounds, and must agree.

mod adversary;
pub mod peer;
pub mod plan;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use omniscope_protocol::identity::{OpId, WorkspaceId};
use omniscope_protocol::invitation::Redemption;
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::{Body, Invite, Op};
use omniscope_protocol::replica::{JoinAnswer, Received, Saying};
use omniscope_protocol::sealing::EpochKey;
use omniscope_protocol::wire::Gossip;

use crate::dice::Dice;
use peer::{Bytes, Peer};
use plan::{ALICE, Act, BOB, CARA, DAVE, EVE, LENGTH_MS, PEERS, Plan, Step};

/// The forwarder's place in partitions.
const FORWARDER: usize = 5;
/// The rounds of exchanges in which quiet must bring agreement.
pub const MAX_ROUNDS: usize = 3;
/// Rounds beside them in which keys are shared: made at one moment by several, they need answers to one another.
const MAX_SHARING: usize = 3;
/// Requests and answers of one exchange; without end it would be a defect.
const MAX_EXCHANGE: usize = 200;
/// A part of a group, in bytes: small, so that groups have several parts.
const PART_BYTES: usize = 400;
const WHOLE_BYTES: usize = 40_000;

/// What happened in runs, to prove that something did.
pub type Counts = BTreeMap<&'static str, usize>;

#[derive(Debug)]
enum Kind {
    Gossip,
    Request,
    Response,
}

#[derive(Debug)]
enum Event {
    Deliver { from: usize, to: usize, kind: Kind, bytes: Vec<u8>, sent: u64 },
    Commit { peer: usize, life: u32, count: usize },
    Sync { peer: usize },
    Step(Step),
}

/// One run under way.
#[derive(Debug)]
pub struct World {
    pub peers: Vec<Peer>,
    pub counts: Counts,
    workspace: WorkspaceId,
    now_ms: u64,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    events: BTreeMap<u64, Event>,
    next: u64,
    /// Devices with equal bits reach one another.
    apart: u8,
    dice: Dice,
    /// What the forwarder has seen go by.
    seen: Vec<Vec<u8>>,
    latest: BTreeMap<(usize, usize), u64>,
    invite: Option<OpId>,
    /// Ops that must never be folded anywhere.
    forbidden: BTreeSet<OpId>,
    /// Pairs of which at most one may count.
    forks: Vec<[OpId; 2]>,
    /// What stood at a place, and what was to stand there later.
    taken_back: Vec<[OpId; 2]>,
    /// Committed by an honest device that never lost its disk.
    acknowledged: BTreeSet<OpId>,
    stale: BTreeSet<usize>,
    forged: u64,
    /// The key that cheats seal under, as far as members gave them one.
    cheats_key: Option<EpochKey>,
}

impl World {
    /// Alice founds, lets the others in, and everybody begins in step; Cara knows nothing yet.
    pub fn new(seed: u64) -> Self {
        let alice = Peer::founder();
        let workspace = alice.replica.workspace();
        let mut peers = vec![alice];
        peers.extend((1..PEERS).map(|n| Peer::new(n, workspace)));
        let mut world = Self {
            peers,
            counts: Counts::new(),
            workspace,
            now_ms: 0,
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            next: 0,
            apart: 0,
            dice: Dice::new(seed ^ 0x5151),
            seen: Vec::new(),
            latest: BTreeMap::new(),
            invite: None,
            forbidden: BTreeSet::new(),
            forks: Vec::new(),
            taken_back: Vec::new(),
            acknowledged: BTreeSet::new(),
            stale: BTreeSet::new(),
            forged: 0,
            cheats_key: None,
        };
        for (who, role) in [(BOB, Role::Editor), (DAVE, Role::Viewer), (EVE, Role::Editor)] {
            world.grant(who, role);
        }
        let invite = Invite {
            role: Role::Editor,
            cap: OpId(workspace.0),
            max_uses: Some(1),
            attester: Some(peer::key(ALICE).id()),
            expires: None,
            key: peer::key(90).id(),
            bound_to: None,
            approve: false,
        };
        let ops = world.peers[ALICE].say(Body::Invite(invite), 0);
        world.invite = ops.last().map(|bytes| id_of(bytes));
        world.peers[ALICE].share_keys(0);
        for n in [BOB, DAVE, EVE] {
            world.exchange(n, ALICE);
        }
        for peer in &mut world.peers {
            peer.commit(peer.log.len());
        }
        world
    }

    fn grant(&mut self, to: usize, role: Role) -> Vec<Bytes> {
        let cap = OpId(self.workspace.0);
        self.peers[ALICE].say(Body::SetRole { subject: peer::key(to).id(), role, cap }, self.now_ms)
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Runs a plan to its end, and then to quiet. How many rounds agreement took.
    ///
    /// # Errors
    /// What the devices do not agree on, or what should not have happened.
    pub fn run(plan: &Plan) -> Result<(Self, usize), String> {
        let mut world = Self::new(plan.seed);
        for step in &plan.steps {
            world.at(step.at_ms, Event::Step(*step));
        }
        for peer in 0..PEERS {
            let at = world.dice.below(300) as u64;
            world.at(at, Event::Sync { peer });
        }
        while let Some(Reverse((at_ms, number))) = world.queue.pop() {
            world.now_ms = at_ms;
            let event = world.events.remove(&number).expect("every number in the queue has its event");
            world.on_event(event);
        }
        let rounds = world.quiet()?;
        Ok((world, rounds))
    }

    fn at(&mut self, at_ms: u64, event: Event) {
        self.queue.push(Reverse((at_ms, self.next)));
        self.events.insert(self.next, event);
        self.next += 1;
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Deliver { from, to, kind, bytes, sent } => self.on_delivery(from, to, kind, &bytes, sent),
            Event::Commit { peer, life, count } => self.on_commit(peer, life, count),
            Event::Sync { peer } => {
                let other = self.dice.below(PEERS);
                if self.peers[peer].up && other != peer {
                    let request = self.peers[peer].sync_request();
                    self.send(peer, other, Kind::Request, request);
                }
                if self.now_ms < LENGTH_MS {
                    let pause = 150 + self.dice.below(400) as u64;
                    self.at(self.now_ms + pause, Event::Sync { peer });
                }
            }
            Event::Step(step) => self.on_step(step),
        }
    }

    // ---- the network

    fn reaches(&self, from: usize, to: usize) -> bool {
        (self.apart >> from ^ self.apart >> to) & 1 == 0
    }

    fn send(&mut self, from: usize, to: usize, kind: Kind, bytes: Vec<u8>) {
        if !self.reaches(from, to) {
            return self.count("cut off");
        }
        if self.dice.one_in(7) {
            return self.count("lost");
        }
        if self.dice.one_in(10) {
            self.count("doubled");
            self.deliver_later(from, to, &kind, bytes.clone());
        }
        self.deliver_later(from, to, &kind, bytes);
    }

    fn deliver_later(&mut self, from: usize, to: usize, kind: &Kind, bytes: Vec<u8>) {
        let kind = match kind {
            Kind::Gossip => Kind::Gossip,
            Kind::Request => Kind::Request,
            Kind::Response => Kind::Response,
        };
        let slow = self.dice.one_in(6);
        let delay = 1 + self.dice.below(if slow { 600 } else { 60 }) as u64;
        let sent = self.next;
        self.at(self.now_ms + delay, Event::Deliver { from, to, kind, bytes, sent });
    }

    fn on_delivery(&mut self, from: usize, to: usize, kind: Kind, bytes: &[u8], sent: u64) {
        if !self.peers[to].up {
            return self.count("not at home");
        }
        let latest = self.latest.entry((from, to)).or_default();
        if *latest > sent {
            self.count("out of order");
        } else {
            *latest = sent;
        }
        let sender = peer::key(from).id();
        match kind {
            Kind::Gossip => self.on_gossip(from, to, bytes),
            Kind::Request => {
                let answer = self.peers[to].on_request(&sender, bytes);
                self.send(to, from, Kind::Response, answer);
            }
            Kind::Response => {
                if let Some(next) = self.peers[to].on_response(&sender, bytes) {
                    self.send(to, from, Kind::Request, next);
                }
            }
        }
        self.commit_later(to);
    }

    fn on_gossip(&mut self, from: usize, to: usize, bytes: &[u8]) {
        let Ok(Gossip::Ops(ops)) = Gossip::decode(bytes) else { return self.count("rubbish refused") };
        let mut gap = false;
        for op in &ops {
            match self.peers[to].take(op) {
                Ok(Received::Waiting) => gap = true,
                Ok(_) => {}
                Err(_) => self.count("ops refused"),
            }
        }
        if gap && from < PEERS {
            self.count("gaps");
            let request = self.peers[to].sync_request();
            self.send(to, from, Kind::Request, request);
        }
    }

    /// Gossip of new ops, to everybody and to the forwarder.
    fn publish(&mut self, from: usize, ops: &[Bytes]) {
        for op in ops {
            let message = Gossip::Ops(vec![op.clone()]).encode();
            for to in (0..PEERS).filter(|to| *to != from) {
                self.send(from, to, Kind::Gossip, message.clone());
            }
            if self.reaches(from, FORWARDER) {
                self.seen.push(message);
            }
        }
        self.commit_later(from);
    }

    // ---- the disk

    fn commit_later(&mut self, peer: usize) {
        let (life, count) = (self.peers[peer].life, self.peers[peer].log.len());
        if count > self.peers[peer].committed {
            let delay = 1 + self.dice.below(40) as u64;
            self.at(self.now_ms + delay, Event::Commit { peer, life, count });
        }
    }

    fn on_commit(&mut self, peer: usize, life: u32, count: usize) {
        if self.peers[peer].life == life && self.peers[peer].up {
            self.peers[peer].commit(count);
        }
    }

    fn restart(&mut self, peer: usize, stale: bool) {
        let committed = self.peers[peer].committed;
        // The first op is the genesis; who never got it starts from nothing.
        let count = if stale && committed > 1 { 1 + self.dice.below(committed) } else { committed };
        if self.peers[peer].log.len() > committed {
            self.count("uncommitted ops forgotten");
        }
        if count < committed {
            self.count("old disks");
            self.stale.insert(peer);
        }
        self.count("restarts");
        self.peers[peer].restart(count.min(committed));
    }

    // ---- what people do

    fn on_step(&mut self, step: Step) {
        let Step { peer, act, .. } = step;
        let now = self.now_ms;
        match act {
            Act::Edit => {
                let ops = self.peers[peer].edit(&mut self.dice, now, WHOLE_BYTES, usize::MAX);
                self.count(if ops.is_empty() { "nothing to edit" } else { "edits" });
                self.publish(peer, &ops);
            }
            Act::Group { cut } => {
                let parts = if cut { 1 } else { usize::MAX };
                let ops = self.peers[peer].edit(&mut self.dice, now, PART_BYTES, parts);
                self.publish(peer, &ops);
                let part = ops.last().and_then(|bytes| Op::decode_trusted(bytes).ok());
                if let Some(Op { body: Body::Edit { part, .. }, .. }) = part
                    && part.count > 1
                {
                    self.count(if cut { "groups cut" } else { "groups" });
                    if cut {
                        self.restart(peer, false);
                    }
                }
            }
            Act::Profile => self.say(peer, Saying::Profile { name: format!("P{peer}"), color: "#336699".into() }),
            Act::Version => self.say(peer, Saying::Version { name: format!("at {now}") }),
            Act::Grant { to, role } => {
                let role = [Role::None, Role::Viewer, Role::Editor][usize::from(role) % 3];
                self.count(if role == Role::None { "removals" } else { "grants" });
                let ops = self.grant(to, role);
                self.publish(ALICE, &ops);
            }
            Act::Join => self.join(),
            Act::Leave => {
                self.count("leaves");
                self.say(peer, Body::Leave);
            }
            Act::Restart { stale } => self.restart(peer, stale),
            Act::Partition { apart } => {
                self.count("partitions");
                self.apart = apart;
            }
            Act::Heal => self.apart = 0,
            Act::ClockJump { days } => {
                self.count("clock jumps");
                self.peers[peer].skew_ms += i64::from(days) * 86_400_000;
            }
            Act::Replay => self.replay(),
            cheat => self.cheat(peer, cheat),
        }
        self.share_keys(peer);
    }

    /// What a device does when it sees that members lack the key. Cheats do nothing for others.
    fn share_keys(&mut self, peer: usize) {
        if peer != EVE && self.peers[peer].up {
            let ops = self.peers[peer].share_keys(self.now_ms);
            if !ops.is_empty() {
                self.count("keys shared");
                self.publish(peer, &ops);
            }
        }
    }

    fn say(&mut self, peer: usize, saying: impl Into<Saying>) {
        let ops = self.peers[peer].say(saying, self.now_ms);
        self.publish(peer, &ops);
    }

    /// Cara shows Alice her link; admitted, she asks for everything.
    fn join(&mut self) {
        let Some(invite) = self.invite.filter(|_| self.reaches(CARA, ALICE)) else { return };
        let alice = &mut self.peers[ALICE];
        let Some(bytes) = alice.log.iter().find(|bytes| id_of(bytes) == invite).cloned() else { return };
        let invite_op = Op::decode(&bytes).expect("the log holds ops");
        let redemption = Redemption::new(&self.workspace, &invite, &peer::key(CARA), &peer::key(90));
        let (answer, ops) = alice.admit(&invite_op, &redemption, self.now_ms);
        if let JoinAnswer::Admitted(_) = answer {
            self.count("admissions");
            self.publish(ALICE, &ops);
            self.share_keys(ALICE);
            let request = self.peers[CARA].sync_request();
            self.send(CARA, ALICE, Kind::Request, request);
        }
    }

    fn replay(&mut self) {
        for _ in 0..6 {
            if self.seen.is_empty() {
                return;
            }
            let message = self.dice.pick(&self.seen).clone();
            let to = self.dice.below(PEERS);
            if self.reaches(FORWARDER, to) {
                self.count("replays");
                self.deliver_later(FORWARDER, to, &Kind::Gossip, message);
            }
        }
    }

    // ---- quiet

    fn exchange(&mut self, asks: usize, answers: usize) {
        let (from, to) = (peer::key(asks).id(), peer::key(answers).id());
        let mut request = Some(self.peers[asks].sync_request());
        for _ in 0..MAX_EXCHANGE {
            let Some(bytes) = request else { return };
            let answer = self.peers[answers].on_request(&from, &bytes);
            request = self.peers[asks].on_response(&to, &answer);
        }
        panic!("an exchange of heads does not end");
    }

    /// The honest devices that count as members for the founder.
    pub fn members(&self) -> Vec<usize> {
        let role = |n: &usize| self.peers[ALICE].replica.role(&peer::key(*n).id());
        (0..EVE).filter(|n| role(n) > Role::None).collect()
    }

    /// Lets everybody exchange heads in rounds until the members agree, and checks what must hold then.
    fn quiet(&mut self) -> Result<usize, String> {
        self.apart = 0;
        for peer in &mut self.peers {
            peer.commit(peer.log.len());
        }
        for n in (0..EVE).filter(|n| !self.stale.contains(n)) {
            self.acknowledged.extend(self.peers[n].log.iter().map(|bytes| id_of(bytes)));
        }
        let (mut round, mut sharing) = (1, 0);
        while round <= MAX_ROUNDS {
            let mut pairs: Vec<(usize, usize)> =
                (0..PEERS).flat_map(|a| (0..PEERS).filter(move |b| *b != a).map(move |b| (a, b))).collect();
            self.dice.shuffle(&mut pairs);
            for (asks, answers) in pairs {
                self.exchange(asks, answers);
            }
            let mut shared = false;
            for member in self.members() {
                let now = self.now_ms;
                let peer = &mut self.peers[member];
                shared |= !peer.share_keys(now).is_empty();
                peer.commit(peer.log.len());
            }
            if self.disagreement().is_none() {
                self.check()?;
                return Ok(round);
            }
            // What was said just now has yet to go round; but keys come to rest.
            if shared && sharing < MAX_SHARING { sharing += 1 } else { round += 1 }
        }
        Err(self.disagreement().unwrap_or_default())
    }

    /// What two members do not have in common.
    fn disagreement(&self) -> Option<String> {
        let state = |n: usize| {
            let replica = &self.peers[n].replica;
            let mut heads = replica.heads();
            heads.sort_unstable();
            let roles: Vec<Role> = (0..PEERS).map(|p| replica.role(&peer::key(p).id())).collect();
            // Read only until an update, nothing is sealed, and no key shared.
            let keys = replica.newer_version().is_none().then(|| (replica.epoch(), replica.shut_keys().clone()));
            (replica.len(), heads, roles, replica.newer_version(), keys)
        };
        let read = |n: usize| -> BTreeSet<OpId> {
            let replica = &self.peers[n].replica;
            replica.fold_order().into_iter().chain(replica.versions().into_iter().map(|version| version.id)).collect()
        };
        // Who lacks a key then sees less, until somebody may share it.
        let sees_all = |n: &usize| self.peers[*n].replica.shut_keys().is_empty();
        let all = self.members().into_iter().find(sees_all).unwrap_or(ALICE);
        let (first, most, document) = (state(all), read(all), self.peers[all].document.canonical_json());
        for n in self.members() {
            let (found, seen) = (state(n), read(n));
            let less = found.3.is_some() && !sees_all(&n);
            if found != first || !seen.is_subset(&most) || !less && seen != most {
                return Some(format!(
                    "{n} holds {found:?} and reads {seen:?}, {all} holds {first:?} and reads {most:?}"
                ));
            }
            let text = self.peers[n].document.canonical_json();
            if !less && text != document {
                return Some(format!("documents differ:\n{n}: {text}\n{all}: {document}"));
            }
        }
        None
    }

    fn check(&mut self) -> Result<(), String> {
        for n in 0..PEERS {
            let peer = &self.peers[n];
            if peer.folded_anew(1).canonical_json() != peer.document.canonical_json() {
                return Err(format!("{n} has another document than its log tells"));
            }
            for id in peer.replica.fold_order() {
                if self.forbidden.contains(&id) {
                    return Err(format!("{n} folds {id}, which nobody was allowed to make"));
                }
            }
            if let Some(fork) = self.forks.iter().find(|f| f.iter().all(|id| peer.replica.is_folded(id))) {
                return Err(format!("{n} folds both branches of a fork: {fork:?}"));
            }
            if peer.replica.role(&peer::key(EVE).id()) == Role::Owner {
                return Err(format!("{n} takes the usurper for an owner"));
            }
        }
        let alice = &self.peers[ALICE].replica;
        // What a removed member still held alone is its own affair; the members' is not.
        let members = self.members();
        let held = |id: &OpId| members.iter().any(|n| self.peers[*n].replica.knows(id));
        if let Some(lost) = self.acknowledged.iter().find(|id| held(id) && !alice.knows(id)) {
            return Err(format!("{lost} was committed and is lost"));
        }
        let mut found: Vec<&'static str> = Vec::new();
        for [old, rival] in &self.taken_back {
            let could_edit = |id: &OpId| {
                let node = alice.judge().node(&id.0)?;
                Some(alice.judge().role_at(&peer::key(EVE).id().0, node) >= Role::Editor)
            };
            if [could_edit(old), could_edit(rival)] == [Some(true), Some(false)] {
                found.push("places kept");
                if !alice.is_lost(rival) {
                    return Err(format!("{rival}, which is back-dated, took the place of {old}"));
                }
            }
        }
        if self.forks.iter().flatten().any(|id| alice.is_lost(id)) {
            found.push("forks resolved");
        }
        if self.forbidden.iter().any(|id| alice.knows(id)) {
            found.push("void ops kept");
        }
        if members.iter().any(|n| self.peers[*n].unlocked > 0) {
            found.push("opened late");
        }
        if alice.newer_version().is_some() {
            found.push("read only");
        }
        if self.peers.iter().any(|p| p.rebuilds > usize::try_from(p.life).unwrap_or(0)) {
            found.push("rebuilds");
        }
        found.into_iter().for_each(|what| self.count(what));
        Ok(())
    }
}

/// The id of an op.
pub fn id_of(bytes: &[u8]) -> OpId {
    OpId(*blake3::hash(bytes).as_bytes())
}
