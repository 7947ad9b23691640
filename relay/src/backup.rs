//! A backup is a folder with the relay's key and a copy of its database; to restore it is to put both into an empty
//! data folder. The command makes the copy by itself, beside a relay that runs: that one may be shut into its own folder.
//!
//! Deliberately absent: the settings file, which is the operator's own.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, chown};
use std::path::Path;

use crate::identity::KEY_FILE;
use crate::store::{DATABASE_FILE, Store, copy_database};

/// Copies key and database of the relay in `data_dir`, which may be running, into `target`, which must not exist; the
/// folders above it are made.
///
/// # Errors
/// When there is no relay, or the copy cannot be written; then nothing whole stands in `target`.
pub fn back_up(data_dir: &Path, target: &Path) -> Result<(), String> {
    for name in [KEY_FILE, DATABASE_FILE] {
        if !data_dir.join(name).is_file() {
            return Err(format!("{} holds no relay: it has no {name}", data_dir.display()));
        }
    }
    let above = target.parent().map_or(Ok(()), std::fs::create_dir_all);
    above
        .and_then(|()| DirBuilder::new().mode(0o700).create(target))
        .map_err(|error| format!("cannot create the folder {}: {error}", target.display()))?;
    copy_database(&data_dir.join(DATABASE_FILE), &target.join(DATABASE_FILE)).map_err(|error| error.to_string())?;
    copy(&data_dir.join(KEY_FILE), &target.join(KEY_FILE))?;
    sync(target)
}

/// Puts a backup into a data folder that holds neither key nor database yet.
///
/// # Errors
/// When it does, when the backup is not whole, or when it cannot be written.
pub fn restore(from: &Path, data_dir: &Path) -> Result<(), String> {
    for name in [KEY_FILE, DATABASE_FILE] {
        if !from.join(name).is_file() {
            return Err(format!("{} is no backup of a relay: it has no {name}", from.display()));
        }
        if data_dir.join(name).exists() {
            return Err(format!("{} holds a relay already; give an empty folder", data_dir.display()));
        }
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(data_dir);
    made.map_err(|error| format!("cannot create the folder {}: {error}", data_dir.display()))?;
    // The key last: a folder with a key is a whole relay.
    for name in [DATABASE_FILE, KEY_FILE] {
        copy(&from.join(name), &data_dir.join(name))?;
    }
    sync(data_dir)?;
    // Opening checks what was restored, and migrates it where it is older.
    Store::open(data_dir).map(drop).map_err(|error| error.to_string())
}

/// Gives what stands in `data_dir` to whom the folder belongs, as when root gave a command beside a service that runs as
/// its own user.
///
/// # Errors
/// When it cannot be given away.
pub fn hand_over(data_dir: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot give {} to its owner: {error}", data_dir.display());
    // Without a folder there is nothing to give.
    let Ok(folder) = data_dir.metadata() else { return Ok(()) };
    for entry in data_dir.read_dir().map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.symlink_metadata().is_ok_and(|file| file.is_file() && file.uid() != folder.uid()) {
            match chown(&path, Some(folder.uid()), Some(folder.gid())) {
                // Only root gives files away; whoever else works here has rights of their own.
                Err(error) if error.kind() != ErrorKind::PermissionDenied => return Err(failed(error)),
                _ => {}
            }
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| format!("cannot copy {path}: {error}")
    };
    let mut source = File::open(from).map_err(failed(from))?;
    let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(failed(to))?;
    let mut step = vec![0; 1 << 20];
    loop {
        let read = source.read(&mut step).map_err(failed(from))?;
        if read == 0 {
            break;
        }
        target.write_all(&step[..read]).map_err(failed(to))?;
    }
    target.sync_all().map_err(failed(to))
}

fn sync(folder: &Path) -> Result<(), String> {
    let synced = File::open(folder).and_then(|f| f.sync_all());
    synced.map_err(|error| format!("cannot sync {}: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_restored_relay_has_the_same_key_and_the_same_ops() {
        let root = tempfile::tempdir().unwrap();
        let [old, copy, new] = ["old", "copy", "new"].map(|name| root.path().join(name));
        let key = crate::identity::load_or_create(&old).unwrap().libp2p.public();
        let store = Store::open(&old).unwrap();
        let op = crate::store::Write::Op { workspace: [1; 32], id: [2; 32], bytes: vec![3; 9].into() };
        store.commit_wait(vec![op]).unwrap();
        // While it runs.
        back_up(&old, &copy).unwrap();
        assert!(back_up(&old, &copy).is_err(), "nothing is written over");
        assert!(back_up(root.path(), &new).is_err() && !new.exists(), "there is no relay");
        assert!(restore(&copy, &old).is_err(), "nor restored over");
        restore(&copy, &new).unwrap();
        assert_eq!(crate::identity::load_or_create(&new).unwrap().libp2p.public(), key);
        assert_eq!(Store::open(&new).unwrap().ops_by_id(&[1; 32], &[[2; 32]]).unwrap(), [vec![3; 9]]);
        assert!(restore(root.path(), &root.path().join("other")).is_err());
    }
}
