//! A relay under load, by members who only want to work and by outsiders who want it to break (F6).
//!
//! Deliberately absent: speed without an attack, which `relay_load` measures in release mode (docs/performance.md).

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use omniscope_tests::load::attack::Attack;
use omniscope_tests::load::{Crowd, Founded, Latency, Member, Phase, Sample, Setup, measure, relay_for_load};
use omniscope_tests::rows::tier;

/// F6.
const MAX_MEMORY_KIB: u64 = 256 * 1024;
const HONEST_P99: Duration = Duration::from_secs(2);

const SMALL: Setup = Setup {
    workspaces: 8,
    members: 5,
    rate: 80.0,
    edit: Duration::from_secs(4),
    parts: 2,
    idle: Duration::ZERO,
    stored: 50,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_what_forty_members_of_eight_workspaces_push_nothing_is_lost() {
    nothing_is_lost(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_whose_program_does_not_know_the_feed_of_news_are_told_by_requests() {
    nothing_is_lost(false).await;
}

async fn nothing_is_lost(feed: bool) {
    let folder = tempfile::tempdir().unwrap();
    let listen = "/ip4/127.0.0.1/tcp/0";
    let Some((relay, mut place)) = relay_for_load(&folder.path().join("relay"), listen, 1) else { return };
    place.feed = feed;
    let figures = measure(&place, relay.id(), &SMALL).await;
    println!("{figures:?}");
    assert!(figures.made > 100 && figures.peers == 40, "{figures:?}");
    assert_eq!((figures.lost, figures.refused, figures.disconnected), (0, 0, 0), "{figures:?}");
    let [by_feed, by_request] = figures.news;
    // Before a member's program has said what it speaks it is told by requests.
    assert!(if feed { by_feed > 10 * by_request } else { by_feed == 0 && by_request > 0 }, "{figures:?}");
    let listed = relay.order(&["workspaces"]);
    let kept: usize = listed.lines().map(|line| line.split(' ').nth(4).unwrap().parse::<usize>().unwrap()).sum();
    // Beside the edits: a genesis, an invite, admissions and openings of sessions.
    let others = SMALL.workspaces * (2 + SMALL.members - 1 + SMALL.members);
    assert_eq!(kept, figures.made + SMALL.workspaces * SMALL.stored + others);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_whose_stream_of_news_broke_is_told_again_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let Some((relay, place)) = relay_for_load(&folder.path().join("relay"), "/ip4/127.0.0.1/tcp/0", 3) else { return };
    let mut founded = Founded::found(&place, 0, 1, &Arc::new(Latency::default())).await;
    let mut guest = founded.admit(&place, 1).await;
    let mut tell = async |guest: &mut Member, unheard| {
        guest.deaf = unheard;
        let edit = founded.owner.edit();
        founded.owner.give(std::slice::from_ref(&edit)).await;
        edit.id
    };
    let edit = tell(&mut guest, 1).await;
    guest.hear_of(&edit).await;
    // Who does not hear it the second time either is told of the next thing that happens.
    tell(&mut guest, 2).await;
    while guest.deaf > 0 {
        guest.listen().await;
    }
    let edit = tell(&mut guest, 0).await;
    guest.hear_of(&edit).await;
    assert_eq!(guest.lost, 0, "it was connected all the time");
    relay.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_outsiders_take_no_memory_and_keep_nobody_from_working() {
    let folder = tempfile::tempdir().unwrap();
    let listen = "/ip4/127.0.0.1/tcp/0";
    let Some((relay, place)) = relay_for_load(&folder.path().join("relay"), listen, 2) else { return };
    let honest = Setup { workspaces: 4, rate: 40.0, stored: 0, ..SMALL };
    let crowd = Crowd::gather(&place, &honest).await;
    let mut attack = Attack::new();
    attack.half_open(&place.relay, tier(300, 2000) as usize);
    attack.streams(&place.relay, 100);
    attack.flood(&place.relay, 100);
    // Until all kinds are under way.
    let counts = attack.counts();
    let begun = Instant::now();
    while counts.half_open.load(Relaxed) < 300
        || counts.streams.load(Relaxed) < 300
        || counts.refusals.load(Relaxed) < 300
    {
        assert!(begun.elapsed() < Duration::from_secs(20), "the attack does not begin: {counts:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    crowd.tell(Phase::Edit);
    tokio::time::sleep(Duration::from_secs(tier(8, 60))).await;
    let (_, p99) = crowd.latency().to_arrival();
    println!("{:?}; honest p99 {p99:?}", attack.counts());
    drop(attack);
    crowd.settle(honest.members).await;
    let gone = crowd.go().await;
    let peak = Sample::of(relay.id()).peak_kib;
    println!("{gone:?}, the relay took at most {} MiB", peak / 1024);
    assert!(gone.made > 200 && gone.lost == 0 && gone.disconnected == 0, "{gone:?}");
    assert!(peak <= MAX_MEMORY_KIB, "the relay took {} MiB", peak / 1024);
    assert!(p99 <= HONEST_P99, "{p99:?}");
}
