//! Who changed one step, what and when: the edits that count, folded one after the other, looked at for this step alone.
//!
//! Deliberately absent: the edges at the step, which are things of their own, and edits that do not count.

use omniscope_protocol::identity::{DeviceId, OpId};
use serde_json::{Value, json};

use super::PAUSE_MS;
use crate::api::{ApiError, rfc3339};
use crate::doc::Document;
use crate::doc::diff::Diff;
use crate::store::Store;
use crate::workspace::{Workspace, fold};

/// Edits read from the store at one time.
const CHUNK: usize = 1024;

/// What one author did to the step without a pause and without another author between.
struct Touch {
    author: DeviceId,
    from: usize,
    to: usize,
    edits: usize,
    first_ms: u64,
    last_ms: u64,
    before: Option<Value>,
    after: Option<Value>,
}

/// The entries about one step, newest first, at most `limit`.
///
/// # Errors
/// `no_such_node` if the step was never there; `log_damaged` if the log cannot be read.
pub(super) fn entries(space: &Workspace, store: &Store, node: &str, limit: usize) -> Result<Vec<Value>, ApiError> {
    let mut document = Document::new(1);
    let mut touches: Vec<Touch> = Vec::new();
    let mut before = None;
    for ops in space.replica.fold_order().chunks(CHUNK) {
        for (op, update) in ops.iter().zip(space.updates(store, ops)?) {
            fold(&mut document, &update);
            let after = document.node_json(node);
            if after != before {
                note(space, op, before, after.clone(), &mut touches);
                before = after;
            }
        }
    }
    if touches.is_empty() {
        return Err(ApiError::new("no_such_node", format!("the workspace never had a step {node:?}")));
    }
    Ok(touches.iter().rev().filter_map(|touch| touch.entry(space, node)).take(limit).collect())
}

fn note(space: &Workspace, op: &OpId, before: Option<Value>, after: Option<Value>, touches: &mut Vec<Touch>) {
    let Some(place) = space.replica.judge().node(&op.0) else { return };
    let Some(author) = space.replica.author_of(op) else { return };
    let (time_ms, place) = (space.replica.time_ms(place), place.index());
    let goes_on = |touch: &&mut Touch| {
        let same_presence = touch.before.is_some() && touch.after.is_some() && after.is_some();
        touch.author == author && same_presence && touch.last_ms.abs_diff(time_ms) < PAUSE_MS
    };
    match touches.last_mut().filter(goes_on) {
        Some(touch) => {
            touch.from = touch.from.min(place);
            touch.to = touch.to.max(place + 1);
            touch.edits += 1;
            touch.first_ms = touch.first_ms.min(time_ms);
            touch.last_ms = touch.last_ms.max(time_ms);
            touch.after = after;
        }
        None => touches.push(Touch {
            author,
            from: place,
            to: place + 1,
            edits: 1,
            first_ms: time_ms,
            last_ms: time_ms,
            before,
            after,
        }),
    }
}

impl Touch {
    /// In words of the API; none if in the end nothing differs.
    fn entry(&self, space: &Workspace, node: &str) -> Option<Value> {
        let alone = |value: &Option<Value>| {
            let value = value.iter().map(|value| (node.to_owned(), value.clone()));
            json!({"nodes": value.collect::<serde_json::Map<_, _>>()})
        };
        let changes = Diff::between(&alone(&self.before), &alone(&self.after)).nodes;
        let did = match (&self.before, &self.after) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "changed",
        };
        let of_changed = changes.changed.first();
        let title =
            of_changed.map(|c| &c.title).or(changes.added.iter().chain(&changes.removed).next().map(|i| &i.title));
        let fields = of_changed.map(|c| c.fields.as_slice()).unwrap_or_default();
        let title = title?;
        let mut person = space.person_json(&self.author);
        person["edits"] = json!(self.edits);
        Some(json!({
            "from": self.from,
            "to": self.to,
            "kind": "edit",
            "authors": [person],
            "first": rfc3339(self.first_ms as i64),
            "last": rfc3339(self.last_ms as i64),
            "details": {"node": node, "did": did, "title": title, "fields": fields},
        }))
    }
}
