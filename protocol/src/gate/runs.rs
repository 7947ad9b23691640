//! What each clock is: the slot that it was put in, the neighbours that it names, and what stands behind it now.
//!
//! Clocks of one client in a row that were written one behind the other share a run, so that a run of typing costs as much as
//! a keystroke. Deliberately absent: content and deletion, and whether something may stand where it wants to (`order`).

use std::collections::{BTreeMap, BTreeSet};

use super::structs::Id;

/// No shared type was made.
pub(super) const NO_TYPE: u32 = u32::MAX;
/// The head of a slot is called as if this client had written it, at the slot's number. No client has this number.
const HEAD: u64 = u64::MAX;

/// The head of a slot: what stands before everything in it.
pub(super) const fn head(slot: u32) -> Id {
    Id { client: HEAD, clock: slot }
}

/// Clocks of one client in a row, in one slot, each of which names the one before as its left neighbour. It begins where the
/// client's run before it ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) end: u32,
    /// One key of one map, or the characters of one text.
    pub(super) slot: u32,
    /// The shared type made at this clock, or [`NO_TYPE`]; a run that made one has one clock.
    pub(super) made: u32,
    /// The left neighbour that the first one names.
    pub(super) origin: Option<Id>,
    /// The right neighbour that all of them name.
    pub(super) right: Option<Id>,
    /// What stands behind the last one now.
    pub(super) next: Option<Id>,
    /// Which run of the client came before in this slot.
    before: Option<u32>,
}

/// What stands in a slot.
#[derive(Debug, Clone, Default)]
struct Slot {
    first: Option<Id>,
    /// The last run of each client.
    lasts: BTreeMap<u64, u32>,
}

/// Everything that was taken in.
#[derive(Debug, Clone, Default)]
pub(super) struct Runs {
    clients: BTreeMap<u64, Vec<Run>>,
    slots: Vec<Slot>,
    /// What stands behind an item inside a run, where that is not the next one of the run.
    parted: BTreeMap<Id, Id>,
}

/// What an update adds: runs of one client, and what stands now behind items that stood there before or inside these runs.
#[derive(Debug, Default)]
pub(super) struct Added {
    pub(super) runs: Vec<Run>,
    pub(super) nexts: BTreeMap<Id, Option<Id>>,
}

kept!(Run { end, slot, made, origin, right, next, before });
kept!(Slot { first, lasts });
kept!(Runs { clients, slots, parted });

impl Run {
    pub(super) fn new(
        slot: u32,
        made: u32,
        (origin, right): (Option<Id>, Option<Id>),
        end: u32,
        next: Option<Id>,
    ) -> Self {
        Self { end, slot, made, origin, right, next, before: None }
    }

    /// Whether what `client` writes next goes on with this run, its last one, if put in `slot` with these neighbours.
    pub(super) fn goes_on(&self, client: u64, slot: u32, origin: Option<Id>, right: Option<Id>) -> bool {
        self.slot == slot && self.right == right && origin == Some(Id { client, clock: self.end - 1 })
    }

    /// Whether a later run, the next one of the client, goes on with this one.
    pub(super) fn takes(&self, client: u64, later: &Self) -> bool {
        self.made == NO_TYPE && later.made == NO_TYPE && self.goes_on(client, later.slot, later.origin, later.right)
    }
}

/// The run that a clock is in, of runs the first of which begins at `start`; and where that one begins.
pub(super) fn find(runs: &[Run], start: u32, clock: u32) -> Option<(u32, &Run)> {
    let at = runs.partition_point(|run| run.end <= clock);
    Some((at.checked_sub(1).map_or(start, |before| runs[before].end), runs.get(at)?))
}

impl Runs {
    /// How many runs there are.
    pub(super) fn len(&self) -> usize {
        self.clients.values().map(Vec::len).sum()
    }

    /// The run that an item is in, and where it begins.
    pub(super) fn find(&self, id: Id) -> Option<(u32, &Run)> {
        find(self.clients.get(&id.client)?, 0, id.clock)
    }

    pub(super) fn first(&self, slot: u32) -> Option<Id> {
        self.slots.get(slot as usize)?.first
    }

    /// What stands behind an item of a run.
    pub(super) fn next(&self, id: Id, run: &Run) -> Option<Id> {
        let following = Id { clock: id.clock + 1, ..id };
        if following.clock == run.end { run.next } else { Some(self.parted.get(&id).copied().unwrap_or(following)) }
    }

    /// The last item up to which all of a run stand behind each other, from one of them on.
    pub(super) fn last(&self, from: Id, run: &Run) -> Id {
        let end = Id { clock: run.end - 1, ..from };
        self.parted.range(from..end).next().map_or(end, |(id, _)| *id)
    }

    /// What a client wrote in a slot: its runs there that begin from `from` on and at or before `to`, the last one first.
    pub(super) fn written(&self, slot: u32, client: u64, from: u32, to: u32) -> impl Iterator<Item = &Run> {
        let runs = self.clients.get(&client).map(Vec::as_slice).unwrap_or_default();
        let begin = move |at: u32| at.checked_sub(1).map_or(0, |before| runs[before as usize].end);
        let in_slot = |at: &u32| runs[*at as usize].slot == slot;
        let named = u32::try_from(runs.partition_point(|run| run.end <= to)).ok();
        let named = named.filter(|at| (*at as usize) < runs.len()).filter(in_slot);
        let last = || self.slots.get(slot as usize)?.lasts.get(&client).copied();
        let all = std::iter::successors(named.or_else(last), move |at| runs[*at as usize].before);
        all.skip_while(move |at| begin(*at) > to).take_while(move |at| begin(*at) >= from).map(|at| &runs[at as usize])
    }

    /// Takes in what `client` wrote; there are `slots` slots now.
    pub(super) fn take(&mut self, client: u64, mut added: Added, slots: usize) {
        self.slots.resize_with(slots, Slot::default);
        let known = self.clients.entry(client).or_default();
        for mut run in added.runs {
            match known.last_mut() {
                Some(last) if last.takes(client, &run) => {
                    let inner = Id { client, clock: last.end - 1 };
                    added.nexts.entry(inner).or_insert(last.next);
                    (last.end, last.next) = (run.end, run.next);
                }
                _ => {
                    run.before = self.slots[run.slot as usize].lasts.insert(client, known.len() as u32);
                    known.push(run);
                }
            }
        }
        added.nexts.into_iter().for_each(|(id, next)| self.set_next(id, next));
    }

    fn set_next(&mut self, id: Id, next: Option<Id>) {
        if id.client == HEAD {
            self.slots[id.clock as usize].first = next;
            return;
        }
        let Some(runs) = self.clients.get_mut(&id.client) else { return };
        let at = runs.partition_point(|run| run.end <= id.clock);
        let Some(run) = runs.get_mut(at) else { return };
        let following = Id { clock: id.clock + 1, ..id };
        if following.clock == run.end {
            run.next = next;
            return;
        }
        match next.filter(|next| *next != following) {
            Some(next) => self.parted.insert(id, next),
            None => self.parted.remove(&id),
        };
    }

    /// Everything in a slot, in order.
    #[cfg(test)]
    pub(super) fn order(&self, slot: u32) -> Vec<Id> {
        std::iter::successors(self.first(slot), |id| self.next(*id, self.find(*id)?.1)).collect()
    }

    /// Forgets the clocks of a client from `end` on. Costs follow what stands in their slots. What names one of them has to be
    /// forgotten too before anything more is placed.
    pub(super) fn cut(&mut self, client: u64, end: u32) {
        let Some(runs) = self.clients.get(&client) else { return };
        let whole = runs.partition_point(|run| run.end <= end);
        let slots: BTreeSet<u32> = runs[whole..].iter().map(|run| run.slot).collect();
        let closed: Vec<_> = slots.iter().flat_map(|slot| self.closed(*slot, client, end)).collect();
        let Some(runs) = self.clients.get_mut(&client) else { return };
        let begun = whole.checked_sub(1).map_or(0, |before| runs[before].end) < end;
        let kept = whole + usize::from(begun && whole < runs.len());
        for slot in slots {
            let lasts = &mut self.slots[slot as usize].lasts;
            let mut backwards = std::iter::successors(lasts.remove(&client), |at| runs[*at as usize].before);
            let last = backwards.find(|at| (*at as usize) < kept);
            lasts.extend(last.map(|last| (client, last)));
        }
        runs.truncate(kept);
        if let Some(last) = runs.last_mut() {
            last.end = last.end.min(end);
        }
        let inside = Id { client, clock: end.saturating_sub(1) }..=Id { client, clock: u32::MAX };
        let inside: Vec<Id> = self.parted.range(inside).map(|(id, _)| *id).collect();
        for id in inside {
            self.parted.remove(&id);
        }
        closed.into_iter().for_each(|(id, next)| self.set_next(id, next));
    }

    /// The items of a slot behind which something else stands once the clocks of a client from `end` on are gone.
    fn closed(&self, slot: u32, client: u64, end: u32) -> Vec<(Id, Option<Id>)> {
        let gone = |id: &Id| id.client == client && id.clock >= end;
        let behind = |id: Id| {
            let (_, run) = self.find(id)?;
            let last = self.last(id, run);
            Some((last, self.next(last, run)))
        };
        let mut closed = Vec::new();
        let (mut left, mut next) = (head(slot), self.first(slot));
        loop {
            let stood = next;
            while let Some((_, after)) = next.filter(gone).and_then(behind) {
                next = after;
            }
            if gone(&left) {
                closed.push((Id { clock: end - 1, ..left }, next));
            } else if next != stood {
                closed.push((left, next));
            }
            let Some(following) = next.and_then(behind) else { return closed };
            (left, next) = following;
        }
    }
}
