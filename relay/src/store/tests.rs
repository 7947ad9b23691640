//! What was committed is there, once; folders, files and schemas are guarded.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::read::TokenRow;
use super::*;

fn op(n: u8) -> Write {
    Write::Op { workspace: [1; 32], id: [n; 32], bytes: vec![n; 10].into() }
}

fn ids(store: &Store) -> Vec<u8> {
    let mut ids = Vec::new();
    store.for_each_op(&[1; 32], |id, _| ids.push(id[0])).unwrap();
    ids
}

#[test]
fn committed_ops_are_there_in_order_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.commit_wait(vec![op(3), op(1), op(3), op(2)]).unwrap();
    assert!(matches!(Store::open(folder.path()), Err(StoreError::InUse { .. })), "one process a folder");
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(ids(&store), [3, 1, 2]);
    assert_eq!(store.ops_by_id(&[1; 32], &[[2; 32], [9; 32], [3; 32]]).unwrap(), [vec![2; 10], vec![3; 10]]);
    assert!(store.ops_by_id(&[2; 32], &[[2; 32]]).unwrap().is_empty(), "another workspace's");
    let mode = |name: &str| folder.path().join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(DATABASE_FILE), mode("relay.lock")), (0o600, 0o600));
    assert_eq!(folder.path().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    store.commit_wait(vec![Write::DropWorkspace { id: [1; 32] }]).unwrap();
    assert!(ids(&store).is_empty());
}

#[test]
fn a_token_is_spent_as_often_as_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let (twice, ever) = ([1; 32], [2; 32]);
    assert!(!store.may_anybody_register().unwrap());
    let token = |hash, uses| Write::Token { hash, uses, now_ms: 0 };
    store.commit_wait(vec![token(twice, Some(2)), token(ever, None)]).unwrap();
    for left in [Some(1), None] {
        store.commit_wait(vec![Write::SpendToken { hash: twice }, Write::SpendToken { hash: ever }]).unwrap();
        assert_eq!(store.token(&twice).unwrap().map(|t| t.uses), left.map(Some));
        assert_eq!(store.token(&ever).unwrap(), Some(TokenRow { uses: None }));
    }
}

#[test]
fn a_newer_schema_is_refused_and_a_copy_is_made_before_a_migration() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::open(folder.path()).unwrap());
    let path = folder.path().join(DATABASE_FILE);
    let mut connection = connect(&path).unwrap();
    let more = ["", "CREATE TABLE later (x INTEGER) STRICT"];
    schema::migrate_with(&mut connection, &path, &more).unwrap();
    assert!(path.with_extension("before-v2").is_file());
    drop(connection);
    assert!(matches!(Store::open(folder.path()), Err(StoreError::Newer { found: 2, known: 1 })));
}

#[test]
fn what_is_no_database_is_called_damaged_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(DATABASE_FILE);
    std::fs::write(&path, vec![7; 8192]).unwrap();
    assert!(matches!(Store::open(folder.path()), Err(StoreError::Damaged(_))));
    assert_eq!(std::fs::read(&path).unwrap(), vec![7; 8192]);
}
