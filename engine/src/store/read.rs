//! Reads, on a connection of their own: a read sees everything committed before it and never waits for the writer.
//!
//! Rows are returned as stored. Whether an op's id is the hash of its bytes is for the caller to check; a row that
//! fails goes away with `Write::DropOp` and comes back from a peer.

use rusqlite::{OptionalExtension, Row, params};

use super::rest::CLEAR_SETTING;
use super::{Store, StoreError, WorkspaceRow, WorkspaceState};

/// What is remembered of a peer in one workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerRow {
    /// Device id.
    pub device: [u8; 32],
    /// Op ids of the frontier last had in common; empty when unknown.
    pub common: Vec<[u8; 32]>,
    /// Unix milliseconds of the last sign of life.
    pub last_seen_ms: Option<i64>,
}

/// A join that is not through yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingJoinRow {
    /// The invitation link, secret included.
    pub link: String,
    /// Workspace id, where the link names one.
    pub workspace: Option<[u8; 32]>,
    /// Unix milliseconds of the first attempt.
    pub since_ms: i64,
    /// Stable code of why it is still pending.
    pub code: String,
    /// The same in words.
    pub message: String,
}

/// How much one workspace takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Op rows.
    pub ops: u64,
    /// Bytes of their canonical encodings.
    pub bytes: u64,
}

impl Store {
    /// All workspaces, by name, then id.
    pub fn workspaces(&self) -> Result<Vec<WorkspaceRow>, StoreError> {
        let mut rows = self.rows(
            "list workspaces",
            "SELECT id, name, description, created_ms, updated_ms, state, summary FROM workspace
             WHERE length(id) = 32",
            params![],
            |row| {
                Ok(WorkspaceRow {
                    id: row.get(0)?,
                    // A name that cannot be opened comes again with the document.
                    name: self.open_text("name", row.get(1)?).unwrap_or_default(),
                    description: self.open_text("description", row.get(2)?).unwrap_or_default(),
                    created_ms: row.get(3)?,
                    updated_ms: row.get(4)?,
                    // A state written by nobody is shown as one in which nothing is written.
                    state: WorkspaceState::from_number(row.get(5)?).unwrap_or(WorkspaceState::Closed),
                    looked: row.get(6)?,
                })
            },
        )?;
        rows.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        Ok(rows)
    }

    fn open_text(&self, column: &str, sealed: Vec<u8>) -> Option<String> {
        String::from_utf8(self.rest.get()?.open(column, sealed)?).ok()
    }

    /// The workspaces that have ops, listed or not.
    pub fn logged_workspaces(&self) -> Result<Vec<[u8; 32]>, StoreError> {
        // One step of the index for each workspace, however many ops it has. An id of another length is damage.
        self.rows(
            "list the logs",
            "WITH RECURSIVE logged (id) AS (
                SELECT min(workspace) FROM op
                UNION ALL
                SELECT (SELECT min(workspace) FROM op WHERE workspace > logged.id) FROM logged WHERE id IS NOT NULL
             )
             SELECT id FROM logged WHERE length(id) = 32",
            params![],
            |row| row.get(0),
        )
    }

    /// Streams a workspace's ops with `row > after_row` in insertion order as `(row, id, bytes)`, without collecting.
    ///
    /// Returning `false` stops. The callback must not call the store's reads: the reader is held meanwhile.
    pub fn for_each_op(
        &self,
        workspace: &[u8; 32],
        after_row: i64,
        mut each: impl FnMut(i64, [u8; 32], &[u8]) -> bool,
    ) -> Result<(), StoreError> {
        const WHAT: &str = "read the log";
        let reader = self.read();
        let mut select = reader
            .prepare_cached("SELECT seq, id, bytes FROM op WHERE workspace = ?1 AND seq > ?2 ORDER BY seq")
            .map_err(StoreError::database(WHAT))?;
        let mut rows = select.query(params![workspace, after_row]).map_err(StoreError::database(WHAT))?;
        while let Some(row) = rows.next().map_err(StoreError::database(WHAT))? {
            let read = || -> rusqlite::Result<_> {
                let bytes = row.get_ref(2)?.as_blob()?;
                Ok((row.get(0)?, row.get(1)?, bytes))
            };
            let Ok((seq, id, bytes)) = read() else {
                // An id of another length is damage, and nobody can name such a row to drop it.
                tracing::warn!("a damaged row of the log is passed over");
                continue;
            };
            if !each(seq, id, bytes) {
                break;
            }
        }
        Ok(())
    }

    /// What was concluded from a log, and the last row that it rests on; none if there is nothing, if it cannot be opened,
    /// or if the log does not hold as many rows up to there as it was made from.
    pub fn snapshot(&self, workspace: &[u8; 32]) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
        let rows: Vec<(i64, Vec<u8>)> = self.rows(
            "read what was concluded from a log",
            "SELECT last, bytes FROM snapshot AS kept WHERE workspace = ?1
                AND ops = (SELECT count(*) FROM op WHERE op.workspace = ?1 AND seq <= kept.last)",
            params![workspace],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let open = |(last, bytes)| Some((last, self.rest.get()?.open("snapshot", bytes)?));
        Ok(rows.into_iter().next().and_then(open))
    }

    /// The bytes of each op asked for, in the order asked; `None` where there is no such op.
    pub fn ops_by_id(&self, workspace: &[u8; 32], ids: &[[u8; 32]]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        const WHAT: &str = "read ops";
        let reader = self.read();
        let mut select = reader
            .prepare_cached("SELECT bytes FROM op WHERE id = ?1 AND workspace = ?2")
            .map_err(StoreError::database(WHAT))?;
        ids.iter()
            .map(|id| select.query_row(params![id, workspace], |row| row.get(0)).optional())
            .collect::<rusqlite::Result<_>>()
            .map_err(StoreError::database(WHAT))
    }

    /// Peers remembered in a workspace, by device id.
    pub fn peers(&self, workspace: &[u8; 32]) -> Result<Vec<PeerRow>, StoreError> {
        self.rows(
            "read peers",
            "SELECT device, common, last_seen_ms FROM peer WHERE workspace = ?1 ORDER BY device",
            params![workspace],
            |row| {
                let common: Vec<u8> = row.get(1)?;
                let common = common.as_chunks::<32>().0.to_vec();
                Ok(PeerRow { device: row.get(0)?, common, last_seen_ms: row.get(2)? })
            },
        )
    }

    /// `(device, Unix milliseconds)` of every member ever heard.
    pub fn last_seen(&self, workspace: &[u8; 32]) -> Result<Vec<([u8; 32], i64)>, StoreError> {
        let peers = self.peers(workspace)?;
        Ok(peers.into_iter().filter_map(|peer| Some((peer.device, peer.last_seen_ms?))).collect())
    }

    /// Joins that are not through yet, oldest first.
    pub fn pending_joins(&self) -> Result<Vec<PendingJoinRow>, StoreError> {
        let rows = self.rows(
            "read pending joins",
            "SELECT link, workspace, since_ms, code, message FROM pending_join ORDER BY since_ms, link",
            params![],
            |row| {
                // One that cannot be opened can be no help to anybody.
                let Some(link) = self.open_text("link", row.get(0)?) else { return Ok(None) };
                Ok(Some(PendingJoinRow {
                    link,
                    workspace: row.get(1)?,
                    since_ms: row.get(2)?,
                    code: row.get(3)?,
                    message: row.get(4)?,
                }))
            },
        )?;
        Ok(rows.into_iter().flatten().collect())
    }

    /// A value of this device.
    pub fn setting(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let rows: Vec<Vec<u8>> =
            self.rows("read a setting", "SELECT value FROM setting WHERE key = ?1", params![key], |row| row.get(0))?;
        let value = rows.into_iter().next();
        if key == CLEAR_SETTING { Ok(value) } else { Ok(value.and_then(|v| self.rest.get()?.open(key, v))) }
    }

    /// Ops and bytes of one workspace.
    pub fn sizes(&self, workspace: &[u8; 32]) -> Result<Sizes, StoreError> {
        let rows = self.rows(
            "measure a workspace",
            "SELECT count(*), coalesce(sum(length(bytes)), 0) FROM op WHERE workspace = ?1",
            params![workspace],
            |row| Ok(Sizes { ops: row.get::<_, i64>(0)? as u64, bytes: row.get::<_, i64>(1)? as u64 }),
        )?;
        Ok(rows.into_iter().next().unwrap_or_default())
    }

    /// Bytes that the database takes, and how many of them are free: left by what was removed.
    pub fn room(&self) -> Result<(u64, u64), StoreError> {
        let rows = self.rows(
            "measure the database",
            "SELECT page_count * page_size, freelist_count * page_size
             FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()",
            params![],
            |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)),
        )?;
        Ok(rows.into_iter().next().unwrap_or_default())
    }

    /// Checks structure, indexes included, while the store is in use. Reads the whole database.
    pub fn check(&self) -> Result<(), StoreError> {
        super::disk::quick_check(&self.read())
    }

    /// The data folder; `None` in memory.
    pub fn folder(&self) -> Option<&std::path::Path> {
        self.dir.as_deref()
    }

    fn rows<T>(
        &self,
        what: &'static str,
        sql: &str,
        values: &[&dyn rusqlite::ToSql],
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let reader = self.read();
        let mut select = reader.prepare_cached(sql).map_err(StoreError::database(what))?;
        let rows = select.query_map(values, read).map_err(StoreError::database(what))?;
        rows.collect::<rusqlite::Result<_>>().map_err(StoreError::database(what))
    }
}
