//! Documents of windows: opened, edited and closed by their handles.
//!
//! Deliberately absent: what a window shows (`workspace`), and its pointers (`people`).

use omniscope_protocol::identity::WorkspaceId;
use omniscope_protocol::judge::Role;

use super::{Actor, random};
use crate::api::ApiError;
use crate::workspace::DocumentSink;

impl Actor {
    pub(super) fn open_document(
        &mut self,
        workspace: &str,
        sink: Box<dyn DocumentSink>,
    ) -> Result<(u32, u64, bool), ApiError> {
        let id = self.find(workspace)?;
        self.flush(&id, u64::MAX);
        let handle = self.next_document;
        self.next_document += 1;
        let seed = random()?;
        self.look_at(&id);
        let client = self.with(&id, |space, _, key, _| Ok(space.open_window(handle, key, seed, sink)))?;
        let writable = self.require(&id, Role::Editor).is_ok();
        self.documents.insert(handle, id);
        self.show_presence_to(&id);
        Ok((handle, client, writable))
    }

    pub(super) fn push(&mut self, document: u32, update: &[u8]) -> Result<u64, ApiError> {
        let id = self.document(document)?;
        self.require(&id, Role::Editor)?;
        let (now, pause) = (self.now(), self.pause_ms(&id));
        let number = self.with(&id, |space, _, _, _| space.push(document, update, now, pause))?;
        self.on_tick();
        Ok(number)
    }

    pub(super) fn close_document(&mut self, document: u32) {
        if let Some(id) = self.documents.remove(&document) {
            self.flush(&id, u64::MAX);
            self.end_presence(&id, document);
            self.look_at(&id);
            if let Some(room) = self.rooms.get_mut(&id) {
                room.space.close_window(document);
            }
        }
    }

    pub(super) fn document(&self, document: u32) -> Result<WorkspaceId, ApiError> {
        let id = self.documents.get(&document).copied();
        id.ok_or_else(|| ApiError::new("no_document", "the document is closed"))
    }
}
