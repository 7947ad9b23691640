//! When each op was made, and how long it took to be acknowledged and to arrive.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use omniscope_protocol::identity::OpId;

/// What the members of one workspace know together.
#[derive(Debug, Default)]
pub struct Board {
    made: Mutex<HashMap<OpId, Instant>>,
    latency: Arc<Latency>,
}

/// Times of all workspaces together, in microseconds.
#[derive(Debug, Default)]
pub struct Latency {
    acknowledged: Mutex<Vec<u32>>,
    arrived: Mutex<Vec<u32>>,
    resting: AtomicUsize,
    by_feed: AtomicUsize,
    by_request: AtomicUsize,
}

impl Board {
    /// A board whose times go to `latency`.
    pub fn new(latency: Arc<Latency>) -> Arc<Self> {
        Arc::new(Self { made: Mutex::default(), latency })
    }

    /// Somebody made an op just now.
    pub fn made(&self, op: OpId) {
        self.made.lock().unwrap().insert(op, Instant::now());
    }

    /// Its author got the receipt for it.
    pub fn acknowledged(&self, op: &OpId) {
        Self::note(&self.latency.acknowledged, self.since(op));
    }

    /// Somebody else has it.
    pub fn arrived(&self, op: &OpId) {
        Self::note(&self.latency.arrived, self.since(op));
    }

    /// Somebody was told news, by the feed or by a request.
    pub fn heard(&self, by_feed: bool) {
        let count = if by_feed { &self.latency.by_feed } else { &self.latency.by_request };
        count.fetch_add(1, Relaxed);
    }

    /// Somebody will edit no more.
    pub fn rests(&self) {
        self.latency.resting.fetch_add(1, Relaxed);
    }

    /// How many ops were made.
    pub fn len(&self) -> usize {
        self.made.lock().unwrap().len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many of the ops that were made are not among those that `knows` tells.
    pub fn missing(&self, knows: impl Fn(&OpId) -> bool) -> usize {
        self.made.lock().unwrap().keys().filter(|op| !knows(op)).count()
    }

    fn since(&self, op: &OpId) -> Option<Duration> {
        self.made.lock().unwrap().get(op).map(Instant::elapsed)
    }

    fn note(times: &Mutex<Vec<u32>>, took: Option<Duration>) {
        // What was there before the measurement has no time.
        if let Some(took) = took {
            times.lock().unwrap().push(took.as_micros().min(u32::MAX.into()) as u32);
        }
    }
}

impl Latency {
    /// Ops acknowledged and ops arrived so far.
    pub fn counts(&self) -> (usize, usize) {
        (self.acknowledged.lock().unwrap().len(), self.arrived.lock().unwrap().len())
    }

    /// News told by the feed, and by requests.
    pub fn news(&self) -> [usize; 2] {
        [&self.by_feed, &self.by_request].map(|count| count.load(Relaxed))
    }

    /// How many will edit no more.
    pub fn resting(&self) -> usize {
        self.resting.load(Relaxed)
    }

    /// Median and 99th percentile of the time from making an op to its receipt.
    pub fn to_receipt(&self) -> (Duration, Duration) {
        middle_and_end(&self.acknowledged, 0)
    }

    /// Median and 99th percentile of the time from making an op to its arrival at another member.
    pub fn to_arrival(&self) -> (Duration, Duration) {
        self.to_arrival_after(0)
    }

    /// The same without the `first` arrivals.
    pub fn to_arrival_after(&self, first: usize) -> (Duration, Duration) {
        middle_and_end(&self.arrived, first)
    }
}

fn middle_and_end(times: &Mutex<Vec<u32>>, first: usize) -> (Duration, Duration) {
    let mut times = times.lock().unwrap()[first..].to_vec();
    times.sort_unstable();
    let at = |percent: usize| {
        let index = (times.len() * percent / 100).min(times.len().saturating_sub(1));
        Duration::from_micros(times.get(index).copied().unwrap_or(0).into())
    };
    (at(50), at(99))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_what_was_noted() {
        let times = Mutex::new((1..=1000).rev().collect());
        assert_eq!(middle_and_end(&times, 0), (Duration::from_micros(501), Duration::from_micros(991)));
        assert_eq!(middle_and_end(&times, 900), (Duration::from_micros(51), Duration::from_micros(100)));
        assert_eq!(middle_and_end(&Mutex::default(), 0), (Duration::ZERO, Duration::ZERO));
    }
}
