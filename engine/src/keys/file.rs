//! `--key-file`: a seed in a plain 0600 file, for headless use.
//!
//! Two lines of text: a header naming the format, and 64 hex digits. A file that others can read is refused. Writing
//! here (`write_private`) serves the wrapped file as well: new files only, 0600, durable before success.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{KeyError, KeyVault, Seed};

const HEADER: &str = "omniscope-device-key v1";

/// No key file of ours comes near this.
const MAX_KEY_FILE_BYTES: u64 = 4_096;

/// A plain key file.
#[derive(Debug, Clone)]
pub struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    /// The file at `path`, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        KeyFile { path: path.into() }
    }
}

impl KeyVault for KeyFile {
    fn load(&self) -> Result<Option<Seed>, KeyError> {
        let Some(bytes) = read_private(&self.path)? else { return Ok(None) };
        parse(&bytes).map(Some).ok_or_else(|| KeyError::Invalid {
            detail: format!("{}: expected the line \"{HEADER}\" and 64 hex digits", self.path.display()),
        })
    }

    fn store(&self, seed: &Seed) -> Result<(), KeyError> {
        let mut text = Zeroizing::new(String::with_capacity(HEADER.len() + 66));
        text.push_str(HEADER);
        text.push('\n');
        for byte in seed.iter() {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from_digit(nibble.into(), 16).expect("a nibble is a hex digit"));
            }
        }
        text.push('\n');
        write_private(&self.path, text.as_bytes())
    }

    fn place(&self) -> String {
        format!("the key file {}", self.path.display())
    }
}

fn parse(bytes: &[u8]) -> Option<Seed> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (header, digits) = text.split_once('\n')?;
    let digits = digits.trim_end();
    if header.trim_end() != HEADER || digits.len() != 64 {
        return None;
    }
    let mut seed = Zeroizing::new([0; 32]);
    for (byte, pair) in seed.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let nibble = |digit: u8| char::from(digit).to_digit(16);
        *byte = (nibble(pair[0])? * 16 + nibble(pair[1])?) as u8;
    }
    Some(seed)
}

/// Reads a secret file; `None` when there is none, an error when others could read it.
pub(super) fn read_private(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(system("open", path)(e)),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata().map_err(system("inspect", path))?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Exposed { path: path.to_owned(), mode });
        }
    }
    // Reserved in one piece: a growing vector would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_KEY_FILE_BYTES as usize + 1));
    file.take(MAX_KEY_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(system("read", path))?;
    if bytes.len() as u64 > MAX_KEY_FILE_BYTES {
        return Err(KeyError::Invalid { detail: format!("{} is too large for a key file", path.display()) });
    }
    Ok(Some(bytes))
}

/// Makes a folder if it is missing, and gives how a new file is opened there: both are for the owner alone.
pub(crate) fn new_private(folder: &Path) -> std::io::Result<OpenOptions> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        builder.mode(0o700);
        options.mode(0o600);
    }
    builder.create(folder)?;
    Ok(options)
}

/// Writes a secret file that must not exist: whole and durable, or not at all.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let options = new_private(folder).map_err(system("create the folder of", path))?;
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".{}.partial", std::process::id()));
    let partial = PathBuf::from(partial);
    let write = || -> std::io::Result<()> {
        let mut file = options.open(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        // A hard link, unlike a rename, never replaces what is there.
        std::fs::hard_link(&partial, path)
    };
    let result = write().map_err(system("create", path));
    // The partial file is gone or was never made; the outcome above is what counts.
    let _ = std::fs::remove_file(&partial);
    #[cfg(unix)]
    if result.is_ok() {
        File::open(folder).and_then(|f| f.sync_all()).map_err(system("sync the folder of", path))?;
    }
    result
}

fn system(what: &str, path: &Path) -> impl FnOnce(std::io::Error) -> KeyError {
    let what = format!("{what} {}", path.display());
    move |e| KeyError::System { what, detail: e.to_string() }
}
