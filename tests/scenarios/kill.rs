//! F1, store part: kill -9 at random moments loses no acknowledged row.

use std::collections::BTreeSet;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

use omniscope_engine::store::Store;
use omniscope_tests::rows::{Rng, numbers, tier};

/// Rows after which a fresh folder is taken, so that reopening stays quick.
const MAX_ROWS: u32 = 2_000;

#[test]
fn kill_nine_loses_no_acknowledged_row() {
    let mut rng = Rng::from_env("kill");
    let writer = env!("CARGO_BIN_EXE_writer");
    let mut dir = tempfile::tempdir().unwrap();
    let (mut next, mut acknowledged, mut all) = (0u32, BTreeSet::new(), 0);
    for _ in 0..tier(200, 2_000) {
        let mut child =
            Command::new(writer).arg(dir.path()).arg(next.to_string()).stdout(Stdio::piped()).spawn().unwrap();
        // The moment of the kill is the random input here, not a wait for something.
        std::thread::sleep(Duration::from_micros(5_000 + rng.below(60_000)));
        child.kill().unwrap();
        let mut printed = String::new();
        child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        child.wait().unwrap();
        let lines = printed.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        acknowledged.extend(lines.map(|line| line.trim_end().parse::<u32>().unwrap()));
        let store = Store::open(dir.path(), "kill").unwrap();
        let found: BTreeSet<u32> = numbers(&store).unwrap().into_iter().collect();
        assert!(acknowledged.is_subset(&found), "lost {:?}", acknowledged.difference(&found));
        next = found.last().map_or(0, |n| n + 1);
        if next > MAX_ROWS {
            all += acknowledged.len();
            drop(store);
            (dir, next) = (tempfile::tempdir().unwrap(), 0);
            acknowledged.clear();
        }
    }
    all += acknowledged.len();
    assert!(all as u64 > tier(200, 2_000), "only {all} rows were ever acknowledged");
}
