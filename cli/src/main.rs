//! The command line: arguments only. What commands do is under `command`, who answers them in `holder`.
//!
//! Deliberately absent: anything that decides about documents, keys or the network; that is the engine's.

mod command;
mod failure;
mod holder;
mod http;
mod output;
mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use command::Context;
use failure::Failure;

/// Build analysis pipelines together, without a server.
#[derive(Parser)]
#[command(name = "omniscope", version, about, propagate_version = true, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

/// Where the data lies and how answers are printed.
#[derive(Args, Clone)]
pub(crate) struct Place {
    /// Folder with the database; by default the user's data folder.
    #[arg(long, global = true, env = "OMNISCOPE_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Plain 0600 file with the device key, for headless use. Made when neither it nor a database exists.
    #[arg(long, global = true, env = "OMNISCOPE_KEY_FILE", value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Keep the device key in the data folder under a passphrase, which is asked for (or read from the environment
    /// variable OMNISCOPE_PASSPHRASE).
    #[arg(long, global = true, conflicts_with = "key_file")]
    passphrase: bool,
    /// Read the passphrase from this open file descriptor.
    #[arg(long, global = true, value_name = "FD", conflicts_with = "key_file")]
    passphrase_fd: Option<u32>,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

/// How a command that needs others reaches them.
#[derive(Args, Clone, Default)]
pub(crate) struct Network {
    /// Address to listen on, such as /ip4/127.0.0.1/tcp/0. May be given several times.
    #[arg(long, value_name = "ADDR")]
    listen: Vec<String>,
    /// Relay to be reachable through, ending in /p2p/ID. May be given several times.
    #[arg(long, value_name = "ADDR")]
    relay: Vec<String>,
    /// Do not look for neighbours on the local network.
    #[arg(long)]
    no_mdns: bool,
    /// Be reached through relays alone: listen nowhere and show this device's address to nobody but them.
    #[arg(long)]
    relay_only: bool,
}

#[derive(Subcommand)]
enum Command {
    /// This device's name and colour.
    #[command(subcommand)]
    Profile(command::profile::Verb),
    /// Workspaces: create, list, look at, leave.
    #[command(subcommand)]
    Workspace(command::workspace::Verb),
    /// Named versions of a workspace.
    #[command(subcommand)]
    Version(command::version::Verb),
    /// Who changed what, and when; newest first.
    History(command::history::History),
    /// Roles of members.
    #[command(subcommand)]
    Member(command::member::Verb),
    /// An owner's key kept offline.
    #[command(subcommand)]
    Recovery(command::recovery::Verb),
    /// Several devices of your own in a workspace.
    #[command(subcommand)]
    Device(command::device::Verb),
    /// Invitations to a workspace.
    #[command(subcommand)]
    Invite(command::invite::Verb),
    /// Join a workspace by an invitation link.
    Join(command::join::Join),
    /// Whole pipelines: import, export, validate.
    #[command(subcommand)]
    Pipeline(command::pipeline::Verb),
    /// Single nodes.
    #[command(subcommand)]
    Node(command::node::Verb),
    /// Connections between nodes.
    #[command(subcommand)]
    Edge(command::edge::Verb),
    /// The network of the peer or window that holds the data folder.
    #[command(subcommand)]
    Network(command::network::Verb),
    /// Stay online and speak JSON-RPC, one message a line, on stdin and stdout.
    Peer(command::peer::Peer),
    /// Check database, folder, key and network.
    Doctor,
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("OMNISCOPE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,libp2p=error,yamux=error,quinn_udp=error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let json = arguments.place.json;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::machine("start", error).report(json),
    };
    let result = runtime.block_on(run(arguments));
    // A blocked read of stdin must not keep the process.
    runtime.shutdown_background();
    match result {
        Ok(code) => code,
        Err(failure) => failure.report(json),
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let context = Context::new(arguments.place);
    match arguments.command {
        Command::Profile(verb) => command::profile::run(&context, verb).await,
        Command::Workspace(verb) => command::workspace::run(&context, verb).await,
        Command::Version(verb) => command::version::run(&context, verb).await,
        Command::History(history) => command::history::run(&context, history).await,
        Command::Member(verb) => command::member::run(&context, verb).await,
        Command::Recovery(verb) => command::recovery::run(&context, verb).await,
        Command::Device(verb) => command::device::run(&context, verb).await,
        Command::Invite(verb) => command::invite::run(&context, verb).await,
        Command::Join(join) => command::join::run(&context, join).await,
        Command::Pipeline(verb) => command::pipeline::run(&context, verb).await,
        Command::Node(verb) => command::node::run(&context, verb).await,
        Command::Edge(verb) => command::edge::run(&context, verb).await,
        Command::Network(verb) => command::network::run(&context, verb).await,
        Command::Peer(peer) => command::peer::run(&context, peer).await,
        Command::Doctor => command::doctor::run(&context).await,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "omniscope", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
