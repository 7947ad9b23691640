//! Tables and migrations, by `user_version`.
//!
//! Versions only grow. An older binary refuses a newer schema; before a migration the database is copied whole beside
//! itself. A released migration is never edited: changes are appended.

use std::path::Path;

use rusqlite::Connection;

use super::{DATABASE_FILE, StoreError};

/// Each entry lifts the schema by one version.
const MIGRATIONS: &[&str] = &[
    // Names, links and settings are sealed (`rest`). Op rows carry their workspace in full, so that a row is of use even when every other table is lost.
    // `op_by_workspace` ends in the rowid by itself: one workspace streams in insertion order.
    // `workspace.summary` is `WorkspaceRow::looked`: a renamed column would not be found in a damaged database of before.
    "CREATE TABLE op (
        seq INTEGER PRIMARY KEY, workspace BLOB NOT NULL, id BLOB NOT NULL, bytes BLOB NOT NULL
     ) STRICT;
     CREATE UNIQUE INDEX op_by_id ON op (id, workspace);
     CREATE INDEX op_by_workspace ON op (workspace);
     CREATE TABLE workspace (
        id BLOB PRIMARY KEY, name BLOB NOT NULL, description BLOB NOT NULL, created_ms INTEGER NOT NULL,
        updated_ms INTEGER NOT NULL, state INTEGER NOT NULL, summary BLOB NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE peer (
        workspace BLOB NOT NULL, device BLOB NOT NULL, common BLOB NOT NULL DEFAULT x'', last_seen_ms INTEGER,
        PRIMARY KEY (workspace, device)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE pending_join (
        link BLOB PRIMARY KEY, workspace BLOB, since_ms INTEGER NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE setting (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;",
    // What was concluded from the first `ops` rows of a log, the last of which is `last`. A cache: nothing is lost with it.
    "CREATE TABLE snapshot (
        workspace BLOB PRIMARY KEY, ops INTEGER NOT NULL, last INTEGER NOT NULL, bytes BLOB NOT NULL
     ) STRICT;",
];

/// Tables besides `op`, each with its columns, for copying row by row. Snapshots stay behind: they are made again.
pub(super) const SIDE_TABLES: &[(&str, &str)] = &[
    ("workspace", "id, name, description, created_ms, updated_ms, state, summary"),
    ("peer", "workspace, device, common, last_seen_ms"),
    ("pending_join", "link, workspace, since_ms, code, message"),
    ("setting", "key, value"),
];

fn version(connection: &Connection) -> Result<i64, StoreError> {
    connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(StoreError::database("read the schema version"))
}

/// Refuses a database of a newer OmniScope before anything in it is touched.
pub(super) fn refuse_newer(connection: &Connection) -> Result<(), StoreError> {
    let (found, known) = (version(connection)?, MIGRATIONS.len() as i64);
    if found < 0 || found > known {
        return Err(StoreError::Newer { found, known });
    }
    Ok(())
}

/// Brings the schema to the newest version, one transaction a step, after a copy when there was data.
pub(super) fn migrate(connection: &mut Connection, folder: Option<&Path>) -> Result<(), StoreError> {
    migrate_with(connection, folder, MIGRATIONS)
}

pub(super) fn migrate_with(
    connection: &mut Connection,
    folder: Option<&Path>,
    steps: &[&str],
) -> Result<(), StoreError> {
    let from = version(connection)?;
    if let Some(folder) = folder
        && from > 0
        && (from as usize) < steps.len()
    {
        back_up(connection, folder, from)?;
    }
    for (step, sql) in steps.iter().enumerate().skip(from as usize) {
        let run = |connection: &mut Connection| -> rusqlite::Result<()> {
            let transaction = connection.transaction()?;
            transaction.execute_batch(sql)?;
            transaction.pragma_update(None, "user_version", step as i64 + 1)?;
            transaction.commit()
        };
        run(connection).map_err(StoreError::database("migrate the database"))?;
    }
    Ok(())
}

/// Copies the database to `omniscope.sqlite3.before-v<n>`; an older copy of the same name is replaced.
fn back_up(connection: &Connection, folder: &Path, from: i64) -> Result<(), StoreError> {
    let copy = folder.join(format!("{DATABASE_FILE}.before-v{}", from + 1));
    let partial = folder.join(format!("{DATABASE_FILE}.copying"));
    for path in [&partial, &copy] {
        match std::fs::remove_file(path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(StoreError::file("replace", path)(e)),
            _ => {}
        }
    }
    connection
        .execute("VACUUM INTO ?1", [partial.to_string_lossy()])
        .map_err(StoreError::database("copy the database before migrating it"))?;
    let file = std::fs::File::open(&partial).map_err(StoreError::file("open", &partial))?;
    super::disk::set_private(&file).map_err(StoreError::file("protect", &partial))?;
    file.sync_all().map_err(StoreError::file("sync", &partial))?;
    std::fs::rename(&partial, &copy).map_err(StoreError::file("rename", &partial))
}
