//! The verbs: one table for the command line, JSON-RPC, HTTP and the window.
//!
//! Each takes a JSON object and gives one; unknown fields are refused, so that a typing error is no silent default.
//! This file finds the verb; what it does stands under its topic.

mod checkpoints;
mod devices;
mod doctor;
mod history;
mod invitations;
mod links;
mod members;
mod network;
mod pipelines;
mod relays;
mod state;
mod storage;
mod versions;
mod workspaces;

use omniscope_protocol::identity::WorkspaceId;
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::MAX_NAME_BYTES;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Actor, random};
use crate::answers::answer;
use crate::api::{ApiError, VERBS, params};
use crate::pipeline;
use crate::workspace::Workspace;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfWorkspace {
    workspace: String,
    #[serde(default, rename = "wait_ms")]
    _wait_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    workspace: String,
    name: String,
}

impl Actor {
    pub(super) fn call(&mut self, method: &str, given: Value) -> Result<Value, ApiError> {
        if !VERBS.contains(&method) {
            return Err(ApiError::new("unknown_method", format!("there is no verb {method}")));
        }
        match method.split_once('.').map_or((method, ""), |(topic, verb)| (topic, verb)) {
            ("profile", "show") => answer(self.shown_profile()),
            ("profile", "set") => {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Profile {
                    name: Option<String>,
                    color: Option<String>,
                }
                let Profile { name, color } = params(given)?;
                self.set_profile(name, color)
            }
            ("workspace", verb) => self.call_workspace(verb, given),
            ("history", verb) => self.call_history(verb, given),
            ("version", verb) => self.call_version(verb, given),
            ("invite", verb) => self.call_invite(verb, given),
            ("relay", verb) => self.call_relay(verb, given),
            ("member", verb) => self.call_member(verb, given),
            ("recovery", verb) => self.call_recovery(verb, given),
            ("device", verb) => self.call_device(verb, given),
            ("join", "") => {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Join {
                    link: String,
                    #[serde(default, rename = "wait_ms")]
                    _wait_ms: Option<u64>,
                }
                let Join { link, .. } = params(given)?;
                self.join(&link)
            }
            ("pipeline", verb) => self.call_pipeline(verb, given),
            ("node", verb) => self.call_node(verb, given),
            ("edge", verb) => self.call_edge(verb, given),
            ("cursor" | "selection" | "presence", _) => self.call_presence(method, given),
            ("sync", "request") => {
                let OfWorkspace { workspace, .. } = params(given)?;
                let id = self.find(&workspace)?;
                for device in self.peers.keys().copied().collect::<Vec<_>>() {
                    self.sync_with(&id, device);
                }
                Ok(json!({"asked": self.peers.len()}))
            }
            ("state", "update") => self.update_state(given),
            ("storage", verb) => self.call_storage(verb),
            ("network", verb) => self.call_network(verb, given),
            ("catalogue", "") => Ok(pipeline::catalogue::as_json()),
            ("doctor", "") => Ok(self.doctor()),
            _ => Err(ApiError::new("unknown_method", format!("there is no verb {method}"))),
        }
    }

    /// A workspace by id, unique id prefix or unique name.
    pub(super) fn find(&self, wanted: &str) -> Result<WorkspaceId, ApiError> {
        if let Some(id) = WorkspaceId::parse_hex(wanted).filter(|id| self.rooms.contains_key(id)) {
            return Ok(id);
        }
        let named: Vec<_> = self.rooms.iter().filter(|(_, r)| r.row.name == wanted).map(|(id, _)| *id).collect();
        let prefixed: Vec<_> =
            self.rooms.keys().filter(|id| wanted.len() >= 4 && id.to_string().starts_with(wanted)).copied().collect();
        match (named.as_slice(), prefixed.as_slice()) {
            ([one], _) | ([], [one]) => Ok(*one),
            ([], []) => Err(ApiError::new("no_such_workspace", format!("there is no workspace {wanted:?} here"))),
            _ => Err(ApiError::new("ambiguous", format!("several workspaces are called {wanted:?}; use the id"))),
        }
    }

    fn editable(&mut self, workspace: &str) -> Result<WorkspaceId, ApiError> {
        let id = self.find(workspace)?;
        self.require(&id, Role::Editor)?;
        Ok(id)
    }

    /// Edits the engine's own document and gathers the updates.
    pub(super) fn edit<T>(
        &mut self,
        id: &WorkspaceId,
        change: impl FnOnce(&mut Workspace, &mut pipeline::IdSource<'_>) -> Result<(Vec<Vec<u8>>, T), ApiError>,
    ) -> Result<T, ApiError> {
        let (now, pause) = (self.now(), self.pause_ms(id));
        let result = self.with(id, |space, store, key, effects| {
            let mut failed = None;
            let mut ids = || {
                random().unwrap_or_else(|e| {
                    failed = Some(e);
                    [0; 16]
                })
            };
            let (updates, value) = change(space, &mut ids)?;
            if let Some(error) = failed {
                return Err(error);
            }
            if let Err(error) = space.push_own(&updates, now, pause) {
                space.take_back_own(store, key, now, effects);
                return Err(error);
            }
            Ok(value)
        });
        self.on_tick();
        result
    }
}

fn check_name(name: &str) -> Result<String, ApiError> {
    let name = name.trim();
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
        let message = format!("expected a name of 1 to {MAX_NAME_BYTES} bytes, without control characters");
        return Err(ApiError::params(message));
    }
    Ok(name.to_owned())
}
