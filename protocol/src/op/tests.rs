//! The op's form: one encoding, a signature over all of it, fields that agree.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::identity::KeyId;

const NOW: u64 = 1_700_000_000_000;

fn alice() -> DeviceKey {
    DeviceKey::from_seed(&[1; 32])
}

fn genesis() -> Op {
    let draft = Draft {
        workspace: WorkspaceId([0; 32]),
        session: SessionId::NONE,
        seq: 0,
        prev: None,
        deps: vec![],
        time_ms: NOW,
        body: Body::Genesis { nonce: [9; 16] },
    };
    Op::sign(draft, &alice())
}

fn sealed(bytes: &[u8]) -> Sealed {
    Sealed { key: KeyId([7; 32]), bytes: bytes.to_vec() }
}

fn edit(update: &[u8]) -> Op {
    let genesis = genesis();
    let draft = Draft {
        workspace: genesis.workspace(),
        session: SessionId([5; 16]),
        seq: 1,
        prev: Some(genesis.id),
        deps: vec![],
        time_ms: NOW,
        body: Body::Edit { adopts: vec![], part: Part::WHOLE, update: sealed(update) },
    };
    Op::sign(draft, &alice())
}

#[test]
fn decode_gives_back_what_was_signed() {
    for op in [genesis(), edit(b"abc")] {
        assert_eq!(Op::decode(&op.bytes).unwrap(), op);
    }
}

#[test]
fn any_changed_bit_is_refused() {
    let op = edit(b"abc");
    for at in 0..op.bytes.len() * 8 {
        let mut bytes = op.bytes.to_vec();
        bytes[at / 8] ^= 1 << (at % 8);
        assert!(Op::decode(&bytes).is_err(), "bit {at}");
    }
}

#[test]
fn any_prefix_is_refused() {
    let op = edit(b"abc");
    for n in 0..op.bytes.len() {
        assert!(Op::decode(&op.bytes[..n]).is_err(), "{n} bytes");
    }
}

#[test]
fn a_session_opens_at_its_first_position_and_only_there() {
    let genesis = genesis();
    let draft = |seq, prev, body| Draft {
        workspace: genesis.workspace(),
        session: SessionId([5; 16]),
        seq,
        prev,
        deps: vec![],
        time_ms: NOW,
        body,
    };
    let late = Op::sign(draft(1, Some(genesis.id), Body::Open), &alice());
    let early = Op::sign(Draft { deps: vec![genesis.id], ..draft(0, None, Body::Leave) }, &alice());
    for op in [late, early] {
        assert!(matches!(Op::decode(&op.bytes), Err(OpError::Shape(_))));
    }
}

#[test]
fn an_op_of_a_newer_version_is_read_as_far_as_every_version_is_alike() {
    let genesis = genesis();
    let body = Body::Newer { version: 200, kind: 99, rest: b"anything".to_vec() };
    let session = SessionId([5; 16]);
    let draft = Draft {
        workspace: genesis.workspace(),
        session,
        seq: 7,
        prev: Some(genesis.id),
        deps: vec![],
        time_ms: NOW,
        body,
    };
    let op = Op::sign(draft.clone(), &alice());
    assert_eq!(Op::decode(&op.bytes).unwrap(), op);
    for at in 0..op.bytes.len() {
        let mut bytes = op.bytes.to_vec();
        bytes[at] ^= 1;
        assert!(Op::decode(&bytes).is_err(), "byte {at}");
    }
    let founding = Draft { workspace: WorkspaceId([0; 32]), seq: 0, prev: None, session: SessionId::NONE, ..draft };
    assert_eq!(Op::decode(&Op::sign(founding, &alice()).bytes), Err(OpError::Version(200)));
}

#[test]
fn client_ids_are_javascript_safe_and_differ_by_session() {
    let workspace = genesis().workspace();
    let of = |n| client_id(&workspace, &alice().id(), &SessionId([n; 16]));
    assert!(of(1) < 1 << 53);
    assert_ne!(of(1), of(2));
}

#[test]
fn ops_in_the_clear_are_refused() {
    let mut bytes = edit(b"abc").bytes.to_vec();
    bytes[0] = 0;
    assert_eq!(Op::decode(&bytes), Err(OpError::Clear));
}
