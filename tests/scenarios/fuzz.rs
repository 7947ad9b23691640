//! F5: every decoder under changed copies of good inputs: no panic, no hang, 250 ms and 1 MiB + 8 × input at most.
//!
//! Inputs are made by a mutator with a seed (`SEED`). Each test runs on a thread with the 8 MiB stack that documents
//! have. An input that breaks a promise is printed as hex. `OMNISCOPE_FULL=1`: ten million inputs each.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use crate::alloc::peak_of;
use omniscope_protocol::codec::{Reader, Writer};
use omniscope_protocol::identity::hex;
use omniscope_protocol::invitation::{LINK_PREFIX, Link, Redemption};
use omniscope_tests::decoders::{self, Gate, ME, OTHER, link_of};
use omniscope_tests::dice::{full, seed};
use omniscope_tests::lib0::{raw, structs};
use omniscope_tests::mutate::Mutator;

use serde_json::{Value, json};

use super::vectors::golden;
use super::{poison, vectors};

const STACK_BYTES: usize = 8 * 1024 * 1024;
const MAX_TIME: Duration = Duration::from_millis(250);
/// An input that takes this long is taken for endless.
const ENDLESS: Duration = Duration::from_secs(30);

const fn max_heap(input: usize) -> usize {
    1024 * 1024 + 8 * input
}

/// What an input under test was, for whoever has to report it.
type Current = Arc<Mutex<Vec<u8>>>;

/// Feeds changed copies of `corpus` to `decode`, which says whether it took one, and to `use_it` what was taken.
fn fuzz(
    inputs: usize,
    corpus: Vec<Vec<u8>>,
    mut decode: impl FnMut(&[u8]) -> bool + Send + 'static,
    mut use_it: impl FnMut(&[u8]) + Send + 'static,
) {
    let inputs = if full() { 10_000_000 } else { inputs };
    let (seed, good) = (seed(), corpus.len());
    for input in &corpus {
        assert!(decode(input), "a good input is taken: {}", hex(input));
    }
    let (tick, ticks) = mpsc::channel();
    let current = Current::default();
    let shown = Arc::clone(&current);
    let run = move || {
        let mut mutator = Mutator::new(seed, corpus);
        let (mut taken, mut slowest, mut most) = (0usize, Duration::ZERO, 0);
        for n in 0..inputs {
            let input = mutator.input();
            shown.lock().unwrap().clone_from(&input);
            if n % 256 == 0 {
                tick.send(()).unwrap();
            }
            let (took, time, heap) = judge(&input, &mut decode);
            (slowest, most) = (slowest.max(time), most.max(heap));
            if took {
                taken += 1;
                let start = Instant::now();
                use_it(&input);
                slowest = slowest.max(start.elapsed());
                mutator.keep(input);
            }
        }
        (taken, slowest, most)
    };
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run).unwrap();
    loop {
        match ticks.recv_timeout(ENDLESS) {
            Ok(()) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("endless: {}", hex(&current.lock().unwrap())),
        }
    }
    let (taken, slowest, most) = thread.join().unwrap_or_else(|_| panic!("input: {}", hex(&current.lock().unwrap())));
    println!("{inputs} inputs from {good}, {taken} taken, slowest {slowest:?}, most heap {most} bytes");
    assert!(taken > 100 && taken < inputs, "the decoder was met from both sides: {taken} of {inputs} taken");
}

/// One input: whether it was taken, how long that took, how much memory.
fn judge(input: &[u8], decode: &mut impl FnMut(&[u8]) -> bool) -> (bool, Duration, usize) {
    let mut quickest = Duration::MAX;
    // A machine that is busy with something else may lose a quarter of a second; an input that is slow is so again.
    for _ in 0..3 {
        let start = Instant::now();
        let (result, heap) = peak_of(|| catch_unwind(AssertUnwindSafe(|| decode(input))));
        quickest = quickest.min(start.elapsed());
        let Ok(taken) = result else { panic!("a decoder panicked on {}", hex(input)) };
        assert!(heap <= max_heap(input.len()), "{heap} bytes of heap for {}", hex(input));
        if quickest <= MAX_TIME {
            return (taken, quickest, heap);
        }
    }
    panic!("{quickest:?} for {}", hex(input));
}

#[test]
fn the_codec_reads_any_bytes_within_bounds() {
    let mut w = Writer::new();
    w.u8(3).varint(300).bytes(b"abc").str("text").option(Some(1u8), |w, v| {
        w.u8(v);
    });
    w.list(&[1u64, 2, 3], |w, v| {
        w.varint(*v);
    });
    let decode = |bytes: &[u8]| {
        let mut r = Reader::new(bytes);
        let read = (|| {
            r.u8("tag")?;
            r.varint("number")?;
            r.bytes("bytes", 1 << 40)?;
            r.str("text", 1 << 40)?;
            r.option("option", |r| r.u8("value"))?;
            r.list("list", usize::MAX, |r| r.varint("item"))?;
            r.finish()
        })();
        read.is_ok()
    };
    fuzz(2_000_000, vec![w.into_bytes()], decode, |_| {});
}

#[test]
fn ops_are_decoded_within_bounds_and_have_one_encoding() {
    let corpus = vectors::ops().into_iter().map(|(_, op)| op.bytes.to_vec()).collect();
    fuzz(250_000, corpus, decoders::takes_op, decoders::op_holds);
}

#[test]
fn messages_are_decoded_within_bounds_and_have_one_encoding() {
    let gossip = vectors::gossip().into_iter().map(|(_, m)| m.encode()).collect();
    fuzz(800_000, gossip, decoders::takes_gossip, decoders::gossip_holds);
    let requests = vectors::requests().into_iter().map(|(_, m)| m.encode()).collect();
    fuzz(800_000, requests, decoders::takes_request, decoders::request_holds);
    let responses = vectors::responses().into_iter().map(|(_, m)| m.encode()).collect();
    fuzz(800_000, responses, decoders::takes_response, decoders::response_holds);
}

#[test]
fn redemptions_are_decoded_within_bounds() {
    let redemption = |bytes: &[u8]| {
        let mut r = Reader::new(bytes);
        Redemption::read(&mut r).is_ok() && r.finish().is_ok()
    };
    fuzz(500_000, vec![vec![7; 160]], redemption, |_| {});
}

#[test]
fn links_are_opened_within_bounds() {
    let link = vectors::link();
    let mut w = Writer::new();
    w.u8(0).bytes(&link.op.bytes).str(&link.workspace_name).str(&link.inviter_name);
    // What signs the names is not to be had from outside; it is found in the text.
    let text = link.to_text();
    let inner = inner_of(&text);
    assert_eq!(link_of(&inner), *text);
    assert!(inner.starts_with(&w.into_bytes()));
    fuzz(150_000, vec![inner], decoders::takes_link, |_| {});
    // Text around a link is passed over, so that some changes leave it good.
    let pasted = format!("Here is the link: {}\nSee you there!", *text).into_bytes();
    let decode = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok_and(|text| Link::parse(text).is_ok());
    fuzz(150_000, vec![pasted], decode, |_| {});
}

/// The bytes inside a link, its check cut off.
fn inner_of(text: &str) -> Vec<u8> {
    let digits = text.strip_prefix(LINK_PREFIX).unwrap();
    let value = |c: char| match c {
        'A'..='Z' => c as u32 - 'A' as u32,
        'a'..='z' => c as u32 - 'a' as u32 + 26,
        '0'..='9' => c as u32 - '0' as u32 + 52,
        '-' => 62,
        _ => 63,
    };
    let (mut bits, mut held, mut bytes) = (0u32, 0, Vec::new());
    for digit in digits.chars() {
        bits = bits << 6 | value(digit);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes.truncate(bytes.len() - 4);
    bytes
}

/// Updates by `ME` that pass the gate behind what `OTHER` wrote, each with what it does; in `tests/vectors/updates.json`, too.
fn updates() -> Vec<Vec<u8>> {
    let start = |count| structs(count, ME, 0);
    let value = |key: &str, value: &[u8]| raw().b(&[0x28, 1]).s("meta").s(key).n(1).b(value).0;
    let nested = [117, 2, 118, 1, 1, b'k', 125, 0x41, 119, 2, b'h', b'i'];
    let hello = structs(2, ME, 0).b(&[0x84]).n(OTHER).n(3).s("hello").b(&[0x84]).n(ME).n(4).s("!");
    let made = [
        ("a value", start(1).b(&value("name", &[119, 1, b'x'])).n(0)),
        ("values in values", start(2).b(&value("a", &nested)).b(&value("b", &[124, 0x3f, 0xc0, 0, 0])).n(0)),
        ("a node, the text deleted", start(1).b(&[0x27, 1]).s("nodes").s("n2").n(1).n(1).n(OTHER).n(1).n(2).n(2)),
        ("between two characters", start(1).b(&[0xc4]).n(OTHER).n(2).n(OTHER).n(3).s("a\u{1f600}é").n(0)),
        ("text, a character deleted", hello.n(1).n(OTHER).n(1).n(2).n(1)),
        (
            "a node with parameters",
            start(2).b(&[0x27, 1]).s("nodes").s("n3").n(1).b(&[0x27, 0]).n(ME).n(0).s("params").n(1).n(0),
        ),
        ("nothing but what is deleted", raw().n(0).n(1).n(OTHER).n(2).n(0).n(1).n(2).n(2)),
    ];
    let file = made.iter().map(|(does, update)| json!({ "does": does, "update": hex(&update.0) })).collect();
    golden("updates.json", &Value::Array(file));
    made.into_iter().map(|(_, update)| update.0).collect()
}

#[test]
fn updates_pass_the_gate_or_not_within_bounds_and_what_passes_is_read_by_yrs() {
    let gate = Gate::default();
    let mut poisoned: Vec<Vec<u8>> = poison::cases(ME, OTHER).iter().map(poison::Case::bytes).collect();
    poisoned.retain(|bytes| bytes.len() < 1024 && !bytes.is_empty());
    let (taker, holder) = (gate.clone(), gate.clone());
    fuzz(700_000, updates(), move |bytes| taker.takes(bytes), move |bytes| holder.holds(bytes));
    // Beginning from poison, one change away from it: nothing of it gets through unharmed.
    let mut corpus = updates();
    corpus.extend(poisoned);
    let good = updates().len();
    let mut mutator = Mutator::new(seed(), corpus);
    for _ in 0..700_000 / good {
        let input = mutator.input();
        let (taken, _, _) = judge(&input, &mut |bytes| gate.takes(bytes));
        if taken {
            gate.holds(&input);
        }
    }
}
