//! How workspaces come into the engine: from a snapshot and the log behind it, from the whole log, or empty, to be filled.
//!
//! A damaged row is dropped, and fetched again from peers. Deliberately absent: when snapshots are made (`snapshots`).

use std::collections::BTreeSet;

use omniscope_protocol::identity::{DeviceId, WorkspaceId};
use omniscope_protocol::op::Op;
use omniscope_protocol::replica::Replica;
use omniscope_protocol::wire::topic;

use super::secrecy::Secrecy;
use super::{Actor, Room, near, patience, people, random, store_error, unix_ms};
use crate::api::ApiError;
use crate::net::{NetCommand, Topic};
use crate::store::{Batch, Store, WorkspaceRow, WorkspaceState, Write};
use crate::workspace::Workspace;

impl Actor {
    pub(super) fn open_room(&mut self, row: WorkspaceRow) -> Result<(), ApiError> {
        let id = WorkspaceId(row.id);
        let resumed = self.resume(&id)?;
        let scrub_from = resumed.is_some().then_some(0);
        let space = match resumed {
            Some(space) => space,
            None => self.load(&id)?,
        };
        self.add_room(space, row);
        if let Some(room) = self.rooms.get_mut(&id) {
            room.scrub_from = scrub_from;
        }
        self.recall_standing(&id);
        self.load_mailboxes(&id);
        self.recall_peers(&id)
    }

    /// A workspace from its snapshot and what its log holds beyond; none if there is no snapshot, or anything is damaged.
    fn resume(&self, id: &WorkspaceId) -> Result<Option<Workspace>, ApiError> {
        let Some((mut space, last)) = Workspace::resume(&self.store, id, &self.key, random()?) else { return Ok(None) };
        let whole = self.read_log(&mut space, last)?.is_empty();
        Ok((whole && space.finish_loading(&self.store).is_ok()).then_some(space))
    }

    /// A workspace from the whole of its log, which is repaired where it is damaged.
    fn load(&self, id: &WorkspaceId) -> Result<Workspace, ApiError> {
        let mut space = Workspace::new(Replica::for_device(*id, &self.key), &self.key, random()?);
        let damaged = self.read_log(&mut space, 0)?;
        if !damaged.is_empty() {
            tracing::warn!(count = damaged.len(), "damaged rows are dropped; their ops are fetched again from peers");
            self.store
                .repair(&id.0, &|id, bytes| {
                    blake3::hash(bytes).as_bytes() == id && !damaged.contains(id) && Op::decode_trusted(bytes).is_ok()
                })
                .map_err(store_error)?;
        }
        space.finish_loading(&self.store)?;
        Ok(space)
    }

    /// Has a workspace take in its log behind a row, the keys first; the ids of damaged rows.
    fn read_log(&self, space: &mut Workspace, after_row: i64) -> Result<BTreeSet<[u8; 32]>, ApiError> {
        let id = space.id();
        let learned = self.store.for_each_op(&id.0, after_row, |_, _, bytes| {
            if Op::may_share_keys(bytes)
                && let Ok(op) = Op::decode_trusted(bytes)
            {
                space.learn(&op);
            }
            true
        });
        learned.map_err(store_error)?;
        let mut damaged = BTreeSet::new();
        let loaded = self.store.for_each_op(&id.0, after_row, |_, op_id, bytes| {
            // The id is the hash of what was read.
            if !Op::decode_trusted(bytes).is_ok_and(|op| op.id.0 == op_id && space.load(&op)) {
                damaged.insert(op_id);
            }
            true
        });
        loaded.map_err(store_error)?;
        Ok(damaged)
    }

    pub(super) fn add_room(&mut self, space: Workspace, row: WorkspaceRow) {
        let id = space.id();
        let presence = people::Room::new();
        let edits_today = people::Today::of(&space.replica, unix_ms());
        let room = Room {
            space,
            row,
            presence,
            topic: Topic(topic(&id)),
            heads_due: None,
            heads_told: Vec::new(),
            near: near::Near::default(),
            gathered: Batch::default(),
            commit_due: None,
            fold_due: None,
            retry_at: None,
            commits: 0,
            carrier: 0,
            state_due: None,
            state_told: 0,
            edits_today,
            heard_heads: BTreeSet::new(),
            patience: patience::Patience::default(),
            title_stale: true,
            row_kept: 0,
            secrecy: Secrecy::default(),
            told_off: None,
            told_closed: None,
            scrub_from: None,
            scrub_due: 0,
            look: None,
            at_hand: None,
        };
        self.rooms.insert(id, room);
        self.command(NetCommand::Subscribe(Topic(topic(&id))));
    }

    /// Opens a workspace whose history is to come, under the name that is known of it; one that is open stays as it is.
    pub(super) fn await_history(&mut self, id: &WorkspaceId, name: String) -> Result<(), ApiError> {
        if self.rooms.contains_key(id) {
            return Ok(());
        }
        let row = WorkspaceRow { name, state: WorkspaceState::Pending, ..WorkspaceRow::found_again(id.0, unix_ms()) };
        let space = Workspace::new(Replica::for_device(*id, &self.key), &self.key, random()?);
        self.add_room(space, row.clone());
        self.commit(id, vec![Write::Workspace(row)]);
        Ok(())
    }
}

/// A database belongs to one device; its first engine writes down which.
pub(super) fn check_identity(store: &Store, me: &DeviceId) -> Result<(), ApiError> {
    match store.setting("device").map_err(store_error)? {
        Some(recorded) if recorded == me.0 => Ok(()),
        Some(_) => Err(ApiError::new(
            "wrong_key",
            "this data folder belongs to another device key; open it with the key it was made with",
        )),
        None => {
            let write = Write::Setting { key: "device".into(), value: Some(me.0.to_vec()) };
            store.commit_wait(Batch::one(write)).map(|_| ()).map_err(store_error)
        }
    }
}
