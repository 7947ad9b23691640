//! A look at a document before its history has come: what it takes in, and what becomes of it once the history tells.
//!
//! While a look lasts, the document is the state that a checkpoint vouches for. Ops are judged as ever, and not folded.
//! When the log holds what the checkpoint had seen, the parts are made from the log and compared; what the log says is
//! the document from then on, whatever was shown.
//!
//! Deliberately absent: whom to ask and whom to believe (`actor::looks`).

use std::collections::BTreeSet;
use std::sync::Arc;

use omniscope_protocol::checkpoint::{Said, document_digest};
use omniscope_protocol::codec::{Reader, Writer};
use omniscope_protocol::gate::Update;
use omniscope_protocol::identity::{KeyId, OpId};
use omniscope_protocol::op::{MAX_OP_BYTES, Sealed};
use omniscope_protocol::state::{Cutter, Intake};

use super::lagging::Lagging;
use super::{Workspace, fold};
use crate::api::ApiError;
use crate::doc::Document;
use crate::store::Store;

/// A state that comes in part by part.
pub(crate) struct Coming {
    said: Said,
    taken: usize,
    intake: Intake,
    document: Document,
}

/// What is shown until the history is there.
pub(super) struct Shown {
    checkpoint: OpId,
    key: KeyId,
    parts: Vec<[u8; 32]>,
}

/// How a look ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// The history says what was shown, and perhaps more.
    Holds,
    /// It says something else.
    Differs,
}

/// What a checkpoint names parts by.
pub(crate) fn hashes(parts: &[Arc<[u8]>]) -> Vec<[u8; 32]> {
    parts.iter().map(|part| *blake3::hash(part).as_bytes()).collect()
}

impl Workspace {
    /// Whether what is shown is not from the log.
    pub(crate) fn is_looked_at(&self) -> bool {
        self.look.is_some()
    }

    /// The checkpoint that what is shown rests on.
    pub(crate) fn looked_at(&self) -> Option<OpId> {
        self.look.as_ref().map(|shown| shown.checkpoint)
    }

    /// The parts of the state that some edits make up, as they travel: sealed under `key`.
    ///
    /// # Errors
    /// `log_damaged` if an edit cannot be read or the key is not known.
    pub(crate) fn state_parts(&self, store: &Store, edits: &[OpId], key: &KeyId) -> Result<Vec<Arc<[u8]>>, ApiError> {
        let unread = || ApiError::new("log_damaged", "an edit cannot be read from this computer's database");
        let mut cutter = Cutter::default();
        for update in self.updates(store, edits)? {
            cutter.push(Update::parse(&update).map_err(|_| unread())?);
        }
        let seal = |text: &Vec<u8>| {
            let mut w = Writer::new();
            self.replica.seal_part(key, text)?.write(&mut w);
            Some(w.into_bytes().into())
        };
        cutter.finish().iter().map(|text| seal(text).ok_or_else(unread)).collect()
    }

    /// Begins to take in the state that a checkpoint vouches for.
    pub(crate) fn expect_state(&self, said: Said) -> Coming {
        Coming { said, taken: 0, intake: Intake::default(), document: Document::new(self.document.client_id()) }
    }

    /// Takes in the next part. False if it is not what the checkpoint vouches for, or does not fit.
    pub(crate) fn take_part(&self, coming: &mut Coming, bytes: &[u8]) -> bool {
        if coming.said.parts.get(coming.taken) != Some(blake3::hash(bytes).as_bytes()) {
            return false;
        }
        coming.taken += 1;
        let mut r = Reader::new(bytes);
        let sealed = Sealed::read(&mut r, MAX_OP_BYTES).ok().filter(|_| r.finish().is_ok());
        let text = sealed.and_then(|sealed| self.replica.open_part(&sealed));
        let Some(Ok(updates)) = text.map(|text| coming.intake.take(&text)) else { return false };
        updates.iter().all(|update| coming.document.apply(update).is_ok())
    }

    /// Shows what came in, in the place of a document that holds nothing yet. False if it is not the document that the
    /// checkpoint speaks of.
    pub(crate) fn show_state(&mut self, checkpoint: OpId, key: KeyId, coming: Coming) -> bool {
        if document_digest(&coming.document.canonical_json()) != coming.said.document {
            return false;
        }
        self.document = Lagging::new(coming.document);
        self.look = Some(Shown { checkpoint, key, parts: coming.said.parts });
        self.stated.meta = None;
        true
    }

    /// Ends a look: the document is what the log says.
    pub(crate) fn settle_look(&mut self, store: &Store) -> Result<Settled, ApiError> {
        let Some(shown) = self.look.take() else { return Ok(Settled::Holds) };
        let before = self.replica.state_before(&shown.checkpoint).unwrap_or_default();
        let parts = self.state_parts(store, &before, &shown.key).unwrap_or_default();
        if hashes(&parts) != shown.parts {
            self.rebuild(store)?;
            return Ok(Settled::Differs);
        }
        let before: BTreeSet<OpId> = before.into_iter().collect();
        let since: Vec<OpId> = self.replica.fold_order().into_iter().filter(|id| !before.contains(id)).collect();
        for update in self.updates(store, &since)? {
            fold(self.document.now(), &update);
        }
        self.stated.meta = None;
        self.recolor();
        Ok(Settled::Holds)
    }
}

impl Coming {
    /// The part that is to come next.
    pub(crate) fn next(&self) -> u32 {
        self.taken as u32
    }

    /// Whether all parts are there.
    pub(crate) fn is_whole(&self) -> bool {
        self.taken == self.said.parts.len()
    }
}

#[cfg(test)]
mod tests;
