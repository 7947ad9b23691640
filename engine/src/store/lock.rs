//! The folder lock: one process a data folder, and a name for whoever holds it.
//!
//! An advisory lock on a file that also carries the holder's name. The operating system releases it when the holder
//! dies, so there are no stale locks and nothing here judges process ids.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use super::StoreError;

const LOCK_FILE: &str = "omniscope.lock";

/// How long a lock may take to become free. A holder that has just ended may have passed its files on, for an instant,
/// to a program that it was starting.
const PATIENCE: Duration = Duration::from_millis(300);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Longest holder name that is read back.
const MAX_HOLDER_BYTES: u64 = 200;

/// Holds the lock until dropped.
#[derive(Debug)]
pub(super) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock or says who has it.
    pub(super) fn take(folder: &Path, holder: &str) -> Result<FolderLock, StoreError> {
        let path = folder.join(LOCK_FILE);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        super::disk::private(&mut options);
        let mut file = options.open(&path).map_err(StoreError::file("open the lock file", &path))?;
        match try_for(&file, PATIENCE) {
            Ok(()) => {
                let name = format!("{holder} (pid {})", std::process::id());
                file.set_len(0)
                    .and_then(|()| file.rewind())
                    .and_then(|()| file.write_all(name.as_bytes()))
                    .map_err(StoreError::file("write the lock file", &path))?;
                Ok(FolderLock { _file: file })
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = Vec::new();
                // A holder that cannot be read is still a holder.
                let _ = file.take(MAX_HOLDER_BYTES).read_to_end(&mut holder);
                let mut holder = String::from_utf8_lossy(&holder).trim().to_owned();
                holder.retain(|c| !c.is_control());
                if holder.is_empty() {
                    holder = "another process".into();
                }
                Err(StoreError::InUse { holder })
            }
            Err(TryLockError::Error(error)) => Err(StoreError::file("lock", &path)(error)),
        }
    }
}

fn try_for(file: &File, patience: Duration) -> Result<(), TryLockError> {
    let deadline = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(LOOK_AGAIN),
            result => return result,
        }
    }
}
