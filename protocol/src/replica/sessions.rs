//! Sessions: who wrote which clocks, forks, groups of edits, and what the gate needs to know of an op's past.
//!
//! A session's ops form a chain by `prev` (Rule R24). Ops that follow the same one, and openings that claim one client
//! id, are rivals: one of them counts, the others, and everything that had seen one of them, are lost (Rule R25). Which
//! one rests on what the judge says of them, so that nobody who was removed can take a place back. All of this is a
//! function of the set of known ops. As long as no verdict about rivals changes, more ops only mean more that is lost;
//! when one does, which rivalry makes rare, everything is settled anew (`review`).

use std::collections::BTreeMap;

use super::Unacceptable;
use crate::causal::Node;
use crate::identity::DeviceId;
use crate::judge::{Changes, Id, Judge, Role};
use crate::op::{Op, SessionId};

/// Of an op outside any session.
const OUTSIDE: u32 = u32::MAX;

/// Where an op stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Its session's number, or `OUTSIDE`.
    session: u32,
    seq: u32,
    /// The op of the session before it; itself where it opens the session.
    prev: Node,
    /// Whether it lost to a rival or had seen an op that did.
    lost: bool,
}

#[derive(Debug, Default)]
struct Session {
    client: u64,
    /// At each position the op that counts among those that follow the op before; empty if the session's opening lost.
    line: Vec<Node>,
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
    /// The opening that counts of those that claim a client id.
    openings: BTreeMap<u64, Node>,
    /// Rivals for each place on a line that more than one op claims, the one that counts first.
    rivals: Vec<Vec<Node>>,
    /// In which list of rivals an op stands.
    rival_of: BTreeMap<Node, u32>,
    #[cfg(feature = "document")]
    index: crate::gate::Index,
}

/// Rule R25: of rivals the one with the lowest rank counts. First whose author could edit there by all that is known, so that
/// what is back-dated stands behind; then what rests under an edit or owner op that counts; then the lower hash.
fn rank(node: Node, judge: &Judge) -> (bool, bool, Id) {
    let could_edit = judge.role_at(&judge.author(node), node) >= Role::Editor;
    (!could_edit, !judge.held(node), *judge.id(node))
}

impl Sessions {
    /// Rule R24: an op in a session names as `prev` the op of that session at the position before it.
    pub(super) fn check_place(&self, op: &Op, judge: &Judge) -> Result<(), Unacceptable> {
        let Some(prev) = op.prev else { return Ok(()) };
        let node = judge.node(&prev.0).ok_or(Unacceptable::OutOfSession)?;
        let before = self.places[node.index()];
        let session = self.numbers.get(&(op.author, op.session)).copied();
        let follows = session == Some(before.session) && u64::from(before.seq) + 1 == op.seq;
        if follows { Ok(()) } else { Err(Unacceptable::OutOfSession) }
    }

    /// Records an op that was just taken into the log. The ops before it that are lost from now on, ascending.
    pub(super) fn place(&mut self, op: &Op, node: Node, judge: &Judge) -> Vec<Node> {
        let lost = judge.causal().deps(node).iter().any(|d| self.is_lost(*d));
        let session = if op.session == SessionId::NONE { OUTSIDE } else { self.number(op) };
        let prev = op.prev.and_then(|id| judge.node(&id.0)).unwrap_or(node);
        // What follows an op of the log stands at a position below the number of ops in it.
        self.places.push(Place { session, seq: op.seq as u32, prev, lost });
        let mut newly = Vec::new();
        if session != OUTSIDE
            && let Some(loser) = self.claim(node, judge)
        {
            self.lose(loser, judge, &mut newly);
        }
        newly.retain(|n| *n != node);
        #[cfg(feature = "document")]
        newly.iter().for_each(|lost| self.cut_content(*lost));
        newly
    }

    fn number(&mut self, op: &Op) -> u32 {
        let next = self.sessions.len() as u32;
        let number = *self.numbers.entry((op.author, op.session)).or_insert(next);
        if number == next {
            self.sessions.push(Session { client: op.client(), ..Session::default() });
        }
        number
    }

    /// Takes the place on a line that an op claims, if it is free or the op outranks who holds it; who loses it.
    ///
    /// `settle` would come to the same, but after it everything is read once more: too much for each of many rivals that
    /// somebody sends so that every one outranks the last.
    fn claim(&mut self, node: Node, judge: &Judge) -> Option<Node> {
        let Place { session: number, seq, prev, .. } = self.places[node.index()];
        let session = &mut self.sessions[number as usize];
        let (at, client) = (seq as usize, session.client);
        let holder = match at.checked_sub(1) {
            None => self.openings.get(&client).copied(),
            // A branch that follows a loser is lost with it and takes no place.
            Some(before) if session.line.get(before) != Some(&prev) => return None,
            Some(_) => session.line.get(at).copied(),
        };
        let outranked = holder.is_some_and(|holder| rank(holder, judge) < rank(node, judge));
        if let Some(holder) = holder {
            self.note_rival(holder, node, outranked);
        }
        if outranked {
            return Some(node);
        }
        if let Some(holder) = holder {
            let theirs = self.places[holder.index()].session;
            self.sessions[theirs as usize].line.truncate(at);
        }
        if at == 0 {
            self.openings.insert(client, node);
        }
        self.sessions[number as usize].line.push(node);
        holder
    }

    fn note_rival(&mut self, holder: Node, node: Node, outranked: bool) {
        let next = self.rivals.len() as u32;
        let at = *self.rival_of.entry(holder).or_insert(next);
        if at == next {
            self.rivals.push(vec![holder]);
        }
        self.rival_of.insert(node, at);
        let rivals = &mut self.rivals[at as usize];
        rivals.push(node);
        if !outranked {
            let last = rivals.len() - 1;
            rivals.swap(0, last);
        }
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

    /// Looks again at rivals of whom the judge may say something else now. If another one counts, all sessions are settled anew,
    /// what they wrote has to be read once more, and the ops that are lost only now are given back, ascending.
    pub(super) fn review(&mut self, changes: &Changes, judge: &Judge) -> Option<Vec<Node>> {
        if self.rivals.is_empty() {
            return None;
        }
        let of = |node: &Node| self.rival_of.get(node).map(|at| &self.rivals[*at as usize]);
        let otherwise = |rivals: &Vec<Node>| rivals.iter().any(|r| rank(*r, judge) < rank(rivals[0], judge));
        let due = if changes.membership_changed {
            self.rivals.iter().any(otherwise)
        } else {
            changes.held_changed.iter().filter_map(of).any(otherwise)
        };
        due.then(|| self.settle(judge))
    }

    /// Settles all sessions from the beginning; the ops that are lost and were not before, ascending.
    fn settle(&mut self, judge: &Judge) -> Vec<Node> {
        self.openings.clear();
        (self.rivals, self.rival_of) = (Vec::new(), BTreeMap::new());
        // By the op before them, and by the first of them.
        let mut first: Vec<Option<Node>> = vec![None; self.places.len()];
        let mut all: BTreeMap<Node, Vec<Node>> = BTreeMap::new();
        for (index, place) in self.places.iter().enumerate().filter(|(_, place)| place.session != OUTSIDE) {
            let node = Node(index as u32);
            let before = match place.seq {
                0 => *self.openings.entry(self.sessions[place.session as usize].client).or_insert(node),
                _ => *first[place.prev.index()].get_or_insert(node),
            };
            if before != node {
                all.entry(before).or_insert_with(|| vec![before]).push(node);
            }
        }
        for mut rivals in all.into_values() {
            rivals.sort_by_cached_key(|node| rank(*node, judge));
            let Place { session, seq, .. } = self.places[rivals[0].index()];
            if seq == 0 {
                self.openings.insert(self.sessions[session as usize].client, rivals[0]);
            }
            let at = self.rivals.len() as u32;
            self.rival_of.extend(rivals.iter().map(|rival| (*rival, at)));
            self.rivals.push(rivals);
        }
        self.sessions.iter_mut().for_each(|session| session.line.clear());
        #[cfg(feature = "document")]
        self.forget_content();
        let mut newly = Vec::new();
        for index in 0..self.places.len() {
            let node = Node(index as u32);
            let Place { session, seq, prev, lost: was } = self.places[index];
            let loses = self.rival_of.get(&node).is_some_and(|at| self.rivals[*at as usize][0] != node);
            let lost = loses || judge.causal().deps(node).iter().any(|d| self.is_lost(*d));
            self.places[index].lost = lost;
            if lost && !was {
                newly.push(node);
            }
            if session != OUTSIDE && !loses {
                let line = &mut self.sessions[session as usize].line;
                if seq == 0 || line.get(seq as usize - 1) == Some(&prev) {
                    line.push(node);
                }
            }
        }
        newly
    }

    /// The sessions by number.
    pub(super) fn names(&self) -> Vec<SessionId> {
        let mut names = vec![SessionId::NONE; self.sessions.len()];
        for ((_, session), number) in &self.numbers {
            names[*number as usize] = *session;
        }
        names
    }

    /// The number of an op's session, beyond all of them for an op outside any, and its position there.
    pub(super) fn place_of(&self, node: Node) -> (u32, u64) {
        let Place { session, seq, .. } = self.places[node.index()];
        (session, seq.into())
    }

    /// Whether an op lies on, or had seen, a branch that lost.
    pub(super) fn is_lost(&self, node: Node) -> bool {
        self.places[node.index()].lost
    }
}

#[cfg(feature = "document")]
mod content;
