//! Opening a data folder: its key first where there is no database yet, then the store, salvaged if it is damaged.
//!
//! Deliberately absent: choosing silently where a key lives (the caller names it) and asking for passphrases.

use std::path::{Path, PathBuf};

use omniscope_protocol::identity::{DeviceId, DeviceKey};
use zeroize::Zeroizing;

use crate::keys::{KeyError, KeyFile, KeyVault, KeyringVault, Recorded, WrappedFile, unlock};
use crate::store::{Salvaged, Store, StoreError};

/// File name of the passphrase-wrapped key inside the data folder.
pub const WRAPPED_KEY_FILE: &str = "device-key";

/// Where the device key lives.
pub enum KeySource {
    /// A plain 0600 file, for headless use.
    File(PathBuf),
    /// The OS keyring.
    Keyring,
    /// `WRAPPED_KEY_FILE` in the data folder, under this passphrase.
    Passphrase(Zeroizing<String>),
}

/// Why a data folder was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An open data folder.
pub struct Opened {
    /// The database, locked for this process.
    pub store: Store,
    /// The device key.
    pub key: DeviceKey,
    /// What was saved of a damaged database.
    pub salvaged: Option<Salvaged>,
}

/// Where the data of this user lies when nothing else is said.
pub fn default_data_dir() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "omniscope").map(|dirs| dirs.data_dir().to_owned())
}

/// Whether the folder's key is wrapped under a passphrase.
pub fn wants_passphrase(dir: &Path) -> bool {
    dir.join(WRAPPED_KEY_FILE).exists()
}

/// Opens `dir`, creating it and a key where neither is there. Blocks, up to the keyring's deadline.
///
/// A key is made before the database, never beside an existing one: a first start that was cut short leaves a key
/// that the next one finds, not a database without one.
///
/// # Errors
/// `StoreError::InUse` when another process holds it; what a person can do about any other is in its message.
pub fn open(dir: &Path, source: &KeySource, holder: &str) -> Result<Opened, OpenError> {
    let vault: Box<dyn KeyVault> = match source {
        KeySource::File(path) => Box::new(KeyFile::new(path)),
        KeySource::Keyring => Box::new(KeyringVault::new(account(dir))),
        KeySource::Passphrase(phrase) => Box::new(WrappedFile::new(dir.join(WRAPPED_KEY_FILE), phrase.clone())),
    };
    let whole = |id: &[u8; 32], bytes: &[u8]| blake3::hash(bytes).as_bytes() == id;
    if !Store::exists(dir) {
        let key = unlock(&*vault, Recorded::Nothing)?;
        let (store, salvaged) = Store::open_or_salvage(dir, holder, &whole)?;
        return Ok(Opened { store, key, salvaged });
    }
    let (store, salvaged) = Store::open_or_salvage(dir, holder, &whole)?;
    let device = store.setting("device")?.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()).map(DeviceId);
    let key = unlock(&*vault, device.map_or(Recorded::Database, Recorded::Device))?;
    Ok(Opened { store, key, salvaged })
}

/// The keyring holds one key for each data folder; this names it.
fn account(dir: &Path) -> String {
    let path = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    if default_data_dir().is_some_and(|default| default == path) {
        return "device".to_owned();
    }
    format!("device {}", path.display())
}
