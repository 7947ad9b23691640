//! Settings: flags, else the environment, else a TOML file, else defaults.
//!
//! Unknown keys in the file are refused, so that a typing error is no silent default.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use libp2p::Multiaddr;
use omniscope_relay::{Config, Limits, MailboxLimits, Policy, default_listen};
use serde::Deserialize;

/// The settings file that is read when none is named and this one is there.
const DEFAULT_FILE: &str = "/etc/omniscope-relay.toml";

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Everything that can be said on the command line or in the environment.
#[derive(Debug, Args)]
pub(crate) struct Flags {
    /// Settings file [default: /etc/omniscope-relay.toml, where it exists]
    #[arg(long, global = true, value_name = "FILE", env = "OMNISCOPE_RELAY_CONFIG")]
    config: Option<PathBuf>,
    /// Address to listen on, may be given several times [default: TCP and QUIC on port 4717 of every interface]
    #[arg(long, global = true, value_name = "MULTIADDR", env = "OMNISCOPE_RELAY_LISTEN", value_delimiter = ',')]
    listen: Vec<Multiaddr>,
    /// Address to tell others in place of those listened on, as behind a reverse proxy; may be given several times
    #[arg(long, global = true, value_name = "MULTIADDR", env = "OMNISCOPE_RELAY_ANNOUNCE", value_delimiter = ',')]
    announce: Vec<Multiaddr>,
    /// Folder of the relay's key and database [default: $STATE_DIRECTORY, or omniscope-relay in the user's state folder]
    #[arg(long, global = true, value_name = "DIR", env = "OMNISCOPE_RELAY_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// Whom to serve: members of registered workspaces, or anybody (open) [default: members]
    #[arg(long, global = true, value_name = "POLICY", env = "OMNISCOPE_RELAY_POLICY")]
    policy: Option<Policy>,
    /// Address of a reverse proxy before the WebSocket listeners, which speaks the PROXY protocol; may be given several times
    #[arg(long, global = true, value_name = "IP", env = "OMNISCOPE_RELAY_TRUSTED_PROXY", value_delimiter = ',')]
    trusted_proxy: Vec<IpAddr>,
    /// Loopback address of the admin page, such as 127.0.0.1:4718
    #[arg(long, global = true, value_name = "ADDR", env = "OMNISCOPE_RELAY_ADMIN")]
    admin: Option<SocketAddr>,
    /// Certificate chain in PEM, for wss addresses
    #[arg(long, global = true, value_name = "FILE", env = "OMNISCOPE_RELAY_TLS_CERT")]
    tls_cert: Option<PathBuf>,
    /// Its private key in PEM
    #[arg(long, global = true, value_name = "FILE", env = "OMNISCOPE_RELAY_TLS_KEY")]
    tls_key: Option<PathBuf>,
    /// What to log to stderr: error, warn, info, debug, trace, or a filter such as omniscope_relay=debug [default: info]
    #[arg(long, global = true, value_name = "FILTER", env = "OMNISCOPE_RELAY_LOG")]
    log: Option<String>,
    /// How log lines look [default: text]
    #[arg(long, global = true, value_name = "FORMAT", env = "OMNISCOPE_RELAY_LOG_FORMAT")]
    log_format: Option<LogFormat>,
}

/// The settings file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    listen: Vec<Multiaddr>,
    announce: Vec<Multiaddr>,
    data_dir: Option<PathBuf>,
    policy: Option<String>,
    trusted_proxy: Vec<IpAddr>,
    admin: Option<SocketAddr>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    log: Option<String>,
    log_format: Option<LogFormat>,
    limits: FileLimits,
    mailbox: FileMailbox,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FileLimits {
    connections: Option<u32>,
    connections_per_ip: Option<u32>,
    strangers: Option<u32>,
    strangers_per_ip: Option<u32>,
    reservations: Option<usize>,
    circuits: Option<usize>,
    requests_per_peer: Option<u32>,
    requests_per_ip: Option<u32>,
    incoming_bytes: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FileMailbox {
    workspaces: Option<usize>,
    ops_per_workspace: Option<usize>,
    bytes_per_workspace: Option<u64>,
    retention_days: Option<u32>,
    in_memory_seconds: Option<u32>,
}

/// What is in force.
pub(crate) struct Settings {
    pub(crate) config: Config,
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
}

impl Settings {
    /// Puts together what the flags, the environment and the file say.
    pub(crate) fn read(flags: &Flags) -> Result<Self> {
        let file = match &flags.config {
            Some(path) => read_file(path)?,
            None if Path::new(DEFAULT_FILE).is_file() => read_file(Path::new(DEFAULT_FILE))?,
            None => File::default(),
        };
        let data_dir = flags.data_dir.clone().or(file.data_dir).map_or_else(default_data_dir, Ok)?;
        let mut config = Config::new(data_dir);
        config.listen = first([&flags.listen, &file.listen]).unwrap_or_else(default_listen);
        config.announce = first([&flags.announce, &file.announce]).unwrap_or_default();
        config.policy = match (flags.policy, &file.policy) {
            (Some(policy), _) => policy,
            (None, Some(text)) => text.parse().map_err(|e: String| anyhow::anyhow!(e))?,
            (None, None) => Policy::default(),
        };
        config.trusted_proxies = first([&flags.trusted_proxy, &file.trusted_proxy]).unwrap_or_default();
        config.admin = flags.admin.or(file.admin);
        let (cert, key) = (flags.tls_cert.clone().or(file.tls_cert), flags.tls_key.clone().or(file.tls_key));
        config.tls = match (cert, key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            _ => bail!("tls_cert and tls_key belong together: one of them is missing"),
        };
        file.limits.apply(&mut config);
        file.mailbox.apply(&mut config);
        let log = flags.log.clone().or(file.log).unwrap_or_else(|| "info".to_owned());
        let log_format = flags.log_format.or(file.log_format).unwrap_or(LogFormat::Text);
        Ok(Self { config, log, log_format })
    }

    /// The settings for people.
    pub(crate) fn describe(&self) -> String {
        let Config { listen, announce, data_dir, policy, trusted_proxies, admin, tls, mailbox, limits } = &self.config;
        let lines = [
            format!("data_dir = {}", data_dir.display()),
            format!("listen = {}", words(listen)),
            format!("announce = {}", if announce.is_empty() { "as listened on".into() } else { words(announce) }),
            format!("policy = {}", if *policy == Policy::Open { "open" } else { "members" }),
            format!(
                "trusted_proxy = {}",
                if trusted_proxies.is_empty() { "none".into() } else { words(trusted_proxies) }
            ),
            format!("admin = {}", admin.map_or_else(|| "off".to_owned(), |a| a.to_string())),
            format!("tls = {}", if tls.is_some() { "on" } else { "off" }),
            format!("log = {}", self.log),
            format!("log_format = {}", if self.log_format == LogFormat::Json { "json" } else { "text" }),
            format!("[limits]\n{}", limits_in_force(limits)),
            format!("[mailbox]\n{}", mailbox_in_force(mailbox)),
        ];
        lines.join("\n")
    }
}

impl FileLimits {
    fn apply(&self, config: &mut Config) {
        let limits = &mut config.limits;
        set(&mut limits.connections, self.connections);
        set(&mut limits.connections_per_ip, self.connections_per_ip);
        set(&mut limits.strangers, self.strangers);
        set(&mut limits.strangers_per_ip, self.strangers_per_ip);
        set(&mut limits.reservations, self.reservations);
        set(&mut limits.circuits, self.circuits);
        set(&mut limits.requests_per_peer, self.requests_per_peer);
        set(&mut limits.requests_per_ip, self.requests_per_ip);
        set(&mut limits.incoming_bytes, self.incoming_bytes);
    }
}

impl FileMailbox {
    fn apply(&self, config: &mut Config) {
        let mailbox = &mut config.mailbox;
        set(&mut mailbox.workspaces, self.workspaces);
        set(&mut mailbox.ops_per_workspace, self.ops_per_workspace);
        set(&mut mailbox.bytes_per_workspace, self.bytes_per_workspace);
        set(&mut mailbox.retention_days, self.retention_days);
        set(&mut mailbox.in_memory_seconds, self.in_memory_seconds);
    }
}

/// By the names that they have in the file.
fn limits_in_force(limits: &Limits) -> String {
    let Limits { connections, connections_per_ip, strangers, strangers_per_ip, .. } = limits;
    let Limits { reservations, circuits, requests_per_peer, requests_per_ip, incoming_bytes, .. } = limits;
    format!(
        "connections = {connections}\nconnections_per_ip = {connections_per_ip}\nstrangers = {strangers}\n\
         strangers_per_ip = {strangers_per_ip}\nreservations = {reservations}\ncircuits = {circuits}\n\
         requests_per_peer = {requests_per_peer}\nrequests_per_ip = {requests_per_ip}\nincoming_bytes = {incoming_bytes}"
    )
}

fn mailbox_in_force(mailbox: &MailboxLimits) -> String {
    let MailboxLimits { workspaces, ops_per_workspace, bytes_per_workspace, retention_days, in_memory_seconds } =
        mailbox;
    format!(
        "workspaces = {workspaces}\nops_per_workspace = {ops_per_workspace}\n\
         bytes_per_workspace = {bytes_per_workspace}\nretention_days = {retention_days}\n\
         in_memory_seconds = {in_memory_seconds}"
    )
}

fn words(all: &[impl ToString]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn set<T>(field: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *field = given;
    }
}

fn first<T: Clone>(lists: [&[T]; 2]) -> Option<Vec<T>> {
    lists.into_iter().find(|list| !list.is_empty()).map(<[T]>::to_vec)
}

fn read_file(path: &Path) -> Result<File> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not in order", path.display()))
}

fn default_data_dir() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("STATE_DIRECTORY") {
        return Ok(PathBuf::from(folder));
    }
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let folder = state.or_else(home).context("neither data_dir nor HOME is set")?;
    Ok(folder.join("omniscope-relay"))
}
