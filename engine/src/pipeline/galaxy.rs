//! How the parts of a Galaxy workflow read as ours: shared by import and export, so that export can tell what was
//! edited (what still reads as it did at import goes back to Galaxy as it was).
//!
//! Each imported step keeps its whole JSON as text under `extra.galaxy`, with the order of keys and the digits of
//! numbers; the header of the workflow with its comments is kept under the workspace's `extra`. Deliberately absent:
//! changing anything.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::MAX_IMPORT_KEY_BYTES;
use super::json_text::Json;

/// Key of a node's `extra` (continued in `galaxy.1`, …) which holds the step's JSON as text.
pub(crate) const STEP: &str = "galaxy";
/// Key of a node's `extra` which holds `[tag of the import, key of the step]`.
pub(crate) const FROM: &str = "galaxyFrom";
/// Keys of the workspace's `extra` which hold workflow headers start so; the import's tag follows.
pub(crate) const HEADER: &str = "galaxy:";

/// Longest text kept in one value, in bytes, so that one value fits one op.
const KEPT_PIECE_BYTES: usize = 24 * 1024;
/// How deep conditional tool parameters are opened.
const MAX_PARAM_DEPTH: usize = 6;

/// A step as our fields show it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StepView {
    pub(crate) kind: String,
    pub(crate) version: String,
    pub(crate) label: String,
    pub(crate) pos: Option<[f64; 2]>,
    pub(crate) notes: String,
    pub(crate) params: BTreeMap<String, Value>,
    pub(crate) inputs: Vec<String>,
    pub(crate) outputs: Vec<Value>,
}

/// A comment as our fields show it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CommentView {
    /// A frame becomes a group, any other a sticky note.
    pub(crate) frame: bool,
    pub(crate) pos: [f64; 2],
    pub(crate) size: [f64; 2],
    pub(crate) color: String,
    pub(crate) text: String,
}

/// Keeps a text under `key`, continued under `key.1`, `key.2`, … when it is long.
pub(crate) fn keep(extra: &mut Map<String, Value>, key: &str, text: &str) {
    for (at, piece) in crate::doc::pieces(text, KEPT_PIECE_BYTES).enumerate() {
        let name = if at == 0 { key.to_owned() } else { format!("{key}.{at}") };
        extra.insert(name, Value::String(piece.to_owned()));
    }
}

/// Puts a kept text together again.
pub(crate) fn kept(extra: &Value, key: &str) -> Option<String> {
    let mut text = extra.get(key)?.as_str()?.to_owned();
    let mut at = 1;
    while let Some(piece) = extra.get(format!("{key}.{at}")).and_then(Value::as_str) {
        text.push_str(piece);
        at += 1;
    }
    Some(text)
}

/// Reads a step. Never fails: what is missing or of another type reads as empty.
pub(crate) fn read_step(step: &Json) -> StepView {
    let text = |key: &str| step.get(key).and_then(Json::as_str).unwrap_or_default();
    let step_type = text("type");
    let kind = match text("tool_id") {
        "" => format!("galaxy:{step_type}"),
        tool => tool.to_owned(),
    };
    let label = [text("label"), text("name")].into_iter().find(|label| !label.is_empty()).unwrap_or(step_type);
    let position = step.get("position");
    let coordinate = |key: &str| position.and_then(|position| position.get(key)).and_then(Json::as_f64);
    StepView {
        kind,
        version: text("tool_version").to_owned(),
        label: label.to_owned(),
        pos: coordinate("left").zip(coordinate("top")).map(|(left, top)| [left, top]),
        notes: text("annotation").to_owned(),
        params: read_params(step),
        inputs: input_ports(step, step_type),
        outputs: output_ports(step, step_type),
    }
}

fn input_ports(step: &Json, step_type: &str) -> Vec<String> {
    let mut names = Vec::new();
    if let Some(Json::Object(connections)) = step.get("input_connections") {
        names.extend(connections.iter().map(|(port, _)| port.clone()));
    }
    // The inputs of an input step describe itself.
    if let (Some(Json::Array(inputs)), false) = (step.get("inputs"), step_type.ends_with("_input")) {
        names.extend(inputs.iter().filter_map(|input| input.get("name")?.as_str()).map(str::to_owned));
    }
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| !name.is_empty() && seen.insert(name.clone()));
    if step_type == "subworkflow" {
        // The single runtime input that Galaxy lists here is the step itself.
        let own = step.get("name").and_then(Json::as_str).unwrap_or_default();
        let label = step.get("label").and_then(Json::as_str).unwrap_or_default();
        names.retain(|name| name != own && name != label);
    }
    names
}

fn output_ports(step: &Json, step_type: &str) -> Vec<Value> {
    if step_type.ends_with("_input") {
        return vec![json!({"name": "output"})];
    }
    let mut ports = Vec::new();
    if let Some(Json::Array(outputs)) = step.get("outputs") {
        for output in outputs {
            if let Some(name) = output.get("name").and_then(Json::as_str).filter(|name| !name.is_empty()) {
                let mut port = json!({"name": name});
                if let Some(kind) = output.get("type").and_then(Json::as_str) {
                    port["type"] = json!(kind);
                }
                ports.push(port);
            }
        }
    }
    ports
}

/// The scalars of `tool_state`, conditionals named as Galaxy does: `library|type`.
fn read_params(step: &Json) -> BTreeMap<String, Value> {
    let mut params = BTreeMap::new();
    let state = step.get("tool_state").and_then(Json::as_str).and_then(|text| Json::parse(text).ok());
    if let Some(state) = state {
        collect_params(&state, "", 0, &mut params);
    }
    params
}

fn collect_params(state: &Json, prefix: &str, depth: usize, params: &mut BTreeMap<String, Value>) {
    let Json::Object(entries) = state else { return };
    for (key, value) in entries {
        if key.starts_with("__") || key.contains('|') {
            continue;
        }
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}|{key}") };
        if name.is_empty() || name.len() > MAX_IMPORT_KEY_BYTES {
            continue;
        }
        match value {
            Json::Bool(_) | Json::Number(_) | Json::String(_) => {
                params.insert(name, value.to_value());
            }
            // Objects with a class are values that connections give at run time.
            Json::Object(_) if depth < MAX_PARAM_DEPTH && value.get("__class__").is_none() => {
                collect_params(value, &name, depth + 1, params);
            }
            _ => {}
        }
    }
}

/// Reads a comment; `None` for kinds that have no place on our canvas (drawings), or without position and size.
pub(crate) fn read_comment(comment: &Json) -> Option<CommentView> {
    let kind = comment.get("type")?.as_str()?;
    let field = match kind {
        "frame" => "title",
        "text" | "markdown" => "text",
        _ => return None,
    };
    let data = comment.get("data");
    Some(CommentView {
        frame: kind == "frame",
        pos: numbers(comment.get("position"))?,
        size: numbers(comment.get("size"))?,
        color: comment.get("color").and_then(Json::as_str).unwrap_or("none").to_owned(),
        text: data.and_then(|data| data.get(field)).and_then(Json::as_str).unwrap_or_default().to_owned(),
    })
}

fn numbers(value: Option<&Json>) -> Option<[f64; 2]> {
    match value? {
        Json::Array(items) => match items.as_slice() {
            [a, b] => Some([a.as_f64()?, b.as_f64()?]),
            _ => None,
        },
        _ => None,
    }
}

/// The entries of one input port: Galaxy writes one connection as an object, several as a list.
pub(crate) fn entries(connection: &Json) -> &[Json] {
    match connection {
        Json::Array(items) => items,
        Json::Null => &[],
        other => std::slice::from_ref(other),
    }
}

/// The id that a connection names, as text.
pub(crate) fn id_text(value: Option<&Json>) -> Option<&str> {
    match value? {
        Json::Number(text) | Json::String(text) => Some(text),
        _ => None,
    }
}
