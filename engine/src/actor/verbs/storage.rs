//! `storage.show` and `storage.compact`: what the database of this device takes, and giving back what it does not need.
//!
//! Deliberately absent: shortening a log. Every op that counts is kept, for history and for members who come back late.

use serde_json::Value;

use super::super::{Actor, store_error};
use crate::answers::{Compacted, Storage, StoredWorkspace, answer};
use crate::api::ApiError;

impl Actor {
    pub(super) fn call_storage(&mut self, verb: &str) -> Result<Value, ApiError> {
        match verb {
            "show" => self.storage(),
            "compact" => {
                let (before, _) = self.store.room().map_err(store_error)?;
                self.store.compact().map_err(store_error)?;
                let (after, _) = self.store.room().map_err(store_error)?;
                answer(Compacted { before, bytes: after })
            }
            _ => Err(ApiError::new("unknown_method", format!("there is no verb storage.{verb}"))),
        }
    }

    fn storage(&self) -> Result<Value, ApiError> {
        let (bytes, free) = self.store.room().map_err(store_error)?;
        let mut workspaces = Vec::new();
        for (id, room) in &self.rooms {
            let sizes = self.store.sizes(&id.0).map_err(store_error)?;
            let (workspace, name) = (id.to_string(), room.row.name.clone());
            workspaces.push(StoredWorkspace { workspace, name, ops: sizes.ops, bytes: sizes.bytes });
        }
        let folder = self.store.folder().map(|f| f.display().to_string());
        answer(Storage { folder, bytes, free, workspaces })
    }
}
