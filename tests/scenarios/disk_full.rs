//! F10: a full disk or a failed sync at any write says "not saved" and loses nothing acknowledged.

use std::collections::BTreeSet;

use omniscope_engine::Options;
use omniscope_engine::event::Event;
use omniscope_engine::store::{OpenOptions, Store, StoreError};
use omniscope_tests::peers::Peer;
use omniscope_tests::rows::{Rng, numbers, row, tier};
use omniscope_tests::vfs::{Fault, Recorder, VFS_NAME};
use serde_json::json;

#[test]
fn a_full_disk_or_failed_sync_is_reported_and_loses_nothing_acknowledged() {
    let mut rng = Rng::from_env("disk_full");
    let mut fired = 0;
    for round in 0..tier(20, 200) {
        let dir = tempfile::tempdir().unwrap();
        let recorder = Recorder::watch(dir.path());
        let options = OpenOptions { vfs: Some(VFS_NAME), ..OpenOptions::default() };
        let store = Store::open_with(dir.path(), "disk full", options).unwrap();
        let full = round % 2 == 0;
        let fault = if full { Fault::Full(1 + rng.below(400)) } else { Fault::Sync(1 + rng.below(60)) };
        recorder.fail_at(Some(fault));
        let mut saved = BTreeSet::new();
        let mut refused = 0;
        for n in 0..120 {
            match store.commit_wait(row(n)) {
                Ok(_) => drop(saved.insert(n)),
                Err(StoreError::NotSaved { reason, disk_full }) => {
                    assert_eq!(disk_full, full, "{fault:?}: {reason}");
                    refused += 1;
                }
                Err(other) => panic!("{fault:?}: {other}"),
            }
        }
        // A failed sync inside a checkpoint costs no commit: the WAL, synced before, still holds everything.
        assert!(refused > 0 || recorder.fired() <= 1, "{fault:?} struck and nothing was refused");
        fired += u64::from(refused > 0);
        recorder.fail_at(None);
        store.commit_wait(row(1_000)).expect("a healed disk saves again");
        saved.insert(1_000);
        drop(store);
        let store = Store::open(dir.path(), "reopen").unwrap();
        let found: BTreeSet<u32> = numbers(&store).unwrap().into_iter().collect();
        assert!(saved.is_subset(&found), "{fault:?} lost {:?}", saved.difference(&found));
    }
    assert!(fired >= tier(20, 200) / 2, "only {fired} rounds saw a refusal");
}

/// What an engine over a failing disk says of itself.
#[derive(Debug, Default)]
struct Course {
    /// How many of the edits were called saved.
    saved: usize,
    refused: usize,
}

const EDITS: usize = 30;

async fn edit_and_save(ana: &Peer, ws: &str) -> Course {
    let mut course = Course::default();
    for n in 0..EDITS {
        ana.call("node.add", json!({"workspace": ws, "type": "generic", "label": format!("edit {n}.")})).await;
        match ana.engine.call("workspace.persist", json!({"workspace": ws})).await {
            Ok(_) => course.saved = n + 1,
            Err(error) => {
                assert_eq!(error.code, "not_saved", "{}", error.message);
                let shown = ana.call("workspace.show", json!({"workspace": ws})).await;
                assert_eq!(shown["saved"], false, "what is shown agrees with what was answered");
                course.refused += 1;
            }
        }
    }
    course
}

fn holds(state: &str, edits: usize) -> bool {
    (0..edits).all(|n| state.contains(&format!("\"edit {n}.\"")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_over_a_failing_disk_says_not_saved_and_loses_nothing_that_it_called_saved() {
    let mut rng = Rng::from_env("disk_full_engine");
    let (mut fired, mut healed) = (0, 0);
    for round in 0..tier(20, 200) {
        let dir = tempfile::tempdir().unwrap();
        let recorder = Recorder::watch(dir.path());
        let options = OpenOptions { vfs: Some(VFS_NAME), ..OpenOptions::default() };
        let store = Store::open_with(dir.path(), "disk full", options).unwrap();
        let ana = Peer::start_with("Ana", store, Options::default()).await;
        let ws = ana.call("workspace.create", json!({"name": "full"})).await["workspace"].as_str().unwrap().to_owned();
        ana.call("workspace.persist", json!({"workspace": ws})).await;
        let mut events = ana.engine.subscribe();
        let fault = if round % 2 == 0 { Fault::Full(1 + rng.below(120)) } else { Fault::Sync(1 + rng.below(40)) };
        recorder.fail_at(Some(fault));
        let course = edit_and_save(&ana, &ws).await;
        if course.refused > 0 {
            fired += 1;
            ana.event(&mut events, "a notice", |e| matches!(e, Event::Notice { code, .. } if code == "not_saved"))
                .await;
        }
        assert!(holds(&ana.state(&ws).await, EDITS), "{fault:?}: the work goes on in memory");
        // Either the disk heals and all is saved after all, or the computer is switched off as it is.
        let heals = rng.below(2) == 0;
        if heals {
            recorder.fail_at(None);
            ana.call("workspace.persist", json!({"workspace": ws})).await;
            healed += usize::from(course.refused > 0);
        }
        ana.engine.shutdown().await;
        drop(ana);
        let ana = Peer::start_with("Ana", Store::open(dir.path(), "reopen").unwrap(), Options::default()).await;
        let kept = if heals { EDITS } else { course.saved };
        assert!(holds(&ana.state(&ws).await, kept), "{fault:?}, healed {heals}: {course:?}");
    }
    assert!(fired as u64 >= tier(20, 200) / 2 && healed > 0, "only {fired} rounds saw a refusal, {healed} healed");
}
