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
use super::structs::Id;

/// Stands before everything in its slot; no client has this number.
const HEAD: Id = Id { client: u64::MAX, clock: 0 };

/// Items of one client that follow each other in clock and place, each written behind the one before.
#[derive(Debug, Clone, Copy)]
struct Piece {
    end: u32,
    /// The left neighbour that the first one names.
    origin: Option<Id>,
    /// The right neighbour that all of them name.
    right: Option<Id>,
    /// The first item of the piece that stands behind this one now.
    next: Option<Id>,
}

/// By slot and first item.
type Pieces = BTreeMap<(u32, Id), Piece>;

kept!(Piece { end, origin, right, next });
kept!(Order { pieces });

/// Where everything that was taken in stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Order {
    pieces: Pieces,
}

/// An item, or several of one client in a row, each written behind the one before.
#[derive(Debug, Clone, Copy)]
pub(super) struct New {
    pub(super) id: Id,
    pub(super) len: u32,
    pub(super) origin: Option<Id>,
    pub(super) right: Option<Id>,
}

/// What an update changes of an order.
#[derive(Debug)]
pub(super) struct Changes(Pieces);

/// An order with what an update adds, while it is read.
pub(super) struct Draft<'a> {
    order: &'a Order,
    changed: Pieces,
    /// By slot, how far each client reaches in what the author of the items placed last must have had.
    had: BTreeMap<u32, BTreeMap<u64, u32>>,
}

impl Order {
    pub(super) fn draft(&self) -> Draft<'_> {
        Draft { order: self, changed: Pieces::new(), had: BTreeMap::new() }
    }

    /// Takes in what a draft of this order changed.
    pub(super) fn take(&mut self, changes: Changes) {
        self.pieces.extend(changes.0);
    }

    /// Forgets the items of a client in a slot from the clock `end` on. Costs follow what stands in the slot. What names
    /// one of them has to be forgotten too before anything more is placed.
    pub(super) fn cut(&mut self, slot: u32, client: u64, end: u32) {
        let gone = |id: &Id| id.client == client && id.clock >= end;
        let mut at = Some(HEAD);
        while let Some(id) = at
            && let Some(Piece { mut next, .. }) = self.pieces.get(&(slot, id)).copied()
        {
            while let Some(behind) = next.filter(gone) {
                next = self.pieces.remove(&(slot, behind)).and_then(|piece| piece.next);
            }
            if let Some(piece) = self.pieces.get_mut(&(slot, id)) {
                piece.next = next;
                if id.client == client {
                    piece.end = piece.end.min(end);
                }
            }
            at = next;
        }
    }
}

impl Draft<'_> {
    pub(super) fn changes(self) -> Changes {
        Changes(self.changed)
    }

    /// Puts an item where every document library puts it; whether it may stand there. What it names must stand in the slot, or
    /// it may not.
    pub(super) fn place(&mut self, slot: u32, new: New, past: &dyn Past) -> bool {
        let Some(origin) = self.end_piece(slot, new.origin.unwrap_or(HEAD)) else { return false };
        let Some(between) = self.between(slot, origin, new.right) else { return false };
        if between.iter().any(|(id, _)| self.had(slot, new, *id, past)) {
            return false;
        }
        let left = sort_in(new, &between).unwrap_or(origin);
        self.link(slot, left, new)
    }

    /// The piece that an item is in.
    fn piece(&self, slot: u32, id: Id) -> Option<(Id, Piece)> {
        let range = (slot, Id { clock: 0, ..id })..=(slot, id);
        let known = self.order.pieces.range(range.clone()).next_back();
        let changed = self.changed.range(range).next_back();
        let (key, piece) = match (known, changed) {
            (Some(known), Some(changed)) if known.0 > changed.0 => known,
            (known, changed) => changed.or(known)?,
        };
        (id.clock < piece.end).then_some((key.1, *piece))
    }

    /// Cuts a piece behind an item, so that the item ends it.
    fn end_piece(&mut self, slot: u32, last: Id) -> Option<Id> {
        let found = self.piece(slot, last);
        if last == HEAD && found.is_none() {
            self.changed.insert((slot, HEAD), Piece { end: 1, origin: None, right: None, next: None });
            return Some(HEAD);
        }
        let (id, piece) = found?;
        let end = last.clock + 1;
        if end < piece.end {
            let rest = Id { clock: end, ..id };
            self.changed.insert((slot, rest), Piece { origin: Some(last), ..piece });
            self.changed.insert((slot, id), Piece { end, next: Some(rest), ..piece });
        }
        Some(id)
    }

    /// What stands behind a piece and before `right`; none if `right` does not begin a piece behind it.
    fn between(&self, slot: u32, left: Id, right: Option<Id>) -> Option<Vec<(Id, Piece)>> {
        let mut between = Vec::new();
        let mut at = self.piece(slot, left)?.1.next;
        while at != right {
            let (id, piece) = self.piece(slot, at?)?;
            between.push((id, piece));
            at = piece.next;
        }
        Some(between)
    }

    /// Whether the author of an item must have had another one in the same slot.
    fn had(&mut self, slot: u32, new: New, other: Id, past: &dyn Past) -> bool {
        if other.client == new.id.client {
            return true;
        }
        if past.end(other.client) <= other.clock.into() {
            return false;
        }
        let had = self.had.entry(slot).or_default();
        let own = new.id.clock.checked_sub(1).map(|clock| Id { clock, ..new.id });
        let mut named: Vec<Id> = [own, new.origin, new.right].into_iter().flatten().collect();
        while let Some(id) = named.pop() {
            let reach = had.entry(id.client).or_default();
            if id.clock >= *reach {
                let from = std::mem::replace(reach, id.clock + 1);
                let range = (slot, Id { clock: from, ..id })..=(slot, id);
                let pieces = self.order.pieces.range(range.clone()).chain(self.changed.range(range));
                named.extend(pieces.flat_map(|(_, piece)| [piece.origin, piece.right]).flatten());
            }
        }
        had.get(&other.client).is_some_and(|reach| other.clock < *reach)
    }

    fn link(&mut self, slot: u32, left: Id, new: New) -> bool {
        let Some((left, mut piece)) = self.piece(slot, left) else { return false };
        let last = Id { clock: piece.end - 1, ..left };
        if new.origin == Some(last) && new.right == piece.right && new.id == (Id { clock: piece.end, ..left }) {
            piece.end += new.len;
        } else {
            let New { id, len, origin, right } = new;
            self.changed.insert((slot, id), Piece { end: id.clock + len, origin, right, next: piece.next });
            piece.next = Some(id);
        }
        self.changed.insert((slot, left), piece);
        true
    }
}

/// Behind which of the pieces between its neighbours an item comes; none if it comes before them. The scan of Yjs 13.6
/// (`Item.integrate`).
fn sort_in(new: New, between: &[(Id, Piece)]) -> Option<Id> {
    let mut left = None;
    // Those from here on may still come behind the item.
    let mut open = 0;
    let mut scanned: BTreeMap<Id, usize> = BTreeMap::new();
    for (at, (id, piece)) in between.iter().enumerate() {
        scanned.insert(*id, at);
        let behind = if piece.origin == new.origin {
            if id.client >= new.id.client && piece.right == new.right {
                break;
            }
            id.client < new.id.client
        } else {
            let before = |origin: Id| {
                scanned
                    .range(..=origin)
                    .next_back()
                    .filter(|(id, at)| id.client == origin.client && origin.clock < between[**at].1.end)
            };
            let Some((_, before)) = piece.origin.and_then(before) else { break };
            *before < open
        };
        if behind {
            (left, open) = (Some(*id), at + 1);
        }
    }
    left
}
