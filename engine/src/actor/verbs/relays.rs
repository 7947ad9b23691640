//! Verbs about the relays that keep a workspace.

use libp2p::Multiaddr;
use omniscope_protocol::judge::Role;
use serde::Deserialize;
use serde_json::Value;

use super::super::Actor;
use super::OfWorkspace;
use crate::answers::{RelayRemoved, WorkspaceRelays, answer};
use crate::api::{ApiError, params};
use crate::relay_test::check_token;

impl Actor {
    pub(super) fn call_relay(&mut self, verb: &str, given: Value) -> Result<Value, ApiError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Add {
            workspace: String,
            addr: Multiaddr,
            token: Option<String>,
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Remove {
            workspace: String,
            addr: Multiaddr,
        }
        match verb {
            "add" => {
                let Add { workspace, addr, token } = params(given)?;
                let id = self.find(&workspace)?;
                self.require(&id, Role::Editor)?;
                self.add_mailbox(&id, &addr, check_token(token)?)?;
                answer(WorkspaceRelays { relays: self.shown_mailboxes(&id) })
            }
            "list" => {
                let OfWorkspace { workspace, .. } = params(given)?;
                let id = self.find(&workspace)?;
                answer(WorkspaceRelays { relays: self.shown_mailboxes(&id) })
            }
            "remove" => {
                let Remove { workspace, addr } = params(given)?;
                let id = self.find(&workspace)?;
                self.require(&id, Role::Editor)?;
                answer(RelayRemoved { removed: self.remove_mailbox(&id, &addr)? })
            }
            _ => Err(ApiError::new("unknown_method", format!("there is no verb relay.{verb}"))),
        }
    }
}
