//! One measurement: a crowd comes, is idle, edits, settles; what the relay took meanwhile.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Founded, Latency, Member, Phase, Place, Sample};

/// Members who come in at the same time.
const AT_ONCE: usize = 16;
/// How long what is under way may take to arrive after the last edit.
const SETTLE: Duration = Duration::from_secs(20);
/// Bytes of ops in one push of history.
const HISTORY_OPS: usize = 1000;

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// Workspaces at the relay.
    pub workspaces: usize,
    /// Members of each, all of them connected.
    pub members: usize,
    /// Ops a second, all members together; 0: nobody edits.
    pub rate: f64,
    /// How long they edit.
    pub edit: Duration,
    /// In how many equal parts of that the relay is looked at.
    pub parts: u32,
    /// How long they are idle before.
    pub idle: Duration,
    /// Ops that lie in each workspace before.
    pub stored: usize,
}

/// A part of the time in which members edit, as seen at its end.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// Since the first edits.
    pub after: Duration,
    /// Ops acknowledged until then.
    pub stored: usize,
    /// The relay's memory.
    pub resident_kib: u64,
    /// Cores that the relay kept busy in this part.
    pub cores: f64,
    /// Of what arrived in this part, from making an op to its arrival at another member: median, 99th percentile.
    pub arrival: (Duration, Duration),
}

/// What came out.
#[derive(Debug, Clone)]
pub struct Figures {
    pub peers: usize,
    /// Ops made.
    pub made: usize,
    /// Ops acknowledged a second.
    pub stored_per_second: f64,
    /// Ops handed to other members a second.
    pub forwarded_per_second: f64,
    /// From making an op to its receipt: median, 99th percentile.
    pub receipt: (Duration, Duration),
    /// From making an op to its arrival at another member: median, 99th percentile.
    pub arrival: (Duration, Duration),
    /// News told by the feed, and by requests.
    pub news: [usize; 2],
    /// Ops that some member did not get.
    pub lost: usize,
    /// Requests that were refused or not answered, and connections lost.
    pub refused: u64,
    pub disconnected: u64,
    /// The relay's memory in KiB: before anybody came, with everybody idle, and the most that it ever was.
    pub memory_kib: [u64; 3],
    /// The edits, part by part.
    pub course: Vec<Part>,
    /// Cores that the relay kept busy while everybody was idle, and while they edited.
    pub cores: [f64; 2],
    /// Cores that the members, all in this process, kept busy while they edited.
    pub own_cores: f64,
}

/// Members at work.
pub struct Crowd {
    tasks: Vec<JoinHandle<Member>>,
    phase: watch::Sender<Phase>,
    latency: Arc<Latency>,
    boards: Vec<Arc<super::Board>>,
}

/// What is known of a crowd when it has gone.
#[derive(Debug, Clone, Copy)]
pub struct Gone {
    pub made: usize,
    pub lost: usize,
    pub refused: u64,
    pub disconnected: u64,
}

impl Crowd {
    /// Everybody founds or joins their workspace at the relay, and is idle.
    pub async fn gather(place: &Place, setup: &Setup) -> Self {
        let latency = Arc::new(Latency::default());
        let (phase, _) = watch::channel(Phase::Idle);
        let count = setup.workspaces * setup.members;
        let pace = Duration::from_secs_f64(count as f64 / setup.rate.max(0.001));
        let work = |at: usize, member: Member| {
            // Spread evenly, and the members of one workspace apart from each other.
            let first = pace.mul_f64((at * 7919 % count) as f64 / count as f64);
            tokio::spawn(member.work(pace, first, phase.subscribe()))
        };
        let comes = |number| {
            let (place, latency, work) = (place.clone(), Arc::clone(&latency), &work);
            async move {
                let mut founded = Founded::found(&place, number, setup.members - 1, &latency).await;
                for _ in 0..setup.stored.div_ceil(HISTORY_OPS) {
                    let ops: Vec<_> = (0..HISTORY_OPS.min(setup.stored)).map(|_| founded.owner.edit()).collect();
                    founded.owner.give(&ops).await;
                }
                let (board, first) = (founded.owner.board(), number * setup.members);
                let mut tasks = Vec::with_capacity(setup.members);
                for guest in 1..setup.members {
                    // At once: who does not answer is cut off.
                    tasks.push(work(first + guest, founded.admit(&place, guest).await));
                }
                tasks.push(work(first, founded.owner));
                (board, tasks)
            }
        };
        let all = (0..setup.workspaces).map(comes);
        let rooms: Vec<_> = futures::stream::iter(all).buffer_unordered(AT_ONCE).collect().await;
        let (boards, tasks): (_, Vec<Vec<_>>) = rooms.into_iter().unzip();
        Self { tasks: tasks.into_iter().flatten().collect(), phase, latency, boards }
    }

    /// Tells everybody what to do.
    pub fn tell(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// The times measured so far.
    pub fn latency(&self) -> &Latency {
        &self.latency
    }

    /// Ops made so far.
    pub fn made(&self) -> usize {
        self.boards.iter().map(|board| board.len()).sum()
    }

    /// Waits until every op has arrived at every other member of its workspace, or too much time has passed.
    pub async fn settle(&self, members: usize) {
        self.tell(Phase::Settle);
        let arrived = async {
            // As long as somebody may still make an op, what was made is not all.
            while self.latency.resting() < self.tasks.len() || self.latency.counts().1 < self.made() * (members - 1) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        // What is missing then is counted as lost.
        let _ = tokio::time::timeout(SETTLE, arrived).await;
    }

    /// Everybody goes; what they did not get.
    pub async fn go(self) -> Gone {
        let made = self.made();
        self.tell(Phase::End);
        let mut gone = Gone { made, lost: 0, refused: 0, disconnected: 0 };
        for task in self.tasks {
            let member = task.await.unwrap();
            gone.lost += member.missing();
            gone.refused += member.refused;
            gone.disconnected += member.lost;
        }
        gone
    }
}

/// Looks at the relay in each part of the time in which members edit.
async fn follow(crowd: &Crowd, pid: u32, setup: &Setup, begun: &Sample) -> Vec<Part> {
    let (mut course, mut last, mut before) = (Vec::new(), *begun, 0);
    for _ in 0..setup.parts {
        tokio::time::sleep(setup.edit / setup.parts).await;
        let (sample, (stored, arrived)) = (Sample::of(pid), crowd.latency().counts());
        course.push(Part {
            after: sample.at - begun.at,
            stored,
            resident_kib: sample.resident_kib,
            cores: sample.cores_since(&last),
            arrival: crowd.latency().to_arrival_after(before),
        });
        (last, before) = (sample, arrived);
    }
    course
}

/// Measures one setup at a relay whose process has the given id.
pub async fn measure(place: &Place, pid: u32, setup: &Setup) -> Figures {
    let before = Sample::of(pid);
    let crowd = Crowd::gather(place, setup).await;
    let here = Sample::of(pid);
    tokio::time::sleep(setup.idle).await;
    let (idle, own) = (Sample::of(pid), Sample::of(std::process::id()));
    crowd.tell(Phase::Edit);
    let course = follow(&crowd, pid, setup, &idle).await;
    let (end, (acknowledged, arrived)) = (Sample::of(pid), crowd.latency().counts());
    let own_cores = Sample::of(std::process::id()).cores_since(&own);
    crowd.settle(setup.members).await;
    let (receipt, arrival) = (crowd.latency().to_receipt(), crowd.latency().to_arrival());
    let news = crowd.latency().news();
    let gone = crowd.go().await;
    let seconds = (end.at - idle.at).as_secs_f64();
    Figures {
        peers: setup.workspaces * setup.members,
        made: gone.made,
        stored_per_second: acknowledged as f64 / seconds,
        forwarded_per_second: arrived as f64 / seconds,
        receipt,
        arrival,
        news,
        lost: gone.lost,
        refused: gone.refused,
        disconnected: gone.disconnected,
        memory_kib: [before.resident_kib, idle.resident_kib, end.peak_kib],
        course,
        cores: [idle.cores_since(&here), end.cores_since(&idle)],
        own_cores,
    }
}
