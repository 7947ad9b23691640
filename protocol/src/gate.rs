//! The gate: a bounded, deterministic parser and judge of document updates (Yjs v1), in front of any document library.
//!
//! [`Update::parse`] judges bytes alone; [`Index::check`] judges the parsed update against the causal past. Both are
//! total and pure, so that every peer reaches the same verdict in whatever order ops arrive.
//!
//! Deliberately absent: a document, deletion state, anything that depends on what other sessions wrote later. v2 updates
//! are not read.

mod bytes;
mod index;
mod order;
mod runs;
mod schema;
mod structs;
mod update;

#[cfg(test)]
mod tests;

pub use index::{Fit, Index, Past, Refusal};
pub use update::Update;

/// Longest update that is read, in bytes.
pub const MAX_UPDATE_BYTES: usize = 256 * 1024;
/// Deepest nesting of arrays and objects inside one value.
pub const MAX_VALUE_DEPTH: usize = 64;
/// Longest map key or object key, in bytes.
pub const MAX_KEY_BYTES: usize = 1024;
/// Client ids lie below this: JavaScript holds them exactly, and yrs panics above.
pub const MAX_CLIENT: u64 = 1 << 53;
/// Clocks end at or below this: document libraries compute with signed 32-bit differences.
pub const MAX_CLOCK: u64 = (1 << 31) - 1;

/// Why bytes are not an update of this document. The maker of the bytes is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    #[error("the update is longer than {MAX_UPDATE_BYTES} bytes")]
    TooLarge,
    #[error("the update ends early at byte {0}")]
    Truncated(usize),
    #[error("expected the shortest form of a number at byte {0}")]
    Number(usize),
    #[error("expected the end of the update at byte {0}")]
    Trailing(usize),
    #[error("a count at byte {0} is larger than the bytes left, or zero")]
    Count(usize),
    #[error("expected the structs of one client, found {0}")]
    Clients(u64),
    #[error("a client id or clock at byte {0} is out of range")]
    Range(usize),
    #[error("struct kind {kind} at byte {at} is not part of the document")]
    Kind { kind: u8, at: usize },
    #[error("value kind {kind} at byte {at} is not part of the document")]
    Value { kind: u8, at: usize },
    #[error("values nest deeper than {MAX_VALUE_DEPTH} at byte {0}")]
    Depth(usize),
    #[error("expected UTF-8 at byte {0}")]
    Text(usize),
    #[error("a key at byte {0} is longer than {MAX_KEY_BYTES} bytes or reserved")]
    Key(usize),
    #[error("expected a delete set that names each client once, in ranges, at byte {0}")]
    Deletes(usize),
}

impl GateError {
    /// A code that never changes meaning.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "gate.too_large",
            Self::Truncated(_) => "gate.truncated",
            Self::Number(_) => "gate.number",
            Self::Trailing(_) => "gate.trailing",
            Self::Count(_) => "gate.count",
            Self::Clients(_) => "gate.clients",
            Self::Range(_) => "gate.range",
            Self::Kind { .. } => "gate.kind",
            Self::Value { .. } => "gate.value",
            Self::Depth(_) => "gate.depth",
            Self::Text(_) => "gate.text",
            Self::Key(_) => "gate.key",
            Self::Deletes(_) => "gate.deletes",
        }
    }
}
