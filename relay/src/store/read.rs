//! Reads, on a connection of their own: they see everything committed before and never wait for the writer.

use rusqlite::{Row, ToSql, params};

use super::{Store, StoreError};

/// One registered workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkspaceRow {
    pub(crate) id: [u8; 32],
    /// Who registered it: it may bring the log even before the log says that it is a member.
    pub(crate) registrar: [u8; 32],
    /// Unix milliseconds.
    pub(crate) since_ms: i64,
    /// Unix milliseconds of the last use by a member, to the hour.
    pub(crate) used_ms: i64,
}

/// A registration token that is still good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenRow {
    /// How often it can still be used; none: without limit.
    pub(crate) uses: Option<u32>,
}

/// A key that waits for whoever redeems an invite: invite, epoch, seal.
pub(crate) type DepositRow = ([u8; 32], [u8; 32], Vec<u8>);

impl Store {
    /// All registered workspaces.
    pub(crate) fn workspaces(&self) -> Result<Vec<WorkspaceRow>, StoreError> {
        let sql = "SELECT id, registrar, since_ms, used_ms FROM workspace WHERE length(id) = 32 ORDER BY since_ms, id";
        self.rows("list the workspaces", sql, params![], |row| {
            Ok(WorkspaceRow { id: row.get(0)?, registrar: row.get(1)?, since_ms: row.get(2)?, used_ms: row.get(3)? })
        })
    }

    /// Streams a workspace's ops in the order in which they came, as `(id, bytes)`.
    pub(crate) fn for_each_op(
        &self,
        workspace: &[u8; 32],
        mut each: impl FnMut([u8; 32], &[u8]),
    ) -> Result<(), StoreError> {
        // By a connection of its own: other reads do not wait for a long log.
        let reader = super::connect(&self.folder.join(super::DATABASE_FILE))?;
        let mut stream = || -> rusqlite::Result<()> {
            let mut select = reader.prepare("SELECT id, bytes FROM op WHERE workspace = ?1 ORDER BY seq")?;
            let mut rows = select.query(params![workspace])?;
            while let Some(row) = rows.next()? {
                each(row.get(0)?, row.get_ref(1)?.as_blob()?);
            }
            Ok(())
        };
        stream().map_err(StoreError::database("read the log"))
    }

    /// The bytes of those ops that are there, in the order asked: all as of one moment, so that none comes without what was
    /// committed before it.
    pub(crate) fn ops_by_id(&self, workspace: &[u8; 32], ids: &[[u8; 32]]) -> Result<Vec<Vec<u8>>, StoreError> {
        let reader = self.read();
        let select = || -> rusqlite::Result<Vec<Vec<u8>>> {
            let moment = reader.unchecked_transaction()?;
            let mut select = moment.prepare_cached("SELECT bytes FROM op WHERE id = ?1 AND workspace = ?2")?;
            let mut found = Vec::with_capacity(ids.len());
            for id in ids {
                let mut rows = select.query(params![id, workspace])?;
                if let Some(row) = rows.next()? {
                    found.push(row.get(0)?);
                }
            }
            Ok(found)
        };
        select().map_err(StoreError::database("read ops"))
    }

    /// A token that is still good, by its hash.
    pub(crate) fn token(&self, hash: &[u8; 32]) -> Result<Option<TokenRow>, StoreError> {
        let sql = "SELECT uses FROM token WHERE hash = ?1";
        let rows = self.rows("read a token", sql, params![hash], |row| Ok(TokenRow { uses: row.get(0)? }))?;
        Ok(rows.into_iter().next())
    }

    /// Whether any token is left, or any device or workspace may be registered without one.
    pub(crate) fn may_anybody_register(&self) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM token) OR EXISTS (SELECT 1 FROM allowed)";
        let rows = self.rows("look for tokens", sql, params![], |row| row.get(0))?;
        Ok(rows.into_iter().next().unwrap_or(false))
    }

    /// Whether a device or a workspace may be registered without a token.
    pub(crate) fn is_allowed(&self, subject: &[u8; 32]) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM allowed WHERE subject = ?1";
        Ok(!self.rows("read who may register", sql, params![subject], |_| Ok(()))?.is_empty())
    }

    /// The sealed keys of a workspace: invite, epoch, seal.
    pub(crate) fn deposits(&self, workspace: &[u8; 32]) -> Result<Vec<DepositRow>, StoreError> {
        let sql = "SELECT invite, epoch, seal FROM deposit WHERE workspace = ?1";
        self.rows("read the sealed keys", sql, params![workspace], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
    }

    /// The devices that are shut out.
    pub(crate) fn blocked(&self) -> Result<Vec<[u8; 32]>, StoreError> {
        let sql = "SELECT device FROM blocked WHERE length(device) = 32";
        self.rows("read who is shut out", sql, params![], |row| row.get(0))
    }

    /// Bytes of the database's pages.
    pub(crate) fn file_bytes(&self) -> u64 {
        let path = self.folder.join(super::DATABASE_FILE);
        path.metadata().map_or(0, |file| file.len())
    }

    fn rows<T>(
        &self,
        what: &'static str,
        sql: &str,
        values: &[&dyn ToSql],
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let reader = self.read();
        let select = || -> rusqlite::Result<Vec<T>> {
            reader.prepare_cached(sql)?.query_map(values, read)?.collect::<rusqlite::Result<Vec<T>>>()
        };
        select().map_err(StoreError::database(what))
    }
}
