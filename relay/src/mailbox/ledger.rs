//! What a workspace has under way: commits, and the answers that wait for them.

use std::collections::VecDeque;
use std::sync::Arc;

use omniscope_protocol::identity::{DeviceId, OpId, WorkspaceId};
use omniscope_protocol::wire::{Deposit, Refusal, Response};

use super::{Action, Ticket};
use crate::store::Write;

/// What is to be committed for a workspace, and what that commit says.
#[derive(Debug, Clone)]
pub(crate) struct Commit {
    pub(crate) workspace: WorkspaceId,
    pub(crate) generation: u64,
    /// So many ops of the log are durable then.
    pub(crate) ops: usize,
    /// Which commit of the workspace it is, from 1.
    pub(crate) number: u64,
    /// The ops that are new, and who brought them.
    pub(crate) brought: Vec<Arc<[u8]>>,
    pub(crate) from: Option<DeviceId>,
    pub(crate) writes: Vec<Write>,
}

/// An answer that promises something, and so waits for a commit.
#[derive(Debug, Clone, Copy)]
pub(super) enum Owed {
    /// What was pushed is kept here.
    Receipt,
    /// The asking device was let in, and gets the key that waited for it.
    Admission(Option<Deposit>),
    /// A sealed key is kept.
    Deposit,
}

/// The commits of one workspace, and what is owed.
#[derive(Debug)]
pub(super) struct Ledger {
    /// Tells what is known of the log from what was known before a commit failed: earlier commits count no more.
    pub(super) generation: u64,
    /// Answers in the order of the commits that they wait for.
    owed: VecDeque<(u64, Owed, Ticket)>,
    begun: u64,
    ended: u64,
}

impl Ledger {
    pub(super) fn new(generation: u64) -> Self {
        Self { generation, owed: VecDeque::new(), begun: 0, ended: 0 }
    }

    /// Whether nothing is under way.
    pub(super) fn is_quiet(&self) -> bool {
        self.owed.is_empty() && self.begun == self.ended
    }

    /// An answer waits for all that was written before it, and with `writes` for the commit that follows.
    pub(super) fn owe(&mut self, what: Owed, ticket: Ticket, writes: &[Write]) {
        self.owed.push_back((self.begun + u64::from(!writes.is_empty()), what, ticket));
    }

    /// Begins a commit after which `ops` ops of the log are durable.
    pub(super) fn commit(
        &mut self,
        workspace: WorkspaceId,
        ops: usize,
        writes: Vec<Write>,
        from: Option<DeviceId>,
    ) -> Commit {
        self.begun += 1;
        let op = |write: &Write| if let Write::Op { bytes, .. } = write { Some(Arc::clone(bytes)) } else { None };
        let brought = writes.iter().filter_map(op).collect();
        Commit { workspace, generation: self.generation, ops, number: self.begun, brought, from, writes }
    }

    /// A commit went well; commits end in the order in which they began.
    pub(super) fn on_committed(&mut self, commit: &Commit) {
        self.ended = commit.number;
    }

    /// Gives the answers that wait for nothing any more. Says how many.
    pub(super) fn answer(&mut self, heads: impl FnOnce() -> Vec<OpId>, out: &mut Vec<Action>) -> usize {
        let due = self.owed.partition_point(|(commit, _, _)| *commit <= self.ended);
        if due == 0 {
            return 0;
        }
        let heads = heads();
        for (_, what, ticket) in self.owed.drain(..due) {
            let response = match what {
                Owed::Receipt | Owed::Deposit => Response::Receipt { heads: heads.clone() },
                Owed::Admission(deposit) => Response::Admitted { deposit },
            };
            out.push(Action::Respond(ticket, response));
        }
        due
    }

    /// Refuses what waited, because it cannot be promised. Says how many.
    pub(super) fn refuse_all(&mut self, out: &mut Vec<Action>) -> usize {
        let owed = std::mem::take(&mut self.owed);
        out.extend(owed.iter().map(|(_, _, ticket)| Action::Respond(*ticket, Response::Refused(Refusal::Busy))));
        owed.len()
    }
}
