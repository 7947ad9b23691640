//! F3: thousands of simulated runs with every fault of the network, the disk and the people; afterwards, in at most
//! three rounds of exchanges, the members agree on ops, roles and document.
//!
//! A failing plan is made shorter, saved under `tests/plans/`, and is a test from then on. `SEED` is the first plan's
//! seed; `OMNISCOPE_FULL=1` runs 50,000 plans.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use omniscope_tests::dice::{full, seed};
use omniscope_tests::sim::plan::Plan;
use omniscope_tests::sim::{Counts, MAX_ROUNDS, World};

const SCHEDULES: u64 = 2_000;
const SCHEDULES_FULL: u64 = 50_000;

/// What all runs together must have met, each in at least one of so many.
const MUST_HAPPEN: [&str; 36] = [
    "admissions",
    "back-dated",
    "cheats with a key",
    "clock jumps",
    "cut off",
    "doubled",
    "edits",
    "equivocations",
    "floods",
    "forks resolved",
    "gaps",
    "grants",
    "groups",
    "groups cut",
    "keys shared",
    "leaves",
    "lost",
    "newer versions",
    "old disks",
    "opened late",
    "ops refused",
    "out of order",
    "outsiders",
    "partitions",
    "places kept",
    "places taken back",
    "poison",
    "read only",
    "rebuilds",
    "removals",
    "replays",
    "restarts",
    "rubbish refused",
    "uncommitted ops forgotten",
    "usurpations",
    "void ops kept",
];
const AT_LEAST_ONE_IN: usize = 100;

fn plans() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("plans")
}

/// Runs a plan; what happened, or what went wrong.
fn run(plan: &Plan) -> Result<(Counts, usize), String> {
    let outcome = catch_unwind(AssertUnwindSafe(|| World::run(plan)));
    let outcome = outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default())
    });
    outcome.map(|(world, rounds)| (world.counts, rounds))
}

/// Leaves out steps as long as the plan still fails.
fn shorter(mut plan: Plan) -> Plan {
    let mut at = 0;
    while at < plan.steps.len() {
        let mut less = plan.clone();
        less.steps.remove(at);
        if run(&less).is_err() {
            plan = less;
        } else {
            at += 1;
        }
    }
    plan
}

fn report(plan: Plan, why: &str) -> String {
    let plan = shorter(plan);
    let path = plans().join(format!("seed-{}.json", plan.seed));
    let _ = std::fs::create_dir_all(plans());
    let saved = std::fs::write(&path, serde_json::to_string_pretty(&plan).unwrap());
    let why: String = why.chars().take(2000).collect();
    format!("SEED={}: {why}\nsaved: {} ({saved:?})\n{plan:?}", plan.seed, path.display())
}

#[test]
fn after_any_schedule_the_members_agree_within_three_rounds() {
    let (first, schedules) = (seed(), if full() { SCHEDULES_FULL } else { SCHEDULES });
    let next = AtomicU64::new(first);
    let work = || {
        let (mut counts, mut rounds) = (Counts::new(), [0usize; MAX_ROUNDS + 1]);
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + schedules {
                return Ok((counts, rounds));
            }
            let plan = Plan::of(seed);
            match run(&plan) {
                Ok((seen, took)) => {
                    rounds[took] += 1;
                    for what in seen.keys() {
                        *counts.entry(*what).or_default() += 1;
                    }
                }
                Err(why) => {
                    next.store(first + schedules, Ordering::Relaxed);
                    return Err(report(plan, &why));
                }
            }
        }
    };
    let results: Vec<Result<_, String>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let (mut counts, mut rounds) = (Counts::new(), [0; MAX_ROUNDS + 1]);
    for result in results {
        let (seen, took) = result.unwrap_or_else(|why| panic!("{why}"));
        seen.into_iter().for_each(|(what, n)| *counts.entry(what).or_default() += n);
        rounds.iter_mut().zip(took).for_each(|(sum, n)| *sum += n);
    }
    println!("{schedules} schedules; agreement took 1, 2, 3 rounds: {:?}; met in: {counts:?}", &rounds[1..]);
    for what in MUST_HAPPEN {
        let met = counts.get(what).copied().unwrap_or(0);
        assert!(met * AT_LEAST_ONE_IN >= schedules as usize, "{what}: in {met} schedules only");
    }
}

#[test]
fn plans_that_failed_once_hold() {
    let Ok(folder) = std::fs::read_dir(plans()) else { return };
    for entry in folder {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "json") {
            let plan: Plan = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            if let Err(why) = run(&plan) {
                panic!("{}: {why}", path.display());
            }
        }
    }
}
