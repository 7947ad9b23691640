//! Harness.

pub mod net_node;

pub mod peers;
pub mod rows;
pub mod vfs;
