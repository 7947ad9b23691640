//! What is said of the network and of the disk: relays, connections, room.
//!
//! Deliberately absent: how one workspace's members are reached, which is `event::Peer`.

use serde::Serialize;

use super::Reason;

/// A relay that this device uses.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct UsedRelay {
    /// Its address.
    pub addr: String,
    /// `up` while a reservation stands there.
    #[cfg_attr(feature = "types", ts(type = "\"up\" | \"down\""))]
    pub state: &'static str,
    /// Time there and back, where it was measured.
    pub latency_ms: Option<f64>,
    /// Why it was lost or refused last.
    pub problem: Option<String>,
}

/// A device to which there is a connection.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Connected {
    /// Its id.
    pub device: String,
    /// `lan`, `direct` or `relayed`.
    pub path: String,
    /// Time there and back, where it was measured.
    pub latency_ms: Option<f64>,
}

/// How this device stands in the network.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct NetworkStatus {
    /// Whether it looks for others.
    pub online: bool,
    /// Whether it is reached by relays alone.
    pub relay_only: bool,
    /// The addresses at which it listens.
    pub listening: Vec<String>,
    /// The relays that it uses.
    pub relays: Vec<UsedRelay>,
    /// The devices to which there is a connection.
    pub peers: Vec<Connected>,
}

/// A relay of one workspace.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct WorkspaceRelay {
    /// Its address.
    pub addr: String,
    /// `kept` if it keeps the workspace, `up` if it can be reached, `refused` or `down`.
    #[cfg_attr(feature = "types", ts(type = "\"kept\" | \"up\" | \"refused\" | \"down\""))]
    pub state: &'static str,
    /// Why it refused.
    pub code: Option<String>,
    /// How many ops it lacks, where that is known.
    pub behind: Option<usize>,
}

/// The relays of one workspace.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct WorkspaceRelays {
    pub relays: Vec<WorkspaceRelay>,
}

/// A relay that was taken away.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct RelayRemoved {
    /// Whether it was one of the workspace's.
    pub removed: bool,
}

/// What a test of a relay found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct RelayTest {
    /// Whether a relay answered.
    pub reached: bool,
    /// Time there and back.
    pub latency_ms: Option<f64>,
    /// Its id.
    pub peer: Option<String>,
    /// What is wrong with it; `None` if it would keep a workspace.
    pub problem: Option<Reason>,
}

/// What the log of one workspace takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct StoredWorkspace {
    /// Its id.
    pub workspace: String,
    /// Its name.
    pub name: String,
    /// How many ops.
    pub ops: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// What the database of this device takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Storage {
    /// Where it lies; `None` in memory.
    pub folder: Option<String>,
    /// Bytes of all of it.
    pub bytes: u64,
    /// Bytes that compacting would give back.
    pub free: u64,
    /// Its logs.
    pub workspaces: Vec<StoredWorkspace>,
}

/// The database was written anew.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Compacted {
    /// Bytes before.
    pub before: u64,
    /// Bytes now.
    pub bytes: u64,
}
