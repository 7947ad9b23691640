//! From what was decided to what is durable: commits, those that gather first, and those that failed.
//!
//! Nothing counts as saved before the store's writer says so. Deliberately absent: SQL (`store`).

use omniscope_protocol::identity::WorkspaceId;

use super::Actor;
use crate::api::ApiError;
use crate::event::Event;
use crate::store::{Batch, Committed, StoreError, Write};

/// How long receipts gather before the committed heads are announced: this for each peer that hears it, up to a bound.
/// All of them do so, so what everybody hears grows with their number, not with its square.
const HEADS_AFTER_MS: u64 = 120;
const MAX_HEADS_AFTER_MS: u64 = 6000;
/// A row of the list whose time alone changed is written at most this often.
const ROW_EVERY_MS: u64 = 5000;
/// Own ops gather this long for one commit: sending them goes first.
const COMMIT_OWN_AFTER_MS: u64 = 5;
/// Others' ops gather this long at least: they are safe with their authors, and showing them goes first. The more devices
/// are connected, the more there is to write, and the more hold it: this for each of them, up to a bound.
const COMMIT_AFTER_MS: u64 = 30;
const COMMIT_AFTER_PEER_MS: u64 = 10;
const MAX_COMMIT_AFTER_MS: u64 = 250;
/// So many bytes of them are committed at once.
const MAX_GATHERED_BYTES: usize = 256 * 1024;
/// Pause before a failed commit is tried again.
const RETRY_COMMIT_MS: u64 = 1000;

/// The answer of the store's writer thread.
pub(super) struct Stored {
    workspace: WorkspaceId,
    number: u64,
    ops: u32,
    result: Result<Committed, (StoreError, Vec<Write>)>,
}

impl Actor {
    /// Signs what is due by `now`.
    pub(super) fn flush(&mut self, id: &WorkspaceId, now: u64) {
        let clock = self.now();
        // Flushing reports refusals to the window; there is nobody else to tell.
        let _ = self.with(id, |space, store, key, effects| {
            space.flush(store, key, now, clock, effects);
            Ok(())
        });
    }

    pub(super) fn commit(&mut self, id: &WorkspaceId, writes: Vec<Write>) {
        let Some(room) = self.rooms.get_mut(id) else { return };
        let mut batch = Batch { writes: std::mem::take(&mut room.space.unsaved) };
        room.commits += 1;
        if !batch.writes.is_empty() {
            room.carrier = room.commits;
        }
        room.commit_due = None;
        batch.writes.append(&mut room.gathered.writes);
        batch.writes.extend(writes);
        let (workspace, number, ops) = (*id, room.commits, room.space.replica.len() as u32);
        let (sender, kept) = (self.stored.0.clone(), batch.clone());
        self.store.commit(batch, move |result| {
            let result = result.map_err(|e| (e, kept.writes));
            // An actor that is gone has nothing to tell anybody.
            let _ = sender.send(Stored { workspace, number, ops, result });
        });
    }

    /// Commits with what comes within a moment, unless something else is committed before.
    pub(super) fn commit_soon(&mut self, id: &WorkspaceId, writes: Vec<Write>, own: bool) {
        let others = (COMMIT_AFTER_PEER_MS * self.peers.len() as u64).clamp(COMMIT_AFTER_MS, MAX_COMMIT_AFTER_MS);
        let due = self.now() + if own { COMMIT_OWN_AFTER_MS } else { others };
        let Some(room) = self.rooms.get_mut(id) else { return };
        room.gathered.writes.extend(writes);
        room.commit_due = Some(room.commit_due.map_or(due, |before| before.min(due)));
        if room.gathered.bytes() > MAX_GATHERED_BYTES {
            self.commit(id, Vec::new());
        }
    }

    /// Commits what has gathered.
    pub(super) fn commit_gathered(&mut self, id: &WorkspaceId) {
        if self.rooms.get(id).is_some_and(|room| room.commit_due.is_some()) {
            self.commit(id, Vec::new());
        }
    }

    /// Waits until everything of a workspace is durable. A commit that failed before is tried once more.
    pub(super) fn save(&mut self, id: &WorkspaceId) -> Result<(), ApiError> {
        self.commit_gathered(id);
        for _ in 0..2 {
            let flushed = self.store.flush();
            while let Ok(stored) = self.stored.1.try_recv() {
                self.on_stored(stored);
            }
            flushed.map_err(|e| ApiError::new("not_saved", e.to_string()))?;
            let room = self.room(id)?;
            if room.space.is_saved() {
                return Ok(());
            }
            if !room.space.unsaved.is_empty() {
                room.retry_at = None;
                self.commit(id, Vec::new());
            }
        }
        Err(ApiError::new("not_saved", "not saved on this computer; it is tried again by itself"))
    }

    /// How long after a commit the heads are announced.
    pub(super) fn heads_after(&self) -> u64 {
        (HEADS_AFTER_MS * self.peers.len().max(1) as u64).min(MAX_HEADS_AFTER_MS)
    }

    pub(super) fn on_stored(&mut self, stored: Stored) {
        let now = self.now();
        let heads_after = self.heads_after();
        let Some(room) = self.rooms.get_mut(&stored.workspace) else { return };
        match stored.result {
            Ok(proof) => {
                if room.space.unsaved.is_empty() && stored.number >= room.carrier {
                    room.space.committed(stored.ops, proof);
                }
                room.heads_due.get_or_insert(now + heads_after);
                self.answer_owed(&stored.workspace);
            }
            Err((error, writes)) => {
                tracing::error!(%error, "not saved");
                room.space.unsaved.splice(0..0, writes);
                room.retry_at = Some(now + RETRY_COMMIT_MS);
                let message = format!("Not saved on this computer: {error}");
                let workspace = Some(stored.workspace.to_string());
                self.tell(Event::Notice { code: "not_saved".into(), message, workspace });
            }
        }
        self.sync_state_changed(&stored.workspace);
    }

    /// Keeps the list's row in step with the document's title.
    pub(super) fn keep_row(&mut self, id: &WorkspaceId) {
        let now = self.now();
        let Some(room) = self.rooms.get_mut(id) else { return };
        if !room.title_stale {
            return;
        }
        let (name, description) = room.space.title();
        self.follow_named_mailboxes(id);
        let Some(room) = self.rooms.get_mut(id) else { return };
        let same = name.is_empty() || room.row.name == name && room.row.description == description;
        if same && now < room.row_kept + ROW_EVERY_MS {
            return;
        }
        (room.title_stale, room.row_kept) = (false, now);
        if !name.is_empty() && (room.row.name != name || room.row.description != description) {
            room.row.name = name;
            room.row.description = description;
            self.tell(Event::WorkspacesChanged {});
        }
        let Some(room) = self.rooms.get_mut(id) else { return };
        if room.is_shown() {
            room.note_looked();
        }
        let row = room.row.clone();
        self.commit(id, vec![Write::Workspace(row)]);
    }
}
