//! What a process of the benchmark counts: latencies in buckets of two percent, gaps, connections.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Microseconds of the system's monotonic clock, the same in every process of the machine.
pub fn now_us() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec of this function, which is all that the call writes to.
    #[allow(unsafe_code, reason = "std's monotonic clock does not tell its value")]
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    assert_eq!(failed, 0, "the monotonic clock is always there");
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1000
}

#[derive(Debug, Default, Clone)]
struct Series {
    count: u64,
    buckets: BTreeMap<u32, u64>,
}

impl Series {
    fn add(&mut self, us: u64) {
        self.count += 1;
        let bucket = ((us.max(1) as f64).ln() / 1.02_f64.ln()).floor() as u32;
        *self.buckets.entry(bucket).or_default() += 1;
    }

    fn json(&self) -> Value {
        let buckets = self.buckets.iter().map(|(bucket, count)| (bucket.to_string(), json!(count)));
        json!({"n": self.count, "hist": buckets.collect::<serde_json::Map<_, _>>()})
    }
}

/// The kinds of remote change that are timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A register was set.
    Set,
    /// Text was inserted.
    Insert,
    /// Somebody's presence changed.
    Presence,
}

/// All counters of a process.
#[derive(Debug, Default, Clone)]
pub struct Stats {
    set: Series,
    insert: Series,
    presence: Series,
    late: Series,
    max_gap_us: u64,
    conn: Vec<(String, u64, bool)>,
    /// Counts resets, so that a gap never spans one.
    pub(super) round: u64,
}

impl Stats {
    pub(super) fn seen(&mut self, kind: Kind, us: u64) {
        match kind {
            Kind::Set => self.set.add(us),
            Kind::Insert => self.insert.add(us),
            Kind::Presence => self.presence.add(us),
        }
    }

    pub(super) fn gap(&mut self, us: u64) {
        self.max_gap_us = self.max_gap_us.max(us);
    }

    pub(super) fn late(&mut self, us: u64) {
        self.late.add(us);
    }

    pub(super) fn connected(&mut self, client: &str, up: bool) {
        self.conn.push((client.to_owned(), now_us(), up));
    }

    /// The counters as the benchmark reads them; `reset` begins anew.
    pub fn take(&mut self, reset: bool) -> Value {
        let out = json!({
            "set": self.set.json(),
            "insert": self.insert.json(),
            "presence": self.presence.json(),
            "late": self.late.json(),
            "max_gap_us": self.max_gap_us,
            "conn": self.conn,
        });
        if reset {
            *self = Self { round: self.round + 1, ..Self::default() };
        }
        out
    }
}
