//! The bearer token: random, in a 0600 file in the data folder, compared in constant time.
//!
//! It stays the same over restarts, so that scripts may keep running. A file that others could read, or that holds
//! something else, is replaced.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use crate::failure::Failure;

/// File name of the token inside the data folder.
pub(crate) const TOKEN_FILE: &str = "http-token";
const TOKEN_BYTES: usize = 32;

/// The token, as its hash: hashes compare in constant time, and nothing can print the secret.
pub(super) struct Token(blake3::Hash);

impl Token {
    /// Reads the token in `dir`, or makes one.
    pub(super) fn load_or_create(dir: &Path) -> Result<Self, Failure> {
        let failed = |e: std::io::Error| Failure::machine(&format!("use the token in {}", dir.display()), e);
        if let Some(text) = read(&dir.join(TOKEN_FILE)).map_err(failed)? {
            return Ok(Self::of(text.as_bytes()));
        }
        let mut bytes = [0; TOKEN_BYTES];
        getrandom::fill(&mut bytes).map_err(|e| failed(std::io::Error::other(e.to_string())))?;
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        write(dir, &text).map_err(failed)?;
        Ok(Self::of(text.as_bytes()))
    }

    fn of(text: &[u8]) -> Self {
        Self(blake3::hash(text))
    }

    /// Whether `given` is the token.
    pub(super) fn is(&self, given: &[u8]) -> bool {
        self.0 == blake3::hash(given)
    }
}

/// The token in a file, if it is one and only this user can read it.
fn read(path: &Path) -> std::io::Result<Option<String>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            tracing::warn!(path = %path.display(), "others could read the HTTP token; a new one replaces it");
            return Ok(None);
        }
    }
    let mut bytes = Vec::new();
    file.take(2 * TOKEN_BYTES as u64 + 2).read_to_end(&mut bytes)?;
    let text = String::from_utf8(bytes).unwrap_or_default();
    let text = text.trim_end();
    let whole = text.len() == 2 * TOKEN_BYTES && text.bytes().all(|b| b.is_ascii_hexdigit());
    Ok(whole.then(|| text.to_owned()))
}

/// Puts the token in place at once: a reader sees the old file or the new one.
fn write(dir: &Path, text: &str) -> std::io::Result<()> {
    let fresh = dir.join(format!("{TOKEN_FILE}.new"));
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(&fresh)?;
    file.write_all(format!("{text}\n").as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&fresh, dir.join(TOKEN_FILE))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn written(dir: &Path) -> String {
        std::fs::read_to_string(dir.join(TOKEN_FILE)).unwrap().trim_end().to_owned()
    }

    #[test]
    fn a_token_stays_over_restarts_and_only_its_owner_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = Token::load_or_create(dir.path()).unwrap();
        let text = written(dir.path());
        assert!(first.is(text.as_bytes()));
        assert!(!first.is(b"") && !first.is(&text.as_bytes()[1..]) && !first.is(text.to_uppercase().as_bytes()));
        assert!(Token::load_or_create(dir.path()).unwrap().is(text.as_bytes()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let path = dir.path().join(TOKEN_FILE);
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
            let second = Token::load_or_create(dir.path()).unwrap();
            assert!(!second.is(text.as_bytes()), "a token that others could read is replaced");
            assert!(second.is(written(dir.path()).as_bytes()));
        }
    }

    #[test]
    fn a_damaged_token_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        for bad in ["", "short", "\u{e9}"] {
            let path = dir.path().join(TOKEN_FILE);
            std::fs::write(&path, bad).unwrap();
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            }
            assert!(Token::load_or_create(dir.path()).unwrap().is(written(dir.path()).as_bytes()));
            assert_eq!(written(dir.path()).len(), 2 * TOKEN_BYTES);
        }
    }
}
