//! One window a data folder: a second start hands its invitation to the window that is open, and ends.
//!
//! The window listens on a socket of its own in the data folder, which is its user's alone. What comes in is text and
//! nothing more: the page shows it and asks, as it does with a pasted link.
//!
//! Deliberately absent: systems without Unix sockets; there the second window says that the folder is in use.

use std::path::Path;

#[cfg(unix)]
pub(crate) use unix::{hand_over, listen};

/// Nobody to hand over to.
#[cfg(not(unix))]
pub(crate) fn hand_over(_: &Path, _: Option<&str>) -> bool {
    false
}

#[cfg(unix)]
mod unix {
    use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::time::Duration;

    use super::Path;

    const SOCKET_FILE: &str = "window.socket";
    /// Links are shorter; longer lines are not read to their end.
    const MAX_LINE_BYTES: u64 = 16 * 1024;
    /// A window that is there answers at once.
    const PATIENCE: Duration = Duration::from_secs(2);
    const TAKEN: &[u8] = b"taken\n";

    /// Gives the link, if any, to the window that has this folder open. Whether there was one.
    pub(crate) fn hand_over(data_dir: &Path, link: Option<&str>) -> bool {
        let Ok(mut stream) = UnixStream::connect(data_dir.join(SOCKET_FILE)) else { return false };
        let line = format!("{}\n", link.unwrap_or_default().replace(['\n', '\r'], " "));
        let mut answer = [0; TAKEN.len()];
        let talk = stream
            .set_read_timeout(Some(PATIENCE))
            .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
            .and_then(|()| stream.write_all(line.as_bytes()))
            .and_then(|()| stream.read_exact(&mut answer));
        talk.is_ok() && answer == TAKEN
    }

    /// Hears what later starts hand over, on a thread of its own, for as long as this process lives. An empty line asks
    /// for the window only.
    pub(crate) fn listen(data_dir: &Path, taken: impl Fn(String) + Send + 'static) -> std::io::Result<()> {
        let path = data_dir.join(SOCKET_FILE);
        // Whoever left it is gone, or `hand_over` would have been answered.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::thread::Builder::new().name("instance".into()).spawn(move || {
            for stream in listener.incoming().flatten() {
                // Somebody who hangs up or sends what is no line has nothing to say.
                if let Ok(line) = hear(stream) {
                    taken(line);
                }
            }
        })?;
        Ok(())
    }

    fn hear(mut stream: UnixStream) -> std::io::Result<String> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut line = String::new();
        BufReader::new((&stream).take(MAX_LINE_BYTES)).read_line(&mut line)?;
        if !line.ends_with('\n') {
            return Err(ErrorKind::InvalidData.into());
        }
        stream.write_all(TAKEN)?;
        Ok(line.trim().to_owned())
    }

    #[cfg(test)]
    mod tests {
        #![allow(clippy::unwrap_used, reason = "tests")]

        use std::sync::mpsc::channel;

        use super::*;

        #[test]
        fn a_second_start_hands_its_link_over_and_a_dead_socket_takes_nothing() {
            let place = tempfile::tempdir().unwrap();
            assert!(!hand_over(place.path(), Some("omniscope://join#a")));
            let (sender, heard) = channel();
            listen(place.path(), move |line| sender.send(line).unwrap()).unwrap();
            assert!(hand_over(place.path(), Some("omniscope://join#a\nrm")));
            assert!(hand_over(place.path(), None));
            assert_eq!(heard.recv().unwrap(), "omniscope://join#a rm");
            assert_eq!(heard.recv().unwrap(), "");
            let dead = tempfile::tempdir().unwrap();
            drop(UnixListener::bind(dead.path().join(SOCKET_FILE)).unwrap());
            assert!(!hand_over(dead.path(), None));
        }
    }
}
