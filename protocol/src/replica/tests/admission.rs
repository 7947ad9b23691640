//! Who comes in by a link, and whose ops do not enter the log at all.

use super::*;
use crate::invitation::Redemption;
use crate::replica::JoinAnswer;
use crate::wire::Refusal;

const LINK: u8 = 90;
const NOON: u64 = 1_800_000_000;

fn invite(alice: &mut Peer, change: impl FnOnce(&mut Invite)) -> Op {
    let cap = alice.log[0].id;
    let mut invite = Invite {
        role: Role::Editor,
        cap,
        max_uses: Some(1),
        attester: Some(id(ALICE)),
        expires: Some(NOON),
        key: id(LINK),
        bound_to: None,
        approve: false,
    };
    change(&mut invite);
    let op = alice.say(Body::Invite(invite));
    alice.op(&op)
}

fn redeem(who: u8, invite: &Op) -> Redemption {
    Redemption::new(&invite.workspace(), &invite.id, &key(who), &key(LINK))
}

fn ask(peer: &mut Peer, invite: &Op, redemption: &Redemption, now: u64) -> JoinAnswer {
    let mut out = Vec::new();
    let key = peer.key.clone();
    let answer = peer.replica.admit(&key, invite, redemption, now * 1000, &mut out);
    peer.carry_out(out);
    answer
}

fn refused(refusal: Refusal) -> JoinAnswer {
    JoinAnswer::Refused(refusal)
}

#[test]
fn a_link_lets_one_in_and_asking_again_finds_the_same_admission() {
    let mut alice = Peer::alice();
    let link = invite(&mut alice, |_| {});
    let first = ask(&mut alice, &link, &redeem(BOB, &link), NOON - 1);
    assert!(matches!(first, JoinAnswer::Admitted(_)));
    assert_eq!(ask(&mut alice, &link, &redeem(BOB, &link), NOON + 1), first);
    assert_eq!(alice.replica.role(&id(BOB)), Role::Editor);
    let mut bob = Peer::beside(BOB, &alice);
    let edit = bob.edit("k");
    alice.hear(&bob);
    assert!(alice.replica.is_folded(&edit));
}

#[test]
fn who_is_a_member_uses_a_link_up_only_where_it_gives_more() {
    let mut alice = Peer::alice();
    let viewer = invite(&mut alice, |i| i.role = Role::Viewer);
    let editor = invite(&mut alice, |_| {});
    let first = ask(&mut alice, &viewer, &redeem(BOB, &viewer), NOON - 1);
    assert_ne!(ask(&mut alice, &editor, &redeem(BOB, &editor), NOON - 1), first);
    assert_eq!(alice.replica.role(&id(BOB)), Role::Editor);
    for (role, guest) in [(Role::Viewer, CARA), (Role::Editor, DORA)] {
        let link = invite(&mut alice, |i| i.role = role);
        let heads = alice.heads();
        assert!(matches!(ask(&mut alice, &link, &redeem(BOB, &link), NOON - 1), JoinAnswer::Admitted(_)));
        assert_eq!(alice.heads(), heads, "nothing was signed");
        ask(&mut alice, &link, &redeem(guest, &link), NOON - 1);
        assert_eq!(alice.replica.role(&id(guest)), role, "the one use is left");
    }
}

#[test]
fn a_link_that_is_used_up_expired_revoked_forged_or_anothers_admits_nobody() {
    let mut alice = Peer::alice();
    let link = invite(&mut alice, |_| {});
    ask(&mut alice, &link, &redeem(BOB, &link), NOON - 1);
    assert_eq!(ask(&mut alice, &link, &redeem(CARA, &link), NOON - 1), refused(Refusal::UsedUp));

    let link = invite(&mut alice, |_| {});
    assert_eq!(ask(&mut alice, &link, &redeem(CARA, &link), NOON), refused(Refusal::Expired));
    let stolen = Redemption::new(&link.workspace(), &link.id, &key(CARA), &key(BOB));
    assert_eq!(ask(&mut alice, &link, &stolen, NOON - 1), refused(Refusal::Forged));

    let bound = invite(&mut alice, |i| i.bound_to = Some(id(BOB)));
    assert_eq!(ask(&mut alice, &bound, &redeem(CARA, &bound), NOON - 1), refused(Refusal::OtherDevice));

    let cap = alice.log[0].id;
    alice.say(Body::RevokeInvite { invite: link.id, cap });
    assert_eq!(ask(&mut alice, &link, &redeem(CARA, &link), NOON - 1), refused(Refusal::Revoked));
    assert_eq!(alice.replica.role(&id(CARA)), Role::None);
}

#[test]
fn only_the_attester_admits_by_a_limited_link_and_any_member_by_an_unlimited_one() {
    let (mut alice, mut bob) = alice_and_bob();
    let limited = invite(&mut alice, |_| {});
    let open = invite(&mut alice, |i| (i.max_uses, i.attester) = (None, None));
    bob.hear(&alice);
    assert_eq!(ask(&mut bob, &limited, &redeem(CARA, &limited), NOON - 1), refused(Refusal::NotAttester));
    assert!(matches!(ask(&mut bob, &open, &redeem(CARA, &open), NOON - 1), JoinAnswer::Admitted(_)));
    alice.hear(&bob);
    assert_eq!(alice.replica.role(&id(CARA)), Role::Editor);
}

#[test]
fn by_a_link_by_request_an_owner_lets_in_and_no_admission_does() {
    let (mut alice, mut bob) = alice_and_bob();
    let link = invite(&mut alice, |i| (i.max_uses, i.attester, i.approve) = (None, None, true));
    bob.hear(&alice);
    let asks = redeem(CARA, &link);
    assert_eq!(ask(&mut alice, &link, &asks, NOON - 1), refused(Refusal::AwaitsApproval));
    assert_eq!(ask(&mut bob, &link, &asks, NOON - 1), refused(Refusal::NotAttester), "Bob is no owner");
    // Whoever admits by it all the same, with a proof that would do for an unlimited link.
    let cap = alice.log[0].id;
    let body = Body::Admit { invite: link.id, proof: Some(cap), redemption: asks.clone() };
    let (workspace, deps) = (alice.replica.workspace(), vec![cap, link.id]);
    let draft = Draft { workspace, session: SessionId::NONE, seq: 0, prev: None, deps, time_ms: NOW_MS, body };
    assert_eq!(bob.take(&Op::sign(draft, &key(ALICE))), Err(Unacceptable::FalseProof));
    alice.grant(CARA, Role::Editor);
    bob.hear(&alice);
    for peer in [&mut alice, &mut bob] {
        assert!(matches!(ask(peer, &link, &asks, NOON - 1), JoinAnswer::Admitted(_)));
        assert_eq!(peer.replica.role(&id(CARA)), Role::Editor);
    }
}

#[test]
fn links_that_a_member_has_seen_and_that_give_more_than_it_has_are_found() {
    let (mut alice, mut bob) = alice_and_bob();
    let editors = invite(&mut alice, |_| {}).id;
    let viewers = invite(&mut alice, |i| i.role = Role::Viewer).id;
    let others = invite(&mut alice, |i| i.bound_to = Some(id(CARA))).id;
    let seen = |peer: &Peer, role| peer.replica.links_seen_by(&id(BOB), role);
    assert_eq!(seen(&alice, Role::None), [], "Bob has not heard of them, as far as Alice knows");
    bob.hear(&alice);
    bob.edit("k");
    alice.hear(&bob);
    let unseen = invite(&mut alice, |_| {}).id;
    let mut all = vec![editors, viewers];
    all.sort_unstable();
    assert_eq!(seen(&alice, Role::None), all);
    assert_eq!(seen(&alice, Role::Viewer), [editors]);
    alice.grant(BOB, Role::Viewer);
    assert!([others, unseen].iter().all(|link| !seen(&alice, Role::None).contains(link)));
    let cap = alice.log[0].id;
    alice.say(Body::RevokeInvite { invite: editors, cap });
    assert_eq!(seen(&alice, Role::None), [viewers]);
}

#[test]
fn only_an_owners_word_ends_a_membership_or_a_workspace() {
    let (mut alice, bob) = alice_and_bob();
    alice.grant(CARA, Role::Editor);
    let cara = Peer::beside(CARA, &alice);
    // Said after what Cara had heard last, so that it does not enter her log.
    let (workspace, cap) = (alice.replica.workspace(), alice.log[0].id);
    let unknown = [OpId([77; 32])];
    let said_by = |who, session, body| forge(who, workspace, session, 0, &unknown, body).bytes;
    let removal = || Body::SetRole { subject: id(CARA), role: Role::None, cap };
    let ends = |bytes: &[u8]| cara.replica.reads_as_end(&id(CARA), bytes).is_some();
    let closes = |bytes: &[u8]| cara.replica.reads_as_close(bytes).is_some();
    let seq_1 = |who, body| {
        let (session, prev) = (SessionId([60; 16]), Some(unknown[0]));
        let draft = Draft { workspace, session, seq: 1, prev, deps: vec![], time_ms: NOW_MS, body };
        Op::sign(draft, &key(who)).bytes
    };
    assert!(ends(&seq_1(ALICE, removal())) && closes(&seq_1(ALICE, Body::Close { cap })));
    assert!(!ends(&seq_1(BOB, removal())) && !closes(&seq_1(BOB, Body::Close { cap })), "Bob is an editor");
    let lowered = Body::SetRole { subject: id(CARA), role: Role::Viewer, cap };
    let other = Body::SetRole { subject: id(BOB), role: Role::None, cap };
    assert!(!ends(&seq_1(ALICE, lowered)) && !ends(&seq_1(ALICE, other)) && !ends(&seq_1(BOB, Body::Leave)));
    assert!(ends(&seq_1(CARA, Body::Leave)), "what another copy of this device said");
    assert!(!ends(&said_by(ALICE, 61, Body::Open)));
    let mut forged = seq_1(ALICE, removal()).to_vec();
    *forged.last_mut().unwrap() ^= 1;
    assert!(!ends(&forged));
    // What the log holds is judged, not believed: Cara was let in again since.
    alice.grant(CARA, Role::None);
    alice.grant(CARA, Role::Viewer);
    let again = Peer::beside(CARA, &alice);
    let old = alice.log.iter().find(|op| matches!(op.body, Body::SetRole { role: Role::None, .. })).unwrap();
    assert_eq!(again.replica.reads_as_end(&id(CARA), &old.bytes), None);
    drop(bob);
}

#[test]
fn an_admission_with_a_false_proof_does_not_enter_the_log() {
    let mut alice = Peer::alice();
    let link = invite(&mut alice, |_| {});
    let redemption = Redemption::new(&link.workspace(), &link.id, &key(CARA), &key(BOB));
    let body = Body::Admit { invite: link.id, proof: None, redemption };
    let workspace = alice.replica.workspace();
    let draft =
        Draft { workspace, session: SessionId::NONE, seq: 0, prev: None, deps: vec![link.id], time_ms: NOW_MS, body };
    assert_eq!(alice.take(&Op::sign(draft, &key(ALICE))), Err(Unacceptable::FalseProof));
}

#[test]
fn what_outsiders_and_other_workspaces_say_stays_out() {
    let (mut alice, bob) = alice_and_bob();
    let outsider = forge(CARA, alice.replica.workspace(), 40, 0, &alice.heads(), Body::Open);
    assert_eq!(alice.take(&outsider), Err(Unacceptable::Outsider));
    // Bob is a member, but his op had not seen what made him one.
    let genesis = alice.log[0].id;
    let unproven = forge(BOB, alice.replica.workspace(), 41, 0, &[genesis], Body::Open);
    assert_eq!(alice.take(&unproven), Err(Unacceptable::Outsider));
    let elsewhere = forge(BOB, WorkspaceId([8; 32]), 42, 0, &bob.heads(), Body::Open);
    assert_eq!(alice.take(&elsewhere), Err(Unacceptable::OtherWorkspace));
    let mut forged = forge(BOB, alice.replica.workspace(), 43, 0, &bob.heads(), Body::Open).bytes.to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let mut out = Vec::new();
    assert_eq!(alice.replica.receive(&forged, &mut out), Err(Unacceptable::Op(OpError::Signature)));
    assert!(out.is_empty());
}

#[test]
fn a_viewers_edit_is_kept_and_void_whatever_comes_after_it() {
    let (mut alice, mut bob) = alice_and_bob();
    alice.grant(CARA, Role::Viewer);
    bob.hear(&alice);
    let mut cara = Peer::beside(CARA, &alice);
    let write = cara.edit("mine");
    for peer in [&mut alice, &mut bob] {
        peer.hear(&cara);
        assert!(peer.replica.knows(&write) && !peer.replica.is_folded(&write));
        let next = peer.edit("k");
        assert!(peer.replica.is_folded(&next) && !peer.op(&next).seen().any(|id| id == write));
    }
    // Made editor later, she does not make the earlier write count: it is taken over by name or not at all.
    alice.grant(CARA, Role::Editor);
    assert!(!alice.replica.is_folded(&write));
}

#[test]
fn a_removed_member_keeps_what_the_remover_had_seen_and_adds_nothing() {
    let (mut alice, mut bob) = alice_and_bob();
    let seen = bob.edit("seen");
    alice.hear(&bob);
    alice.grant(BOB, Role::None);
    let unseen = bob.edit("unseen");
    alice.hear(&bob);
    bob.hear(&alice);
    for peer in [&mut alice, &mut bob] {
        assert_eq!([&seen, &unseen].map(|id| peer.replica.is_folded(id)), [true, false]);
    }
    assert_eq!(bob.try_say(Body::Join), Err(AuthorError::SessionOver));
}

#[test]
fn work_done_before_a_removal_was_heard_of_can_still_be_had() {
    let (mut alice, mut bob) = alice_and_bob();
    let shared = alice.edit("shared");
    bob.hear(&alice);
    let kept = bob.edit("kept by Bob alone");
    alice.grant(BOB, Role::None);
    bob.hear(&alice);
    assert_eq!(bob.replica.fold_order(), [shared]);
    assert_eq!((bob.replica.void_edits_of(&id(BOB)), alice.replica.void_edits_of(&id(BOB))), (1, 0));
    assert_eq!(bob.replica.fold_order_as_written(&id(BOB)), [shared, kept]);
}
