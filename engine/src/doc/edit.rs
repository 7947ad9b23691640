//! Local edits: each runs one transaction under the document's own client id and returns its v1 update.
//!
//! An update is empty when the edit changed nothing. Deliberately absent: permission (the replica's question), and
//! findings about types of ports (validation shows them; only what could never be meant is refused here).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map as JsonMap, Value, json};
use thiserror::Error;
use yrs::{Map, MapPrelim, MapRef, Out, ReadTxn, TextPrelim, TextRef, Transact, TransactionMut};

use super::value::{json_to_any, map_to_json, out_to_json, same, write};
use super::{Document, text};

/// The port that an edge uses when none is named, at its source and at its target.
pub const DEFAULT_SOURCE_PORT: &str = "out";
/// See [`DEFAULT_SOURCE_PORT`].
pub const DEFAULT_TARGET_PORT: &str = "in";

/// Why an edit was refused. Nothing was changed.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EditError {
    #[error("there is no step {0} in this workspace")]
    NoNode(String),
    #[error("there is no connection {0} in this workspace")]
    NoEdge(String),
    #[error("there is no sticky note {0} in this workspace")]
    NoSticky(String),
    #[error("{0} is taken already; expected a fresh id")]
    Exists(String),
    #[error("a step cannot feed itself ({0})")]
    SelfLoop(String),
    #[error("the connection would close a circle: {}", .0.join(" → "))]
    Cycle(Vec<String>),
    #[error("{0}")]
    Invalid(String),
}

impl EditError {
    /// A stable code for callers that branch on the reason.
    pub fn code(&self) -> &'static str {
        match self {
            EditError::NoNode(_) => "no_such_node",
            EditError::NoEdge(_) => "no_such_edge",
            EditError::NoSticky(_) => "no_such_sticky",
            EditError::Exists(_) => "id_taken",
            EditError::SelfLoop(_) => "self_loop",
            EditError::Cycle(_) => "cycle",
            EditError::Invalid(_) => "invalid_value",
        }
    }
}

/// A step to add.
#[derive(Debug, Clone, Default)]
pub struct NewNode {
    /// Node type, e.g. `NormalizeRNASeq` or `generic`.
    pub kind: String,
    pub type_version: String,
    pub label: String,
    /// Flow coordinates in pixels.
    pub pos: [f64; 2],
    pub params: BTreeMap<String, Value>,
    /// `{inputs:[{name,…}],outputs:[…]}` for a generic step; `None` for one whose type says it.
    pub ports: Option<Value>,
}

/// What to change of a step; `None` leaves a field alone. A parameter set to null is removed.
#[derive(Debug, Clone, Default)]
pub struct NodeChange {
    pub label: Option<String>,
    pub pos: Option<[f64; 2]>,
    pub disabled: Option<bool>,
    pub params: BTreeMap<String, Value>,
}

/// What to change of a sticky note; `None` leaves a field alone.
#[derive(Debug, Clone, Default)]
pub struct StickyChange {
    pub pos: Option<[f64; 2]>,
    pub size: Option<[f64; 2]>,
    pub color: Option<String>,
    pub text: Option<String>,
}

/// The id of an edge, derived from its ends, so that the same edge drawn twice is one.
pub fn edge_id(source: &str, source_port: &str, target: &str, target_port: &str) -> String {
    let ends = [source, source_port, target, target_port].join("\0");
    let hash = blake3::hash(ends.as_bytes()).to_hex();
    format!("e{}", &hash.as_str()[..16])
}

/// The `n`th key of an ordered list, as fractional indexing writes integers: `a0`, `a1`, … `az`, `b00`, …
pub fn order_key(n: usize) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let (mut rest, mut width, mut span) = (n, 1_u8, 62_usize);
    while rest >= span {
        rest -= span;
        width += 1;
        span = span.saturating_mul(62);
    }
    let mut digits = vec![b'0'; usize::from(width)];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[rest % 62];
        rest /= 62;
    }
    let mut key = String::from(char::from(b'a' + width - 1));
    key.extend(digits.into_iter().map(char::from));
    key
}

/// The ends of every edge as stored; missing ports read as the defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ends {
    source: String,
    source_port: String,
    target: String,
    target_port: String,
    order: String,
}

impl Document {
    /// Adds a step under a fresh `id`.
    pub fn add_node(&mut self, id: &str, node: NewNode) -> Result<Vec<u8>, EditError> {
        check_finite(&node.pos)?;
        if self.has("nodes", id) {
            return Err(EditError::Exists(id.to_owned()));
        }
        let mut value = json!({
            "type": node.kind, "typeVersion": node.type_version, "label": node.label, "pos": node.pos,
            "params": JsonMap::from_iter(node.params.into_iter().filter(|(_, value)| !value.is_null())),
            "promoted": {}, "notes": "", "extra": {},
        });
        if let Some(ports) = node.ports {
            value["ports"] = ports;
        }
        let (update, ()) = self.transact(|roots, txn| {
            write(roots.nodes(), txn, &mut vec!["nodes".to_owned()], id, &value);
        });
        Ok(update)
    }

    /// Changes label, position, parameters or the disabled mark of a step; what is equal already stays untouched.
    pub fn set_node(&mut self, id: &str, change: NodeChange) -> Result<Vec<u8>, EditError> {
        if let Some(pos) = &change.pos {
            check_finite(pos)?;
        }
        let (update, result) = self.transact(|roots, txn| {
            let node = child(roots.nodes(), txn, id).ok_or_else(|| EditError::NoNode(id.to_owned()))?;
            if let Some(label) = change.label {
                set(&node, txn, "label", &Value::String(label));
            }
            if let Some(pos) = change.pos {
                set(&node, txn, "pos", &json!(pos));
            }
            match change.disabled {
                Some(true) => set(&node, txn, "disabled", &Value::Bool(true)),
                Some(false) if node.contains_key(txn, "disabled") => {
                    node.remove(txn, "disabled");
                }
                _ => {}
            }
            if !change.params.is_empty() {
                let params = child_or_new(&node, txn, "params");
                for (name, value) in &change.params {
                    if !value.is_null() {
                        set(&params, txn, name, value);
                    } else if params.contains_key(txn, name) {
                        params.remove(txn, name);
                    }
                }
            }
            Ok(())
        });
        result.map(|()| update)
    }

    /// Removes a step and every edge at it.
    pub fn remove_node(&mut self, id: &str) -> Result<Vec<u8>, EditError> {
        if !self.has("nodes", id) {
            return Err(EditError::NoNode(id.to_owned()));
        }
        let touching: Vec<String> = self
            .edges()
            .into_iter()
            .filter(|(_, ends)| ends.source == id || ends.target == id)
            .map(|(edge, _)| edge)
            .collect();
        let (update, ()) = self.transact(|roots, txn| {
            for edge in &touching {
                roots.edges().remove(txn, edge);
            }
            roots.nodes().remove(txn, id);
        });
        Ok(update)
    }

    /// Replaces the notes of a step, changing only the part that differs.
    pub fn set_note(&mut self, id: &str, content: &str) -> Result<Vec<u8>, EditError> {
        let (update, result) = self.transact(|roots, txn| {
            let node = child(roots.nodes(), txn, id).ok_or_else(|| EditError::NoNode(id.to_owned()))?;
            replace_text(&node, txn, "notes", content);
            Ok(())
        });
        result.map(|()| update)
    }

    /// Connects two steps and returns the edge's id with the update (empty when the edge existed).
    ///
    /// Refuses missing steps, a step that feeds itself, and an edge that would close a circle, naming the circle.
    pub fn add_edge(
        &mut self,
        source: &str,
        source_port: Option<&str>,
        target: &str,
        target_port: Option<&str>,
    ) -> Result<(String, Vec<u8>), EditError> {
        for node in [source, target] {
            if !self.has("nodes", node) {
                return Err(EditError::NoNode(node.to_owned()));
            }
        }
        if source == target {
            return Err(EditError::SelfLoop(source.to_owned()));
        }
        let source_port = source_port.unwrap_or(DEFAULT_SOURCE_PORT);
        let target_port = target_port.unwrap_or(DEFAULT_TARGET_PORT);
        let id = edge_id(source, source_port, target, target_port);
        let edges = self.edges();
        if edges.contains_key(&id) {
            return Ok((id, Vec::new()));
        }
        if let Some(mut circle) = path_between(&edges, target, source) {
            circle.insert(0, source.to_owned());
            return Err(EditError::Cycle(circle));
        }
        let order = next_order(&edges, target, target_port);
        let value = json!({
            "source": source, "sourcePort": source_port, "target": target, "targetPort": target_port, "order": order,
        });
        let (update, ()) = self.transact(|roots, txn| {
            write(roots.edges(), txn, &mut vec!["edges".to_owned()], &id, &value);
        });
        Ok((id, update))
    }

    /// Removes one edge.
    pub fn remove_edge(&mut self, id: &str) -> Result<Vec<u8>, EditError> {
        self.remove_entry("edges", id).ok_or_else(|| EditError::NoEdge(id.to_owned()))
    }

    /// Adds a sticky note under a fresh `id`.
    pub fn add_sticky(
        &mut self,
        id: &str,
        pos: [f64; 2],
        size: [f64; 2],
        color: &str,
        content: &str,
    ) -> Result<Vec<u8>, EditError> {
        check_finite(&pos)?;
        check_finite(&size)?;
        if self.has("stickies", id) {
            return Err(EditError::Exists(id.to_owned()));
        }
        let value = json!({"pos": pos, "size": size, "color": color, "text": content});
        let (update, ()) = self.transact(|roots, txn| {
            write(roots.stickies(), txn, &mut vec!["stickies".to_owned()], id, &value);
        });
        Ok(update)
    }

    /// Changes a sticky note; its text by the smallest replacement.
    pub fn set_sticky(&mut self, id: &str, change: StickyChange) -> Result<Vec<u8>, EditError> {
        for pair in [&change.pos, &change.size].into_iter().flatten() {
            check_finite(pair)?;
        }
        let (update, result) = self.transact(|roots, txn| {
            let sticky = child(roots.stickies(), txn, id).ok_or_else(|| EditError::NoSticky(id.to_owned()))?;
            if let Some(pos) = change.pos {
                set(&sticky, txn, "pos", &json!(pos));
            }
            if let Some(size) = change.size {
                set(&sticky, txn, "size", &json!(size));
            }
            if let Some(color) = change.color {
                set(&sticky, txn, "color", &Value::String(color));
            }
            if let Some(content) = change.text {
                replace_text(&sticky, txn, "text", &content);
            }
            Ok(())
        });
        result.map(|()| update)
    }

    /// Removes one sticky note.
    pub fn remove_sticky(&mut self, id: &str) -> Result<Vec<u8>, EditError> {
        self.remove_entry("stickies", id).ok_or_else(|| EditError::NoSticky(id.to_owned()))
    }

    /// Sets fields of `meta` (`name`, `description`, `license`, `creators`, …); null removes one.
    pub fn set_meta(&mut self, fields: &JsonMap<String, Value>) -> Vec<u8> {
        let (update, ()) = self.transact(|roots, txn| {
            for (key, value) in fields {
                if !value.is_null() {
                    set(roots.meta(), txn, key, value);
                } else if roots.meta().contains_key(txn, key) {
                    roots.meta().remove(txn, key);
                }
            }
        });
        update
    }

    fn has(&self, root: &'static str, id: &str) -> bool {
        self.roots.named(root).contains_key(&self.doc.transact(), id)
    }

    fn remove_entry(&mut self, root: &'static str, id: &str) -> Option<Vec<u8>> {
        if !self.has(root, id) {
            return None;
        }
        let (update, ()) = self.transact(|roots, txn| {
            roots.named(root).remove(txn, id);
        });
        Some(update)
    }

    fn edges(&self) -> BTreeMap<String, Ends> {
        let txn = self.doc.transact();
        let edges = self.roots.edges();
        let field = |edge: &MapRef, name: &str, default: &str| match edge.get(&txn, name) {
            Some(Out::Any(yrs::Any::String(text))) => text.to_string(),
            _ => default.to_owned(),
        };
        let mut found = BTreeMap::new();
        for (id, out) in edges.iter(&txn) {
            if let Out::YMap(edge) = out {
                let ends = Ends {
                    source: field(&edge, "source", ""),
                    source_port: field(&edge, "sourcePort", DEFAULT_SOURCE_PORT),
                    target: field(&edge, "target", ""),
                    target_port: field(&edge, "targetPort", DEFAULT_TARGET_PORT),
                    order: field(&edge, "order", ""),
                };
                found.insert(id.to_owned(), ends);
            }
        }
        found
    }
}

/// Finds the steps on a way from `from` to `to` along the edges, both included.
fn path_between(edges: &BTreeMap<String, Ends>, from: &str, to: &str) -> Option<Vec<String>> {
    let mut onward: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for ends in edges.values() {
        onward.entry(&ends.source).or_default().push(&ends.target);
    }
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut seen = BTreeSet::from([from]);
    let mut open = vec![from];
    while let Some(node) = open.pop() {
        if node == to {
            let mut path = vec![node.to_owned()];
            let mut at = node;
            while let Some(before) = came_from.get(at) {
                path.push((*before).to_owned());
                at = before;
            }
            path.reverse();
            return Some(path);
        }
        for next in onward.get(node).into_iter().flatten() {
            if seen.insert(next) {
                came_from.insert(next, node);
                open.push(next);
            }
        }
    }
    None
}

/// A key after every key in use at a port.
fn next_order(edges: &BTreeMap<String, Ends>, target: &str, port: &str) -> String {
    let at_port = edges.values().filter(|ends| ends.target == target && ends.target_port == port);
    let (count, last) = at_port.fold((0, ""), |(count, last), ends| (count + 1, last.max(&ends.order)));
    let plain = (count..count + 1000).map(order_key).find(|key| key.as_str() > last);
    plain.unwrap_or_else(|| format!("{last}V"))
}

fn check_finite(pair: &[f64; 2]) -> Result<(), EditError> {
    if pair.iter().all(|number| number.is_finite()) {
        Ok(())
    } else {
        Err(EditError::Invalid("expected finite coordinates".to_owned()))
    }
}

pub(crate) fn child<T: ReadTxn>(map: &MapRef, txn: &T, key: &str) -> Option<MapRef> {
    match map.get(txn, key) {
        Some(Out::YMap(inner)) => Some(inner),
        _ => None,
    }
}

fn child_or_new(map: &MapRef, txn: &mut TransactionMut, key: &str) -> MapRef {
    match child(map, txn, key) {
        Some(inner) => inner,
        None => map.insert(txn, key, MapPrelim::default()),
    }
}

/// Sets one atomic value unless it is there already.
pub(crate) fn set(map: &MapRef, txn: &mut TransactionMut, key: &str, value: &Value) {
    let present = map.get(txn, key);
    let equal = match &present {
        Some(Out::Any(_)) => present.and_then(|out| out_to_json(&out, txn)).is_some_and(|old| same(&old, value)),
        _ => false,
    };
    if !equal {
        map.insert(txn, key, json_to_any(value));
    }
}

pub(crate) fn replace_text(map: &MapRef, txn: &mut TransactionMut, key: &str, content: &str) -> bool {
    let shared: TextRef = match map.get(txn, key) {
        Some(Out::YText(shared)) => shared,
        _ => map.insert(txn, key, TextPrelim::new("")),
    };
    text::replace(&shared, txn, content)
}

impl Document {
    /// The JSON of one root, e.g. `nodes`; an empty object for a name that is no root.
    pub fn root_json(&self, root: &str) -> Value {
        match self.roots.get(root) {
            Some(map) => map_to_json(map, &self.doc.transact()),
            None => Value::Object(JsonMap::new()),
        }
    }
}
