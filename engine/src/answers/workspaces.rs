//! What is said of workspaces.
//!
//! Deliberately absent: their members and links (`people`).

use omniscope_protocol::identity::WorkspaceId;
use serde::Serialize;

use super::{Reason, WorkspaceRelay};
use crate::event::{Peer, Person};

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
    #[cfg_attr(feature = "types", ts(type = "Role | \"none\""))]
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
    pub waits: Option<Reason>,
}

/// The workspaces on this computer, and joins that wait.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Workspaces {
    pub workspaces: Vec<Summary>,
}

/// A workspace that was founded just now.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Made {
    /// Its id.
    pub workspace: String,
    /// Its name.
    pub name: String,
}

/// Counts of who is there and what was done.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Statistics {
    /// Persons who are members.
    pub members: usize,
    /// Devices that are here, this one included.
    pub online: usize,
    /// Of these, those whose person does nothing for a moment.
    pub idle: usize,
    /// Of these, those whose person does nothing for long.
    pub away: usize,
    /// Edits of this day in UTC, by the authors' clocks.
    pub edits_today: usize,
}

/// One workspace in all detail.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Details {
    /// As in the list.
    #[serde(flatten)]
    pub summary: Summary,
    /// Who is there and what was done.
    pub statistics: Statistics,
    /// The ids of the ops that no other known op names.
    pub heads: Vec<String>,
    /// How many ops the log has.
    pub ops: usize,
    /// Keys that are not known here under which ops of the log are sealed.
    pub missing_keys: usize,
}

/// What becomes of a link that was followed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Joining {
    /// The id of the workspace.
    pub workspace: String,
    /// The role that it gives; absent where an answer must come first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "types", ts(optional, type = "Role"))]
    pub role: Option<&'static str>,
    /// Whether this device is in, or waits.
    #[cfg_attr(feature = "types", ts(type = "\"member\" | \"pending\""))]
    pub status: &'static str,
    /// Whether it was in before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "types", ts(optional, type = "true"))]
    pub already: bool,
    /// What it waits for: stable, lower-case, words joined by underscores.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "types", ts(optional))]
    pub code: Option<&'static str>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "types", ts(optional))]
    pub message: Option<&'static str>,
}

impl Joining {
    /// This device is in, with this role.
    pub(crate) fn done(workspace: &WorkspaceId, role: &'static str, already: bool) -> Self {
        let workspace = workspace.to_string();
        Self { workspace, role: Some(role), status: "member", already, code: None, message: None }
    }

    /// It waits, for what `reason` says in a code and in words if anything is known of it.
    pub(crate) fn waits(
        workspace: &WorkspaceId,
        role: Option<&'static str>,
        reason: Option<(&'static str, &'static str)>,
    ) -> Self {
        let (code, message) = reason.unzip();
        Self { workspace: workspace.to_string(), role, status: "pending", already: false, code, message }
    }
}

/// How far others are.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct SyncReport {
    /// Whether all who are connected have the same; `None` if nobody is.
    pub converged: Option<bool>,
    /// Who is connected.
    pub peers: Vec<Peer>,
    /// The relays that keep the workspace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "types", ts(optional, type = "Array<WorkspaceRelay>"))]
    pub relays: Vec<WorkspaceRelay>,
}
