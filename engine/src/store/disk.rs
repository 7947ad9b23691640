//! Where the database lies and how a connection to it is set up: permissions, pragmas, the check at open.
//!
//! Every connection, reader or writer, is made by `Place::connect`, so that no setting can be forgotten in one place.

use std::fs::{File, OpenOptions as FileOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::{DATABASE_FILE, OpenOptions, StoreError};

/// 3.51.3 closes the WAL-reset bug, which could corrupt a database under concurrent checkpoints.
const SQLITE_FLOOR: i32 = 3_051_003;

/// Lines of `quick_check` that are reported.
const MAX_CHECK_LINES: usize = 5;

/// The reader never waits for the writer in WAL mode; this covers recovery and checkpoints.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A database file and the way it is opened.
#[derive(Debug, Clone)]
pub(super) struct Place {
    folder: PathBuf,
    vfs: Option<String>,
    normal_sync: bool,
}

impl Place {
    pub(super) fn new(folder: &Path, options: OpenOptions<'_>) -> Self {
        Place {
            folder: folder.to_owned(),
            vfs: options.vfs.map(str::to_owned),
            normal_sync: options.unsafe_normal_sync,
        }
    }

    pub(super) fn file(&self) -> PathBuf {
        self.folder.join(DATABASE_FILE)
    }

    /// Creates the file 0600 before SQLite sees it: its WAL and shared memory take their mode from it.
    pub(super) fn create_file(&self) -> Result<(), StoreError> {
        let path = self.file();
        let mut options = FileOptions::new();
        options.write(true).create(true).truncate(false);
        private(&mut options);
        let file = options.open(&path).map_err(StoreError::file("create", &path))?;
        set_private(&file).map_err(StoreError::file("protect", &path))
    }

    /// Makes the directory entry durable; SQLite does so for the WAL but not for the database itself.
    pub(super) fn sync_folder(&self) -> Result<(), StoreError> {
        #[cfg(unix)]
        File::open(&self.folder).and_then(|f| f.sync_all()).map_err(StoreError::file("sync", &self.folder))?;
        Ok(())
    }

    pub(super) fn connect(&self) -> Result<Connection, StoreError> {
        let connection = self.open_file(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        configure(&connection, self.normal_sync)?;
        let mode: String = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
            .map_err(StoreError::database("switch the database to WAL"))?;
        if !mode.eq_ignore_ascii_case("wal") {
            return Err(StoreError::Database {
                what: "switch the database to WAL",
                detail: format!("it stays in {mode}"),
            });
        }
        Ok(connection)
    }

    fn open_file(&self, flags: OpenFlags) -> Result<Connection, StoreError> {
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        match &self.vfs {
            Some(vfs) => Connection::open_with_flags_and_vfs(self.file(), flags, vfs.as_str()),
            None => Connection::open_with_flags(self.file(), flags),
        }
        .map_err(StoreError::database("open the database"))
    }
}

/// Settings of every connection.
pub(super) fn configure(connection: &Connection, normal_sync: bool) -> Result<(), StoreError> {
    assert!(rusqlite::version_number() >= SQLITE_FLOOR, "SQLite is bundled at 3.51.3 or newer");
    let set = || -> rusqlite::Result<()> {
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "synchronous", if normal_sync { "NORMAL" } else { "FULL" })?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        connection.pragma_update(None, "mmap_size", 0)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "journal_size_limit", 16 << 20)
    };
    set().map_err(StoreError::database("set up the database"))
}

/// Refuses a database whose structure is broken. Content is covered by the callers' hashes.
pub(super) fn quick_check(connection: &Connection) -> Result<(), StoreError> {
    let lines = connection
        .prepare("PRAGMA quick_check(5)")
        .and_then(|mut check| check.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>())
        .map_err(|error| StoreError::Damaged { detail: error.to_string() })?;
    if lines.len() == 1 && lines[0] == "ok" {
        return Ok(());
    }
    let detail = lines.iter().take(MAX_CHECK_LINES).map(|line| line.replace('\n', " ")).collect::<Vec<_>>().join("; ");
    Err(StoreError::Damaged { detail })
}

/// Refuses a database whose file ends within a page: a page that is not in use would pass every other check, and then fail to
/// be read. With a WAL beside it, a write may have been cut short that the WAL still holds.
pub(super) fn whole_pages(connection: &Connection, folder: &Path) -> Result<(), StoreError> {
    let page: u32 = connection
        .pragma_query_value(None, "page_size", |row| row.get(0))
        .map_err(|error| StoreError::Damaged { detail: error.to_string() })?;
    let len = |suffix: &str| folder.join(format!("{DATABASE_FILE}{suffix}")).metadata().map_or(0, |file| file.len());
    if len("").is_multiple_of(page.into()) || len("-wal") > 0 {
        return Ok(());
    }
    Err(StoreError::Damaged { detail: format!("the file ends within a page of {page} bytes") })
}

/// Creates the data folder 0700 and takes rights of others away from an existing one.
pub(super) fn prepare_folder(dir: &Path) -> Result<PathBuf, StoreError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(dir).map_err(StoreError::file("create the folder", dir))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))
            .map_err(StoreError::file("protect the folder", dir))?;
    }
    dir.canonicalize().map_err(StoreError::file("find the folder", dir))
}

/// New files are for this user only.
pub(super) fn private(options: &mut FileOptions) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = options;
}

/// Takes the rights of others away from an existing file.
pub(super) fn set_private(file: &File) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}
