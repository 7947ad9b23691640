//! Verbs about named versions.

use omniscope_protocol::identity::{OpId, WorkspaceId};
use omniscope_protocol::judge::Role;
use omniscope_protocol::replica::Saying;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Actor;
use super::{Named, OfWorkspace, check_name};
use crate::answers::{NamedVersion, Restored, Versions, answer};
use crate::api::{ApiError, params};
use crate::doc::diff::Diff;
use crate::doc::relays;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfVersion {
    workspace: String,
    version: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rename {
    workspace: String,
    version: String,
    name: String,
}

impl Actor {
    pub(super) fn call_version(&mut self, verb: &str, given: Value) -> Result<Value, ApiError> {
        match verb {
            "create" => {
                let Named { workspace, name } = params(given)?;
                let (id, name) = (self.find(&workspace)?, check_name(&name)?);
                self.require(&id, Role::Editor)?;
                self.flush(&id, u64::MAX);
                let version = self.say(&id, Saying::Version { name: name.clone() })?;
                answer(NamedVersion { version: version.to_string(), name })
            }
            "rename" => {
                let Rename { workspace, version, name } = params(given)?;
                let (id, name) = (self.find(&workspace)?, check_name(&name)?);
                self.require(&id, Role::Editor)?;
                let (version, before) = self.version(&id, &version)?;
                if name != before {
                    self.say(&id, Saying::Rename { version, name: name.clone() })?;
                }
                answer(NamedVersion { version: version.to_string(), name })
            }
            "list" => {
                let OfWorkspace { workspace, .. } = params(given)?;
                let id = self.find(&workspace)?;
                answer(Versions { versions: self.room(&id)?.space.shown_versions() })
            }
            "show" | "restore" => {
                let OfVersion { workspace, version } = params(given)?;
                let id = self.find(&workspace)?;
                self.flush(&id, u64::MAX);
                let (at, name) = self.version(&id, &version)?;
                let state = self.with(&id, |space, store, _, _| space.at_version(store, &at))?.to_json();
                if verb == "show" {
                    let now = self.room(&id)?.space.document().to_json();
                    let since = serde_json::to_value(Diff::between(&state, &now)).unwrap_or_default();
                    return Ok(json!({"version": at.to_string(), "name": name, "state": state, "since": since}));
                }
                self.restore(&id, state)
            }
            _ => Err(ApiError::new("unknown_method", format!("there is no verb version.{verb}"))),
        }
    }

    /// A version by id, prefix of it or name.
    fn version(&mut self, id: &WorkspaceId, wanted: &str) -> Result<(OpId, String), ApiError> {
        let found = self.room(id)?.space.find_version(wanted);
        found.ok_or_else(|| {
            ApiError::new("no_such_version", format!("there is no version {wanted:?} in this workspace"))
        })
    }

    /// Brings a past state back, as a new edit; which relays keep the workspace is no part of it.
    pub(super) fn restore(&mut self, id: &WorkspaceId, mut state: Value) -> Result<Value, ApiError> {
        self.require(id, Role::Editor)?;
        let changed = self.edit(id, |space, _| {
            relays::stay(space.document().to_json(), &mut state);
            let restored = space.document().restore(&state);
            Ok((restored.updates, restored.changes))
        })?;
        self.flush(id, u64::MAX);
        answer(Restored { changed })
    }
}
