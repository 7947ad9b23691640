//! What must stay flat, or nearly so, as a workspace ages: opening it.
#![allow(clippy::unwrap_used, reason = "benches")]

use std::path::Path;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use omniscope_engine::pipeline::SAMPLE_RNASEQ;
use omniscope_engine::store::Store;
use omniscope_engine::{Engine, Options};
use omniscope_protocol::identity::DeviceKey;
use serde_json::json;

async fn start(dir: &Path) -> Engine {
    let store = Store::open(dir, "bench").unwrap();
    Engine::start(store, DeviceKey::from_seed(&[1; 32]), Options::default()).await.unwrap()
}

/// A workspace with the sample pipeline and `edits` moves, each an op of its own.
async fn grow(dir: &Path, edits: usize) {
    let engine = start(dir).await;
    let made = engine.call("workspace.create", json!({"name": "bench"})).await.unwrap();
    let id = &made["workspace"];
    engine.call("pipeline.import", json!({"workspace": id, "content": SAMPLE_RNASEQ})).await.unwrap();
    let state = engine.call("workspace.state", json!({"workspace": id})).await.unwrap();
    let nodes: Vec<&String> = state["nodes"].as_object().unwrap().keys().collect();
    for edit in 0..edits {
        let node = nodes[edit % nodes.len()];
        let moved = json!({"workspace": id, "node": node, "x": edit, "y": edit});
        engine.call("node.set", moved).await.unwrap();
        // A look at the workspace signs what is gathered.
        engine.call("workspace.show", json!({"workspace": id})).await.unwrap();
    }
    engine.call("workspace.persist", json!({"workspace": id})).await.unwrap();
    engine.shutdown().await;
}

fn growth(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut group = c.benchmark_group("growth");
    group.sample_size(10);
    for times in [1, 10, 100] {
        let dir = tempfile::tempdir().unwrap();
        runtime.block_on(grow(dir.path(), 100 * times));
        group.bench_function(BenchmarkId::new("opening, edits", 100 * times), |b| {
            b.iter(|| runtime.block_on(async { start(dir.path()).await.shutdown().await }));
        });
    }
    group.finish();
}

criterion_group!(benches, growth);
criterion_main!(benches);
