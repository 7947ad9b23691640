//! The self-hosted relay: a meeting point for devices that cannot reach each other, and a mailbox for those who are
//! away.
//!
//! A library, so that the same relay runs inside tests; the binary adds arguments, signals and logs. Deliberately absent:
//! keys of workspaces, and code that parses ops' payloads or documents. This crate knows neither the engine nor yrs.

pub mod admin;
mod admission;
mod backup;
mod behaviour;
mod codec;
mod config;
pub mod control;
mod descriptors;
mod doors;
mod feed;
mod identity;
mod mailbox;
mod metrics;
mod names;
pub mod notify;
mod queue;
mod rates;
mod screen;
mod server;
mod store;

pub use backup::{back_up, hand_over, restore};
pub use config::{Config, DEFAULT_PORT, Limits, MailboxLimits, Policy, default_listen};
pub use control::Control;
pub use identity::{Identity, IdentityError, load_or_create};
pub use metrics::Metrics;
pub use server::{Remote, STOP_WITHIN, Server, StartError};
pub use store::{DATABASE_FILE, StoreError};
