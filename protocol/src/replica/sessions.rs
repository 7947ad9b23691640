//! Sessions: who wrote which clocks, forks, and what the gate needs to know of an op's past.
//!
//! A session's ops form a chain by `prev`. Two ops at one position are a fork: the lower hash counts, and the other
//! with everything that had seen it is lost. The client id of a session is its own; should two sessions ever claim
//! one, the one whose opening has the lower hash counts.

use std::collections::BTreeMap;

use super::Unacceptable;
use crate::causal::Node;
use crate::identity::{DeviceId, OpId};
use crate::judge::Judge;
use crate::op::{Op, SessionId};

#[derive(Debug, Default)]
struct Session {
    /// Ops by position; a fork's loser is replaced by its winner.
    line: Vec<(OpId, Node)>,
    /// The edits that passed the gate, each with the clock after its last struct. Ascending in both.
    #[cfg(feature = "document")]
    clocks: Vec<(Node, u64)>,
}

/// All sessions of a workspace.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    by_key: BTreeMap<(DeviceId, SessionId), Session>,
    by_client: BTreeMap<u64, (DeviceId, SessionId)>,
    losers: Vec<Node>,
    #[cfg(feature = "document")]
    index: crate::gate::Index,
}

impl Sessions {
    /// An op in a session names as `prev` the op of that session at the position before it.
    pub(super) fn check_place(&self, op: &Op, judge: &Judge) -> Result<(), Unacceptable> {
        let Some(prev) = op.prev else { return Ok(()) };
        let node = judge.node(&prev.0).ok_or(Unacceptable::OutOfSession)?;
        let session = self.by_key.get(&(op.author, op.session)).ok_or(Unacceptable::OutOfSession)?;
        let at = usize::try_from(op.seq - 1).map_err(|_| Unacceptable::OutOfSession)?;
        let follows = session.line.get(at).is_some_and(|(id, _)| *id == prev);
        // A branch that lost keeps growing from its own ops; their place is told by depth in the lost branch.
        if follows || self.losers.iter().any(|l| *l == node || judge.causal().saw(node, *l)) {
            Ok(())
        } else {
            Err(Unacceptable::OutOfSession)
        }
    }

    /// Records an op; true if it reveals a fork or a collision of client ids.
    pub(super) fn place(&mut self, op: &Op, node: Node) -> bool {
        if op.session == SessionId::NONE {
            return false;
        }
        let key = (op.author, op.session);
        let at = op.seq as usize;
        let mut revealed = false;
        if at == 0 {
            revealed = self.claim_client(op, node);
        }
        let session = self.by_key.entry(key).or_default();
        match session.line.get(at).copied() {
            None if at == session.line.len() => session.line.push((op.id, node)),
            None => self.losers.push(node),
            Some((winner, _)) if winner < op.id => {
                self.losers.push(node);
                revealed = true;
            }
            Some((_, loser)) => {
                session.line.truncate(at);
                session.line.push((op.id, node));
                #[cfg(feature = "document")]
                session.clocks.retain(|(n, _)| *n < loser);
                self.losers.push(loser);
                revealed = true;
            }
        }
        revealed
    }

    fn claim_client(&mut self, op: &Op, node: Node) -> bool {
        let key = (op.author, op.session);
        let holder = *self.by_client.entry(op.client()).or_insert(key);
        if holder == key {
            return false;
        }
        let opening = self.by_key.get(&holder).and_then(|s| s.line.first()).copied();
        match opening {
            Some((id, lost)) if op.id < id => {
                self.by_client.insert(op.client(), key);
                self.losers.push(lost);
            }
            _ => self.losers.push(node),
        }
        true
    }

    /// Whether an op lies on, or had seen, a branch that lost.
    pub(super) fn is_lost(&self, node: Node, judge: &Judge) -> bool {
        self.losers.iter().any(|l| *l == node || judge.causal().saw(node, *l))
    }

    /// Whether any branch lost so far.
    pub(super) fn any_lost(&self) -> bool {
        !self.losers.is_empty()
    }
}

#[cfg(feature = "document")]
mod content {
    use super::{Session, Sessions};
    use crate::causal::Node;
    use crate::gate::{Past, Update};
    use crate::judge::Judge;
    use crate::op::Op;

    /// Why an edit is inert.
    #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
    pub(in super::super) enum Inert {
        #[error(transparent)]
        Bytes(#[from] crate::gate::GateError),
        #[error(transparent)]
        Content(#[from] crate::gate::Refusal),
        #[error("an earlier edit of the session was refused")]
        Session,
    }

    /// How far each session reaches in the past of an op, or of an op to be.
    pub(in super::super) struct Seen<'a> {
        pub(in super::super) sessions: &'a Sessions,
        pub(in super::super) judge: &'a Judge,
        /// The ops that are named as seen.
        pub(in super::super) tops: &'a [Node],
    }

    impl Past for Seen<'_> {
        fn end(&self, client: u64) -> u64 {
            let session = self.sessions.by_client.get(&client).and_then(|k| self.sessions.by_key.get(k));
            let Some(Session { clocks, .. }) = session else { return 0 };
            let causal = self.judge.causal();
            let seen = |n: Node| self.tops.iter().any(|t| *t == n || causal.saw(*t, n));
            let count = clocks.partition_point(|(n, _)| seen(*n));
            count.checked_sub(1).map_or(0, |i| clocks[i].1)
        }
    }

    impl Sessions {
        /// Judges the update of an op that is in the log, and takes it into the index if it passes.
        pub(in super::super) fn gate(&mut self, op: &Op, node: Node, bytes: &[u8], judge: &Judge) -> Result<(), Inert> {
            let key = (op.author, op.session);
            if self.by_client.get(&op.client()) != Some(&key) {
                return Err(Inert::Session);
            }
            let update = Update::parse(bytes)?;
            self.check(&update, op.client(), judge.causal().deps(node), judge)?;
            let next = self.next_clock(op.client()) + update.clock_range().map_or(0, |(start, end)| end - start);
            self.index.insert(&update);
            if let Some(session) = self.by_key.get_mut(&key) {
                session.clocks.push((node, next));
            }
            Ok(())
        }

        /// Judges an update that `client` would make on top of `tops`.
        pub(in super::super) fn check(
            &self,
            update: &Update,
            client: u64,
            tops: &[Node],
            judge: &Judge,
        ) -> Result<(), crate::gate::Refusal> {
            let past = Seen { sessions: self, judge, tops };
            self.index.check(update, client, self.next_clock(client), &past)
        }

        fn next_clock(&self, client: u64) -> u64 {
            let session = self.by_client.get(&client).and_then(|k| self.by_key.get(k));
            session.and_then(|s| s.clocks.last()).map_or(0, |(_, end)| *end)
        }
    }
}
