//! The op log of a peer that has ended, read from its database.
#![allow(clippy::unwrap_used, reason = "test harness")]

use std::collections::BTreeMap;
use std::path::Path;

use omniscope_engine::store::DATABASE_FILE;
use omniscope_protocol::op::{Op, SessionId};

/// All ops in the data folder; rows that hold none are passed over.
pub fn ops_in(folder: &Path) -> Vec<Op> {
    let database = rusqlite::Connection::open(folder.join(DATABASE_FILE)).unwrap();
    let mut select = database.prepare("SELECT bytes FROM op").unwrap();
    let rows = select.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    rows.filter_map(|bytes| Op::decode(&bytes.unwrap()).ok()).collect()
}

/// Positions of sessions at which more than one op was signed, in words.
pub fn signed_twice(ops: &[Op]) -> Vec<String> {
    let mut at = BTreeMap::new();
    let mut twice = Vec::new();
    // An admission belongs to no session.
    for op in ops.iter().filter(|op| op.session != SessionId::NONE) {
        let first = at.entry((op.workspace(), op.author, op.session, op.seq)).or_insert(op.id);
        if *first != op.id {
            twice.push(format!("{} of session {:?} at position {}", op.author.fmt_short(), op.session, op.seq));
        }
    }
    twice
}
