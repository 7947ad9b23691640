//! How long what others say waits here before it is dealt with, and what that spares everybody.
//!
//! Where more is said than this device can take in, it says its own less often and more at a time: then each edit is shown a
//! little later, but all of them are shown, and none waits behind ever more. On a device that keeps up nothing is held back.
//! Deliberately absent: dropping anything; the network sheds hints by itself (`net::outbox`).

use std::time::Instant;

/// With peers online, edits that follow one within this time share an op; longer where there is much to take in.
const GATHER_MS: u64 = 30;
/// By so much longer at most.
const MAX_PAUSE_MS: u64 = 800;
/// By how much more than the time that waiting takes own edits gather: so the one stays short where the other is needed.
const GAIN: f64 = 4.0;
/// How much of what one event took counts in the average.
const WEIGHT: f64 = 1.0 / 32.0;

/// What one event of the network takes on average while others wait, and how many wait.
#[derive(Debug, Default)]
pub(super) struct Lag {
    event_ms: f64,
    waiting: usize,
    last: Option<Instant>,
}

impl Lag {
    /// An event has been dealt with by now; so many wait.
    pub(super) fn note(&mut self, now: Instant, waiting: usize) {
        if let (Some(last), true) = (self.last, self.waiting > 0) {
            let took = now.duration_since(last).as_secs_f64() * 1000.0;
            self.event_ms += (took - self.event_ms) * WEIGHT;
        }
        (self.last, self.waiting) = (Some(now), waiting);
    }

    /// How long an event that comes now has to wait, in milliseconds.
    pub(super) fn ms(&self) -> u64 {
        self.wait() as u64
    }

    /// How long own edits gather for one op with peers online, in milliseconds.
    pub(super) fn pause_ms(&self) -> u64 {
        GATHER_MS + ((self.wait() * GAIN) as u64).min(MAX_PAUSE_MS)
    }

    fn wait(&self) -> f64 {
        self.waiting as f64 * self.event_ms
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_waits_behind_much_waits_long_and_behind_nothing_not_at_all() {
        let (mut lag, mut now) = (Lag::default(), Instant::now());
        let mut pass = |micros: u64, waiting: usize| {
            now += Duration::from_micros(micros);
            lag.note(now, waiting);
            lag.ms()
        };
        for _ in 0..500 {
            assert_eq!(pass(2_000_000, 0), 0, "a rest is no work");
        }
        for _ in 0..500 {
            pass(500, 200);
        }
        assert!((90..=100).contains(&pass(500, 200)));
        assert!(pass(500, 1_000_000) > 100 * MAX_PAUSE_MS);
        assert_eq!(lag.pause_ms(), GATHER_MS + MAX_PAUSE_MS, "people still see each other's edits");
        lag.note(now, 0);
        assert_eq!(lag.pause_ms(), GATHER_MS);
    }
}
