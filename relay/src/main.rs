//! The `omniscope-relay` program: arguments, logs and signals around the library.
//!
//! While it serves, stdout carries addresses and nothing else, one a line; everything else goes to stderr.
//! Deliberately absent: everything that a relay does.

mod log;
mod settings;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use clap::{Parser, Subcommand};
use libp2p::Multiaddr;
use omniscope_relay::{Config, Control, Server, admin, back_up, control, hand_over, load_or_create, notify, restore};
use settings::{LogFormat, Settings};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// A meeting point and mailbox for OmniScope devices. It reads no content.
///
/// Without a command it serves. Settings come from flags, else from the environment, else from the settings file, else
/// they are the defaults.
#[derive(Parser)]
#[command(name = "omniscope-relay", version)]
struct Arguments {
    #[command(flatten)]
    settings: settings::Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Read the settings, say what is in force, and stop.
    CheckConfig,
    /// Print the relay's peer id, making its key where there is none.
    PrintPeerId,
    /// Make the relay's key, where there is none.
    GenKey,
    /// Let workspaces be registered: prints a token, or lets a device or a workspace do without.
    Register {
        /// How many workspaces the token registers; 0: without limit.
        #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "id")]
        uses: u32,
        /// A device whose owner may register workspaces, or a workspace, in place of a token.
        id: Option<String>,
        /// Take that permission back.
        #[arg(long, requires = "id")]
        revoke: bool,
    },
    /// End the service for a workspace and drop what is kept of it.
    Unregister {
        /// Its id, as `workspaces` lists it.
        workspace: String,
    },
    /// List the workspaces: id, members, ops, bytes.
    Workspaces,
    /// Shut a device out, now and from now on.
    Block {
        /// Its id, as `omniscope profile show` and `omniscope --json workspace members` have it.
        device: String,
        /// Let it in again.
        #[arg(long)]
        lift: bool,
    },
    /// Copy key and database into a new folder, while the relay runs or not.
    Backup { folder: PathBuf },
    /// Put a backup into the data folder, which must not hold a relay yet.
    Restore { folder: PathBuf },
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
    let settings = Settings::read(&arguments.settings)?;
    start_log(&settings)?;
    match arguments.command {
        None => serve(&arguments.settings, settings).await,
        Some(Command::CheckConfig) => say(&settings.describe()),
        Some(command) => {
            let said = carry_out(command, &settings.config).await.map_err(|error| anyhow!(error))?;
            hand_over(&settings.config.data_dir).map_err(|error| anyhow!(error))?;
            say(&said)
        }
    }
}

/// Carries out a command on the relay's folder, or lets the relay do it that runs there.
async fn carry_out(command: Command, config: &Config) -> Result<String, String> {
    match command {
        Command::PrintPeerId | Command::GenKey => {
            let key = load_or_create(&config.data_dir).map_err(|error| error.to_string())?;
            Ok(key.libp2p.public().to_peer_id().to_string())
        }
        Command::Backup { folder } => {
            back_up(&config.data_dir, &folder)?;
            Ok(format!("key and database are in {}; whoever has them can be this relay", folder.display()))
        }
        Command::Restore { folder } => {
            restore(&folder, &config.data_dir)?;
            Ok("restored".to_owned())
        }
        command => {
            let command = order(command)?;
            match control::ask(&config.data_dir, &command).await? {
                Some(said) => Ok(said),
                None => control::offline(config, &command),
            }
        }
    }
}

/// The command as the relay takes it.
fn order(command: Command) -> Result<Control, String> {
    let line = match command {
        Command::Register { id: None, uses, .. } => return Ok(Control::Token(uses)),
        Command::Register { id: Some(id), revoke: false, .. } => format!("allow {id}"),
        Command::Register { id: Some(id), revoke: true, .. } => format!("disallow {id}"),
        Command::Unregister { workspace } => format!("unregister {workspace}"),
        Command::Workspaces => return Ok(Control::Workspaces),
        Command::Block { device, lift } => format!("{} {device}", if lift { "unblock" } else { "block" }),
        _ => unreachable!("carried out by the caller"),
    };
    Control::parse(&line)
}

async fn serve(flags: &settings::Flags, settings: Settings) -> Result<()> {
    // Before the first address is printed, so that whoever reads it may stop us at once.
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    let Config { data_dir, admin: admin_addr, .. } = settings.config.clone();
    let page = match admin_addr {
        Some(addr) => Some(admin::listen(addr).await.with_context(|| format!("no admin page on {addr}"))?),
        None => None,
    };
    let mut server = Server::start(settings.config).await?;
    hand_over(&data_dir).map_err(|error| anyhow!(error))?;
    // Whoever reads an address may give a command at once, too.
    let socket = control::bind(&data_dir).context("cannot make the socket for commands")?;
    let socket = tokio::spawn(serve_socket(socket, server.remote()));
    if let Some(token) = server.first_token() {
        eprintln!("omniscope-relay: registration token, good for one workspace: {token}");
    }
    for addr in server.addresses() {
        print_address(addr);
    }
    let page = page.map(|page| tokio::spawn(admin::serve(page, server.metrics())));
    notify::tell("READY=1");
    tracing::info!("the relay is ready");
    loop {
        tokio::select! {
            addr = server.next_address() => match addr {
                Some(addr) => print_address(&addr),
                None => anyhow::bail!("the relay stopped by itself"),
            },
            _ = hangup.recv() => match Settings::read(flags) {
                Ok(settings) => server.reload(settings.config).await,
                Err(error) => tracing::error!(error = format!("{error:#}"), "the settings stay as they are"),
            },
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    tracing::info!("stopping");
    notify::tell("STOPPING=1");
    socket.abort();
    if let Some(page) = page {
        page.abort();
    }
    server.stop().await;
    Ok(())
}

async fn serve_socket(listener: tokio::net::UnixListener, remote: omniscope_relay::Remote) {
    if let Err(error) = control::serve(listener, remote).await {
        tracing::error!(%error, "commands are not taken while the relay runs");
    }
}

fn start_log(settings: &Settings) -> Result<()> {
    // It warns at every stream of a flood; the figures count them. Whoever asks for it by name gets it.
    let filter = EnvFilter::try_new(format!("libp2p_request_response=error,{}", settings.log))
        .context("the log filter is none")?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let lines = lines.with_ansi(std::io::stderr().is_terminal());
    match settings.log_format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.event_format(log::Json).init(),
    }
    Ok(())
}

fn say(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{text}").context("cannot write the answer")
}

fn print_address(addr: &Multiaddr) {
    let mut out = std::io::stdout();
    // Nobody reading any more is no reason to stop.
    let _ = writeln!(out, "{addr}").and_then(|()| out.flush());
}
