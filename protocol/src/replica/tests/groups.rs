//! Groups of edits: all of it, or nothing.

use super::*;
use crate::gate::Update;

fn part(index: u16, count: u16) -> Part {
    Part { index, count }
}

#[test]
fn a_group_is_folded_with_its_last_part_and_in_order() {
    let (mut alice, mut bob) = alice_and_bob();
    let mut parts = Vec::new();
    for index in 0..3 {
        assert!(bob.folded.is_empty());
        let body = bob.set(&format!("k{index}"), part(index, 3));
        parts.push(bob.say(body));
    }
    assert_eq!(bob.folded, parts);
    alice.hear(&bob);
    assert_eq!(alice.folded, parts);
    assert_eq!(alice.replica.fold_order(), parts);
}

#[test]
fn a_group_that_was_never_finished_holds_nobody_up() {
    let (mut alice, mut bob) = alice_and_bob();
    let body = bob.set("half", part(0, 2));
    let half = bob.say(body);
    alice.hear(&bob);
    // Bob's computer lost power between the parts: his next session begins anew, and Alice has seen the half.
    let on_it = alice.edit("alice");
    bob.restart(50);
    bob.hear(&alice);
    let anew = bob.edit("half");
    alice.hear(&bob);
    for peer in [&alice, &bob] {
        assert!(alice.op(&on_it).seen().any(|id| id == half));
        assert!(!peer.replica.is_folded(&half));
        assert_eq!(peer.folded, [on_it, anew]);
    }
}

#[test]
fn what_a_part_wrote_is_nobodys_to_refer_to_before_the_group_is_whole() {
    let (mut alice, mut bob) = alice_and_bob();
    let client = bob.session.client();
    let body = bob.set("k", part(0, 2));
    bob.say(body);
    alice.hear(&bob);
    let early = Update::parse(&set_again(alice.session.client(), 0, (client, 0))).unwrap();
    assert!(alice.replica.check_own(&alice.session, &early).is_err());
    let body = bob.set("l", part(1, 2));
    bob.say(body);
    alice.hear(&bob);
    assert!(alice.replica.check_own(&alice.session, &early).is_ok());
}

#[test]
fn a_group_that_is_broken_off_takes_the_rest_of_its_session_along() {
    for (second, third) in [(Part::WHOLE, Part::WHOLE), (part(0, 2), part(1, 2)), (part(2, 3), part(2, 3))] {
        let (mut alice, mut bob) = alice_and_bob();
        let first = bob.set("a", part(0, 3));
        let second = bob.set("b", second);
        let third = bob.set("c", third);
        for body in [first, second, third] {
            bob.say(body);
        }
        alice.hear(&bob);
        assert!(alice.folded.is_empty() && bob.folded.is_empty());
    }
    let (_, mut bob) = alice_and_bob();
    let body = bob.set("a", part(1, 2));
    bob.say(body);
    assert!(bob.folded.is_empty(), "a group begins with its first part");
}

#[test]
fn ops_that_are_no_edits_may_stand_between_parts() {
    let (_, mut bob) = alice_and_bob();
    let body = bob.set("a", part(0, 2));
    bob.say(body);
    bob.say(Body::Join);
    let body = bob.set("b", part(1, 2));
    bob.say(body);
    assert_eq!(bob.folded.len(), 2);
}

#[test]
fn a_demotion_between_the_parts_keeps_the_whole_group_out() {
    let (mut alice, mut bob) = alice_and_bob();
    let body = bob.set("a", part(0, 2));
    bob.say(body);
    alice.hear(&bob);
    alice.grant(BOB, Role::Viewer);
    let body = bob.set("b", part(1, 2));
    bob.say(body);
    assert_eq!(bob.folded.len(), 2, "Bob does not know yet");
    let log = bob.log.clone();
    bob.hear(&alice);
    for op in &log {
        alice.take(op).unwrap();
    }
    assert!(alice.folded.is_empty() && bob.folded.is_empty());
    assert_eq!(state(&alice.replica), state(&bob.replica));
}

#[test]
fn a_fork_inside_a_group_counts_as_any_other() {
    let (alice, bob) = alice_and_bob();
    let workspace = bob.replica.workspace();
    let client = crate::op::client_id(&workspace, &id(BOB), &SessionId([40; 16]));
    let edit = |seq: u64, before: &Op, key: &str, part| {
        let body = Saying::Edit { adopts: Vec::new(), part, update: set_meta(client, seq - 1, key) };
        forge(BOB, workspace, 40, seq, &[before.id], body)
    };
    let opening = forge(BOB, workspace, 40, 0, &bob.heads(), Body::Open);
    let first = edit(1, &opening, "a", part(0, 2));
    let mut ends = [edit(2, &first, "b", part(1, 2)), edit(2, &first, "c", part(1, 2))];
    ends.sort_by_key(|op| op.id);
    let mut states = Vec::new();
    for order in [[0, 1], [1, 0]] {
        let mut peer = Peer::beside(CARA, &alice);
        for op in [&opening, &first, &ends[order[0]], &ends[order[1]]] {
            peer.take(op).unwrap();
        }
        assert_eq!(peer.replica.fold_order(), [first.id, ends[0].id]);
        states.push(state(&peer.replica));
    }
    assert_eq!(states[0], states[1]);
}
