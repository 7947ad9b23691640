//! `state.update`: the document brought to a patched state, as new edits of what differs.
//!
//! Deliberately absent: rewinding (a restored version takes the same way, as a new edit) and checks of meaning such as
//! circles, which validation shows.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::Actor;
use crate::api::{ApiError, params};
use crate::pipeline::json_text::Json;
use crate::pipeline::{MAX_IMPORT_DEPTH, import};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    workspace: String,
    patch: Map<String, Value>,
}

impl Actor {
    /// Applies a JSON merge patch (RFC 7396) to the document; only values that differ are edited.
    ///
    /// # Errors
    /// `not_a_pipeline` with the place when the outcome would be no document; nothing is changed then.
    pub(super) fn update_state(&mut self, given: Value) -> Result<Value, ApiError> {
        let Update { workspace, patch } = params(given)?;
        let id = self.editable(&workspace)?;
        let patch = Value::Object(patch);
        if depth(&patch) > MAX_IMPORT_DEPTH {
            return Err(ApiError::params(format!("expected a patch of at most {MAX_IMPORT_DEPTH} levels")));
        }
        let changed = self.edit(&id, |space, _| {
            let mut state = space.document().to_json();
            merge(&mut state, patch);
            import::json::plan(&Json::from_value(&state))
                .map_err(|e| ApiError::new("not_a_pipeline", format!("the state after the patch: {e}")))?;
            let restored = space.document().restore(&state);
            Ok((restored.updates, restored.changes))
        })?;
        Ok(json!({"changed": changed}))
    }
}

/// Merges as RFC 7396 says: null removes, objects merge key by key, everything else replaces.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(fields) = target.as_object_mut() else { return };
    for (key, value) in patch {
        if value.is_null() {
            fields.remove(&key);
        } else {
            merge(fields.entry(key).or_insert(Value::Null), value);
        }
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_merges_as_the_standard_says() {
        let cases = [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [1]}), json!({"a": [2, null]}), json!({"a": [2, null]})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ];
        for (mut target, patch, expected) in cases {
            merge(&mut target, patch);
            assert_eq!(target, expected);
        }
    }
}
