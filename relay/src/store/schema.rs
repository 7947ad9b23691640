//! Tables and migrations, by `user_version`.
//!
//! Versions only grow; an older relay refuses a newer schema. Before a migration the database is copied whole beside
//! itself. A released migration is never edited: changes are appended.

use std::path::Path;

use rusqlite::Connection;

use super::StoreError;

/// Each entry lifts the schema by one version.
const MIGRATIONS: &[&str] = &[
    // Rows of ops carry their workspace, and stream in the order in which they came: parents before children.
    "CREATE TABLE op (
        seq INTEGER PRIMARY KEY, workspace BLOB NOT NULL, id BLOB NOT NULL, bytes BLOB NOT NULL
     ) STRICT;
     CREATE UNIQUE INDEX op_by_id ON op (id, workspace);
     CREATE INDEX op_by_workspace ON op (workspace);
     CREATE TABLE workspace (
        id BLOB PRIMARY KEY, registrar BLOB NOT NULL, since_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE token (hash BLOB PRIMARY KEY, uses INTEGER, made_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
     CREATE TABLE allowed (subject BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
     CREATE TABLE deposit (
        invite BLOB PRIMARY KEY, workspace BLOB NOT NULL, epoch BLOB NOT NULL, seal BLOB NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE blocked (device BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;",
];

fn version(connection: &Connection) -> Result<i64, StoreError> {
    let read = connection.pragma_query_value(None, "user_version", |row| row.get(0));
    read.map_err(StoreError::database("read the schema version"))
}

/// Refuses a database of a newer relay before anything in it is touched.
pub(super) fn refuse_newer(connection: &Connection) -> Result<(), StoreError> {
    let (found, known) = (version(connection)?, MIGRATIONS.len() as i64);
    if (0..=known).contains(&found) { Ok(()) } else { Err(StoreError::Newer { found, known }) }
}

/// Brings the schema to the newest version, one transaction a step, after a copy where there was data.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    migrate_with(connection, path, MIGRATIONS)
}

pub(super) fn migrate_with(connection: &mut Connection, path: &Path, steps: &[&str]) -> Result<(), StoreError> {
    let from = version(connection)? as usize;
    if from > 0 && from < steps.len() {
        let copy = path.with_extension(format!("before-v{}", from + 1));
        match std::fs::remove_file(&copy) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::file("replace", &copy)(error));
            }
            _ => {}
        }
        connection
            .execute("VACUUM INTO ?1", [copy.to_string_lossy()])
            .map_err(StoreError::database("copy the database before migrating it"))?;
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o600))
            .map_err(StoreError::file("protect", &copy))?;
    }
    for (step, sql) in steps.iter().enumerate().skip(from) {
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
