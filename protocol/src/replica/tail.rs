//! The end of a log, for whoever keeps logs and looks into none: what follows it and gives nobody a role is taken in just as
//! the whole log would, and who lacks only what stands in it is given that.
//!
//! Deliberately absent: whatever may change who is a member, and whatever rests on older ops. There, and where anything else
//! is unusual, this is `Unsure`, and the log has to be read (`Replica::load`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::Replica;
use super::exchange::Missing;
use crate::causal::Node;
use crate::identity::{DeviceId, OpId, WorkspaceId};
use crate::judge::FactKind;
use crate::op::{Body, Op, SessionId};
use crate::wire::{MAX_ANSWER_BYTES, MAX_HEADS};

/// The whole log is needed to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsure;

type Devices = Arc<BTreeSet<DeviceId>>;

#[derive(Debug)]
struct Entry {
    id: OpId,
    author: DeviceId,
    session: SessionId,
    seq: u64,
    deps: Box<[OpId]>,
    bytes: u32,
    /// Those of whom the op, or something that it had seen, makes members (Rule R26).
    members: Devices,
}

/// The last ops of a log. Some 300 bytes for each that it holds, however long the log is.
#[derive(Debug)]
pub struct Tail {
    workspace: WorkspaceId,
    /// How many ops stand before the entries.
    before: usize,
    /// Those of them that no other of them had seen.
    tops: BTreeSet<OpId>,
    entries: VecDeque<Entry>,
    /// The position of each entry in the log.
    numbers: BTreeMap<OpId, usize>,
    committed: usize,
    committed_heads: BTreeSet<OpId>,
    /// Nothing in the log asks for more than can be told from its end.
    plain: bool,
}

impl Replica {
    /// The last `keep` ops of the log.
    pub fn tail(&self, keep: usize) -> Tail {
        let causal = self.judge.causal();
        let before = self.len().saturating_sub(keep);
        let entries = (before..self.len()).map(|n| Node(n as u32));
        let named = entries.clone().flat_map(|node| causal.deps(node).iter().copied()).chain(causal.heads());
        let older: Vec<Node> = named.filter(|node| node.index() < before).collect();
        let id = |node: Node| OpId(*self.judge.id(node));
        let mut tail = Tail {
            workspace: self.workspace,
            before,
            tops: causal.heads_of(&older).into_iter().map(id).collect(),
            entries: VecDeque::new(),
            numbers: BTreeMap::new(),
            committed: self.committed as usize,
            committed_heads: self.committed_heads.iter().map(|node| id(*node)).collect(),
            plain: self.has_plain_end(),
        };
        let sessions = self.sessions.names();
        let mut known: BTreeMap<Node, Devices> = BTreeMap::new();
        for node in entries {
            let deps = causal.deps(node);
            let mut of = |dep: &Node| Arc::clone(known.entry(*dep).or_insert_with(|| self.members_by(*dep)));
            let seen = all_of(deps.iter().map(&mut of));
            let given = self.grants.iter().filter(|(_, by)| by.contains(&node)).map(|(device, _)| *device);
            let members = all_of([seen, Arc::new(given.collect())].into_iter());
            known.insert(node, Arc::clone(&members));
            let (number, seq) = self.sessions.place_of(node);
            let session = sessions.get(number as usize).copied().unwrap_or(SessionId::NONE);
            let (author, bytes) = (DeviceId(self.judge.author(node)), self.known[node.index()].bytes);
            let deps = deps.iter().map(|dep| id(*dep)).collect();
            tail.push(Entry { id: id(node), author, session, seq, deps, bytes, members });
        }
        tail
    }

    /// Whether what follows the log may be told from its end: nothing waits, nothing is of a newer version, and it is not closed.
    pub fn has_plain_end(&self) -> bool {
        self.newer.is_empty() && !self.judge.closed() && self.waiting.len() == 0
    }

    /// Those of whom an op, or something that it had seen, makes members.
    fn members_by(&self, node: Node) -> Devices {
        let by = |given: &[Node]| given.iter().any(|g| *g == node || self.judge.causal().saw(node, *g));
        Arc::new(self.grants.iter().filter(|(_, given)| by(given)).map(|(device, _)| *device).collect())
    }
}

/// The union, without a copy where one of them holds the others.
fn all_of(sets: impl Iterator<Item = Devices>) -> Devices {
    sets.reduce(|all, more| match () {
        () if Arc::ptr_eq(&all, &more) || more.is_subset(&all) => all,
        () if all.is_subset(&more) => more,
        () => Arc::new(all.union(&more).copied().collect()),
    })
    .unwrap_or_default()
}

impl Tail {
    /// Takes in an op that follows what stands here. False if it is known.
    ///
    /// # Errors
    /// `Unsure`, with nothing changed.
    pub fn take(&mut self, op: &Op) -> Result<bool, Unsure> {
        if self.knows(&op.id) {
            return Ok(false);
        }
        let membership = !matches!(op.fact().kind, FactKind::Edit { .. } | FactKind::Plain);
        if !self.plain || op.workspace() != self.workspace || membership || matches!(op.body, Body::Newer { .. }) {
            return Err(Unsure);
        }
        let deps: Box<[OpId]> = op.seen().collect();
        let seen: Option<Vec<&Entry>> = deps.iter().map(|dep| self.entry(dep)).collect();
        let members = all_of(seen.ok_or(Unsure)?.into_iter().map(|entry| Arc::clone(&entry.members)));
        if !members.contains(&op.author) || !self.is_next(op) {
            return Err(Unsure);
        }
        let Op { id, author, session, seq, .. } = *op;
        self.push(Entry { id, author, session, seq, deps, bytes: op.bytes.len() as u32, members });
        Ok(true)
    }

    /// Rule R24: what names an op as the one before it in its session follows that.
    fn is_next(&self, op: &Op) -> bool {
        let Some(prev) = op.prev else { return true };
        let follows = |before: &Entry| {
            (before.author, before.session, before.seq + 1) == (op.author, op.session, op.seq)
                && op.session != SessionId::NONE
        };
        self.entry(&prev).is_some_and(follows)
    }

    fn push(&mut self, entry: Entry) {
        self.numbers.insert(entry.id, self.len());
        self.entries.push_back(entry);
    }

    fn entry(&self, id: &OpId) -> Option<&Entry> {
        self.entries.get(*self.numbers.get(id)? - self.before)
    }

    /// Whether an op is among those that are held.
    pub fn knows(&self, id: &OpId) -> bool {
        self.numbers.contains_key(id)
    }

    /// How many ops the log holds.
    pub fn len(&self) -> usize {
        self.before + self.entries.len()
    }

    /// Whether the log holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many of them are held here.
    pub fn held(&self) -> usize {
        self.entries.len()
    }

    /// Takes back what was taken in beyond the first `len` ops of the log and is not committed.
    pub fn take_back(&mut self, len: usize) {
        while self.len() > len.max(self.committed)
            && let Some(entry) = self.entries.pop_back()
        {
            self.numbers.remove(&entry.id);
        }
    }

    /// Holds no more than the last `keep` ops, and those that are not committed.
    pub fn trim(&mut self, keep: usize) {
        while self.entries.len() > keep
            && self.before < self.committed
            && let Some(entry) = self.entries.pop_front()
        {
            self.before += 1;
            self.numbers.remove(&entry.id);
            for dep in &entry.deps {
                self.tops.remove(dep);
            }
            self.tops.insert(entry.id);
        }
    }

    /// Notes that the first `count` ops of the log are committed.
    pub fn note_committed(&mut self, count: usize) {
        for number in self.committed..count.min(self.len()) {
            let entry = &self.entries[number - self.before];
            for dep in &entry.deps {
                self.committed_heads.remove(dep);
            }
            self.committed_heads.insert(entry.id);
        }
        self.committed = self.committed.max(count.min(self.len()));
    }

    /// The heads of what is committed, as many as a message may name.
    pub fn committed_heads(&self) -> Vec<OpId> {
        self.committed_heads.iter().take(MAX_HEADS).copied().collect()
    }

    /// What `Replica::in_one_answer` says, if all of it is held here.
    pub fn in_one_answer(&self, ids: &[OpId]) -> Option<Vec<OpId>> {
        let held: Option<Vec<&Entry>> = ids.iter().map(|id| self.entry(id).filter(|_| self.plain)).collect();
        Some(Missing::cut(held?.into_iter().map(|entry| (entry.id, entry.bytes)), MAX_ANSWER_BYTES).ids)
    }

    /// Whether every op is committed.
    pub fn all_committed(&self) -> bool {
        self.committed == self.len()
    }

    /// What `Replica::missing` says, if whoever asks has all that stands before the entries.
    pub fn missing(&self, heads: &[OpId], have: &[OpId]) -> Option<Missing> {
        let mut held = vec![false; self.entries.len()];
        let mut tops = BTreeSet::new();
        let mut named: Vec<OpId> = heads.iter().chain(have).copied().collect();
        while let Some(id) = named.pop() {
            match self.numbers.get(&id).map(|number| number - self.before) {
                Some(at) if !std::mem::replace(&mut held[at], true) => named.extend(&self.entries[at].deps),
                Some(_) => {}
                None => drop(self.tops.get(&id).map(|top| tops.insert(*top))),
            }
        }
        let lacks = self.entries.iter().zip(held).filter(|(_, held)| !held).map(|(entry, _)| entry);
        (self.plain && tops.len() == self.tops.len())
            .then(|| Missing::cut(lacks.map(|e| (e.id, e.bytes)), MAX_ANSWER_BYTES))
    }
}
