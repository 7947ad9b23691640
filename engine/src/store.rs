//! The store: one SQLite database a device, one writer thread, and the token that proves a commit.
//!
//! What is committed here is what survives kill -9 and power loss: WAL with `synchronous=FULL`, group commit (all
//! batches queued while a commit is under way share the next one). `Committed` is made in this module only, after
//! COMMIT has returned, so whoever announces "saved" or gives a receipt has to hold one.
//!
//! Deliberately absent: knowledge of what an op means (bytes are bytes; callers check that an id is the hash of its
//! bytes), retries (a failed commit is reported, never repeated silently), async, mmap, secrets of the device (`keys`).

mod disk;
mod lock;
mod read;
mod rest;
mod salvage;
mod schema;
mod write;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::thread::JoinHandle;

use omniscope_protocol::identity::DeviceKey;
use rusqlite::Connection;

pub use read::{PeerRow, PendingJoinRow, Sizes};
pub use salvage::Salvaged;
pub use write::{Batch, MAX_BATCH_BYTES, WorkspaceRow, WorkspaceState, Write};

/// File name of the database inside the data folder.
pub const DATABASE_FILE: &str = "omniscope.sqlite3";

/// Batches waiting for the writer. At 200 commits a second each commit takes all that wait, so this is reached only
/// when the disk has stopped answering; then `commit` refuses with `StoreError::Busy` instead of growing.
pub const MAX_QUEUED_BATCHES: usize = 16_384;

/// Rows that a repair writes in one commit; with the largest ops they stay below `MAX_BATCH_BYTES`.
const REPAIR_ROWS: usize = 128;

/// What went wrong with the store. Cheap to clone: one failed commit is reported to every batch in its group.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the data folder.
    #[error("the data folder is in use by {holder}")]
    InUse {
        /// Who holds it, as they wrote it: what they are and their process id.
        holder: String,
    },
    /// The database was written by a newer version of OmniScope.
    #[error("the database has schema {found}, this version knows up to {known}: update OmniScope")]
    Newer {
        /// Schema version found in the file.
        found: i64,
        /// Newest schema version this binary can read.
        known: i64,
    },
    /// A batch is not durable and will not become so by waiting.
    #[error("not saved: {reason}")]
    NotSaved {
        /// The cause in people's words.
        reason: String,
        /// The disk is full or a quota is reached: freeing space helps.
        disk_full: bool,
    },
    /// The database does not pass its check or cannot be read.
    #[error("the database is damaged: {detail}")]
    Damaged {
        /// The first lines of what SQLite found.
        detail: String,
    },
    /// A read or an administrative statement failed.
    #[error("cannot {what}: {detail}")]
    Database {
        /// The operation.
        what: &'static str,
        /// SQLite's message.
        detail: String,
    },
    /// The file system refused.
    #[error("cannot {what} {}: {detail}", path.display())]
    File {
        /// The operation.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's message.
        detail: String,
    },
    /// `MAX_QUEUED_BATCHES` batches are waiting, or the batch is over `MAX_BATCH_BYTES`.
    #[error("not saved: the disk does not keep up")]
    Busy,
    /// The writer thread has ended.
    #[error("not saved: the store is closed")]
    Closed,
}

impl StoreError {
    fn database(what: &'static str) -> impl FnOnce(rusqlite::Error) -> StoreError {
        move |error| match &error {
            rusqlite::Error::SqliteFailure(code, _)
                if matches!(code.code, rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) =>
            {
                StoreError::Damaged { detail: error.to_string() }
            }
            _ => StoreError::Database { what, detail: error.to_string() },
        }
    }

    fn file(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
        move |error| StoreError::File { what, path: path.to_owned(), detail: error.to_string() }
    }
}

/// Proof that a batch is durable. It has no public constructor.
#[derive(Debug, Clone, Copy)]
pub struct Committed(());

/// How the database is opened. The defaults are the promise; the rest exists to break it in tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenOptions<'a> {
    /// Name of a registered SQLite VFS; `None` is the system's.
    pub vfs: Option<&'a str>,
    /// Opens with `synchronous=NORMAL`, which loses commits at power loss. Tests use it to show that they can fail.
    pub unsafe_normal_sync: bool,
}

type Done = Box<dyn FnOnce(Result<Committed, StoreError>) + Send>;

struct Job {
    batch: Batch,
    /// Rewrites the file without its free pages, instead of a commit.
    compact: bool,
    done: Done,
}

/// The open database. Dropping it commits what is queued, then closes.
#[derive(Debug)]
pub struct Store {
    queue: Option<SyncSender<Job>>,
    writer: Option<JoinHandle<()>>,
    reader: Arc<Mutex<Connection>>,
    dir: Option<PathBuf>,
    /// Known once the device key is; shared with the writer.
    rest: Arc<OnceLock<rest::RestKey>>,
    /// Held for its lifetime: released after the writer has ended.
    _lock: Option<lock::FolderLock>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("writes", &self.batch.writes.len()).finish()
    }
}

impl Store {
    /// Opens or creates the database in `dir` (created 0700; files 0600) and takes its lock.
    ///
    /// `holder` says what this process is ("OmniScope window"); the process id is added. A damaged database gives
    /// `Damaged` and is left as it is: see `open_or_salvage`.
    pub fn open(dir: &Path, holder: &str) -> Result<Store, StoreError> {
        Self::open_inner(dir, holder, OpenOptions::default())
    }

    /// As `open`, over a test VFS or with weaker syncing.
    #[cfg(feature = "test-support")]
    pub fn open_with(dir: &Path, holder: &str, options: OpenOptions<'_>) -> Result<Store, StoreError> {
        Self::open_inner(dir, holder, options)
    }

    /// As `open`; a damaged database is moved aside (kept), and what still reads is copied into a new one.
    ///
    /// `check(id, bytes)` decides whether an op row is whole; rows that fail are counted as lost. The engine fetches
    /// what is missing from peers. Settings (the recorded device id among them) are copied as far as they read.
    pub fn open_or_salvage(
        dir: &Path,
        holder: &str,
        check: &dyn Fn(&[u8; 32], &[u8]) -> bool,
    ) -> Result<(Store, Option<Salvaged>), StoreError> {
        match Self::open_inner(dir, holder, OpenOptions::default()) {
            Err(StoreError::Damaged { detail }) => {
                tracing::warn!(%detail, "database damaged, salvaging");
                let folder = disk::prepare_folder(dir)?;
                let lock = lock::FolderLock::take(&folder, holder)?;
                let report = salvage::salvage(&folder, detail, check)?;
                let store = Self::open_locked(&folder, lock, OpenOptions::default())?;
                Ok((store, Some(report)))
            }
            other => other.map(|store| (store, None)),
        }
    }

    /// True when `dir` already holds a database. A missing key beside one is an error, never a new identity.
    pub fn exists(dir: &Path) -> bool {
        dir.join(DATABASE_FILE).metadata().is_ok_and(|file| file.len() > 0)
    }

    /// A store in memory, for tests and for engines that shall leave nothing behind.
    pub fn memory() -> Result<Store, StoreError> {
        let mut connection = Connection::open_in_memory().map_err(StoreError::database("open the database"))?;
        disk::configure(&connection, false)?;
        schema::migrate(&mut connection, None)?;
        let shared = Arc::new(Mutex::new(connection));
        Self::start(write::Target::Memory(Arc::clone(&shared)), shared, None, None)
    }

    fn open_inner(dir: &Path, holder: &str, options: OpenOptions<'_>) -> Result<Store, StoreError> {
        let folder = disk::prepare_folder(dir)?;
        let lock = lock::FolderLock::take(&folder, holder)?;
        Self::open_locked(&folder, lock, options)
    }

    fn open_locked(folder: &Path, lock: lock::FolderLock, options: OpenOptions<'_>) -> Result<Store, StoreError> {
        let place = disk::Place::new(folder, options);
        place.create_file()?;
        let mut writer = place.connect()?;
        schema::refuse_newer(&writer)?;
        disk::whole_pages(&writer, folder)?;
        disk::quick_check(&writer)?;
        schema::migrate(&mut writer, Some(folder))?;
        place.sync_folder()?;
        let reader = place.connect()?;
        reader
            .pragma_update(None, "query_only", true)
            .map_err(StoreError::database("open the database for reading"))?;
        let reader = Arc::new(Mutex::new(reader));
        Self::start(
            write::Target::File { place, connection: Some(writer) },
            reader,
            Some(folder.to_owned()),
            Some(lock),
        )
    }

    fn start(
        target: write::Target,
        reader: Arc<Mutex<Connection>>,
        dir: Option<PathBuf>,
        lock: Option<lock::FolderLock>,
    ) -> Result<Store, StoreError> {
        let (queue, jobs) = sync_channel(MAX_QUEUED_BATCHES);
        let rest = Arc::new(OnceLock::new());
        let writer = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn({
                let rest = Arc::clone(&rest);
                move || write::run(target, &jobs, &rest)
            })
            .map_err(|e| StoreError::Database { what: "start the writer thread", detail: e.to_string() })?;
        Ok(Store { queue: Some(queue), writer: Some(writer), reader, dir, rest, _lock: lock })
    }

    /// Seals and opens names, links and settings with a key made from the device key, from now on. Before this call
    /// they can be neither written nor read. A second call changes nothing.
    pub fn unlock(&self, device: &DeviceKey) {
        self.rest.get_or_init(|| rest::RestKey::of(device));
    }

    /// Queues `batch`; all of it becomes durable, or none.
    ///
    /// `done` runs once, on the writer thread after COMMIT (or on this thread when the batch is refused at once), and
    /// must not block. Batches are committed in the order of these calls.
    pub fn commit(&self, batch: Batch, done: impl FnOnce(Result<Committed, StoreError>) + Send + 'static) {
        if batch.bytes() > MAX_BATCH_BYTES {
            return done(Err(StoreError::Busy));
        }
        self.send(Job { batch, compact: false, done: Box::new(done) });
    }

    /// Gives the room of what was removed back to the disk, by writing the database anew; waits for it.
    ///
    /// Batches queued before this call are durable by then; those queued meanwhile wait. It needs as much free disk again as
    /// the database takes. Not for the writer thread's own callbacks.
    pub fn compact(&self) -> Result<(), StoreError> {
        let (tell, told) = sync_channel(1);
        let done = move |result| {
            // The receiver waits below; it cannot be gone.
            let _ = tell.send(result);
        };
        self.send(Job { batch: Batch::default(), compact: true, done: Box::new(done) });
        told.recv().unwrap_or(Err(StoreError::Closed)).map(drop)
    }

    fn send(&self, job: Job) {
        let Some(queue) = &self.queue else { return (job.done)(Err(StoreError::Closed)) };
        match queue.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(job)) => (job.done)(Err(StoreError::Busy)),
            Err(TrySendError::Disconnected(job)) => (job.done)(Err(StoreError::Closed)),
        }
    }

    /// Commits `batch` and waits for it. Not for the writer thread's own callbacks.
    pub fn commit_wait(&self, batch: Batch) -> Result<Committed, StoreError> {
        let (tell, told) = sync_channel(1);
        self.commit(batch, move |result| {
            // The receiver waits below; it cannot be gone.
            let _ = tell.send(result);
        });
        told.recv().unwrap_or(Err(StoreError::Closed))
    }

    /// Waits until everything queued before this call is durable.
    pub fn flush(&self) -> Result<Committed, StoreError> {
        self.commit_wait(Batch::default())
    }

    /// Repairs a workspace's log: rows of which `check(id, bytes)` is false go, the others stay, indexes are rebuilt.
    ///
    /// The log is read twice. What the indexes find beforehand is written again after they were rebuilt: a row may be
    /// found by an index although the workspace in the row itself is damaged, and would be lost with that index. What a
    /// damaged index hid is judged afterwards.
    pub fn repair(&self, workspace: &[u8; 32], check: &dyn Fn(&[u8; 32], &[u8]) -> bool) -> Result<(), StoreError> {
        let (mut whole, mut damaged) = (Vec::new(), Vec::new());
        self.for_each_op(workspace, 0, |_, id, bytes| {
            if check(&id, bytes) {
                whole.push(Write::Op { workspace: *workspace, id, bytes: bytes.into() });
            }
            true
        })?;
        self.commit_wait(Batch::one(Write::Reindex))?;
        self.for_each_op(workspace, 0, |_, id, bytes| {
            if !check(&id, bytes) {
                damaged.push(Write::DropOp { workspace: *workspace, id });
            }
            true
        })?;
        self.commit_wait(Batch { writes: damaged })?;
        for writes in whole.chunks(REPAIR_ROWS) {
            self.commit_wait(Batch { writes: writes.to_vec() })?;
        }
        Ok(())
    }

    fn read(&self) -> MutexGuard<'_, Connection> {
        // A panic while reading leaves a connection that is still good: nothing is half-written by a reader.
        self.reader.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take()
            && writer.thread().id() != std::thread::current().id()
            && writer.join().is_err()
        {
            tracing::error!("the store's writer thread had panicked");
        }
    }
}

#[cfg(test)]
mod tests;
