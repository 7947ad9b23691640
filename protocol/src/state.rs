//! The state of a document in parts, so that it can be shown before its history has come (Rule R47).
//!
//! A state is what the edits say that make it up, one after the other in an order that is the same for everybody, without
//! the ops around them. What one session said in a row is one update. Whoever has the log makes the very same parts, byte
//! for byte; who has none yet checks them by their hashes, and takes them in through the gate.
//!
//! Deliberately absent: which edits make up a state (`replica`), sealing, and the document library.

use std::collections::BTreeMap;

use crate::codec::{CodecError, Reader, Writer};
use crate::gate::{GateError, Index, MAX_UPDATE_BYTES, Past, Refusal, Update};

/// Bytes of one part before it is sealed, unless a single update is longer.
pub const MAX_PART_BYTES: usize = 256 * 1024;
/// What follows is put into the update before it up to about so many bytes.
const MAX_JOINED_BYTES: usize = 64 * 1024;

/// Cuts a state into parts.
#[derive(Debug, Default)]
pub struct Cutter {
    parts: Vec<Vec<u8>>,
    /// The updates of the part that is being filled.
    updates: Vec<Vec<u8>>,
    bytes: usize,
    /// What the next update may still be put into.
    open: Option<Update>,
}

impl Cutter {
    /// Takes the next update of the state.
    pub fn push(&mut self, update: Update) {
        match &mut self.open {
            Some(open) if follows(open, &update) => open.append(update),
            _ => {
                self.close();
                self.open = Some(update);
            }
        }
    }

    /// The texts of all parts.
    pub fn finish(mut self) -> Vec<Vec<u8>> {
        self.close();
        self.cut();
        self.parts
    }

    fn close(&mut self) {
        let Some(update) = self.open.take().filter(|update| !update.is_empty()) else { return };
        let update = update.encode();
        if self.bytes + update.len() > MAX_PART_BYTES {
            self.cut();
        }
        self.bytes += update.len();
        self.updates.push(update);
    }

    fn cut(&mut self) {
        if self.updates.is_empty() {
            return;
        }
        let mut w = Writer::new();
        w.list(&self.updates, |w, update| {
            w.bytes(update);
        });
        self.parts.push(w.into_bytes());
        self.updates.clear();
        self.bytes = 0;
    }
}

fn follows(before: &Update, next: &Update) -> bool {
    let in_a_row = match (before.client().zip(before.clock_range()), next.client().zip(next.clock_range())) {
        (Some((client, (_, end))), Some((same, (start, _)))) => client == same && end == start,
        _ => true,
    };
    in_a_row && before.encoded_len() + next.encoded_len() <= MAX_JOINED_BYTES
}

/// Why a part is none. Who vouched for it is at fault, for it has the hash that was named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is no list of updates.
    #[error(transparent)]
    Form(#[from] CodecError),
    /// The gate does not read an update in it.
    #[error(transparent)]
    Bytes(#[from] GateError),
    /// An update does not fit what comes before it.
    #[error(transparent)]
    Content(#[from] Refusal),
}

/// Takes in the parts of a state, in order.
#[derive(Debug, Default)]
pub struct Intake {
    index: Index,
    ends: Ends,
}

#[derive(Debug, Default)]
struct Ends(BTreeMap<u64, u64>);

impl Past for Ends {
    fn end(&self, client: u64) -> u64 {
        self.0.get(&client).copied().unwrap_or(0)
    }
}

impl Intake {
    /// The updates of the next part as the gate writes them, each to be folded in after those before it. Linear in the
    /// bytes.
    ///
    /// # Errors
    /// `Unfit`; nothing more of this state is to be taken in then.
    pub fn take(&mut self, text: &[u8]) -> Result<Vec<Vec<u8>>, Unfit> {
        let mut r = Reader::new(text);
        let updates = r.list("updates", text.len(), |r| Ok(r.bytes("update", MAX_UPDATE_BYTES)?.to_vec()))?;
        r.finish()?;
        updates.iter().map(|bytes| self.take_update(bytes)).collect()
    }

    fn take_update(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Unfit> {
        let update = Update::parse(bytes)?;
        let client = update.client().unwrap_or_default();
        let fit = self.index.check(&update, client, self.ends.end(client), &self.ends)?;
        if let Some((_, end)) = update.clock_range() {
            self.ends.0.insert(client, end);
        }
        self.index.insert(fit);
        Ok(update.encode())
    }
}
