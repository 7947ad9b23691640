//! The order of what stands in one slot: the characters of a text, or the values that one key of a map had.
//!
//! An item names its left and its right neighbour. Document libraries put it between them and sort it in among what others
//! put there meanwhile (Nicolaescu et al., "Near Real-Time Peer-to-Peer Shared Editing on Extensible Data Types", GROUP
//! 2016, in the form of Yjs 13.6). That leads to one order everywhere only if the neighbours stood beside each other for the
//! author; Yjs itself can write others when it undoes a deletion, and then documents differ for good. So this keeps the
//! order too, and takes an item only if nothing that its author must have had stands between its neighbours: what it names,
//! what those name, and in the same slot all that each of these clients wrote before.
//!
//! Deliberately absent: content, and deletion, which moves nothing.

use std::collections::BTreeMap;

use super::index::Past;
use super::runs::{self, Added, Run, Runs};
use super::structs::Id;

/// An item, or several of one client in a row, each written behind the one before.
#[derive(Debug, Clone, Copy)]
pub(super) struct New {
    pub(super) id: Id,
    pub(super) len: u32,
    pub(super) slot: u32,
    /// The shared type that it makes, or [`runs::NO_TYPE`].
    pub(super) made: u32,
    pub(super) origin: Option<Id>,
    pub(super) right: Option<Id>,
}

/// An order with what an update of one client adds, while it is read.
pub(super) struct Draft<'a> {
    known: &'a Runs,
    client: u64,
    /// The first clock of the update.
    start: u32,
    added: Added,
    /// How far each client reaches in the past, as far as it was asked.
    seen: BTreeMap<u64, u64>,
    /// By slot, how far each client reaches in what the author of the items placed last must have had.
    had: BTreeMap<u32, BTreeMap<u64, u32>>,
    /// The added runs by slot and first clock, and how many of them stand there.
    by_slot: (BTreeMap<(u32, u32), usize>, usize),
}

/// Items that stand behind each other as they were written.
struct Piece {
    end: u32,
    origin: Option<Id>,
    right: Option<Id>,
    /// What stands behind them.
    next: Option<Id>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(known: &'a Runs, client: u64, start: u32) -> Self {
        let (added, seen, had, by_slot) = Default::default();
        Self { known, client, start, added, seen, had, by_slot }
    }

    pub(super) fn added(self) -> Added {
        self.added
    }

    /// The run that an item is in, and where it begins.
    pub(super) fn find(&self, id: Id) -> Option<(u32, &Run)> {
        if self.is_added(id) { runs::find(&self.added.runs, self.start, id.clock) } else { self.known.find(id) }
    }

    /// Puts an item where every document library puts it; whether it may stand there. What it names must stand in the slot, or
    /// it may not. Costs follow what others put between the neighbours, except for who types on behind what it typed last.
    pub(super) fn place(&mut self, new: New, past: &dyn Past) -> bool {
        let (next, goes_on) = match new.origin {
            None => (self.first(new.slot), false),
            Some(id) => {
                let Some((_, run)) = self.find(id).filter(|(_, run)| run.slot == new.slot) else { return false };
                // Its author must have had no more than for the item before it, and there nothing stood between.
                let goes_on = new.id.clock == run.end && run.goes_on(self.client, new.slot, new.origin, new.right);
                (self.next(id, run), goes_on)
            }
        };
        if !goes_on && !self.stood_beside(next, new, past) {
            return false;
        }
        let Some((left, next)) = self.sort_in(next, new) else { return false };
        self.link(left, next, new);
        true
    }

    fn is_added(&self, id: Id) -> bool {
        id.client == self.client && id.clock >= self.start
    }

    fn first(&self, slot: u32) -> Option<Id> {
        let changed = self.added.nexts.get(&runs::head(slot));
        changed.copied().unwrap_or_else(|| self.known.first(slot))
    }

    /// What stands behind an item of a run.
    fn next(&self, id: Id, run: &Run) -> Option<Id> {
        if self.is_added(id) && id.clock + 1 == run.end {
            return run.next;
        }
        self.added.nexts.get(&id).copied().unwrap_or_else(|| self.known.next(id, run))
    }

    /// The piece that begins with an item.
    fn piece(&self, id: Id) -> Option<Piece> {
        let (start, run) = self.find(id)?;
        let origin = if id.clock == start { run.origin } else { Some(Id { clock: id.clock - 1, ..id }) };
        let known = self.known.last(id, run);
        let last = self.added.nexts.range(id..known).next().map_or(known, |(last, _)| *last);
        Some(Piece { end: last.clock + 1, origin, right: run.right, next: self.next(last, run) })
    }

    /// Whether the right neighbour stands at `next` or behind it, and before it nothing that the author must have had.
    fn stood_beside(&mut self, next: Option<Id>, new: New, past: &dyn Past) -> bool {
        let mut at = next;
        while at != new.right {
            let Some(id) = at.filter(|id| !self.had(new, *id, past)) else { return false };
            at = self.piece(id).and_then(|piece| piece.next);
        }
        true
    }

    /// Whether the author of an item must have had another one in the same slot.
    fn had(&mut self, new: New, other: Id, past: &dyn Past) -> bool {
        if other.client == new.id.client {
            return true;
        }
        if *self.seen.entry(other.client).or_insert_with(|| past.end(other.client)) <= other.clock.into() {
            return false;
        }
        self.sort_by_slot();
        let runs = &self.added.runs;
        let had = self.had.entry(new.slot).or_default();
        let own = new.id.clock.checked_sub(1).map(|clock| Id { clock, ..new.id });
        let mut named: Vec<Id> = [own, new.origin, new.right].into_iter().flatten().collect();
        while let Some(id) = named.pop() {
            let reach = had.entry(id.client).or_default();
            if id.clock >= *reach {
                let from = std::mem::replace(reach, id.clock + 1);
                let written = self.known.written(new.slot, id.client, from, id.clock);
                named.extend(written.flat_map(|run| [run.origin, run.right]).flatten());
                if id.client == self.client {
                    let added = self.by_slot.0.range((new.slot, from)..=(new.slot, id.clock));
                    named.extend(added.flat_map(|(_, at)| [runs[*at].origin, runs[*at].right]).flatten());
                }
            }
        }
        had.get(&other.client).is_some_and(|reach| other.clock < *reach)
    }

    fn sort_by_slot(&mut self) {
        let (by_slot, looked_at) = &mut self.by_slot;
        let runs = &self.added.runs;
        for at in *looked_at..runs.len() {
            let begin = at.checked_sub(1).map_or(self.start, |before| runs[before].end);
            by_slot.insert((runs[at].slot, begin), at);
        }
        *looked_at = runs.len();
    }

    /// Behind what an item comes, and what stands behind that, by the scan of Yjs 13.6 (`Item.integrate`).
    fn sort_in(&self, next: Option<Id>, new: New) -> Option<(Id, Option<Id>)> {
        let mut left = (new.origin.unwrap_or(runs::head(new.slot)), next);
        let mut scanned: BTreeMap<Id, (u32, usize)> = BTreeMap::new();
        // Those scanned from here on may still come behind the item.
        let mut open = 0;
        let mut at = next;
        while at != new.right {
            let id = at?;
            let piece = self.piece(id)?;
            let turn = scanned.len();
            scanned.insert(id, (piece.end, turn));
            let before = |item: Id| {
                let (id, (end, turn)) = scanned.range(..=item).next_back()?;
                (id.client == item.client && item.clock < *end).then_some(*turn)
            };
            let behind = if piece.origin == new.origin {
                if id.client >= new.id.client && piece.right == new.right {
                    break;
                }
                id.client < new.id.client
            } else {
                let Some(before) = piece.origin.and_then(before) else { break };
                before < open
            };
            if behind {
                (left, open) = ((Id { clock: piece.end - 1, ..id }, piece.next), turn + 1);
            }
            at = piece.next;
        }
        Some(left)
    }

    /// Puts an item between two that stand behind each other.
    fn link(&mut self, left: Id, next: Option<Id>, new: New) {
        let New { id, len, slot, made, origin, right } = new;
        let (client, start) = (self.client, self.start);
        let Added { runs, nexts } = &mut self.added;
        let run = Run::new(slot, made, (origin, right), id.clock + len, next);
        // Nobody else can have named what this update adds, so what goes on with it stands right behind it.
        if let Some(last) = runs.last_mut().filter(|last| last.takes(client, &run)) {
            debug_assert_eq!(Some(left), origin);
            last.end = run.end;
            return;
        }
        runs.push(run);
        let added = left.client == client && left.clock >= start;
        let at = if added { runs.partition_point(|run| run.end <= left.clock) } else { runs.len() };
        match runs.get_mut(at).filter(|run| run.end == left.clock + 1) {
            Some(run) => run.next = Some(id),
            None => drop(nexts.insert(left, Some(id))),
        }
    }
}
