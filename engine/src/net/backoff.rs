//! When to try again: growing, jittered, capped pauses.
//!
//! Deliberately absent: the attempt itself.

use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Cap while the loss is fresh, so that a healed partition is noticed within 3 s.
const FRESH_CAP: Duration = Duration::from_millis(1500);
/// Cap for what has been gone for long.
const STALE_CAP: Duration = Duration::from_secs(20);
/// How long a loss counts as fresh.
const FRESH: Duration = Duration::from_secs(600);

/// The pauses between attempts at one thing.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    attempts: u32,
    since: Instant,
    due: Instant,
}

impl Backoff {
    /// Due at once.
    pub(super) fn new(now: Instant) -> Self {
        Self { attempts: 0, since: now, due: now }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.due
    }

    /// Notes an attempt and puts the next one off. `jitter` is any number; it spreads the pause over 75–100 %.
    pub(super) fn attempted(&mut self, now: Instant, jitter: u32) {
        let cap = if now.duration_since(self.since) < FRESH { FRESH_CAP } else { STALE_CAP };
        let pause = (FIRST_PAUSE * 2u32.saturating_pow(self.attempts.min(8))).min(cap);
        self.attempts = self.attempts.saturating_add(1);
        self.due = now + pause - pause * (jitter % 256) / 1024;
    }

    /// Makes the next attempt due at once and lets the pauses grow from the start.
    pub(super) fn restart(&mut self, now: Instant) {
        *self = Self::new(now);
    }
}

/// A number for [`Backoff::attempted`]. Zero when the system gives none: jitter is a courtesy.
pub(super) fn jitter() -> u32 {
    getrandom::u32().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_cap_and_restart() {
        let start = Instant::now();
        let mut backoff = Backoff::new(start);
        assert!(backoff.is_due(start));
        let mut now = start;
        let mut pauses = Vec::new();
        for jitter in 0..2000u32 {
            backoff.attempted(now, jitter * 31);
            assert!(!backoff.is_due(now));
            pauses.push(backoff.due - now);
            now = backoff.due;
        }
        assert!(pauses[0] <= FIRST_PAUSE);
        assert!(pauses[..100].iter().all(|p| *p <= FRESH_CAP));
        assert!(pauses.iter().all(|p| *p <= STALE_CAP));
        assert!(pauses[1999] > FRESH_CAP);
        backoff.restart(now);
        assert!(backoff.is_due(now));
    }
}
