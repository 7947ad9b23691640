//! What a headless peer takes of the machine: the memory of a real process with a pipeline of 82 steps open.

use omniscope_tests::headless::{Headless, Home};
use serde_json::{Map, Value, json};

const STEPS: usize = 82;
const MAX_MIB: u64 = 60;

/// Steps with notes and parameters, each fed by the one before.
fn pipeline() -> Value {
    let (mut nodes, mut edges) = (Map::new(), Map::new());
    for n in 0..STEPS {
        let node = json!({
            "type": "generic", "label": format!("step {n}"), "pos": [220 * (n % 9), 120 * (n / 9)],
            "params": {"threads": 8, "reference": "GRCh38", "mode": format!("mode {n}")},
            "notes": format!("What step {n} does, and why it stands here. ").repeat(8),
        });
        nodes.insert(format!("n{n}"), node);
        if n > 0 {
            let ends = json!({"source": format!("n{}", n - 1), "sourcePort": "out", "target": format!("n{n}"), "targetPort": "in"});
            edges.insert(format!("e{n}"), ends);
        }
    }
    json!({"meta": {"name": "82 steps"}, "nodes": nodes, "edges": edges})
}

/// The process's proportional share of memory, in MiB.
fn share_mib(pid: u32) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = rollup.lines().find(|l| l.starts_with("Pss:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[test]
fn a_headless_peer_with_82_steps_stays_within_60_mib() {
    let place = tempfile::tempdir().unwrap();
    let Some(mut ana) = Headless::start("Ana", &Home::of(place.path(), "ana")) else { return };
    let ws = ana.call("workspace.create", json!({"name": "82 steps"}))["workspace"].clone();
    let imported = ana.call("pipeline.import", json!({"workspace": ws, "content": pipeline().to_string()}));
    assert_eq!(imported["nodes"], STEPS);
    ana.call("workspace.persist", json!({"workspace": ws}));
    let used = share_mib(ana.id());
    println!("a headless peer with {STEPS} steps takes {used} MiB");
    assert!((1..=MAX_MIB).contains(&used), "{used} MiB");
}
