//! The device key at rest: in the OS keyring, in a passphrase-wrapped file, or in a plain file for headless use.
//!
//! One rule stands above the rest: a key is made only where there is no database yet. Beside a database, a missing
//! key is an error, and so is a key whose public half is not the recorded device id; a new identity is never minted
//! over an old one.
//!
//! Deliberately absent: choosing a place silently (the caller names the vault), signing (`omniscope-protocol`), async.

mod file;
mod keyring;
mod wrapped;

use std::path::PathBuf;

use omniscope_protocol::identity::{DeviceId, DeviceKey};
use zeroize::Zeroizing;

pub use file::KeyFile;
pub(crate) use file::new_private;
pub use keyring::{KEYRING_DEADLINE, KeyringVault};
pub use wrapped::{MAX_WRAPPED_MEMORY_KIB, WrappedFile};

/// An Ed25519 seed, wiped when dropped.
pub type Seed = Zeroizing<[u8; 32]>;

/// Why there is no key. Each variant asks something else of the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is no keyring service, or no session bus to reach it.
    #[error("this system offers no keyring: {detail}")]
    NoKeyring {
        /// The system's message.
        detail: String,
    },
    /// The keyring is there but locked, and nobody unlocked it.
    #[error("the keyring is locked: unlock it and try again")]
    Locked,
    /// The keyring refused access.
    #[error("the keyring denied access: {detail}")]
    Denied {
        /// The system's message.
        detail: String,
    },
    /// The keyring did not answer within the deadline; it may be waiting for an unlock prompt.
    #[error("the keyring did not answer within {seconds} s: it may be waiting for you to unlock it")]
    NotAnswering {
        /// The deadline in seconds.
        seconds: u64,
    },
    /// What is stored is not a key.
    #[error("the stored device key is not valid: {detail}")]
    Invalid {
        /// What was expected.
        detail: String,
    },
    /// The passphrase does not open the file, or the file was changed.
    #[error("the passphrase does not open this key file")]
    WrongPassphrase,
    /// Other users of this computer can read the key file.
    #[error("{} can be read by other users (mode {mode:o}): run `chmod 600` on it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// There is a database but no key for it.
    #[error("the key of this device is missing from {place}: its database cannot be opened without it")]
    Missing {
        /// Where the key should be.
        place: String,
    },
    /// The key is another device's.
    #[error("the key in {place} belongs to device {found}, this database to device {expected}")]
    OtherDevice {
        /// Where the key was found.
        place: String,
        /// The key's device, shortened.
        found: String,
        /// The database's device, shortened.
        expected: String,
    },
    /// The file system or the system's randomness failed.
    #[error("cannot {what}: {detail}")]
    System {
        /// The operation.
        what: String,
        /// The system's message.
        detail: String,
    },
}

impl KeyError {
    /// A code that never changes meaning.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoKeyring { .. } => "no_keyring",
            Self::Locked => "keyring_locked",
            Self::Denied { .. } => "keyring_denied",
            Self::NotAnswering { .. } => "keyring_not_answering",
            Self::Invalid { .. } => "key_invalid",
            Self::WrongPassphrase => "wrong_passphrase",
            Self::Exposed { .. } => "key_exposed",
            Self::Missing { .. } => "key_missing",
            Self::OtherDevice { .. } => "wrong_key",
            Self::System { .. } => "key_failed",
        }
    }
}

/// A place for one seed.
pub trait KeyVault {
    /// The seed; `None` when the place works and holds none.
    fn load(&self) -> Result<Option<Seed>, KeyError>;

    /// Puts a seed where none was. An existing one is never replaced.
    fn store(&self, seed: &Seed) -> Result<(), KeyError>;

    /// The place in people's words.
    fn place(&self) -> String;
}

/// What the data folder already says about this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// No database yet: a key may be made.
    Nothing,
    /// A database without a recorded id, as after salvage: any present key serves, none is made.
    Database,
    /// A database of this device.
    Device(DeviceId),
}

/// Loads the device key from `vault`, or makes one where `recorded` allows it.
pub fn unlock(vault: &dyn KeyVault, recorded: Recorded) -> Result<DeviceKey, KeyError> {
    match (vault.load()?, recorded) {
        (Some(seed), recorded) => {
            let key = DeviceKey::from_seed(&seed);
            match recorded {
                Recorded::Device(expected) if expected != key.id() => Err(KeyError::OtherDevice {
                    place: vault.place(),
                    found: key.id().fmt_short(),
                    expected: expected.fmt_short(),
                }),
                _ => Ok(key),
            }
        }
        (None, Recorded::Nothing) => {
            let seed = fresh_seed()?;
            vault.store(&seed)?;
            // What was stored must be what comes back: an identity that cannot be loaded again is worth nothing.
            let back = vault.load()?.ok_or_else(|| KeyError::Missing { place: vault.place() })?;
            if *back != *seed {
                return Err(KeyError::Invalid {
                    detail: format!("{} gave back another key than it was given", vault.place()),
                });
            }
            Ok(DeviceKey::from_seed(&seed))
        }
        (None, _) => Err(KeyError::Missing { place: vault.place() }),
    }
}

fn fresh_seed() -> Result<Seed, KeyError> {
    let mut seed = Zeroizing::new([0; 32]);
    fill_random(&mut *seed)?;
    Ok(seed)
}

fn fill_random(bytes: &mut [u8]) -> Result<(), KeyError> {
    getrandom::fill(bytes)
        .map_err(|e| KeyError::System { what: "get randomness from the system".into(), detail: e.to_string() })
}

#[cfg(test)]
mod tests;
