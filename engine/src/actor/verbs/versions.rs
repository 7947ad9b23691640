//! Verbs about named versions.

use omniscope_protocol::identity::WorkspaceId;
use omniscope_protocol::judge::Role;
use omniscope_protocol::replica::Saying;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Actor;
use super::{Named, OfWorkspace, check_name};
use crate::api::{ApiError, params};
use crate::doc::diff::Diff;

impl Actor {
    pub(super) fn call_version(&mut self, verb: &str, given: Value) -> Result<Value, ApiError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct OfVersion {
            workspace: String,
            version: String,
        }
        match verb {
            "create" => {
                let Named { workspace, name } = params(given)?;
                let (id, name) = (self.find(&workspace)?, check_name(&name)?);
                self.require(&id, Role::Editor)?;
                self.flush(&id, u64::MAX);
                let version = self.say(&id, Saying::Version { name: name.clone() })?;
                Ok(json!({"version": version.to_string(), "name": name}))
            }
            "list" => {
                let OfWorkspace { workspace, .. } = params(given)?;
                let id = self.find(&workspace)?;
                Ok(json!({"versions": self.room(&id)?.space.versions_json()}))
            }
            "show" | "restore" => {
                let OfVersion { workspace, version } = params(given)?;
                let id = self.find(&workspace)?;
                self.flush(&id, u64::MAX);
                let (at, name) = self.room(&id)?.space.find_version(&version).ok_or_else(|| {
                    ApiError::new("no_such_version", format!("there is no version {version:?} in this workspace"))
                })?;
                let state = self.with(&id, |space, store, _, _| space.at_version(store, &at))?.to_json();
                if verb == "show" {
                    let now = self.room(&id)?.space.document.to_json();
                    let since = serde_json::to_value(Diff::between(&state, &now)).unwrap_or_default();
                    return Ok(json!({"version": at.to_string(), "name": name, "state": state, "since": since}));
                }
                self.restore(&id, &state)
            }
            _ => Err(ApiError::new("unknown_method", format!("there is no verb version.{verb}"))),
        }
    }

    /// Brings a past state back, as a new edit.
    pub(super) fn restore(&mut self, id: &WorkspaceId, state: &Value) -> Result<Value, ApiError> {
        self.require(id, Role::Editor)?;
        let changed = self.edit(id, |space, _| {
            let restored = space.document.restore(state);
            Ok((restored.updates, restored.changes))
        })?;
        self.flush(id, u64::MAX);
        Ok(json!({"changed": changed}))
    }
}
