//! The `omniscope-relay` program: arguments, logs and signals around the library.
//!
//! Stdout carries addresses and nothing else, one a line. Deliberately absent: everything that a relay does.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use libp2p::Multiaddr;
use omniscope_relay::{Config, Server, default_listen};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// A meeting point for OmniScope devices that cannot reach each other directly. It reads no content.
#[derive(Parser)]
#[command(name = "omniscope-relay", version)]
struct Arguments {
    /// Address to listen on, may be given several times [default: TCP and QUIC on port 4717 of every interface]
    #[arg(long, value_name = "MULTIADDR", env = "OMNISCOPE_RELAY_LISTEN", value_delimiter = ',')]
    listen: Vec<Multiaddr>,
    /// Folder of the relay's key [default: $STATE_DIRECTORY, or omniscope-relay in the user's state folder]
    #[arg(long, value_name = "DIR", env = "OMNISCOPE_RELAY_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// What to log to stderr: error, warn, info, debug, trace, or a filter such as omniscope_relay=debug
    #[arg(long, value_name = "FILTER", env = "OMNISCOPE_RELAY_LOG", default_value = "info")]
    log: String,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("omniscope-relay: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(arguments: Arguments) -> Result<()> {
    let filter = EnvFilter::try_new(&arguments.log).context("--log is not a filter")?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    // Before the first address is printed, so that whoever reads it may stop us at once.
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let data_dir = arguments.data_dir.map_or_else(default_data_dir, Ok)?;
    let mut config = Config::new(data_dir);
    config.listen = if arguments.listen.is_empty() { default_listen() } else { arguments.listen };
    let mut server = Server::start(config).await?;
    for addr in server.addresses() {
        print_address(addr);
    }
    tracing::info!("the relay is ready");
    loop {
        tokio::select! {
            addr = server.next_address() => match addr {
                Some(addr) => print_address(&addr),
                None => anyhow::bail!("the relay stopped by itself"),
            },
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    tracing::info!("stopping");
    server.stop().await;
    Ok(())
}

fn print_address(addr: &Multiaddr) {
    let mut out = std::io::stdout();
    // Nobody reading any more is no reason to stop.
    let _ = writeln!(out, "{addr}").and_then(|()| out.flush());
}

fn default_data_dir() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("STATE_DIRECTORY") {
        return Ok(PathBuf::from(folder));
    }
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let folder = state.or_else(home).context("neither --data-dir nor HOME is set")?;
    Ok(folder.join("omniscope-relay"))
}
