//! The sample format of the original OmniScope: nodes with type and position, edges with source and target.
//!
//! Deliberately absent: its `project_id`, which named a row of a database (kept under the workspace's `extra`).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::doc::edit::{DEFAULT_SOURCE_PORT, DEFAULT_TARGET_PORT, edge_id, order_key};
use crate::pipeline::catalogue::descriptor;
use crate::pipeline::json_text::Json;
use crate::pipeline::{IdSource, ImportError, ImportPlan, MAX_IMPORT_ENTRIES, MAX_IMPORT_NODES, fresh_id};

/// Plans one pipeline; `place` is its JSON pointer in the file.
pub fn plan(key: Option<&str>, place: &str, file: &Json, ids: &mut IdSource<'_>) -> Result<ImportPlan, ImportError> {
    let (graph, place_of_graph) = match file.get("pipeline_json") {
        Some(graph) => (graph, format!("{place}/pipeline_json")),
        None => (file, place.to_owned()),
    };
    let mut names = BTreeMap::new();
    let mut nodes = Map::new();
    for (at, node) in list(graph, "nodes", &place_of_graph, MAX_IMPORT_NODES)?.iter().enumerate() {
        let place = format!("{place_of_graph}/nodes/{at}");
        let (old, value) = read_node(&place, node)?;
        let id = fresh_id('n', ids);
        if names.insert(old.to_owned(), id.clone()).is_some() {
            return Err(ImportError::new(format!("{place}/id"), "an id of its own", format!("{old:?} again")));
        }
        nodes.insert(id, value);
    }
    let mut edges = Map::new();
    let mut arrived: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut warnings = Vec::new();
    for (at, edge) in list(graph, "edges", &place_of_graph, MAX_IMPORT_ENTRIES)?.iter().enumerate() {
        let place = format!("{place_of_graph}/edges/{at}");
        let end = |field: &str| -> Result<String, ImportError> {
            let old = string(edge, field, &place)?;
            let missing = || ImportError::new(format!("{place}/{field}"), "the id of a node", format!("{old:?}"));
            names.get(old).cloned().ok_or_else(missing)
        };
        let (source, target) = (end("source")?, end("target")?);
        let port = |field: &str, default: &str| match edge.get(field).and_then(Json::as_str) {
            Some(port) if !port.is_empty() => port.to_owned(),
            _ => default.to_owned(),
        };
        let (out, into) = (port("sourceHandle", DEFAULT_SOURCE_PORT), port("targetHandle", DEFAULT_TARGET_PORT));
        let count = arrived.entry((target.clone(), into.clone())).or_default();
        let id = edge_id(&source, &out, &target, &into);
        let value = json!({"source": source, "sourcePort": out, "target": target, "targetPort": into, "order": order_key(*count)});
        *count += 1;
        if edges.insert(id, value).is_some() {
            warnings.push(format!("{place} repeats a connection; it is shown once."));
        }
    }
    let name = file.get("name").and_then(Json::as_str).or(key).unwrap_or_default().to_owned();
    let mut state = json!({"meta": {"schemaVersion": crate::doc::SCHEMA_VERSION}, "nodes": nodes, "edges": edges});
    if !name.is_empty() {
        state["meta"]["name"] = json!(name);
    }
    if let Some(project) = file.get("project_id") {
        state["extra"] = json!({"project_id": project.to_value()});
    }
    for finding in crate::pipeline::validate::validate(&state) {
        warnings.push(finding.message);
    }
    Ok(ImportPlan { name, key: key.map(str::to_owned), state, warnings })
}

fn read_node<'a>(place: &str, node: &'a Json) -> Result<(&'a str, Value), ImportError> {
    let id = string(node, "id", place)?;
    let kind = string(node, "type", place)?;
    let coordinate = |axis: &str| {
        let value = node.get("position").and_then(|position| position.get(axis));
        let found = value.map_or("nothing", Json::kind);
        value
            .and_then(Json::as_f64)
            .ok_or_else(|| ImportError::new(format!("{place}/position/{axis}"), "a number", found))
    };
    let pos = [coordinate("x")?, coordinate("y")?];
    let known = descriptor(kind);
    let data = node.get("data");
    let label = data.and_then(|data| data.get("label")).and_then(Json::as_str);
    let label = label.or(known.map(|known| known.label.as_str())).unwrap_or(kind);
    let params = data.and_then(|data| data.get("params")).filter(|params| matches!(params, Json::Object(_)));
    Ok((
        id,
        json!({
            "type": kind, "typeVersion": known.map_or("", |known| known.version.as_str()), "label": label, "pos": pos,
            "params": params.map_or_else(|| json!({}), Json::to_value), "promoted": {}, "notes": "",
            "extra": {"seed": node.to_compact()},
        }),
    ))
}

fn list<'a>(graph: &'a Json, field: &str, place: &str, limit: usize) -> Result<&'a [Json], ImportError> {
    match graph.get(field) {
        Some(Json::Array(items)) if items.len() <= limit => Ok(items),
        Some(Json::Array(items)) => Err(ImportError::new(
            format!("{place}/{field}"),
            format!("at most {limit} entries"),
            items.len().to_string(),
        )),
        other => Err(ImportError::new(format!("{place}/{field}"), "a list", other.map_or("nothing", Json::kind))),
    }
}

fn string<'a>(value: &'a Json, field: &str, place: &str) -> Result<&'a str, ImportError> {
    let found = value.get(field).map_or("nothing", Json::kind);
    value
        .get(field)
        .and_then(Json::as_str)
        .ok_or_else(|| ImportError::new(format!("{place}/{field}"), "a string", found))
}
