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

impl New {
    /// Whether it goes on where a piece that begins at `id` ends, before the same right neighbour.
    fn follows(&self, id: Id, piece: &Piece) -> bool {
        self.id == Id { clock: piece.end, ..id }
            && self.origin == Some(Id { clock: piece.end - 1, ..id })
            && self.right == piece.right
    }
}

/// What an update changes of an order.
#[derive(Debug)]
pub(super) struct Changes(Pieces);

/// An order with what an update adds, while it is read.
pub(super) struct Draft<'a> {
    order: &'a Order,
    changed: Pieces,
    /// How far each client reaches in the past, as far as it was asked.
    seen: BTreeMap<u64, u64>,
    /// By slot, how far each client reaches in what the author of the items placed last must have had.
    had: BTreeMap<u32, BTreeMap<u64, u32>>,
}

impl Order {
    pub(super) fn draft(&self) -> Draft<'_> {
        Draft { order: self, changed: Pieces::new(), seen: BTreeMap::new(), had: BTreeMap::new() }
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
    /// it may not. Costs follow what others put between the neighbours, except for who types on behind what it typed last.
    pub(super) fn place(&mut self, slot: u32, new: New, past: &dyn Past) -> bool {
        let named = new.origin.unwrap_or(HEAD);
        let found = self.piece(slot, named);
        // Its author must have had no more than for the item before it, and there nothing stood between.
        let goes_on = found.is_some_and(|(id, piece)| new.follows(id, &piece));
        let Some(origin) = self.end_piece(slot, named, found) else { return false };
        if !goes_on && !self.stood_beside(slot, origin.1.next, new, past) {
            return false;
        }
        let Some(left) = self.sort_in(slot, origin, new) else { return false };
        self.link(slot, left, new);
        true
    }

    /// Whether the right neighbour stands at `next` or behind it, and before it nothing that the author must have had.
    fn stood_beside(&mut self, slot: u32, next: Option<Id>, new: New, past: &dyn Past) -> bool {
        let mut at = next;
        while at != new.right {
            let Some(id) = at.filter(|id| !self.had(slot, new, *id, past)) else { return false };
            at = self.begun(slot, id).and_then(|piece| piece.next);
        }
        true
    }

    /// The piece that an item is in.
    fn piece(&self, slot: u32, id: Id) -> Option<(Id, Piece)> {
        fn last(pieces: &Pieces, slot: u32, id: Id) -> Option<(Id, Piece)> {
            let (&(of, begin), piece) = pieces.range(..=(slot, id)).next_back()?;
            (of == slot && begin.client == id.client).then_some((begin, *piece))
        }
        let found = match (last(&self.order.pieces, slot, id), last(&self.changed, slot, id)) {
            (Some(known), Some(changed)) if known.0 > changed.0 => known,
            (known, changed) => changed.or(known)?,
        };
        (id.clock < found.1.end).then_some(found)
    }

    /// Cuts the piece that an item was found in behind the item, and gives what ends with it now.
    fn end_piece(&mut self, slot: u32, last: Id, found: Option<(Id, Piece)>) -> Option<(Id, Piece)> {
        let empty = Piece { end: 1, origin: None, right: None, next: None };
        let (id, piece) = found.or_else(|| (last == HEAD).then_some((HEAD, empty)))?;
        let end = last.clock + 1;
        if end == piece.end {
            return Some((id, piece));
        }
        let rest = Id { clock: end, ..id };
        let ended = Piece { end, next: Some(rest), ..piece };
        self.changed.insert((slot, rest), Piece { origin: Some(last), ..piece });
        self.changed.insert((slot, id), ended);
        Some((id, ended))
    }

    /// A piece by its first item.
    fn begun(&self, slot: u32, id: Id) -> Option<&Piece> {
        self.changed.get(&(slot, id)).or_else(|| self.order.pieces.get(&(slot, id)))
    }

    /// Whether the author of an item must have had another one in the same slot.
    fn had(&mut self, slot: u32, new: New, other: Id, past: &dyn Past) -> bool {
        if other.client == new.id.client {
            return true;
        }
        if *self.seen.entry(other.client).or_insert_with(|| past.end(other.client)) <= other.clock.into() {
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

    /// The piece behind which an item comes, by the scan of Yjs 13.6 (`Item.integrate`).
    fn sort_in(&self, slot: u32, origin: (Id, Piece), new: New) -> Option<(Id, Piece)> {
        let mut left = origin;
        let mut scanned: BTreeMap<Id, (u32, usize)> = BTreeMap::new();
        // Those scanned from here on may still come behind the item.
        let mut open = 0;
        let mut at = origin.1.next;
        while at != new.right {
            let id = at?;
            let piece = self.begun(slot, id)?;
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
                (left, open) = ((id, *piece), turn + 1);
            }
            at = piece.next;
        }
        Some(left)
    }

    /// Puts an item behind a piece, or lets the piece go on with it.
    fn link(&mut self, slot: u32, (left, mut piece): (Id, Piece), new: New) {
        let New { id, len, origin, right } = new;
        if new.follows(left, &piece) {
            piece.end += len;
        } else {
            self.changed.insert((slot, id), Piece { end: id.clock + len, origin, right, next: piece.next });
            piece.next = Some(id);
        }
        self.changed.insert((slot, left), piece);
    }
}
