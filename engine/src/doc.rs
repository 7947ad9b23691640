//! One workspace's yrs document: derived from accepted ops, read as JSON, changed by local edits.
//!
//! Every root is a `Y.Map` (see [`ROOTS`]); offsets are UTF-16, nothing is ever garbage collected, and updates are v1.
//! Deliberately absent: any check of foreign bytes (the gate of `protocol` does that, before [`Document::apply`]),
//! signatures, storage, and the decision which ops count. Deep nesting is bounded by the gate; a caller that applies
//! foreign updates should still run on a thread with an 8 MiB stack.

pub mod canonical;
pub mod diff;
pub mod edit;
pub mod plan;
pub(crate) mod relays;
pub mod restore;
pub mod text;
mod value;

pub(crate) use value::{pieces, same as same_json};

use serde_json::Value;
use thiserror::Error;
use yrs::updates::decoder::Decode;
use yrs::{ClientID, Doc, Map, MapRef, OffsetKind, Options, ReadTxn, StateVector, Transact, TransactionMut, Update};

/// The roots of every document, in the order of their canonical JSON.
pub const ROOTS: [&str; 8] = ["comments", "data", "edges", "extra", "groups", "meta", "nodes", "stickies"];

/// The version of the document's schema, stored as `meta.schemaVersion`.
pub const SCHEMA_VERSION: u32 = 1;

/// Client ids must be exact JavaScript integers.
const MAX_CLIENT_ID: u64 = (1 << 53) - 1;

/// Why an update could not be folded in. Both are broken promises of the caller: the gate checks bytes first, and the
/// replica folds causally closed sets only.
#[derive(Debug, Error)]
pub enum DocError {
    #[error("expected a v1 update that passed the gate: {0}")]
    Malformed(String),
    #[error("the update refers to content that this document does not hold; expected a causally closed set")]
    Pending,
}

/// The document of one workspace under one session's client id.
///
/// An update that [`Document::apply`] refused may have been folded in half; the caller rebuilds the document then.
#[derive(Debug)]
pub struct Document {
    doc: Doc,
    roots: Roots,
}

#[derive(Debug, Clone)]
pub(crate) struct Roots([MapRef; 8]);

impl Roots {
    pub(crate) fn get(&self, name: &str) -> Option<&MapRef> {
        ROOTS.iter().position(|root| *root == name).map(|at| &self.0[at])
    }

    fn named(&self, name: &'static str) -> &MapRef {
        self.get(name).expect("the name stands in ROOTS")
    }

    pub(crate) fn edges(&self) -> &MapRef {
        self.named("edges")
    }

    pub(crate) fn meta(&self) -> &MapRef {
        self.named("meta")
    }

    pub(crate) fn nodes(&self) -> &MapRef {
        self.named("nodes")
    }

    pub(crate) fn stickies(&self) -> &MapRef {
        self.named("stickies")
    }
}

impl Document {
    /// Opens an empty document whose local edits carry `client_id`, which must be below 2^53 (higher bits are cut) and
    /// unused by any other session.
    pub fn new(client_id: u64) -> Self {
        let mut options = Options::with_client_id(ClientID::new(client_id & MAX_CLIENT_ID));
        options.offset_kind = OffsetKind::Utf16;
        options.skip_gc = true;
        options.cleanup_formatting = false;
        let doc = Doc::with_options(options);
        let roots = Roots(ROOTS.map(|name| doc.get_or_insert_map(name)));
        Document { doc, roots }
    }

    /// The client id of this document's local edits.
    pub fn client_id(&self) -> u64 {
        self.doc.client_id().get()
    }

    /// Folds in one update that the gate has re-encoded.
    ///
    /// Content that is already present is skipped. Nothing may be pending afterwards: yrs and Yjs treat pending content
    /// differently, so an update with a hole is an error here.
    pub fn apply(&mut self, update_v1: &[u8]) -> Result<(), DocError> {
        let update = Update::decode_v1(update_v1).map_err(|error| DocError::Malformed(error.to_string()))?;
        let lowest = update.state_vector_lower();
        let mut txn = self.doc.transact_mut();
        // yrs folds in what stands behind a hole and reports nothing missing; Yjs waits for ever. So look beforehand.
        if !lowest.is_empty() {
            let known = txn.state_vector();
            if lowest.iter().any(|(client, clock)| *clock > known.get(client)) {
                return Err(DocError::Pending);
            }
        }
        txn.apply_update(update).map_err(|error| DocError::Malformed(error.to_string()))?;
        if txn.has_missing_updates() { Err(DocError::Pending) } else { Ok(()) }
    }

    /// The whole state as one v1 update, for a window that opens the document.
    pub fn state_update(&self) -> Vec<u8> {
        self.doc.transact().encode_state_as_update_v1(&StateVector::default())
    }

    /// The document as JSON: all eight roots, each an object; texts as strings.
    pub fn to_json(&self) -> Value {
        let txn = self.doc.transact();
        let roots = ROOTS.iter().zip(&self.roots.0);
        Value::Object(roots.map(|(name, map)| ((*name).to_owned(), value::map_to_json(map, &txn))).collect())
    }

    /// One node as JSON; none if there is no such node.
    pub(crate) fn node_json(&self, node: &str) -> Option<Value> {
        let txn = self.doc.transact();
        value::out_to_json(&self.roots.nodes().get(&txn, node)?, &txn)
    }

    /// The document as RFC 8785 canonical JSON: equal bytes on every device that folded the same ops.
    pub fn canonical_json(&self) -> String {
        canonical::to_canonical(&self.to_json())
    }

    /// Runs one transaction and returns its v1 update, empty when nothing changed.
    pub(crate) fn transact<R>(&mut self, change: impl FnOnce(&Roots, &mut TransactionMut) -> R) -> (Vec<u8>, R) {
        let mut txn = self.doc.transact_mut();
        let result = change(&self.roots, &mut txn);
        let update = if has_changes(&txn) {
            txn.commit();
            txn.encode_update_v1()
        } else {
            Vec::new()
        };
        (update, result)
    }

    /// Like [`Document::transact`], but encodes before neighbouring pieces of a long text are merged, so that the gate
    /// and the op codec can split the update between them. Only for changes that delete nothing.
    pub(crate) fn transact_in_pieces(&mut self, change: impl FnOnce(&Roots, &mut TransactionMut)) -> Vec<u8> {
        let mut txn = self.doc.transact_mut();
        change(&self.roots, &mut txn);
        if has_changes(&txn) { txn.encode_update_v1() } else { Vec::new() }
    }
}

fn has_changes(txn: &TransactionMut) -> bool {
    !txn.insert_set().is_empty() || !txn.delete_set().is_empty()
}

#[cfg(test)]
mod tests;
