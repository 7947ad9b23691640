//! Harness.

pub mod alloc;
pub mod dice;
pub mod mutate;
pub mod net_node;

pub mod peers;
pub mod rows;
pub mod vfs;
