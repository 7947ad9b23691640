//! What the engine tells those who watch it. Names follow the original system's events.
//!
//! Events are hints to look again, not a log: a slow watcher may miss some and then reads the state.

use serde::Serialize;
use serde_json::Value;

/// Events that a watcher may lag behind before it loses the oldest.
pub const MAX_EVENTS_BEHIND: usize = 1024;

/// Who a device is to the members of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Person {
    /// Its id.
    pub device: String,
    /// As it calls itself, else a name made of its id.
    pub name: String,
    /// `#rrggbb`, told apart from those of the others.
    pub color: String,
}

/// How a member's device is reached, and how far it is in the log.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Peer {
    /// Who it is.
    #[serde(flatten)]
    pub person: Person,
    /// `lan`, `direct` or `relayed`.
    pub path: String,
    /// Ops of the log here that it is not known to have.
    pub behind: usize,
    /// Whether it has ops that are not here.
    pub ahead: bool,
    /// Time there and back, where it was measured.
    pub latency_ms: Option<f64>,
    /// When it last said anything, as RFC 3339 in UTC.
    pub last_heard: String,
}

/// What one instance of a device shows of its person. The state is JSON that the instance made: a reader believes no
/// field of it but those that the engine adds, `device`, `name`, `color`, `instance` and `status`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Shown {
    /// The device.
    pub device: String,
    /// Which window or peer of that device.
    pub instance: String,
    /// What it shows; `None` once it is gone.
    #[cfg_attr(feature = "types", ts(type = "Record<string, unknown> | null"))]
    pub state: Option<Value>,
}

/// One event, as it goes out in JSON under the key `event`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A member came online.
    UserJoined { workspace: String, user: Person },
    /// A member left, or was not heard of for 30 s.
    UserLeft { workspace: String, user: Person },
    /// Who is present, after a change of the list.
    PresenceList {
        workspace: String,
        #[cfg_attr(feature = "types", ts(type = "Record<string, unknown>[]"))]
        presence: Vec<Value>,
    },
    /// A pointer moved, in flow coordinates.
    CursorUpdated {
        workspace: String,
        device: String,
        instance: String,
        #[cfg_attr(feature = "types", ts(type = "unknown"))]
        pointer: Value,
    },
    /// A selection changed.
    SelectionUpdated {
        workspace: String,
        device: String,
        instance: String,
        #[cfg_attr(feature = "types", ts(type = "unknown"))]
        selection: Value,
    },
    /// Any part of one presence entry changed.
    PresenceUpdated {
        workspace: String,
        #[cfg_attr(feature = "types", ts(type = "Record<string, unknown>"))]
        presence: Value,
    },
    /// Edits were folded into the pipeline.
    PipelineUpdated { workspace: String, ops: usize, authors: Vec<String> },
    /// The document's JSON differs from before.
    StateUpdated { workspace: String },
    /// A version was named, or renamed.
    VersionsChanged { workspace: String },
    /// What is saved here and what others hold.
    SyncState { workspace: String, saved: bool, unsent: usize, online: bool, peers: Vec<Peer> },
    /// A device is reached on another path than before, or (no path) no more.
    PathChanged { device: String, path: Option<String>, latency_ms: Option<f64> },
    /// The list of workspaces, or something that it shows, changed.
    WorkspacesChanged {},
    /// A join went through.
    Joined { workspace: String, role: String },
    /// A join waits; it is retried.
    JoinPending { workspace: String, code: String, message: String },
    /// Somebody asks to be let in by a link by request. The name is what the device calls itself.
    JoinRequested { workspace: String, device: String, name: Option<String>, role: String },
    /// A join was refused for good.
    JoinFailed { workspace: String, code: String, message: String },
    /// Something that a person should know.
    Notice { code: String, message: String, workspace: Option<String> },
}
