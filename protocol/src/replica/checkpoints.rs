//! Checkpoints: what an op's past comes to as far as that past tells, said by an owner and found again by everybody.
//!
//! A checkpoint changes no verdict. Who has its past finds out for itself whether it is true; what it is good for is that
//! two devices can compare whole states by one op, and that whoever joins can be shown a document before its history.
//!
//! Deliberately absent: the document itself; the form of its state (`state`); dropping ops (nothing is dropped).

use super::Replica;
use crate::causal::Node;
use crate::checkpoint::{roles_digest, root};
use crate::identity::OpId;
use crate::judge::Role;
#[cfg(feature = "document")]
use crate::{
    checkpoint::Said,
    identity::{DeviceId, KeyId, WorkspaceId},
    op::{Op, Sealed},
    wire::MAX_STATE_SHARES,
};

/// What some ops and their pasts come to by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sum {
    /// How many ops count.
    pub count: u64,
    /// The root of their ids.
    pub ops: [u8; 32],
    /// The digest of everybody's role.
    pub roles: [u8; 32],
    /// The edits that make up the document, in an order in which they can be folded. None if one of the ops is lost by what
    /// became known since: then their document is nobody's to make any more.
    #[cfg(feature = "document")]
    pub folds: Option<Vec<OpId>>,
}

impl Replica {
    /// The checkpoints by who was an owner then, by all known ops; the newest last.
    pub fn checkpoints(&self) -> impl DoubleEndedIterator<Item = OpId> + '_ {
        let by_owner = |n: &&Node| self.judge.role_at(&self.judge.author(**n), **n) == Role::Owner;
        self.checkpoints.iter().filter(by_owner).map(|n| OpId(*self.judge.id(*n)))
    }

    /// What the past of an op comes to by itself (Rule R44); none if the op is not known. It costs by that past.
    pub fn sum_before(&self, id: &OpId) -> Option<Sum> {
        let node = self.judge.node(&id.0)?;
        Some(self.sum_under(self.judge.causal().deps(node)))
    }

    fn sum_under(&self, tops: &[Node]) -> Sum {
        let outcome = self.judge.outcome_under(tops);
        let counting = outcome.edits.iter().chain(&outcome.valid);
        let ids: Vec<OpId> = counting.map(|n| OpId(*self.judge.id(*n))).collect();
        Sum {
            count: ids.len() as u64,
            ops: root(ids),
            roles: roles_digest(&outcome.roles),
            #[cfg(feature = "document")]
            folds: self.folds_under(tops, &outcome.edits),
        }
    }
}

#[cfg(feature = "document")]
impl Replica {
    fn folds_under(&self, tops: &[Node], edits: &[Node]) -> Option<Vec<OpId>> {
        let lost = self.judge.causal().between(tops, &[]).into_iter().any(|n| self.sessions.is_lost(n));
        (!lost).then(|| self.folds(edits.iter().copied()).collect())
    }

    /// What the next op of this device would have seen.
    pub fn sum_now(&self) -> Sum {
        self.sum_under(&self.tops())
    }

    /// The edits that make up the state that the next op of this device would vouch for, as `state_before`.
    pub fn state_now(&self) -> Vec<OpId> {
        let tops = self.tops();
        let seen = |n: &Node| tops.iter().any(|top| top == n || self.judge.causal().saw(*top, *n));
        self.state_of(self.judge.accepted_edits().filter(seen).collect())
    }

    /// The edits before a checkpoint that count, in the order in which their state is cut (Rule R47); none if it is not
    /// known.
    pub fn state_before(&self, checkpoint: &OpId) -> Option<Vec<OpId>> {
        let at = self.judge.node(&checkpoint.0)?;
        Some(self.state_of(self.judge.accepted_edits().filter(|n| self.judge.causal().saw(at, *n)).collect()))
    }

    fn state_of(&self, mut edits: Vec<Node>) -> Vec<OpId> {
        edits.sort_by_cached_key(|n| (self.judge.causal().depth(*n), *self.judge.id(*n)));
        self.folds(edits.into_iter()).collect()
    }

    /// Seals a part of a state; none if the key is not known here.
    pub fn seal_part(&self, key: &KeyId, text: &[u8]) -> Option<Sealed> {
        self.keys.seal_under(key, &part_place(&self.workspace), text)
    }

    /// Opens a part of a state; none if its key is not known here, or if it is none.
    pub fn open_part(&self, sealed: &Sealed) -> Option<Vec<u8>> {
        self.keys.open(&part_place(&self.workspace), sealed)
    }

    /// The shares by which a device can read what a checkpoint says: those that seal keys to it, and those that wrap what
    /// was sealed under until then.
    pub fn shares_for(&self, device: &DeviceId, checkpoint: &OpId) -> Vec<OpId> {
        let Some(at) = self.judge.node(&checkpoint.0) else { return Vec::new() };
        let mut shares = self.keys.shares_for(device, at);
        shares.drain(..shares.len().saturating_sub(MAX_STATE_SHARES));
        shares.into_iter().map(|n| OpId(*self.judge.id(n))).collect()
    }

    /// What a checkpoint says of the document; none if it cannot be opened here.
    pub fn said(&self, op: &Op) -> Option<Said> {
        Said::decode(&self.open(op)?).ok()
    }
}

/// What the sealed parts of a state are bound to.
#[cfg(feature = "document")]
fn part_place(workspace: &WorkspaceId) -> Vec<u8> {
    [&workspace.0[..], b"state"].concat()
}
