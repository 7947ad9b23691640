//! What is folded into the document, and in which order.
//!
//! Deliberately absent in programs without documents (feature `document`): they hold the same log and come to the same
//! roles, but no gate and nothing to fold.

use super::Replica;
use crate::causal::Node;
use crate::identity::{DeviceId, OpId};

impl Replica {
    /// Of edits that are accepted, those that are folded: in order, each group where its last part stands (Rule R28).
    pub(super) fn folds<'a>(&'a self, accepted: impl Iterator<Item = Node> + 'a) -> impl Iterator<Item = OpId> + 'a {
        let counts = |n: &Node| !self.sessions.is_lost(*n);
        accepted.filter(counts).flat_map(|n| self.sessions.group(n)).map(|n| OpId(*self.judge.id(n)))
    }

    /// The edits that count, in an order in which they can be folded.
    pub fn fold_order(&self) -> Vec<OpId> {
        self.folds(self.judge.accepted_edits()).collect()
    }

    /// The edits that count and that an op had seen, in an order in which they can be folded: the state of a version.
    pub fn fold_order_at(&self, id: &OpId) -> Vec<OpId> {
        let Some(at) = self.judge.node(&id.0) else { return Vec::new() };
        self.folds(self.judge.accepted_edits().filter(|n| self.judge.causal().saw(at, *n))).collect()
    }

    /// The edits that count among the ops at these places of the log, in an order in which they can be folded after
    /// those before them. Places follow the order in which ops came in here.
    pub fn fold_order_of(&self, places: std::ops::Range<usize>) -> Vec<OpId> {
        self.folds(self.judge.accepted_edits().filter(|n| places.contains(&n.index()))).collect()
    }

    /// The edits of a device that do not count, though nothing is wrong with what they say: made before it heard that it
    /// may not edit any more.
    pub fn void_edits_of(&self, device: &DeviceId) -> usize {
        let void = |n: &Node| self.known[n.index()].edit && !self.judge.accepted(*n) && self.sessions.passed(*n);
        self.nodes().filter(|n| self.judge.author(*n) == device.0).filter(void).count()
    }

    /// The document as a device wrote it last, whether its edits count or not: its newest edit with all edits in its past,
    /// in an order in which they can be folded.
    pub fn fold_order_as_written(&self, device: &DeviceId) -> Vec<OpId> {
        let own =
            |n: &Node| self.known[n.index()].edit && self.judge.author(*n) == device.0 && self.sessions.passed(*n);
        let Some(newest) = self.nodes().filter(own).last() else { return Vec::new() };
        let seen = |n: &Node| *n == newest || self.judge.causal().saw(newest, *n);
        self.folds(self.nodes().filter(|n| self.known[n.index()].edit).filter(seen)).collect()
    }

    fn nodes(&self) -> impl Iterator<Item = Node> + use<> {
        (0..self.known.len() as u32).map(Node)
    }

    /// The op at a place of the log: its id, its author, its author's time in Unix milliseconds, and whether it is an
    /// edit that counts and is folded.
    pub fn at(&self, place: usize) -> Option<(OpId, DeviceId, u64, bool)> {
        let known = self.known.get(place)?;
        let node = Node(place as u32);
        let id = OpId(*self.judge.id(node));
        Some((id, DeviceId(self.judge.author(node)), known.time_ms, known.edit && self.is_folded(&id)))
    }

    /// Who wrote an op of the log.
    pub fn author_of(&self, id: &OpId) -> Option<DeviceId> {
        self.judge.node(&id.0).map(|n| DeviceId(self.judge.author(n)))
    }

    /// Whether an op is an edit that counts and is folded.
    pub fn is_folded(&self, id: &OpId) -> bool {
        let end = self.judge.node(&id.0).and_then(|n| self.sessions.end_of_group(n));
        end.is_some_and(|n| self.judge.accepted(n) && !self.sessions.is_lost(n))
    }
}
