//! Verbs about the relays that keep a workspace.

use libp2p::Multiaddr;
use omniscope_protocol::judge::Role;
use omniscope_protocol::wire::MAX_TOKEN_BYTES;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Actor;
use super::OfWorkspace;
use crate::api::{ApiError, params};

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
                let token = token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
                if token.as_ref().is_some_and(|t| t.len() > MAX_TOKEN_BYTES || t.chars().any(char::is_whitespace)) {
                    return Err(ApiError::params(format!("expected a token of at most {MAX_TOKEN_BYTES} characters")));
                }
                self.add_mailbox(&id, &addr, token)?;
                Ok(self.mailboxes_json(&id))
            }
            "list" => {
                let OfWorkspace { workspace, .. } = params(given)?;
                let id = self.find(&workspace)?;
                Ok(self.mailboxes_json(&id))
            }
            "remove" => {
                let Remove { workspace, addr } = params(given)?;
                let id = self.find(&workspace)?;
                self.require(&id, Role::Editor)?;
                Ok(json!({"removed": self.remove_mailbox(&id, &addr)?}))
            }
            _ => Err(ApiError::new("unknown_method", format!("there is no verb relay.{verb}"))),
        }
    }
}
