//! What this device is in its workspaces: a member, or one no more, and how it comes to know.
//!
//! Who was removed while away is served no more, so the op that says so does not enter its log. It is shown that op all
//! the same, and believes it if its own log makes the author an owner, or a device of its own person. So it is with a
//! close that a relay shows which has dropped what came before it.
//! Deliberately absent: what roles rest on (`judge`).

use std::sync::Arc;

use omniscope_protocol::identity::{OpId, WorkspaceId};
use omniscope_protocol::judge::Role;
use omniscope_protocol::replica::AuthorError;
use omniscope_protocol::wire::{Refusal, Response};

use super::{Actor, Room};
use crate::api::ApiError;
use crate::event::Event;
use crate::store::{Batch, WorkspaceState, Write};

/// Under what, with the workspace's id, it is kept what this device was told.
const REMOVED: &str = "removed";
const CLOSED: &str = "closed";

impl Actor {
    /// Follows changed roles: this device's own standing, and whom to stay connected with.
    pub(super) fn on_membership(&mut self, id: &WorkspaceId) {
        self.follow_standing(id);
        let me = self.me;
        let Some(role) = self.rooms.get(id).map(|room| room.space.replica.role(&me)) else { return };
        if role > Role::None {
            self.on_admitted(id, role);
        }
        self.release_presence(id);
    }

    fn follow_standing(&mut self, id: &WorkspaceId) {
        let me = self.me;
        let Some(room) = self.rooms.get_mut(id) else { return };
        let replica = &room.space.replica;
        // Once the log holds that op, it says what came after it, too.
        let told = room.told_off.is_some_and(|op| !replica.knows(&op));
        let before = room.row.state;
        room.row.state = match (replica.role(&me), before) {
            (Role::None, WorkspaceState::Pending) => WorkspaceState::Pending,
            (Role::None, _) => WorkspaceState::Removed,
            _ if told => WorkspaceState::Removed,
            _ => WorkspaceState::Member,
        };
        let lost = if told { replica.unsent(&me) } else { replica.void_edits_of(&me) };
        if room.row.state == before {
            return;
        }
        let row = room.row.clone();
        self.commit(id, vec![Write::Workspace(row)]);
        if before == WorkspaceState::Member {
            let mut message =
                "You are no longer a member of this workspace. What you had stays on this computer.".to_owned();
            if lost > 0 {
                message += " Changes that you made before you heard of it count for nobody else; you can save the \
                            pipeline with them as a file.";
            }
            let workspace = Some(id.to_string());
            self.tell(Event::Notice { code: "removed".into(), message, workspace });
        }
        self.tell(Event::WorkspacesChanged {});
    }

    /// What somebody answers who shows why this device is served no more is a refusal like others.
    pub(super) fn heed_removal(&mut self, id: &WorkspaceId, response: Response) -> Response {
        let Response::Removed { by } = response else { return response };
        let me = self.me;
        if let Some(room) = self.rooms.get_mut(id)
            && let Some(op) = room.space.replica.reads_as_end(&me, &by)
        {
            if room.told_off != Some(op) {
                room.told_off = Some(op);
                self.keep_told(REMOVED, id, op);
            }
            self.follow_standing(id);
        }
        Response::Refused(Refusal::Removed)
    }

    /// Closes that a relay shows whose past is missing here: the relay has dropped it, and other members have it.
    pub(super) fn heed_closes(&mut self, id: &WorkspaceId, ops: &[Arc<[u8]>]) {
        let Some(room) = self.rooms.get_mut(id) else { return };
        let close = ops.iter().find_map(|op| room.space.replica.reads_as_close(op));
        let Some(close) = close.filter(|close| room.told_closed != Some(*close)) else { return };
        room.told_closed = Some(close);
        self.keep_told(CLOSED, id, close);
        self.tell(Event::WorkspacesChanged {});
    }

    fn keep_told(&self, what: &str, id: &WorkspaceId, op: OpId) {
        let write = Write::Setting { key: format!("{what} {id}"), value: Some(op.0.to_vec()) };
        self.store.commit(Batch::one(write), |result| {
            if let Err(error) = result {
                tracing::warn!(%error, "what this device was told is heard again after the next start");
            }
        });
    }

    /// Reads what this device was told before it started.
    pub(super) fn recall_standing(&mut self, id: &WorkspaceId) {
        let told = |what: &str| {
            let value = self.store.setting(&format!("{what} {id}")).ok().flatten()?;
            Some(OpId(value.try_into().ok()?))
        };
        let (off, closed) = (told(REMOVED), told(CLOSED));
        if let Some(room) = self.rooms.get_mut(id) {
            (room.told_off, room.told_closed) = (off, closed);
        }
    }

    /// Refuses at the call what would be void everywhere.
    pub(super) fn require(&mut self, id: &WorkspaceId, least: Role) -> Result<(), ApiError> {
        let me = self.me;
        let role = self.room(id)?.space.replica.role(&me);
        if self.room(id)?.row.state == WorkspaceState::Removed {
            let message =
                "you are no longer a member of this workspace; what you had stays, and can be saved as a file";
            return Err(ApiError::new("removed", message));
        }
        // Taking rights away stays possible: so are members removed who abuse version numbers (Rule R23).
        if let Some(version) = self.room(id)?.space.replica.newer_version().filter(|_| least == Role::Editor) {
            let error = AuthorError::Newer(version);
            return Err(ApiError::new(error.code(), error.to_string()));
        }
        if least == Role::Editor && self.room(id)?.is_closed() {
            return Err(ApiError::new(AuthorError::Closed.code(), AuthorError::Closed.to_string()));
        }
        if role >= least {
            if least == Role::Editor {
                // Whoever writes builds on what the log says.
                self.tend_look(id, true);
            }
            return Ok(());
        }
        if self.room(id)?.space.is_looked_at() {
            return Err(ApiError::new("arriving", "the history of this workspace is still coming in"));
        }
        let (has, needs) = (crate::workspace::role_name(role), crate::workspace::role_name(least));
        Err(ApiError::new("not_allowed", format!("this needs the role {needs}; yours here is {has}")))
    }
}

impl Room {
    /// Whether the workspace is closed, by its log or by what a relay showed that the log lacks.
    pub(super) fn is_closed(&self) -> bool {
        self.space.replica.judge().closed() || self.waits_for_past_of_close()
    }

    /// Whether the close is known from a relay alone: other members have what came before it.
    pub(super) fn waits_for_past_of_close(&self) -> bool {
        self.told_closed.is_some_and(|close| !self.space.replica.knows(&close))
    }
}
