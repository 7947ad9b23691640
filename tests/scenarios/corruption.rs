//! F11, store part: flipped bits, overwritten pages and truncation are noticed, and what still reads is salvaged.

use std::collections::BTreeSet;
use std::path::Path;

use omniscope_engine::store::{DATABASE_FILE, Store};
use omniscope_tests::rows::{Rng, WORKSPACE, numbers, row, tier, whole};

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
    let mut rng = Rng::from_env("corruption");
    let origin = tempfile::tempdir().unwrap();
    let good = sample(origin.path());
    let (mut salvaged, mut rows_kept) = (0, 0);
    for _ in 0..tier(50, 500) {
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
        let found: BTreeSet<u32> = numbers(&store).unwrap_or_default().into_iter().collect();
        if let Some(report) = report {
            salvaged += 1;
            assert_eq!(std::fs::read(&report.kept).unwrap(), bytes, "{what}: the damaged file is kept as it was");
            assert_eq!(report.ops, found.len() as u64, "{what}");
            store.check().unwrap();
        }
        rows_kept += found.len();
        // What is missing comes back from elsewhere and stays: damaged rows are dropped, then appended again.
        let mut bad = Vec::new();
        store
            .for_each_op(&WORKSPACE, 0, |_, id, bytes| {
                if !whole(&id, bytes) {
                    bad.push(omniscope_engine::store::Write::DropOp { workspace: WORKSPACE, id });
                }
                true
            })
            .unwrap();
        store.commit_wait(omniscope_engine::store::Batch { writes: bad }).unwrap();
        for n in (0..ROWS).filter(|n| !found.contains(n)) {
            store.commit(row(n), |_| {});
        }
        store.flush().unwrap();
        let healed: BTreeSet<u32> = numbers(&store).unwrap().into_iter().collect();
        assert_eq!(healed.len(), ROWS as usize, "{what}");
    }
    assert!(salvaged > 10 && rows_kept > 1_000, "{salvaged} salvages kept {rows_kept} rows");
}
