//! What was done in a workspace, by whom and when, and what it changed.
//!
//! Authors are proven by the signatures of their ops; times are by the clocks of the authors, and prove nothing. A place
//! in the log is a count of ops in the order in which they came in; it means something on this computer alone.
//!
//! Deliberately absent: rewinding. A past state comes back as a new edit.

use std::collections::{BTreeMap, BTreeSet};

use omniscope_protocol::identity::{DeviceId, OpId, WorkspaceId};
use omniscope_protocol::op::{Body, Op};
use omniscope_protocol::replica::read_version;
use serde::Deserialize;
use serde_json::Value;

use super::super::Actor;
use crate::answers::{
    Author, Comparison, DEFAULT_ENTRIES, DiffAuthor, EntryDetails, History, HistoryEntry, MAX_ENTRIES, PAUSE_MS, answer,
};
use crate::api::{ApiError, params, rfc3339};
use crate::doc::Document;
use crate::doc::diff::{Changes, Diff};
use crate::step_history::{Edit, Edits, FoldOrder};
use crate::store::Store;
use crate::workspace::{Workspace, role_name};

/// In one comparison the edits are told apart by author up to this many changes of hand; the rest counts as one.
const MAX_RUNS: usize = 64;

/// A line of the history that is still growing.
struct Line {
    from: usize,
    to: usize,
    kind: &'static str,
    /// Edits by author.
    authors: BTreeMap<DeviceId, usize>,
    first_ms: u64,
    last_ms: u64,
    details: Option<EntryDetails>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    workspace: String,
    limit: Option<usize>,
    /// A step is asked about elsewhere: `step_history`.
    #[serde(rename = "node")]
    _node: Option<()>,
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
                let List { workspace, limit, .. } = params(given)?;
                let id = self.find(&workspace)?;
                self.flush(&id, u64::MAX);
                self.list_history(&id, limit.unwrap_or(DEFAULT_ENTRIES).min(MAX_ENTRIES))
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
                self.restore(&id, state)
            }
            _ => Err(ApiError::new("unknown_method", format!("there is no verb history.{verb}"))),
        }
    }

    /// The edits of a workspace that count, in an order in which they can be folded, and how many ops there are.
    pub(in crate::actor) fn fold_order(&mut self, workspace: &str) -> Result<FoldOrder, ApiError> {
        let id = self.find(workspace)?;
        self.flush(&id, u64::MAX);
        let replica = &self.room(&id)?.space.replica;
        Ok((id, replica.fold_order(), replica.len()))
    }

    /// Some of these edits, and who made them.
    ///
    /// # Errors
    /// `log_damaged` if one of them cannot be read.
    pub(in crate::actor) fn edits(&mut self, id: &WorkspaceId, ops: &[OpId]) -> Result<Edits, ApiError> {
        self.with(id, |space, store, _, _| {
            let updates = space.updates(store, ops)?;
            let replica = &space.replica;
            let edit = |(op, update): (&OpId, Vec<u8>)| {
                let node = replica.judge().node(&op.0)?;
                let (place, time_ms) = (node.index(), replica.time_ms(node));
                Some(Edit { place, author: replica.author_of(op)?, time_ms, update })
            };
            let edits: Vec<Edit> = ops.iter().zip(updates).filter_map(edit).collect();
            let people = edits.iter().map(|edit| (edit.author, space.shown_person(&edit.author))).collect();
            Ok((edits, people))
        })
    }

    fn list_history(&mut self, id: &WorkspaceId, limit: usize) -> Result<Value, ApiError> {
        let room = self.rooms.get(id).ok_or_else(|| ApiError::new("no_such_workspace", "it is gone"))?;
        let (space, total) = (&room.space, room.space.replica.len());
        let names = space.replica.versions().into_iter().map(|version| (version.id, version.name)).collect();
        let mut entries: Vec<Line> = Vec::new();
        for place in (0..total).rev() {
            let Some((op, author, time_ms, edit)) = space.replica.at(place) else { continue };
            let near = |entry: &&mut Line| entry.kind == "edit" && entry.first_ms.abs_diff(time_ms) < PAUSE_MS;
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
            let (kind, details) = if edit { ("edit", None) } else { event(space, &self.store, &op, &names) };
            if kind.is_empty() {
                continue;
            }
            let authors = BTreeMap::from([(author, 1)]);
            let (from, to) = (place, place + 1);
            entries.push(Line { from, to, kind, authors, first_ms: time_ms, last_ms: time_ms, details });
        }
        let entries = entries.into_iter().map(|line| line.entry(space)).collect();
        answer(History { entries, total })
    }
}

impl Line {
    fn entry(self, space: &Workspace) -> HistoryEntry {
        let author = |(device, edits): (DeviceId, usize)| Author { person: space.shown_person(&device), edits };
        HistoryEntry {
            from: self.from,
            to: self.to,
            kind: self.kind,
            authors: self.authors.into_iter().map(author).collect(),
            first: rfc3339(self.first_ms as i64),
            last: rfc3339(self.last_ms as i64),
            details: self.details,
        }
    }
}

/// What an op that is no edit did, in a word and the facts; an empty word for what concerns nobody. `names` are those of
/// versions.
fn event(
    space: &Workspace,
    store: &Store,
    op: &OpId,
    names: &BTreeMap<OpId, String>,
) -> (&'static str, Option<EntryDetails>) {
    let bytes = space.op_bytes(store, std::slice::from_ref(op)).pop();
    let Some(Ok(op)) = bytes.map(|bytes| Op::decode_trusted(&bytes)) else { return ("", None) };
    let subject = |device: &DeviceId| EntryDetails { subject: Some(space.shown_person(device)), ..Default::default() };
    let (kind, details) = match &op.body {
        Body::Genesis { .. } => return ("founded", None),
        Body::RevokeInvite { .. } => return ("revoked", None),
        Body::Leave => return ("left", None),
        Body::Close { .. } => return ("closed", None),
        Body::SetRole { subject: whom, role, .. } => {
            ("role", EntryDetails { role: Some(role_name(*role)), ..subject(whom) })
        }
        Body::Invite(invite) => ("invited", EntryDetails { role: Some(role_name(invite.role)), ..Default::default() }),
        Body::Admit { invite, redemption, .. } => {
            let inviter = space.replica.author_of(invite).map(|author| space.shown_person(&author));
            ("joined", EntryDetails { inviter, ..subject(&redemption.device) })
        }
        Body::AddDevice { redemption, .. } => ("device_added", subject(&redemption.device)),
        Body::RemoveDevice { device, .. } => ("device_removed", subject(device)),
        Body::Version(_) => {
            let text = space.replica.open(&op);
            let Some((name, renames)) = text.as_deref().and_then(read_version) else { return ("", None) };
            let kind = if renames.is_some() { "renamed" } else { "version" };
            let version = renames.unwrap_or(op.id);
            let name = names.get(&op.id).cloned().unwrap_or_else(|| name.to_owned());
            (kind, EntryDetails { version: Some(version.to_string()), name: Some(name), ..Default::default() })
        }
        Body::Open
        | Body::Profile(_)
        | Body::Join
        | Body::Edit { .. }
        | Body::KeyShare(_)
        | Body::Deposit { .. }
        | Body::Checkpoint(_)
        | Body::Newer { .. } => return ("", None),
    };
    (kind, Some(details))
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
    let toucher = |(device, touched): (DeviceId, BTreeSet<String>)| DiffAuthor {
        person: space.shown_person(&device),
        touched: touched.into_iter().collect(),
    };
    answer(Comparison { changes: diff.len(), diff, authors: authors.into_iter().map(toucher).collect() })
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
