//! Ops whose past is not all there yet. Bounded: what does not fit is dropped and comes back by exchange of heads.

use std::collections::BTreeMap;

use crate::identity::OpId;
use crate::op::Op;

/// Ops that may wait.
const MAX_WAITING_OPS: usize = 8192;
/// Bytes of ops that may wait.
const MAX_WAITING_BYTES: usize = 32 * 1024 * 1024;

#[derive(Debug, Default)]
pub(super) struct Waiting {
    ops: BTreeMap<OpId, Waits>,
    /// Missing op to those that wait for it.
    blocked: BTreeMap<OpId, Vec<OpId>>,
    bytes: usize,
    /// How many ops have ever waited.
    ever: u64,
}

#[derive(Debug)]
struct Waits {
    op: Op,
    /// How many of its deps are missing.
    missing: usize,
    /// How many ops had waited before it.
    number: u64,
}

impl Waiting {
    pub(super) fn add(&mut self, op: Op, missing: Vec<OpId>) {
        let full = self.ops.len() >= MAX_WAITING_OPS || self.bytes + op.bytes.len() > MAX_WAITING_BYTES;
        if full || self.ops.contains_key(&op.id) {
            return;
        }
        self.bytes += op.bytes.len();
        for dep in &missing {
            self.blocked.entry(*dep).or_default().push(op.id);
        }
        self.ops.insert(op.id, Waits { op, missing: missing.len(), number: self.ever });
        self.ever += 1;
    }

    /// The ops that waited for `id` last of all.
    pub(super) fn release(&mut self, id: &OpId) -> Vec<Op> {
        let mut ready = Vec::new();
        for waiting in self.blocked.remove(id).unwrap_or_default() {
            let Some(waits) = self.ops.get_mut(&waiting) else { continue };
            waits.missing -= 1;
            if waits.missing == 0
                && let Some(Waits { op, .. }) = self.ops.remove(&waiting)
            {
                self.bytes -= op.bytes.len();
                ready.push(op);
            }
        }
        ready
    }

    pub(super) fn len(&self) -> usize {
        self.ops.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn ever(&self) -> u64 {
        self.ever
    }

    /// How many ops had waited before the one that waits longest.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.ops.values().map(|waits| waits.number).min()
    }
}
