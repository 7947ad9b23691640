//! Whether this computer slept since the last look.
//!
//! The clock that timers run by stands still while a computer sleeps, the calendar goes on; and a process that was
//! stopped finds both far ahead. Deliberately absent: what follows from it.

use std::time::{Duration, Instant, SystemTime};

/// A look this late means that this process did not run, not that the peers were silent.
const OVERSLEPT: Duration = Duration::from_millis(1000);
/// After so long a sleep the others have given up every connection; no use waiting until this side notices.
const LONG: Duration = Duration::from_secs(5);
/// So long a stop is one, too. A shorter one may be a computer with too much to do, whose packets still arrive.
const LONG_STOP: Duration = Duration::from_secs(15);

/// What lies between two looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    /// Nothing special.
    None,
    /// Too long for silence to mean anything.
    Nap,
    /// All connections are dead.
    Sleep,
}

/// When was looked last, by both clocks.
pub(super) struct Wake {
    timer: Instant,
    calendar: SystemTime,
}

impl Wake {
    pub(super) fn new(now: Instant) -> Self {
        Self { timer: now, calendar: SystemTime::now() }
    }

    /// Notes a look and says what lay before it.
    pub(super) fn look(&mut self, now: Instant) -> Gap {
        let calendar = SystemTime::now();
        let gap = gap(now.duration_since(self.timer), calendar.duration_since(self.calendar).unwrap_or_default());
        *self = Self { timer: now, calendar };
        gap
    }
}

/// A calendar set forward by hand looks like a sleep, and costs new connections; set back it means nothing.
fn gap(timer: Duration, calendar: Duration) -> Gap {
    if calendar.saturating_sub(timer) > LONG || timer > LONG_STOP {
        Gap::Sleep
    } else if timer.max(calendar) > OVERSLEPT {
        Gap::Nap
    } else {
        Gap::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_shows_on_either_clock() {
        let (tick, hour) = (Duration::from_millis(100), Duration::from_secs(3600));
        assert_eq!(gap(tick, tick), Gap::None);
        assert_eq!(gap(tick, Duration::ZERO), Gap::None, "the calendar was set back");
        assert_eq!(gap(tick, hour), Gap::Sleep, "the timer stood still");
        assert_eq!(gap(hour, hour), Gap::Sleep, "the process was stopped");
        for seconds in [2, 9] {
            let busy = Duration::from_secs(seconds);
            assert_eq!(gap(busy, busy), Gap::Nap, "too much to do");
        }
        let start = Instant::now();
        let mut wake = Wake::new(start);
        assert_eq!(wake.look(start + hour), Gap::Sleep);
        assert_eq!(wake.look(start + hour), Gap::None, "once");
    }
}
