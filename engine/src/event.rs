//! What the engine tells those who watch it. Names follow the original system's events.
//!
//! Events are hints to look again, not a log: a slow watcher may miss some and then reads the state.

use serde::Serialize;
use serde_json::Value;

/// Events that a watcher may lag behind before it loses the oldest.
pub const MAX_EVENTS_BEHIND: usize = 1024;

/// One event, as it goes out in JSON under the key `event`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A member came online.
    UserJoined { workspace: String, user: Value },
    /// A member left, or was not heard of for 30 s.
    UserLeft { workspace: String, user: Value },
    /// Who is present, after a change of the list.
    PresenceList { workspace: String, presence: Vec<Value> },
    /// A pointer moved, in flow coordinates.
    CursorUpdated { workspace: String, device: String, instance: String, pointer: Value },
    /// A selection changed.
    SelectionUpdated { workspace: String, device: String, instance: String, selection: Value },
    /// Any part of one presence entry changed.
    PresenceUpdated { workspace: String, presence: Value },
    /// Edits were folded into the pipeline.
    PipelineUpdated { workspace: String, ops: usize, authors: Vec<String> },
    /// The document's JSON differs from before.
    StateUpdated { workspace: String },
    /// What is saved here and what others hold.
    SyncState { workspace: String, saved: bool, unsent: usize, online: bool, peers: Vec<Value> },
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
