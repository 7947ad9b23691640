//! The relay's database: sealed ops by workspace, who may register, who is shut out. One writer thread.
//!
//! WAL with `synchronous=FULL`, group commit: whatever waits while a commit is under way shares the next one, and is
//! told only after it. Deliberately absent: any look into an op (callers check that an id is the hash of its bytes),
//! keys of workspaces, and the relay's own key, which is a file beside it.

mod lock;
mod read;
mod schema;
mod write;

use std::fs::File;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

pub(crate) use read::WorkspaceRow;
pub(crate) use write::Write;

/// File name of the database inside the data folder.
pub const DATABASE_FILE: &str = "relay.sqlite3";
/// Batches that may wait for the writer; beyond it nothing is taken in until the disk has caught up.
const MAX_QUEUED_BATCHES: usize = 4096;
/// The reader never waits for the writer in WAL mode; this covers recovery and checkpoints.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// 3.51.3 closes the WAL-reset bug, which could corrupt a database under concurrent checkpoints.
const SQLITE_FLOOR: i32 = 3_051_003;

/// What went wrong with the database.
#[derive(Debug, Clone)]
pub enum StoreError {
    /// Another process holds the data folder.
    InUse { holder: String },
    /// The database was written by a newer relay.
    Newer { found: i64, known: i64 },
    /// It does not pass its check.
    Damaged(String),
    /// A statement failed.
    Database { what: &'static str, detail: String },
    /// The file system refused.
    File { what: &'static str, path: PathBuf, detail: String },
    /// The disk does not keep up.
    Busy,
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::InUse { holder } => write!(f, "the data folder is in use by {holder}"),
            Self::Newer { found, known } => {
                write!(f, "the database has schema {found}, this relay knows up to {known}: update it")
            }
            Self::Damaged(detail) => {
                write!(
                    f,
                    "the database is damaged: {detail}. Restore a backup, or move the file aside: members bring back what they hold"
                )
            }
            Self::Database { what, detail } => write!(f, "cannot {what}: {detail}"),
            Self::File { what, path, detail } => write!(f, "cannot {what} {}: {detail}", path.display()),
            Self::Busy => write!(f, "the disk does not keep up"),
        }
    }
}

impl std::error::Error for StoreError {}

impl StoreError {
    fn database(what: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |error| Self::Database { what, detail: error.to_string() }
    }

    fn file(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self::File { what, path: path.to_owned(), detail: error.to_string() }
    }
}

type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

struct Job {
    writes: Vec<Write>,
    done: Done,
}

/// The open database. Dropping it commits what is queued, then closes.
pub(crate) struct Store {
    queue: Option<SyncSender<Job>>,
    writer: Option<JoinHandle<()>>,
    reader: Mutex<Connection>,
    folder: PathBuf,
    /// Held until the writer has ended.
    _lock: lock::FolderLock,
}

impl Store {
    /// Opens or creates the database in `folder` (made 0700; files 0600) and takes its lock.
    ///
    /// # Errors
    /// When another process holds the folder, or the database is damaged or newer; it is left as it is then.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        prepare_folder(folder)?;
        let lock = lock::FolderLock::take(folder)?;
        let path = folder.join(DATABASE_FILE);
        let file = File::options().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(StoreError::file("create", &path))?;
        file.set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(StoreError::file("protect", &path))?;
        let mut writer = connect(&path)?;
        schema::refuse_newer(&writer)?;
        quick_check(&writer)?;
        schema::migrate(&mut writer, &path)?;
        File::open(folder).and_then(|f| f.sync_all()).map_err(StoreError::file("sync", folder))?;
        let reader = connect(&path)?;
        reader.pragma_update(None, "query_only", true).map_err(StoreError::database("open the database to read"))?;
        let (queue, jobs) = sync_channel(MAX_QUEUED_BATCHES);
        let thread = std::thread::Builder::new().name("relay-store".into());
        let writer = thread
            .spawn(move || write::run(&path, writer, &jobs))
            .map_err(|e| StoreError::Database { what: "start the writer thread", detail: e.to_string() })?;
        let (folder, reader) = (folder.to_owned(), Mutex::new(reader));
        Ok(Self { queue: Some(queue), writer: Some(writer), reader, folder, _lock: lock })
    }

    /// Queues writes; all of them become durable, or none. `done` runs once, after COMMIT, and must not block.
    pub(crate) fn commit(&self, writes: Vec<Write>, done: impl FnOnce(Result<(), StoreError>) + Send + 'static) {
        let Some(queue) = &self.queue else { return done(Err(StoreError::Busy)) };
        match queue.try_send(Job { writes, done: Box::new(done) }) {
            Ok(()) => {}
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => (job.done)(Err(StoreError::Busy)),
        }
    }

    /// Commits and waits. Not for the writer's own callbacks.
    pub(crate) fn commit_wait(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        let (tell, told) = sync_channel(1);
        self.commit(writes, move |result| {
            // The receiver waits below.
            let _ = tell.send(result);
        });
        told.recv().unwrap_or(Err(StoreError::Busy))
    }

    fn read(&self) -> MutexGuard<'_, Connection> {
        // A panic while reading leaves a connection that is still good.
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take()
            && writer.thread().id() != std::thread::current().id()
            && writer.join().is_err()
        {
            tracing::error!("the database's writer thread had panicked");
        }
    }
}

/// Copies a database, as it is committed now, to `target`, which must not exist. A relay may be running on it.
///
/// # Errors
/// When the copy cannot be written; then nothing whole stands there.
pub(crate) fn copy_database(source: &Path, target: &Path) -> Result<(), StoreError> {
    connect(source)?
        .execute("VACUUM INTO ?1", [target.to_string_lossy()])
        .map_err(StoreError::database("copy the database"))?;
    let file = File::open(target).map_err(StoreError::file("open", target))?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(StoreError::file("protect", target))?;
    file.sync_all().map_err(StoreError::file("sync", target))
}

fn prepare_folder(folder: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(StoreError::file("create the folder", folder))?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
        .map_err(StoreError::file("protect the folder", folder))
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    assert!(rusqlite::version_number() >= SQLITE_FLOOR, "SQLite is bundled at 3.51.3 or newer");
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        connection.pragma_update(None, "mmap_size", 0)?;
        // What a purge overwrites shall not stay in free room.
        connection.pragma_update(None, "secure_delete", true)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "journal_size_limit", 16 << 20)?;
        let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        if mode.eq_ignore_ascii_case("wal") { Ok(connection) } else { Err(rusqlite::Error::InvalidQuery) }
    };
    open().map_err(|error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
            StoreError::Damaged(error.to_string())
        }
        _ => StoreError::Database { what: "open the database", detail: error.to_string() },
    })
}

fn quick_check(connection: &Connection) -> Result<(), StoreError> {
    let lines = connection
        .prepare("PRAGMA quick_check(5)")
        .and_then(|mut check| check.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>())
        .map_err(|error| StoreError::Damaged(error.to_string()))?;
    if lines == ["ok"] { Ok(()) } else { Err(StoreError::Damaged(lines.join("; ").replace('\n', " "))) }
}

#[cfg(test)]
mod tests;
