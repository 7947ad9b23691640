//! `storage.show` and `storage.compact`: what the database of this device takes, and giving back what it does not need.
//!
//! Deliberately absent: shortening a log. Every op that counts is kept, for history and for members who come back late.

use serde_json::{Value, json};

use super::super::{Actor, store_error};
use crate::api::ApiError;

impl Actor {
    pub(super) fn call_storage(&mut self, verb: &str) -> Result<Value, ApiError> {
        match verb {
            "show" => self.storage(),
            "compact" => {
                let (before, _) = self.store.room().map_err(store_error)?;
                self.store.compact().map_err(store_error)?;
                let (after, _) = self.store.room().map_err(store_error)?;
                Ok(json!({"before": before, "bytes": after}))
            }
            _ => Err(ApiError::new("unknown_method", format!("there is no verb storage.{verb}"))),
        }
    }

    fn storage(&self) -> Result<Value, ApiError> {
        let (bytes, free) = self.store.room().map_err(store_error)?;
        let mut workspaces = Vec::new();
        for (id, room) in &self.rooms {
            let sizes = self.store.sizes(&id.0).map_err(store_error)?;
            workspaces.push(
                json!({"workspace": id.to_string(), "name": room.row.name, "ops": sizes.ops, "bytes": sizes.bytes}),
            );
        }
        let folder = self.store.folder().map(|f| f.display().to_string());
        Ok(json!({"folder": folder, "bytes": bytes, "free": free, "workspaces": workspaces}))
    }
}
