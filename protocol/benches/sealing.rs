//! What secrecy costs: signatures, payloads, seals, and a new key for all members of a workspace.
#![allow(clippy::unwrap_used, reason = "benches")]

use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use omniscope_protocol::identity::{DeviceKey, OpId, Purpose, WorkspaceId, verify};
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::Body;
use omniscope_protocol::replica::{LocalSession, Output, Replica};
use omniscope_protocol::sealing::EpochKey;

/// Bytes of a usual edit, and of the largest.
const TEXTS: [usize; 2] = [200, 256 * 1024];

fn key(n: u32) -> DeviceKey {
    let mut seed = [0; 32];
    seed[..4].copy_from_slice(&n.to_le_bytes());
    DeviceKey::from_seed(&seed)
}

/// Signatures over what an op of a usual edit has.
fn signatures(c: &mut Criterion) {
    let mut group = c.benchmark_group("signature");
    let (ana, text) = (key(1), [7; 400]);
    let signature = ana.sign(Purpose::Op(7), &text);
    group.bench_function("sign", |b| b.iter(|| ana.sign(Purpose::Op(7), &text)));
    group.bench_function("verify", |b| b.iter(|| assert!(verify(&ana.id(), Purpose::Op(7), &text, &signature))));
    group.finish();
}

/// Payloads, and the key on its way to one device.
fn payloads(c: &mut Criterion) {
    let mut group = c.benchmark_group("sealing");
    let (epoch, place) = (EpochKey::new([5; 32]), [3; 89]);
    for bytes in TEXTS {
        let text = vec![9; bytes];
        let sealed = epoch.seal(&place, &text);
        group.bench_function(BenchmarkId::new("seal, bytes", bytes), |b| b.iter(|| epoch.seal(&place, &text)));
        group.bench_function(BenchmarkId::new("open, bytes", bytes), |b| {
            b.iter(|| epoch.open(&place, &sealed).unwrap())
        });
    }
    let (workspace, ana) = (WorkspaceId([1; 32]), key(1));
    let seal = epoch.seal_to(&workspace, &ana.id(), &[2; 32]).unwrap();
    group.bench_function("seal a key to a device", |b| {
        b.iter(|| epoch.seal_to(&workspace, &ana.id(), &[2; 32]).unwrap());
    });
    group.bench_function("unseal a key", |b| {
        b.iter(|| EpochKey::unseal(&workspace, epoch.id(), &seal, &ana).unwrap());
    });
    group.finish();
}

/// A workspace with so many members, all of whom have the key: its ops, and the founder's replica.
fn workspace_of(members: u32) -> (Replica, LocalSession) {
    let mut out = Vec::new();
    let founder = key(0);
    let mut replica = Replica::found(&founder, [1; 16], 0, &mut out);
    let mut session = LocalSession::new(&replica.workspace(), &founder, [2; 32]);
    let cap = OpId(replica.workspace().0);
    for n in 1..members {
        let grant = Body::SetRole { subject: key(n).id(), role: Role::Editor, cap };
        replica.author(&founder, &mut session, grant, 0, &mut out).unwrap();
    }
    replica.share_keys(&founder, &mut session, false, 0, &mut out).unwrap();
    assert!(replica.keys_in_order());
    (replica, session)
}

/// A new key for everybody, as after a removal: made and sealed by one, and taken out of the log by another.
fn rotation(c: &mut Criterion) {
    let mut group = c.benchmark_group("rotation");
    group.sample_size(10).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    for members in [10, 100, 1_000] {
        let founder = key(0);
        let mut last = None;
        group.bench_function(BenchmarkId::new("share a new key, members", members), |b| {
            b.iter_batched(
                || workspace_of(members),
                |(mut replica, mut session)| {
                    let mut out = Vec::new();
                    replica.share_keys(&founder, &mut session, true, 0, &mut out).unwrap();
                    last = Some((replica.workspace(), out.pop()));
                    replica
                },
                BatchSize::PerIteration,
            );
        });
        let Some((workspace, Some(Output::Persist(share)))) = last else {
            panic!("a share was signed last, found {last:?}")
        };
        println!("the share for {members} members: {} bytes", share.bytes.len());
        let Body::KeyShare(content) = &share.body else { panic!("it is a share") };
        group.bench_function(BenchmarkId::new("learn it, members", members), |b| {
            let member = key(1);
            b.iter_batched(
                || Replica::for_device(workspace, &member),
                |mut other| {
                    other.learn(&share.author, content);
                    assert!(other.has_key(&content.key));
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, signatures, payloads, rotation);
criterion_main!(benches);
