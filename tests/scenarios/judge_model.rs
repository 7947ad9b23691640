//! The judge against the reference model: its worlds and scenarios, each in several delivery orders, and what the
//! judge says after each op against what it says of the same ops from the beginning.
//!
//! Needs python3, as the model does. Deliberately absent: the invariants, which stand beside the judge.

#[path = "../../protocol/examples/judge/world.rs"]
mod world;

use omniscope_protocol::judge::{Fact, Judge};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use world::World;

/// Delivery orders tried for each world, the given one apart.
const ORDERS: usize = 3;

struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

fn seed() -> u64 {
    let seed = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(4_000_000);
    println!("SEED={seed}");
    seed
}

fn model_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("model")
}

fn generated(script: &str, count: usize) -> Vec<String> {
    let output = Command::new("python3")
        .arg(model_folder().join(script))
        .args(["generate", "--seed", &seed().to_string(), "--count", &count.to_string()])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python3 runs the model");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<String> = String::from_utf8(output.stdout).expect("JSON").lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), count, "the model made the worlds asked for");
    lines
}

#[test]
fn no_rule_can_call_ops_final_that_an_owner_without_seniors_contradicts_elsewhere() {
    let output = Command::new("python3")
        .arg(model_folder().join("authority_finality.py"))
        .arg("selftest")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python3 runs the model");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn worlds(usual: usize) -> usize {
    if std::env::var_os("OMNISCOPE_FULL").is_some() { usual * 10 } else { usual }
}

/// Another order in which each op comes after its deps.
fn shuffled(facts: &[Fact], dice: &mut Dice) -> Vec<Fact> {
    let (mut waiting, mut order) = (facts.to_vec(), Vec::new());
    let mut known = BTreeSet::new();
    while !waiting.is_empty() {
        let ready: Vec<usize> =
            (0..waiting.len()).filter(|i| waiting[*i].deps.iter().all(|d| known.contains(d))).collect();
        let fact = waiting.swap_remove(ready[dice.below(ready.len())]);
        known.insert(fact.id);
        order.push(fact);
    }
    order
}

fn judged(facts: &[Fact]) -> Judge {
    let mut judge = Judge::new();
    for fact in facts {
        judge.insert(fact).expect("deps come first");
    }
    judge
}

/// Compares one world in several orders, and if `closely` after each op; how many ops did not count.
fn check(line: &str, dice: &mut Dice, closely: bool) -> usize {
    let value: Value = serde_json::from_str(line).expect("JSON");
    let world = World::read(line).expect("a world");
    let expected: Value = value["verdict"].clone();
    let as_json = |judge: &Judge| -> Value { serde_json::from_str(&world.words(judge)).expect("JSON") };
    let verdict = world.verdict().expect("deps come first");
    assert_eq!(serde_json::from_str::<Value>(&verdict).expect("JSON"), expected, "{line}");
    for _ in 0..ORDERS {
        let order = shuffled(&world.facts, dice);
        let mut judge = Judge::new();
        let mut accepted = BTreeSet::new();
        for (i, fact) in order.iter().enumerate() {
            let before: Vec<_> = judge.valid_membership().collect();
            let changes = judge.insert(fact).expect("deps come first");
            assert_eq!(changes.membership_changed, before != judge.valid_membership().collect::<Vec<_>>(), "{line}");
            for edit in &changes.edits_accepted {
                assert!(accepted.insert(*edit), "reported once: {line}");
            }
            for edit in &changes.edits_voided {
                assert!(accepted.remove(edit), "was accepted: {line}");
            }
            assert!(judge.accepted_edits().eq(accepted.iter().copied()), "all changes are reported: {line}");
            if closely {
                let anew = judged(&shuffled(&order[..=i], dice));
                assert_eq!(as_json(&judge), as_json(&anew), "after {} ops: {line}", i + 1);
                let heads = |j: &Judge| j.frontier().map(|n| *j.id(n)).collect::<BTreeSet<_>>();
                assert_eq!(heads(&judge), heads(&anew), "frontier after {} ops: {line}", i + 1);
            }
        }
        assert_eq!(as_json(&judge), expected, "{line}");
    }
    let count = |list: &str| expected[list].as_array().map_or(0, Vec::len);
    world.facts.len() - count("accepted_edits") - count("valid_membership")
}

fn check_all(lines: &[String]) {
    let mut dice = Dice(seed() * 2 + 1);
    let without_effect: usize = lines.iter().enumerate().map(|(i, line)| check(line, &mut dice, i % 10 == 0)).sum();
    assert!(without_effect > lines.len(), "the worlds hold ops that do not count");
}

#[test]
fn judge_agrees_with_the_model_on_random_worlds() {
    check_all(&generated("authority_model.py", worlds(1_000)));
}

#[test]
fn judge_agrees_with_the_model_on_worlds_with_leaves_and_plain_ops() {
    check_all(&generated("authority_leave.py", worlds(300)));
}

#[test]
fn judge_agrees_with_the_model_on_worlds_with_devices_and_closes() {
    check_all(&generated("authority_devices.py", worlds(300)));
}

/// Named worlds, each a story with its verdict: the model says that verdict, and so does the judge.
fn check_scenarios(script: &str, file: &str, how_many: usize) {
    let path = model_folder().join(file);
    let model = Command::new("python3")
        .arg(model_folder().join(script))
        .arg("scenarios")
        .arg(&path)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python3 runs the model");
    assert!(model.status.success(), "{}", String::from_utf8_lossy(&model.stdout));
    let text = std::fs::read_to_string(path).expect("the scenarios");
    let scenarios: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    assert_eq!(scenarios.len(), how_many, "all scenarios are there");
    let mut dice = Dice(seed() * 2 + 1);
    for scenario in scenarios {
        check(&scenario.to_string(), &mut dice, true);
    }
}

#[test]
fn judge_agrees_with_the_model_on_all_scenarios() {
    check_scenarios("authority_model.py", "scenarios.json", 35);
}

#[test]
fn judge_agrees_with_the_model_on_all_scenarios_of_devices_closing_and_approval() {
    check_scenarios("authority_devices.py", "scenarios_devices.json", 28);
}
