//! F11: flipped bits, overwritten pages, truncation and a restored old copy are noticed; what still reads is salvaged,
//! the rest comes back from a peer, and no position of a session is signed twice.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use omniscope_engine::Engine;
use omniscope_engine::device::{self, KeySource};
use omniscope_engine::store::{DATABASE_FILE, Store};
use omniscope_tests::log::{ops_in, signed_twice};
use omniscope_tests::peers::{PATIENCE, Peer, converged, options};
use omniscope_tests::rows::{Rng, WORKSPACE, numbers, row, tier, whole};
use serde_json::{Value, json};

const ROWS: u32 = 200;

fn sample(dir: &Path) -> Vec<u8> {
    let store = Store::open(dir, "sample").unwrap();
    for n in 0..ROWS {
        store.commit(row(n), |result| {
            result.unwrap();
        });
    }
    drop(store);
    std::fs::read(dir.join(DATABASE_FILE)).unwrap()
}

fn damage(rng: &mut Rng, bytes: &mut Vec<u8>) -> String {
    let len = bytes.len() as u64;
    match rng.below(3) {
        0 => {
            let flips = 1 + rng.below(8);
            for _ in 0..flips {
                let at = rng.below(len) as usize;
                bytes[at] ^= 1 << rng.below(8);
            }
            format!("{flips} flipped bits")
        }
        1 => {
            let page = rng.below(len / 4_096) as usize * 4_096;
            let filler = rng.next_u64() as u8;
            bytes[page..page + 4_096].fill(filler);
            format!("page {} overwritten", page / 4_096)
        }
        _ => {
            bytes.truncate(rng.below(len) as usize);
            format!("cut to {} bytes", bytes.len())
        }
    }
}

#[test]
fn damage_is_noticed_and_what_still_reads_is_kept() {
    let (salvaged, rows_kept) = damage_and_heal(Rng::from_env("corruption"), tier(50, 500));
    assert!(salvaged > 10 && rows_kept > 1_000, "{salvaged} salvages kept {rows_kept} rows");
}

/// One of its files has an index that hides rows, four of them damaged.
#[test]
fn rows_that_a_damaged_index_hid_are_judged_too() {
    damage_and_heal(Rng(1_795_580_037_666_003_331), 50);
}

/// Damages `files` files, each in another way, and heals them: how many were salvaged, and how many rows were kept.
fn damage_and_heal(mut rng: Rng, files: u64) -> (usize, usize) {
    let origin = tempfile::tempdir().unwrap();
    let good = sample(origin.path());
    let (mut salvaged, mut rows_kept) = (0, 0);
    for _ in 0..files {
        let dir = tempfile::tempdir().unwrap();
        let mut bytes = good.clone();
        let what = damage(&mut rng, &mut bytes);
        std::fs::write(dir.path().join(DATABASE_FILE), &bytes).unwrap();
        // A file cut to nothing is a fresh database to SQLite; the key rule notices that one.
        let (store, report) = match Store::open_or_salvage(dir.path(), "salvage", &whole) {
            Ok(opened) => opened,
            Err(omniscope_engine::store::StoreError::Newer { .. }) if what.contains("bits") => continue,
            Err(error) => panic!("{what}: {error}"),
        };
        if let Some(report) = report {
            let found = numbers(&store).unwrap();
            salvaged += 1;
            assert_eq!(std::fs::read(&report.kept).unwrap(), bytes, "{what}: the damaged file is kept as it was");
            assert_eq!(report.ops, found.len() as u64, "{what}");
            store.check().unwrap();
        }
        store.repair(&WORKSPACE, &whole).unwrap();
        let found: BTreeSet<u32> = numbers(&store).unwrap().into_iter().collect();
        rows_kept += found.len();
        // What is missing comes back from elsewhere and stays.
        for n in (0..ROWS).filter(|n| !found.contains(n)) {
            store.commit(row(n), |_| {});
        }
        store.flush().unwrap();
        let healed: BTreeSet<u32> = numbers(&store).unwrap().into_iter().collect();
        assert_eq!(healed.len(), ROWS as usize, "{what}");
    }
    (salvaged, rows_kept)
}

/// Opens Ben's folder as the programs do; a folder that is refused gives the reason.
async fn open_ben(dir: &Path) -> Result<(Peer, bool), String> {
    let opened =
        device::open(&dir.join("data"), "test", &KeySource::File(dir.join("key"))).map_err(|e| e.to_string())?;
    let salvaged = opened.salvaged.is_some();
    let engine = Engine::start(opened.store, opened.key, options()).await.map_err(|e| e.to_string())?;
    Ok((Peer { engine, name: "Ben" }, salvaged))
}

async fn edits(peer: &Peer, ws: &str, what: &str, count: usize) {
    for n in 0..count {
        let label = format!("{what} {n}.");
        peer.call("node.add", json!({"workspace": ws, "type": "generic", "label": label})).await;
        peer.call("workspace.persist", json!({"workspace": ws})).await;
    }
}

/// Ben's database early and late, and how he joined.
struct Past {
    ws: String,
    join: Value,
    identity: String,
    stale: Vec<u8>,
    good: Vec<u8>,
}

fn database(home: &Path) -> PathBuf {
    home.join("data").join(DATABASE_FILE)
}

/// Ben joins Ana's workspace, and both edit it; he is shut down in the end.
async fn past_of_ben(ana: &Peer, home: &Path) -> Past {
    std::fs::create_dir(home).unwrap();
    let ws = ana.call("workspace.create", json!({"name": "RNA-seq"})).await["workspace"].as_str().unwrap().to_owned();
    let (ben, _) = open_ben(home).await.unwrap();
    let identity = ben.engine.device().to_owned();
    ana.listening().await;
    let invite = json!({"workspace": ws, "role": "editor", "unlimited": true});
    let link = ana.call("invite.create", invite).await["link"].clone();
    let join = json!({"link": link, "wait_ms": PATIENCE.as_millis() as u64});
    assert_eq!(ben.call("join", join.clone()).await["status"], "member");
    converged(&[ana, &ben], &ws).await;
    edits(&ben, &ws, "early", 5).await;
    converged(&[ana, &ben], &ws).await;
    ben.engine.shutdown().await;
    drop(ben);
    let stale = std::fs::read(database(home)).unwrap();
    let (ben, _) = open_ben(home).await.unwrap();
    ben.call("join", join.clone()).await;
    edits(&ben, &ws, "late", 20).await;
    edits(ana, &ws, "by Ana", 5).await;
    ben.until("all of it is there", async |p| p.state(&ws).await.contains("by Ana 4.")).await;
    ana.until("all of it is there", async |p| p.state(&ws).await.contains("late 19.")).await;
    ben.engine.shutdown().await;
    drop(ben);
    let good = std::fs::read(database(home)).unwrap();
    Past { ws, join, identity, stale, good }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_or_outdated_log_is_rebuilt_from_a_peer() {
    let mut rng = Rng::from_env("corruption_engine");
    let place = tempfile::tempdir().unwrap();
    let ana = Peer::start_in("Ana", &place.path().join("ana")).await;
    let Past { ws, join, identity, stale, good } = past_of_ben(&ana, &place.path().join("ben")).await;
    let (mut salvages, mut refused, mut outdated, mut all_ops) = (0, 0, 0, ops_in(&place.path().join("ben/data")));
    for round in 0..tier(20, 200) {
        let home = place.path().join(format!("ben {round}"));
        std::fs::create_dir_all(home.join("data")).unwrap();
        std::fs::copy(place.path().join("ben/key"), home.join("key")).unwrap();
        let mut bytes = good.clone();
        let what = if round % 5 == 4 {
            bytes.clone_from(&stale);
            outdated += 1;
            "an old copy".to_owned()
        } else {
            damage(&mut rng, &mut bytes)
        };
        std::fs::write(database(&home), &bytes).unwrap();
        let (ben, salvaged) = match open_ben(&home).await {
            Ok(opened) => opened,
            // Damage to the note of whose folder this is, or of which version: an error, and no new identity.
            Err(reason) => {
                println!("round {round}, {what}: {reason}");
                refused += 1;
                continue;
            }
        };
        assert_eq!(ben.engine.device(), identity, "{what}: the identity is the old one");
        salvages += usize::from(salvaged);
        let joined = ben.call("join", join.clone()).await;
        assert_eq!(joined["status"], "member", "{what}: {joined}");
        ben.until("the rest is back", async |p| {
            let state = p.engine.call("pipeline.export", json!({"workspace": ws})).await;
            let state = state.map(|s| s["content"].as_str().unwrap_or_default().to_owned()).unwrap_or_default();
            state.contains("late 19.") && state.contains("early 4.") && state.contains("by Ana 4.")
        })
        .await;
        edits(&ben, &ws, &format!("after round {round}"), 2).await;
        ana.until("an edit after the repair", async |p| {
            p.state(&ws).await.contains(&format!("after round {round} 1."))
        })
        .await;
        converged(&[&ana, &ben], &ws).await;
        ben.engine.shutdown().await;
        drop(ben);
        all_ops.extend(ops_in(&home.join("data")));
        std::fs::remove_dir_all(&home).unwrap();
    }
    ana.engine.shutdown().await;
    all_ops.extend(ops_in(&place.path().join("ana")));
    assert_eq!(signed_twice(&all_ops), Vec::<String>::new());
    println!("{salvages} salvages, {outdated} old copies, {refused} refused");
    assert!(salvages > 2 && outdated > 2 && refused as u64 <= tier(20, 200) / 4);
}
