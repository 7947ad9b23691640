//! The gate: parsing an update, judging it against its past, taking it into the index.
#![allow(clippy::unwrap_used, reason = "benches")]

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use omniscope_protocol::gate::{Index, Past, Update};

const CLIENT: u64 = 7;
/// Comes before `CLIENT` in what both begin at one place.
const OTHER: u64 = 5;

/// Nothing of others lies in the past.
struct Alone;

impl Past for Alone {
    fn end(&self, _: u64) -> u64 {
        0
    }
}

fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn text(out: &mut Vec<u8>, text: &str) {
    number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// A node with notes, and `keystrokes` characters typed into them, each before the last one, as single structs.
fn typing(keystrokes: u64) -> Vec<u8> {
    let mut out = vec![1];
    number(&mut out, keystrokes + 3);
    number(&mut out, CLIENT);
    out.push(0);
    out.extend([0x27, 1]);
    text(&mut out, "nodes");
    text(&mut out, "n1");
    out.push(1);
    out.extend([0x27, 0]);
    number(&mut out, CLIENT);
    out.push(0);
    text(&mut out, "notes");
    out.push(2);
    out.extend([0x04, 0]);
    number(&mut out, CLIENT);
    out.push(1);
    text(&mut out, "a");
    for clock in 2..keystrokes + 2 {
        // Right origin: what was typed last, so that no two structs merge.
        out.push(0x44);
        number(&mut out, CLIENT);
        number(&mut out, clock);
        text(&mut out, "x");
    }
    out.push(0);
    out
}

fn gate(c: &mut Criterion) {
    let mut group = c.benchmark_group("gate");
    for keystrokes in [1, 100, 5_000] {
        let bytes = typing(keystrokes);
        let update = Update::parse(&bytes).unwrap();
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(BenchmarkId::new("parse, structs", keystrokes), |b| b.iter(|| Update::parse(&bytes)));
        group.bench_function(BenchmarkId::new("check, structs", keystrokes), |b| {
            let index = Index::default();
            b.iter(|| index.check(&update, CLIENT, 0, &Alone).unwrap());
        });
        group.bench_function(BenchmarkId::new("insert, structs", keystrokes), |b| {
            let fit = || Index::default().check(&update, CLIENT, 0, &Alone).unwrap();
            b.iter_batched(|| (Index::default(), fit()), |(mut index, fit)| index.insert(fit), BatchSize::SmallInput);
        });
    }
    group.finish();
}

/// What another wrote is unseen: `update` is one character of `OTHER` in the notes that [`typing`] made, behind its last one or
/// behind none.
fn one_character(clock: u64) -> Update {
    let mut out = vec![1, 1];
    number(&mut out, OTHER);
    number(&mut out, clock);
    if clock > 0 {
        out.push(0x84);
        number(&mut out, OTHER);
        number(&mut out, clock - 1);
    } else {
        out.extend([0x04, 0]);
        number(&mut out, CLIENT);
        out.push(1);
    }
    text(&mut out, "y");
    out.push(0);
    Update::parse(&out).unwrap()
}

/// The notes are known, and nothing in them.
struct Begun;

impl Past for Begun {
    fn end(&self, client: u64) -> u64 {
        if client == CLIENT { 2 } else { 0 }
    }
}

fn beside_others(c: &mut Criterion) {
    let mut group = c.benchmark_group("gate, a character beside unseen pieces");
    for pieces in [100, 5_000] {
        let mut index = Index::default();
        let update = Update::parse(&typing(pieces)).unwrap();
        index.insert(index.check(&update, CLIENT, 0, &Alone).unwrap());
        let (first, second) = (one_character(0), one_character(1));
        group.bench_function(BenchmarkId::new("the first", pieces), |b| {
            b.iter(|| index.check(&first, OTHER, 0, &Begun).unwrap());
        });
        index.insert(index.check(&first, OTHER, 0, &Begun).unwrap());
        group.bench_function(BenchmarkId::new("typed on", pieces), |b| {
            b.iter(|| index.check(&second, OTHER, 1, &Begun).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, gate, beside_others);
criterion_main!(benches);
