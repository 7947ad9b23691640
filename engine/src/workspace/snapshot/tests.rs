//! Engines over real database files: what a snapshot and the rest of the log give is what the whole log gives; a
//! snapshot that is not of this log, or damaged, is not used; damage below one is found and mended.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::time::{Duration, Instant};

use omniscope_protocol::identity::DeviceKey;
use omniscope_protocol::op::{Body, Op};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::event::Event;
use crate::store::{Batch, DATABASE_FILE, Store, Write};
use crate::{Engine, Options};

fn key() -> DeviceKey {
    DeviceKey::from_seed(&[1; 32])
}

fn store(dir: &Path) -> Store {
    let store = Store::open(dir, "test").unwrap();
    store.unlock(&key());
    store
}

async fn start(dir: &Path) -> Engine {
    Engine::start(Store::open(dir, "test").unwrap(), key(), Options::default()).await.unwrap()
}

async fn found(dir: &Path) -> String {
    let engine = start(dir).await;
    let made = engine.call("workspace.create", json!({"name": "RNA-seq"})).await.unwrap();
    engine.shutdown().await;
    made["workspace"].as_str().unwrap().to_owned()
}

/// Edits, versions, links, roles and a key made anew, by the dice.
async fn work(engine: &Engine, ws: &str, count: usize, dice: &mut u64) {
    for _ in 0..count {
        *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let n = *dice >> 33;
        let (verb, given) = match n % 12 {
            0 => ("version.create", json!({"workspace": ws, "name": format!("v{n}")})),
            1 => ("invite.create", json!({"workspace": ws, "role": "viewer", "uses": 1})),
            2 => ("workspace.rotate", json!({"workspace": ws})),
            3 => ("workspace.checkpoint", json!({"workspace": ws})),
            _ => ("node.add", json!({"workspace": ws, "type": "generic", "label": format!("step {n}")})),
        };
        engine.call(verb, given).await.unwrap();
        // A look at the workspace signs what is gathered.
        engine.call("workspace.show", json!({"workspace": ws})).await.unwrap();
    }
    engine.call("workspace.persist", json!({"workspace": ws})).await.unwrap();
}

/// Everything that an engine says of a workspace.
async fn told(engine: &Engine, ws: &str) -> Value {
    let mut all = json!({});
    for verb in
        ["workspace.show", "workspace.members", "workspace.state", "version.list", "invite.list", "workspace.audit"]
    {
        all[verb] = engine.call(verb, json!({"workspace": ws})).await.unwrap();
    }
    let history = engine.call("history.list", json!({"workspace": ws, "limit": 1000})).await;
    all["history"] = history.unwrap();
    for member in all["workspace.members"]["members"].as_array_mut().unwrap() {
        member["last_seen"] = Value::Null;
    }
    all
}

fn id_of(ws: &str) -> [u8; 32] {
    omniscope_protocol::identity::WorkspaceId::parse_hex(ws).unwrap().0
}

fn kept(dir: &Path, ws: &str) -> Option<i64> {
    store(dir).snapshot(&id_of(ws)).unwrap().map(|(last, _)| last)
}

fn change(dir: &Path, sql: &str) {
    let changed = Connection::open(dir.join(DATABASE_FILE)).unwrap().execute(sql, []).unwrap();
    assert_eq!(changed, 1, "{sql}");
}

#[tokio::test]
async fn a_snapshot_and_the_rest_of_the_log_give_what_the_whole_log_gives() {
    let dir = tempfile::tempdir().unwrap();
    let ws = found(dir.path()).await;
    let mut dice = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    println!("SEED={dice}");
    let mut snapshots = std::collections::BTreeSet::new();
    for round in 0..6 {
        let engine = start(dir.path()).await;
        work(&engine, &ws, 20 + 10 * round, &mut dice).await;
        engine.shutdown().await;
        snapshots.extend(kept(dir.path(), &ws));
        let engine = start(dir.path()).await;
        let resumed = told(&engine, &ws).await;
        engine.shutdown().await;
        store(dir.path()).commit_wait(Batch::one(Write::DropSnapshot(id_of(&ws)))).unwrap();
        let engine = start(dir.path()).await;
        assert_eq!(told(&engine, &ws).await, resumed, "round {round}");
        assert_ne!(resumed["workspace.audit"]["holds"], false);
        engine.shutdown().await;
        snapshots.extend(kept(dir.path(), &ws));
    }
    assert!(snapshots.len() >= 4, "there was something to resume from: {snapshots:?}");
}

#[tokio::test]
async fn a_snapshot_that_is_damaged_or_of_another_log_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let ws = found(dir.path()).await;
    let engine = start(dir.path()).await;
    work(&engine, &ws, 80, &mut 5).await;
    engine.shutdown().await;
    let engine = start(dir.path()).await;
    let expected = told(&engine, &ws).await;
    engine.shutdown().await;
    let last = kept(dir.path(), &ws).expect("a snapshot was written");
    for sql in [
        "UPDATE snapshot SET bytes = substr(bytes, 1, 1000)",
        "UPDATE snapshot SET bytes = zeroblob(5000)",
        "UPDATE snapshot SET ops = ops - 1",
        "UPDATE snapshot SET last = last - 1",
    ] {
        change(dir.path(), sql);
        assert_eq!(kept(dir.path(), &ws).filter(|_| !sql.contains("bytes")), None, "{sql}");
        let engine = start(dir.path()).await;
        assert_eq!(told(&engine, &ws).await, expected, "{sql}");
        engine.shutdown().await;
        assert_eq!(kept(dir.path(), &ws), Some(last), "{sql}: it was made anew");
    }
    // Whoever has the file and not the key reads nothing in it.
    let sealed: Vec<u8> = Connection::open(dir.path().join(DATABASE_FILE))
        .unwrap()
        .query_row("SELECT bytes FROM snapshot", [], |row| row.get(0))
        .unwrap();
    assert!(!sealed.windows(4).any(|w| w == b"step") && !sealed.windows(7).any(|w| w == b"RNA-seq"));
}

#[tokio::test]
async fn damage_below_a_snapshot_is_found_and_the_next_start_reads_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let ws = found(dir.path()).await;
    let engine = start(dir.path()).await;
    work(&engine, &ws, 80, &mut 9).await;
    let expected = told(&engine, &ws).await;
    engine.shutdown().await;
    assert!(kept(dir.path(), &ws).is_some());
    // An edit in the middle; its content is shown all the same.
    let mut edit = None;
    let is_edit = |bytes: &[u8]| matches!(Op::decode_trusted(bytes).unwrap().body, Body::Edit { .. });
    let read = store(dir.path()).for_each_op(&id_of(&ws), 40, |row, _, bytes| {
        edit = is_edit(bytes).then_some(row);
        edit.is_none()
    });
    read.unwrap();
    change(dir.path(), &format!("UPDATE op SET bytes = zeroblob(300) WHERE seq = {}", edit.unwrap()));
    let engine = start(dir.path()).await;
    let mut events = engine.subscribe();
    let state = engine.call("workspace.state", json!({"workspace": ws})).await.unwrap();
    assert_eq!(state, expected["workspace.state"]);
    let found = async {
        loop {
            if matches!(&*events.recv().await.unwrap(), Event::Notice { code, .. } if code == "log_damaged") {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), found).await.expect("the damage is told");
    engine.shutdown().await;
    assert_eq!(kept(dir.path(), &ws), None, "the snapshot went");
    let engine = start(dir.path()).await;
    let shown = engine.call("workspace.show", json!({"workspace": ws})).await.unwrap();
    assert!(
        shown["ops"].as_u64() < expected["workspace.show"]["ops"].as_u64(),
        "what is damaged is to be fetched again"
    );
    engine.shutdown().await;
}

/// Prints what opening costs by history, with a snapshot and without; holds the first to a share of the second.
#[tokio::test]
#[ignore = "a measurement: run it by name, with OPENING_EDITS for another length"]
async fn opening_costs_by_what_came_since() {
    let edits: usize = std::env::var("OPENING_EDITS").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000);
    let dir = tempfile::tempdir().unwrap();
    let ws = found(dir.path()).await;
    let engine = start(dir.path()).await;
    let node = engine.call("node.add", json!({"workspace": ws, "type": "generic"})).await.unwrap()["node"].clone();
    for edit in 0..edits {
        engine.call("node.set", json!({"workspace": ws, "node": node, "x": edit, "y": 0})).await.unwrap();
        engine.call("workspace.online", json!({"workspace": ws})).await.unwrap();
    }
    engine.call("workspace.persist", json!({"workspace": ws})).await.unwrap();
    engine.shutdown().await;
    let mut took = Vec::new();
    for kept in [true, false] {
        let mut best = Duration::MAX;
        for _ in 0..5 {
            let store = store(dir.path());
            if !kept {
                store.commit_wait(Batch::one(Write::DropSnapshot(id_of(&ws)))).unwrap();
            }
            let before = Instant::now();
            let engine = Engine::start(store, key(), Options::default()).await.unwrap();
            best = best.min(before.elapsed());
            engine.shutdown().await;
        }
        took.push(best);
    }
    println!("{edits} edits: with a snapshot {:?}, from the whole log {:?}", took[0], took[1]);
    assert!(took[0] < took[1] / 2);
}
