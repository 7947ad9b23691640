//! Who answers a command: an engine of our own over the data folder, or the process that already holds it.
//!
//! A held folder is not an error: its holder (a window, a peer) is asked over the socket in the folder, so everything
//! works while it is open. Deliberately absent: secrets in arguments; a passphrase comes by environment, descriptor or
//! prompt.

use std::io::{BufRead, IsTerminal, Read};
use std::path::PathBuf;
use std::time::Duration;

use omniscope_engine::device::{self, Device, KeySource, OpenError};
use omniscope_engine::keys::KeyError;
use omniscope_engine::rpc::Client;
use omniscope_engine::store::StoreError;
use omniscope_engine::{Engine, Options};
use serde_json::Value;

use crate::failure::Failure;
use crate::{Network, Place};

/// Longest passphrase that is read.
const MAX_PASSPHRASE_BYTES: u64 = 4096;
/// A holder that just started may not serve its socket yet: tried so often, this far apart.
const CONNECT_TRIES: u32 = 40;
const CONNECT_PAUSE: Duration = Duration::from_millis(50);

/// Who answers.
pub(crate) enum Holder {
    Own(Engine),
    Other(Client),
}

impl Holder {
    /// Opens the folder, or connects to whoever holds it. Without `network` an own engine stays offline.
    pub(crate) async fn open(place: &Place, network: Option<&Network>) -> Result<Self, Failure> {
        let dir = place.data_dir()?;
        match open_folder(place, "omniscope command").await {
            Ok(opened) => {
                let options = options(place, network)?;
                Ok(Self::Own(Engine::start(opened.store, opened.key, options).await?))
            }
            Err(OpenFailure::InUse(holder)) => connect(&dir, &holder).await.map(Self::Other),
            Err(OpenFailure::Other(failure)) => Err(failure),
        }
    }

    /// Carries out a verb.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Result<Value, Failure> {
        let answer = match self {
            Self::Own(engine) => engine.call(method, params).await,
            Self::Other(client) => client.call(method, params).await,
        };
        answer.map_err(Failure::from)
    }

    /// Commits what is under way and stops an engine of our own.
    pub(crate) async fn close(self) {
        if let Self::Own(engine) = self {
            engine.shutdown().await;
        }
    }
}

async fn connect(dir: &std::path::Path, holder: &str) -> Result<Client, Failure> {
    let mut last = None;
    for _ in 0..CONNECT_TRIES {
        match Client::connect(dir).await {
            Ok(client) => return Ok(client),
            Err(error) => last = Some(error),
        }
        tokio::time::sleep(CONNECT_PAUSE).await;
    }
    let detail = last.map(|e| e.to_string()).unwrap_or_default();
    let what = format!("reach {holder}, which holds {}", dir.display());
    Err(Failure::machine(&what, detail).hint("wait until it has finished, or stop it"))
}

/// Why a folder is not ours.
pub(crate) enum OpenFailure {
    /// Somebody else holds it.
    InUse(String),
    Other(Failure),
}

/// Opens the folder with the key that the arguments name.
pub(crate) async fn open_folder(place: &Place, name: &'static str) -> Result<Device, OpenFailure> {
    let dir = place.data_dir().map_err(OpenFailure::Other)?;
    let source = key_source(place).map_err(OpenFailure::Other)?;
    // Keyring and Argon2 block.
    let opened = tokio::task::spawn_blocking(move || device::open(&dir, name, &source)).await;
    let opened = opened.map_err(|e| OpenFailure::Other(Failure::machine("open the data folder", e)))?;
    match opened {
        Ok(opened) => {
            if let Some(salvaged) = &opened.salvaged {
                eprintln!(
                    "omniscope: the database was damaged ({}). {} edits were saved, {} lost ones are fetched from \
                     others; the damaged file is kept as {}",
                    salvaged.detail,
                    salvaged.ops,
                    salvaged.ops_lost,
                    salvaged.kept.display()
                );
            }
            Ok(opened)
        }
        Err(OpenError::Store(StoreError::InUse { holder })) => Err(OpenFailure::InUse(holder)),
        Err(OpenError::Store(error)) => Err(OpenFailure::Other(Failure::machine("open the database", error))),
        Err(OpenError::Key(error)) => {
            let failure = Failure::machine("get the device key", &error);
            Err(OpenFailure::Other(match error {
                KeyError::NoKeyring { .. } | KeyError::NotAnswering { .. } | KeyError::Denied { .. } => {
                    failure.hint("on a machine without a keyring choose --key-file FILE or --passphrase")
                }
                KeyError::Missing { .. } => failure.hint("name the key with --key-file FILE or --passphrase"),
                _ => failure,
            }))
        }
    }
}

fn key_source(place: &Place) -> Result<KeySource, Failure> {
    if let Some(path) = &place.key_file {
        return Ok(KeySource::File(path.clone()));
    }
    let wrapped = device::wants_passphrase(&place.data_dir()?);
    if place.passphrase || place.passphrase_fd.is_some() || wrapped {
        return passphrase(place, !wrapped).map(KeySource::Passphrase);
    }
    Ok(KeySource::Keyring)
}

type Passphrase = zeroize::Zeroizing<String>;

fn passphrase(place: &Place, new: bool) -> Result<Passphrase, Failure> {
    if let Some(fd) = place.passphrase_fd {
        let file = std::fs::File::open(format!("/dev/fd/{fd}"))
            .map_err(|e| Failure::machine(&format!("read file descriptor {fd}"), e))?;
        return first_line(file);
    }
    if let Ok(phrase) = std::env::var("OMNISCOPE_PASSPHRASE") {
        return not_empty(phrase.into());
    }
    if !std::io::stdin().is_terminal() {
        let message = "a passphrase is needed and there is nobody to ask";
        return Err(Failure::usage(message).hint("set OMNISCOPE_PASSPHRASE or use --passphrase-fd FD"));
    }
    let phrase = prompt("Passphrase for the device key: ")?;
    if new && *phrase != *prompt("The same once more: ")? {
        return Err(Failure::usage("the two passphrases differ"));
    }
    Ok(phrase)
}

/// Asks on the terminal with its echo off.
fn prompt(question: &str) -> Result<Passphrase, Failure> {
    let echo = |on: bool| {
        let word = if on { "echo" } else { "-echo" };
        std::process::Command::new("stty").arg(word).status().is_ok_and(|status| status.success())
    };
    eprint!("{question}");
    let hidden = echo(false);
    let answer = first_line(std::io::stdin());
    if hidden {
        echo(true);
    }
    eprintln!();
    answer
}

fn first_line(source: impl Read) -> Result<Passphrase, Failure> {
    let mut line = Passphrase::default();
    let mut source = std::io::BufReader::new(source.take(MAX_PASSPHRASE_BYTES));
    source.read_line(&mut line).map_err(|e| Failure::machine("read the passphrase", e))?;
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    not_empty(line)
}

fn not_empty(phrase: Passphrase) -> Result<Passphrase, Failure> {
    if phrase.is_empty() { Err(Failure::usage("expected a passphrase that is not empty")) } else { Ok(phrase) }
}

/// The engine's options: offline unless the command needs others.
pub(crate) fn options(place: &Place, network: Option<&Network>) -> Result<Options, Failure> {
    let mut options = Options { data_dir: Some(place.data_dir()?), ..Options::default() };
    if let Some(network) = network {
        let read = |all: &[String]| {
            let one = |text: &String| {
                text.parse().map_err(|e| {
                    Failure::usage(format!("expected an address such as /ip4/127.0.0.1/tcp/0, found {text:?} ({e})"))
                })
            };
            all.iter().map(one).collect::<Result<Vec<_>, _>>()
        };
        options.network = true;
        options.listen = read(&network.listen)?;
        options.relays = read(&network.relay)?;
        options.mdns = !network.no_mdns;
        options.relay_only = network.relay_only;
    }
    Ok(options)
}

impl Place {
    /// The data folder.
    pub(crate) fn data_dir(&self) -> Result<PathBuf, Failure> {
        let named = self.data_dir.clone().or_else(device::default_data_dir);
        named.ok_or_else(|| Failure::usage("there is no home folder; name a data folder with --data-dir"))
    }
}
