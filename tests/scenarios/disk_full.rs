//! F10: a full disk or a failed sync at any write says "not saved" and loses nothing acknowledged.

use std::collections::BTreeSet;

use omniscope_engine::store::{OpenOptions, Store, StoreError};
use omniscope_tests::rows::{Rng, numbers, row, tier};
use omniscope_tests::vfs::{Fault, Recorder, VFS_NAME};

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
