//! The socket in the data folder: how other processes of this user reach the engine that holds it.
//!
//! Only the holder of the folder's lock may bind, so a socket file that is already there is a dead one. The folder is
//! 0700 and the socket 0600: whoever can connect is this user. Deliberately absent: systems without Unix sockets.

use std::fs::{File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::BufReader;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use super::Manner;
use crate::engine::Engine;

/// File name of the socket inside the data folder.
pub const SOCKET_FILE: &str = "socket";
/// Connections served at one time; more wait in the system's queue.
pub const MAX_CONNECTIONS: usize = 64;
/// Longest path that fits into a Unix socket address, its end included.
const MAX_SOCKET_PATH_BYTES: usize = 100;

/// Serves the socket until dropped; then all its connections end and the file is removed.
pub struct SocketServer {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl SocketServer {
    /// Binds the socket in `dir`. The caller holds the folder's lock (an open `Store` does).
    ///
    /// # Errors
    /// When the socket cannot be made there.
    pub fn start(engine: Engine, dir: &Path) -> io::Result<Self> {
        let path = dir.join(SOCKET_FILE);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let (address, _folder) = address(dir)?;
        let listener = UnixListener::bind(address)?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        Ok(Self { path, task: tokio::spawn(accept(engine, listener)) })
    }
}

impl Drop for SocketServer {
    fn drop(&mut self) {
        self.task.abort();
        // A file left behind is replaced by the next holder.
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn accept(engine: Engine, listener: UnixListener) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let engine = engine.clone();
                connections.spawn(async move {
                    let (reader, writer) = stream.into_split();
                    let manner = Manner { events: false, outlives_input: false };
                    if let Err(error) = super::serve(&engine, BufReader::new(reader), writer, manner).await {
                        tracing::debug!(%error, "a connection on the socket broke");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the socket does not take connections; trying again");
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            }
        }
    }
}

pub(super) async fn connect(dir: &Path) -> io::Result<UnixStream> {
    let (address, _folder) = address(dir)?;
    UnixStream::connect(address).await
}

/// The socket's path, through an open folder when it would not fit into an address. The file keeps the folder open.
fn address(dir: &Path) -> io::Result<(PathBuf, Option<File>)> {
    let path = dir.join(SOCKET_FILE);
    if path.as_os_str().len() <= MAX_SOCKET_PATH_BYTES {
        return Ok((path, None));
    }
    let folder = File::open(dir)?;
    Ok((PathBuf::from(format!("/proc/self/fd/{}/{SOCKET_FILE}", folder.as_raw_fd())), Some(folder)))
}
