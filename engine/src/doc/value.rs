//! Between JSON values and yrs values, guided by the document's schema.
//!
//! Deliberately absent: content kinds that the gate refuses (arrays, XML, embeds, binary); where they could be met they
//! read as null.

use std::sync::Arc;

use serde_json::{Map as JsonMap, Number as JsonNumber, Value};
use yrs::{Any, GetString, Map, MapPrelim, MapRef, Number, Out, ReadTxn, Text, TextPrelim, TransactionMut};

/// The longest text inserted as one piece, in bytes: a piece is the smallest unit an op can carry.
pub(crate) const TEXT_PIECE_BYTES: usize = 16 * 1024;

/// Largest integer that JSON readers hold exactly.
const MAX_SAFE: i64 = (1 << 53) - 1;

/// How a place of the document is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A `Y.Map`: each key changes alone.
    Map,
    /// A `Y.Text`.
    Text,
    /// One atomic JSON value.
    Any,
}

/// The stored shape of the value at `path`, which starts with a root's name.
pub(crate) fn shape(path: &[&str]) -> Shape {
    match path {
        [_] => Shape::Map,
        ["meta" | "extra", ..] => Shape::Any,
        [_, _] => Shape::Map,
        ["nodes", _, "params" | "promoted" | "extra"] => Shape::Map,
        ["nodes", _, "notes"] | ["stickies", _, "text"] => Shape::Text,
        _ => Shape::Any,
    }
}

pub(crate) fn map_to_json<T: ReadTxn>(map: &MapRef, txn: &T) -> Value {
    let mut object = JsonMap::new();
    for (key, out) in map.iter(txn) {
        if let Some(value) = out_to_json(&out, txn) {
            object.insert(key.to_owned(), value);
        }
    }
    Value::Object(object)
}

/// `None` stands for `undefined`, which JSON leaves out.
pub(crate) fn out_to_json<T: ReadTxn>(out: &Out, txn: &T) -> Option<Value> {
    match out {
        Out::Any(any) => any_to_json(any),
        Out::YMap(map) => Some(map_to_json(map, txn)),
        Out::YText(text) => Some(Value::String(text.get_string(txn))),
        _ => Some(Value::Null),
    }
}

fn any_to_json(any: &Any) -> Option<Value> {
    Some(match any {
        Any::Undefined => return None,
        Any::Null | Any::Buffer(_) => Value::Null,
        Any::Bool(flag) => Value::Bool(*flag),
        Any::Number(number) => number_to_json(*number),
        Any::String(text) => Value::String(text.to_string()),
        Any::Array(items) => Value::Array(items.iter().map(|item| any_to_json(item).unwrap_or(Value::Null)).collect()),
        Any::Map(entries) => Value::Object(
            entries.iter().filter_map(|(key, item)| any_to_json(item).map(|value| (key.clone(), value))).collect(),
        ),
    })
}

/// Every number is an IEEE double, as JavaScript holds it; integral ones print without a fraction.
fn number_to_json(number: Number) -> Value {
    let float = match number {
        Number::Int(int) if (-MAX_SAFE..=MAX_SAFE).contains(&int) => return Value::from(int),
        Number::Int(int) => int as f64,
        Number::Float(float) => float,
    };
    if float.fract() == 0.0 && float.abs() <= MAX_SAFE as f64 {
        return Value::from(float as i64);
    }
    JsonNumber::from_f64(float).map_or(Value::Null, Value::Number)
}

pub(crate) fn json_to_any(value: &Value) -> Any {
    match value {
        Value::Null => Any::Null,
        Value::Bool(flag) => Any::Bool(*flag),
        Value::Number(number) => Any::Number(json_number(number)),
        Value::String(text) => Any::String(Arc::from(text.as_str())),
        Value::Array(items) => Any::Array(items.iter().map(json_to_any).collect()),
        Value::Object(entries) => {
            Any::Map(Arc::new(entries.iter().map(|(key, item)| (key.clone(), json_to_any(item))).collect()))
        }
    }
}

fn json_number(number: &JsonNumber) -> Number {
    match number.as_i64() {
        Some(int) if (-MAX_SAFE..=MAX_SAFE).contains(&int) => Number::Int(int),
        _ => Number::try_i64(number.as_f64().unwrap_or_default()),
    }
}

/// Equality as the canonical JSON sees it: `1` and `1.0` are one number.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        _ => a == b,
    }
}

/// Writes a value under `key` in the shape that the schema gives it. Keys of maps are written in sorted order, so that
/// the same value always makes the same structs.
pub(crate) fn write(map: &MapRef, txn: &mut TransactionMut, path: &mut Vec<String>, key: &str, value: &Value) {
    path.push(key.to_owned());
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    match (shape(&names), value) {
        (Shape::Map, Value::Object(entries)) => {
            let inner = map.insert(txn, key, MapPrelim::default());
            write_entries(&inner, txn, path, entries);
        }
        (Shape::Text, Value::String(content)) => {
            let inner = map.insert(txn, key, TextPrelim::new(""));
            let mut at = 0;
            for piece in pieces(content, TEXT_PIECE_BYTES) {
                inner.insert(txn, at, piece);
                at += piece.encode_utf16().count() as u32;
            }
        }
        _ => {
            map.insert(txn, key, json_to_any(value));
        }
    }
    path.pop();
}

pub(crate) fn write_entries(
    map: &MapRef,
    txn: &mut TransactionMut,
    path: &mut Vec<String>,
    entries: &JsonMap<String, Value>,
) {
    let mut keys: Vec<&String> = entries.keys().collect();
    keys.sort();
    for key in keys {
        write(map, txn, path, key, &entries[key]);
    }
}

/// Cuts a text at character boundaries into pieces of at most `limit` bytes (at least one character each).
pub(crate) fn pieces(text: &str, limit: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = rest.len().min(limit);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        if end == 0 {
            end = rest.chars().next().map_or(rest.len(), char::len_utf8);
        }
        let (piece, tail) = rest.split_at(end);
        rest = tail;
        Some(piece)
    })
}
