//! States in parts: everybody who has the log makes the same ones, and nothing but what the gate lets through comes in.

use super::*;
use crate::gate::Update;
use crate::op::Sealed;
use crate::state::{Cutter, Intake, MAX_PART_BYTES, Unfit};

/// The parts of a state, sealed as they travel.
fn parts(peer: &Peer, edits: &[OpId]) -> Vec<Sealed> {
    let mut cutter = Cutter::default();
    for id in edits {
        let update = peer.replica.open(&peer.op(id)).unwrap();
        cutter.push(Update::parse(&update).unwrap());
    }
    let key = forged_key().id();
    cutter.finish().iter().map(|text| peer.replica.seal_part(&key, text).unwrap()).collect()
}

fn checkpoint(peer: &mut Peer) -> OpId {
    let sum = peer.replica.sum_now();
    peer.say(Saying::Checkpoint { count: sum.count, ops: sum.ops, roles: sum.roles, document: Vec::new() })
}

#[test]
fn everybody_cuts_a_state_into_the_same_parts_in_whatever_order_ops_came() {
    let (mut alice, mut bob) = alice_and_bob();
    for round in 0..5 {
        alice.edit(&format!("a{round}"));
        bob.edit(&format!("b{round}"));
        if round == 2 {
            bob.hear(&alice);
        }
    }
    bob.restart(77);
    bob.edit("once more");
    alice.hear(&bob);
    let now = alice.replica.state_now();
    let at = checkpoint(&mut alice);
    bob.hear(&alice);
    bob.edit("after");
    alice.hear(&bob);
    // Bob's device once more, without its log: after the keys, ops come from the last to the first.
    let mut again = Peer::around(BOB, Replica::for_device(alice.replica.workspace(), &key(BOB)));
    let keys = alice.log.iter().position(|op| matches!(op.body, Body::KeyShare(_))).unwrap();
    for op in alice.log.iter().take(keys + 1).chain(alice.log.iter().rev()) {
        again.take(op).unwrap();
    }
    let expected = parts(&alice, &now);
    assert_eq!((now.len(), expected.len()), (11, 1));
    assert_ne!(alice.replica.fold_order(), again.replica.fold_order(), "ops came in another order");
    for peer in [&alice, &bob, &again] {
        assert_eq!(peer.replica.state_before(&at), Some(now.clone()));
        assert_eq!(parts(peer, &now), expected);
    }
}

#[test]
fn a_state_of_many_parts_comes_in_whole_and_in_order_only() {
    let mut cutter = Cutter::default();
    let name = "k".repeat(900);
    for clock in 0..1200 {
        cutter.push(Update::parse(&set_meta(5, clock, &format!("{name}{clock}"))).unwrap());
        // Another session in between: what it says is an update of its own.
        cutter.push(Update::parse(&set_meta(6, clock, &format!("other{clock}"))).unwrap());
    }
    let texts = cutter.finish();
    assert!(texts.len() > 3 && texts.iter().all(|text| text.len() <= MAX_PART_BYTES + 64 * 1024), "{}", texts.len());
    let mut whole = Intake::default();
    let updates: usize = texts.iter().map(|text| whole.take(text).unwrap().len()).sum();
    assert_eq!(updates, 2400);
    assert!(matches!(Intake::default().take(&texts[1]), Err(Unfit::Content(_))), "its beginning is missing");
    assert!(matches!(whole.take(&texts[1]), Err(Unfit::Content(_))), "it came before");
    for cut in [0, 1, texts[0].len() / 2, texts[0].len() - 1] {
        assert!(Intake::default().take(&texts[0][..cut]).is_err());
    }
    for at in (0..texts[0].len()).step_by(997) {
        let mut changed = texts[0].clone();
        changed[at] ^= 0x55;
        // Whatever it says, it is either in order or refused.
        let _ = Intake::default().take(&changed);
    }
}

#[test]
fn what_one_session_says_in_a_row_is_one_update() {
    let mut cutter = Cutter::default();
    for clock in 0..100 {
        cutter.push(Update::parse(&set_meta(5, clock, &format!("k{clock}"))).unwrap());
    }
    let texts = cutter.finish();
    assert_eq!(texts.len(), 1);
    assert_eq!(Intake::default().take(&texts[0]).unwrap().len(), 1);
    assert!(Cutter::default().finish().is_empty(), "of nothing there are no parts");
}

#[test]
fn who_joined_last_gets_the_shares_that_open_a_checkpoint_from_before_a_rotation() {
    let (mut alice, mut bob) = alice_and_bob();
    alice.edit("a");
    let at = checkpoint(&mut alice);
    let sealed_under = alice.op(&at).sealed().unwrap().key;
    // A removal begins an epoch; who comes then is sealed the new key, which leads to the old one.
    alice.grant(BOB, Role::None);
    alice.grant(CARA, Role::Viewer);
    bob.hear(&alice);
    let mut cara = Replica::for_device(alice.replica.workspace(), &key(CARA));
    for id in alice.replica.shares_for(&id(CARA), &at) {
        let op = alice.op(&id);
        let Body::KeyShare(share) = &op.body else { panic!("no share") };
        cara.learn(&op.author, share);
    }
    assert!(cara.has_key(&sealed_under) && cara.is_empty(), "before any history");
    assert!(cara.open(&alice.op(&at)).is_some());
}
