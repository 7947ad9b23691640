//! Ops of a newer version: kept, passed on, and nothing is built on what they may say.

use super::*;

fn newer(who: u8, workspace: WorkspaceId, nonce: u8, seq: u64, before: &[OpId]) -> Op {
    forge(who, workspace, nonce, seq, before, Body::Newer { version: 3, kind: 77, rest: b"from tomorrow".to_vec() })
}

#[test]
fn a_newer_op_is_kept_passed_on_and_what_depends_on_it_is_not_folded() {
    let (mut alice, mut bob) = alice_and_bob();
    let workspace = bob.replica.workspace();
    let before = bob.edit("before");
    let op = newer(BOB, workspace, 40, 0, &[before]);
    assert_eq!(bob.take(&op), Ok(Received::New));
    assert_eq!((bob.replica.newer_version(), bob.replica.heads()), (Some(3), vec![op.id]));
    let client = crate::op::client_id(&workspace, &id(ALICE), &SessionId([60; 16]));
    let open = forge(ALICE, workspace, 60, 0, &[op.id], Body::Open);
    let on_it = forge(ALICE, workspace, 60, 1, &[open.id], whole(set_meta(client, 0, "later")));
    for op in [&open, &on_it] {
        bob.take(op).unwrap();
    }
    alice.hear(&bob);
    for peer in [&alice, &bob] {
        assert_eq!(peer.folded, [before]);
        assert!(peer.replica.knows(&on_it.id));
    }
    assert_eq!(state(&alice.replica), state(&bob.replica));
}

#[test]
fn the_workspace_is_read_only_but_rights_can_be_taken_away() {
    let (mut alice, bob) = alice_and_bob();
    let op = newer(BOB, bob.replica.workspace(), 40, 0, &bob.heads());
    alice.take(&op).unwrap();
    let edit = alice.set("k", Part::WHOLE);
    assert_eq!(alice.try_say(edit), Err(AuthorError::Newer(3)));
    assert_eq!(
        alice.try_say(Saying::Profile { name: "A".into(), color: "#000000".into() }),
        Err(AuthorError::Newer(3))
    );
    let removal = alice.grant(BOB, Role::None);
    assert!(!alice.op(&removal).seen().any(|id| id == op.id), "nothing is built on what cannot be read");
    assert_eq!(alice.replica.newer_version(), None);
    alice.clock = 0;
    let edit = alice.edit("k");
    assert!(alice.replica.is_folded(&edit));
}

#[test]
fn a_viewer_cannot_lock_others_out_by_a_number() {
    let (mut alice, mut bob) = alice_and_bob();
    alice.grant(CARA, Role::Viewer);
    bob.hear(&alice);
    let op = newer(CARA, bob.replica.workspace(), 40, 0, &bob.heads());
    bob.take(&op).unwrap();
    assert_eq!(bob.replica.newer_version(), None);
    let edit = bob.edit("k");
    assert!(bob.replica.is_folded(&edit) && !bob.op(&edit).seen().any(|id| id == op.id));
}

#[test]
fn a_strangers_newer_op_is_refused_and_one_behind_newer_ops_is_nobodys_fault() {
    let (mut alice, bob) = alice_and_bob();
    let workspace = bob.replica.workspace();
    let forged = newer(CARA, workspace, 40, 0, &bob.heads());
    assert_eq!(alice.take(&forged), Err(Unacceptable::Outsider));
    let plain = forge(CARA, workspace, 40, 0, &bob.heads(), Body::Open);
    assert_eq!(alice.take(&plain), Err(Unacceptable::Outsider));
    let unread = newer(BOB, workspace, 41, 0, &bob.heads());
    alice.take(&unread).unwrap();
    let maybe = forge(CARA, workspace, 40, 0, &[unread.id], Body::Open);
    let error = alice.take(&maybe).unwrap_err();
    assert_eq!(error, Unacceptable::Unread(3));
    assert!(!error.is_fault());
    assert!(!alice.replica.knows(&maybe.id));
    let mut tampered = unread.bytes.to_vec();
    tampered[100] ^= 1;
    assert!(matches!(Op::decode(&tampered), Err(OpError::Signature | OpError::Codec(_))));
}

#[test]
fn roles_that_rest_on_a_newer_op_do_not_count_yet() {
    let (mut alice, mut bob) = alice_and_bob();
    let unread = newer(ALICE, alice.replica.workspace(), 40, 0, &alice.heads());
    let cap = alice.log[0].id;
    let body = Body::SetRole { subject: id(BOB), role: Role::None, cap };
    let removal = forge(ALICE, alice.replica.workspace(), 40, 1, &[unread.id], body);
    for op in [&unread, &removal] {
        bob.take(op).unwrap();
        alice.take(op).unwrap();
    }
    assert_eq!(bob.replica.role(&id(BOB)), Role::Editor);
    assert_eq!(bob.replica.newer_version(), Some(3));
    let admitted = alice.replica.members().len();
    assert_eq!(admitted, 2);
}
