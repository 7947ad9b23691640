//! What processes use, and figures out of many measurements.
//!
//! Deliberately absent: Windows and macOS; the figures are read from Linux's `/proc`.
#![allow(clippy::unwrap_used, reason = "a tool for those who build this")]

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The computer's clock in milliseconds.
pub fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() * 1000.0
}

/// Median, 95th percentile and maximum.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    /// The median.
    pub p50: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The greatest.
    pub max: f64,
    /// How many there were.
    pub count: usize,
}

impl Spread {
    /// Of values in any order; none give zeros.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at =
            |part: f64| values.get((values.len() as f64 * part) as usize).or(values.last()).copied().unwrap_or(0.0);
        Self { p50: at(0.5), p95: at(0.95), max: at(1.0), count: values.len() }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p95, max, count } = self;
        write!(f, "p50 {p50:.0} ms, p95 {p95:.0} ms, max {max:.0} ms of {count}")
    }
}

/// What processes used of the processor up to a moment.
pub struct Usage {
    pids: Vec<u32>,
    cpu: Duration,
    at: Instant,
}

impl Usage {
    /// Begins to count.
    pub fn since_now(pids: Vec<u32>) -> Self {
        Self { cpu: cpu_of(&pids), at: Instant::now(), pids }
    }

    /// Processor time since then, in percent of one core.
    pub fn percent(&self) -> f64 {
        let used = cpu_of(&self.pids).saturating_sub(self.cpu);
        100.0 * used.as_secs_f64() / self.at.elapsed().as_secs_f64()
    }
}

fn cpu_of(pids: &[u32]) -> Duration {
    let ticks = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after_name = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        // After the state come ten numbers, then the times for the program and for the system on its behalf.
        after_name.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>()
    };
    // The kernel counts in hundredths of a second for every program.
    Duration::from_millis(10 * pids.iter().map(ticks).sum::<u64>())
}

/// What processes take of the memory, in MiB.
pub struct Memory {
    /// All of it, with pages divided among those who share them: it falls while other windows are open.
    pub all: f64,
    /// What is theirs alone and in no file.
    pub own: f64,
}

impl Memory {
    /// Of these processes now; those that have ended take nothing.
    pub fn of(pids: &[u32]) -> Self {
        let (mut all, mut own) = (0.0, 0.0);
        for pid in pids {
            let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
            let mib = |key: &str| {
                let line = text.lines().find_map(|l| l.strip_prefix(key)).unwrap_or_default();
                line.split_whitespace().next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
            };
            all += mib("Pss:");
            own += mib("Pss_Anon:");
        }
        Self { all, own }
    }
}

impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.0} MiB, {:.0} of them its own", self.all, self.own)
    }
}

/// When a process was started, by the computer's clock in milliseconds, to a hundredth of a second.
pub fn started_ms(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: f64 = after_name.get(19).and_then(|f| f.parse().ok()).unwrap_or(0.0);
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    let uptime_s: f64 = uptime.split_whitespace().next().and_then(|t| t.parse().ok()).unwrap_or(0.0);
    now_ms() - uptime_s * 1000.0 + ticks * 10.0
}

/// Processes whose command line names a path below `root`.
pub fn left_below(root: &Path) -> Vec<String> {
    let own = std::process::id().to_string();
    let lines = std::fs::read_dir("/proc").unwrap().flatten().filter(|p| p.file_name().to_string_lossy() != own);
    let lines = lines.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(&*root.to_string_lossy())).collect()
}

/// Load of the whole machine in the last minute.
pub fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("?").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_take_the_value_at_its_place() {
        let spread = Spread::of((1..=100).rev().map(f64::from).collect());
        assert_eq!((spread.p50, spread.p95, spread.max, spread.count), (51.0, 96.0, 100.0, 100));
        assert_eq!(Spread::of(Vec::new()).max, 0.0);
    }

    #[test]
    fn this_process_uses_memory_and_began_before_now() {
        let own = std::process::id();
        let Memory { all, own: alone } = Memory::of(&[own]);
        assert!(0.1 < alone && alone < all, "{alone} of {all}");
        let age = now_ms() - started_ms(own);
        assert!((-50.0..3_600_000.0).contains(&age), "{age}");
    }
}
