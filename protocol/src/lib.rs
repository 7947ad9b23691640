//! The pure rules of OmniScope: who said what, who may, what counts, what goes over the wire.
//!
//! Deliberately absent: clocks, randomness, files, sockets, threads. Time and secrets come in as arguments; what has
//! to happen goes out as values.

#[macro_use]
mod kept;

pub mod causal;
pub mod checkpoint;
pub mod codec;
pub mod device_link;
#[cfg(feature = "document")]
pub mod gate;
pub mod identity;
pub mod invitation;
pub mod judge;
pub mod op;
pub mod recovery;
pub mod replica;
#[cfg(feature = "document")]
pub mod sealing;
#[cfg(feature = "document")]
pub mod state;
pub mod wire;
