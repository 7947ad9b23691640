//! Pipelines as plain data: import, export, normalisation, validation and the catalogue of step types.
//!
//! Everything here is pure: JSON of the document's shape goes in and comes out. Deliberately absent: yrs (`doc` writes
//! plans), files, randomness (ids come from an [`IdSource`]) and running a pipeline.

pub mod catalogue;
pub mod export;
pub(crate) mod galaxy;
pub mod import;
pub mod json_text;
pub mod normalize;
pub mod validate;

pub use normalize::Normalized;
use serde_json::Value;
use thiserror::Error;

/// A sample RNA-seq pipeline of our own making, in OmniScope's JSON.
pub const SAMPLE_RNASEQ: &str = include_str!("../samples/rnaseq.json");

/// Largest file that is read as a pipeline, in bytes.
pub const MAX_IMPORT_BYTES: usize = 32 * 1024 * 1024;
/// Most steps that one import may hold.
pub const MAX_IMPORT_NODES: usize = 20_000;
/// Most connections, and most notes, groups, comments and references, that one import may hold.
pub const MAX_IMPORT_ENTRIES: usize = 100_000;
/// Deepest nesting that is read; the gate refuses more than 64 levels.
pub const MAX_IMPORT_DEPTH: usize = 48;

/// Longest key of the document that an import makes, in bytes; the gate refuses more than 1,024.
pub const MAX_IMPORT_KEY_BYTES: usize = 512;

/// Where fresh ids come from: sixteen random bytes a call.
pub type IdSource<'a> = dyn FnMut() -> [u8; 16] + 'a;

/// Why a file could not be read as a pipeline. Nothing was imported.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{place}: expected {expected}, found {found}")]
pub struct ImportError {
    /// `line 3, column 14`, or a JSON pointer such as `/steps/4/position`.
    pub place: String,
    pub expected: String,
    pub found: String,
}

impl ImportError {
    pub(crate) fn new(place: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> Self {
        ImportError { place: place.into(), expected: expected.into(), found: found.into() }
    }
}

/// A whole import, planned before anything is changed.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportPlan {
    /// The pipeline's own name, for a workspace to be made for it; may be empty.
    pub name: String,
    /// The key under which a file of several pipelines holds this one.
    pub key: Option<String>,
    /// What to insert, in the document's JSON shape.
    pub state: Value,
    /// What could not be taken over as it stood, each a sentence.
    pub warnings: Vec<String>,
}

impl ImportPlan {
    /// The number of steps.
    pub fn nodes(&self) -> usize {
        self.count("nodes")
    }

    /// The number of connections.
    pub fn edges(&self) -> usize {
        self.count("edges")
    }

    /// The number of notes on the canvas: sticky notes and frames.
    pub fn stickies(&self) -> usize {
        self.count("stickies") + self.count("groups")
    }

    fn count(&self, root: &str) -> usize {
        self.state.get(root).and_then(Value::as_object).map_or(0, serde_json::Map::len)
    }
}

/// Makes an id: a letter for the kind of thing, then ten base32 characters.
pub fn fresh_id(kind: char, ids: &mut IdSource<'_>) -> String {
    const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let random = ids();
    let mut id = String::from(kind);
    id.extend(random.iter().take(10).map(|byte| char::from(DIGITS[usize::from(byte % 32)])));
    id
}

/// One step as views and checks see it; missing fields read as empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub kind: String,
    pub type_version: String,
    pub label: String,
    pub pos: [f64; 2],
    pub disabled: bool,
    pub group: Option<String>,
    /// Free ports of a generic or placeholder step; `None` when the type says them.
    pub ports: Option<Ports>,
}

/// Names of a step's free ports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ports {
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
}

/// One connection; missing ports read as the defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    pub source: String,
    pub source_port: String,
    pub target: String,
    pub target_port: String,
    pub order: String,
}

/// The graph of a document.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pipeline {
    pub nodes: std::collections::BTreeMap<String, Node>,
    pub edges: std::collections::BTreeMap<String, Edge>,
}

impl Pipeline {
    /// Reads the graph out of a document's JSON. Never fails: what has a wrong type reads as empty.
    pub fn from_state(state: &Value) -> Pipeline {
        let entries = |root: &str| state.get(root).and_then(Value::as_object).into_iter().flatten();
        Pipeline {
            nodes: entries("nodes").map(|(id, value)| (id.clone(), node_from(value))).collect(),
            edges: entries("edges").map(|(id, value)| (id.clone(), edge_from(value))).collect(),
        }
    }
}

fn text(value: &Value, field: &str, default: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or(default).to_owned()
}

fn node_from(value: &Value) -> Node {
    let names = |ports: &Value, side: &str| {
        let ports = ports.get(side).and_then(Value::as_array).into_iter().flatten();
        ports.map(|port| text(port, "name", "")).filter(|name| !name.is_empty()).collect()
    };
    Node {
        kind: text(value, "type", ""),
        type_version: text(value, "typeVersion", ""),
        label: text(value, "label", ""),
        pos: pair(value.get("pos")).unwrap_or_default(),
        disabled: value.get("disabled") == Some(&Value::Bool(true)),
        group: value.get("group").and_then(Value::as_str).map(str::to_owned),
        ports: value
            .get("ports")
            .filter(|ports| ports.is_object())
            .map(|ports| Ports { inputs: names(ports, "inputs"), outputs: names(ports, "outputs") }),
    }
}

fn edge_from(value: &Value) -> Edge {
    Edge {
        source: text(value, "source", ""),
        source_port: text(value, "sourcePort", crate::doc::edit::DEFAULT_SOURCE_PORT),
        target: text(value, "target", ""),
        target_port: text(value, "targetPort", crate::doc::edit::DEFAULT_TARGET_PORT),
        order: text(value, "order", ""),
    }
}

/// Two finite numbers, or nothing.
pub(crate) fn pair(value: Option<&Value>) -> Option<[f64; 2]> {
    match value?.as_array()?.as_slice() {
        [a, b] => Some([a.as_f64()?, b.as_f64()?]),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
