//! The engine's own document, which may lag behind what windows were sent: people look at windows, and only verbs, exports
//! and snapshots at this.
//!
//! Deliberately absent: which updates count, and in which order (`folding`).

use crate::doc::Document;

/// So many updates wait at most.
const MAX_BEHIND: usize = 1024;

/// A document, and what it lacks.
pub(super) struct Lagging {
    document: Document,
    behind: Vec<Vec<u8>>,
}

impl Lagging {
    pub(super) const fn new(document: Document) -> Self {
        Self { document, behind: Vec::new() }
    }

    /// The client id of what is edited in the document itself.
    pub(super) fn client_id(&self) -> u64 {
        self.document.client_id()
    }

    /// Leaves an update that counts for later.
    pub(super) fn put_off(&mut self, update: Vec<u8>) {
        self.behind.push(update);
        if self.behind.len() >= MAX_BEHIND {
            self.now();
        }
    }

    /// The document with all that was put off.
    pub(super) fn now(&mut self) -> &mut Document {
        for update in std::mem::take(&mut self.behind) {
            fold(&mut self.document, &update);
        }
        &mut self.document
    }
}

/// Folds an update that counts into a document.
pub(crate) fn fold(document: &mut Document, update: &[u8]) {
    if let Err(error) = document.apply(update) {
        // The gate and the replica let only what fits through, so this is a defect; the log stays the truth.
        tracing::error!(%error, "an accepted edit does not fit the document");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    #[test]
    fn what_was_put_off_is_there_when_it_is_asked_for_and_not_for_ever_without() {
        let mut source = Document::new(1);
        let mut lagging = Lagging::new(Document::new(2));
        for n in 0..MAX_BEHIND + 10 {
            lagging.put_off(source.set_meta(&Map::from_iter([("name".to_owned(), json!(n))])));
        }
        assert_eq!(lagging.behind.len(), 10);
        assert_eq!(lagging.now().canonical_json(), source.canonical_json());
        assert!(lagging.behind.is_empty());
    }
}
