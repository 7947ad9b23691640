//! The OS keyring, behind a deadline.
//!
//! Keyring calls block, and a locked service with a display shows a prompt that may stay unanswered for ever. So each
//! call runs on a thread of its own; when the deadline passes the caller is told and the thread is left to end by
//! itself, its late answer dropped. Calls never run on a runtime's worker.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use keyring::{Entry, Error};
use zeroize::Zeroizing;

use super::{KeyError, KeyVault, Seed};

/// How long the keyring may take to answer.
pub const KEYRING_DEADLINE: Duration = Duration::from_secs(3);

/// Calls that never came back; beyond this no further thread is spent on the keyring.
const MAX_STUCK_CALLS: usize = 4;

static PENDING_CALLS: AtomicUsize = AtomicUsize::new(0);

/// An entry in the keyring of the logged-in user.
#[derive(Debug, Clone)]
pub struct KeyringVault {
    service: String,
    account: String,
}

impl KeyringVault {
    /// The entry for `account` under OmniScope's service name. The account tells data folders apart.
    pub fn new(account: impl Into<String>) -> Self {
        KeyringVault { service: "org.omniscope.device-key".into(), account: account.into() }
    }

    /// Runs one keyring call under the deadline.
    fn call<T: Send + 'static>(
        &self,
        run: impl FnOnce(Entry) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Failure> {
        if PENDING_CALLS.fetch_add(1, Ordering::SeqCst) >= MAX_STUCK_CALLS {
            PENDING_CALLS.fetch_sub(1, Ordering::SeqCst);
            return Err(Failure::Key(not_answering()));
        }
        let (service, account) = (self.service.clone(), self.account.clone());
        let (tell, told) = sync_channel(1);
        let spawned = std::thread::Builder::new().name("keyring".into()).spawn(move || {
            let result = match Entry::store_status() {
                Ok(()) => Entry::new(&service, &account).and_then(run).map_err(Failure::of),
                Err(error) => Err(Failure::Key(KeyError::NoKeyring { detail: error.to_string() })),
            };
            PENDING_CALLS.fetch_sub(1, Ordering::SeqCst);
            // Nobody listens any more once the deadline has passed.
            let _ = tell.send(result);
        });
        if let Err(error) = spawned {
            PENDING_CALLS.fetch_sub(1, Ordering::SeqCst);
            let what = "start a thread for the keyring".into();
            return Err(Failure::Key(KeyError::System { what, detail: error.to_string() }));
        }
        match told.recv_timeout(KEYRING_DEADLINE) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => Err(Failure::Key(not_answering())),
            Err(RecvTimeoutError::Disconnected) => {
                Err(Failure::Key(KeyError::NoKeyring { detail: "the keyring library failed".into() }))
            }
        }
    }
}

fn not_answering() -> KeyError {
    KeyError::NotAnswering { seconds: KEYRING_DEADLINE.as_secs() }
}

/// A missing entry is an answer, everything else an error.
enum Failure {
    NoEntry,
    Key(KeyError),
}

impl Failure {
    fn of(error: Error) -> Failure {
        let detail = match &error {
            Error::NoStorageAccess(cause) | Error::PlatformFailure(cause) => cause.to_string(),
            // The stored bytes must not end up in a message.
            Error::BadEncoding(_) | Error::BadDataFormat(..) => "its format is unknown".into(),
            other => other.to_string(),
        };
        let lower = detail.to_lowercase();
        Failure::Key(match error {
            Error::NoEntry => return Failure::NoEntry,
            Error::NoStorageAccess(_) if lower.contains("lock") => KeyError::Locked,
            // A prompt that was dismissed.
            Error::NoStorageAccess(_) if lower.contains("prompt") => KeyError::Locked,
            Error::PlatformFailure(_) if lower.contains("denied") => KeyError::Denied { detail },
            Error::NoStorageAccess(_) => KeyError::Denied { detail },
            Error::NoDefaultStore | Error::PlatformFailure(_) => KeyError::NoKeyring { detail },
            Error::Ambiguous(_) => KeyError::Invalid { detail: "the keyring holds several".into() },
            _ => KeyError::Invalid { detail },
        })
    }
}

impl KeyVault for KeyringVault {
    fn load(&self) -> Result<Option<Seed>, KeyError> {
        match self.call(|entry| entry.get_secret().map(Zeroizing::new)) {
            Ok(secret) => match <[u8; 32]>::try_from(secret.as_slice()) {
                Ok(seed) => Ok(Some(Zeroizing::new(seed))),
                Err(_) => Err(KeyError::Invalid { detail: format!("expected 32 bytes, found {}", secret.len()) }),
            },
            Err(Failure::NoEntry) => Ok(None),
            Err(Failure::Key(error)) => Err(error),
        }
    }

    fn store(&self, seed: &Seed) -> Result<(), KeyError> {
        if self.load()?.is_some() {
            return Err(KeyError::Invalid { detail: "the keyring already holds a key for this data folder".into() });
        }
        let seed = seed.clone();
        match self.call(move |entry| entry.set_secret(seed.as_slice())) {
            Ok(()) => Ok(()),
            Err(Failure::NoEntry) => Err(KeyError::Missing { place: self.place() }),
            Err(Failure::Key(error)) => Err(error),
        }
    }

    fn place(&self) -> String {
        "the system's keyring".into()
    }
}
