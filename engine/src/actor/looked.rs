//! Which edits of others a person has not looked at yet: those that came in since a window showed the workspace last.
//!
//! How far that was is a place in the log of this computer, kept with the row of the list. Deliberately absent: what
//! those edits changed (`verbs::history`).

use std::collections::BTreeSet;

use omniscope_protocol::identity::{DeviceId, WorkspaceId};

use super::{Actor, Room};
use crate::answers::MAX_UNREAD;
use crate::event::Event;
use crate::store::Write;

/// So many of the newest ops are looked through. Own ones, which count for nothing, could else be a long way.
const MAX_LOOKED_THROUGH: usize = 10_000;

impl Actor {
    /// Notes that a window shows a workspace, or has shown it up to now.
    pub(super) fn look_at(&mut self, id: &WorkspaceId) {
        let me = self.me;
        let Some(room) = self.rooms.get_mut(id) else { return };
        let unread = room.unread(&me);
        room.note_looked();
        let row = room.row.clone();
        self.commit(id, vec![Write::Workspace(row)]);
        if unread > 0 {
            self.tell(Event::WorkspacesChanged {});
        }
    }
}

impl Room {
    /// Edits by others than the person of this device that no window here has shown, at most `MAX_UNREAD`.
    pub(super) fn unread(&self, me: &DeviceId) -> usize {
        let replica = &self.space.replica;
        let looked = self.row.looked.as_slice().try_into().map_or(0, u64::from_le_bytes) as usize;
        let unseen = looked.max(replica.len().saturating_sub(MAX_LOOKED_THROUGH))..replica.len();
        if self.is_shown() || unseen.is_empty() {
            return 0;
        }
        let members = replica.members();
        let person = members.iter().find(|m| m.author == me.0).map_or(me.0, |m| m.person);
        let own: BTreeSet<DeviceId> =
            members.iter().filter(|m| m.person == person).map(|m| DeviceId(m.author)).chain([*me]).collect();
        let counts = |(_, author, _, edit): &(_, DeviceId, _, bool)| *edit && !own.contains(author);
        unseen.filter_map(|place| replica.at(place)).filter(counts).take(MAX_UNREAD).count()
    }

    /// Everything that is in the log by now counts as looked at; for the row to be kept by the caller.
    pub(super) fn note_looked(&mut self) {
        self.row.looked = (self.space.replica.len() as u64).to_le_bytes().to_vec();
    }

    pub(super) fn is_shown(&self) -> bool {
        self.space.windows().next().is_some()
    }
}
