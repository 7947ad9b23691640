//! Forks of a session, collisions of client ids, and what had seen the losers.

use super::*;

/// Two edits of Bob's at the same position, the one with the lower hash first.
fn fork(bob: &Peer, nonce: u8, at: OpId) -> [Op; 2] {
    let workspace = bob.replica.workspace();
    let client = crate::op::client_id(&workspace, &id(BOB), &SessionId([nonce; 16]));
    let edit = |k: &str| forge(BOB, workspace, nonce, 1, &[at], whole(set_meta(client, 0, k)));
    let mut pair = [edit("left"), edit("right")];
    pair.sort_by_key(|op| op.id);
    pair
}

fn opened(bob: &Peer, nonce: u8) -> Op {
    forge(BOB, bob.replica.workspace(), nonce, 0, &bob.heads(), Body::Open)
}

#[test]
fn of_a_forked_session_the_lower_hash_counts_whichever_came_first() {
    let (mut alice, bob) = alice_and_bob();
    let opening = opened(&bob, 40);
    let [low, high] = fork(&bob, 40, opening.id);
    let mut cara = Peer::beside(CARA, &alice);
    for (peer, order) in [(&mut alice, [&low, &high]), (&mut cara, [&high, &low])] {
        peer.take(&opening).unwrap();
        for op in order {
            peer.take(op).unwrap();
        }
        assert!(peer.replica.is_folded(&low.id) && !peer.replica.is_folded(&high.id));
        assert!(peer.replica.is_lost(&high.id));
    }
    assert_eq!(state(&alice.replica), state(&cara.replica));
    assert_eq!((alice.rebuilds, cara.rebuilds), (0, 1), "only what was folded is taken out again");
}

#[test]
fn what_had_seen_the_losing_branch_is_lost_with_it_and_its_author_goes_on_in_a_new_session() {
    let (mut alice, bob) = alice_and_bob();
    let opening = opened(&bob, 40);
    let [low, high] = fork(&bob, 40, opening.id);
    alice.edit("before");
    alice.take(&opening).unwrap();
    alice.take(&high).unwrap();
    let built = alice.edit("on it");
    assert!(alice.replica.is_folded(&built));
    alice.take(&low).unwrap();
    assert!(!alice.replica.is_folded(&built) && alice.replica.is_lost(&built));
    assert_eq!(alice.try_say(Body::Join), Err(AuthorError::SessionOver));
    alice.restart(50);
    let anew = alice.edit("on it");
    let seen: Vec<OpId> = alice.op(&anew).seen().collect();
    assert!(alice.replica.is_folded(&anew));
    assert!(!seen.contains(&high.id) && !seen.contains(&built));
}

#[test]
fn a_losing_branch_takes_no_place_on_the_line_however_low_its_hashes() {
    let (alice, bob) = alice_and_bob();
    let workspace = bob.replica.workspace();
    let opening = opened(&bob, 40);
    let [low, high] = fork(&bob, 40, opening.id);
    let client = crate::op::client_id(&workspace, &id(BOB), &SessionId([40; 16]));
    let after = |before: &Op, key: String| forge(BOB, workspace, 40, 2, &[before.id], whole(set_meta(client, 1, &key)));
    let kept = after(&low, "kept".into());
    // An op of the losing branch at the same position, with a lower hash than the one on the line.
    let tempting = (0..).map(|n| after(&high, format!("lost{n}"))).find(|op| op.id < kept.id).unwrap();
    let mut states = Vec::new();
    for order in [[&low, &kept, &high, &tempting], [&high, &tempting, &low, &kept], [&low, &high, &tempting, &kept]] {
        let mut peer = Peer::beside(CARA, &alice);
        peer.take(&opening).unwrap();
        for op in order {
            peer.take(op).unwrap();
        }
        assert!(peer.replica.is_folded(&low.id) && peer.replica.is_folded(&kept.id));
        states.push(state(&peer.replica));
    }
    assert!(states.iter().all(|s| *s == states[0]));
}

#[test]
fn what_stands_at_a_clock_is_what_the_line_put_there() {
    let (alice, bob) = alice_and_bob();
    let workspace = bob.replica.workspace();
    let opening = opened(&bob, 40);
    let client = crate::op::client_id(&workspace, &id(BOB), &SessionId([40; 16]));
    let lost = forge(BOB, workspace, 40, 1, &[opening.id], whole(set_meta(client, 0, "k")));
    // A step at the same clock: who sets its label refers to it.
    let step = |n: u32| {
        let mut w = Writer::new();
        w.u8(1).u8(1).varint(client).varint(0).u8(0x27).u8(1).str("nodes").str(&format!("n{n}")).u8(1).u8(0);
        forge(BOB, workspace, 40, 1, &[opening.id], whole(w.into_bytes()))
    };
    let kept = (0..).map(step).find(|op| op.id < lost.id).unwrap();
    let mine = crate::op::client_id(&workspace, &id(ALICE), &SessionId([60; 16]));
    let open = forge(ALICE, workspace, 60, 0, &[kept.id], Body::Open);
    let mut w = Writer::new();
    w.u8(1).u8(1).varint(mine).varint(0).u8(0x28).u8(0).varint(client).varint(0).str("label").u8(1).u8(120).u8(0);
    let refers = forge(ALICE, workspace, 60, 1, &[open.id], whole(w.into_bytes()));
    for order in [[&lost, &kept], [&kept, &lost]] {
        let mut peer = Peer::beside(CARA, &alice);
        peer.take(&opening).unwrap();
        for op in order.into_iter().chain([&open, &refers]) {
            peer.take(op).unwrap();
        }
        assert!(peer.replica.is_folded(&kept.id) && peer.replica.is_folded(&refers.id));
    }
}

#[test]
fn an_op_out_of_its_sessions_order_is_refused() {
    let (mut alice, bob) = alice_and_bob();
    let workspace = bob.replica.workspace();
    let opening = opened(&bob, 40);
    alice.take(&opening).unwrap();
    let skipping = forge(BOB, workspace, 40, 2, &[opening.id], Body::Join);
    let of_another = forge(BOB, workspace, 41, 1, &[opening.id], Body::Join);
    let of_alice = forge(ALICE, workspace, 40, 1, &[opening.id], Body::Join);
    for op in [skipping, of_another, of_alice] {
        assert_eq!(alice.take(&op), Err(Unacceptable::OutOfSession));
    }
}

#[test]
fn a_refused_edit_takes_the_rest_of_its_session_along_even_what_only_deletes() {
    let (mut alice, bob) = alice_and_bob();
    let workspace = bob.replica.workspace();
    let opening = opened(&bob, 40);
    let client = crate::op::client_id(&workspace, &id(BOB), &SessionId([40; 16]));
    let good = forge(BOB, workspace, 40, 1, &[opening.id], whole(set_meta(client, 0, "good")));
    let bad = forge(BOB, workspace, 40, 2, &[good.id], whole(b"poison".to_vec()));
    let mut delete = Writer::new();
    delete.u8(0).u8(1).varint(client).u8(1).u8(0).u8(1);
    let later = forge(BOB, workspace, 40, 3, &[bad.id], whole(delete.into_bytes()));
    for op in [&opening, &good, &bad, &later] {
        assert_eq!(alice.take(op), Ok(Received::New));
    }
    assert_eq!([&good, &bad, &later].map(|op| alice.replica.is_folded(&op.id)), [true, false, false]);
}

/// Two nonces under which Bob's sessions in Alice's workspace have one client id; found by a search of some 10^8 hashes.
const COLLIDING: [u64; 2] = [8_220_345_389_412_951, 3_097_796_832_367_481];

#[test]
fn of_two_sessions_with_one_client_id_the_opening_with_the_lower_hash_counts() {
    let (alice, bob) = alice_and_bob();
    let workspace = bob.replica.workspace();
    let sessions = COLLIDING.map(|n| {
        let mut nonce = [40; 16];
        nonce[..8].copy_from_slice(&n.to_le_bytes());
        SessionId(nonce)
    });
    let [client, other] = sessions.map(|s| crate::op::client_id(&workspace, &id(BOB), &s));
    assert_eq!(client, other, "the two collide");
    let sign = |session, seq, prev: Option<OpId>, saying: Saying| {
        let body = saying.seal(&forged_key(), |kind| place(&workspace, &id(BOB), &session, seq, kind));
        let deps = if seq == 0 { bob.heads() } else { Vec::new() };
        Op::sign(Draft { workspace, session, seq, prev, deps, time_ms: NOW_MS, body }, &key(BOB))
    };
    let mut lines = sessions.map(|session| {
        let open = sign(session, 0, None, Body::Open.into());
        let name = format!("k{}", open.id.fmt_short());
        let edit = sign(session, 1, Some(open.id), whole(set_meta(client, 0, &name)));
        [open, edit]
    });
    lines.sort_by_key(|[open, _]| open.id);
    let [[low, counts], [high, lost]] = &lines;
    let mut states = Vec::new();
    for order in [[low, counts, high, lost], [high, lost, low, counts], [high, low, lost, counts]] {
        let mut peer = Peer::beside(CARA, &alice);
        for op in order {
            peer.take(op).unwrap();
        }
        assert!(peer.replica.is_folded(&counts.id) && peer.replica.is_lost(&lost.id));
        states.push(state(&peer.replica));
    }
    assert!(states.iter().all(|s| *s == states[0]));
}

#[test]
fn who_was_removed_takes_no_place_back_and_so_nothing_that_others_built() {
    let (mut alice, bob) = alice_and_bob();
    alice.grant(CARA, Role::Editor);
    let opening = opened(&bob, 40);
    let [low, high] = fork(&bob, 40, opening.id);
    alice.take(&opening).unwrap();
    alice.take(&high).unwrap();
    let built = alice.edit("on it");
    let mut cara = Peer::beside(CARA, &alice);
    alice.grant(BOB, Role::None);
    let after = alice.edit("long after");

    let rebuilds = alice.rebuilds;
    alice.take(&low).unwrap();
    assert!([high.id, built, after].iter().all(|id| alice.replica.is_folded(id)) && alice.replica.is_lost(&low.id));
    assert_eq!(alice.rebuilds, rebuilds, "what is back-dated changes nothing");
    // Who has not heard of the removal yet has to believe the fork, until it does.
    cara.take(&low).unwrap();
    assert!(cara.replica.is_lost(&built) && cara.replica.is_folded(&low.id));
    cara.hear(&alice);
    assert_eq!((state(&cara.replica), cara.rebuilds), (state(&alice.replica), 2));
    // From what it kept it goes on as from the log.
    let log = cara.log.clone();
    let fetch = |id: &OpId| log.iter().find(|op| op.id == *id).cloned();
    let bytes = cara.replica.keep().unwrap();
    let again = Replica::restore(cara.replica.workspace(), &cara.key, &bytes, fetch).unwrap();
    assert_eq!(state(&again), state(&cara.replica));
}

#[test]
fn of_back_dated_branches_the_one_that_others_had_built_on_counts() {
    let (mut alice, bob) = alice_and_bob();
    let mut owner = Peer::beside(CARA, &alice);
    alice.grant(CARA, Role::Owner);
    owner.hear(&alice);
    let opening = opened(&bob, 40);
    let [low, high] = fork(&bob, 40, opening.id);
    alice.take(&opening).unwrap();
    alice.take(&high).unwrap();
    let built = alice.edit("on it");
    // Removed by somebody who had heard of neither branch.
    owner.grant(BOB, Role::None);
    alice.hear(&owner);
    assert!(alice.replica.is_folded(&high.id), "it is endorsed");
    alice.take(&low).unwrap();
    assert!(alice.replica.is_folded(&built) && alice.replica.is_lost(&low.id));
    let mut late = Peer::beside(CARA, &owner);
    late.take(&opening).unwrap();
    late.take(&low).unwrap();
    late.hear(&alice);
    assert_eq!(state(&late.replica), state(&alice.replica));
}
