//! What differs between two states of a document, as plain data for "what changed" views.
//!
//! Deliberately absent: who changed it (the op log knows) and character diffs of texts.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map as JsonMap, Value};

use super::value::same;

/// The differences, by kind of thing; ids in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Diff {
    pub nodes: Changes,
    pub edges: Changes,
    pub stickies: Changes,
    pub groups: Changes,
    pub comments: Changes,
    pub data: Changes,
    /// Changed fields of the workspace's `meta`.
    pub meta: Vec<FieldChange>,
    /// Changed fields of the foreign data kept with the workspace.
    pub extra: Vec<FieldChange>,
}

/// Things of one kind that came, went or changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Changes {
    pub added: Vec<Item>,
    pub removed: Vec<Item>,
    pub changed: Vec<Changed>,
}

/// One thing and a name for people: a label, the ends of an edge, the first line of a sticky note.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Item {
    pub id: String,
    pub title: String,
}

/// One thing whose fields differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Changed {
    pub id: String,
    pub title: String,
    pub fields: Vec<FieldChange>,
}

/// One field, e.g. `label`, `notes` or `params.threads`; a side where the field is missing is absent.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct FieldChange {
    pub field: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "types", ts(optional, type = "unknown"))]
    pub before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "types", ts(optional, type = "unknown"))]
    pub after: Option<Value>,
}

impl Diff {
    /// Compares two documents as [`super::Document::to_json`] gives them; missing roots count as empty.
    pub fn between(before: &Value, after: &Value) -> Diff {
        let changes = |root: &str| compare(before, after, root);
        Diff {
            nodes: changes("nodes"),
            edges: changes("edges"),
            stickies: changes("stickies"),
            groups: changes("groups"),
            comments: changes("comments"),
            data: changes("data"),
            meta: fields("", before.get("meta"), after.get("meta"), 1),
            extra: fields("", before.get("extra"), after.get("extra"), 1),
        }
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of differences: things added and removed, and changed fields.
    pub fn len(&self) -> usize {
        let kinds = [&self.nodes, &self.edges, &self.stickies, &self.groups, &self.comments, &self.data];
        let in_kind = |kind: &Changes| {
            kind.added.len() + kind.removed.len() + kind.changed.iter().map(|item| item.fields.len()).sum::<usize>()
        };
        kinds.into_iter().map(in_kind).sum::<usize>() + self.meta.len() + self.extra.len()
    }
}

fn compare(before: &Value, after: &Value, root: &str) -> Changes {
    let empty = JsonMap::new();
    let old = before.get(root).and_then(Value::as_object).unwrap_or(&empty);
    let new = after.get(root).and_then(Value::as_object).unwrap_or(&empty);
    let ids: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut changes = Changes::default();
    for id in ids {
        match (old.get(id), new.get(id)) {
            (None, Some(value)) => changes.added.push(item(root, id, value, after)),
            (Some(value), None) => changes.removed.push(item(root, id, value, before)),
            (Some(a), Some(b)) if !same(a, b) => {
                let Item { id, title } = item(root, id, b, after);
                changes.changed.push(Changed { id, title, fields: fields("", Some(a), Some(b), 2) });
            }
            _ => {}
        }
    }
    changes
}

/// Lists differing fields; maps are entered to `depth` levels and their fields named with dots.
fn fields(prefix: &str, before: Option<&Value>, after: Option<&Value>, depth: usize) -> Vec<FieldChange> {
    let empty = JsonMap::new();
    let old = before.and_then(Value::as_object);
    let new = after.and_then(Value::as_object);
    if depth == 0 || (old.is_none() && new.is_none()) {
        let equal = match (before, after) {
            (Some(a), Some(b)) => same(a, b),
            (None, None) => true,
            _ => false,
        };
        return if equal {
            Vec::new()
        } else {
            vec![FieldChange { field: prefix.to_owned(), before: before.cloned(), after: after.cloned() }]
        };
    }
    // A map against another kind of value, or an empty map against nothing: one change of the whole.
    let both = before.is_some() && after.is_some();
    if old.is_some() != new.is_some() && (both || old.or(new).is_some_and(JsonMap::is_empty)) {
        return vec![FieldChange { field: prefix.to_owned(), before: before.cloned(), after: after.cloned() }];
    }
    let (old, new) = (old.unwrap_or(&empty), new.unwrap_or(&empty));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut found = Vec::new();
    for name in names {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        found.extend(fields(&path, old.get(name), new.get(name), depth - 1));
    }
    found
}

fn item(root: &str, id: &str, value: &Value, state: &Value) -> Item {
    let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let node_title = |node: &str| {
        let value = state.get("nodes").and_then(|nodes| nodes.get(node));
        value.map(|value| text(value, "label")).filter(|label| !label.is_empty()).unwrap_or_else(|| node.to_owned())
    };
    let title = match root {
        "nodes" | "groups" => text(value, "label"),
        "edges" => format!("{} → {}", node_title(&text(value, "source")), node_title(&text(value, "target"))),
        "stickies" | "comments" => text(value, "text").lines().next().unwrap_or_default().to_owned(),
        _ => text(value, "name"),
    };
    let title = if title.is_empty() { id.to_owned() } else { title };
    Item { id: id.to_owned(), title }
}
