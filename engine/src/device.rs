//! Opening a data folder: where it lies, which key belongs to it, and what each failure asks of the user.
//!
//! The window and the headless peer both come in here, so that one folder opened by either has one identity. The
//! order matters: in a new folder the key is made before the database exists, so that a key that could not be made
//! leaves a folder that may be tried again; beside a database a key is only looked for.
//!
//! Deliberately absent: choosing silently where a key lives (the caller names it), starting the engine, asking for
//! passphrases, anything that prints.

use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use omniscope_protocol::identity::{DeviceId, DeviceKey};
use omniscope_protocol::op::Op;

use crate::api::ApiError;
use zeroize::Zeroizing;

use crate::keys::{KeyError, KeyFile, KeyVault, KeyringVault, Recorded, WrappedFile, new_private, unlock};
use crate::store::{Salvaged, Store, StoreError};

/// Names the keyring entry of a data folder; it lies in the folder, so that a folder may be moved.
const ENTRY_FILE: &str = "keyring-entry";
const ENTRY_BYTES: usize = 8;
/// The passphrase-wrapped key inside the data folder.
const WRAPPED_KEY_FILE: &str = "device-key";

/// Where the device key lives.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A plain 0600 file, for headless use.
    File(PathBuf),
    /// The system's keyring.
    Keyring,
    /// A file in the data folder, under this passphrase.
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

/// What `Engine::start` needs, and what a person should hear about how it was come by.
#[derive(Debug)]
pub struct Device {
    /// The open store; it holds the folder's lock.
    pub store: Store,
    /// The device key.
    pub key: DeviceKey,
    /// Set when the database was damaged and what could be read was copied into a new one.
    pub salvaged: Option<Salvaged>,
}

/// The data folder of the logged-in user, by the platform's custom. `None` without a home.
pub fn default_data_dir() -> Option<PathBuf> {
    directories::ProjectDirs::from("org", "omniscope", "OmniScope").map(|dirs| dirs.data_local_dir().to_owned())
}

/// Whether the folder's key is wrapped under a passphrase.
pub fn wants_passphrase(dir: &Path) -> bool {
    dir.join(WRAPPED_KEY_FILE).exists()
}

/// Opens the data folder `dir`, creating it when it is not there. `holder` says what this process is.
///
/// Blocks: for the disk, for Argon2, and up to some seconds for a keyring that does not answer.
///
/// # Errors
/// `StoreError::InUse` when another process holds the folder; what a person can do about any other is in its message.
pub fn open(dir: &Path, holder: &str, source: &KeySource) -> Result<Device, OpenError> {
    let fresh = !Store::exists(dir);
    let made = if fresh { Some(device_key(dir, source, Recorded::Nothing)?) } else { None };
    let (store, salvaged) = Store::open_or_salvage(dir, holder, &is_whole)?;
    let key = match made {
        Some(key) => key,
        None => {
            let recorded = store.setting("device")?.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
            let recorded = recorded.map_or(Recorded::Database, |id| Recorded::Device(DeviceId(id)));
            device_key(dir, source, recorded)?
        }
    };
    Ok(Device { store, key, salvaged })
}

fn device_key(dir: &Path, source: &KeySource, recorded: Recorded) -> Result<DeviceKey, KeyError> {
    let vault: Box<dyn KeyVault> = match source {
        KeySource::File(path) => Box::new(KeyFile::new(path)),
        KeySource::Keyring => Box::new(KeyringVault::new(keyring_entry(dir)?)),
        KeySource::Passphrase(phrase) => Box::new(WrappedFile::new(dir.join(WRAPPED_KEY_FILE), phrase.clone())),
    };
    unlock(vault.as_ref(), recorded)
}

/// Reads the name of the folder's keyring entry, or makes one up.
fn keyring_entry(dir: &Path) -> Result<String, KeyError> {
    let failed = |e: std::io::Error| KeyError::System {
        what: format!("use {}", dir.join(ENTRY_FILE).display()),
        detail: e.to_string(),
    };
    let options = new_private(dir).map_err(failed)?;
    let path = dir.join(ENTRY_FILE);
    match options.open(&path) {
        Ok(mut file) => {
            let mut name = [0; ENTRY_BYTES];
            getrandom::fill(&mut name).map_err(|e| failed(std::io::Error::other(e.to_string())))?;
            let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
            file.write_all(name.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
            Ok(name)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let mut name = String::new();
            let file = std::fs::File::open(&path).map_err(failed)?;
            file.take(2 * ENTRY_BYTES as u64 + 1).read_to_string(&mut name).map_err(failed)?;
            let hex = name.len() == 2 * ENTRY_BYTES && name.bytes().all(|b| b.is_ascii_hexdigit());
            if hex { Ok(name) } else { Err(failed(std::io::Error::other("expected 16 hex digits"))) }
        }
        Err(error) => Err(failed(error)),
    }
}

fn is_whole(id: &[u8; 32], bytes: &[u8]) -> bool {
    blake3::hash(bytes).as_bytes() == id && Op::decode_trusted(bytes).is_ok()
}

impl From<OpenError> for ApiError {
    /// One stable code for each thing that a person can do about it.
    fn from(error: OpenError) -> Self {
        let code = match &error {
            OpenError::Store(StoreError::InUse { .. }) => "folder_in_use",
            OpenError::Store(StoreError::Newer { .. }) => "newer_database",
            OpenError::Store(_) => "store_failed",
            OpenError::Key(error) => error.code(),
        };
        ApiError::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn code<T>(result: Result<T, OpenError>) -> String {
        ApiError::from(result.err().unwrap()).code
    }

    #[test]
    fn a_folder_keeps_its_identity_and_never_gets_a_second_one() {
        let place = tempfile::tempdir().unwrap();
        let (dir, key_file) = (place.path().join("data"), place.path().join("key"));
        let source = KeySource::File(key_file.clone());
        let first = open(&dir, "test", &source).unwrap();
        let id = first.key.id();
        assert_eq!(code(open(&dir, "test", &source)), "folder_in_use");
        drop(first);
        assert_eq!(open(&dir, "test", &source).unwrap().key.id(), id);
        std::fs::remove_file(&key_file).unwrap();
        assert_eq!(code(open(&dir, "test", &source)), "key_missing");
        assert!(!key_file.exists());
    }

    #[test]
    fn a_key_that_cannot_be_made_leaves_a_folder_that_may_be_tried_again() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("data");
        std::fs::write(place.path().join("file"), "").unwrap();
        let nowhere = place.path().join("file/key");
        assert_eq!(code(open(&dir, "test", &KeySource::File(nowhere))), "key_failed");
        assert!(!Store::exists(&dir));
        open(&dir, "test", &KeySource::File(place.path().join("key"))).unwrap();
    }

    #[test]
    fn a_keyring_entry_is_named_once_and_read_back() {
        let place = tempfile::tempdir().unwrap();
        let name = keyring_entry(place.path()).unwrap();
        assert_eq!(keyring_entry(place.path()).unwrap(), name);
        std::fs::write(place.path().join(ENTRY_FILE), "short").unwrap();
        assert_eq!(keyring_entry(place.path()).unwrap_err().code(), "key_failed");
    }
}
