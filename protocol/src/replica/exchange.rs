//! The exchange of heads: what a peer lacks, what it holds, and what two peers have in common.
//!
//! A peer's heads, as far as they are known here, say what it holds. Where they are not known, some of its older ops
//! are (it names what both had in common last, which is remembered, and its newest one, the second, the fourth, …
//! newest).
//! In step, an exchange costs the heads alone.

use super::Replica;
use crate::causal::Node;
use crate::identity::{DeviceId, OpId};
use crate::wire::{MAX_ANSWER_BYTES, MAX_HAVE, MAX_HEADS, MAX_OPS};

/// What another device is known to hold.
#[derive(Clone, Debug, Default)]
pub struct Shared {
    /// Heads of what it committed, as far as they were known here when it named them.
    tops: Vec<Node>,
    /// The heads that were not, when it spoke last.
    unknown: Vec<OpId>,
}

/// Ops to send, in causal order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Their ids.
    pub ids: Vec<OpId>,
    /// Whether there are more than fit into one message.
    pub more: bool,
}

impl Missing {
    /// As many of these ops, each with its bytes, as fit.
    pub(super) fn cut(ops: impl Iterator<Item = (OpId, u32)>, max_bytes: usize) -> Self {
        let mut missing = Self::default();
        let mut total = 0;
        for (id, bytes) in ops {
            total += bytes as usize;
            if !missing.ids.is_empty() && (total > max_bytes || missing.ids.len() >= MAX_OPS) {
                missing.more = true;
                break;
            }
            missing.ids.push(id);
        }
        missing
    }
}

impl Replica {
    /// The frontier of all that is in the log, committed or not.
    pub fn heads(&self) -> Vec<OpId> {
        self.judge.causal().heads().take(MAX_HEADS).map(|n| OpId(*self.judge.id(n))).collect()
    }

    /// The frontier of what is committed: what may be promised to others.
    pub fn committed_heads(&self) -> Vec<OpId> {
        self.committed_heads.iter().take(MAX_HEADS).map(|n| OpId(*self.judge.id(*n))).collect()
    }

    /// Notes that the first `count` ops of the log are committed.
    pub fn note_committed(&mut self, count: u32) {
        let causal = self.judge.causal();
        let count = count.min(causal.len() as u32);
        for node in (self.committed..count).map(Node) {
            for dep in causal.deps(node) {
                self.committed_heads.remove(dep);
            }
            self.committed_heads.insert(node);
        }
        self.committed = self.committed.max(count);
    }

    /// Whether every op of the log is committed.
    pub fn all_committed(&self) -> bool {
        self.committed as usize >= self.known.len()
    }

    /// How many ops wait for their past.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Bytes of the ops that wait for their past.
    pub fn waiting_bytes(&self) -> usize {
        self.waiting.bytes()
    }

    /// Forgets the ops that wait for their past. They come back when heads are exchanged.
    pub fn forget_waiting(&mut self) {
        self.waiting = super::waiting::Waiting::default();
    }

    /// How many ops have ever had to wait: a mark for `waits_since`.
    pub fn ever_waited(&self) -> u64 {
        self.waiting.ever()
    }

    /// Whether one of the first `mark` ops that had to wait still does.
    pub fn waits_since(&self, mark: u64) -> bool {
        self.waiting.oldest().is_some_and(|oldest| oldest < mark)
    }

    /// Some older ops: the newest, the second, the fourth, … newest, and the genesis.
    pub fn have(&self) -> Vec<OpId> {
        let len = self.known.len();
        let back = std::iter::successors(Some(1usize), |n| n.checked_mul(2)).take_while(|n| *n <= len);
        let mut have: Vec<OpId> = back.map(|n| OpId(*self.judge.id(Node((len - n) as u32)))).collect();
        have.truncate(MAX_HAVE);
        have
    }

    /// Ops to name to a device beside the heads: those that both had in common last, and some older ones. Of the
    /// older ones alone the newest that a device knows, which was away, may lie as far back again as what it lacks, and it
    /// would answer with all in between.
    pub fn have_for(&self, device: &DeviceId) -> Vec<OpId> {
        let heads = self.heads();
        let mut have = self.common(device);
        have.retain(|id| !heads.contains(id));
        have.extend(self.have());
        have.truncate(MAX_HAVE);
        have
    }

    /// The ops that somebody lacks who holds `heads` and `have` and their pasts.
    pub fn missing(&self, heads: &[OpId], have: &[OpId]) -> Missing {
        let known: Vec<Node> = heads.iter().chain(have).filter_map(|id| self.judge.node(&id.0)).collect();
        self.cut(&self.judge.causal().heads_of(&known), MAX_ANSWER_BYTES)
    }

    /// The ops that a device lacks, as far as known, up to `max_bytes`.
    pub fn missing_at(&self, device: &DeviceId, max_bytes: usize) -> Missing {
        self.cut(&self.held_by(device).unwrap_or_default(), max_bytes)
    }

    /// Those of `ids` that are in the log, in order, as many as one answer may carry.
    pub fn in_one_answer(&self, ids: &[OpId]) -> Vec<OpId> {
        let known = ids.iter().filter_map(|id| Some((*id, self.judge.node(&id.0)?)));
        let mut bytes = 0;
        let fits = known.enumerate().take_while(|(at, (_, node))| {
            bytes += self.known[node.index()].bytes as usize;
            *at == 0 || bytes <= MAX_ANSWER_BYTES
        });
        fits.map(|(_, (id, _))| id).collect()
    }

    fn cut(&self, known: &[Node], max_bytes: usize) -> Missing {
        let lacks = self.judge.causal().difference(known);
        Missing::cut(lacks.into_iter().map(|n| (OpId(*self.judge.id(n)), self.known[n.index()].bytes)), max_bytes)
    }

    /// Notes the heads that a device says it has committed. True if it holds ops that are not known here.
    pub fn note_heads(&mut self, device: DeviceId, heads: &[OpId]) -> bool {
        let mut tops = self.held_by(&device).unwrap_or_default();
        tops.extend(heads.iter().filter_map(|id| self.judge.node(&id.0)));
        let tops = self.judge.causal().heads_of(&tops);
        let unknown: Vec<OpId> = heads.iter().filter(|id| !self.knows(id)).take(MAX_HEADS).copied().collect();
        let ahead = !unknown.is_empty();
        self.shared.insert(device, Shared { tops, unknown });
        ahead
    }

    /// Heads of what a device has committed, as far as known here by now; none before it ever said what it holds.
    pub(super) fn held_by(&self, device: &DeviceId) -> Option<Vec<Node>> {
        let Shared { tops, unknown } = self.shared.get(device)?;
        let mut come: Vec<Node> = unknown.iter().filter_map(|id| self.judge.node(&id.0)).collect();
        if come.is_empty() {
            return Some(tops.clone());
        }
        come.extend(tops);
        Some(self.judge.causal().heads_of(&come))
    }

    /// Heads of what a device is known to hold and this one holds too, for remembering. `note_heads` takes them up again.
    pub fn common(&self, device: &DeviceId) -> Vec<OpId> {
        let tops = self.held_by(device).unwrap_or_default();
        tops.iter().take(MAX_HEADS).map(|n| OpId(*self.judge.id(*n))).collect()
    }

    /// How many ops a device lacks, as far as known; none before it ever said what it holds. Costs by the answer.
    pub fn behind(&self, device: &DeviceId) -> Option<usize> {
        Some(self.judge.causal().count_difference(&self.held_by(device)?))
    }

    /// Whether a device is not known to hold each of these ops. Costs by these ops, not by what it lacks.
    pub fn lacks_any(&self, device: &DeviceId, ops: &[OpId]) -> bool {
        let tops = self.held_by(device).unwrap_or_default();
        let holds = |op: Node| tops.contains(&op) || tops.iter().any(|top| self.judge.causal().saw(*top, op));
        ops.iter().any(|id| !self.judge.node(&id.0).is_some_and(holds))
    }

    /// Whether a device named heads, when it spoke last, that are not known here by now.
    pub fn is_ahead(&self, device: &DeviceId) -> bool {
        self.shared.get(device).is_some_and(|s| s.unknown.iter().any(|id| !self.knows(id)))
    }

    /// How many edits by `me` no other device is known to hold.
    pub fn unsent(&self, me: &DeviceId) -> usize {
        let tops: Vec<Node> = self.shared.keys().filter_map(|device| self.held_by(device)).flatten().collect();
        let missing = self.judge.causal().difference(&self.judge.causal().heads_of(&tops));
        missing.into_iter().filter(|n| self.known[n.index()].edit && self.judge.author(*n) == me.0).count()
    }
}
