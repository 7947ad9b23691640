//! Who can read what: epochs, holders, late keys.

use super::*;
use crate::identity::KeyId;
use crate::invitation::Redemption;
use crate::op::{MAX_SEALS, MAX_WRAPPED};
use crate::replica::keys::{MAX_SEALED_BY, MAX_WRAPPED_BY};

impl Peer {
    /// Reads the log once more after keys came in late, as a driver does.
    fn reopen(&mut self) {
        let log = self.log.clone();
        let fetch = |id: &OpId| log.iter().find(|op| op.id == *id).cloned();
        self.replica.reopen(fetch, &mut Vec::new());
        self.folded = self.replica.fold_order();
    }

    fn hear_and_reopen(&mut self, other: &Peer) {
        self.hear(other);
        self.reopen();
    }

    fn can_read(&self, id: &OpId) -> bool {
        self.replica.open(&self.op(id)).is_some()
    }

    /// The key that an op is sealed under.
    fn key_of(&self, id: &OpId) -> KeyId {
        self.op(id).sealed().unwrap().key
    }
}

#[test]
fn a_newcomer_reads_all_history_from_one_seal() {
    let (mut alice, mut bob) = alice_and_bob();
    let first = alice.edit("before");
    bob.hear(&alice);
    // Two rotations lie between the first edit and Cara.
    let second = {
        alice.grant(BOB, Role::None);
        alice.edit("without Bob")
    };
    assert_ne!(alice.key_of(&first), alice.key_of(&second));
    alice.grant(CARA, Role::Viewer);
    let seals_for_cara =
        |op: &&Op| matches!(&op.body, Body::KeyShare(s) if s.seals.iter().any(|s| s.device == id(CARA)));
    assert_eq!(alice.log.iter().filter(seals_for_cara).count(), 1);
    let mut cara = Peer::beside(CARA, &alice);
    cara.reopen();
    assert!(cara.can_read(&first) && cara.can_read(&second));
    assert_eq!(state(&cara.replica), state(&alice.replica));
}

#[test]
fn a_removed_member_keeps_what_it_had_and_reads_nothing_later() {
    let (mut alice, mut bob) = alice_and_bob();
    let before = alice.edit("before");
    bob.hear(&alice);
    alice.grant(BOB, Role::None);
    let after = alice.edit("after");
    // Bob has every op, and his keys.
    bob.hear_and_reopen(&alice);
    assert!(bob.can_read(&before) && !bob.can_read(&after));
    assert!(!alice.replica.key_holders(&alice.key_of(&after)).unwrap().contains(&id(BOB)));
    assert_eq!(bob.replica.shut_keys().len(), 1);
}

#[test]
fn edits_that_came_before_their_key_count_once_it_is_there() {
    let mut alice = Peer::alice();
    alice.grant(BOB, Role::Editor);
    let edits: Vec<OpId> = ["a", "b", "c"].iter().map(|key| alice.edit(key)).collect();
    let mut bob = Peer::around(BOB, Replica::for_device(alice.replica.workspace(), &key(BOB)));
    let mut out = Vec::new();
    for op in &alice.log {
        bob.replica.receive(&op.bytes, &mut out).unwrap();
    }
    assert!(!out.contains(&Output::Reopen), "the share came first, as its author made it");
    // Cara was let in by nobody who had a key at hand: the share comes last.
    let me = alice.replica.members().into_iter().find(|m| m.author == id(ALICE).0).unwrap();
    let cap = OpId(*alice.replica.judge().id(me.grant));
    alice.say(Body::SetRole { subject: id(CARA), role: Role::Viewer, cap });
    let mut cara = Peer::beside(CARA, &alice);
    assert!(cara.folded.is_empty() && edits.iter().all(|id| !cara.can_read(id)));
    alice.share_keys();
    let mut out = Vec::new();
    for op in &alice.log {
        if let Ok(Received::New) = cara.replica.receive(&op.bytes, &mut out) {
            cara.log.push(op.clone());
        }
    }
    assert!(out.contains(&Output::Reopen));
    cara.reopen();
    assert_eq!(cara.folded, edits);
    assert_eq!(state(&cara.replica), state(&alice.replica));
}

#[test]
fn epochs_begun_apart_settle_without_another_one() {
    let (mut alice, mut bob) = alice_and_bob();
    alice.grant(CARA, Role::Editor);
    bob.hear(&alice);
    let mut cara = Peer::beside(CARA, &alice);
    // Both learn that Dora is gone, and each makes a key.
    alice.grant(4, Role::Viewer);
    for peer in [&mut bob, &mut cara] {
        peer.hear(&alice);
    }
    let me = alice.replica.members().into_iter().find(|m| m.author == id(ALICE).0).unwrap();
    let cap = OpId(*alice.replica.judge().id(me.grant));
    alice.say(Body::SetRole { subject: id(4), role: Role::None, cap });
    for peer in [&mut bob, &mut cara] {
        peer.hear(&alice);
    }
    let (by_bob, by_cara) = (bob.edit("bob"), cara.edit("cara"));
    assert_ne!(bob.key_of(&by_bob), cara.key_of(&by_cara));
    bob.hear(&cara);
    cara.hear(&bob);
    assert_eq!(bob.replica.epoch(), cara.replica.epoch());
    let epoch = bob.replica.epoch();
    for _ in 0..3 {
        bob.share_keys();
        cara.share_keys();
        bob.hear(&cara);
        cara.hear(&bob);
    }
    assert_eq!((bob.replica.epoch(), cara.replica.epoch()), (epoch, epoch));
    assert!(bob.replica.keys_in_order() && cara.replica.keys_in_order());
    // A newcomer gets both from one seal.
    alice.hear(&bob);
    alice.hear(&cara);
    alice.grant(5, Role::Viewer);
    let mut last = Peer::beside(5, &alice);
    last.reopen();
    assert!(last.can_read(&by_bob) && last.can_read(&by_cara));
}

#[test]
fn who_may_not_edit_begins_no_epoch() {
    let (mut alice, _) = alice_and_bob();
    alice.grant(CARA, Role::Viewer);
    let mut cara = Peer::beside(CARA, &alice);
    let profile = || Saying::Profile { name: "Cara".into(), color: "#000000".into() };
    cara.say(profile());
    let me = alice.replica.members().into_iter().find(|m| m.author == id(ALICE).0).unwrap();
    let cap = OpId(*alice.replica.judge().id(me.grant));
    alice.say(Body::SetRole { subject: id(BOB), role: Role::None, cap });
    cara.hear(&alice);
    assert_eq!(cara.try_say(profile()), Err(AuthorError::NoKey));
    alice.share_keys();
    cara.hear(&alice);
    cara.say(profile());
}

#[test]
fn shares_by_a_removed_member_change_nothing() {
    let (mut alice, mut bob) = alice_and_bob();
    alice.grant(BOB, Role::None);
    let after = alice.edit("after");
    let epoch = alice.replica.epoch().unwrap();
    assert_eq!(alice.key_of(&after), epoch);
    // Bob, who does not know the key, claims to have been given it, and names keys of his own.
    for key in [epoch, EpochKey::new([5; 32]).id()] {
        let share = KeyShare { key, seals: Vec::new(), older: Vec::new() };
        bob.restart(60);
        let op = forge(BOB, bob.replica.workspace(), key.0[0], 0, &bob.heads(), Body::Open);
        bob.take(&op).unwrap();
        alice.take(&op).unwrap();
        let share = forge(BOB, bob.replica.workspace(), key.0[0], 1, &[op.id], Body::KeyShare(share));
        alice.take(&share).unwrap();
    }
    assert_eq!(alice.replica.epoch(), Some(epoch));
    assert!(alice.replica.keys_in_order());
    assert_eq!(alice.replica.key_holders(&epoch).unwrap(), [id(ALICE)].into());
}

#[test]
fn a_key_that_a_member_seals_to_an_outsider_is_used_no_more_and_costs_one_epoch() {
    let (mut alice, mut bob) = alice_and_bob();
    alice.edit("before");
    bob.hear(&alice);
    let key = bob.replica.epoch_key().unwrap();
    let seal = key.seal_to(&bob.replica.workspace(), &id(CARA), &[6; 32]).unwrap();
    bob.say(Body::KeyShare(KeyShare { key: key.id(), seals: vec![seal], older: Vec::new() }));
    alice.hear(&bob);
    let [next, more] = ["next", "more"].map(|edit| alice.edit(edit));
    let epoch = alice.key_of(&next);
    assert!(epoch != key.id() && alice.key_of(&more) == epoch);
    assert_eq!(alice.replica.key_holders(&epoch).unwrap(), [id(ALICE), id(BOB)].into());
}

#[test]
fn a_payload_copied_into_another_op_does_not_open() {
    let (mut alice, bob) = alice_and_bob();
    let edit = alice.edit("a");
    let Body::Edit { update, .. } = alice.op(&edit).body else { unreachable!("it is an edit") };
    // Bob cannot make another's words his own, not even unread.
    let stolen = Body::Edit { adopts: Vec::new(), part: Part::WHOLE, update };
    let open = forge(BOB, bob.replica.workspace(), 80, 0, &bob.heads(), Body::Open);
    let stolen = forge(BOB, bob.replica.workspace(), 80, 1, &[open.id], stolen);
    alice.take(&open).unwrap();
    alice.take(&stolen).unwrap();
    assert!(alice.replica.open(&stolen).is_none() && !alice.replica.is_folded(&stolen.id));
    assert_eq!(alice.replica.shut_keys().len(), 0, "it is not its key that is missing");
}

#[test]
fn a_bad_seal_is_mended_by_any_member_who_has_the_key() {
    let (mut alice, mut bob) = alice_and_bob();
    alice.grant(CARA, Role::Viewer);
    bob.hear(&alice);
    // Bob begins an epoch whose seal for Cara is rubbish, and writes under it.
    let key = EpochKey::new([61; 32]);
    let mut seals: Vec<_> = [ALICE, BOB, CARA]
        .iter()
        .map(|who| key.seal_to(&bob.replica.workspace(), &id(*who), &[3; 32]).unwrap())
        .collect();
    seals.iter_mut().filter(|seal| seal.device == id(CARA)).for_each(|seal| seal.bytes[40] ^= 1);
    seals.sort_by_key(|seal| seal.device);
    bob.say(Body::KeyShare(KeyShare { key: key.id(), seals, older: Vec::new() }));
    let edit = bob.edit("hidden from Cara");
    assert_eq!(bob.key_of(&edit), key.id());
    let mut cara = Peer::beside(CARA, &bob);
    alice.hear(&bob);
    assert!(alice.can_read(&edit) && !cara.can_read(&edit));
    let wanted = *cara.replica.shut_keys().first().unwrap();
    let mut out = Vec::new();
    alice.replica.share_again(&alice.key, &mut alice.session, &wanted, &id(CARA), NOW_MS, &mut out).unwrap();
    alice.carry_out(out);
    cara.hear_and_reopen(&alice);
    assert!(cara.can_read(&edit) && cara.replica.shut_keys().is_empty());
    assert_eq!(state(&cara.replica), state(&alice.replica));
    let mut none =
        || alice.replica.share_again(&alice.key, &mut alice.session, &wanted, &id(9), NOW_MS, &mut Vec::new());
    assert_eq!(none(), Err(AuthorError::NoKey), "nobody seals to who is no member");
}

#[test]
fn a_key_that_lies_at_a_link_that_was_revoked_unused_is_sealed_under_no_more() {
    for used in [false, true] {
        let (mut alice, _) = alice_and_bob();
        let me = alice.replica.members().into_iter().find(|m| m.author == id(ALICE).0).unwrap();
        let cap = OpId(*alice.replica.judge().id(me.grant));
        let link_key = key(90);
        let invite = alice.say(Body::Invite(Invite {
            role: Role::Viewer,
            cap,
            max_uses: Some(1),
            attester: Some(id(ALICE)),
            expires: None,
            key: link_key.id(),
            bound_to: None,
            approve: false,
        }));
        let first = alice.edit("before");
        let epoch = alice.replica.epoch().unwrap();
        alice.say(Body::Deposit { invite, key: epoch });
        assert_eq!(alice.replica.is_deposited(&invite), Some(true));
        let second = alice.edit("while it is open");
        assert_eq!(alice.key_of(&second), epoch);
        if used {
            let redemption = Redemption::new(&alice.replica.workspace(), &invite, &key(CARA), &link_key);
            let mut out = Vec::new();
            let op = alice.op(&invite);
            let answer = alice.replica.admit(&alice.key, &op, &redemption, NOW_MS, &mut out);
            assert!(matches!(answer, JoinAnswer::Admitted(_)));
            alice.carry_out(out);
        }
        alice.say(Body::RevokeInvite { invite, cap });
        alice.share_keys();
        let third = alice.edit("after");
        assert_eq!(alice.key_of(&third) == epoch, used, "a link that was used up opens nothing to others");
        // Who redeems it opens the seal with the link's key, and reads what came before.
        let key = alice.replica.epoch_key().filter(|k| k.id() == epoch);
        if let Some(seal) = key.and_then(|k| k.seal_to(&alice.replica.workspace(), &link_key.id(), &[1; 32])) {
            let opened = EpochKey::unseal(&alice.replica.workspace(), epoch, &seal, &link_key).unwrap();
            let mut cara = Peer::around(CARA, Replica::for_device(alice.replica.workspace(), &self::key(CARA)));
            cara.replica.keep_key(opened);
            cara.hear(&alice);
            assert!(cara.can_read(&first) && cara.can_read(&second));
        }
    }
}

#[test]
fn only_an_owner_can_say_that_a_key_lies_at_a_link() {
    let (mut alice, mut bob) = alice_and_bob();
    alice.edit("a");
    bob.hear(&alice);
    let epoch = bob.replica.epoch().unwrap();
    bob.say(Body::Deposit { invite: OpId([3; 32]), key: epoch });
    alice.hear(&bob);
    assert_eq!((alice.replica.epoch(), bob.replica.epoch()), (Some(epoch), Some(epoch)));
    alice.say(Body::Deposit { invite: OpId([3; 32]), key: epoch });
    assert_eq!(alice.replica.epoch(), None, "it lies at a link that is none");
}

#[test]
fn of_whoever_seals_to_very_many_it_is_forgotten_to_whom_and_such_keys_are_used_no_more() {
    let (mut alice, mut bob) = alice_and_bob();
    alice.edit("before");
    bob.hear(&alice);
    let (key, workspace) = (bob.replica.epoch_key().unwrap(), bob.replica.workspace());
    let seal = key.seal_to(&workspace, &id(ALICE), &[6; 32]).unwrap();
    let mut share = KeyShare { key: key.id(), seals: vec![seal], older: Vec::new() };
    let said = bob.say(Body::KeyShare(share.clone()));
    alice.hear(&bob);
    let (op, node) = (alice.op(&said), alice.replica.judge.node(&said.0).unwrap());
    share.seals = vec![seal; MAX_SEALS];
    let say_again = |alice: &mut Peer, times: usize| {
        for _ in 0..times {
            alice.replica.keys.note(&op, &share, node, &alice.replica.judge);
        }
    };
    say_again(&mut alice, MAX_SEALED_BY / MAX_SEALS - 1);
    assert_eq!(alice.replica.epoch(), Some(key.id()), "all of it was sealed to a member");
    assert!(alice.replica.keys.held().0 > MAX_SEALED_BY - MAX_SEALS);
    say_again(&mut alice, 2);
    assert!(alice.replica.keys.held().0 < MAX_SEALS, "what others sealed is remembered");
    let next = alice.edit("next");
    let epoch = alice.key_of(&next);
    assert_ne!(epoch, key.id(), "to whom it was sealed is not known");
    say_again(&mut alice, 1);
    assert_eq!(alice.replica.epoch(), Some(epoch));
    assert!(alice.replica.keys.is_spent(&id(BOB)) && !alice.replica.keys.is_spent(&id(ALICE)));
}

#[test]
fn older_keys_that_a_member_claims_to_wrap_are_bounded() {
    let (mut alice, mut bob) = alice_and_bob();
    let said = bob.say(Body::Join);
    alice.hear(&bob);
    let said = alice.op(&said);
    let node = alice.replica.judge.node(&said.id.0).unwrap();
    let wrapped = |n: usize| {
        let mut wrapped = EpochKey::new([1; 32]).wrap(&EpochKey::new([2; 32]));
        wrapped.bytes[..8].copy_from_slice(&n.to_le_bytes());
        wrapped
    };
    let before = alice.replica.keys.held().1;
    for first in (0..MAX_WRAPPED_BY + 1000).step_by(MAX_WRAPPED) {
        let older = (first..first + MAX_WRAPPED).map(wrapped).collect();
        let share = KeyShare { key: EpochKey::new([3; 32]).id(), seals: Vec::new(), older };
        for _ in 0..2 {
            alice.replica.keys.note(&said, &share, node, &alice.replica.judge);
        }
    }
    assert_eq!(alice.replica.keys.held().1, before + MAX_WRAPPED_BY);
    // What others wrap is taken in all the same.
    alice.grant(CARA, Role::Viewer);
    let first = alice.edit("a");
    alice.grant(BOB, Role::None);
    alice.edit("b");
    let mut cara = Peer::beside(CARA, &alice);
    cara.reopen();
    assert!(cara.can_read(&first));
}
