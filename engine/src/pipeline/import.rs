//! From a file's text to a plan, and from a plan into a document: planned whole first, so nothing is half-imported.
//!
//! Deliberately absent: files, and signing the edits (the caller issues the returned updates as one group).

pub mod galaxy;
pub mod json;
pub mod seed;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::galaxy::HEADER;
use super::json_text::Json;
use super::{IdSource, ImportError, ImportPlan, fresh_id, pair};
use crate::doc::Document;
use crate::doc::edit::edge_id;

/// Width that a step takes on the canvas, and the free space left beside existing content, in pixels.
const NODE_WIDTH: f64 = 220.0;
const GAP: f64 = 160.0;

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// The edits as v1 updates in order; they belong together: all or none.
    pub updates: Vec<Vec<u8>>,
    pub nodes: usize,
    pub edges: usize,
    pub stickies: usize,
    pub warnings: Vec<String>,
}

/// Reads a file of any known format into one plan per pipeline.
///
/// Known are OmniScope's own JSON, Galaxy workflows (`.ga`) and the sample format of the original OmniScope, which holds
/// several pipelines by key. Bounded by the limits of [`super`].
pub fn plan(content: &str, ids: &mut IdSource<'_>) -> Result<Vec<ImportPlan>, ImportError> {
    let file = Json::parse(content)?;
    let Json::Object(entries) = &file else {
        return Err(ImportError::new("/", "an object: a Galaxy workflow or an OmniScope pipeline", file.kind()));
    };
    if file.get("a_galaxy_workflow").is_some() || (file.get("steps").is_some() && file.get("format-version").is_some())
    {
        return Ok(vec![galaxy::plan(&file, ids)?]);
    }
    if matches!(file.get("nodes"), Some(Json::Object(_))) {
        return Ok(vec![json::plan(&file)?]);
    }
    if file.get("nodes").is_some() || file.get("pipeline_json").is_some() {
        return Ok(vec![seed::plan(None, "", &file, ids)?]);
    }
    if !entries.is_empty() && entries.iter().all(|(_, value)| value.get("pipeline_json").is_some()) {
        let plans = entries.iter().map(|(key, value)| {
            let place = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
            seed::plan(Some(key), &place, value, ids)
        });
        return plans.collect();
    }
    let names: Vec<&str> = entries.iter().take(6).map(|(key, _)| key.as_str()).collect();
    let expected = "\"a_galaxy_workflow\" with \"steps\", \"nodes\", or pipelines by key with \"pipeline_json\"";
    Err(ImportError::new("/", expected, format!("the keys {names:?}")))
}

impl Document {
    /// Inserts a plan. Existing content stays as it is: beside it, steps get fresh ids and a free place to the right.
    pub fn import(&mut self, plan: ImportPlan, ids: &mut IdSource<'_>) -> Imported {
        let plan = place(plan, &self.to_json(), ids);
        Imported {
            nodes: plan.nodes(),
            edges: plan.edges(),
            stickies: plan.stickies(),
            updates: self.insert_state(&plan.state),
            warnings: plan.warnings,
        }
    }
}

/// Makes a plan fit beside the given document: into an empty one it goes as it stands.
pub fn place(mut plan: ImportPlan, existing: &Value, ids: &mut IdSource<'_>) -> ImportPlan {
    let occupied = ["nodes", "edges", "stickies", "groups", "comments", "data"].iter();
    if occupied.clone().all(|root| object(existing, root).is_empty()) && object(existing, "extra").is_empty() {
        return plan;
    }
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for (root, kind) in [("nodes", 'n'), ("stickies", 's'), ("groups", 'g'), ("comments", 'c'), ("data", 'd')] {
        for id in object(&plan.state, root).keys() {
            names.insert(format!("{root}/{id}"), fresh_id(kind, ids));
        }
    }
    for key in object(&plan.state, "extra").keys() {
        let tag = key.strip_prefix(HEADER).filter(|tag| !tag.contains('.'));
        if let Some(tag) = tag.filter(|_| object(existing, "extra").contains_key(key)) {
            names.insert(format!("tag/{tag}"), fresh_id('x', ids));
        }
    }
    rename(&mut plan.state, &names);
    let shift = free_place(existing, &plan.state);
    for root in ["nodes", "stickies", "groups"] {
        for (_, entry) in plan.state.get_mut(root).and_then(Value::as_object_mut).into_iter().flatten() {
            if let Some([x, y]) = pair(entry.get("pos")) {
                entry["pos"] = json!([x + shift[0], y + shift[1]]);
            }
        }
    }
    plan
}

fn object<'a>(state: &'a Value, root: &str) -> &'a Map<String, Value> {
    static EMPTY: std::sync::OnceLock<Map<String, Value>> = std::sync::OnceLock::new();
    state.get(root).and_then(Value::as_object).unwrap_or_else(|| EMPTY.get_or_init(Map::new))
}

/// Gives every thing its new name, and every reference to it.
fn rename(state: &mut Value, names: &BTreeMap<String, String>) {
    let new = |root: &str, id: &str| names.get(&format!("{root}/{id}")).cloned().unwrap_or_else(|| id.to_owned());
    let follow = |entry: &mut Value, field: &str, root: &str| {
        if let Some(id) = entry.get(field).and_then(Value::as_str).map(|id| new(root, id)) {
            entry[field] = Value::String(id);
        }
    };
    for root in ["nodes", "stickies", "groups", "comments", "data"] {
        let Some(entries) = state.get_mut(root).and_then(Value::as_object_mut) else { continue };
        let old = std::mem::take(entries);
        for (id, mut entry) in old {
            follow(&mut entry, "group", "groups");
            if root == "comments" {
                follow(&mut entry, "node", "nodes");
            }
            if let Some(Value::String(tag)) = entry.pointer_mut("/extra/galaxyFrom/0") {
                *tag = new("tag", tag);
            }
            entries.insert(new(root, &id), entry);
        }
    }
    if let Some(edges) = state.get_mut("edges").and_then(Value::as_object_mut) {
        for (_, mut edge) in std::mem::take(edges) {
            follow(&mut edge, "source", "nodes");
            follow(&mut edge, "target", "nodes");
            let end =
                |field: &str, default: &str| edge.get(field).and_then(Value::as_str).unwrap_or(default).to_owned();
            let id =
                edge_id(&end("source", ""), &end("sourcePort", "out"), &end("target", ""), &end("targetPort", "in"));
            edges.insert(id, edge);
        }
    }
    rename_headers(state, &new);
}

/// Workflow headers name the notes and frames that their comments became.
fn rename_headers(state: &mut Value, new: &impl Fn(&str, &str) -> String) {
    let extra = state.get("extra").cloned().unwrap_or_default();
    let Some(entries) = state.get_mut("extra").and_then(Value::as_object_mut) else { return };
    for key in object_keys(&extra) {
        let Some(tag) = key.strip_prefix(HEADER).filter(|tag| !tag.contains('.')) else { continue };
        let header = super::galaxy::kept(&extra, &key).and_then(|text| Json::parse(&text).ok());
        let Some(mut header) = header else { continue };
        if let Json::Object(fields) = &mut header {
            let comments = fields.iter_mut().find(|(name, _)| name == "comments").map(|(_, value)| value);
            if let Some(Json::Array(comments)) = comments {
                for comment in comments {
                    let id = comment.get("id").and_then(Json::as_str).map(|id| new("stickies", &new("groups", id)));
                    if let Some(id) = id {
                        comment.set("id", Json::String(id));
                    }
                }
            }
        }
        entries.retain(|name, _| name != &key && !name.starts_with(&format!("{key}.")));
        super::galaxy::keep(entries, &format!("{HEADER}{}", new("tag", tag)), &header.to_compact());
    }
}

fn object_keys(value: &Value) -> Vec<String> {
    value.as_object().map(|entries| entries.keys().cloned().collect()).unwrap_or_default()
}

/// How far to move new content so that it stands right of the old, tops aligned.
fn free_place(existing: &Value, plan: &Value) -> [f64; 2] {
    match (extent(existing), extent(plan)) {
        (Some((old_min, old_right)), Some((new_min, _))) => {
            [(old_right + GAP - new_min[0]).round(), (old_min[1] - new_min[1]).round()]
        }
        _ => [0.0, 0.0],
    }
}

/// The top left corner and the right edge of everything on the canvas.
fn extent(state: &Value) -> Option<([f64; 2], f64)> {
    let mut found: Option<([f64; 2], f64)> = None;
    for root in ["nodes", "stickies", "groups"] {
        for entry in object(state, root).values() {
            let Some([x, y]) = pair(entry.get("pos")) else { continue };
            let width = pair(entry.get("size")).map_or(NODE_WIDTH, |size| size[0]);
            let (min, right) = found.unwrap_or(([x, y], x + width));
            found = Some(([min[0].min(x), min[1].min(y)], right.max(x + width)));
        }
    }
    found
}
