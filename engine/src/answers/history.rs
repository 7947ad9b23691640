//! What is said of the history: its lines, comparisons, named versions.
//!
//! Places are counts of ops in the order in which they came in on this device; times are by the authors' clocks, as RFC
//! 3339 in UTC. Deliberately absent: what things are called in a difference (`doc::diff`).

use serde::Serialize;

use crate::doc::diff::{Diff, FieldChange};
use crate::event::Person;

/// Edits with a longer pause between them are told apart.
pub(crate) const PAUSE_MS: u64 = 10 * 60_000;
/// Entries given where no other number is asked for, and at most.
pub(crate) const DEFAULT_ENTRIES: usize = 100;
pub(crate) const MAX_ENTRIES: usize = 1000;
/// A named version.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Version {
    /// Its id.
    pub version: String,
    /// The name that it was given last.
    pub name: String,
    /// Who saved it.
    pub author: Person,
    /// When, by the author's clock.
    pub created: String,
}

/// All versions, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Versions {
    pub versions: Vec<Version>,
}

/// A version that was named just now.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct NamedVersion {
    /// Its id.
    pub version: String,
    /// Its name.
    pub name: String,
}

/// A state came back as a new edit.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Restored {
    /// How many things differ from before.
    pub changed: usize,
}

/// Whose hands were in a line of the history.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Author {
    /// Who it is.
    #[serde(flatten)]
    pub person: Person,
    /// How many ops of the line are theirs.
    pub edits: usize,
}

/// What an author did to one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Did {
    Added,
    Removed,
    Changed,
}

/// What there is to say of a line besides who and when; what its kind does not say is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[cfg_attr(feature = "types", ts(optional_fields))]
pub struct EntryDetails {
    /// The version that was saved or renamed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Of a version its name of today, of a renaming the new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whom it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Person>,
    /// The role that was given or offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    /// Whose link it was by which somebody joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inviter: Option<Person>,
    /// The step that was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// What was done to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub did: Option<Did>,
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What is different of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<FieldChange>>,
}

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct HistoryEntry {
    /// The place before its first op.
    pub from: usize,
    /// The place after its last.
    pub to: usize,
    /// What it is about; see `docs/api.md`.
    #[cfg_attr(
        feature = "types",
        ts(
            type = "\"edit\" | \"version\" | \"renamed\" | \"joined\" | \"left\" | \"role\" | \"invited\" | \"revoked\" | \"device_added\" | \"device_removed\" | \"closed\" | \"founded\""
        )
    )]
    pub kind: &'static str,
    /// Whose hands were in it.
    pub authors: Vec<Author>,
    /// When it began.
    pub first: String,
    /// When it ended.
    pub last: String,
    /// What else there is to say; nothing of the edits of many steps.
    pub details: Option<EntryDetails>,
}

/// The history, newest line first.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct History {
    pub entries: Vec<HistoryEntry>,
    /// How many ops the log has: the place of now.
    pub total: usize,
}

/// Whose hands were in a difference.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct DiffAuthor {
    /// Who it is.
    #[serde(flatten)]
    pub person: Person,
    /// What they touched, as `root/id`.
    pub touched: Vec<String>,
}

/// What differs between two places.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Comparison {
    /// How many things differ.
    pub changes: usize,
    /// What differs.
    pub diff: Diff,
    /// Whose hands were in it.
    pub authors: Vec<DiffAuthor>,
}
