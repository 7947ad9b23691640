//! `history.list` about one step: who changed it, what and when.
//!
//! The edits that count are folded one after the other and looked at for this step alone. That takes long where the history
//! is long, so it is done on a thread of its own, and the actor is asked for some edits at a time, with others in between.
//!
//! Deliberately absent: the edges at the step, which are things of their own, and edits that do not count.

use std::collections::BTreeMap;

use omniscope_protocol::identity::{DeviceId, OpId, WorkspaceId};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::answers::{
    Author, DEFAULT_ENTRIES, Did, EntryDetails, History, HistoryEntry, MAX_ENTRIES, PAUSE_MS, answer,
};
use crate::api::{ApiError, params, rfc3339};
use crate::doc::Document;
use crate::doc::diff::{Changes, Diff};
use crate::engine::{Engine, STACK_BYTES};
use crate::event::Person;
use crate::workspace::fold;

/// Edits that are asked for at one time: a few milliseconds for the actor.
const CHUNK: usize = 256;
/// Such parts that wait to be folded.
const MAX_PARTS: usize = 2;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    workspace: String,
    limit: Option<usize>,
    node: String,
}

/// An edit that counts.
pub(crate) struct Edit {
    /// Its place in the log.
    pub(crate) place: usize,
    pub(crate) author: DeviceId,
    /// As its author claims.
    pub(crate) time_ms: u64,
    pub(crate) update: Vec<u8>,
}

/// A workspace, the edits of it that count, in an order in which they can be folded, and how many ops there are.
pub(crate) type FoldOrder = (WorkspaceId, Vec<OpId>, usize);

/// Some edits, and who made them.
pub(crate) type Edits = (Vec<Edit>, BTreeMap<DeviceId, Person>);

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

/// The entries about one step, newest first.
///
/// # Errors
/// `no_such_node` if the step was never there; `log_damaged` if the log cannot be read.
pub(crate) async fn list(engine: &Engine, given: Value) -> Result<Value, ApiError> {
    let List { workspace, limit, node } = params(given)?;
    let (id, order, total) = engine.fold_order(workspace).await?;
    let (to_fold, parts) = mpsc::channel(MAX_PARTS);
    let touches = folded_aside(node.clone(), parts)?;
    let mut people = BTreeMap::new();
    for ops in order.chunks(CHUNK) {
        let (edits, authors) = engine.edits(id, ops.to_vec()).await?;
        people.extend(authors);
        // A thread that ended early left no touches, which is told below.
        let _ = to_fold.send(edits).await;
    }
    drop(to_fold);
    let touches = touches.await.map_err(|_| ApiError::new("engine_failed", "the history could not be folded"))?;
    if touches.is_empty() {
        return Err(ApiError::new("no_such_node", format!("the workspace never had a step {node:?}")));
    }
    let limit = limit.unwrap_or(DEFAULT_ENTRIES).min(MAX_ENTRIES);
    let entries = touches.iter().rev().filter_map(|touch| touch.entry(&people, &node)).take(limit).collect();
    answer(History { entries, total })
}

/// Folds edits on a thread of their own until no more come, or nobody waits any more.
fn folded_aside(node: String, mut parts: mpsc::Receiver<Vec<Edit>>) -> Result<oneshot::Receiver<Vec<Touch>>, ApiError> {
    let (done, touches) = oneshot::channel();
    let work = move || {
        let mut document = Document::new(1);
        let (mut touches, mut before) = (Vec::new(), None);
        while let Some(edits) = parts.blocking_recv() {
            for edit in edits {
                fold(&mut document, &edit.update);
                let after = document.node_json(&node);
                if after != before {
                    note(&edit, before, after.clone(), &mut touches);
                    before = after;
                }
            }
        }
        // Nobody waits where the question was given up.
        let _ = done.send(touches);
    };
    let thread = std::thread::Builder::new().name("history".into()).stack_size(STACK_BYTES);
    thread.spawn(work).map_err(|e| ApiError::new("engine_failed", e.to_string()))?;
    Ok(touches)
}

fn note(edit: &Edit, before: Option<Value>, after: Option<Value>, touches: &mut Vec<Touch>) {
    let &Edit { place, author, time_ms, .. } = edit;
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
    fn entry(&self, people: &BTreeMap<DeviceId, Person>, node: &str) -> Option<HistoryEntry> {
        let alone = |value: &Option<Value>| {
            let value = value.iter().map(|value| (node.to_owned(), value.clone()));
            json!({"nodes": value.collect::<serde_json::Map<_, _>>()})
        };
        let Changes { added, removed, changed } = Diff::between(&alone(&self.before), &alone(&self.after)).nodes;
        let did = match (&self.before, &self.after) {
            (None, _) => Did::Added,
            (_, None) => Did::Removed,
            _ => Did::Changed,
        };
        let whole = added.into_iter().chain(removed).map(|item| (item.title, Vec::new()));
        let (title, fields) = changed.into_iter().map(|one| (one.title, one.fields)).chain(whole).next()?;
        let details = EntryDetails {
            node: Some(node.to_owned()),
            did: Some(did),
            title: Some(title),
            fields: Some(fields),
            ..Default::default()
        };
        Some(HistoryEntry {
            from: self.from,
            to: self.to,
            kind: "edit",
            authors: vec![Author { person: people.get(&self.author)?.clone(), edits: self.edits }],
            first: rfc3339(self.first_ms as i64),
            last: rfc3339(self.last_ms as i64),
            details: Some(details),
        })
    }
}
