//! Galaxy workflows (`.ga`): every step, connection and comment, and the rest kept whole.
//!
//! Unknown tools become placeholders under their tool id and version; subworkflows stay inside of their step.
//! Deliberately absent: looking tools up anywhere.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::doc::edit::{edge_id, order_key};
use crate::pipeline::galaxy::{FROM, HEADER, STEP, entries, id_text, keep, read_comment, read_step};
use crate::pipeline::json_text::Json;
use crate::pipeline::{IdSource, ImportError, ImportPlan, MAX_IMPORT_ENTRIES, MAX_IMPORT_NODES, fresh_id};

/// Where steps without a position are put: a grid, in pixels.
const GRID: (usize, f64, f64) = (8, 300.0, 150.0);

struct Step<'a> {
    key: &'a str,
    json: &'a Json,
    node: String,
}

/// Plans the import of one workflow.
pub fn plan(file: &Json, ids: &mut IdSource<'_>) -> Result<ImportPlan, ImportError> {
    let steps = steps(file, ids)?;
    let tag = fresh_id('x', ids);
    let mut warnings = Vec::new();
    let mut nodes = Map::new();
    for (at, step) in steps.iter().enumerate() {
        nodes.insert(step.node.clone(), node(at, step, &tag)?);
    }
    let edges = edges(&steps, &mut nodes, &mut warnings)?;
    let mut state = json!({"nodes": nodes, "edges": edges, "stickies": {}, "groups": {}, "extra": {}, "meta": {}});
    let comments = comments(file, &steps, &mut state, ids, &mut warnings)?;
    let mut header = file.clone();
    header.set("steps", Json::Array(steps.iter().map(|step| Json::String(step.key.to_owned())).collect()));
    if file.get("comments").is_some_and(|value| *value != Json::Null) {
        header.set("comments", Json::Array(comments));
    }
    if let Some(extra) = state.get_mut("extra").and_then(Value::as_object_mut) {
        keep(extra, &format!("{HEADER}{tag}"), &header.to_compact());
    }
    let name = file.get("name").and_then(Json::as_str).unwrap_or_default().to_owned();
    state["meta"] = meta(file, &name);
    Ok(ImportPlan { name, key: None, state, warnings })
}

fn meta(file: &Json, name: &str) -> Value {
    let mut meta = json!({"schemaVersion": crate::doc::SCHEMA_VERSION});
    let text = |key: &str| file.get(key).and_then(Json::as_str).filter(|text| !text.is_empty());
    for (key, value) in [("name", Some(name)), ("description", text("annotation")), ("license", text("license"))] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            meta[key] = json!(value);
        }
    }
    if let Some(creators @ Json::Array(_)) = file.get("creator") {
        meta["creators"] = creators.to_value();
    }
    meta
}

fn steps<'a>(file: &'a Json, ids: &mut IdSource<'_>) -> Result<Vec<Step<'a>>, ImportError> {
    let found = match file.get("steps") {
        Some(Json::Object(steps)) => steps,
        other => {
            let found = other.map_or("nothing", Json::kind);
            return Err(ImportError::new("/steps", "an object of steps by number", found));
        }
    };
    if found.len() > MAX_IMPORT_NODES {
        return Err(ImportError::new("/steps", format!("at most {MAX_IMPORT_NODES} steps"), found.len().to_string()));
    }
    let mut used = BTreeSet::new();
    for (key, json) in found {
        check_step(&format!("/steps/{key}"), json)?;
        if !used.insert(id_text(json.get("id")).unwrap_or(key)) {
            return Err(ImportError::new(format!("/steps/{key}/id"), "an id of its own", "one that another step has"));
        }
    }
    Ok(found.iter().map(|(key, json)| Step { key, json, node: fresh_id('n', ids) }).collect())
}

/// Refuses fields of a wrong type before anything is read from them.
fn check_step(place: &str, step: &Json) -> Result<(), ImportError> {
    let wrong = |field: &str, expected: &str, found: &Json| {
        Err(ImportError::new(format!("{place}{field}"), expected, found.kind()))
    };
    if !matches!(step, Json::Object(_)) {
        return wrong("", "an object: one step", step);
    }
    match step.get("type") {
        Some(Json::String(_)) => {}
        other => return wrong("/type", "a string such as \"tool\"", other.unwrap_or(&Json::Null)),
    }
    for field in ["label", "name", "annotation", "tool_id", "tool_version", "tool_state"] {
        match step.get(field) {
            None | Some(Json::Null | Json::String(_)) => {}
            // Old files hold the state as an object; it is kept, only its parameters are not shown.
            Some(Json::Object(_)) if field == "tool_state" => {}
            Some(other) => return wrong(&format!("/{field}"), "a string or null", other),
        }
    }
    match step.get("id") {
        None | Some(Json::Number(_) | Json::String(_)) => {}
        Some(other) => return wrong("/id", "a number", other),
    }
    match step.get("position") {
        None | Some(Json::Null) => {}
        Some(position @ Json::Object(_)) => {
            for field in ["left", "top"] {
                if let Some(other) = position.get(field).filter(|value| value.as_f64().is_none()) {
                    return wrong(&format!("/position/{field}"), "a number", other);
                }
            }
        }
        Some(other) => return wrong("/position", "an object with \"left\" and \"top\"", other),
    }
    match step.get("input_connections") {
        None | Some(Json::Null | Json::Object(_)) => Ok(()),
        Some(other) => wrong("/input_connections", "an object of connections by input", other),
    }
}

fn node(at: usize, step: &Step<'_>, tag: &str) -> Result<Value, ImportError> {
    let view = read_step(step.json);
    let (columns, width, height) = GRID;
    let pos = view.pos.unwrap_or([(at % columns) as f64 * width, (at / columns) as f64 * height]);
    let mut extra = Map::new();
    keep(&mut extra, STEP, &step.json.to_compact());
    extra.insert(FROM.to_owned(), json!([tag, step.key]));
    let inputs: Vec<Value> = view.inputs.iter().map(|name| json!({"name": name})).collect();
    Ok(json!({
        "type": view.kind, "typeVersion": view.version, "label": view.label, "pos": pos, "notes": view.notes,
        "params": view.params, "promoted": {}, "ports": {"inputs": inputs, "outputs": view.outputs}, "extra": extra,
    }))
}

fn edges(
    steps: &[Step<'_>],
    nodes: &mut Map<String, Value>,
    warnings: &mut Vec<String>,
) -> Result<Map<String, Value>, ImportError> {
    let by_id: BTreeMap<&str, &Step<'_>> =
        steps.iter().map(|step| (id_text(step.json.get("id")).unwrap_or(step.key), step)).collect();
    let mut edges = Map::new();
    let mut used_outputs: BTreeSet<(&str, &str)> = BTreeSet::new();
    for step in steps {
        let Some(Json::Object(connections)) = step.json.get("input_connections") else { continue };
        for (port, connection) in connections {
            for (at, entry) in entries(connection).iter().enumerate() {
                let place = format!("/steps/{}/input_connections/{port}", step.key);
                let (Some(id), Some(output)) =
                    (id_text(entry.get("id")), entry.get("output_name").and_then(Json::as_str))
                else {
                    return Err(ImportError::new(place, "an object with \"id\" and \"output_name\"", entry.kind()));
                };
                let Some(source) = by_id.get(id) else {
                    warnings.push(format!(
                        "{place} names step {id}, which is not in the file; the connection is left out."
                    ));
                    continue;
                };
                used_outputs.insert((&source.node, output));
                let value = json!({
                    "source": source.node, "sourcePort": output, "target": step.node, "targetPort": port,
                    "order": order_key(at),
                });
                if edges.insert(edge_id(&source.node, output, &step.node, port), value).is_some() {
                    warnings.push(format!("{place} holds the same connection twice; it is shown once."));
                }
                if edges.len() > MAX_IMPORT_ENTRIES {
                    return Err(ImportError::new(place, format!("at most {MAX_IMPORT_ENTRIES} connections"), "more"));
                }
            }
        }
    }
    // Outputs of subworkflows and of tools whose list is incomplete are known by their use alone.
    for (node, output) in used_outputs {
        let ports = nodes.get_mut(node).and_then(|node| node.pointer_mut("/ports/outputs")?.as_array_mut());
        let Some(ports) = ports else { continue };
        if !ports.iter().any(|port| port.get("name").and_then(Value::as_str) == Some(output)) {
            ports.push(json!({"name": output}));
        }
    }
    Ok(edges)
}

/// Turns comments into notes and groups; returns them as the header keeps them, each beside the id of what it became.
fn comments(
    file: &Json,
    steps: &[Step<'_>],
    state: &mut Value,
    ids: &mut IdSource<'_>,
    warnings: &mut Vec<String>,
) -> Result<Vec<Json>, ImportError> {
    let found = match file.get("comments") {
        None | Some(Json::Null) => return Ok(Vec::new()),
        Some(Json::Array(found)) => found,
        Some(other) => return Err(ImportError::new("/comments", "a list", other.kind())),
    };
    if found.len() > MAX_IMPORT_ENTRIES {
        return Err(ImportError::new("/comments", format!("at most {MAX_IMPORT_ENTRIES} comments"), "more"));
    }
    let mut kept = Vec::new();
    for (at, comment) in found.iter().enumerate() {
        if !matches!(comment, Json::Object(_)) {
            return Err(ImportError::new(format!("/comments/{at}"), "an object", comment.kind()));
        }
        let mut entry = Json::Object(Vec::new());
        if let Some(view) = read_comment(comment) {
            let id = fresh_id(if view.frame { 'g' } else { 's' }, ids);
            if view.frame {
                state["groups"][&id] =
                    json!({"label": view.text, "color": view.color, "pos": view.pos, "size": view.size});
                claim_members(comment, steps, state, &id);
            } else {
                state["stickies"][&id] =
                    json!({"text": view.text, "color": view.color, "pos": view.pos, "size": view.size});
            }
            entry.set("id", Json::String(id));
        } else {
            warnings.push(format!("/comments/{at} has a kind that is not shown here; it is kept for export."));
        }
        entry.set("raw", comment.clone());
        kept.push(entry);
    }
    Ok(kept)
}

/// A step belongs to the first frame that names it.
fn claim_members(comment: &Json, steps: &[Step<'_>], state: &mut Value, group: &str) {
    let Some(Json::Array(children)) = comment.get("child_steps") else { return };
    let children: BTreeSet<&str> = children.iter().filter_map(|child| id_text(Some(child))).collect();
    for step in steps.iter().filter(|step| children.contains(id_text(step.json.get("id")).unwrap_or(step.key))) {
        let node = &mut state["nodes"][&step.node];
        if node.get("group").is_none() {
            node["group"] = json!(group);
        }
    }
}
