//! Salvage: a damaged database is moved aside, kept, and what still reads is copied into a new one.
//!
//! Ops are read in order, and from the first unreadable page on row by row, so that one bad page costs the rows on it
//! and not those behind it. Nothing is guessed: a row that fails the caller's check is left behind and counted.

use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params, params_from_iter};

use super::{DATABASE_FILE, StoreError, disk, schema};

/// Rows tried one by one behind the last readable one when the end of the table cannot be read.
const MAX_BLIND_ROWS: i64 = 100_000;

/// What a salvage found. The engine asks peers for the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvaged {
    /// Where the damaged database lies now.
    pub kept: PathBuf,
    /// What the check at open had found.
    pub detail: String,
    /// Ops copied.
    pub ops: u64,
    /// Op rows known to have been there and not copied; more may be missing when the table's end was unreadable.
    pub ops_lost: u64,
    /// Other tables that could not be read to their end.
    pub tables_cut: Vec<String>,
}

/// Replaces the damaged database in `folder`, which the caller has locked.
pub(super) fn salvage(
    folder: &Path,
    detail: String,
    check: &dyn Fn(&[u8; 32], &[u8]) -> bool,
) -> Result<Salvaged, StoreError> {
    let kept = move_aside(folder)?;
    let place = disk::Place::new(folder, super::OpenOptions::default());
    place.create_file()?;
    let mut fresh = place.connect()?;
    schema::migrate(&mut fresh, None)?;
    let mut report = Salvaged { kept: kept.clone(), detail, ops: 0, ops_lost: 0, tables_cut: Vec::new() };
    // A file without a readable header or schema has nothing to give.
    let readable =
        Connection::open_with_flags(&kept, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .and_then(|old| old.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map(|()| old));
    match readable {
        Ok(old) => {
            let copy = fresh.transaction().map_err(StoreError::database("start the copy"))?;
            copy_ops(&old, &copy, check, &mut report)?;
            for (table, columns) in schema::SIDE_TABLES {
                if !copy_table(&old, &copy, table, columns)? {
                    report.tables_cut.push((*table).to_owned());
                }
            }
            copy.commit().map_err(StoreError::database("save the copy"))?;
        }
        Err(_) => {
            let tables = std::iter::once("op").chain(schema::SIDE_TABLES.iter().map(|(table, _)| *table));
            report.tables_cut = tables.map(str::to_owned).collect();
        }
    }
    place.sync_folder()?;
    Ok(report)
}

/// Renames the database and its WAL to the first free `omniscope.sqlite3.damaged-<n>`.
fn move_aside(folder: &Path) -> Result<PathBuf, StoreError> {
    let free = (1..).map(|n| format!("{DATABASE_FILE}.damaged-{n}")).find(|name| !folder.join(name).exists());
    let name = free.expect("some number is free");
    // The WAL goes first: were this cut short, the database would still be found, and salvaged, next time.
    for suffix in ["-wal", "-shm", ""] {
        let from = folder.join(format!("{DATABASE_FILE}{suffix}"));
        match std::fs::rename(&from, folder.join(format!("{name}{suffix}"))) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(StoreError::file("move aside", &from)(e)),
            _ => {}
        }
    }
    Ok(folder.join(name))
}

type OpRow = (i64, Vec<u8>, Vec<u8>, Vec<u8>);

fn op_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<OpRow> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn copy_ops(
    old: &Connection,
    copy: &Connection,
    check: &dyn Fn(&[u8; 32], &[u8]) -> bool,
    report: &mut Salvaged,
) -> Result<(), StoreError> {
    let mut keep = |(seq, workspace, id, bytes): OpRow| -> Result<i64, StoreError> {
        let whole = workspace.len() == 32 && <[u8; 32]>::try_from(&id[..]).is_ok_and(|id| check(&id, &bytes));
        if whole {
            copy.prepare_cached("INSERT INTO op (workspace, id, bytes) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")
                .and_then(|mut insert| insert.execute(params![workspace, id, bytes]))
                .map_err(StoreError::database("copy an op"))?;
            report.ops += 1;
        } else {
            report.ops_lost += 1;
        }
        Ok(seq)
    };
    // NOT INDEXED: the table itself, since an index may be what is broken.
    let mut last = 0;
    let scan = old.prepare("SELECT seq, workspace, id, bytes FROM op NOT INDEXED ORDER BY seq");
    let end_reached = match scan {
        Err(_) => {
            report.tables_cut.push("op".into());
            return Ok(());
        }
        Ok(mut scan) => {
            let mut rows = scan.query([]).map_err(StoreError::database("read the damaged log"))?;
            loop {
                match rows.next().and_then(|row| row.map(op_row).transpose()) {
                    Ok(Some(row)) => last = keep(row)?,
                    Ok(None) => break true,
                    Err(_) => break false,
                }
            }
        }
    };
    if end_reached {
        return Ok(());
    }
    let end = old.query_row("SELECT max(seq) FROM op NOT INDEXED", [], |row| row.get::<_, i64>(0)).ok();
    // Behind an unreadable end nobody knows how many rows there were.
    let countable = end.is_some();
    if !countable {
        report.tables_cut.push("op".into());
    }
    let end = end.unwrap_or(last + MAX_BLIND_ROWS);
    let mut lost = 0;
    if let Ok(mut one) = old.prepare("SELECT seq, workspace, id, bytes FROM op NOT INDEXED WHERE seq = ?1") {
        for seq in last + 1..=end.min(last.saturating_add(10 * MAX_BLIND_ROWS)) {
            match one.query_row([seq], op_row) {
                Ok(row) => drop(keep(row)?),
                Err(rusqlite::Error::QueryReturnedNoRows) => {}
                Err(_) => lost += u64::from(countable),
            }
        }
    }
    report.ops_lost += lost;
    Ok(())
}

/// Copies rows until the first that cannot be read; false when there was one.
fn copy_table(old: &Connection, copy: &Connection, table: &str, columns: &str) -> Result<bool, StoreError> {
    let width = columns.split(',').count();
    let marks = vec!["?"; width].join(", ");
    let Ok(mut select) = old.prepare(&format!("SELECT {columns} FROM {table}")) else { return Ok(false) };
    let mut insert = copy
        .prepare(&format!("INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})"))
        .map_err(StoreError::database("copy a table"))?;
    let Ok(mut rows) = select.query([]) else { return Ok(false) };
    loop {
        let values =
            rows.next().and_then(|row| row.map(|row| (0..width).map(|i| row.get::<_, Value>(i)).collect()).transpose());
        match values {
            Ok(None) => return Ok(true),
            Err(_) => return Ok(false),
            Ok(Some(values)) => {
                let values: Vec<Value> = values;
                // A row that the new table refuses was damaged.
                if insert.execute(params_from_iter(values)).is_err() {
                    return Ok(false);
                }
            }
        }
    }
}
