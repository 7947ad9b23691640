//! Harness.

pub mod adapter;
pub mod canaries;
pub mod decoders;
pub mod dice;
pub mod headless;
pub mod hostile;
pub mod http;
pub mod js;
pub mod lab;
pub mod lib0;
pub mod load;
pub mod log;
pub mod lossy;
pub mod meter;
pub mod mutate;
pub mod net_node;
pub mod peers;
pub mod process;
pub mod relay;
pub mod rows;
pub mod shell;
pub mod sim;
pub mod vfs;
pub mod window;
