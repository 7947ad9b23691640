//! When to try again: growing, jittered, capped pauses.
//!
//! Deliberately absent: the attempt itself.

use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Cap while the loss is fresh, so that a healed partition is noticed within 3 s.
const FRESH_CAP: Duration = Duration::from_millis(1500);
/// How long a loss counts as fresh.
const FRESH: Duration = Duration::from_secs(60);

/// Signs of life come in bursts, as when several addresses appear; one attempt answers to all of them.
const BURST: Duration = Duration::from_millis(300);

/// How long the pauses become for what has been gone for long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// A device: there may be many, and each dials by itself when it is back. What shows that something changed, here
    /// or there, makes all of them due at once.
    Device,
    /// A relay: there are few, nobody tells that one is back, and a reservation must stand again within 5 s.
    Relay,
    /// A better path to a device that is reached already.
    Upgrade,
}

impl Pace {
    fn cap(self, fresh: bool) -> Duration {
        match self {
            Self::Device | Self::Relay if fresh => FRESH_CAP,
            Self::Device => Duration::from_secs(30),
            Self::Relay => Duration::from_secs(2),
            Self::Upgrade => Duration::from_secs(300),
        }
    }

    fn first(self) -> Duration {
        if self == Self::Upgrade { Duration::from_secs(4) } else { FIRST_PAUSE }
    }
}

/// The pauses between attempts at one thing.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    pace: Pace,
    attempts: u32,
    since: Instant,
    due: Instant,
    last: Option<Instant>,
}

impl Backoff {
    /// Due at once.
    pub(super) fn new(pace: Pace, now: Instant) -> Self {
        Self { pace, attempts: 0, since: now, due: now, last: None }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.due
    }

    /// Notes an attempt and puts the next one off. `jitter` is any number; it spreads the pause over 75–100 %.
    pub(super) fn attempted(&mut self, now: Instant, jitter: u32) {
        let cap = self.pace.cap(now.duration_since(self.since) < FRESH);
        let pause = (self.pace.first() * 2u32.saturating_pow(self.attempts.min(8))).min(cap);
        self.attempts = self.attempts.saturating_add(1);
        self.last = Some(now);
        self.due = now + pause - pause * (jitter % 256) / 1024;
    }

    /// Makes the next attempt due at once and lets the pauses grow from the start.
    pub(super) fn restart(&mut self, now: Instant) {
        *self = Self::new(self.pace, now);
    }

    /// Makes the next attempt due at once, without shorter pauses after it.
    pub(super) fn bring_forward(&mut self, now: Instant) {
        self.due = self.due.min(now);
    }

    /// As `restart_after`, unless the last attempt was made just now.
    pub(super) fn refresh(&mut self, now: Instant, head_start: Duration) {
        let soonest = self.last.map_or(now, |last| now.max(last + BURST)).max(now + head_start);
        *self = Self { due: soonest, last: self.last, ..Self::new(self.pace, now) };
    }

    /// As `restart`, with the next attempt due after `head_start`.
    pub(super) fn restart_after(&mut self, now: Instant, head_start: Duration) {
        self.restart(now);
        self.due = now + head_start;
    }
}

/// A number for [`Backoff::attempted`]. Zero when the system gives none: jitter is a courtesy.
pub(super) fn jitter() -> u32 {
    getrandom::u32().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(pace: Pace) -> Vec<Duration> {
        let start = Instant::now();
        let mut backoff = Backoff::new(pace, start);
        assert!(backoff.is_due(start));
        let mut now = start;
        let pauses = (0..200u32).map(|jitter| {
            backoff.attempted(now, jitter * 31);
            assert!(!backoff.is_due(now));
            let pause = backoff.due - now;
            now = backoff.due;
            pause
        });
        let pauses = pauses.collect();
        backoff.restart(now);
        assert!(backoff.is_due(now));
        backoff.attempted(now, 0);
        for _ in 0..3 {
            backoff.refresh(now, Duration::ZERO);
            assert!(!backoff.is_due(now) && backoff.is_due(now + BURST), "once in a burst");
        }
        backoff.restart_after(now, FIRST_PAUSE);
        assert!(!backoff.is_due(now) && backoff.is_due(now + FIRST_PAUSE));
        pauses
    }

    #[test]
    fn pauses_grow_to_their_caps_and_restart() {
        let device = pauses(Pace::Device);
        assert!(device[0] <= FIRST_PAUSE);
        assert!(device[..20].iter().all(|p| *p <= FRESH_CAP), "a fresh loss is tried often");
        assert!(device[199] > FRESH_CAP * 10, "an old one seldom");
        let relay = pauses(Pace::Relay);
        assert!(relay.iter().all(|p| *p <= Duration::from_secs(2)), "a relay is never waited for long");
        assert!(pauses(Pace::Upgrade)[199] > Duration::from_secs(200));
    }
}
