//! Workspaces out of memory and back: when, and on which thread.
//!
//! Deliberately absent: what of a workspace stays in memory (`mailbox::sleep`).

use std::sync::Arc;

use omniscope_protocol::identity::WorkspaceId;
use omniscope_protocol::wire::{Refusal, Response};
use tokio::sync::{Semaphore, mpsc};

use super::driver::{Driver, now_ms};
use crate::mailbox::Woken;

/// Workspaces that are read at one time.
const MAX_AT_ONCE: usize = 2;
/// A workspace in use of whose log nobody needed more than the end for so long leaves memory but for that.
const NEEDED_SECONDS: u64 = 30;

/// The workspaces that are being read; each holds its line, so there are no more than lines.
pub(super) struct Waking {
    sender: mpsc::UnboundedSender<Woken>,
    pub(super) woken: mpsc::UnboundedReceiver<Woken>,
    turns: Arc<Semaphore>,
}

impl Default for Waking {
    fn default() -> Self {
        let (sender, woken) = mpsc::unbounded_channel();
        Self { sender, woken, turns: Arc::new(Semaphore::new(MAX_AT_ONCE)) }
    }
}

impl Driver {
    /// Sees to it that a workspace is in memory when the turn of its line comes.
    pub(super) fn wake(&mut self, workspace: WorkspaceId) {
        if !self.mailbox.is_asleep(&workspace) || !self.lines.hold(workspace) {
            return;
        }
        let Some(waking) = self.mailbox.wake(&workspace) else { return };
        let (store, sender, turns) =
            (Arc::clone(&self.store), self.waking.sender.clone(), Arc::clone(&self.waking.turns));
        drop(tokio::spawn(async move {
            let Ok(_turn) = turns.acquire().await else { return };
            if let Ok(woken) = tokio::task::spawn_blocking(move || waking.read(&store)).await {
                // A relay that has ended needs none.
                let _ = sender.send(woken);
            }
        }));
    }

    /// A workspace was read: its line goes on.
    pub(super) fn on_woken(&mut self, woken: Woken) {
        let workspace = woken.workspace();
        if !self.mailbox.on_woken(woken, now_ms()) {
            for job in self.lines.clear(&workspace) {
                self.respond(job.ticket, &Response::Refused(Refusal::Busy));
            }
        }
        self.lines.release(workspace);
    }

    /// Puts workspaces out of memory in which nothing happens, or of which only the end is needed.
    pub(super) fn rest(&mut self) {
        let seconds = u64::from(self.config.mailbox.in_memory_seconds);
        if seconds == 0 {
            return;
        }
        let (now, needed) = (now_ms(), NEEDED_SECONDS.min(seconds));
        self.mailbox.rest(now.saturating_sub(seconds * 1000), now.saturating_sub(needed * 1000));
    }
}
