//! What is kept over restarts about others: how much of the log each is known to hold, and when it was last heard.
//!
//! With it "not sent yet" stays true while nobody is there to ask, and the first exchange after a restart costs what is
//! new. Deliberately absent: addresses, which stand in `places`.

use omniscope_protocol::identity::{DeviceId, OpId, WorkspaceId};
use omniscope_protocol::judge::Role;

use super::{Actor, store_error};
use crate::api::ApiError;
use crate::store::Write;

impl Actor {
    /// Takes up what was known of the peers of a workspace that was just opened.
    pub(super) fn recall_peers(&mut self, id: &WorkspaceId) -> Result<(), ApiError> {
        let rows = self.store.peers(&id.0).map_err(store_error)?;
        let Some(room) = self.rooms.get_mut(id) else { return Ok(()) };
        for row in rows.into_iter().filter(|row| !row.common.is_empty()) {
            let common: Vec<OpId> = row.common.into_iter().map(OpId).collect();
            room.space.replica.note_heads(DeviceId(row.device), &common);
        }
        Ok(())
    }

    /// Writes down what has become known of peers since this was last done.
    pub(super) fn remember_peers(&mut self, id: &WorkspaceId) {
        let Some(room) = self.rooms.get_mut(id) else { return };
        let (workspace, replica) = (id.0, &room.space.replica);
        let mut writes = Vec::new();
        for device in std::mem::take(&mut room.heard_heads) {
            let common = replica.common(&device).into_iter().map(|op| op.0).collect();
            writes.push(Write::SyncPeer { workspace, device: device.0, common });
            if let Some(peer) = self.peers.get(&device) {
                writes.push(Write::LastSeen { workspace, device: device.0, at_ms: peer.heard_ms });
            }
        }
        if !writes.is_empty() {
            self.commit(id, writes);
        }
    }

    /// Writes down when a device that has gone was last heard, wherever it is a member.
    pub(super) fn remember_last_seen(&mut self, device: &DeviceId) {
        let Some(at_ms) = self.peers.get(device).map(|p| p.heard_ms) else { return };
        let shared = self.rooms.iter().filter(|(_, r)| r.space.replica.role(device) > Role::None);
        for id in shared.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.commit(&id, vec![Write::LastSeen { workspace: id.0, device: device.0, at_ms }]);
        }
    }
}
