//! What sessions write: the gate's verdict on each edit, and the groups that edits make up.
//!
//! Deliberately absent: whether an edit counts (`judge`); the document.

use super::{Place, Session, Sessions};
use crate::causal::Node;
use crate::gate::{Fit, GateError, Past, Refusal, Update};
use crate::judge::Judge;
use crate::op::{Op, Part};

/// An edit that passed the gate.
#[derive(Clone, Copy, Debug)]
struct Written {
    node: Node,
    /// The clock after its last struct.
    end: u64,
    /// How far the session's clocks count for those who had seen this edit: up to the last whole group (Rule R28).
    shown: u64,
    part: Part,
}

/// What a session has written so far.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// The edits on the line that passed the gate, in order; clocks ascend.
    written: Vec<Written>,
    /// The first edit on the line that the gate refused; nothing passes after it.
    refused: Option<Node>,
}

kept!(Written { node, end, shown, part });
kept!(Content { written, refused });
kept!(Place { session, seq, prev, lost });
kept!(Session { client, line, content });
kept!(Sessions { numbers, sessions, places, openings, rivals, rival_of, index });

impl Content {
    fn end(&self) -> u64 {
        self.written.last().map_or(0, |w| w.end)
    }

    /// The part that must come next, while a group is open.
    fn open_group(&self) -> Option<Part> {
        let Part { index, count } = self.written.last()?.part;
        (index + 1 < count).then_some(Part { index: index + 1, count })
    }
}

/// Why an edit is inert.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Inert {
    #[error(transparent)]
    Bytes(#[from] GateError),
    #[error(transparent)]
    Content(#[from] Refusal),
    #[error("its key is not known here, or it was sealed for another place")]
    Shut,
    #[error("an earlier edit of the session was refused")]
    Session,
    #[error("the edit is not the next part of the group that its session has begun")]
    Group,
}

/// How far each session reaches in the past of an op, or of an op to be.
struct Seen<'a> {
    sessions: &'a Sessions,
    judge: &'a Judge,
    /// The ops that are named as seen.
    tops: &'a [Node],
}

impl Past for Seen<'_> {
    fn end(&self, client: u64) -> u64 {
        let written = self.sessions.of_client(client).map(|c| c.written.as_slice()).unwrap_or_default();
        let causal = self.judge.causal();
        let seen = |n: Node| self.tops.iter().any(|t| *t == n || causal.saw(*t, n));
        let count = written.partition_point(|w| seen(w.node));
        count.checked_sub(1).map_or(0, |i| written[i].shown)
    }
}

impl Sessions {
    fn of_client(&self, client: u64) -> Option<&Content> {
        let opening = self.openings.get(&client)?;
        Some(&self.sessions[self.places[opening.index()].session as usize].content)
    }

    /// Forgets what the session of a lost op wrote from there on.
    pub(super) fn cut_content(&mut self, lost: Node) {
        let Some(session) = self.sessions.get_mut(self.places[lost.index()].session as usize) else { return };
        let content = &mut session.content;
        content.refused = content.refused.filter(|n| *n < lost);
        if content.written.last().is_some_and(|w| w.node >= lost) {
            content.written.retain(|w| w.node < lost);
            self.index.cut(session.client, content.end());
        }
    }

    /// How many runs of clocks the gate's index holds.
    #[cfg(test)]
    pub(in crate::replica) fn runs(&self) -> usize {
        self.index.runs()
    }

    /// Forgets what everybody wrote and what the gate said of it, to begin again at the first op.
    pub(in crate::replica) fn forget_content(&mut self) {
        self.index = crate::gate::Index::default();
        for session in &mut self.sessions {
            session.content = Content::default();
        }
    }

    /// Judges the update of an op that is in the log and not lost, and takes it into the index if it passes; `bytes` is
    /// none where it cannot be opened. The verdict rests on the update and on the op's past (Rule R27), so it is the
    /// same in every order of arrival, once all can be opened. What passed is given back.
    pub(in crate::replica) fn gate(
        &mut self,
        op: &Op,
        node: Node,
        part: Part,
        bytes: Option<&[u8]>,
        judge: &Judge,
    ) -> Option<Update> {
        let number = self.places[node.index()].session as usize;
        let verdict = self.judge_update(op, node, part, bytes, judge, number);
        let content = &mut self.sessions[number].content;
        let Ok((update, fit)) = verdict else {
            content.refused = content.refused.or(Some(node));
            return None;
        };
        let end = content.end() + update.clock_range().map_or(0, |(start, end)| end - start);
        let before = content.written.last().map_or(0, |w| w.shown);
        let shown = if part.index + 1 == part.count { end } else { before };
        content.written.push(Written { node, end, shown, part });
        self.index.insert(fit);
        Some(update)
    }

    fn judge_update(
        &self,
        op: &Op,
        node: Node,
        part: Part,
        bytes: Option<&[u8]>,
        judge: &Judge,
        number: usize,
    ) -> Result<(Update, Fit), Inert> {
        let bytes = bytes.ok_or(Inert::Shut)?;
        let content = &self.sessions[number].content;
        if content.refused.is_some() {
            return Err(Inert::Session);
        }
        let next = content.open_group();
        if next.is_some_and(|next| next != part) || next.is_none() && part.index > 0 {
            return Err(Inert::Group);
        }
        let update = Update::parse(bytes)?;
        let fit = self.check(&update, op.client(), judge.causal().deps(node), judge)?;
        Ok((update, fit))
    }

    /// Judges an update that `client` would make on top of `tops`.
    pub(in crate::replica) fn check(
        &self,
        update: &Update,
        client: u64,
        tops: &[Node],
        judge: &Judge,
    ) -> Result<Fit, Refusal> {
        let past = Seen { sessions: self, judge, tops };
        let next_clock = self.of_client(client).map_or(0, Content::end);
        self.index.check(update, client, next_clock, &past)
    }

    /// The edits that are folded together with this one, in order; none if it is no edit that passed the gate, or not
    /// the last one of its group (Rule R28).
    pub(in crate::replica) fn group(&self, last: Node) -> impl Iterator<Item = Node> + '_ {
        let session = self.sessions.get(self.places[last.index()].session as usize);
        let written = session.map(|s| s.content.written.as_slice()).unwrap_or_default();
        let at = written.binary_search_by_key(&last, |w| w.node).ok();
        let whole = at.filter(|i| written[*i].part.index + 1 == written[*i].part.count);
        // The gate lets no part through whose predecessors did not pass just before.
        let span = whole.map(|i| i - usize::from(written[i].part.index)..i + 1).unwrap_or_default();
        written[span].iter().map(|w| w.node)
    }

    /// Whether an edit passed the gate.
    pub(in crate::replica) fn passed(&self, node: Node) -> bool {
        let session = self.sessions.get(self.places[node.index()].session as usize);
        session.is_some_and(|s| s.content.written.binary_search_by_key(&node, |w| w.node).is_ok())
    }

    /// The last edit of the group that an edit belongs to, as far as it is known.
    pub(in crate::replica) fn end_of_group(&self, node: Node) -> Option<Node> {
        let session = self.sessions.get(self.places[node.index()].session as usize)?;
        let at = session.content.written.binary_search_by_key(&node, |w| w.node).ok()?;
        let Part { index, count } = session.content.written[at].part;
        session.content.written.get(at + usize::from(count - 1 - index)).map(|w| w.node)
    }
}
