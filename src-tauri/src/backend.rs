//! The engine behind the window: opened in the background, so that the first paint waits for nothing.
//!
//! Until it is open, commands wait; when it cannot be opened, they all answer why, and the page shows that sentence.
//! Deliberately absent: choosing silently where the key is kept. It is the keyring, the file named on the command line,
//! or, once a person has said so, a file in the data folder under their passphrase.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use omniscope_engine::api::ApiError;
use omniscope_engine::device::{self, KeySource};
use omniscope_engine::store::Store;
use omniscope_engine::{Engine, Options};
use serde::Serialize;
use serde_json::{Value, json};
use tauri::ipc::Channel;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use ts_rs::TS;
use zeroize::Zeroizing;

use crate::error::CommandError;
use crate::events::WindowEvent;

/// How long the last edits may take to reach the disk, and the good-byes the peers, when the window closes.
const MAX_SHUTDOWN: Duration = Duration::from_secs(5);
/// Documents that one page may hold open at a time.
pub(crate) const MAX_DOCUMENTS: usize = 64;
/// Shorter passphrases protect nothing against whoever copies the file.
const MIN_PASSPHRASE: usize = 8;
/// Longer ones are a mistake.
const MAX_PASSPHRASE: usize = 1024;

/// What the command line says.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) options: Options,
    pub(crate) profile_name: Option<String>,
    pub(crate) link: Option<String>,
}

/// Where the device's key is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kept {
    Keyring,
    File,
    Passphrase,
}

/// What the page may know of this device's key before the engine is open.
#[derive(Debug, Serialize, TS)]
pub(crate) struct KeyFacts {
    kept: Kept,
    /// Whether the folder holds no database yet.
    fresh: bool,
    /// The data folder.
    folder: String,
}

#[derive(Clone)]
enum Phase {
    Opening,
    Ready(Engine),
    Failed(CommandError),
    Closed,
}

/// What the page that is loaded now holds; given back when another one loads.
#[derive(Default)]
struct Page {
    documents: Vec<u32>,
    events: Option<AbortHandle>,
    channel: Option<Channel<Value>>,
}

/// The state behind all commands.
pub(crate) struct Backend {
    settings: Settings,
    phase: watch::Sender<Phase>,
    page: Mutex<Page>,
    link: Mutex<Option<String>>,
    /// What a person typed; kept until the engine is open, so that a retry need not ask again.
    passphrase: Mutex<Option<Zeroizing<String>>>,
}

impl Backend {
    pub(crate) fn new(settings: Settings) -> Arc<Self> {
        let link = Mutex::new(settings.link.clone());
        let phase = watch::Sender::new(Phase::Opening);
        Arc::new(Self { settings, phase, page: Mutex::default(), link, passphrase: Mutex::default() })
    }

    /// Opens the engine; again after a failure, as when the user has unlocked the keyring.
    pub(crate) async fn open(&self) {
        self.phase.send_replace(Phase::Opening);
        let phase = match self.start().await {
            Ok(engine) => Phase::Ready(engine),
            Err(error) => {
                tracing::error!(code = error.code, "{}", error.message);
                Phase::Failed(error)
            }
        };
        self.phase.send_replace(phase);
    }

    async fn start(&self) -> Result<Engine, CommandError> {
        let Settings { data_dir, options, profile_name, .. } = self.settings.clone();
        let source = self.key_source()?;
        let opening = tokio::task::spawn_blocking(move || device::open(&data_dir, "the OmniScope window", &source));
        let opened = opening.await.map_err(|e| CommandError::new("engine_failed", e.to_string()))?;
        let device = opened.map_err(ApiError::from)?;
        self.passphrase().take();
        if let Some(salvaged) = &device.salvaged {
            tracing::warn!(ops = salvaged.ops, lost = salvaged.ops_lost, kept = ?salvaged.kept, "the database was mended");
        }
        let engine = Engine::start(device.store, device.key, options).await?;
        #[cfg(unix)]
        self.serve_socket(&engine);
        if let Some(name) = profile_name {
            let profile = engine.call("profile.show", json!({})).await?;
            if profile["name"] == "" {
                engine.call("profile.set", json!({"name": name})).await?;
            }
        }
        Ok(engine)
    }

    fn passphrase(&self) -> MutexGuard<'_, Option<Zeroizing<String>>> {
        self.passphrase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key_source(&self) -> Result<KeySource, CommandError> {
        if let Some(path) = &self.settings.key_file {
            return Ok(KeySource::File(path.clone()));
        }
        match self.passphrase().clone() {
            Some(phrase) => Ok(KeySource::Passphrase(phrase)),
            None if device::wants_passphrase(&self.settings.data_dir) => {
                let message = "the key of this device is kept under a passphrase: type it to open your workspaces";
                Err(CommandError::new("passphrase_needed", message))
            }
            None => Ok(KeySource::Keyring),
        }
    }

    /// Where the key is kept.
    pub(crate) fn key_facts(&self) -> KeyFacts {
        let Settings { data_dir, key_file, .. } = &self.settings;
        let kept = match (key_file, device::wants_passphrase(data_dir)) {
            (Some(_), _) => Kept::File,
            (None, true) => Kept::Passphrase,
            (None, false) => Kept::Keyring,
        };
        KeyFacts { kept, fresh: !Store::exists(data_dir), folder: data_dir.display().to_string() }
    }

    /// Opens the engine with the key under this passphrase, making one where nothing is there yet.
    ///
    /// # Errors
    /// When the passphrase is too short to be one, or a key is kept elsewhere already.
    pub(crate) async fn unlock(&self, passphrase: String) -> Result<(), CommandError> {
        let passphrase = Zeroizing::new(passphrase);
        let length = passphrase.chars().count();
        if !(MIN_PASSPHRASE..=MAX_PASSPHRASE).contains(&length) {
            let message = format!("expected a passphrase of at least {MIN_PASSPHRASE} characters");
            return Err(CommandError::new("passphrase_too_short", message));
        }
        let KeyFacts { kept, fresh, .. } = self.key_facts();
        if kept == Kept::File || (kept == Kept::Keyring && !fresh) {
            let message = "the key of this folder is not kept under a passphrase";
            return Err(CommandError::new("key_kept_elsewhere", message));
        }
        *self.passphrase() = Some(passphrase);
        self.retry().await;
        // A wrong passphrase is not tried again by itself.
        self.passphrase().take();
        Ok(())
    }

    /// Tries once more what failed; does nothing while the engine is open or opening.
    pub(crate) async fn retry(&self) {
        let failed = self.phase.send_if_modified(|phase| {
            let failed = matches!(phase, Phase::Failed(_));
            if failed {
                *phase = Phase::Opening;
            }
            failed
        });
        if failed {
            self.open().await;
        }
    }

    /// The engine, once it is open.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub(crate) async fn engine(&self) -> Result<Engine, CommandError> {
        let mut phase = self.phase.subscribe();
        let settled = phase.wait_for(|phase| !matches!(phase, Phase::Opening)).await;
        match settled.as_deref() {
            Ok(Phase::Ready(engine)) => Ok(engine.clone()),
            Ok(Phase::Failed(error)) => Err(error.clone()),
            _ => Err(CommandError::new("engine_stopped", "OmniScope is closing")),
        }
    }

    /// The engine, however many attempts it takes to open it.
    ///
    /// # Errors
    /// When OmniScope closes first.
    pub(crate) async fn opened(&self) -> Result<Engine, CommandError> {
        let mut phase = self.phase.subscribe();
        let settled = phase.wait_for(|phase| matches!(phase, Phase::Ready(_) | Phase::Closed)).await;
        match settled.as_deref() {
            Ok(Phase::Ready(engine)) => Ok(engine.clone()),
            _ => Err(CommandError::new("engine_stopped", "OmniScope is closing")),
        }
    }

    /// The invitation named on the command line, once.
    pub(crate) fn take_link(&self) -> Option<String> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn page(&self) -> MutexGuard<'_, Page> {
        // A list of handles is whole after every statement.
        self.page.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn has_room_for_a_document(&self) -> bool {
        self.page().documents.len() < MAX_DOCUMENTS
    }

    pub(crate) fn note_document(&self, document: u32) {
        self.page().documents.push(document);
    }

    pub(crate) fn forget_document(&self, document: u32) {
        self.page().documents.retain(|open| *open != document);
    }

    /// Keeps one stream of events to the page: a second request replaces the first.
    pub(crate) fn note_events(&self, forwarding: AbortHandle, channel: Channel<Value>) {
        let mut page = self.page();
        page.channel = Some(channel);
        if let Some(before) = page.events.replace(forwarding) {
            before.abort();
        }
    }

    /// Shows the page an invitation that came from outside; keeps it for a page that is not there yet.
    pub(crate) fn offer_link(&self, link: String) {
        let event = json!(WindowEvent::DeepLink { link: link.clone() });
        let told = self.page().channel.as_ref().map(|c| c.send(event));
        if !matches!(told, Some(Ok(()))) {
            *self.link.lock().unwrap_or_else(PoisonError::into_inner) = Some(link);
        }
    }

    /// The data folder.
    pub(crate) fn data_dir(&self) -> &std::path::Path {
        &self.settings.data_dir
    }

    /// Closes what a page left open, as after a reload.
    pub(crate) fn leave_page(&self) -> Vec<u32> {
        let Page { documents, events, .. } = std::mem::take(&mut *self.page());
        if let Some(events) = events {
            events.abort();
        }
        documents
    }

    /// Commits what is gathered and says good-bye, within `MAX_SHUTDOWN`.
    pub(crate) async fn close(&self) {
        if let Phase::Ready(engine) = self.phase.send_replace(Phase::Closed)
            && tokio::time::timeout(MAX_SHUTDOWN, engine.shutdown()).await.is_err()
        {
            tracing::error!("the engine did not stop in time");
        }
    }

    /// Serves the socket in the data folder until the window closes, so that the command line works meanwhile. Without
    /// it the window works all the same.
    #[cfg(unix)]
    fn serve_socket(&self, engine: &Engine) {
        match omniscope_engine::rpc::SocketServer::start(engine.clone(), &self.settings.data_dir) {
            Ok(socket) => {
                let mut phase = self.phase.subscribe();
                tokio::spawn(async move {
                    // An error means that the window has gone altogether.
                    let _ = phase.wait_for(|phase| matches!(phase, Phase::Closed)).await;
                    drop(socket);
                });
            }
            Err(error) => tracing::warn!(%error, "the command line cannot reach this window"),
        }
    }
}
