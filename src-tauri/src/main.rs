//! The OmniScope window: arguments and logs around a thin shell over the engine.
//!
//! `window` builds the one window, `backend` opens the engine behind it, `commands` and `events` connect the two.
//! Deliberately absent: SQL, libp2p, and every rule about workspaces; they are the engine's.

mod backend;
mod commands;
mod error;
mod events;
mod instance;
mod placement;
#[cfg(test)]
mod types;
mod window;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use tracing_subscriber::EnvFilter;

/// Build analysis pipelines together: on your own computers, online or offline.
#[derive(Debug, Parser)]
#[command(name = "omniscope-desktop", version)]
struct Arguments {
    /// An invitation to open, as it was sent: omniscope://join#…
    link: Option<String>,
    /// Folder of workspaces and settings [default: OmniScope in the user's data folder]
    #[arg(long, value_name = "DIR", env = "OMNISCOPE_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// Keeps the device key in this file instead of the system's keyring
    #[arg(long, value_name = "FILE", env = "OMNISCOPE_KEY_FILE")]
    key_file: Option<PathBuf>,
    /// Relay to be reachable through, may be given several times
    #[arg(long, value_name = "MULTIADDR", env = "OMNISCOPE_RELAY", value_delimiter = ',')]
    relay: Vec<String>,
    /// Address to listen on, may be given several times [default: TCP and QUIC on any port]
    #[arg(long, value_name = "MULTIADDR", env = "OMNISCOPE_LISTEN", value_delimiter = ',')]
    listen: Vec<String>,
    /// Does not look for colleagues on the local network
    #[arg(long)]
    no_mdns: bool,
    /// Name to go by where none is set yet, instead of asking
    #[arg(long, value_name = "NAME")]
    profile_name: Option<String>,
    /// Opens on one half of the screen, where the system lets windows choose
    #[arg(long, value_enum)]
    half: Option<placement::Half>,
    /// What to log to stderr: error, warn, info, debug, trace, or a filter
    #[arg(long, value_name = "FILTER", env = "OMNISCOPE_LOG", default_value = "warn")]
    log: String,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("omniscope-desktop: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    if let Some(failure) = window::restart_with_plain_buffers() {
        return Err(failure).context("cannot start again with WEBKIT_DISABLE_DMABUF_RENDERER=1");
    }
    let filter = EnvFilter::try_new(&arguments.log).context("--log is not a filter")?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let data_dir = match arguments.data_dir {
        Some(dir) => dir,
        None => omniscope_engine::device::default_data_dir().context("neither --data-dir nor HOME is set")?,
    };
    let data_dir = std::path::absolute(&data_dir).context("--data-dir is no path")?;
    if instance::hand_over(&data_dir, arguments.link.as_deref()) {
        return Ok(());
    }
    omniscope_engine::prepare();
    let options = omniscope_engine::Options {
        network: true,
        listen: addresses(&arguments.listen).context("--listen")?,
        relays: addresses(&arguments.relay).context("--relay")?,
        mdns: !arguments.no_mdns,
        data_dir: Some(data_dir.clone()),
        ..omniscope_engine::Options::default()
    };
    let settings = backend::Settings {
        data_dir,
        key_file: arguments.key_file,
        options,
        profile_name: arguments.profile_name,
        link: arguments.link,
    };
    window::run(settings, arguments.half)
}

/// Reads addresses of whatever type the engine takes.
fn addresses<T>(given: &[String]) -> anyhow::Result<Vec<T>>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let one = |text: &String| text.parse().with_context(|| format!("expected a multiaddress, found {text:?}"));
    given.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
