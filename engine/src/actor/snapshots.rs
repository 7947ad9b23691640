//! When snapshots are written, and the check of the rows that a snapshot spared reading.
//!
//! A log that is read from its beginning is checked row by row on the way. One that was not is checked afterwards, a few
//! rows at a time. Where a row is not what it was, the snapshot goes, so that the next opening reads the whole log,
//! drops what is damaged and fetches it again.
//!
//! Deliberately absent: what a snapshot holds (`workspace::snapshot`).

use omniscope_protocol::identity::{OpId, WorkspaceId};

use super::Actor;
use crate::event::Event;
use crate::store::{Batch, Write};

/// Rows checked in one go, and the time until the next ones: some thousand rows a second at next to no cost.
const SCRUB_ROWS: usize = 256;
const SCRUB_EVERY_MS: u64 = 100;

impl Actor {
    pub(super) fn tick_snapshots(&mut self, now: u64) {
        for id in self.rooms.keys().copied().collect::<Vec<_>>() {
            self.tend_snapshot(&id, false);
            let Some(room) = self.rooms.get_mut(&id) else { continue };
            if let Some(after) = room.scrub_from.filter(|_| room.scrub_due <= now) {
                room.scrub_due = now + SCRUB_EVERY_MS;
                self.scrub(&id, after);
            }
        }
    }

    /// Writes a snapshot if one is due. One that is not written is no loss, so nobody waits for it or hears of it.
    pub(super) fn tend_snapshot(&mut self, id: &WorkspaceId, closing: bool) {
        let Some(room) = self.rooms.get_mut(id).filter(|room| room.space.snapshot_due(closing)) else { return };
        let Some(write) = room.space.snapshot() else { return };
        self.store.commit(Batch::one(write), |result| {
            if let Err(error) = result {
                tracing::warn!(%error, "a snapshot was not written");
            }
        });
    }

    /// Checks some rows of a log behind `after`.
    fn scrub(&mut self, id: &WorkspaceId, after: i64) {
        let Some(room) = self.rooms.get_mut(id) else { return };
        let replica = &room.space.replica;
        let (mut left, mut last, mut whole) = (SCRUB_ROWS, None, true);
        let read = self.store.for_each_op(&id.0, after, |row, op, bytes| {
            whole &= blake3::hash(bytes).as_bytes() == &op && replica.knows(&OpId(op));
            left -= 1;
            last = Some(row).filter(|_| left == 0);
            whole && left > 0
        });
        if whole && read.is_ok() {
            room.scrub_from = last;
            return;
        }
        room.scrub_from = None;
        room.space.snapshots = false;
        tracing::warn!("the log is damaged; it is read from its beginning at the next start");
        self.commit(id, vec![Write::DropSnapshot(id.0)]);
        let message = "A part of this workspace's history is damaged on this computer. At the next start of OmniScope it \
                       is fetched again from others.";
        let workspace = Some(id.to_string());
        self.tell(Event::Notice { code: "log_damaged".into(), message: message.into(), workspace });
    }
}
