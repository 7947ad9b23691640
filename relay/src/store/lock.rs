//! One process a data folder. The system releases the lock when its holder dies, so none is ever stale.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::StoreError;

const LOCK_FILE: &str = "relay.lock";
/// Longest name of a holder that is read back.
const MAX_HOLDER_BYTES: u64 = 200;

/// Holds the lock until dropped.
pub(super) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock, or says who has it.
    pub(super) fn take(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(LOCK_FILE);
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = opened.map_err(StoreError::file("open the lock file", &path))?;
        match file.try_lock() {
            Ok(()) => {
                let name = format!("omniscope-relay (pid {})", std::process::id());
                file.set_len(0)
                    .and_then(|()| file.rewind())
                    .and_then(|()| file.write_all(name.as_bytes()))
                    .map_err(StoreError::file("write the lock file", &path))?;
                Ok(Self { _file: file })
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // A holder whose name cannot be read is still one.
                let _ = file.take(MAX_HOLDER_BYTES).read_to_string(&mut holder);
                holder.retain(|c| !c.is_control());
                Err(StoreError::InUse { holder: if holder.is_empty() { "another process".into() } else { holder } })
            }
            Err(TryLockError::Error(error)) => Err(StoreError::file("lock", &path)(error)),
        }
    }
}
