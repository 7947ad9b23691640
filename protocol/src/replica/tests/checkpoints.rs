//! What a checkpoint says of its past is what everybody finds who has that past, whatever else they know.

use super::*;
use crate::checkpoint::Said;

/// A checkpoint of all that a peer knows, whose document is `text`.
fn checkpoint(peer: &mut Peer, text: &str) -> OpId {
    let sum = peer.replica.sum_now();
    let said = Said { document: crate::checkpoint::document_digest(text), parts: Vec::new() };
    peer.say(Saying::Checkpoint { count: sum.count, ops: sum.ops, roles: sum.roles, document: said.encode() })
}

#[test]
fn a_checkpoint_is_found_true_by_all_who_have_its_past_whatever_else_they_know() {
    let (mut alice, mut bob) = alice_and_bob();
    alice.edit("a");
    bob.hear(&alice);
    bob.edit("b");
    alice.hear(&bob);
    let at = checkpoint(&mut alice, "a and b");
    let said = alice.op(&at);
    let Body::Checkpoint(body) = &said.body else { panic!("{said:?}") };
    let before = alice.replica.sum_before(&at).unwrap();
    assert_eq!((body.count, body.ops, body.roles), (before.count, before.ops, before.roles));
    assert_eq!(before.folds.as_ref().map(Vec::len), Some(2));
    bob.hear(&alice);
    bob.edit("after");
    alice.hear(&bob);
    alice.grant(BOB, Role::Viewer);
    bob.hear(&alice);
    for peer in [&alice, &bob] {
        assert_eq!(peer.replica.sum_before(&at).unwrap(), before);
        assert_eq!(peer.replica.checkpoints().collect::<Vec<_>>(), [at]);
        let text = peer.replica.said(&said).unwrap();
        assert_eq!(text.document, crate::checkpoint::document_digest("a and b"));
    }
}

#[test]
fn a_checkpoint_changes_no_verdict_and_counts_by_owners_only() {
    let (mut alice, mut bob) = alice_and_bob();
    alice.edit("a");
    bob.hear(&alice);
    let before = state(&bob.replica);
    checkpoint(&mut bob, "whatever");
    let after = state(&bob.replica);
    assert_eq!((before.folded, before.roles), (after.folded, after.roles));
    alice.hear(&bob);
    assert_eq!(alice.replica.checkpoints().count(), 0, "Bob is no owner");
    let mine = checkpoint(&mut alice, "a");
    assert_eq!(alice.replica.checkpoints().collect::<Vec<_>>(), [mine]);
}

#[test]
fn a_late_removal_voids_edits_below_a_checkpoint_which_stays_what_it_was() {
    let (mut alice, mut bob) = alice_and_bob();
    alice.grant(CARA, Role::Owner);
    bob.hear(&alice);
    let mut cara = Peer::beside(CARA, &alice);
    // Alice, who is senior, removes Bob without having seen his edit; Cara has seen it and says what there is.
    bob.edit("b");
    cara.hear(&bob);
    let at = checkpoint(&mut cara, "b");
    let before = cara.replica.sum_before(&at).unwrap();
    assert_eq!(before.folds.as_ref().map(Vec::len), Some(1));
    alice.grant(BOB, Role::None);
    cara.hear(&alice);
    alice.hear(&cara);
    for peer in [&alice, &cara] {
        assert!(peer.folded.is_empty(), "the edit is void: a checkpoint endorses nothing");
        assert_eq!(peer.replica.sum_before(&at).unwrap(), before);
    }
}
