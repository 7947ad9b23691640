//! Workspaces of which no member is connected leave memory after a while, and are read again when somebody asks.
//!
//! What is left of one is who belongs to it and how large it is. Deliberately absent: the reading, which takes as long as
//! the workspace is large and is done beside the relay's task; who asks waits for it, others do not.

use std::collections::BTreeSet;

use omniscope_protocol::identity::{DeviceId, WorkspaceId};

use super::{Mailbox, Room};
use crate::store::{Store, StoreError, WorkspaceRow};

/// A workspace that is not in memory.
pub(super) struct Asleep {
    pub(super) row: WorkspaceRow,
    pub(super) members: BTreeSet<DeviceId>,
    pub(super) ops: usize,
    pub(super) bytes: u64,
}

/// What reads a workspace again.
pub(crate) struct Waking {
    row: WorkspaceRow,
    generation: u64,
}

/// A workspace that was read again, or could not be.
pub(crate) struct Woken(WorkspaceId, Result<Room, StoreError>);

impl Waking {
    /// Reads the log. It takes its time.
    pub(crate) fn read(self, store: &Store) -> Woken {
        Woken(WorkspaceId(self.row.id), Room::load(self.row, store, self.generation))
    }
}

impl Woken {
    pub(crate) fn workspace(&self) -> WorkspaceId {
        self.0
    }
}

impl Mailbox {
    /// Puts out of memory what was not asked about since `before_ms` and of which nobody is connected.
    pub(crate) fn rest(&mut self, before_ms: u64, is_connected: impl Fn(&DeviceId) -> bool) {
        let idle = |room: &Room| room.is_idle_since(before_ms) && !room.members.iter().any(&is_connected);
        let idle: Vec<WorkspaceId> = self.rooms.iter().filter(|(_, room)| idle(room)).map(|(id, _)| *id).collect();
        for id in idle {
            let Some(room) = self.rooms.remove(&id) else { continue };
            tracing::debug!(ops = room.len(), "a workspace leaves memory");
            let (ops, bytes) = (room.len(), room.bytes);
            self.asleep.insert(id, Asleep { row: room.row, members: room.members, ops, bytes });
        }
    }

    /// What is to be read before requests about a workspace can be answered, if anything.
    pub(crate) fn wake(&mut self, id: &WorkspaceId) -> Option<Waking> {
        let row = self.asleep.get(id)?.row.clone();
        self.generation += 1;
        Some(Waking { row, generation: self.generation })
    }

    /// Takes a workspace back that was read again. False when it cannot be read: it stays as it was.
    pub(crate) fn on_woken(&mut self, Woken(id, read): Woken, now_ms: u64) -> bool {
        match read {
            Ok(mut room) => {
                // It may have been unregistered meanwhile.
                if self.asleep.remove(&id).is_some() {
                    room.touched_ms = now_ms;
                    room.refresh_members();
                    self.rooms.insert(id, room);
                }
                true
            }
            Err(error) => {
                tracing::error!(%error, "a mailbox cannot be read");
                false
            }
        }
    }

    /// Whether a workspace is served, but not in memory.
    pub(crate) fn is_asleep(&self, id: &WorkspaceId) -> bool {
        self.asleep.contains_key(id)
    }

    /// How many workspaces are in memory.
    pub(crate) fn awake(&self) -> usize {
        self.rooms.len()
    }
}
