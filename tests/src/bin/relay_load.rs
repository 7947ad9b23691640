//! What a relay takes under load: `relay_load` for the promise and how cost grows, or one setup by options.
//!
//! The relay is a process of its own beside this one; both share the machine's cores. Options: `--workspaces`,
//! `--members` (of each), `--rate` (ops a second, all together), `--seconds`, `--parts` (of that, each told of by a line
//! of its own), `--idle` (seconds), `--stored` (ops in each workspace before), `--transport tcp|quic`, `--memory` (MiB
//! that the relay may have, by a cgroup, as root; 0: no limit), `--in-memory` (seconds, as the relay's setting
//! `in_memory_seconds`; 0: whole logs stay in memory). Without options the relay has the 1 GiB of the promise.
#![allow(clippy::unwrap_used, reason = "test harness")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use omniscope_tests::load::{Figures, Part, Sample, Setup, measure, relay_with};
use omniscope_tests::relay::Relay;

struct Options {
    setup: Setup,
    /// Whether any of the setup was asked for.
    single: bool,
    listen: &'static str,
    memory_mib: Option<u64>,
    /// What is said to the relay beyond that.
    settings: String,
}

/// The promise: 1,000 peers in 100 workspaces, each workspace with 10 edits a second.
const PROMISE: Setup = Setup {
    workspaces: 100,
    members: 10,
    rate: 1000.0,
    edit: Duration::from_secs(60),
    parts: 1,
    idle: Duration::from_secs(20),
    stored: 0,
};

const PROMISED_MIB: u64 = 1024;

fn options() -> Result<Options> {
    let listen = "/ip4/127.0.0.1/tcp/0";
    let mut options =
        Options { setup: PROMISE, single: false, listen, memory_mib: Some(PROMISED_MIB), settings: String::new() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().with_context(|| format!("expected a value after {word}"))?;
        let number = || value.parse::<usize>().with_context(|| format!("expected a number after {word}"));
        let seconds = || number().map(|n| Duration::from_secs(n as u64));
        let setup = &mut options.setup;
        options.single |= !matches!(word.as_str(), "--transport" | "--memory" | "--in-memory");
        match word.as_str() {
            "--workspaces" => setup.workspaces = number()?.max(1),
            "--members" => setup.members = number()?.max(2),
            "--rate" => setup.rate = number()? as f64,
            "--seconds" => setup.edit = seconds()?,
            "--parts" => setup.parts = number()?.max(1) as u32,
            "--idle" => setup.idle = seconds()?,
            "--stored" => setup.stored = number()?,
            "--memory" => options.memory_mib = Some(number()? as u64).filter(|mib| *mib > 0),
            "--in-memory" => options.settings = format!("[mailbox]\nin_memory_seconds = {}\n", number()?),
            "--transport" if value == "tcp" => {}
            "--transport" if value == "quic" => options.listen = "/ip4/127.0.0.1/udp/0/quic-v1",
            _ => bail!("there is no option {word} {value}"),
        }
    }
    Ok(options)
}

/// Holds a process to so much memory; gives the group, to be removed when the process has ended.
fn confine(pid: u32, mib: u64) -> Result<PathBuf> {
    let root = PathBuf::from("/sys/fs/cgroup");
    let (parent, limit) = match root.join("cgroup.controllers").is_file() {
        true => (root, "memory.max"),
        false => (root.join("memory"), "memory.limit_in_bytes"),
    };
    let group = parent.join(format!("omniscope-relay-load-{pid}"));
    std::fs::create_dir(&group).context("no memory cgroup can be made here")?;
    std::fs::write(group.join(limit), (mib << 20).to_string()).context("the memory cgroup takes no limit")?;
    std::fs::write(group.join("cgroup.procs"), pid.to_string()).context("the memory cgroup takes no process")?;
    Ok(group)
}

/// How long a relay takes to start again with what it has, and its memory then.
struct Again {
    took: Duration,
    resident_kib: u64,
}

async fn one(options: &Options, setup: &Setup) -> Result<(Figures, Again)> {
    let place = tempfile::tempdir()?;
    let folder = place.path().join("relay");
    let (relay, at) = relay_with(&folder, options.listen, 1, &options.settings).context("build the relay first")?;
    let group = options.memory_mib.map(|mib| confine(relay.id(), mib)).transpose()?;
    let figures = measure(&at, relay.id(), setup).await;
    relay.stop();
    if let Some(group) = group {
        std::fs::remove_dir(group)?;
    }
    let begun = Instant::now();
    let again = Relay::start_at(&folder, options.listen, &[]).context("it started before")?;
    let start = Again { took: begun.elapsed(), resident_kib: Sample::of(again.id()).resident_kib };
    again.stop();
    Ok((figures, start))
}

const HEAD: &str = "| peers | workspaces | ops there | ops/s | stored/s | forwarded/s | receipt p50 / p99 ms | arrival p50 / p99 ms \
                    | lost | refused, cut off | memory: empty, idle, most MiB | cores: idle, busy, the members' | per idle peer \
                    | CPU per op µs | start ms, MiB then |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|";

fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1000.0
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

fn row(setup: &Setup, (f, again): &(Figures, Again)) -> String {
    let memory = f.memory_kib.map(|kib| format!("{:.0}", mib(kib))).join(", ");
    let peers = f.peers as f64;
    format!(
        "| {} | {} | {} | {} | {:.0} | {:.0} | {:.1} / {:.1} | {:.1} / {:.1} | {} | {}, {} | {memory} | {:.3}, {:.2}, {:.2} | {:.0} KiB, {:.0} µs/s \
         | {:.0} | {:.0}, {:.0} |",
        f.peers,
        setup.workspaces,
        setup.stored * setup.workspaces,
        setup.rate,
        f.stored_per_second,
        f.forwarded_per_second,
        ms(f.receipt.0),
        ms(f.receipt.1),
        ms(f.arrival.0),
        ms(f.arrival.1),
        f.lost,
        f.refused,
        f.disconnected,
        f.cores[0],
        f.cores[1],
        f.own_cores,
        (f.memory_kib[1].saturating_sub(f.memory_kib[0])) as f64 / peers,
        f.cores[0] * 1e6 / peers,
        (f.cores[1] - f.cores[0]).max(0.0) * 1e6 / f.stored_per_second.max(1.0),
        ms(again.took),
        mib(again.resident_kib),
    )
}

/// What a relay took over time, one line for each part of it.
fn course(figures: &Figures) -> String {
    let line = |part: &Part| {
        let Part { after, stored, resident_kib, cores, arrival } = part;
        let (p50, p99) = (ms(arrival.0), ms(arrival.1));
        format!(
            "| {:.0} | {stored} | {:.1} | {cores:.2} | {p50:.1} / {p99:.1} |\n",
            after.as_secs_f64(),
            mib(*resident_kib)
        )
    };
    let head = "\n| after s | ops stored | memory MiB | cores | arrival p50 / p99 ms |\n|---|---|---|---|---|\n";
    std::iter::once(head.to_owned()).chain(figures.course.iter().map(line)).collect()
}

/// Each thing that a relay's cost may grow with, at so many ops a second: peers of the same workspaces, workspaces of the
/// same size, ops that lie there.
fn growth() -> Vec<Setup> {
    let base = Setup { edit: Duration::from_secs(15), idle: Duration::from_secs(5), rate: 300.0, ..PROMISE };
    let peers = [5, 10, 20].map(|members| Setup { workspaces: 50, members, ..base });
    let workspaces = [10, 50, 100, 200].map(|workspaces| Setup { workspaces, members: 5, ..base });
    let stored = [200, 2_000, 20_000].map(|stored| Setup { workspaces: 50, members: 2, stored, ..base });
    [&peers[..], &workspaces, &stored].concat()
}

/// One thread for all members, so that of two cores the relay has one.
#[tokio::main(worker_threads = 1)]
async fn main() -> Result<()> {
    let options = options()?;
    println!("{HEAD}");
    let measured = one(&options, &options.setup).await?;
    println!("{}", row(&options.setup, &measured));
    if options.setup.parts > 1 {
        println!("{}", course(&measured.0));
    }
    if !options.single {
        for setup in growth() {
            println!("{}", row(&setup, &one(&options, &setup).await?));
        }
    }
    Ok(())
}
