//! Each message has one encoding, and nothing else decodes to it.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::identity::DeviceKey;
use crate::op::Sealed;

fn redemption() -> Redemption {
    let (bob, link) = (DeviceKey::from_seed(&[2; 32]), DeviceKey::from_seed(&[3; 32]));
    Redemption::new(&WorkspaceId([1; 32]), &OpId([2; 32]), &bob, &link)
}

fn requests() -> Vec<Request> {
    let workspace = WorkspaceId([1; 32]);
    vec![
        Request::Sync { workspace, heads: vec![OpId([2; 32])], have: vec![] },
        Request::Fetch { workspace, ids: vec![OpId([2; 32]), OpId([3; 32])] },
        Request::Push { workspace, ops: vec![vec![1, 2, 3].into()] },
        Request::Join { workspace, invite: vec![1].into(), redemption: redemption(), name: Some("Ana".into()) },
        Request::Register { workspace, genesis: vec![1, 2].into(), token: b"token".to_vec() },
        Request::Lookup { workspace },
        Request::State { workspace, by: DeviceId([4; 32]), from: 300 },
        Request::News { workspace, heads: vec![OpId([2; 32])], ops: vec![vec![1, 2, 3].into()] },
        Request::Notes {
            workspace,
            notes: vec![Note::sign(&workspace, NoteContent::Near(vec![]), &DeviceKey::from_seed(&[1; 32]))],
        },
    ]
}

fn responses() -> Vec<Response> {
    let mut all = vec![
        Response::Sync { ops: vec![vec![1].into()], heads: vec![OpId([2; 32])], more: true },
        Response::Ops(vec![]),
        Response::Receipt { heads: vec![] },
        Response::Admitted { deposit: Some(Deposit { key: KeyId([7; 32]), seal: [8; SEAL_BYTES] }) },
        Response::Unsupported { version: 0 },
        Response::State { checkpoint: None, shares: vec![], parts: vec![] },
        Response::State {
            checkpoint: Some(vec![1].into()),
            shares: vec![vec![2].into()],
            parts: vec![vec![3].into(), vec![4].into()],
        },
        Response::Found(vec![(DeviceId([4; 32]), vec!["/ip4/127.0.0.1/tcp/1".into()]), (DeviceId([5; 32]), vec![])]),
    ];
    all.extend([true, false].map(|new| Response::Heard { new }));
    all.extend(Refusal::ALL.map(Response::Refused));
    all
}

fn gossip() -> Vec<Gossip> {
    let alice = DeviceKey::from_seed(&[1; 32]);
    let note = |content| Gossip::Note(Note::sign(&WorkspaceId([1; 32]), content, &alice));
    vec![
        Gossip::Ops(vec![vec![1].into()]),
        Gossip::Announce(vec![OpId([1; 32])]),
        note(NoteContent::Presence(Sealed { key: KeyId([3; 32]), bytes: vec![1, 2] })),
        note(NoteContent::Heads(vec![OpId([1; 32])])),
        note(NoteContent::Near(vec![alice.id()])),
    ]
}

#[test]
fn every_message_reads_back_and_no_prefix_does() {
    for message in requests() {
        let bytes = message.encode();
        assert_eq!(Request::decode(&bytes), Ok(message));
        assert!((0..bytes.len()).all(|n| Request::decode(&bytes[..n]).is_err()));
    }
    for message in responses() {
        let bytes = message.encode();
        assert_eq!(Response::decode(&bytes), Ok(message));
        assert!((0..bytes.len()).all(|n| Response::decode(&bytes[..n]).is_err()));
    }
    for message in gossip() {
        let bytes = message.encode();
        assert_eq!(Gossip::decode(&bytes), Ok(message));
        assert!((0..bytes.len()).all(|n| Gossip::decode(&bytes[..n]).is_err()));
    }
}

#[test]
fn a_note_counts_in_its_own_workspace_only() {
    let alice = DeviceKey::from_seed(&[1; 32]);
    let note = Note::sign(&WorkspaceId([1; 32]), NoteContent::Heads(vec![]), &alice);
    assert!(note.is_genuine(&WorkspaceId([1; 32])));
    assert!(!note.is_genuine(&WorkspaceId([2; 32])));
}
