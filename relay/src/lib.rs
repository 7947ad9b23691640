//! The OmniScope relay: a meeting point for devices that cannot reach each other directly.
//!
//! It carries circuits between devices, tells a device how its address looks from outside and tests whether a device
//! can be reached. The library runs inside tests; the binary adds arguments, signals and logs. Deliberately absent:
//! keys of workspaces, and code that parses ops' payloads or documents. This crate knows neither the engine nor yrs.

mod behaviour;
mod config;
mod identity;
mod server;

pub use config::{Config, DEFAULT_PORT, Limits, default_listen};
pub use identity::{IdentityError, load_or_create};
pub use server::{Server, StartError};
