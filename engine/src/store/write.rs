//! Writes: what a batch may hold, and the writer thread with its group commit.
//!
//! After a failed commit every batch of the group is told "not saved", the connection is closed and opened anew, and
//! nothing is repeated. The reader's connection stays open meanwhile on purpose: it keeps the WAL index as it was, so
//! frames whose sync failed are overwritten by the next commit instead of being taken for valid by a recovery.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, OnceLock};

use rusqlite::{Connection, ErrorCode, params};

use super::disk::Place;
use super::rest::{CLEAR_SETTING, RestKey};
use super::{Committed, Job, StoreError};

/// Payload bytes of one batch; larger work is split by the caller.
pub const MAX_BATCH_BYTES: usize = 64 << 20;

/// A group stops taking queued batches here, so that one commit stays short.
const MAX_GROUP_BYTES: usize = 16 << 20;

/// Where this device stands in a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkspaceState {
    /// Asked to join, not admitted yet.
    Pending,
    /// A member, as far as the log here says.
    Member,
    /// Removed by others, or left.
    Removed,
    /// The workspace was closed.
    Closed,
}

impl WorkspaceState {
    pub(super) fn to_number(self) -> i64 {
        match self {
            WorkspaceState::Pending => 0,
            WorkspaceState::Member => 1,
            WorkspaceState::Removed => 2,
            WorkspaceState::Closed => 3,
        }
    }

    pub(super) fn from_number(number: i64) -> Option<Self> {
        [Self::Pending, Self::Member, Self::Removed, Self::Closed].into_iter().find(|s| s.to_number() == number)
    }
}

/// One workspace as the list shows it: derived from the log, kept so that listing folds nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceRow {
    /// Workspace id.
    pub id: [u8; 32],
    /// Current name.
    pub name: String,
    /// Current description.
    pub description: String,
    /// Unix milliseconds of its founding.
    pub created_ms: i64,
    /// Unix milliseconds of the last edit known here.
    pub updated_ms: i64,
    /// Where this device stands.
    pub state: WorkspaceState,
    /// How far the log had been looked at here, in the engine's own encoding; empty if it never was.
    pub looked: Vec<u8>,
}

impl WorkspaceRow {
    /// The row of a workspace of which nothing but ops was found. Its name comes with them.
    pub fn found_again(id: [u8; 32], now_ms: i64) -> Self {
        WorkspaceRow {
            id,
            name: String::new(),
            description: String::new(),
            created_ms: now_ms,
            updated_ms: now_ms,
            state: WorkspaceState::Member,
            looked: Vec::new(),
        }
    }
}

/// One write. All are idempotent: the same batch twice leaves the same rows.
#[derive(Debug, Clone)]
pub enum Write {
    /// Appends an op; an id already there is left as it is.
    Op {
        /// Workspace id.
        workspace: [u8; 32],
        /// Op id.
        id: [u8; 32],
        /// Canonical bytes.
        bytes: Arc<[u8]>,
    },
    /// Rebuilds the log's indexes from its rows: for repair only.
    Reindex,
    /// Removes an op row found damaged, so that it can be fetched again. Rebuilds the log's indexes: for repair only.
    DropOp {
        /// Workspace id.
        workspace: [u8; 32],
        /// Op id as it was read.
        id: [u8; 32],
    },
    /// Keeps what was concluded from a log of `ops` ops, if it holds just these by now; else nothing happens.
    Snapshot {
        /// Workspace id.
        workspace: [u8; 32],
        /// How many ops it was derived from.
        ops: u64,
        /// The state, sealed at rest.
        bytes: Arc<[u8]>,
    },
    /// Forgets what was concluded from a log, which is not what it was.
    DropSnapshot([u8; 32]),
    /// Inserts or replaces a workspace's row.
    Workspace(WorkspaceRow),
    /// Removes everything of a workspace from this device.
    DeleteWorkspace([u8; 32]),
    /// Remembers what this device and a peer last had in common.
    SyncPeer {
        /// Workspace id.
        workspace: [u8; 32],
        /// The peer's device id.
        device: [u8; 32],
        /// Op ids of the common frontier.
        common: Vec<[u8; 32]>,
    },
    /// Remembers when a member was last heard. Never moves backwards.
    LastSeen {
        /// Workspace id.
        workspace: [u8; 32],
        /// The member's device id.
        device: [u8; 32],
        /// Unix milliseconds.
        at_ms: i64,
    },
    /// Inserts or replaces a join that is not through yet.
    PendingJoin {
        /// The invitation link, secret included.
        link: String,
        /// Workspace id, where the link names one.
        workspace: Option<[u8; 32]>,
        /// Unix milliseconds of the first attempt.
        since_ms: i64,
        /// Stable code of why it is still pending.
        code: String,
        /// The same in words.
        message: String,
    },
    /// Forgets a pending join.
    DropPendingJoin {
        /// The invitation link.
        link: String,
    },
    /// A value of this device; `None` removes it.
    Setting {
        /// Name of the value.
        key: String,
        /// The value.
        value: Option<Vec<u8>>,
    },
}

/// Writes that become durable together.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Applied in order.
    pub writes: Vec<Write>,
}

impl Batch {
    /// A batch of one write.
    pub fn one(write: Write) -> Self {
        Batch { writes: vec![write] }
    }

    /// Payload bytes, roughly: what the bounds count.
    pub fn bytes(&self) -> usize {
        self.writes.iter().map(Write::payload_bytes).sum()
    }
}

impl Write {
    fn payload_bytes(&self) -> usize {
        64 + match self {
            Write::Op { bytes, .. } | Write::Snapshot { bytes, .. } => bytes.len(),
            Write::Workspace(row) => row.name.len() + row.description.len() + row.looked.len(),
            Write::SyncPeer { common, .. } => common.len() * 32,
            Write::PendingJoin { link, code, message, .. } => link.len() + code.len() + message.len(),
            Write::DropPendingJoin { link } => link.len(),
            Write::Setting { key, value } => key.len() + value.as_ref().map_or(0, Vec::len),
            Write::Reindex
            | Write::DropOp { .. }
            | Write::DropSnapshot(_)
            | Write::DeleteWorkspace(_)
            | Write::LastSeen { .. } => 0,
        }
    }
}

/// What the writer writes to.
#[derive(Debug)]
pub(super) enum Target {
    /// Shared with the reader.
    Memory(Arc<Mutex<Connection>>),
    /// The writer's own connection; `None` after a failure, until it can be opened again.
    File { place: Place, connection: Option<Connection> },
}

/// The writer thread: ends when every sender is gone and the queue is empty.
pub(super) fn run(mut target: Target, jobs: &Receiver<Job>, rest: &OnceLock<RestKey>) {
    let mut held = None;
    while let Some(first) = held.take().or_else(|| jobs.recv().ok()) {
        if first.compact {
            (first.done)(on(&mut target, compact).map(Committed));
            continue;
        }
        let mut bytes = first.batch.bytes();
        let mut group = vec![first];
        while bytes < MAX_GROUP_BYTES {
            let Ok(next) = jobs.try_recv() else { break };
            if next.compact {
                held = Some(next);
                break;
            }
            bytes += next.batch.bytes();
            group.push(next);
        }
        let result = on(&mut target, |connection| transact(connection, &group, rest.get()));
        for job in group {
            (job.done)(result.clone().map(Committed));
        }
    }
}

/// Does one thing on the writer's connection; after a failure the connection is another one.
fn on(target: &mut Target, work: impl FnOnce(&mut Connection) -> rusqlite::Result<()>) -> Result<(), StoreError> {
    match target {
        Target::Memory(shared) => {
            let mut connection = shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            work(&mut connection).map_err(not_saved)
        }
        Target::File { place, connection } => {
            let mut open = match connection.take() {
                Some(open) => open,
                None => {
                    place.connect().map_err(|e| StoreError::NotSaved { reason: e.to_string(), disk_full: false })?
                }
            };
            match work(&mut open) {
                Ok(()) => {
                    *connection = Some(open);
                    Ok(())
                }
                Err(error) => {
                    tracing::error!(%error, "commit failed");
                    drop(open);
                    *connection = place.connect().ok();
                    Err(not_saved(error))
                }
            }
        }
    }
}

fn not_saved(error: rusqlite::Error) -> StoreError {
    let code = error.sqlite_error_code();
    let reason = match code {
        Some(ErrorCode::DiskFull) => "the disk is full".to_owned(),
        Some(ErrorCode::SystemIoFailure) => format!("the disk reported an error ({error})"),
        Some(ErrorCode::ReadOnly) => "the data folder cannot be written".to_owned(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => format!("the database is damaged ({error})"),
        _ => error.to_string(),
    };
    StoreError::NotSaved { reason, disk_full: code == Some(ErrorCode::DiskFull) }
}

/// Free pages go, the rest moves together; then the log of the write-ahead is folded in, so that the file is what it takes.
fn compact(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
}

fn transact(connection: &mut Connection, group: &[Job], rest: Option<&RestKey>) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for job in group {
        // A damaged id stands in its row but not in the indexes, which would keep the row from going.
        if job.batch.writes.iter().any(|write| matches!(write, Write::DropOp { .. })) {
            reindex(&transaction)?;
        }
        for write in &job.batch.writes {
            apply(&transaction, write, rest)?;
        }
    }
    transaction.commit()
}

fn apply(db: &Connection, write: &Write, rest: Option<&RestKey>) -> rusqlite::Result<()> {
    let seal = |column: &str, value: &[u8]| {
        let locked = || rusqlite::Error::ToSqlConversionFailure("the device key is not known yet".into());
        rest.map(|key| key.seal(column, value)).ok_or_else(locked)
    };
    let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| db.prepare_cached(sql)?.execute(values).map(drop);
    match write {
        Write::Op { workspace, id, bytes } => append(db, workspace, id, bytes),
        Write::Reindex => {
            reindex(db)?;
            db.execute_batch("DELETE FROM snapshot")
        }
        Write::DropOp { workspace, id } => {
            run("DELETE FROM op WHERE id = ?2 AND workspace = ?1", params![workspace, id])?;
            run("DELETE FROM snapshot WHERE workspace = ?1", params![workspace])
        }
        Write::Snapshot { workspace, ops, bytes } => run(
            "INSERT OR REPLACE INTO snapshot (workspace, ops, last, bytes)
             SELECT ?1, ?2, max(seq), ?3 FROM op WHERE workspace = ?1 HAVING count(*) = ?2",
            params![workspace, *ops as i64, seal("snapshot", bytes)?],
        ),
        Write::DropSnapshot(workspace) => run("DELETE FROM snapshot WHERE workspace = ?1", params![workspace]),
        Write::Workspace(row) => run(
            "INSERT OR REPLACE INTO workspace (id, name, description, created_ms, updated_ms, state, summary)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                row.id,
                seal("name", row.name.as_bytes())?,
                seal("description", row.description.as_bytes())?,
                row.created_ms,
                row.updated_ms,
                row.state.to_number(),
                row.looked
            ],
        ),
        Write::DeleteWorkspace(id) => delete_workspace(db, id),
        Write::SyncPeer { workspace, device, common } => run(
            "INSERT INTO peer (workspace, device, common) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET common = excluded.common",
            params![workspace, device, common.concat()],
        ),
        Write::LastSeen { workspace, device, at_ms } => run(
            "INSERT INTO peer (workspace, device, last_seen_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET last_seen_ms = max(coalesce(last_seen_ms, excluded.last_seen_ms), excluded.last_seen_ms)",
            params![workspace, device, at_ms],
        ),
        Write::PendingJoin { link, workspace, since_ms, code, message } => run(
            "INSERT OR REPLACE INTO pending_join (link, workspace, since_ms, code, message) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![seal("link", link.as_bytes())?, workspace, since_ms, code, message],
        ),
        Write::DropPendingJoin { link } => {
            run("DELETE FROM pending_join WHERE link = ?1", params![seal("link", link.as_bytes())?])
        }
        Write::Setting { key, value: Some(value) } => {
            let sealed;
            let value = if key == CLEAR_SETTING {
                value
            } else {
                sealed = seal(key, value)?;
                &sealed
            };
            run("INSERT OR REPLACE INTO setting (key, value) VALUES (?1, ?2)", params![key, value])
        }
        Write::Setting { key, value: None } => run("DELETE FROM setting WHERE key = ?1", params![key]),
    }
}

/// Adds an op that may be there already.
///
/// `quick_check` compares no index with its table. A damaged index may claim an op that no reader finds; without a
/// look, that op could never come back.
fn append(db: &Connection, workspace: &[u8; 32], id: &[u8; 32], bytes: &[u8]) -> rusqlite::Result<()> {
    let mut insert =
        db.prepare_cached("INSERT INTO op (workspace, id, bytes) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?;
    if insert.execute(params![workspace, id, bytes])? == 1 {
        return Ok(());
    }
    let found = db
        .prepare_cached(
            "SELECT EXISTS (
                SELECT 1 FROM op AS kept INDEXED BY op_by_workspace
                WHERE kept.workspace = ?1 AND kept.id = ?2
                    AND kept.seq = (SELECT seq FROM op INDEXED BY op_by_id WHERE id = ?2 AND workspace = ?1)
             )",
        )?
        .query_row(params![workspace, id], |row| row.get::<_, bool>(0))?;
    if !found {
        reindex(db)?;
        insert.execute(params![workspace, id, bytes])?;
    }
    Ok(())
}

/// Makes the indexes of the log anew. Where a damaged one had hidden a row, the op may have been appended once more: the
/// first stays, so that no op comes to stand behind one that builds on it.
fn reindex(db: &Connection) -> rusqlite::Result<()> {
    match db.execute_batch("REINDEX op") {
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => db.execute_batch(
            "DROP INDEX op_by_id;
             DROP INDEX op_by_workspace;
             DELETE FROM op WHERE seq NOT IN (SELECT min(seq) FROM op GROUP BY workspace, id);
             CREATE UNIQUE INDEX op_by_id ON op (id, workspace);
             CREATE INDEX op_by_workspace ON op (workspace);",
        ),
        done => done,
    }
}

fn delete_workspace(db: &Connection, id: &[u8; 32]) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM op WHERE workspace = ?1",
        "DELETE FROM snapshot WHERE workspace = ?1",
        "DELETE FROM peer WHERE workspace = ?1",
        "DELETE FROM pending_join WHERE workspace = ?1",
        "DELETE FROM workspace WHERE id = ?1",
    ] {
        db.prepare_cached(sql)?.execute([id])?;
    }
    Ok(())
}
