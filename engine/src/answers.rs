//! The shapes of verbs' answers: what windows and programs read.
//!
//! `docs/api.md` says what each verb answers, and the window's types are generated from these. Deliberately absent: answers
//! that no window reads, which are put together where they are given, and the types of events (`event`).

mod history;
mod network;
mod people;
mod pipelines;
mod workspaces;

use serde::Serialize;
use serde_json::Value;

pub use history::{
    Author, Comparison, Did, DiffAuthor, EntryDetails, History, HistoryEntry, NamedVersion, Restored, Version, Versions,
};
pub(crate) use history::{DEFAULT_ENTRIES, MAX_ENTRIES, PAUSE_MS};
pub use network::{
    Compacted, Connected, NetworkStatus, RelayRemoved, RelayTest, Storage, StoredWorkspace, UsedRelay, WorkspaceRelay,
    WorkspaceRelays,
};
pub use people::{
    Approved, Declined, Device, DeviceOffer, Devices, Inspected, Invite, Inviter, Invites, JoinRequest, JoinRequests,
    MadeLink, Member, Members, Profile, RecoveryKey,
};
pub use pipelines::{Exported, Findings, Imported};
pub use workspaces::{Details, Joining, MAX_UNREAD, Made, Statistics, Status, Summary, SyncReport, Workspaces};

use crate::api::ApiError;

/// Why something is not so, or not so yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Reason {
    /// Stable, lower-case, words joined by underscores.
    pub code: String,
    /// The same in words.
    pub message: String,
}

impl Reason {
    pub(crate) fn new(code: &str, message: &str) -> Self {
        Self { code: code.to_owned(), message: message.to_owned() }
    }
}

/// An answer as JSON, in the shape that verbs return.
#[allow(clippy::unnecessary_wraps, reason = "the last word of most verbs, which may fail before")]
pub(crate) fn answer(shape: impl Serialize) -> Result<Value, ApiError> {
    Ok(serde_json::to_value(shape).expect("answers are structs of strings, numbers and lists"))
}
