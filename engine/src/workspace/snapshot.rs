//! What a workspace keeps of its own conclusions beside the log, so that opening it costs by what came since.
//!
//! A snapshot is the replica's state and the document's, sealed at rest. It is of use to the build that wrote it, on this
//! device, while the log still begins with the ops it was made from; otherwise the log is read from its beginning, and
//! nothing is lost but time. What a late void takes out of the document is found in the log, of which nothing is dropped.
//!
//! Deliberately absent: anything that others rely on.

use omniscope_protocol::codec::{Reader, Writer};
use omniscope_protocol::identity::{DeviceKey, OpId, WorkspaceId};
use omniscope_protocol::op::Op;
use omniscope_protocol::replica::Replica;

use super::Workspace;
use crate::store::{Store, Write};

/// Ops since the last snapshot for which it is worth writing one while the workspace is in use, and when it is closed;
/// with longer histories it is a share of them, so that all writing together costs by the history's length.
const MIN_OPS_IN_USE: usize = 4096;
const SHARE_IN_USE: usize = 4;
const MIN_OPS_AT_CLOSE: usize = 64;
const SHARE_AT_CLOSE: usize = 64;

impl Workspace {
    /// Whether enough has come since the last snapshot for another one.
    pub(crate) fn snapshot_due(&self, closing: bool) -> bool {
        let (least, share) = if closing { (MIN_OPS_AT_CLOSE, SHARE_AT_CLOSE) } else { (MIN_OPS_IN_USE, SHARE_IN_USE) };
        let ops = self.replica.len();
        self.snapshots && ops >= self.snapshot_at + least.max(ops / share)
    }

    /// What is to be written for `resume`; none while something is under way that the log does not hold yet.
    pub(crate) fn snapshot(&mut self) -> Option<Write> {
        if !self.is_saved() || self.is_looked_at() {
            return None;
        }
        let mut w = Writer::new();
        w.bytes(&self.replica.keep()?).bytes(&self.document.now().state_update());
        self.snapshot_at = self.replica.len();
        Some(Write::Snapshot { workspace: self.id().0, ops: self.snapshot_at as u64, bytes: w.into_bytes().into() })
    }

    /// The workspace as it was when a snapshot was made, and the row of the log from which on it is to be loaded. None if
    /// there is no snapshot that can be used.
    pub(crate) fn resume(store: &Store, id: &WorkspaceId, key: &DeviceKey, seed: [u8; 32]) -> Option<(Self, i64)> {
        let (last, bytes) = match store.snapshot(&id.0) {
            Ok(found) => found?,
            Err(error) => {
                tracing::warn!(%error, "a snapshot cannot be read");
                return None;
            }
        };
        let mut r = Reader::new(&bytes);
        let state = r.bytes("replica", usize::MAX).ok()?;
        let document = r.bytes("document", usize::MAX).ok()?;
        let fetch = |op: &OpId| {
            let stored = store.ops_by_id(&id.0, std::slice::from_ref(&op.0)).ok()?.pop()??;
            Op::decode_trusted(&stored).ok().filter(|found| found.id == *op)
        };
        let replica = match Replica::restore(*id, key, state, fetch) {
            Ok(replica) => replica,
            Err(reason) => {
                tracing::info!(%reason, "a snapshot is of no use; the log is read from its beginning");
                return None;
            }
        };
        let mut space = Self::new(replica, key, seed);
        space.snapshot_at = space.replica.len();
        if let Err(error) = space.document().apply(document) {
            tracing::warn!(%error, "a snapshot's document cannot be read");
            return None;
        }
        Some((space, last))
    }
}

#[cfg(test)]
mod tests;
