//! Bringing the document to a given state as new edits: history is never rewound.
//!
//! Deliberately absent: which state (a named version, looked up by the caller).

use std::collections::BTreeMap;

use serde_json::{Map as JsonMap, Value};
use yrs::{Map, MapRef, Out, TransactionMut};

use super::plan::weight;
use super::value::{Shape, json_to_any, out_to_json, same, shape, write};
use super::{Document, ROOTS, text};

/// About this much changed JSON goes into one transaction.
const TRANSACTION_BYTES: usize = 24 * 1024;

/// One transaction restores at most this many entries.
const MAX_ENTRIES_PER_TRANSACTION: usize = 32;

/// The outcome of a restore. The updates belong together: fold all or none.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Restored {
    pub updates: Vec<Vec<u8>>,
    /// How many values were added, changed or removed; 0 when the document was in the state already.
    pub changes: usize,
}

impl Document {
    /// Makes the document equal to `target` (JSON of the document's shape; a missing root counts as empty) with the
    /// fewest changes: key by key, texts by their changed part.
    pub fn restore(&mut self, target: &Value) -> Restored {
        let empty = JsonMap::new();
        let mut restored = Restored::default();
        for root in ROOTS {
            let wanted = target.get(root).and_then(Value::as_object).unwrap_or(&empty);
            let present = self.root_json(root);
            let present = present.as_object().unwrap_or(&empty);
            let differing: Vec<&String> = keys(present, wanted)
                .into_iter()
                .filter(|(_, (old, new))| match (old, new) {
                    (Some(old), Some(new)) => !same(old, new),
                    _ => true,
                })
                .map(|(key, _)| key)
                .collect();
            let mut rest = differing.as_slice();
            while !rest.is_empty() {
                let (now, later) = rest.split_at(batch_len(rest, wanted));
                rest = later;
                let (update, changes) = self.transact(|roots, txn| {
                    let map = roots.named(root);
                    let mut path = vec![root.to_owned()];
                    now.iter().map(|key| bring(map, txn, &mut path, key, wanted.get(*key))).sum::<usize>()
                });
                restored.changes += changes;
                if !update.is_empty() {
                    restored.updates.push(update);
                }
            }
        }
        restored
    }
}

type Sides<'a> = (Option<&'a Value>, Option<&'a Value>);

fn keys<'a>(
    present: &'a JsonMap<String, Value>,
    wanted: &'a JsonMap<String, Value>,
) -> BTreeMap<&'a String, Sides<'a>> {
    let mut all: BTreeMap<&String, Sides<'a>> = BTreeMap::new();
    for (key, value) in present {
        all.entry(key).or_default().0 = Some(value);
    }
    for (key, value) in wanted {
        all.entry(key).or_default().1 = Some(value);
    }
    all
}

fn batch_len(entries: &[&String], wanted: &JsonMap<String, Value>) -> usize {
    let mut bytes = 0;
    for (count, key) in entries.iter().enumerate() {
        bytes += wanted.get(*key).map_or(32, weight);
        if count > 0 && (bytes > TRANSACTION_BYTES || count >= MAX_ENTRIES_PER_TRANSACTION) {
            return count;
        }
    }
    entries.len()
}

/// Brings one entry to `wanted` and returns the number of changes.
fn bring(map: &MapRef, txn: &mut TransactionMut, path: &mut Vec<String>, key: &str, wanted: Option<&Value>) -> usize {
    let Some(wanted) = wanted else {
        return usize::from(map.remove(txn, key).is_some());
    };
    path.push(key.to_owned());
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    let stored = shape(&names);
    let changes = match (map.get(txn, key), stored, wanted) {
        (Some(Out::YMap(inner)), Shape::Map, Value::Object(entries)) => {
            let present: Vec<String> = inner.keys(txn).map(str::to_owned).collect();
            let gone = present.iter().filter(|name| !entries.contains_key(*name));
            let removed: usize = gone.map(|name| bring(&inner, txn, path, name, None)).sum();
            let mut sorted: Vec<&String> = entries.keys().collect();
            sorted.sort();
            removed + sorted.into_iter().map(|name| bring(&inner, txn, path, name, entries.get(name))).sum::<usize>()
        }
        (Some(Out::YText(shared)), Shape::Text, Value::String(content)) => {
            usize::from(text::replace(&shared, txn, content))
        }
        (Some(out), _, _) if out_to_json(&out, txn).is_some_and(|old| same(&old, wanted)) => 0,
        (_, Shape::Any, _) => {
            map.insert(txn, key, json_to_any(wanted));
            1
        }
        _ => {
            path.pop();
            write(map, txn, path, key, wanted);
            path.push(key.to_owned());
            1
        }
    };
    path.pop();
    changes
}
