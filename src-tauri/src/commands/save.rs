//! Puts a file that the page made into the user's folder of downloads. An existing file is never replaced.
//!
//! Deliberately absent: paths chosen by the page. It names a file; where that goes is decided here.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use tauri::ipc::{InvokeBody, Request};

use crate::error::CommandError;

/// Bytes of the name's length before the name.
const LENGTH_BYTES: usize = 2;
/// Longer names are cut, so that a number and the ending still fit into what file systems take.
const MAX_STEM_CHARS: usize = 80;
/// What the page has a reason to save.
const ENDINGS: [&str; 5] = ["json", "ga", "svg", "png", "txt"];
/// Files of one name in one folder.
const MAX_SAME_NAME: u32 = 1000;

/// Takes raw bytes: the length of the name (u16 LE), the name in UTF-8, the content. Answers with the path.
#[tauri::command]
pub(crate) async fn save(request: Request<'_>) -> Result<String, CommandError> {
    let (name, content) = read_request(request.body())?;
    let folder = downloads().ok_or_else(|| CommandError::new("no_folder", "there is no home folder to save into"))?;
    let writing = tokio::task::spawn_blocking(move || write_new(&folder, &name, &content));
    let written = writing.await.map_err(|e| CommandError::new("save_failed", e.to_string()))?;
    let path = written.map_err(|e| CommandError::new("save_failed", format!("the file could not be saved: {e}")))?;
    Ok(path.display().to_string())
}

fn downloads() -> Option<PathBuf> {
    let user = directories::UserDirs::new()?;
    Some(user.download_dir().map_or_else(|| user.home_dir().join("Downloads"), Path::to_owned))
}

fn read_request(body: &InvokeBody) -> Result<(String, Vec<u8>), CommandError> {
    let expected = || CommandError::new("bad_file", "expected raw bytes: the length of a name, the name, the content");
    let InvokeBody::Raw(bytes) = body else { return Err(expected()) };
    let (length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>().ok_or_else(expected)?;
    let (name, content) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length))).ok_or_else(expected)?;
    let name = std::str::from_utf8(name).map_err(|_| expected())?;
    Ok((file_name(name).ok_or_else(expected)?, content.to_vec()))
}

/// A name without anything that a shell, a file system or a person could take for more than a name.
fn file_name(wanted: &str) -> Option<String> {
    let (stem, ending) = wanted.rsplit_once('.')?;
    let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let stem: String = stem.chars().map(|c| if plain(c) { c } else { '-' }).take(MAX_STEM_CHARS).collect();
    let stem = stem.trim_matches('-');
    let stem = if stem.is_empty() { "omniscope" } else { stem };
    ENDINGS.contains(&ending).then(|| format!("{stem}.{ending}"))
}

/// New files only, and for nobody else to read: some hold a key or a link.
fn options() -> std::fs::OpenOptions {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn write_new(folder: &Path, name: &str, content: &[u8]) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, "txt"));
    for number in 1..=MAX_SAME_NAME {
        let name = if number == 1 { name.to_owned() } else { format!("{stem}-{number}.{ending}") };
        let path = folder.join(name);
        match options().open(&path) {
            Ok(mut file) => {
                file.write_all(content)?;
                return Ok(path);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(std::io::Error::new(ErrorKind::AlreadyExists, format!("there are {MAX_SAME_NAME} files called {name} already")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn request(name: &str, content: &[u8]) -> InvokeBody {
        let length = u16::try_from(name.len()).unwrap().to_le_bytes();
        InvokeBody::Raw([&length, name.as_bytes(), content].concat())
    }

    #[test]
    fn names_from_the_page_stay_names() {
        for (wanted, expected) in [
            ("RNA-seq, Probe 2.ga", Some("RNA-seq--Probe-2.ga")),
            ("../../.ssh/authorized_keys.txt", Some("ssh-authorized_keys.txt")),
            ("/etc/passwd", None),
            ("run.sh", None),
            ("..png", Some("omniscope.png")),
            ("", None),
        ] {
            assert_eq!(file_name(wanted).as_deref(), expected, "{wanted}");
        }
        assert!(file_name(&format!("{}.svg", "x".repeat(5000))).unwrap().len() < 100);
    }

    #[test]
    fn what_is_no_file_is_refused() {
        assert_eq!(read_request(&request("a.json", b"{}")), Ok(("a.json".into(), b"{}".to_vec())));
        for bad in [vec![], vec![1], vec![9, 0, b'a'], vec![2, 0, 0xff, 0xfe]] {
            assert_eq!(read_request(&InvokeBody::Raw(bad)).unwrap_err().code, "bad_file");
        }
    }

    #[test]
    fn a_file_that_is_there_is_kept() {
        let place = tempfile::tempdir().unwrap();
        let first = write_new(place.path(), "a.svg", b"one").unwrap();
        let second = write_new(place.path(), "a.svg", b"two").unwrap();
        assert_eq!(
            (std::fs::read(first).unwrap(), std::fs::read(&second).unwrap()),
            (b"one".to_vec(), b"two".to_vec())
        );
        assert!(second.ends_with("a-2.svg"));
    }
}
