//! The document of one window: registers as node labels, the text as the notes of one node.
//!
//! Deliberately absent: the engine; updates come and go as bytes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};
use yrs::types::{Delta, EntryChange, Event};
use yrs::updates::decoder::Decode;
use yrs::{
    Any, ClientID, DeepObservable, Doc, GetString, Map, MapPrelim, MapRef, OffsetKind, Options, Out, ReadTxn, Text,
    TextPrelim, TextRef, Transact, TransactionMut, Update,
};

/// The node whose notes are the benchmark's text.
const BODY: &str = "body";
/// The origin of changes that came from the engine.
const REMOTE: &str = "engine";

/// What remote changes showed, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shown {
    /// A register has this value.
    Label(String),
    /// This text was inserted.
    Text(String),
}

/// One window's document.
pub(super) struct Page {
    doc: Doc,
    nodes: MapRef,
    body: Option<TextRef>,
    shown: Arc<Mutex<Vec<Shown>>>,
}

impl Page {
    /// A document under a session's client id, filled with the engine's state.
    pub(super) fn new(client: u64, state: &[u8]) -> anyhow::Result<Self> {
        let mut options = Options::with_client_id(ClientID::new(client));
        options.offset_kind = OffsetKind::Utf16;
        options.skip_gc = true;
        let doc = Doc::with_options(options);
        let nodes = doc.get_or_insert_map("nodes");
        let shown = Arc::new(Mutex::new(Vec::new()));
        let mut page = Self { doc, nodes, body: None, shown };
        page.apply(state)?;
        let watcher = Arc::clone(&page.shown);
        page.nodes.observe_deep("watch", move |txn, events| {
            if txn.origin().is_none_or(|o| o.as_ref() != REMOTE.as_bytes()) {
                return;
            }
            let mut shown = watcher.lock().expect("no watcher panics");
            for event in events.iter() {
                note(event, txn, &mut shown);
            }
        });
        Ok(page)
    }

    /// Folds in an update of the engine.
    pub(super) fn apply(&mut self, update: &[u8]) -> anyhow::Result<()> {
        let update = Update::decode_v1(update)?;
        self.doc.transact_mut_with(REMOTE).apply_update(update)?;
        if self.body.is_none() {
            let txn = self.doc.transact();
            self.body = node(&self.nodes, &txn, BODY).and_then(|n| match n.get(&txn, "notes") {
                Some(Out::YText(text)) => Some(text),
                _ => None,
            });
        }
        Ok(())
    }

    /// What remote changes showed since the last call.
    pub(super) fn take_shown(&mut self) -> Vec<Shown> {
        std::mem::take(&mut *self.shown.lock().expect("no watcher panics"))
    }

    fn edit(&mut self, change: impl FnOnce(&Self, &mut TransactionMut)) -> Vec<u8> {
        let mut txn = self.doc.transact_mut();
        change(self, &mut txn);
        txn.commit();
        txn.encode_update_v1()
    }

    /// Makes the node that holds the text.
    pub(super) fn make_body(&mut self) -> Vec<u8> {
        let update = self.edit(|page, txn| {
            let body = page.nodes.insert(txn, BODY, MapPrelim::default());
            body.insert(txn, "type", "note");
            body.insert(txn, "notes", TextPrelim::new(""));
        });
        let txn = self.doc.transact();
        let body = node(&self.nodes, &txn, BODY).and_then(|n| match n.get(&txn, "notes") {
            Some(Out::YText(text)) => Some(text),
            _ => None,
        });
        drop(txn);
        self.body = body;
        update
    }

    /// Sets a register: the label of its node, which is made when it is not there.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Vec<u8> {
        self.edit(|page, txn| {
            let node = node(&page.nodes, txn, key).unwrap_or_else(|| {
                let node = page.nodes.insert(txn, key, MapPrelim::default());
                node.insert(txn, "type", "generic");
                node
            });
            node.insert(txn, "label", value);
        })
    }

    /// Inserts text; nothing before the node with the text is there.
    pub(super) fn insert(&mut self, at: u32, text: &str) -> Vec<u8> {
        self.edit(|page, txn| {
            if let Some(body) = &page.body {
                body.insert(txn, at.min(body.len(txn)), text);
            }
        })
    }

    /// Deletes a range of the text and inserts another, in one transaction.
    pub(super) fn replace(&mut self, at: u32, removed: u32, text: &str) -> Vec<u8> {
        self.edit(|page, txn| {
            let Some(body) = &page.body else { return };
            let at = at.min(body.len(txn));
            let removed = removed.min(body.len(txn) - at);
            if removed > 0 {
                body.remove_range(txn, at, removed);
            }
            if !text.is_empty() {
                body.insert(txn, at, text);
            }
        })
    }

    /// Length of the text in UTF-16 units.
    pub(super) fn text_len(&self) -> u32 {
        let txn = self.doc.transact();
        self.body.as_ref().map_or(0, |b| b.len(&txn))
    }

    /// How many registers there are.
    pub(super) fn node_count(&self) -> u32 {
        self.nodes.len(&self.doc.transact()).saturating_sub(u32::from(self.body.is_some()))
    }

    /// A register's value.
    pub(super) fn get(&self, key: &str) -> Option<String> {
        let txn = self.doc.transact();
        label(&node(&self.nodes, &txn, key)?, &txn)
    }

    /// A digest of text and registers that is equal exactly where these are.
    pub(super) fn hash(&self) -> String {
        let txn = self.doc.transact();
        let mut hasher = Sha256::new();
        hasher.update(self.body.as_ref().map(|b| b.get_string(&txn)).unwrap_or_default());
        let mut entries: Vec<(String, String)> = self
            .nodes
            .iter(&txn)
            .filter_map(|(key, out)| match out {
                Out::YMap(node) if key != BODY => Some((key.to_owned(), label(&node, &txn)?)),
                _ => None,
            })
            .collect();
        entries.sort();
        for (key, value) in entries {
            hasher.update(format!("\n{key}={value}"));
        }
        hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The whole state, for comparison in tests.
    #[cfg(test)]
    fn state(&self) -> Vec<u8> {
        self.doc.transact().encode_state_as_update_v1(&yrs::StateVector::default())
    }
}

fn node<T: ReadTxn>(nodes: &MapRef, txn: &T, key: &str) -> Option<MapRef> {
    match nodes.get(txn, key) {
        Some(Out::YMap(node)) => Some(node),
        _ => None,
    }
}

fn label<T: ReadTxn>(node: &MapRef, txn: &T) -> Option<String> {
    match node.get(txn, "label") {
        Some(Out::Any(Any::String(value))) => Some(value.to_string()),
        _ => None,
    }
}

/// Notes what one event shows: labels of new and changed nodes, inserted text.
fn note(event: &Event, txn: &TransactionMut, shown: &mut Vec<Shown>) {
    match event {
        Event::Map(map) => {
            let changes: BTreeMap<_, _> = map.keys(txn).iter().collect();
            for (key, change) in changes {
                let (EntryChange::Inserted(new) | EntryChange::Updated(_, new)) = change else { continue };
                let value = match new {
                    Out::YMap(node) => label(node, txn),
                    Out::Any(Any::String(value)) if &**key == "label" => Some(value.to_string()),
                    _ => None,
                };
                shown.extend(value.map(Shown::Label));
            }
        }
        Event::Text(text) => {
            for delta in text.delta(txn) {
                if let Delta::Inserted(Out::Any(Any::String(inserted)), _) = delta {
                    shown.push(Shown::Text(inserted.to_string()));
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn two_pages_show_each_other_what_changed() {
        let mut ana = Page::new(1, &[0, 0]).unwrap();
        ana.make_body();
        ana.insert(0, "one two");
        let mut ben = Page::new(2, &ana.state()).unwrap();
        ben.apply(&ana.set("n0", "first")).unwrap();
        ben.apply(&ana.replace(4, 3, "<a.1.2>")).unwrap();
        ben.apply(&ana.set("n0", "second")).unwrap();
        let labels = |page: &mut Page| page.take_shown();
        let expected = [Shown::Label("first".into()), Shown::Text("<a.1.2>".into()), Shown::Label("second".into())];
        assert_eq!(labels(&mut ben), expected);
        assert_eq!((ben.hash(), ben.text_len(), ben.node_count()), (ana.hash(), 11, 1));
        assert_eq!((ben.get("n0").as_deref(), ana.take_shown().len()), (Some("second"), 0));
        ana.set("n0", "third");
        assert_ne!(ana.hash(), ben.hash());
    }
}
