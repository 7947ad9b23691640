//! F2: power loss at any moment, unsynced writes dropped or torn at 512 bytes, loses nothing acknowledged.

use omniscope_engine::store::{OpenOptions, Store};
use omniscope_tests::rows::{Rng, numbers, row, tier};
use omniscope_tests::vfs::{Event, Recorder, VFS_NAME, power_loss_image};

const ROWS: u32 = 600;

/// Everything that reached the disk while `ROWS` rows were committed in bursts.
fn record(rng: &mut Rng, unsafe_normal_sync: bool) -> Vec<Event> {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::watch(dir.path());
    let options = OpenOptions { vfs: Some(VFS_NAME), unsafe_normal_sync };
    let store = Store::open_with(dir.path(), "power loss", options).unwrap();
    for n in 0..ROWS {
        let recorder = recorder.clone();
        store.commit(row(n), move |result| {
            result.unwrap();
            recorder.acknowledge(n);
        });
        if rng.below(4) == 0 {
            store.flush().unwrap();
        }
    }
    store.flush().unwrap();
    recorder.events()
}

/// Acknowledged rows that an image lost, over `images` images.
fn losses(rng: &mut Rng, events: &[Event], images: u64) -> u64 {
    let (mut lost, mut required) = (0, 0);
    for _ in 0..images {
        let cut = rng.below(events.len() as u64 + 1) as usize;
        let dir = tempfile::tempdir().unwrap();
        // From "nothing unsynced survives" to "all of it does".
        let chance = rng.below(5);
        power_loss_image(&events[..cut], dir.path(), &mut || rng.below(4) < chance);
        let acknowledged = events[..cut].iter().filter_map(|e| match e {
            Event::Acknowledged(n) => Some(*n),
            _ => None,
        });
        let store = Store::open(dir.path(), "reopen").unwrap();
        let found: std::collections::BTreeSet<u32> = numbers(&store).unwrap().into_iter().collect();
        for n in acknowledged {
            required += 1;
            lost += u64::from(!found.contains(&n));
        }
        store.commit_wait(row(ROWS + 1)).unwrap();
    }
    assert!(required > images, "the images required only {required} rows");
    lost
}

#[test]
fn power_loss_takes_nothing_acknowledged() {
    let mut rng = Rng::from_env("power_loss");
    let events = record(&mut rng, false);
    assert_eq!(losses(&mut rng, &events, tier(500, 5_000)), 0);
}

/// The guard switched off: the same images must find the losses of `synchronous=NORMAL`.
#[test]
fn without_full_syncs_the_same_images_do_lose() {
    let mut rng = Rng::from_env("power_loss_normal");
    let events = record(&mut rng, true);
    assert!(losses(&mut rng, &events, 40) > 0);
}
