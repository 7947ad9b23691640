//! Garbage on the wire: random bytes, changed messages and ops, and well-signed nonsense by a member. Each is an error
//! or is kept without effect; what honest people have stays as it was.

use omniscope_protocol::identity::OpId;
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::{Body, Draft, Op, SessionId, place};
use omniscope_protocol::replica::Saying;
use omniscope_protocol::wire::{Gossip, Request, Response};
use omniscope_tests::dice::{Dice, seed};
use omniscope_tests::mutate::Mutator;
use omniscope_tests::sim::peer::{Peer, key, session_seed};

use super::vectors;

const INPUTS: usize = 6_000;

/// Alice, and Bob, who may edit; there is something in the document.
fn world() -> (Peer, Peer) {
    let mut alice = Peer::founder();
    let workspace = alice.replica.workspace();
    let body = Body::SetRole { subject: key(1).id(), role: Role::Editor, cap: OpId(workspace.0) };
    alice.say(body, 0);
    let mut bob = Peer::new(1, workspace);
    let mut dice = Dice::new(3);
    for _ in 0..6 {
        alice.edit(&mut dice, 0, 40_000, usize::MAX);
    }
    bob.take_all(&alice.log);
    (alice, bob)
}

/// What a device shows and tells others.
fn state(peer: &Peer) -> (String, Vec<OpId>, usize, Role) {
    let role = peer.replica.role(&key(1).id());
    (peer.document.canonical_json(), peer.replica.heads(), peer.replica.len(), role)
}

#[test]
fn changed_ops_are_refused_and_change_nothing() {
    let (mut alice, _) = world();
    let before = state(&alice);
    let corpus = alice.log.iter().map(|op| op.to_vec()).collect();
    let mut mutator = Mutator::new(seed(), corpus);
    let mut refused = 0;
    for _ in 0..INPUTS {
        let input = mutator.input();
        let known = alice.log.iter().any(|op| **op == *input);
        assert_eq!(alice.take(&input).is_err(), !known);
        refused += usize::from(!known);
    }
    assert!(refused > INPUTS / 2);
    assert_eq!(state(&alice), before);
}

#[test]
fn changed_messages_and_random_bytes_are_answered_and_change_nothing() {
    let (mut alice, bob) = world();
    let before = state(&alice);
    let mut dice = Dice::new(seed());
    let mut corpus: Vec<Vec<u8>> = vectors::requests().iter().map(|(_, m)| m.encode()).collect();
    corpus.extend(vectors::responses().iter().map(|(_, m)| m.encode()));
    corpus.push(bob.sync_request());
    corpus.push(Gossip::Ops(alice.log.clone()).encode());
    let mut mutator = Mutator::new(seed(), corpus);
    let mut answered = 0;
    for n in 0..INPUTS {
        let input = if n % 4 == 0 { (0..dice.below(300)).map(|_| dice.any() as u8).collect() } else { mutator.input() };
        let answer = alice.on_request(&bob.id(), &input);
        answered += usize::from(matches!(Response::decode(&answer), Ok(Response::Refused(_))));
        if let Some(next) = alice.on_response(&bob.id(), &input) {
            assert!(Request::decode(&next).is_ok());
        }
        if let Ok(Gossip::Ops(ops)) = Gossip::decode(&input) {
            alice.take_all(&ops);
        }
    }
    assert!(answered > INPUTS / 4, "most of it is refused: {answered}");
    assert_eq!(state(&alice), before);
}

#[test]
fn nonsense_that_a_member_signs_never_reaches_the_document_half() {
    let (mut alice, mut bob) = world();
    let workspace = alice.replica.workspace();
    // Bodies changed at random, signed by Bob in sessions of their own: all of them are ops in order.
    let corpus: Vec<Vec<u8>> = vectors::ops()
        .into_iter()
        .map(|(_, op)| op.bytes.to_vec())
        .chain(alice.log.iter().map(|op| op.to_vec()))
        .collect();
    let mut mutator = Mutator::new(seed(), corpus);
    let written = alice.log.iter().filter_map(|bytes| alice.replica.open(&Op::decode_trusted(bytes).ok()?));
    let mut updates = Mutator::new(seed() + 1, written.collect());
    let epoch_key = bob.replica.epoch_key().expect("Bob is an editor");
    let (mut taken, mut folded, mut opened) = (0u64, 0, 0);
    let roles = |peer: &Peer| [0, 1].map(|n| peer.replica.role(&key(n).id()));
    let mut tries = 0u64;
    while taken < 400 && tries < 60_000 {
        tries += 1;
        let Ok(Op { body, .. }) = Op::decode_trusted(&mutator.input()) else { continue };
        // What is refused at the door, or would end the story.
        let ends = matches!(body, Body::Leave | Body::RemoveDevice { .. } | Body::Newer { .. });
        if ends || matches!(body, Body::Genesis { .. } | Body::Open | Body::Admit { .. } | Body::AddDevice { .. }) {
            continue;
        }
        let session = SessionId::from_seed(&session_seed(500, tries));
        let body = match body {
            // Sealed as a member seals, so that others open it and the gate sees what is in it.
            Body::Edit { adopts, part, .. } => {
                let saying = Saying::Edit { adopts, part, update: updates.input() };
                opened += 1;
                saying.seal(&epoch_key, |kind| place(&workspace, &key(1).id(), &session, 1, kind))
            }
            other => other,
        };
        let open =
            Draft { workspace, session, seq: 0, prev: None, deps: bob.replica.heads(), time_ms: 0, body: Body::Open };
        let open = Op::sign(open, &key(1));
        let op = Draft { workspace, session, seq: 1, prev: Some(open.id), deps: vec![], time_ms: 0, body };
        let op = Op::sign(op, &key(1));
        for peer in [&mut alice, &mut bob] {
            peer.take(&open.bytes).unwrap();
            peer.take(&op.bytes).unwrap();
        }
        taken += 1;
        folded += u64::from(alice.replica.is_folded(&op.id));
        assert_eq!(roles(&alice), [Role::Owner, Role::Editor], "{:?}", op.body);
    }
    assert!(taken >= 400 && opened > 40, "{taken} taken, {opened} opened, {folded} folded");
    assert_eq!(alice.document.canonical_json(), bob.document.canonical_json());
    assert_eq!(alice.folded_anew(1).canonical_json(), alice.document.canonical_json());
    let mut dice = Dice::new(1);
    assert!(!alice.edit(&mut dice, 0, 40_000, usize::MAX).is_empty(), "people go on");
}
