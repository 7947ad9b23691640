//! A document's JSON back out: canonical JSON, or a Galaxy workflow.
//!
//! For Galaxy, what still reads as it did at import goes back as it was, digit by digit; edits are patched into it:
//! labels, positions, annotations (our notes), simple parameters, connections, steps, notes and frames. The header
//! (name, annotation, tags, report …) is the imported one. Deliberately absent: checks whether Galaxy knows a tool.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::galaxy::{FROM, HEADER, STEP, entries, id_text, kept, read_comment, read_step};
use super::json_text::Json;
use super::normalize::normalize;
use super::{Edge, Normalized, pair};
use crate::doc::canonical::to_canonical;

/// The document as canonical JSON.
pub fn to_json_text(state: &Value) -> String {
    to_canonical(state)
}

/// The document as a Galaxy workflow. Loose and doubled edges are left out.
pub fn to_galaxy(state: &Value) -> String {
    let Normalized { pipeline, .. } = normalize(state);
    let headers = headers(state);
    let plan = Numbering::new(state, &headers);
    let mut arriving: BTreeMap<&str, Vec<&Edge>> = BTreeMap::new();
    for edge in pipeline.edges.values() {
        arriving.entry(&edge.target).or_default().push(edge);
    }
    let steps = plan.order.iter().map(|node| {
        let edges = arriving.remove(node.as_str()).unwrap_or_default();
        (plan.keys[node].clone(), step(state, node, edges, &plan))
    });
    let steps = Json::Object(steps.collect());
    let comments = comments(state, &headers, &plan);
    let mut workflow = match headers.first() {
        Some(header) => header.json.clone(),
        None => new_header(state),
    };
    workflow.set("steps", steps);
    if workflow.get("comments").is_some_and(|value| matches!(value, Json::Array(_))) || !comments.is_empty() {
        workflow.set("comments", Json::Array(comments));
    }
    workflow.to_pretty()
}

struct Header {
    tag: String,
    json: Json,
}

fn headers(state: &Value) -> Vec<Header> {
    let Some(extra) = state.get("extra").and_then(Value::as_object) else { return Vec::new() };
    let mut found = Vec::new();
    for key in extra.keys().filter(|key| key.starts_with(HEADER) && !key.contains('.')) {
        let text = state.get("extra").and_then(|extra| kept(extra, key));
        let json = text.and_then(|text| Json::parse(&text).ok()).filter(|json| matches!(json, Json::Object(_)));
        if let Some(json) = json {
            found.push(Header { tag: key[HEADER.len()..].to_owned(), json });
        }
    }
    // The workflow that most steps came from lends its header.
    found.sort_by_cached_key(|header| {
        let steps = header.json.get("steps").map_or(0, |steps| entries(steps).len());
        (std::cmp::Reverse(steps), header.tag.clone())
    });
    found
}

fn new_header(state: &Value) -> Json {
    let meta = |key: &str| state.pointer(&format!("/meta/{key}")).cloned();
    let mut header = json!({
        "a_galaxy_workflow": "true", "annotation": meta("description").unwrap_or_else(|| json!("")),
        "format-version": "0.1", "name": meta("name").unwrap_or_else(|| json!("")), "steps": {}, "tags": [], "version": 1,
    });
    if let Some(license) = meta("license") {
        header["license"] = license;
    }
    Json::from_value(&header)
}

/// Which node becomes which step.
struct Numbering {
    /// Nodes in the order of the file.
    order: Vec<String>,
    /// The key, and with it the id, of each node's step.
    keys: BTreeMap<String, String>,
    /// The node that came from a step, by import's tag and the step's id.
    origin: BTreeMap<(String, String), String>,
    /// Every step that was in the imported files, by tag and id, still there or not.
    known: BTreeSet<(String, String)>,
    /// The kept JSON of each imported node.
    raw: BTreeMap<String, (String, Json)>,
}

impl Numbering {
    fn new(state: &Value, headers: &[Header]) -> Numbering {
        let mut plan = Numbering {
            order: Vec::new(),
            keys: BTreeMap::new(),
            origin: BTreeMap::new(),
            known: BTreeSet::new(),
            raw: BTreeMap::new(),
        };
        let nodes = state.get("nodes").and_then(Value::as_object);
        let mut by_key: BTreeMap<(String, String), String> = BTreeMap::new();
        for (id, node) in nodes.into_iter().flatten() {
            let from = node.get("extra").and_then(|extra| extra.get(FROM)).and_then(Value::as_array);
            let raw = node.get("extra").and_then(|extra| kept(extra, STEP)).and_then(|text| Json::parse(&text).ok());
            let (Some([tag, key]), Some(raw)) = (from.map(Vec::as_slice), raw) else { continue };
            let (Some(tag), Some(key)) = (tag.as_str(), key.as_str()) else { continue };
            let step_id = id_text(raw.get("id")).unwrap_or(key).to_owned();
            by_key.entry((tag.to_owned(), key.to_owned())).or_insert_with(|| id.clone());
            plan.origin.entry((tag.to_owned(), step_id)).or_insert_with(|| id.clone());
            plan.raw.insert(id.clone(), (tag.to_owned(), raw));
        }
        let mut used = BTreeSet::new();
        for header in headers {
            for key in header.json.get("steps").map(entries).unwrap_or_default() {
                let Some(key) = key.as_str() else { continue };
                plan.known.insert((header.tag.clone(), key.to_owned()));
                let Some(node) = by_key.get(&(header.tag.clone(), key.to_owned())) else { continue };
                plan.order.push(node.clone());
                if used.insert(key.to_owned()) {
                    plan.keys.insert(node.clone(), key.to_owned());
                }
            }
        }
        for id in nodes.into_iter().flatten().map(|(id, _)| id) {
            if !plan.order.contains(id) {
                plan.order.push(id.clone());
            }
        }
        let mut next =
            used.iter().filter_map(|key| key.parse::<u64>().ok()).max().map_or(0, |key| key.saturating_add(1));
        for id in &plan.order {
            plan.keys.entry(id.clone()).or_insert_with(|| {
                next += 1;
                (next - 1).to_string()
            });
        }
        plan
    }

    /// The id of a node's step as it stands in connections: its own digits when it kept its key.
    fn id(&self, node: &str) -> Json {
        let key = &self.keys[node];
        match self.raw.get(node).and_then(|(_, raw)| raw.get("id")) {
            Some(id) if id_text(Some(id)) == Some(key) => id.clone(),
            _ if key.parse::<u64>().is_ok() => Json::Number(key.clone()),
            _ => Json::String(key.clone()),
        }
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn string(text: &str) -> Json {
    Json::String(text.to_owned())
}

fn number(value: f64) -> Json {
    Json::from_value(&json!(value))
}

fn step(state: &Value, id: &str, mut edges: Vec<&Edge>, plan: &Numbering) -> Json {
    let node = &state["nodes"][id];
    edges.sort_by(|a, b| (&a.target_port, &a.order, &a.source).cmp(&(&b.target_port, &b.order, &b.source)));
    let mut step = match plan.raw.get(id) {
        Some((_, raw)) => raw.clone(),
        None => new_step(node),
    };
    let view = read_step(&step);
    if id_text(step.get("id")).unwrap_or(&plan.keys[id]) != plan.keys[id] || step.get("id") == Some(&Json::Null) {
        step.set("id", plan.id(id));
    }
    if text(node, "label") != view.label {
        step.set("label", string(text(node, "label")));
    }
    if text(node, "notes") != view.notes {
        step.set("annotation", string(text(node, "notes")));
    }
    if let (Some(pos), true) = (pair(node.get("pos")), pair(node.get("pos")) != view.pos) {
        let mut position = step.get("position").cloned().unwrap_or_else(|| Json::Object(Vec::new()));
        // A step that had no position keeps none until it is moved from where the import put it.
        if view.pos.is_some() || !plan.raw.contains_key(id) || pos != [0.0, 0.0] {
            position.set("left", number(pos[0]));
            position.set("top", number(pos[1]));
            step.set("position", position);
        }
    }
    patch_params(&mut step, node, &view.params);
    connect(&mut step, id, &edges, plan);
    step
}

fn new_step(node: &Value) -> Json {
    let kind = text(node, "type");
    let input_kind = kind.strip_prefix("galaxy:");
    let mut step = json!({
        "annotation": "", "content_id": null, "errors": null, "id": null, "input_connections": {}, "inputs": [],
        "label": null, "name": input_kind.unwrap_or(kind), "outputs": [], "tool_id": null, "tool_state": "{}",
        "tool_version": null, "type": input_kind.unwrap_or("tool"), "workflow_outputs": [],
    });
    if input_kind.is_none() {
        step["content_id"] = json!(kind);
        step["tool_id"] = json!(kind);
        step["tool_version"] = json!(text(node, "typeVersion"));
    }
    let outputs = node.pointer("/ports/outputs").and_then(Value::as_array).into_iter().flatten();
    let outputs = outputs.filter_map(|port| port.get("name").and_then(Value::as_str));
    step["outputs"] = outputs.map(|name| json!({"name": name, "type": "data"})).collect();
    Json::from_value(&step)
}

/// Writes changed parameters into the step's `tool_state`, a JSON text inside of the JSON.
fn patch_params(step: &mut Json, node: &Value, before: &BTreeMap<String, Value>) {
    let now = node.get("params").and_then(Value::as_object);
    let empty = serde_json::Map::new();
    let now = now.unwrap_or(&empty);
    let changed = |name: &&String| match (before.get(*name), now.get(*name)) {
        (Some(old), Some(new)) => !crate::doc::same_json(old, new),
        _ => true,
    };
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).filter(changed).collect();
    if names.is_empty() {
        return;
    }
    let state = step.get("tool_state").and_then(Json::as_str).and_then(|text| Json::parse(text).ok());
    let mut state = state.filter(|state| matches!(state, Json::Object(_))).unwrap_or_else(|| Json::Object(Vec::new()));
    for name in names {
        let path: Vec<&str> = name.split('|').collect();
        set_path(&mut state, &path, now.get(name).map_or(Json::Null, Json::from_value));
    }
    step.set("tool_state", Json::String(state.to_spaced()));
}

fn set_path(state: &mut Json, path: &[&str], value: Json) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        return state.set(first, value);
    }
    let mut inner = match state.get(first) {
        Some(inner @ Json::Object(_)) => inner.clone(),
        _ => Json::Object(Vec::new()),
    };
    set_path(&mut inner, rest, value);
    state.set(first, inner);
}

/// Brings the step's connections to the given edges, keeping entries that are still meant.
fn connect(step: &mut Json, id: &str, edges: &[&Edge], plan: &Numbering) {
    let tag = plan.raw.get(id).map(|(tag, _)| tag.as_str()).unwrap_or_default();
    let before = match step.get("input_connections") {
        Some(Json::Object(ports)) => ports.clone(),
        _ => Vec::new(),
    };
    let mut wanted: Vec<(&str, Vec<&Edge>)> = Vec::new();
    for (port, _) in &before {
        wanted.push((port, Vec::new()));
    }
    for edge in edges {
        match wanted.iter_mut().find(|(port, _)| *port == edge.target_port) {
            Some((_, list)) => list.push(edge),
            None => wanted.push((&edge.target_port, vec![edge])),
        }
    }
    let mut after = Vec::new();
    for (port, mut list) in wanted {
        let old = before.iter().find(|(name, _)| name == port).map(|(_, connection)| connection);
        let mut kept_entries = Vec::new();
        for entry in old.map(entries).unwrap_or_default() {
            let source = (tag.to_owned(), id_text(entry.get("id")).unwrap_or_default().to_owned());
            let output = entry.get("output_name").and_then(Json::as_str).unwrap_or_default();
            match plan.origin.get(&source) {
                Some(node) => {
                    let at = list.iter().position(|edge| edge.source == *node && edge.source_port == output);
                    if let Some(at) = at {
                        list.remove(at);
                        kept_entries.push(renumbered(entry, plan.id(node)));
                    } else if kept_entries.contains(&renumbered(entry, plan.id(node))) {
                        // The file held this connection twice.
                        kept_entries.push(renumbered(entry, plan.id(node)));
                    }
                }
                // It led nowhere in the file already; a connection from a removed step goes with it.
                None if !plan.known.contains(&source) => kept_entries.push(entry.clone()),
                None => {}
            }
        }
        let unchanged = list.is_empty() && old.is_some_and(|old| entries(old).len() == kept_entries.len());
        kept_entries.extend(list.iter().map(|edge| {
            Json::Object(vec![
                ("id".to_owned(), plan.id(&edge.source)),
                ("output_name".to_owned(), string(&edge.source_port)),
            ])
        }));
        let was_list = matches!(old, Some(Json::Array(_)));
        match (kept_entries.len(), old) {
            (0, Some(old)) if unchanged => after.push((port.to_owned(), old.clone())),
            (0, _) => {}
            (1, _) if !was_list => after.extend(kept_entries.pop().map(|entry| (port.to_owned(), entry))),
            _ => after.push((port.to_owned(), Json::Array(kept_entries))),
        }
    }
    if step.get("input_connections").is_some_and(|value| *value != Json::Null) || !after.is_empty() {
        step.set("input_connections", Json::Object(after));
    }
}

fn renumbered(entry: &Json, id: Json) -> Json {
    let mut entry = entry.clone();
    if id_text(entry.get("id")) != id_text(Some(&id)) {
        entry.set("id", id);
    }
    entry
}

fn comments(state: &Value, headers: &[Header], plan: &Numbering) -> Vec<Json> {
    let mut out = Vec::new();
    let mut seen = BTreeSet::new();
    for header in headers {
        for entry in header.json.get("comments").map(entries).unwrap_or_default() {
            let Some(raw) = entry.get("raw") else { continue };
            let Some(id) = entry.get("id").and_then(Json::as_str) else {
                out.push(raw.clone());
                continue;
            };
            let root = if id.starts_with('g') { "groups" } else { "stickies" };
            if let Some(now) = state.get(root).and_then(|entries| entries.get(id)) {
                seen.insert(id.to_owned());
                out.push(comment(raw, now, id, &header.tag, state, plan));
            }
        }
    }
    let ids = out.iter().filter_map(|comment| comment.get("id").and_then(Json::as_f64));
    let mut next = ids.fold(-1.0, f64::max) + 1.0;
    for (root, kind, field) in [("groups", "frame", "title"), ("stickies", "markdown", "text")] {
        for (id, now) in state.get(root).and_then(Value::as_object).into_iter().flatten() {
            if seen.contains(id) {
                continue;
            }
            let raw = json!({
                "color": "none", "data": {field: ""}, "id": next, "position": [0, 0], "size": [240, 120], "type": kind,
            });
            next += 1.0;
            out.push(comment(&Json::from_value(&raw), now, id, "", state, plan));
        }
    }
    out
}

/// Patches a comment to what its note or group is now.
fn comment(raw: &Json, now: &Value, id: &str, tag: &str, state: &Value, plan: &Numbering) -> Json {
    let mut comment = raw.clone();
    let Some(view) = read_comment(raw) else { return comment };
    for (field, before, after) in
        [("position", view.pos, pair(now.get("pos"))), ("size", view.size, pair(now.get("size")))]
    {
        if let Some(after) = after.filter(|after| *after != before) {
            comment.set(field, Json::Array(after.map(number).to_vec()));
        }
    }
    if text(now, "color") != view.color && !text(now, "color").is_empty() {
        comment.set("color", string(text(now, "color")));
    }
    let (ours, theirs) = if view.frame { ("label", "title") } else { ("text", "text") };
    if text(now, ours) != view.text {
        let mut data = comment.get("data").cloned().unwrap_or_else(|| Json::Object(Vec::new()));
        data.set(theirs, string(text(now, ours)));
        comment.set("data", data);
    }
    if view.frame {
        members(&mut comment, id, tag, state, plan);
    }
    comment
}

/// Brings a frame's steps to the members of its group. A step that another frame claimed first stays in both.
fn members(comment: &mut Json, group: &str, tag: &str, state: &Value, plan: &Numbering) {
    let group_of = |node: &str| state["nodes"][node].get("group").and_then(Value::as_str);
    let before = comment.get("child_steps").map(entries).unwrap_or_default().to_vec();
    let mut after = Vec::new();
    let mut listed = BTreeSet::new();
    for child in &before {
        let child_id = id_text(Some(child)).unwrap_or_default().to_owned();
        match plan.origin.get(&(tag.to_owned(), child_id)) {
            Some(node) if group_of(node).is_some() => {
                listed.insert(node.clone());
                let id = plan.id(node);
                after.push(if id_text(Some(&id)) == id_text(Some(child)) { child.clone() } else { id });
            }
            _ => {}
        }
    }
    let joined = plan.order.iter().filter(|node| group_of(node) == Some(group) && !listed.contains(*node));
    after.extend(joined.map(|node| plan.id(node)));
    if after != before {
        comment.set("child_steps", Json::Array(after));
    }
}
