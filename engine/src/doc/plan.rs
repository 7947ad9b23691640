//! Writing an import plan into the document, in transactions of bounded size.
//!
//! Deliberately absent: parsing and placing (`pipeline::import` plans the whole import first, so that nothing is ever
//! half-imported). The caller signs the returned updates as one group.

use serde_json::Value;
use yrs::Map;

use super::value::write;
use super::{Document, ROOTS};

/// One transaction holds at most this many entries: yrs needs time quadratic in the structs of a transaction.
const MAX_ENTRIES_PER_TRANSACTION: usize = 32;

/// One transaction holds about this much JSON, so that its update fits one op; a larger single entry stands alone.
const TRANSACTION_BYTES: usize = 24 * 1024;

impl Document {
    /// Inserts every entry of `state` (JSON of the document's shape, roots may be missing) whose key is still free.
    ///
    /// Returns the updates in order. They belong together: fold all or none. Keys that exist are left alone.
    pub fn insert_state(&mut self, state: &Value) -> Vec<Vec<u8>> {
        let mut entries: Vec<(&'static str, &String, &Value)> = Vec::new();
        for root in ROOTS {
            if let Some(Value::Object(map)) = state.get(root) {
                let mut sorted: Vec<(&String, &Value)> = map.iter().collect();
                sorted.sort_by_key(|(key, _)| *key);
                entries.extend(sorted.into_iter().map(|(key, value)| (root, key, value)));
            }
        }
        let mut updates = Vec::new();
        let mut rest = entries.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(batch_len(rest));
            rest = later;
            let update = self.transact_in_pieces(|roots, txn| {
                for (root, key, value) in now {
                    let map = roots.named(root);
                    if !map.contains_key(txn, key) {
                        write(map, txn, &mut vec![(*root).to_owned()], key, value);
                    }
                }
            });
            if !update.is_empty() {
                updates.push(update);
            }
        }
        updates
    }
}

fn batch_len(entries: &[(&'static str, &String, &Value)]) -> usize {
    let mut bytes = 0;
    for (count, (_, key, value)) in entries.iter().enumerate() {
        bytes += key.len() + weight(value);
        if count > 0 && (bytes > TRANSACTION_BYTES || count >= MAX_ENTRIES_PER_TRANSACTION) {
            return count;
        }
    }
    entries.len()
}

/// A cheap estimate of the encoded size of a value.
pub(crate) fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 8,
        Value::Array(items) => items.iter().map(weight).sum::<usize>() + 8,
        Value::Object(entries) => entries.iter().map(|(key, item)| key.len() + 24 + weight(item)).sum::<usize>() + 8,
        _ => 8,
    }
}
