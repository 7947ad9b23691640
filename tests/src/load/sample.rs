//! What a process takes of the machine, as Linux tells.

use std::time::{Duration, Instant};

/// Ticks of the kernel's accounting in a second.
const TICKS_PER_SECOND: u64 = 100;

/// One look at a process.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// When it was taken.
    pub at: Instant,
    /// Memory that it holds, in KiB.
    pub resident_kib: u64,
    /// The most memory that it ever held, in KiB.
    pub peak_kib: u64,
    /// Time that it used of all cores together.
    pub cpu: Duration,
}

impl Sample {
    /// Looks at a process that runs.
    pub fn of(pid: u32) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        // The name, which may hold anything, ends with the last bracket; the 12th and 13th field after it are times.
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Self {
            at: Instant::now(),
            resident_kib: kib("VmRSS:"),
            peak_kib: kib("VmHWM:"),
            cpu: Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND),
        }
    }

    /// Cores that it kept busy since an earlier look.
    pub fn cores_since(&self, earlier: &Sample) -> f64 {
        (self.cpu - earlier.cpu).as_secs_f64() / (self.at - earlier.at).as_secs_f64().max(f64::EPSILON)
    }
}
