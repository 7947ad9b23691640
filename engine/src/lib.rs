//! Everything that one OmniScope device does: document, store, network, presence, keys.
//!
//! Upper floors see `Engine`, its verbs and its events. Deliberately absent: rules about who may do what (they are
//! `protocol`'s), argument parsing, and anything that prints.

mod actor;
pub mod answers;
pub mod api;
pub mod device;
pub mod doc;
mod engine;
pub mod event;
pub mod keys;
pub mod net;
pub mod pipeline;
mod relay_test;
pub mod rpc;
mod step_history;
pub mod store;
mod workspace;

pub use engine::{Engine, Options};
pub use net::prepare;
pub use workspace::{DocumentMessage, DocumentSink};
