//! Folding accepted updates into the document, and the state that a window opens with.
#![allow(clippy::unwrap_used, reason = "benches")]

use std::collections::BTreeMap;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use omniscope_engine::doc::Document;
use omniscope_engine::doc::edit::{NewNode, NodeChange};

/// A pipeline of `nodes` steps, and a move of each of them in `rounds` rounds, as updates.
fn history(nodes: usize, rounds: usize) -> Vec<Vec<u8>> {
    let mut document = Document::new(1);
    let mut updates = Vec::new();
    for n in 0..nodes {
        let node = NewNode {
            kind: "generic".into(),
            type_version: "1".into(),
            label: format!("step {n}"),
            pos: [n as f64, 0.0],
            params: BTreeMap::new(),
            ports: None,
        };
        updates.push(document.add_node(&format!("n{n}"), node).unwrap());
    }
    for round in 0..rounds {
        for n in 0..nodes {
            let change = NodeChange { pos: Some([n as f64, round as f64 + 1.0]), ..NodeChange::default() };
            updates.push(document.set_node(&format!("n{n}"), change).unwrap());
        }
    }
    updates
}

fn folded(updates: &[Vec<u8>]) -> Document {
    let mut document = Document::new(2);
    for update in updates {
        document.apply(update).unwrap();
    }
    document
}

fn fold(c: &mut Criterion) {
    let mut group = c.benchmark_group("fold");
    group.sample_size(20);
    for rounds in [1, 10, 100] {
        let updates = history(82, rounds);
        group.bench_function(BenchmarkId::new("82 steps, updates", updates.len()), |b| {
            b.iter_batched(|| (), |()| folded(&updates), BatchSize::PerIteration);
        });
        let document = folded(&updates);
        group.bench_function(BenchmarkId::new("state for a window, updates", updates.len()), |b| {
            b.iter(|| document.state_update());
        });
    }
    group.finish();
}

criterion_group!(benches, fold);
criterion_main!(benches);
