//! The shapes of verbs' answers that windows show as they are.
//!
//! `docs/api.md` says what each verb answers. Deliberately absent: answers that are put together where they are given,
//! as plain JSON, and the types of events (`event`).

use serde::Serialize;

use crate::event::Person;

/// Edits of others that were not looked at yet are counted up to here; what is said as this many may be more.
pub const MAX_UNREAD: usize = 1000;

/// Where this device stands in a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It waits to be let in, or for the first of the history.
    Pending,
    /// The document can be read, its history is coming in.
    Arriving,
    /// It takes part, as far as its role goes.
    Member,
    /// It takes part no more.
    Removed,
    /// Nobody can change the workspace any more.
    Closed,
}

/// What a join waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Waits {
    /// Stable, lower-case, words joined by underscores.
    pub code: String,
    /// The same in words.
    pub message: String,
}

/// One workspace in the list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Summary {
    /// Its id.
    pub workspace: String,
    /// Its name; the one in the link while it waits.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// This device's role.
    #[cfg_attr(feature = "types", ts(type = "\"owner\" | \"editor\" | \"viewer\" | \"none\""))]
    pub role: &'static str,
    /// The senior owner; who made the link while it waits.
    pub owner: Option<Person>,
    /// When it was founded, as RFC 3339 in UTC; `None` while it waits.
    pub created: Option<String>,
    /// When the last edit came in here, as RFC 3339 in UTC; `None` while it waits.
    pub updated: Option<String>,
    /// How many persons are members.
    pub members: usize,
    /// How many devices of members are here now, this one included.
    pub online: usize,
    /// Where this device stands.
    pub status: Status,
    /// Ops of this device that no other member is known to have.
    pub unsent: usize,
    /// Whether everything is on this computer's disk.
    pub saved: bool,
    /// Edits of others since a window here showed it last, at most `MAX_UNREAD`.
    pub unread: usize,
    /// Bytes of its log on this computer.
    pub bytes: u64,
    /// The version of a newer OmniScope by which it was edited: it can be read only here.
    pub newer_version: Option<u8>,
    /// What a join waits for.
    pub waits: Option<Waits>,
}
