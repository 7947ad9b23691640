//! OmniScope as a subject of the neutral benchmark: clients that are windows of real engines, driven by JSON lines.
//!
//! Each client is an engine of its own (own key, own data folder, own connections over loopback; gate, signatures and
//! log as always) and a window's document beside it, kept in step through the engine's document calls as the desktop
//! window's is. The benchmark's registers are the labels of nodes, its text is the notes of one node, its presence is
//! awareness. Deliberately absent: anything that a window could not do.

mod client;
mod page;
mod stats;
mod trace;

pub use client::{Client, Run, Want};
pub use stats::{Stats, now_us};
pub use trace::Traces;
