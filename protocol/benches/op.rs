//! The op codec: signing, reading with and without the signature, and an op's way into the replica of another device.
#![allow(clippy::unwrap_used, reason = "benches")]

use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use omniscope_protocol::identity::DeviceKey;
use omniscope_protocol::op::Op;
use omniscope_protocol::replica::{LocalSession, Output, Replica, Saying};

/// The ops of a workspace whose founder named `count` versions, oldest first.
fn history(count: usize) -> (Replica, Vec<Arc<[u8]>>) {
    let key = DeviceKey::from_seed(&[1; 32]);
    let mut out = Vec::new();
    let mut replica = Replica::found(&key, [1; 16], 0, &mut out);
    let mut session = LocalSession::new(&replica.workspace(), &key, [2; 32]);
    for n in 0..count {
        let body = Saying::Version { name: format!("version {n}") };
        replica.author(&key, &mut session, body, n as u64, &mut out).unwrap();
    }
    let ops = out.into_iter().filter_map(|o| if let Output::Persist(op) = o { Some(op.bytes) } else { None });
    (replica, ops.collect())
}

fn op(c: &mut Criterion) {
    let mut group = c.benchmark_group("op");
    let (_, ops) = history(1);
    let bytes = ops.last().unwrap();
    group.bench_function("read and verify", |b| b.iter(|| Op::decode(bytes).unwrap()));
    group.bench_function("read a stored one", |b| b.iter(|| Op::decode_trusted(bytes).unwrap()));
    group.bench_function("sign and take in", |b| {
        let key = DeviceKey::from_seed(&[1; 32]);
        let (mut replica, _) = history(0);
        let mut session = LocalSession::new(&replica.workspace(), &key, [3; 32]);
        let mut out = Vec::new();
        b.iter(|| {
            out.clear();
            replica.author(&key, &mut session, Saying::Version { name: "v".into() }, 0, &mut out).unwrap()
        });
    });
    let (replica, ops) = history(1_000);
    group.bench_function("receive 1,000", |b| {
        b.iter_batched(
            || Replica::new(replica.workspace()),
            |mut other| {
                let mut out = Vec::new();
                for bytes in &ops {
                    other.receive(bytes, &mut out).unwrap();
                }
                other
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// What must stay flat as a workspace ages: an exchange between two that are in step.
fn growth(c: &mut Criterion) {
    let mut group = c.benchmark_group("growth");
    for times in [1, 10, 100] {
        let (mut ana, ops) = history(100 * times);
        let mut ben = Replica::new(ana.workspace());
        let mut out = Vec::new();
        for bytes in &ops {
            ben.receive(bytes, &mut out).unwrap();
        }
        ana.note_committed(ops.len() as u32);
        ben.note_committed(ops.len() as u32);
        let device = DeviceKey::from_seed(&[9; 32]).id();
        group.bench_function(BenchmarkId::new("idle exchange, ops", ops.len()), |b| {
            b.iter(|| {
                let missing = ben.missing(&ana.heads(), &ana.have());
                assert!(missing.ids.is_empty());
                ana.note_heads(device, &ben.committed_heads());
                assert_eq!(ana.behind(&device), Some(0));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, op, growth);
criterion_main!(benches);
