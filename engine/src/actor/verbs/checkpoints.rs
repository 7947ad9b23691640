//! `workspace.checkpoint` and `workspace.audit`: an owner says what a workspace comes to, everybody can find it again.
//!
//! Deliberately absent: any use of a checkpoint by itself. Nothing is dropped because of one; newcomers are shown a
//! document by it until they have the history (`actor::looks`).

use omniscope_protocol::checkpoint::{Said, document_digest};
use omniscope_protocol::identity::{OpId, WorkspaceId};
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::{Body, MAX_STATE_PARTS, Op};
use omniscope_protocol::replica::Saying;
use serde_json::{Value, json};

use super::super::{Actor, not_here};
use crate::api::{ApiError, rfc3339};
use crate::doc::Document;
use crate::store::Store;
use crate::workspace::{Workspace, hashes};

impl Actor {
    pub(in super::super) fn checkpoint(&mut self, id: &WorkspaceId) -> Result<Value, ApiError> {
        self.require(id, Role::Owner)?;
        // What is said next is sealed under the key that is in order now.
        self.begin_epoch(id, false)?;
        let space = &mut self.rooms.get_mut(id).ok_or_else(not_here)?.space;
        let key = space.replica.epoch_key();
        let parts = match &key {
            Some(key) => space.state_parts(&self.store, &space.replica.state_now(), &key.id())?,
            None => Vec::new(),
        };
        let sum = space.replica.sum_now();
        let folds = sum.folds.ok_or_else(|| ApiError::new("not_allowed", "a session that forked was not left yet"))?;
        let document = digest_of(space, &self.store, &folds)?;
        let named = if parts.len() > MAX_STATE_PARTS { Vec::new() } else { hashes(&parts) };
        let document = Said { document, parts: named }.encode();
        let (count, ops, roles) = (sum.count, sum.ops, sum.roles);
        let checkpoint = self.say(id, Saying::Checkpoint { count, ops, roles, document })?;
        self.keep_at_hand(id, checkpoint, parts);
        Ok(json!({"checkpoint": checkpoint.to_string(), "ops": count}))
    }

    /// Works out once more what the newest checkpoint is about, and compares.
    pub(super) fn audit(&mut self, id: &WorkspaceId) -> Result<Value, ApiError> {
        let space = &mut self.rooms.get_mut(id).ok_or_else(not_here)?.space;
        let Some(newest) = space.replica.checkpoints().next_back() else {
            return Ok(json!({"checkpoint": null, "holds": null}));
        };
        let damaged = || ApiError::new("log_damaged", "the checkpoint cannot be read from this computer's database");
        let bytes = space.op_bytes(&self.store, &[newest]).pop().ok_or_else(damaged)?;
        let op = Op::decode_trusted(&bytes).map_err(|_| damaged())?;
        let Body::Checkpoint(said) = &op.body else { return Err(damaged()) };
        let sum = space.replica.sum_before(&newest).ok_or_else(damaged)?;
        let same = (said.count, said.ops, said.roles) == (sum.count, sum.ops, sum.roles);
        let holds = match (same, sum.folds, space.replica.said(&op)) {
            (false, ..) => Some(false),
            (true, Some(folds), Some(text)) => Some(text.document == digest_of(space, &self.store, &folds)?),
            // Its document is nobody's to make any more, or its key is not known here.
            _ => None,
        };
        Ok(json!({
            "checkpoint": newest.to_string(),
            "author": space.person_json(&op.author),
            "created": rfc3339(op.time_ms as i64),
            "ops": said.count,
            "holds": holds,
        }))
    }
}

/// The digest of the document that some edits make up.
fn digest_of(space: &mut Workspace, store: &Store, folds: &[OpId]) -> Result<[u8; 32], ApiError> {
    if !space.is_looked_at() && folds == space.replica.fold_order() {
        return Ok(document_digest(&space.document().canonical_json()));
    }
    let mut document = Document::new(1);
    space.fold_into(&mut document, store, folds)?;
    Ok(document_digest(&document.canonical_json()))
}
