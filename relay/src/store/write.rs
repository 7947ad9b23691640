//! Writes, and the writer thread with its group commit.
//!
//! A commit that failed is told to every batch in its group and never repeated; the connection is opened anew.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use rusqlite::{Connection, TransactionBehavior, params};

use super::{Job, StoreError, connect};

/// A group stops taking queued batches here, so that one commit stays short.
const MAX_GROUP_WRITES: usize = 8192;

/// One change of the database.
#[derive(Debug, Clone)]
pub(crate) enum Write {
    /// Adds an op; one that is there stays.
    Op { workspace: [u8; 32], id: [u8; 32], bytes: Arc<[u8]> },
    /// Puts what is left of ops in their place, and sees to it that the rest is gone from the disk.
    Purge { workspace: [u8; 32], left: Vec<([u8; 32], Vec<u8>)> },
    /// Adds a workspace, registered by a device.
    Workspace { id: [u8; 32], registrar: [u8; 32], now_ms: i64 },
    /// Notes that a member used its mailbox.
    Used { id: [u8; 32], now_ms: i64 },
    /// Removes a workspace with all of its ops.
    DropWorkspace { id: [u8; 32] },
    /// Adds a registration token by its hash; without a number of uses it has no limit.
    Token { hash: [u8; 32], uses: Option<u32>, now_ms: i64 },
    /// Takes one use of a token away, and the token with its last.
    SpendToken { hash: [u8; 32] },
    /// Lets a device, or a workspace, be registered without a token.
    Allow { subject: [u8; 32] },
    /// Takes that back.
    Disallow { subject: [u8; 32] },
    /// Keeps a sealed key for whoever redeems an invite, in place of an earlier one.
    Deposit { workspace: [u8; 32], invite: [u8; 32], epoch: [u8; 32], seal: Vec<u8> },
    /// Forgets it.
    DropDeposit { invite: [u8; 32] },
    /// Shuts a device out.
    Block { device: [u8; 32] },
    /// Lets it in again.
    Unblock { device: [u8; 32] },
}

/// The writer thread: ends when every sender is gone and the queue is empty.
pub(super) fn run(path: &Path, connection: Connection, jobs: &Receiver<Job>) {
    let mut connection = Some(connection);
    while let Ok(first) = jobs.recv() {
        let mut writes = first.writes.len();
        let mut group = vec![first];
        while writes < MAX_GROUP_WRITES {
            let Ok(next) = jobs.try_recv() else { break };
            writes += next.writes.len();
            group.push(next);
        }
        let result = commit(path, &mut connection, &group);
        if let Err(error) = &result {
            tracing::error!(%error, batches = group.len(), "a commit failed");
        }
        for job in group {
            (job.done)(result.clone());
        }
    }
}

fn commit(path: &Path, connection: &mut Option<Connection>, group: &[Job]) -> Result<(), StoreError> {
    let mut open = match connection.take() {
        Some(open) => open,
        None => connect(path)?,
    };
    let result = transact(&mut open, group).map_err(StoreError::database("commit"));
    if result.is_ok() {
        if group.iter().flat_map(|job| &job.writes).any(|write| matches!(write, Write::Purge { .. })) {
            clear_log(&open);
        }
        *connection = Some(open);
    }
    result
}

/// Empties the write-ahead log, which still holds what was overwritten.
fn clear_log(connection: &Connection) {
    let cleared = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    if !matches!(cleared, Ok(0)) {
        tracing::warn!(?cleared, "what was dropped leaves the disk with a later checkpoint");
    }
}

fn transact(connection: &mut Connection, group: &[Job]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for write in group.iter().flat_map(|job| &job.writes) {
        apply(&transaction, write)?;
    }
    transaction.commit()
}

fn apply(db: &Connection, write: &Write) -> rusqlite::Result<()> {
    let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| db.prepare_cached(sql)?.execute(values).map(drop);
    match write {
        Write::Op { workspace, id, bytes } => run(
            "INSERT INTO op (workspace, id, bytes) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            params![workspace, id, &bytes[..]],
        ),
        Write::Purge { workspace, left } => {
            let sql = "UPDATE op SET bytes = ?3 WHERE id = ?2 AND workspace = ?1";
            left.iter().try_for_each(|(id, bytes)| run(sql, params![workspace, id, bytes]))
        }
        Write::Workspace { id, registrar, now_ms } => run(
            "INSERT INTO workspace (id, registrar, since_ms, used_ms) VALUES (?1, ?2, ?3, ?3) ON CONFLICT DO NOTHING",
            params![id, registrar, now_ms],
        ),
        Write::Used { id, now_ms } => run("UPDATE workspace SET used_ms = ?2 WHERE id = ?1", params![id, now_ms]),
        Write::DropWorkspace { id } => {
            run("DELETE FROM op WHERE workspace = ?1", params![id])?;
            run("DELETE FROM deposit WHERE workspace = ?1", params![id])?;
            run("DELETE FROM workspace WHERE id = ?1", params![id])
        }
        Write::Token { hash, uses, now_ms } => {
            run("INSERT OR REPLACE INTO token (hash, uses, made_ms) VALUES (?1, ?2, ?3)", params![hash, uses, now_ms])
        }
        Write::SpendToken { hash } => {
            run("UPDATE token SET uses = uses - 1 WHERE hash = ?1 AND uses IS NOT NULL", params![hash])?;
            run("DELETE FROM token WHERE hash = ?1 AND uses <= 0", params![hash])
        }
        Write::Allow { subject } => run("INSERT OR IGNORE INTO allowed (subject) VALUES (?1)", params![subject]),
        Write::Disallow { subject } => run("DELETE FROM allowed WHERE subject = ?1", params![subject]),
        Write::Deposit { workspace, invite, epoch, seal } => run(
            "INSERT OR REPLACE INTO deposit (invite, workspace, epoch, seal) VALUES (?1, ?2, ?3, ?4)",
            params![invite, workspace, epoch, seal],
        ),
        Write::DropDeposit { invite } => run("DELETE FROM deposit WHERE invite = ?1", params![invite]),
        Write::Block { device } => run("INSERT OR IGNORE INTO blocked (device) VALUES (?1)", params![device]),
        Write::Unblock { device } => run("DELETE FROM blocked WHERE device = ?1", params![device]),
    }
}
