//! One simulated device: the real replica and the real document around a disk that forgets what was not committed.
//!
//! It does what the engine does with the replica's outputs. Deliberately absent: SQLite, libp2p, time of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use omniscope_engine::doc::Document;
use omniscope_engine::doc::edit::{NewNode, NodeChange};
use omniscope_protocol::gate::Update;
use omniscope_protocol::identity::{DeviceId, DeviceKey, KeyId, OpId, WorkspaceId};
use omniscope_protocol::invitation::Redemption;
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::{Op, Part};
use omniscope_protocol::replica::{
    AuthorError, JoinAnswer, LocalSession, Output, Received, Replica, Saying, Unacceptable,
};
use omniscope_protocol::wire::{MAX_PUSH_BYTES, Refusal, Request, Response};

use crate::dice::Dice;

/// An op's bytes.
pub type Bytes = Arc<[u8]>;

/// A device.
#[derive(Debug)]
pub struct Peer {
    number: u64,
    pub key: DeviceKey,
    pub replica: Replica,
    pub document: Document,
    pub session: LocalSession,
    /// The ops in the order of the log, by id too.
    pub log: Vec<Bytes>,
    by_id: BTreeMap<OpId, Bytes>,
    /// How many ops of the log are on the disk.
    pub committed: usize,
    pub up: bool,
    /// Grows with every start, so that what was under way at the last one is told apart.
    pub life: u32,
    /// How far the clock is off, in milliseconds.
    pub skew_ms: i64,
    nonces: u64,
    pub rebuilds: usize,
    /// How often keys came in after what they open.
    pub unlocked: usize,
}

/// The key of a device by number.
pub fn key(peer: usize) -> DeviceKey {
    DeviceKey::from_seed(&[peer as u8 + 1; 32])
}

/// The seed of a session, never used twice: `who` is apart for every one who makes them.
pub fn session_seed(who: u64, count: u64) -> [u8; 32] {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&(who + 1).to_le_bytes());
    seed[8..16].copy_from_slice(&count.to_le_bytes());
    seed
}

impl Peer {
    /// A device that knows nothing.
    pub fn new(peer: usize, workspace: WorkspaceId) -> Self {
        let key = key(peer);
        let session = LocalSession::new(&workspace, &key, session_seed(peer as u64, 0));
        Self {
            number: peer as u64,
            replica: Replica::for_device(workspace, &key),
            document: Document::new(session.client()),
            session,
            key,
            log: Vec::new(),
            by_id: BTreeMap::new(),
            committed: 0,
            up: true,
            life: 0,
            skew_ms: 0,
            nonces: 1,
            rebuilds: 0,
            unlocked: 0,
        }
    }

    /// The founder, its genesis in the log.
    pub fn founder() -> Self {
        let mut out = Vec::new();
        let replica = Replica::found(&key(0), [99; 16], 0, &mut out);
        let mut peer = Self::new(0, replica.workspace());
        peer.replica = replica;
        peer.carry_out(out, false);
        peer
    }

    pub fn id(&self) -> DeviceId {
        self.key.id()
    }

    /// Starts again from the first `count` ops of the log.
    pub fn restart(&mut self, count: usize) {
        let disk: Vec<Bytes> = self.log[..count].to_vec();
        self.replica = Replica::for_device(self.replica.workspace(), &self.key);
        (self.log, self.by_id) = (Vec::new(), BTreeMap::new());
        for bytes in disk {
            let op = Op::decode_trusted(&bytes).expect("the disk holds ops");
            let mut out = Vec::new();
            self.replica.load(&op, &mut out).expect("parents come before children on the disk");
            self.note(&op);
            if out.contains(&Output::Reopen) {
                self.reopen();
            }
        }
        self.committed = count;
        self.life += 1;
        self.up = true;
        self.renew();
    }

    /// Goes on in a new session, on what counts.
    fn renew(&mut self) {
        self.session = LocalSession::new(&self.replica.workspace(), &self.key, session_seed(self.number, self.nonces));
        self.nonces += 1;
        self.rebuild();
    }

    fn rebuild(&mut self) {
        self.document = self.folded_anew(self.session.client());
        self.rebuilds += 1;
    }

    /// The document from the beginning, as a device would have it that was handed the log just now.
    pub fn folded_anew(&self, client: u64) -> Document {
        let mut document = Document::new(client);
        for id in self.replica.fold_order() {
            fold(&mut document, &self.update_of(&id));
        }
        document
    }

    /// The updates of the document, in an order in which they can be folded.
    pub fn updates(&self) -> Vec<Vec<u8>> {
        self.replica.fold_order().iter().map(|id| self.update_of(id)).collect()
    }

    fn note(&mut self, op: &Op) {
        self.log.push(Arc::clone(&op.bytes));
        self.by_id.insert(op.id, Arc::clone(&op.bytes));
    }

    fn carry_out(&mut self, out: Vec<Output>, own: bool) {
        let mut mine = BTreeSet::new();
        let (mut rebuild, mut unlocked) = (false, false);
        for output in out {
            match output {
                Output::Persist(op) => {
                    self.note(&op);
                    if own && let Some(sealed) = op.sealed() {
                        self.check_readers(&sealed.key);
                    }
                    mine.extend(own.then_some(op.id));
                }
                Output::Fold(id) if !rebuild && !mine.contains(&id) => {
                    let update = self.update_of(&id);
                    fold(&mut self.document, &update);
                }
                Output::Rebuild(_) => rebuild = true,
                Output::Reopen => unlocked = true,
                _ => {}
            }
        }
        if unlocked {
            self.reopen();
        }
        if rebuild || unlocked {
            self.rebuild();
        }
    }

    /// Nothing is sealed under a key that somebody was given whom this device knows to be no member.
    fn check_readers(&self, key: &KeyId) {
        let holders = self.replica.key_holders(key).expect("an editor named the key");
        let stranger = holders.iter().find(|d| self.replica.role(d) == Role::None);
        assert_eq!(stranger, None, "sealed to somebody who is no member");
    }

    /// Reads the log once more, now that more of it can be opened.
    fn reopen(&mut self) {
        let by_id = &self.by_id;
        let fetch = |id: &OpId| Op::decode_trusted(by_id.get(id)?).ok();
        self.replica.reopen(fetch, &mut Vec::new());
        self.unlocked += 1;
    }

    fn update_of(&self, id: &OpId) -> Vec<u8> {
        let op = Op::decode_trusted(&self.by_id[id]).expect("the log holds ops");
        let text = self.replica.open(&op).expect("what is folded can be opened");
        Update::parse(&text).expect("what is folded has passed the gate").encode()
    }

    /// Shares keys as far as they are due; the new ops.
    pub fn share_keys(&mut self, now_ms: u64) -> Vec<Bytes> {
        let before = self.log.len();
        let mut out = Vec::new();
        let clock = self.clock(now_ms);
        let mut result = self.replica.share_keys(&self.key, &mut self.session, false, clock, &mut out);
        if result == Err(AuthorError::SessionOver) {
            self.renew();
            result = self.replica.share_keys(&self.key, &mut self.session, false, clock, &mut out);
        }
        self.carry_out(out, true);
        // Who may not make a key leaves it to others.
        drop(result);
        self.log[before..].to_vec()
    }

    /// Takes in an op.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Received, Unacceptable> {
        let mut out = Vec::new();
        let result = self.replica.receive(bytes, &mut out);
        self.carry_out(out, false);
        result
    }

    fn clock(&self, now_ms: u64) -> u64 {
        (now_ms as i64 + self.skew_ms).max(0) as u64
    }

    /// Signs something that is no edit; the new ops.
    pub fn say(&mut self, saying: impl Into<Saying>, now_ms: u64) -> Vec<Bytes> {
        let saying = saying.into();
        let before = self.log.len();
        let mut out = Vec::new();
        let clock = self.clock(now_ms);
        let mut result = self.replica.author(&self.key, &mut self.session, saying.clone(), clock, &mut out);
        if result == Err(AuthorError::SessionOver) {
            self.renew();
            result = self.replica.author(&self.key, &mut self.session, saying, clock, &mut out);
        }
        self.carry_out(out, true);
        // What cannot be said (nothing known yet, a newer version about) is left unsaid.
        drop(result);
        self.log[before..].to_vec()
    }

    /// Changes the document at random and signs it, in parts of at most `part_bytes`; only the first `parts` of them.
    pub fn edit(&mut self, dice: &mut Dice, now_ms: u64, part_bytes: usize, parts: usize) -> Vec<Bytes> {
        if self.replica.is_empty() || self.replica.role(&self.id()) == Role::None {
            return Vec::new();
        }
        let bytes = change(&mut self.document, dice, part_bytes < 1000);
        if bytes.is_empty() {
            return Vec::new();
        }
        self.sign_edit(&[bytes], now_ms, part_bytes, parts)
    }

    /// Signs updates of the own document as one edit, or as one group if they are larger than a part.
    pub fn sign_edit(&mut self, updates: &[Vec<u8>], now_ms: u64, part_bytes: usize, parts: usize) -> Vec<Bytes> {
        let mut all = Update::default();
        for bytes in updates {
            all.append(Update::parse(bytes).expect("one's own document writes what the gate reads"));
        }
        let before = self.log.len();
        let fits = self.replica.check_own(&self.session, &all).is_ok();
        let pieces = all.split(part_bytes);
        let count = pieces.len() as u16;
        let mut whole = fits;
        let mut out = Vec::new();
        for (index, piece) in pieces.into_iter().enumerate().take(if fits { parts } else { 0 }) {
            let part = Part { index: index as u16, count };
            let saying = Saying::Edit { adopts: Vec::new(), part, update: piece.encode() };
            let clock = self.clock(now_ms);
            whole &= self.replica.author(&self.key, &mut self.session, saying, clock, &mut out).is_ok();
        }
        self.carry_out(out, true);
        let last = self.log.last().map(|bytes| OpId(*blake3::hash(bytes).as_bytes()));
        if !whole || !last.is_some_and(|id| self.replica.is_folded(&id)) {
            // It does not count, so it may not stay in the document.
            self.renew();
        }
        self.log[before..].to_vec()
    }

    /// Judges a redemption; the answer and the new ops.
    pub fn admit(&mut self, invite: &Op, redemption: &Redemption, now_ms: u64) -> (JoinAnswer, Vec<Bytes>) {
        let before = self.log.len();
        let mut out = Vec::new();
        let clock = self.clock(now_ms);
        let answer = self.replica.admit(&self.key, invite, redemption, clock, &mut out);
        self.carry_out(out, true);
        (answer, self.log[before..].to_vec())
    }

    // ---- the exchange of heads

    /// "These are my heads."
    pub fn sync_request(&self) -> Vec<u8> {
        let (heads, have) = (self.replica.heads(), self.replica.have());
        Request::Sync { workspace: self.replica.workspace(), heads, have }.encode()
    }

    /// Answers a request of `from`; everything that is received is committed before a receipt is given.
    pub fn on_request(&mut self, from: &DeviceId, bytes: &[u8]) -> Vec<u8> {
        let refusal = match self.replica.role(from) {
            Role::None if self.replica.was_member(from) => Some(Refusal::Removed),
            Role::None => Some(Refusal::NotMember),
            _ => None,
        };
        let response = match (Request::decode(bytes), refusal) {
            (Err(_), _) => Response::Refused(Refusal::Malformed),
            (Ok(Request::Push { ops, .. }), refusal) if refusal.is_none() || ops.len() == 1 => {
                self.take_all(&ops);
                self.commit(self.log.len());
                Response::Receipt { heads: self.replica.committed_heads() }
            }
            (_, Some(refusal)) => Response::Refused(refusal),
            (Ok(Request::Sync { heads, have, .. }), None) => {
                let missing = self.replica.missing(&heads, &have);
                let ops = self.bytes_of(&missing.ids);
                Response::Sync { ops, heads: self.replica.committed_heads(), more: missing.more }
            }
            (Ok(_), None) => Response::Refused(Refusal::Malformed),
        };
        response.encode()
    }

    /// Takes a response of `from`; what to ask next, if anything.
    pub fn on_response(&mut self, from: &DeviceId, bytes: &[u8]) -> Option<Vec<u8>> {
        match Response::decode(bytes).ok()? {
            Response::Sync { ops, heads, more } => {
                let before = self.log.len();
                self.take_all(&ops);
                let ahead = self.replica.note_heads(*from, &heads);
                if (more || ahead) && self.log.len() > before {
                    return Some(self.sync_request());
                }
                self.push(from)
            }
            Response::Receipt { heads } => {
                let before = self.replica.behind(from);
                self.replica.note_heads(*from, &heads);
                // Only progress is a reason to go on at once.
                if self.replica.behind(from) < before { self.push(from) } else { None }
            }
            Response::Refused(Refusal::NotMember) => {
                let me = self.id();
                let grant = self.replica.members().into_iter().find(|m| m.author == me.0)?;
                let grant = OpId(*self.replica.judge().id(grant.grant));
                Some(Request::Push { workspace: self.replica.workspace(), ops: self.bytes_of(&[grant]) }.encode())
            }
            _ => None,
        }
    }

    fn push(&self, to: &DeviceId) -> Option<Vec<u8>> {
        if self.replica.behind(to).is_none_or(|n| n == 0) {
            return None;
        }
        let missing = self.replica.missing_at(to, MAX_PUSH_BYTES);
        Some(Request::Push { workspace: self.replica.workspace(), ops: self.bytes_of(&missing.ids) }.encode())
    }

    fn bytes_of(&self, ids: &[OpId]) -> Vec<Bytes> {
        ids.iter().filter_map(|id| self.by_id.get(id).cloned()).collect()
    }

    /// What others send may be wrong; it is refused and the rest is taken.
    pub fn take_all(&mut self, ops: &[Bytes]) -> usize {
        ops.iter().filter(|op| self.take(op).is_err()).count()
    }

    /// The first `count` ops are on the disk.
    pub fn commit(&mut self, count: usize) {
        self.committed = self.committed.max(count);
        self.replica.note_committed(self.committed as u32);
    }
}

fn fold(document: &mut Document, update: &[u8]) {
    document.apply(update).expect("what is folded is causally closed");
}

/// A random change of a document; a large one if asked for.
pub fn change(document: &mut Document, dice: &mut Dice, large: bool) -> Vec<u8> {
    let nodes = document.root_json("nodes");
    let ids: Vec<&String> = nodes.as_object().map(|n| n.keys().collect()).unwrap_or_default();
    const WORDS: [&str; 5] = ["trim", "\u{1f600}", "é\u{1f600}x", "aligned reads", "女"];
    let word = (*dice.pick(&WORDS)).to_owned();
    if ids.is_empty() || dice.one_in(5) {
        let kind = "generic".to_owned();
        let id = format!("n{}", dice.below(12));
        let new = NewNode { kind, label: word, pos: [dice.below(900) as f64, 7.5], ..NewNode::default() };
        return document.add_node(&id, new).unwrap_or_default();
    }
    let id = (*dice.pick(&ids)).clone();
    let other = (*dice.pick(&ids)).clone();
    if large {
        return document.set_note(&id, &word.repeat(60 + dice.below(200))).unwrap_or_default();
    }
    match dice.below(8) {
        0 => document.remove_node(&id).unwrap_or_default(),
        1 => document.add_edge(&id, None, &other, None).map(|(_, update)| update).unwrap_or_default(),
        2 | 3 => document.set_note(&id, &word.repeat(1 + dice.below(6))).unwrap_or_default(),
        4 => {
            let params = BTreeMap::from([("threads".to_owned(), serde_json::json!(dice.below(9)))]);
            document.set_node(&id, NodeChange { params, ..NodeChange::default() }).unwrap_or_default()
        }
        5 => document.set_node(&id, NodeChange { label: Some(word), ..NodeChange::default() }).unwrap_or_default(),
        _ => {
            let pos = Some([dice.below(900) as f64, dice.below(900) as f64]);
            document.set_node(&id, NodeChange { pos, ..NodeChange::default() }).unwrap_or_default()
        }
    }
}
