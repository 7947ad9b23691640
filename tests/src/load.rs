//! Load on a relay: members of many workspaces that are no more than a key, a connection and an exchange of ops.
//!
//! They say what real devices say (a signed genesis, redemptions of an invite, edits that name what their author had
//! seen, reservations) and follow a workspace through the relay alone: push, be told, ask. Deliberately absent: engines,
//! replicas and gossip, which would cost more than the relay that is measured.
#![allow(clippy::unwrap_used, reason = "test harness")]

pub mod attack;
mod board;
mod founding;
mod limits;
mod member;
mod run;
mod sample;

pub use board::{Board, Latency};
pub use founding::{Founded, Place, key_of};
pub use limits::{relay_for_load, relay_with};
pub use member::{Member, Phase};
pub use run::{Crowd, Figures, Part, Setup, measure};
pub use sample::Sample;
