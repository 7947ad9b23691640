//! The relay's own key, which its address names and with which it lets in who joins by a link that names it.
//!
//! Addresses of a relay are written into invitations and workspaces, so the key must outlive restarts. Deliberately
//! absent: any other secret; a relay has none.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use libp2p::identity::Keypair;
use omniscope_protocol::identity::DeviceKey;
use zeroize::Zeroizing;

/// Name of the key file in the data folder: 32 bytes, an Ed25519 seed.
pub(crate) const KEY_FILE: &str = "relay.key";
const SEED_BYTES: usize = 32;

/// The relay's key in its two forms.
pub struct Identity {
    /// For connections.
    pub libp2p: Keypair,
    /// For ops: admissions by links that name this relay.
    pub(crate) device: DeviceKey,
}

impl Identity {
    fn of(seed: &mut [u8]) -> Option<Self> {
        let device = DeviceKey::from_seed((&*seed).try_into().ok()?);
        Some(Self { libp2p: Keypair::ed25519_from_bytes(seed).ok()?, device })
    }
}

/// The key could not be had.
#[derive(Debug)]
pub enum IdentityError {
    /// An operation on the file or folder failed.
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    /// The file is not what was written; it is never replaced, because the relay's address hangs on it.
    Malformed { path: PathBuf, found_bytes: usize },
    /// Others may read the file.
    Exposed { path: PathBuf, mode: u32 },
    /// The system gives no random numbers.
    Randomness(String),
}

impl std::fmt::Display for IdentityError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io { operation, path, source } => write!(f, "cannot {operation} {}: {source}", path.display()),
            Self::Malformed { path, found_bytes } => {
                write!(
                    f,
                    "{} has {found_bytes} bytes, a key has {SEED_BYTES}; restore it from a backup",
                    path.display()
                )
            }
            Self::Exposed { path, mode } => {
                write!(f, "{} has mode {mode:o}; others can read the key, set it to 600", path.display())
            }
            Self::Randomness(error) => write!(f, "no random numbers for a new key: {error}"),
        }
    }
}

impl std::error::Error for IdentityError {}

/// Whether there is a key in `data_dir`, and so a relay.
pub(crate) fn exists(data_dir: &Path) -> bool {
    data_dir.join(KEY_FILE).is_file()
}

/// Reads the key in `data_dir`, or creates folder (0700) and key (0600) at the first start.
pub fn load_or_create(data_dir: &Path) -> Result<Identity, IdentityError> {
    let path = data_dir.join(KEY_FILE);
    match File::open(&path) {
        Ok(file) => read(file, &path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(data_dir, &path),
        Err(source) => Err(IdentityError::Io { operation: "open", path, source }),
    }
}

fn read(mut file: File, path: &Path) -> Result<Identity, IdentityError> {
    let io = |operation| move |source| IdentityError::Io { operation, path: path.to_owned(), source };
    let mode = file.metadata().map_err(io("examine"))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(IdentityError::Exposed { path: path.to_owned(), mode });
    }
    let mut seed = Zeroizing::new(Vec::with_capacity(SEED_BYTES + 1));
    (&mut file).take(SEED_BYTES as u64 + 1).read_to_end(&mut seed).map_err(io("read"))?;
    let found_bytes = seed.len();
    if found_bytes != SEED_BYTES {
        return Err(IdentityError::Malformed { path: path.to_owned(), found_bytes });
    }
    Identity::of(seed.as_mut_slice()).ok_or_else(|| IdentityError::Malformed { path: path.to_owned(), found_bytes })
}

fn create(data_dir: &Path, path: &Path) -> Result<Identity, IdentityError> {
    let io = |operation, at: &Path| {
        let path = at.to_owned();
        move |source| IdentityError::Io { operation, path, source }
    };
    DirBuilder::new().recursive(true).mode(0o700).create(data_dir).map_err(io("create", data_dir))?;
    let mut seed = Zeroizing::new([0; SEED_BYTES]);
    getrandom::fill(seed.as_mut_slice()).map_err(|error| IdentityError::Randomness(error.to_string()))?;
    // Written beside and renamed, so that a crash leaves either no key or a whole one.
    let draft = data_dir.join(format!("{KEY_FILE}.new"));
    let mut options = OpenOptions::new();
    let mut file =
        options.write(true).create(true).truncate(true).mode(0o600).open(&draft).map_err(io("create", &draft))?;
    file.write_all(seed.as_slice()).and_then(|()| file.sync_all()).map_err(io("write", &draft))?;
    fs::rename(&draft, path).map_err(io("rename", &draft))?;
    File::open(data_dir).and_then(|folder| folder.sync_all()).map_err(io("sync", data_dir))?;
    Identity::of(seed.as_mut_slice()).ok_or_else(|| IdentityError::Randomness("unusable key".to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_key_stays_and_only_its_owner_may_read_it() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("relay");
        let first = load_or_create(&folder).unwrap().libp2p.public();
        assert_eq!(load_or_create(&folder).unwrap().libp2p.public(), first);
        let key = folder.join(KEY_FILE);
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(load_or_create(&folder), Err(IdentityError::Exposed { mode: 0o640, .. })));
    }

    #[test]
    fn a_damaged_key_is_reported_and_never_replaced() {
        let root = tempfile::tempdir().unwrap();
        load_or_create(root.path()).unwrap();
        let key = root.path().join(KEY_FILE);
        for bytes in [&[][..], &[1; 31], &[1; 33]] {
            fs::write(&key, bytes).unwrap();
            assert!(matches!(load_or_create(root.path()), Err(IdentityError::Malformed { .. })));
            assert_eq!(fs::read(&key).unwrap(), bytes);
        }
    }
}
