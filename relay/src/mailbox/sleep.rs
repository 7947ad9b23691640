//! Workspaces in which nothing happens leave memory after a while, and are read again when somebody asks: memory goes by
//! what is in use, not by what is kept.
//!
//! What is left of one is who belongs to it, its frontier and how large it is: members who are in step are told so by
//! that. Deliberately absent: the reading, which takes as long as the workspace is large and is done beside the relay's
//! task; who asks waits for it, others do not.

use std::collections::BTreeSet;

use omniscope_protocol::identity::{DeviceId, OpId, WorkspaceId};
use omniscope_protocol::wire::{MAX_HEADS, Request, Response};

use super::{Action, Mailbox, Room, Ticket};
use crate::store::{Store, StoreError, WorkspaceRow};

/// A workspace that is not in memory.
pub(super) struct Asleep {
    pub(super) row: WorkspaceRow,
    pub(super) members: BTreeSet<DeviceId>,
    pub(super) heads: BTreeSet<OpId>,
    pub(super) ops: usize,
    pub(super) bytes: u64,
}

/// Whether whoever asks holds just what is kept here.
pub(super) fn is_in_step(request: &Request, kept: &BTreeSet<OpId>) -> bool {
    // Of more heads than can be named nobody knows whether they are the same.
    let same = |heads: &[OpId]| heads.len() == kept.len() && heads.iter().all(|head| kept.contains(head));
    kept.len() < MAX_HEADS && matches!(request, Request::Sync { heads, .. } if same(heads))
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
    /// Puts out of memory the workspaces of which nobody asked since `before_ms` for more than whether it is in step.
    pub(crate) fn rest(&mut self, before_ms: u64) {
        let idle = self.rooms.iter().filter(|(_, room)| room.is_idle_since(before_ms));
        for id in idle.map(|(id, _)| *id).collect::<Vec<_>>() {
            let Some(room) = self.rooms.remove(&id) else { continue };
            tracing::debug!(ops = room.len(), "a workspace leaves memory");
            let (ops, bytes, heads) = (room.len(), room.bytes, room.replica.committed_heads().into_iter().collect());
            self.asleep.insert(id, Asleep { row: room.row, members: room.members, heads, ops, bytes });
        }
    }

    /// Answers a member who is in step with a workspace that is not in memory; others wait until it is.
    pub(crate) fn answer_asleep(
        &mut self,
        from: &DeviceId,
        ticket: Ticket,
        request: &Request,
        now_ms: u64,
        out: &mut Vec<Action>,
    ) -> bool {
        let id = request.workspace();
        let Some(asleep) = self.asleep.get(&id).filter(|asleep| is_in_step(request, &asleep.heads)) else {
            return false;
        };
        if self.blocked.contains(from) || !asleep.members.contains(from) {
            return false;
        }
        let heads = asleep.heads.iter().copied().collect();
        out.push(Action::Respond(ticket, Response::Sync { ops: Vec::new(), heads, more: false }));
        self.note_use(&id, now_ms, out);
        true
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
