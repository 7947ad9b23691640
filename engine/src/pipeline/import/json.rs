//! OmniScope's own JSON: the document as `pipeline export` and `workspace state` print it.
//!
//! Ids are kept (an import beside other content renames them when it is placed). Deliberately absent: newer schema
//! versions, which are refused, and values that no op could carry.

use serde_json::{Value, json};

use crate::doc::{ROOTS, SCHEMA_VERSION, relays};
use crate::pipeline::json_text::Json;
use crate::pipeline::{ImportError, ImportPlan, MAX_IMPORT_ENTRIES, MAX_IMPORT_KEY_BYTES, MAX_IMPORT_NODES};

/// Largest single value, in bytes of JSON; an op holds no more.
const MAX_VALUE_BYTES: usize = 128 * 1024;

/// Plans the import of one document.
pub fn plan(file: &Json) -> Result<ImportPlan, ImportError> {
    let keys = if let Json::Object(entries) = file { entries.as_slice() } else { &[] };
    if let Some((key, _)) = keys.iter().find(|(key, _)| !ROOTS.contains(&key.as_str())) {
        return Err(ImportError::new(format!("/{key}"), format!("only the keys {}", ROOTS.join(", ")), "another"));
    }
    let version = file.get("meta").and_then(|meta| meta.get("schemaVersion"));
    if let Some(found) = version.filter(|version| version.as_f64() != Some(f64::from(SCHEMA_VERSION))) {
        let found = found.to_compact();
        return Err(ImportError::new("/meta/schemaVersion", format!("version {SCHEMA_VERSION}"), found));
    }
    let mut state = json!({});
    for root in ROOTS {
        let Some(entries) = file.get(root) else { continue };
        let Json::Object(entries) = entries else {
            return Err(ImportError::new(format!("/{root}"), "an object", entries.kind()));
        };
        let limit = if root == "nodes" { MAX_IMPORT_NODES } else { MAX_IMPORT_ENTRIES };
        if entries.len() > limit {
            return Err(ImportError::new(
                format!("/{root}"),
                format!("at most {limit} entries"),
                entries.len().to_string(),
            ));
        }
        for (id, entry) in entries {
            check_entry(root, id, entry)?;
        }
        state[root] = file.get(root).map_or(Value::Null, Json::to_value);
    }
    // A file has no say in where a workspace is kept.
    relays::take(&mut state);
    let name = file.get("meta").and_then(|meta| meta.get("name")).and_then(Json::as_str).unwrap_or_default();
    Ok(ImportPlan { name: name.to_owned(), key: None, state, warnings: Vec::new() })
}

fn check_entry(root: &str, id: &str, entry: &Json) -> Result<(), ImportError> {
    let place = format!("/{root}/{id}");
    check_key(&place, id)?;
    if matches!(root, "meta" | "extra") {
        return check_size(&place, entry);
    }
    let Json::Object(fields) = entry else {
        return Err(ImportError::new(place, "an object", entry.kind()));
    };
    for required in required(root) {
        if entry.get(required).is_none() {
            return Err(ImportError::new(format!("{place}/{required}"), expected(root, required), "nothing"));
        }
    }
    for (field, value) in fields {
        let place = format!("{place}/{field}");
        check_key(&place, field)?;
        let fits = match (root, field.as_str()) {
            ("nodes", "type" | "typeVersion" | "label" | "notes" | "group") => matches!(value, Json::String(_)),
            ("nodes", "params" | "promoted" | "extra") => {
                if let Json::Object(inner) = value {
                    for (name, inner) in inner {
                        check_key(&place, name)?;
                        check_size(&format!("{place}/{name}"), inner)?;
                    }
                    continue;
                }
                false
            }
            ("nodes", "ports") => matches!(value, Json::Object(_)),
            ("nodes", "disabled") => matches!(value, Json::Bool(_)),
            ("nodes" | "stickies", "pos") | ("stickies", "size") => is_pair(value),
            ("stickies", "text" | "color") => matches!(value, Json::String(_)),
            ("edges", "source" | "sourcePort" | "target" | "targetPort" | "order") => matches!(value, Json::String(_)),
            _ => true,
        };
        if !fits {
            return Err(ImportError::new(place, expected(root, field), value.kind()));
        }
        // Texts are inserted in pieces, everything else is one value.
        if !matches!((root, field.as_str()), ("nodes", "notes") | ("stickies", "text")) {
            check_size(&place, value)?;
        }
    }
    Ok(())
}

fn required(root: &str) -> &'static [&'static str] {
    match root {
        "nodes" => &["type", "pos"],
        "edges" => &["source", "target"],
        "stickies" => &["pos"],
        _ => &[],
    }
}

fn expected(root: &str, field: &str) -> &'static str {
    match (root, field) {
        (_, "pos" | "size") => "a list of two numbers",
        (_, "params" | "promoted" | "extra" | "ports") => "an object",
        (_, "disabled") => "true or false",
        _ => "a string",
    }
}

fn is_pair(value: &Json) -> bool {
    matches!(value, Json::Array(items) if items.len() == 2 && items.iter().all(|item| item.as_f64().is_some()))
}

fn check_key(place: &str, key: &str) -> Result<(), ImportError> {
    if (1..=MAX_IMPORT_KEY_BYTES).contains(&key.len()) {
        return Ok(());
    }
    Err(ImportError::new(place, format!("a key of 1 to {MAX_IMPORT_KEY_BYTES} bytes"), format!("{} bytes", key.len())))
}

fn check_size(place: &str, value: &Json) -> Result<(), ImportError> {
    let bytes = match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => return Ok(()),
        Json::String(text) => text.len(),
        other => other.to_compact().len(),
    };
    if bytes <= MAX_VALUE_BYTES {
        return Ok(());
    }
    Err(ImportError::new(place, format!("a value of at most {MAX_VALUE_BYTES} bytes"), format!("{bytes} bytes")))
}
