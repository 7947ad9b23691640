//! Sessions: who wrote which clocks, forks, groups of edits, and what the gate needs to know of an op's past.
//!
//! A session's ops form a chain by `prev` (Rule R24). Of several ops that follow the same one, and of several openings
//! that claim one client id, the one with the lowest hash counts; the others, and everything that had seen one of them,
//! are lost (Rule R25). All of this is a function of the set of known ops: more ops only ever mean more that is lost.

use std::collections::BTreeMap;

use super::Unacceptable;
use crate::causal::Node;
use crate::identity::{DeviceId, OpId};
use crate::judge::Judge;
use crate::op::{Op, SessionId};

/// Of an op outside any session.
const OUTSIDE: u32 = u32::MAX;

/// Where an op stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Its session's number, or `OUTSIDE`.
    session: u32,
    seq: u64,
    /// Whether it lost a fork or had seen an op that did.
    lost: bool,
}

#[derive(Debug, Default)]
struct Session {
    /// At each position the op with the lowest hash among those that follow the op before.
    line: Vec<(OpId, Node)>,
    #[cfg(feature = "document")]
    content: content::Content,
}

/// All sessions of a workspace.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    numbers: BTreeMap<(DeviceId, SessionId), u32>,
    sessions: Vec<Session>,
    /// By node.
    places: Vec<Place>,
    /// The opening with the lowest hash that claims a client id, and its session.
    by_client: BTreeMap<u64, (OpId, u32)>,
    #[cfg(feature = "document")]
    index: crate::gate::Index,
}

impl Sessions {
    /// Rule R24: an op in a session names as `prev` the op of that session at the position before it.
    pub(super) fn check_place(&self, op: &Op, judge: &Judge) -> Result<(), Unacceptable> {
        let Some(prev) = op.prev else { return Ok(()) };
        let node = judge.node(&prev.0).ok_or(Unacceptable::OutOfSession)?;
        let before = self.places[node.index()];
        let session = self.numbers.get(&(op.author, op.session)).copied();
        let follows = session == Some(before.session) && before.seq.checked_add(1) == Some(op.seq);
        if follows { Ok(()) } else { Err(Unacceptable::OutOfSession) }
    }

    /// Records an op that was just taken into the log. The ops before it that are lost from now on, ascending.
    pub(super) fn place(&mut self, op: &Op, node: Node, judge: &Judge) -> Vec<Node> {
        let lost = judge.causal().deps(node).iter().any(|d| self.is_lost(*d));
        let session = if op.session == SessionId::NONE { OUTSIDE } else { self.number(op) };
        self.places.push(Place { session, seq: op.seq, lost });
        if session == OUTSIDE {
            return Vec::new();
        }
        let mut losers = Vec::new();
        losers.extend(self.claim_line(op, node, session));
        if op.seq == 0 {
            losers.extend(self.claim_client(op, node, session));
        }
        let mut newly = Vec::new();
        for loser in losers {
            self.lose(loser, judge, &mut newly);
        }
        newly.retain(|n| *n != node);
        newly.sort_unstable();
        newly
    }

    fn number(&mut self, op: &Op) -> u32 {
        let next = self.sessions.len() as u32;
        let number = *self.numbers.entry((op.author, op.session)).or_insert(next);
        if number == next {
            self.sessions.push(Session::default());
        }
        number
    }

    /// Takes an op's position on its session's line, if it is free or the op has the lower hash; who loses it.
    fn claim_line(&mut self, op: &Op, node: Node, number: u32) -> Option<Node> {
        let session = &mut self.sessions[number as usize];
        let at = usize::try_from(op.seq).ok()?;
        let before = at.checked_sub(1).map(|i| session.line.get(i).map(|(id, _)| *id));
        // A branch that follows a loser is lost with it and takes no position.
        if before.is_some_and(|id| id != op.prev) {
            return None;
        }
        match session.line.get(at).copied() {
            None => {
                session.line.push((op.id, node));
                None
            }
            Some((holder, _)) if holder < op.id => Some(node),
            Some((_, loser)) => {
                session.line.truncate(at);
                session.line.push((op.id, node));
                #[cfg(feature = "document")]
                self.cut_content(op.client(), number, loser);
                Some(loser)
            }
        }
    }

    fn claim_client(&mut self, op: &Op, node: Node, number: u32) -> Option<Node> {
        let client = op.client();
        let Some((holder, theirs)) = self.by_client.get(&client).copied() else {
            self.by_client.insert(client, (op.id, number));
            return None;
        };
        if theirs == number {
            self.by_client.insert(client, (holder.min(op.id), number));
            return None;
        }
        if holder < op.id {
            return Some(node);
        }
        #[cfg(feature = "document")]
        self.cut_content(client, theirs, Node(0));
        self.by_client.insert(client, (op.id, number));
        self.sessions[theirs as usize].line.first().map(|(_, opening)| *opening)
    }

    /// Marks an op and all that had seen it.
    fn lose(&mut self, loser: Node, judge: &Judge, newly: &mut Vec<Node>) {
        if self.is_lost(loser) {
            return;
        }
        for index in loser.index()..self.places.len() {
            let node = Node(index as u32);
            let sees = || judge.causal().deps(node).iter().any(|d| *d >= loser && self.is_lost(*d));
            if !self.places[index].lost && (node == loser || sees()) {
                self.places[index].lost = true;
                newly.push(node);
            }
        }
    }

    /// Whether an op lies on, or had seen, a branch that lost.
    pub(super) fn is_lost(&self, node: Node) -> bool {
        self.places[node.index()].lost
    }
}

#[cfg(feature = "document")]
mod content;
