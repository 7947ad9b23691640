//! The store: durable commits, alone and grouped, and a cold read of one workspace's log.
#![allow(clippy::unwrap_used, reason = "benches")]

use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use omniscope_engine::store::{Batch, Store, Write};

const WORKSPACE: [u8; 32] = [1; 32];

fn op(n: u64, bytes: usize) -> Batch {
    let mut body = n.to_le_bytes().to_vec();
    body.resize(bytes, 0);
    let body: Arc<[u8]> = body.into();
    Batch::one(Write::Op { workspace: WORKSPACE, id: *blake3::hash(&body).as_bytes(), bytes: body })
}

fn commits(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), "bench").unwrap();
    let mut n = 0;
    let mut group = c.benchmark_group("store");
    group.sample_size(10);
    group.bench_function("one durable commit of 400 B", |b| {
        b.iter(|| {
            n += 1;
            store.commit_wait(op(n, 400)).unwrap()
        });
    });
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("1,000 queued commits of 400 B", |b| {
        b.iter(|| {
            for _ in 0..1_000 {
                n += 1;
                store.commit(op(n, 400), |result| drop(result.map(drop)));
            }
            store.flush().unwrap()
        });
    });
    group.finish();
}

fn cold_read(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let mut total = 0;
    {
        let store = Store::open(dir.path(), "bench").unwrap();
        for n in 0..10_000 {
            let bytes = 200 + (n as usize * 37) % 4_000;
            total += bytes as u64;
            store.commit(op(n, bytes), |result| drop(result.map(drop)));
        }
    }
    let mut group = c.benchmark_group("store");
    group.sample_size(10).throughput(Throughput::Bytes(total));
    group.bench_function("open and stream 10,000 ops", |b| {
        b.iter(|| {
            let store = Store::open(dir.path(), "bench").unwrap();
            let mut read = 0;
            store
                .for_each_op(&WORKSPACE, 0, |_, _, bytes| {
                    read += bytes.len() as u64;
                    true
                })
                .unwrap();
            assert_eq!(read, total);
        });
    });
    group.finish();
}

criterion_group!(benches, commits, cold_read);
criterion_main!(benches);
