//! The exchange of heads: complete, and cheap for those in step.

use super::*;
use crate::wire::{MAX_HAVE, MAX_HEADS, Request, Response};

/// One request and its answer: how many ops went over.
fn exchange(asks: &mut Peer, answers: &Peer) -> usize {
    let missing = answers.replica.missing(&asks.replica.heads(), &asks.replica.have());
    for id in &missing.ids {
        let op = answers.op(id);
        assert_ne!(asks.take(&op), Ok(Received::Waiting), "parents come first");
    }
    missing.ids.len()
}

#[test]
fn two_that_drifted_apart_send_each_other_what_is_missing_and_nothing_else() {
    let (mut alice, mut bob) = alice_and_bob();
    for i in 0..40 {
        alice.edit(&format!("a{i}"));
        bob.edit(&format!("b{i}"));
    }
    // Bob's heads are not known to Alice yet: what both had in common is found by the older ops that he names.
    let sent = exchange(&mut bob, &alice);
    assert!((41..120).contains(&sent), "{sent}");
    assert_eq!(exchange(&mut alice, &bob), 41);
    assert_eq!(state(&alice.replica), state(&bob.replica));
}

#[test]
fn who_was_away_does_not_answer_with_what_the_other_had_before() {
    let (mut alice, mut bob) = alice_and_bob();
    for i in 0..200 {
        alice.edit(&format!("a{i}"));
    }
    bob.hear(&alice);
    alice.replica.note_heads(id(BOB), &bob.replica.heads());
    assert_eq!(alice.replica.have_for(&id(BOB)), alice.replica.have(), "in step nothing is named twice");
    for i in 0..100 {
        alice.edit(&format!("b{i}"));
    }
    let heads = alice.replica.heads();
    assert!(bob.replica.missing(&heads, &alice.replica.have()).ids.len() > 10, "by the older ops alone he would");
    assert_eq!(bob.replica.missing(&heads, &alice.replica.have_for(&id(BOB))), Missing::default());
    bob.edit("c");
    assert_eq!(bob.replica.missing(&heads, &alice.replica.have_for(&id(BOB))).ids.len(), 2, "his session and his edit");
}

#[test]
fn an_exchange_in_step_costs_the_same_however_long_the_history() {
    let (mut alice, mut bob) = alice_and_bob();
    let mut costs = Vec::new();
    for edits in [10, 100, 1000] {
        for i in 0..edits {
            alice.edit(&format!("k{i}"));
        }
        bob.hear(&Peer { log: alice.log.split_off(0), ..Peer::alice() });
        assert_eq!(bob.replica.missing(&alice.replica.heads(), &alice.replica.have()), Missing::default());
        costs.push((alice.replica.heads().len(), bob.replica.heads().len()));
        assert!(alice.replica.have().len() <= MAX_HAVE);
    }
    assert_eq!(costs, [(1, 1); 3]);
}

#[test]
fn a_receipt_covers_what_is_committed_and_no_more() {
    let (mut alice, mut bob) = alice_and_bob();
    let count = bob.replica.len() as u32;
    bob.replica.note_committed(count);
    let before = bob.replica.committed_heads();
    alice.edit("k");
    bob.hear(&alice);
    assert_eq!(bob.replica.committed_heads(), before);
    alice.replica.note_heads(id(BOB), &before);
    assert_eq!(alice.replica.behind(&id(BOB)), Some(1));
    let count = bob.replica.len() as u32;
    bob.replica.note_committed(count);
    assert!(!alice.replica.note_heads(id(BOB), &bob.replica.committed_heads()));
    assert_eq!((alice.replica.behind(&id(BOB)), alice.replica.unsent(&id(ALICE))), (Some(0), 0));
}

#[test]
fn what_a_peer_named_before_it_came_counts_as_held_once_it_is_here() {
    let (mut alice, mut bob) = alice_and_bob();
    bob.edit("k");
    assert!(alice.replica.note_heads(id(BOB), &bob.replica.heads()));
    assert!(alice.replica.is_ahead(&id(BOB)));
    alice.hear(&bob);
    assert!(!alice.replica.is_ahead(&id(BOB)));
    assert_eq!(alice.replica.behind(&id(BOB)), Some(0));
    let before = alice.replica.heads();
    alice.edit("l");
    assert!(!alice.replica.lacks_any(&id(BOB), &before));
    assert!(alice.replica.lacks_any(&id(BOB), &alice.replica.heads()));
    assert!(alice.replica.lacks_any(&id(CARA), &before), "she never said what she holds");
}

#[test]
fn an_op_that_waits_is_told_from_those_that_came_later() {
    let (mut alice, bob) = alice_and_bob();
    let (workspace, heads) = (bob.replica.workspace(), bob.heads());
    let first = forge(BOB, workspace, 1, 0, &heads, Body::Open);
    let early = forge(BOB, workspace, 2, 0, &[first.id], Body::Open);
    let late = forge(BOB, workspace, 3, 0, &[OpId([7; 32])], Body::Open);
    assert_eq!(alice.take(&early), Ok(Received::Waiting));
    let mark = alice.replica.ever_waited();
    assert_eq!(alice.take(&late), Ok(Received::Waiting));
    assert!(alice.replica.waits_since(mark) && !alice.replica.waits_since(0));
    assert_eq!(alice.take(&first), Ok(Received::New));
    assert!(!alice.replica.waits_since(mark) && alice.replica.waiting() == 1);
}

#[test]
fn what_waits_is_bounded_and_strangers_do_not_wait() {
    let (mut alice, bob) = alice_and_bob();
    let workspace = bob.replica.workspace();
    for n in 0..10u8 {
        let lost = OpId([n; 32]);
        assert_eq!(alice.take(&forge(CARA, workspace, n + 1, 0, &[lost], Body::Open)), Ok(Received::Waiting));
    }
    assert_eq!(alice.replica.waiting(), 0);
    let big = 250 * 1024;
    for n in 0..150u8 {
        let lost = OpId([n; 32]);
        let body = whole(vec![0; big]);
        assert_eq!(alice.take(&forge(BOB, workspace, 40, 1, &[lost], body)), Ok(Received::Waiting));
    }
    assert!((100..150).contains(&alice.replica.waiting()), "{}", alice.replica.waiting());
}

#[test]
fn more_heads_than_one_op_may_name_are_joined_first() {
    let (mut alice, bob) = alice_and_bob();
    let workspace = bob.replica.workspace();
    let heads = bob.heads();
    for n in 0..150u8 {
        alice.take(&forge(BOB, workspace, n + 10, 0, &heads, Body::Open)).unwrap();
    }
    assert_eq!(alice.heads().len(), 150);
    assert!(alice.heads().len() < MAX_HEADS);
    alice.edit("k");
    assert_eq!(alice.heads().len(), 1);
}

#[test]
fn an_answer_to_who_asks_for_everything_is_no_longer_than_one_message() {
    let mut alice = Peer::alice();
    let long = "k".repeat(1000);
    for i in 0..1200 {
        alice.edit(&format!("{i}{long}"));
    }
    let asked: Vec<OpId> = alice.log.iter().map(|op| op.id).collect();
    let answered = alice.replica.in_one_answer(&asked);
    let bytes: usize = answered.iter().map(|id| alice.op(id).bytes.len()).sum();
    assert!(answered.len() < asked.len() && asked.starts_with(&answered));
    assert!((crate::wire::MAX_ANSWER_BYTES / 2..=crate::wire::MAX_ANSWER_BYTES).contains(&bytes), "{bytes}");
    assert_eq!(alice.replica.in_one_answer(&[OpId([7; 32])]), []);
}

/// Prints what one exchange of two in step takes, both sides together, by the length of the history.
#[test]
#[ignore = "a measurement: run it by name, in release mode"]
fn idle_exchanges_cost_by_history() {
    const EXCHANGES: u32 = 1000;
    let mut alice = Peer::alice();
    alice.grant(BOB, Role::Editor);
    for ops in [1_000, 10_000, 100_000] {
        let mut out = Vec::new();
        while alice.replica.len() < ops {
            alice.replica.author(&alice.key, &mut alice.session, Body::Join, NOW_MS, &mut out).unwrap();
        }
        alice.replica.note_committed(ops as u32);
        let mut bytes = 0;
        let before = std::time::Instant::now();
        for _ in 0..EXCHANGES {
            let replica = &mut alice.replica;
            let asked = Request::Sync { workspace: replica.workspace(), heads: replica.heads(), have: replica.have() };
            let asked = asked.encode();
            let Ok(Request::Sync { heads, have, .. }) = Request::decode(&asked) else { panic!("it is a sync") };
            let missing = replica.missing(&heads, &have);
            assert!(missing.ids.is_empty());
            let answer = Response::Sync { ops: Vec::new(), heads: replica.committed_heads(), more: missing.more };
            let answer = answer.encode();
            let Ok(Response::Sync { heads, .. }) = Response::decode(&answer) else { panic!("it is a sync") };
            assert!(!replica.note_heads(id(BOB), &heads) && replica.behind(&id(BOB)) == Some(0));
            bytes = asked.len() + answer.len();
        }
        println!(
            "{ops} ops: {bytes} bytes, {:.1} µs of processor",
            before.elapsed().as_secs_f64() * 1e6 / f64::from(EXCHANGES)
        );
    }
}
