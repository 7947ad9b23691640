//! What was done in a workspace, by whom and when, and what it changed.
//!
//! Authors are proven by the signatures of their ops; times are by the clocks of the authors, and prove nothing. A place
//! in the log is a count of ops in the order in which they came in; it means something on this computer alone.
//!
//! Deliberately absent: rewinding. A past state comes back as a new edit.

mod node;

use std::collections::{BTreeMap, BTreeSet};

use omniscope_protocol::identity::{DeviceId, OpId, WorkspaceId};
use omniscope_protocol::op::{Body, Op};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Actor;
use crate::api::{ApiError, params, rfc3339};
use crate::doc::Document;
use crate::doc::diff::{Changes, Diff};
use crate::store::Store;
use crate::workspace::{Workspace, role_name};

/// Edits with a longer pause between them are told apart.
const PAUSE_MS: u64 = 10 * 60_000;
/// Entries given where no other number is asked for, and at most.
const DEFAULT_ENTRIES: usize = 100;
const MAX_ENTRIES: usize = 1000;
/// In one comparison the edits are told apart by author up to this many changes of hand; the rest counts as one.
const MAX_RUNS: usize = 64;

/// One line of the history.
struct Entry {
    from: usize,
    to: usize,
    kind: &'static str,
    /// Edits by author.
    authors: BTreeMap<DeviceId, usize>,
    first_ms: u64,
    last_ms: u64,
    details: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    workspace: String,
    limit: Option<usize>,
    node: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Span {
    workspace: String,
    from: usize,
    to: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct At {
    workspace: String,
    at: usize,
}

impl Actor {
    pub(super) fn call_history(&mut self, verb: &str, given: Value) -> Result<Value, ApiError> {
        match verb {
            "list" => {
                let List { workspace, limit, node } = params(given)?;
                let id = self.find(&workspace)?;
                self.flush(&id, u64::MAX);
                let limit = limit.unwrap_or(DEFAULT_ENTRIES).min(MAX_ENTRIES);
                let Some(node) = node else { return self.list_history(&id, limit) };
                self.with(&id, |space, store, _, _| {
                    let entries = node::entries(space, store, &node, limit)?;
                    Ok(json!({"entries": entries, "total": space.replica.len()}))
                })
            }
            "diff" => {
                let Span { workspace, from, to } = params(given)?;
                let id = self.find(&workspace)?;
                self.flush(&id, u64::MAX);
                let len = self.room(&id)?.space.replica.len();
                let to = to.unwrap_or(len).min(len);
                self.with(&id, |space, store, _, _| compare(space, store, from.min(to), to))
            }
            "restore" => {
                let At { workspace, at } = params(given)?;
                let id = self.find(&workspace)?;
                self.flush(&id, u64::MAX);
                let state = self.with(&id, |space, store, _, _| Ok(state_at(space, store, at)?.to_json()))?;
                self.restore(&id, &state)
            }
            _ => Err(ApiError::new("unknown_method", format!("there is no verb history.{verb}"))),
        }
    }

    fn list_history(&mut self, id: &WorkspaceId, limit: usize) -> Result<Value, ApiError> {
        let room = self.rooms.get(id).ok_or_else(|| ApiError::new("no_such_workspace", "it is gone"))?;
        let (space, total) = (&room.space, room.space.replica.len());
        let mut entries: Vec<Entry> = Vec::new();
        for place in (0..total).rev() {
            let Some((op, author, time_ms, edit)) = space.replica.at(place) else { continue };
            let near = |entry: &&mut Entry| entry.kind == "edit" && entry.first_ms.abs_diff(time_ms) < PAUSE_MS;
            if edit && let Some(entry) = entries.last_mut().filter(near) {
                entry.from = place;
                entry.first_ms = entry.first_ms.min(time_ms);
                entry.last_ms = entry.last_ms.max(time_ms);
                *entry.authors.entry(author).or_default() += 1;
                continue;
            }
            if entries.len() == limit {
                break;
            }
            let (kind, details) = if edit { ("edit", Value::Null) } else { event(space, &self.store, &op) };
            if kind.is_empty() {
                continue;
            }
            let authors = BTreeMap::from([(author, 1)]);
            let (from, to) = (place, place + 1);
            entries.push(Entry { from, to, kind, authors, first_ms: time_ms, last_ms: time_ms, details });
        }
        let entries: Vec<Value> = entries.iter().map(|entry| entry_json(space, entry)).collect();
        Ok(json!({"entries": entries, "total": total}))
    }
}

fn entry_json(space: &Workspace, entry: &Entry) -> Value {
    let author = |(device, count): (&DeviceId, &usize)| {
        let mut person = space.person_json(device);
        person["edits"] = json!(count);
        person
    };
    json!({
        "from": entry.from,
        "to": entry.to,
        "kind": entry.kind,
        "authors": entry.authors.iter().map(author).collect::<Vec<_>>(),
        "first": rfc3339(entry.first_ms as i64),
        "last": rfc3339(entry.last_ms as i64),
        "details": entry.details,
    })
}

/// What an op that is no edit did, in a word and the facts; an empty word for what concerns nobody.
fn event(space: &Workspace, store: &Store, op: &OpId) -> (&'static str, Value) {
    let bytes = space.op_bytes(store, std::slice::from_ref(op)).pop();
    let Some(Ok(op)) = bytes.map(|bytes| Op::decode_trusted(&bytes)) else { return ("", Value::Null) };
    let text = space.replica.open(&op);
    match op.body {
        Body::Genesis { .. } => ("founded", Value::Null),
        Body::SetRole { subject, role, .. } => {
            ("role", json!({"subject": space.person_json(&subject), "role": role_name(role)}))
        }
        Body::Invite(invite) => ("invited", json!({"role": role_name(invite.role)})),
        Body::RevokeInvite { .. } => ("revoked", Value::Null),
        Body::Admit { invite, redemption, .. } => {
            let inviter = space.replica.author_of(&invite).map(|author| space.person_json(&author));
            ("joined", json!({"subject": space.person_json(&redemption.device), "inviter": inviter}))
        }
        Body::Leave => ("left", Value::Null),
        Body::AddDevice { redemption, .. } => {
            ("device_added", json!({"subject": space.person_json(&redemption.device)}))
        }
        Body::RemoveDevice { device, .. } => ("device_removed", json!({"subject": space.person_json(&device)})),
        Body::Close { .. } => ("closed", Value::Null),
        Body::Version(_) => {
            let name = text.and_then(|text| String::from_utf8(text).ok());
            ("version", json!({"version": op.id.to_string(), "name": name}))
        }
        Body::Open
        | Body::Profile(_)
        | Body::Join
        | Body::Edit { .. }
        | Body::KeyShare(_)
        | Body::Deposit { .. }
        | Body::Checkpoint(_)
        | Body::Newer { .. } => ("", Value::Null),
    }
}

/// The document as the first `count` ops of the log make it.
fn state_at(space: &Workspace, store: &Store, count: usize) -> Result<Document, ApiError> {
    let mut document = Document::new(1);
    space.fold_into(&mut document, store, &space.replica.fold_order_of(0..count))?;
    Ok(document)
}

/// What changed between two places of the log, and whose hands were in it.
fn compare(space: &mut Workspace, store: &Store, from: usize, to: usize) -> Result<Value, ApiError> {
    let mut document = state_at(space, store, from)?;
    let first = document.to_json();
    let mut before = first.clone();
    let mut authors: BTreeMap<DeviceId, BTreeSet<String>> = BTreeMap::new();
    for (author, ops) in runs(space, from, to) {
        space.fold_into(&mut document, store, &ops)?;
        let after = document.to_json();
        if let Some(author) = author {
            authors.entry(author).or_default().extend(touched(&Diff::between(&before, &after)));
        }
        before = after;
    }
    let diff = Diff::between(&first, &before);
    let by: Vec<Value> = authors
        .iter()
        .map(|(device, touched)| {
            let mut person = space.person_json(device);
            person["touched"] = json!(touched);
            person
        })
        .collect();
    Ok(json!({
        "changes": diff.len(),
        "diff": serde_json::to_value(&diff).unwrap_or_default(),
        "authors": by,
    }))
}

/// The edits between two places, by author as far as hands changed not too often; then as one run of nobody's.
fn runs(space: &Workspace, from: usize, to: usize) -> Vec<(Option<DeviceId>, Vec<OpId>)> {
    let mut runs: Vec<(Option<DeviceId>, Vec<OpId>)> = Vec::new();
    for op in space.replica.fold_order_of(from..to) {
        let author = space.replica.author_of(&op);
        let full = runs.len() == MAX_RUNS;
        match runs.last_mut() {
            Some((last, ops)) if *last == author || full => {
                if *last != author {
                    *last = None;
                }
                ops.push(op);
            }
            _ => runs.push((author, vec![op])),
        }
    }
    runs
}

/// The things that a comparison names, as `root/id`.
fn touched(diff: &Diff) -> Vec<String> {
    let roots: [(&str, &Changes); 6] = [
        ("nodes", &diff.nodes),
        ("edges", &diff.edges),
        ("stickies", &diff.stickies),
        ("groups", &diff.groups),
        ("comments", &diff.comments),
        ("data", &diff.data),
    ];
    let mut touched = Vec::new();
    for (root, changes) in roots {
        let items = changes.added.iter().chain(&changes.removed).map(|item| &item.id);
        touched.extend(items.chain(changes.changed.iter().map(|c| &c.id)).map(|id| format!("{root}/{id}")));
    }
    touched.extend(diff.meta.iter().map(|field| format!("meta/{}", field.field)));
    touched
}
