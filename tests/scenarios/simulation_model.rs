//! F4: what the replicas of simulated runs with cheats come to, against the independent model of the rules.
//!
//! After each run the founder's log goes to the model as a world; verdicts and roles must be the same to the op. `SEED`
//! is the first plan's seed; `OMNISCOPE_FULL=1` compares 10,000 runs. Needs python3, as the model does.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use omniscope_protocol::identity::{DeviceId, OpId};
use omniscope_protocol::judge::{FactKind, Role};
use omniscope_protocol::op::{Body, Op};
use omniscope_protocol::replica::Replica;
use omniscope_tests::dice::{full, seed};
use omniscope_tests::sim::plan::Plan;
use omniscope_tests::sim::{World, peer};
use serde_json::{Value, json};

const SCHEDULES: u64 = 1_000;
const SCHEDULES_FULL: u64 = 10_000;
/// The founder's place among the simulated devices.
const ALICE: usize = 0;

fn word(role: Role) -> &'static str {
    match role {
        Role::None => "none",
        Role::Viewer => "viewer",
        Role::Editor => "editor",
        Role::Owner => "owner",
    }
}

/// The ops of a log by number; numbers compare as the hashes do, for the rules compare hashes.
fn numbers(ops: &[Op]) -> BTreeMap<[u8; 32], usize> {
    let ids: BTreeSet<[u8; 32]> = ops.iter().map(|op| op.id.0).collect();
    ids.into_iter().zip(1..).collect()
}

/// The log in the model's format. What this program cannot read, and what had seen it, says nothing (Rule R23).
fn world(ops: &[Op], numbers: &BTreeMap<[u8; 32], usize>) -> Value {
    let name = |device: &[u8; 32]| DeviceId(*device).to_string();
    let number = |id: &[u8; 32]| numbers.get(id).copied();
    let mut unread: BTreeSet<OpId> = BTreeSet::new();
    let mut told = Vec::new();
    for op in ops {
        if matches!(op.body, Body::Newer { .. }) || op.seen().any(|dep| unread.contains(&dep)) {
            unread.insert(op.id);
        }
        let fact = op.fact();
        let kind = if unread.contains(&op.id) { FactKind::Plain } else { fact.kind };
        let mut entry = match kind {
            FactKind::SetRole { subject, role, cap } => json!({
                "kind": "set_role", "subject": name(&subject), "role": word(role), "cap": cap.map(|c| number(&c)),
            }),
            FactKind::Invite { role, cap, max_uses, attester } => json!({
                "kind": "invite", "role": word(role), "cap": cap.map(|c| number(&c)), "max_uses": max_uses,
                "attester": attester.map(|a| name(&a)),
            }),
            FactKind::RevokeInvite { invite, cap } => {
                json!({"kind": "revoke_invite", "invite": number(&invite), "cap": cap.map(|c| number(&c))})
            }
            FactKind::Admit { invite, subject, proof } => json!({
                "kind": "admit", "invite": number(&invite), "subject": name(&subject),
                "proof": proof.map(|p| number(&p)),
            }),
            FactKind::Edit { adopts } => {
                json!({"kind": "edit", "adopts": adopts.iter().map(&number).collect::<Vec<_>>()})
            }
            FactKind::Leave => json!({"kind": "leave"}),
            FactKind::AddDevice { subject, under } => {
                json!({"kind": "add_device", "subject": name(&subject), "under": under.map(|a| number(&a))})
            }
            FactKind::RemoveDevice { subject, under } => {
                json!({"kind": "remove_device", "subject": name(&subject), "under": under.map(|a| number(&a))})
            }
            FactKind::Close { cap } => json!({"kind": "close", "cap": cap.map(|c| number(&c))}),
            FactKind::Plain => json!({"kind": "plain"}),
        };
        entry["id"] = json!(number(&fact.id));
        entry["author"] = json!(name(&fact.author));
        entry["deps"] = fact.deps.iter().map(number).collect();
        told.push(entry);
    }
    json!({ "ops": told })
}

/// What the replica says of the same log.
fn verdict(replica: &Replica, numbers: &BTreeMap<[u8; 32], usize>) -> Value {
    let judge = replica.judge();
    let list = |nodes: Vec<&[u8; 32]>| {
        let mut list: Vec<usize> = nodes.into_iter().map(|id| numbers[id]).collect();
        list.sort_unstable();
        list
    };
    let roles: BTreeMap<String, &str> =
        judge.subjects().iter().map(|s| (DeviceId(*s).to_string(), word(judge.role(s)))).collect();
    json!({
        "accepted_edits": list(judge.accepted_edits().map(|n| judge.id(n)).collect()),
        "valid_membership": list(judge.valid_membership().map(|n| judge.id(n)).collect()),
        "roles": roles,
    })
}

/// The model's verdicts of worlds, one a line.
fn ask_the_model(worlds: &str) -> Vec<Value> {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("model/authority_devices.py");
    let mut model = Command::new("python3")
        .arg(script)
        .arg("judge")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs the model");
    let mut input = model.stdin.take().expect("it is piped");
    let worlds = worlds.to_owned();
    let writer = std::thread::spawn(move || input.write_all(worlds.as_bytes()).expect("the model reads"));
    let output = model.wait_with_output().expect("the model ends");
    writer.join().expect("all was written");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("JSON");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn after_runs_with_cheats_the_replicas_say_what_the_model_says() {
    let first = seed();
    let count = if full() { SCHEDULES_FULL } else { SCHEDULES };
    let (mut worlds, mut verdicts) = (String::new(), Vec::new());
    let (mut cheats, mut void) = (0, 0);
    for n in 0..count {
        let plan = Plan::of(first + n);
        let (run, _) = World::run(&plan).unwrap_or_else(|e| panic!("SEED={}: {e}", first + n));
        let alice = &run.peers[ALICE];
        assert_eq!(alice.key.id(), peer::key(ALICE).id());
        let ops: Vec<Op> =
            alice.log.iter().map(|bytes| Op::decode_trusted(bytes).expect("the log holds ops")).collect();
        let numbers = numbers(&ops);
        worlds += &world(&ops, &numbers).to_string();
        worlds.push('\n');
        let edits = ops.iter().filter(|op| matches!(op.body, Body::Edit { .. })).count();
        void += edits - alice.replica.judge().accepted_edits().count();
        let met = ["back-dated", "usurpations", "outsiders", "equivocations"];
        cheats += met.iter().filter_map(|what| run.counts.get(what)).sum::<usize>();
        verdicts.push(verdict(&alice.replica, &numbers));
    }
    let model = ask_the_model(&worlds);
    assert_eq!(model.len(), verdicts.len());
    for (n, (ours, theirs)) in verdicts.iter().zip(&model).enumerate() {
        assert_eq!(ours, theirs, "SEED={}", first + n as u64);
    }
    println!("{count} runs, {cheats} times somebody cheated, {void} edits without effect, no difference");
    assert!(cheats as u64 > count && void as u64 > count / 4, "the runs hold what they are about");
}
