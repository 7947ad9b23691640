//! Claims of the store that need no fault: order, idempotence, bounds, locks, permissions, versions.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use super::*;

const WS: [u8; 32] = [7; 32];
const OTHER: [u8; 32] = [8; 32];

fn op(n: u32) -> Write {
    op_in(WS, n)
}

fn op_in(workspace: [u8; 32], n: u32) -> Write {
    let bytes: Arc<[u8]> = format!("op {n} of {}", workspace[0]).into_bytes().into();
    Write::Op { workspace, id: *blake3::hash(&bytes).as_bytes(), bytes }
}

fn log(store: &Store, after: i64) -> Vec<String> {
    let mut out = Vec::new();
    store
        .for_each_op(&WS, after, |_, id, bytes| {
            assert_eq!(id, *blake3::hash(bytes).as_bytes());
            out.push(String::from_utf8(bytes.to_vec()).unwrap());
            true
        })
        .unwrap();
    out
}

#[test]
fn ops_come_back_in_the_order_of_commits_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    {
        let store = Store::open(dir.path(), "test").unwrap();
        for n in 0..50 {
            store.commit(Batch { writes: vec![op(n), op_in(OTHER, n)] }, |result| {
                result.unwrap();
            });
        }
        store.flush().unwrap();
    }
    let store = Store::open(dir.path(), "test").unwrap();
    let expected: Vec<String> = (0..50).map(|n| format!("op {n} of 7")).collect();
    assert_eq!(log(&store, 0), expected);
    assert_eq!(log(&store, 2)[0], "op 1 of 7", "streaming resumes behind a row");
    assert_eq!(store.sizes(&WS).unwrap().ops, 50);
}

#[test]
fn compacting_gives_back_what_was_removed_and_keeps_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), "test").unwrap();
    let big = |n: u32| {
        let bytes: Arc<[u8]> = (0..50_000u32).map(|i| (i.wrapping_mul(31) ^ n) as u8).collect();
        Write::Op { workspace: OTHER, id: *blake3::hash(&bytes).as_bytes(), bytes }
    };
    store.commit_wait(Batch { writes: (0..40).map(big).chain((0..5).map(op)).collect() }).unwrap();
    store.commit_wait(Batch::one(Write::DeleteWorkspace(OTHER))).unwrap();
    let (before, free) = store.room().unwrap();
    assert!(free > 1_000_000 && free < before, "{free} of {before}");
    store.commit(Batch::one(op(5)), |result| assert!(result.is_ok()));
    store.compact().unwrap();
    let (after, free) = store.room().unwrap();
    assert!(after < before / 4 && free == 0, "{after} of {before}, {free} free");
    let file = std::fs::metadata(dir.path().join(DATABASE_FILE)).unwrap().len();
    assert_eq!(file, after, "the file itself is that small");
    store.commit_wait(Batch::one(op(6))).unwrap();
    let expected: Vec<String> = (0..7).map(|n| format!("op {n} of 7")).collect();
    assert_eq!(log(&store, 0), expected);
    store.check().unwrap();
}

#[test]
fn an_op_that_a_damaged_index_let_in_twice_stays_once_and_in_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), "test").unwrap();
    store.commit_wait(Batch { writes: (0..3).map(op).collect() }).unwrap();
    drop(store);
    let raw = rusqlite::Connection::open(dir.path().join(DATABASE_FILE)).unwrap();
    raw.execute_batch(
        "DROP INDEX op_by_id;
         INSERT INTO op (workspace, id, bytes) SELECT workspace, id, bytes FROM op WHERE seq = 1;
         CREATE INDEX op_by_id ON op (id, workspace);
         PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = 'CREATE UNIQUE INDEX op_by_id ON op (id, workspace)' WHERE name = 'op_by_id';",
    )
    .unwrap();
    drop(raw);
    let store = Store::open(dir.path(), "test").unwrap();
    assert_eq!(log(&store, 0).len(), 4);
    store.commit_wait(Batch::one(Write::Reindex)).unwrap();
    assert_eq!(log(&store, 0), ["op 0 of 7", "op 1 of 7", "op 2 of 7"]);
    store.commit_wait(Batch { writes: (0..4).map(op).collect() }).unwrap();
    assert_eq!(log(&store, 0).len(), 4, "the index is unique again");
    store.check().unwrap();
}

#[test]
fn the_same_batch_twice_leaves_the_same_rows() {
    let store = Store::memory().unwrap();
    for _ in 0..2 {
        store.commit_wait(Batch { writes: vec![op(1), op(2)] }).unwrap();
    }
    assert_eq!(log(&store, 0), ["op 1 of 7", "op 2 of 7"]);
    let Write::Op { id, .. } = op(2) else { unreachable!() };
    let found = store.ops_by_id(&WS, &[[0; 32], id]).unwrap();
    assert_eq!(found, [None, Some(b"op 2 of 7".to_vec())]);
    store.commit_wait(Batch::one(Write::DropOp { workspace: WS, id })).unwrap();
    assert_eq!(log(&store, 0), ["op 1 of 7"]);
}

#[test]
fn every_row_kind_reads_back_and_goes_with_its_workspace() {
    let store = Store::memory().unwrap();
    store.unlock(&device(1));
    let row = WorkspaceRow {
        id: WS,
        name: "RNA".into(),
        description: "d".into(),
        created_ms: 1,
        updated_ms: 2,
        state: WorkspaceState::Pending,
        looked: vec![1],
    };
    let writes = vec![
        Write::Workspace(row.clone()),
        op(1),
        Write::SyncPeer { workspace: WS, device: [1; 32], common: vec![[2; 32], [3; 32]] },
        Write::LastSeen { workspace: WS, device: [1; 32], at_ms: 9 },
        Write::LastSeen { workspace: WS, device: [1; 32], at_ms: 5 },
        Write::PendingJoin {
            link: "l".into(),
            workspace: Some(WS),
            since_ms: 4,
            code: "c".into(),
            message: "m".into(),
        },
        Write::Setting { key: "device".into(), value: Some(vec![7]) },
    ];
    store.commit_wait(Batch { writes }).unwrap();
    assert_eq!(store.workspaces().unwrap(), [row]);
    let peer = PeerRow { device: [1; 32], common: vec![[2; 32], [3; 32]], last_seen_ms: Some(9) };
    assert_eq!(store.peers(&WS).unwrap(), [peer]);
    assert_eq!(store.last_seen(&WS).unwrap(), [([1; 32], 9)]);
    assert_eq!(store.pending_joins().unwrap()[0].code, "c");
    store.commit_wait(Batch::one(Write::DeleteWorkspace(WS))).unwrap();
    assert!(store.workspaces().unwrap().is_empty() && store.peers(&WS).unwrap().is_empty());
    assert!(store.pending_joins().unwrap().is_empty());
    assert_eq!(store.sizes(&WS).unwrap(), Sizes::default());
    assert_eq!(store.setting("device").unwrap(), Some(vec![7]), "the device outlives its workspaces");
}

#[test]
fn names_links_and_settings_rest_sealed_and_open_with_the_device_key_alone() {
    let dir = tempfile::tempdir().unwrap();
    let secrets = ["canary-name", "canary-description", "canary-link", "canary-setting"];
    let row =
        WorkspaceRow { name: secrets[0].into(), description: secrets[1].into(), ..WorkspaceRow::found_again(WS, 1) };
    let (code, message) = (String::new(), String::new());
    let join = Write::PendingJoin { link: secrets[2].into(), workspace: None, since_ms: 1, code, message };
    let setting = Write::Setting { key: "name".into(), value: Some(secrets[3].into()) };
    let store = Store::open(dir.path(), "test").unwrap();
    let locked = store.commit_wait(Batch::one(Write::Workspace(row.clone())));
    assert!(matches!(locked, Err(StoreError::NotSaved { .. })), "nothing is ever written in the clear");
    store.unlock(&device(1));
    store.commit_wait(Batch { writes: vec![Write::Workspace(row.clone()), join, setting] }).unwrap();
    drop(store);
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let holds = |secret: &&str| bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
        assert!(!secrets.iter().any(holds));
    }
    for (seed, opens) in [(2, false), (1, true)] {
        let store = Store::open(dir.path(), "test").unwrap();
        store.unlock(&device(seed));
        assert_eq!(store.workspaces().unwrap() == [row.clone()], opens);
        assert_eq!(store.pending_joins().unwrap().len(), usize::from(opens));
        assert_eq!(store.setting("name").unwrap().is_some(), opens);
    }
}

fn device(seed: u8) -> DeviceKey {
    DeviceKey::from_seed(&[seed; 32])
}

#[test]
fn batches_queued_during_a_commit_share_the_next_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), "test").unwrap();
    let (held, release) = channel::<()>();
    let done = Arc::new(AtomicUsize::new(0));
    // The first callback keeps the writer busy while a hundred batches queue up.
    store.commit(Batch::one(op(0)), move |_| release.recv().unwrap());
    for n in 1..=100 {
        let done = Arc::clone(&done);
        store.commit(Batch::one(op(n)), move |result| {
            result.unwrap();
            done.fetch_add(1, Ordering::SeqCst);
        });
    }
    let before = frames(dir.path());
    held.send(()).unwrap();
    store.flush().unwrap();
    assert_eq!(done.load(Ordering::SeqCst), 100);
    let grown = frames(dir.path()) - before;
    assert!(grown < 100, "a hundred separate commits write at least three pages each, these wrote {grown}");
}

fn frames(dir: &Path) -> u64 {
    std::fs::metadata(dir.join(format!("{DATABASE_FILE}-wal"))).unwrap().len() / 4_120
}

#[test]
fn a_second_opener_is_told_who_holds_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let first = Store::open(dir.path(), "OmniScope window").unwrap();
    let error = Store::open(dir.path(), "omniscope").unwrap_err();
    let expected = format!("the data folder is in use by OmniScope window (pid {})", std::process::id());
    assert_eq!(error.to_string(), expected);
    drop(first);
    Store::open(dir.path(), "omniscope").unwrap();
}

#[cfg(unix)]
#[test]
fn everything_in_the_folder_is_for_the_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("a/data");
    let store = Store::open(&folder, "test").unwrap();
    store.commit_wait(Batch::one(op(1))).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|f| f.unwrap().path()).collect();
    assert!(files.len() >= 4, "database, WAL, shared memory, lock: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{file:?}");
    }
}

#[test]
fn an_older_binary_refuses_a_newer_schema_and_touches_nothing() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path(), "test").unwrap());
    let file = dir.path().join(DATABASE_FILE);
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(&file).unwrap();
    let error = Store::open(dir.path(), "test").unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, known: 2 }), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[test]
fn a_migration_is_preceded_by_a_copy_that_opens() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), "test").unwrap();
    store.commit_wait(Batch::one(op(1))).unwrap();
    drop(store);
    let mut connection = Connection::open(dir.path().join(DATABASE_FILE)).unwrap();
    let steps = ["unused", "unused", "ALTER TABLE op ADD COLUMN later INTEGER; DELETE FROM op;"];
    schema::migrate_with(&mut connection, Some(dir.path()), &steps).unwrap();
    let count = |db: &Connection| db.query_row("SELECT count(*) FROM op", [], |r| r.get::<_, i64>(0)).unwrap();
    assert_eq!(count(&connection), 0);
    let copy = Connection::open(dir.path().join("omniscope.sqlite3.before-v3")).unwrap();
    assert_eq!(count(&copy), 1);
}

#[test]
fn a_failed_migration_leaves_the_version_before_it() {
    let mut connection = Connection::open_in_memory().unwrap();
    let steps = ["CREATE TABLE a (x)", "CREATE TABLE b (x); nonsense"];
    assert!(schema::migrate_with(&mut connection, None, &steps).is_err());
    let version: i64 = connection.pragma_query_value(None, "user_version", |r| r.get(0)).unwrap();
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0)).unwrap();
    assert_eq!((version, tables), (1, 1));
}

#[test]
fn a_batch_beyond_the_bound_is_refused_at_once() {
    let store = Store::memory().unwrap();
    let value = Some(vec![0; MAX_BATCH_BYTES + 1]);
    let result = store.commit_wait(Batch::one(Write::Setting { key: "k".into(), value }));
    assert!(matches!(result, Err(StoreError::Busy)));
    assert_eq!(store.setting("k").unwrap(), None);
}

#[test]
fn a_full_queue_refuses_instead_of_growing() {
    let store = Store::memory().unwrap();
    let (held, release) = channel::<()>();
    let (entered, inside) = channel::<()>();
    store.commit(Batch::default(), move |_| {
        entered.send(()).unwrap();
        release.recv().unwrap();
    });
    inside.recv().unwrap();
    let (refused, saved) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    for _ in 0..MAX_QUEUED_BATCHES + 10 {
        let (refused, saved) = (Arc::clone(&refused), Arc::clone(&saved));
        store.commit(Batch::default(), move |result| {
            let counter = if result.is_ok() { saved } else { refused };
            counter.fetch_add(1, Ordering::SeqCst);
        });
    }
    held.send(()).unwrap();
    drop(store);
    assert_eq!(refused.load(Ordering::SeqCst), 10);
    assert_eq!(saved.load(Ordering::SeqCst), MAX_QUEUED_BATCHES, "dropping the store commits what is queued");
}

#[test]
fn durability_settings_hold_on_every_connection() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), "test").unwrap();
    let place = disk::Place::new(dir.path(), OpenOptions::default());
    let read = |db: &Connection, name: &str| {
        db.pragma_query_value(None, name, |r| Ok(format!("{:?}", r.get_ref(0)?))).unwrap()
    };
    for db in [&*store.read(), &place.connect().unwrap()] {
        assert_eq!(read(db, "synchronous"), "Integer(2)", "FULL");
        assert_eq!(read(db, "trusted_schema"), "Integer(0)");
        assert_eq!(read(db, "mmap_size"), "Integer(0)");
        assert_eq!(read(db, "journal_mode"), format!("{:?}", rusqlite::types::ValueRef::Text(b"wal")));
    }
}
