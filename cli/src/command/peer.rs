//! `omniscope peer`: stays online without a window until it is told to stop.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;

use super::Context;
use crate::failure::Failure;
use crate::{Network, serve};

#[derive(Args)]
pub(crate) struct Peer {
    #[command(flatten)]
    pub(crate) network: Network,
    /// Serve HTTP under /api/collaboration here too, such as 127.0.0.1:8330. The token is in the file `http-token` in
    /// the data folder.
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) http: Option<SocketAddr>,
    /// Let --http listen on an address that other computers reach. The token then crosses the network unencrypted.
    #[arg(long, requires = "http")]
    pub(crate) http_public: bool,
}

pub(crate) async fn run(context: &Context, peer: Peer) -> Result<ExitCode, Failure> {
    omniscope_engine::prepare();
    serve::run(&context.place, &peer).await?;
    Ok(ExitCode::SUCCESS)
}
