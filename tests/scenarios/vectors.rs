//! Golden bytes: every kind of op, every message between peers and the link, as they are fixed for good.
//!
//! `OMNISCOPE_WRITE_VECTORS=1` writes the files anew; a change in them is a new version of the format, or a defect.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use omniscope_protocol::identity::{DeviceId, DeviceKey, OpId, WorkspaceId, hex};
use omniscope_protocol::invitation::{Link, Redemption};
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::{Body, Checkpoint, Draft, Invite, KeyShare, Op, Part, Seal, Sealed, SessionId};
use omniscope_protocol::sealing::EpochKey;
use omniscope_protocol::wire::{Deposit, Gossip, Note, NoteContent, Request, Response};
use serde_json::{Value, json};

const NOW_MS: u64 = 1_767_225_600_000;

/// Compares what is made now with what stands in `tests/vectors/`.
pub(super) fn golden(name: &str, made: &Value) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name);
    if std::env::var_os("OMNISCOPE_WRITE_VECTORS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("{made:#}\n")).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
    let fixed: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(*made, fixed, "{name} has changed");
    fixed
}

pub(super) fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "hex has two digits a byte");
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

pub(super) fn alice() -> DeviceKey {
    omniscope_tests::decoders::known_author()
}

pub(super) fn bob() -> DeviceKey {
    DeviceKey::from_seed(&[2; 32])
}

fn link_key() -> DeviceKey {
    DeviceKey::from_seed(&[3; 32])
}

fn sign(workspace: [u8; 32], session: u8, seq: u64, deps: &[u8], body: Body) -> Op {
    let prev = (seq > 0).then_some(OpId([200; 32]));
    let deps = deps.iter().map(|d| OpId([*d; 32])).collect();
    let (workspace, session) = (WorkspaceId(workspace), SessionId([session; 16]));
    Op::sign(Draft { workspace, session, seq, prev, deps, time_ms: NOW_MS, body }, &alice())
}

fn epoch_key(n: u8) -> EpochKey {
    EpochKey::new([n; 32])
}

fn sealed(text: &[u8]) -> Sealed {
    epoch_key(8).seal(b"a place", text)
}

/// One op of each kind, and those with every optional field present and absent.
pub(super) fn ops() -> Vec<(&'static str, Op)> {
    const W: [u8; 32] = [9; 32];
    let cap = OpId([20; 32]);
    let full = Invite {
        role: Role::Editor,
        cap,
        max_uses: Some(300),
        attester: Some(bob().id()),
        expires: Some(1_800_000_000),
        key: link_key().id(),
        bound_to: Some(bob().id()),
        approve: false,
    };
    let open = Invite { role: Role::Viewer, max_uses: None, attester: None, expires: None, bound_to: None, ..full };
    let asked = Invite { approve: true, ..open.clone() };
    let invite = OpId([21; 32]);
    let redemption = Redemption::new(&WorkspaceId(W), &invite, &bob(), &link_key());
    let offer = omniscope_protocol::device_link::offer_id(&alice().id(), &link_key().id());
    let consent = Redemption::new(&WorkspaceId(W), &offer, &bob(), &link_key());
    let add =
        |under| Body::AddDevice { person: alice().id(), under, key: link_key().id(), redemption: consent.clone() };
    let admit = |proof| Body::Admit { invite, proof, redemption: redemption.clone() };
    let edit = |adopts: &[u8], part| {
        let adopts = adopts.iter().map(|a| OpId([*a; 32])).collect();
        Body::Edit { adopts, part, update: sealed(&[0, 0]) }
    };
    let key = epoch_key(8);
    let mut seals: Vec<Seal> =
        [alice(), bob()].iter().map(|d| key.seal_to(&WorkspaceId(W), &d.id(), &[4; 32]).unwrap()).collect();
    seals.sort_by_key(|seal| seal.device);
    let share = KeyShare { key: key.id(), seals, older: vec![key.wrap(&epoch_key(7))] };
    let said = Checkpoint { count: 300, ops: [23; 32], roles: [24; 32], document: sealed(b"digests") };
    vec![
        ("genesis", sign([0; 32], 0, 0, &[], Body::Genesis { nonce: [7; 16] })),
        ("open", sign(W, 5, 0, &[30, 31], Body::Open)),
        ("set_role", sign(W, 5, 1, &[], Body::SetRole { subject: bob().id(), role: Role::Owner, cap })),
        ("invite, limited", sign(W, 5, 127, &[30], Body::Invite(full))),
        ("invite, open", sign(W, 5, 128, &[30], Body::Invite(open))),
        ("invite, by request", sign(W, 5, 129, &[30], Body::Invite(asked))),
        ("revoke_invite", sign(W, 5, 300, &[], Body::RevokeInvite { invite, cap })),
        ("admit by the attester", sign(W, 0, 0, &[21], admit(None))),
        ("admit by a member", sign(W, 0, 0, &[21, 30], admit(Some(cap)))),
        ("leave", sign(W, 5, 2, &[], Body::Leave)),
        ("edit", sign(W, 5, 3, &[40, 41, 42], edit(&[], Part::WHOLE))),
        ("edit, second part of three", sign(W, 5, 4, &[], edit(&[50, 51], Part { index: 1, count: 3 }))),
        ("profile", sign(W, 5, 5, &[], Body::Profile(sealed(b"a name")))),
        ("version", sign(W, 5, 6, &[], Body::Version(sealed(b"before the review")))),
        ("key_share", sign(W, 5, 9, &[], Body::KeyShare(share))),
        ("deposit", sign(W, 5, 10, &[], Body::Deposit { invite, key: epoch_key(8).id() })),
        ("add_device", sign(W, 5, 11, &[], add(None))),
        ("add_device, by a later one", sign(W, 5, 12, &[], add(Some(OpId([22; 32]))))),
        ("remove_device", sign(W, 5, 13, &[], Body::RemoveDevice { device: bob().id(), under: None })),
        ("checkpoint", sign(W, 5, 15, &[], Body::Checkpoint(said))),
        ("close", sign(W, 5, 14, &[], Body::Close { cap })),
        ("join", sign(W, 5, 7, &[60, 61], Body::Join)),
        ("of a newer version", sign(W, 5, 8, &[60], Body::Newer { version: 9, kind: 250, rest: b"unread".to_vec() })),
    ]
}

#[test]
fn ops_have_the_bytes_that_were_fixed() {
    let ops = ops();
    let kinds: BTreeSet<u8> = ops.iter().map(|(_, op)| op.body.tag()).collect();
    assert!((0..=16).all(|kind| kinds.contains(&kind)), "every kind is there: {kinds:?}");
    let made = ops.iter().map(|(name, op)| json!({"op": name, "id": op.id.to_string(), "bytes": hex(&op.bytes)}));
    let fixed = golden("ops.json", &made.collect());
    for ((name, op), fixed) in ops.iter().zip(fixed.as_array().unwrap()) {
        let bytes = unhex(fixed["bytes"].as_str().unwrap());
        assert_eq!(Op::decode(&bytes).as_ref(), Ok(op), "{name}");
        assert_eq!(blake3::hash(&bytes).to_string(), fixed["id"], "{name}");
    }
}

fn notes(workspace: &WorkspaceId) -> Vec<Note> {
    let said = [NoteContent::Presence(sealed(b"state")), NoteContent::Near(vec![alice().id(), bob().id()])];
    said.map(|content| Note::sign(workspace, content, &alice())).to_vec()
}

fn note(content: NoteContent) -> Gossip {
    Gossip::Note(Note::sign(&WorkspaceId([9; 32]), content, &alice()))
}

pub(super) fn gossip() -> Vec<(&'static str, Gossip)> {
    let heads = vec![OpId([30; 32]), OpId([31; 32])];
    vec![
        ("ops", Gossip::Ops(vec![Arc::from([1, 2, 3].as_slice()), Arc::from([4].as_slice())])),
        ("announce", Gossip::Announce(vec![OpId([30; 32])])),
        ("presence", note(NoteContent::Presence(sealed(b"state")))),
        ("heads", note(NoteContent::Heads(heads))),
        ("near", note(NoteContent::Near(vec![alice().id(), bob().id()]))),
    ]
}

fn deposit() -> Deposit {
    let key = epoch_key(8);
    let seal = key.seal_to(&WorkspaceId([9; 32]), &link_key().id(), &[4; 32]).unwrap();
    Deposit { key: key.id(), seal: seal.bytes }
}

pub(super) fn requests() -> Vec<(&'static str, Request)> {
    let workspace = WorkspaceId([9; 32]);
    let redemption = Redemption::new(&workspace, &OpId([21; 32]), &bob(), &link_key());
    let ids = |of: &[u8]| of.iter().map(|n| OpId([*n; 32])).collect::<Vec<_>>();
    let join =
        |name| Request::Join { workspace, invite: Arc::from([1, 2].as_slice()), redemption: redemption.clone(), name };
    vec![
        ("sync", Request::Sync { workspace, heads: ids(&[30]), have: ids(&[30, 31, 32]) }),
        ("fetch", Request::Fetch { workspace, ids: ids(&[30, 31]) }),
        ("push", Request::Push { workspace, ops: vec![Arc::from([1, 2, 3].as_slice())] }),
        ("keys", Request::Keys { workspace, keys: vec![epoch_key(7).id(), epoch_key(8).id()] }),
        ("deposit", Request::Deposit { workspace, invite: OpId([21; 32]), deposit: deposit() }),
        ("register", Request::Register { workspace, genesis: Arc::from([1, 2].as_slice()), token: b"token".to_vec() }),
        ("lookup", Request::Lookup { workspace }),
        ("device", Request::Device { workspace, key: link_key().id(), redemption: redemption.clone() }),
        ("asked", Request::Asked { workspace, declined: vec![(OpId([21; 32]), bob().id())] }),
        ("state", Request::State { workspace, by: alice().id(), from: 300 }),
        ("news", Request::News { workspace, heads: ids(&[30]), ops: vec![Arc::from([1, 2, 3].as_slice())] }),
        ("notes", Request::Notes { workspace, notes: notes(&workspace) }),
        ("join", join(None)),
        ("join, by request", join(Some("Bob".to_owned()))),
    ]
}

/// How many refusals have a number.
const REFUSALS: u8 = 17;

pub(super) fn responses() -> Vec<(String, Response)> {
    let ops = || vec![Arc::from([1, 2, 3].as_slice())];
    let heads = || vec![OpId([30; 32])];
    let redemption = Redemption::new(&WorkspaceId([9; 32]), &OpId([21; 32]), &bob(), &link_key());
    let mut all = vec![
        ("sync, there is more".to_owned(), Response::Sync { ops: ops(), heads: heads(), more: true }),
        ("sync".to_owned(), Response::Sync { ops: vec![], heads: heads(), more: false }),
        ("ops".to_owned(), Response::Ops(ops())),
        ("receipt".to_owned(), Response::Receipt { heads: heads() }),
        ("admitted".to_owned(), Response::Admitted { deposit: None }),
        ("admitted, with a key".to_owned(), Response::Admitted { deposit: Some(deposit()) }),
        ("asked".to_owned(), Response::Asked(vec![(OpId([21; 32]), redemption)])),
        ("removed".to_owned(), Response::Removed { by: Arc::from([1, 2, 3].as_slice()) }),
        ("unsupported".to_owned(), Response::Unsupported { version: 0 }),
        ("state, none".to_owned(), Response::State { checkpoint: None, shares: vec![], parts: vec![] }),
        (
            "state".to_owned(),
            Response::State { checkpoint: Some(Arc::from([1].as_slice())), shares: ops(), parts: ops() },
        ),
        ("heard".to_owned(), Response::Heard { new: false }),
        ("heard, and new".to_owned(), Response::Heard { new: true }),
        (
            "found".to_owned(),
            Response::Found(vec![(bob().id(), vec!["/ip4/192.0.2.1/tcp/4001".into()]), (alice().id(), vec![])]),
        ),
    ];
    for number in 0..=u8::MAX {
        if let Ok(Response::Refused(refusal)) = Response::decode(&[0, 4, number]) {
            assert_eq!(refusal as u8, number, "numbers are stable");
            all.push((format!("refused: {}", refusal.code()), Response::Refused(refusal)));
        }
    }
    assert_eq!(all.len(), 14 + usize::from(REFUSALS));
    all
}

#[test]
fn messages_have_the_bytes_that_were_fixed() {
    fn check<T: PartialEq + std::fmt::Debug>(
        kind: &str,
        messages: Vec<(impl AsRef<str>, T)>,
        encode: impl Fn(&T) -> Vec<u8>,
        decode: impl Fn(&[u8]) -> T,
    ) {
        let made = messages.iter().map(|(name, message)| json!({kind: name.as_ref(), "bytes": hex(&encode(message))}));
        let fixed = golden(&format!("{kind}.json"), &made.collect());
        for ((_, message), fixed) in messages.iter().zip(fixed.as_array().unwrap()) {
            assert_eq!(decode(&unhex(fixed["bytes"].as_str().unwrap())), *message);
        }
    }
    check("gossip", gossip(), Gossip::encode, |b| Gossip::decode(b).unwrap());
    check("request", requests(), Request::encode, |b| Request::decode(b).unwrap());
    check("response", responses(), Response::encode, |b| Response::decode(b).unwrap());
}

pub(super) fn link() -> Link {
    let invite = Invite {
        role: Role::Editor,
        cap: OpId([20; 32]),
        max_uses: Some(1),
        attester: Some(alice().id()),
        expires: Some(1_800_000_000),
        key: link_key().id(),
        bound_to: None,
        approve: false,
    };
    let op = sign([9; 32], 5, 1, &[], Body::Invite(invite));
    let addresses = vec!["/ip4/192.0.2.1/udp/4001/quic-v1".to_owned()];
    Link::new(op, &alice(), *link_key().seed(), "RNA-seq", "Ana", addresses).unwrap()
}

#[test]
fn a_link_has_the_text_that_was_fixed() {
    let made = link();
    let fixed = golden("link.json", &json!({ "link": made.to_text().as_str() }));
    let read = Link::parse(fixed["link"].as_str().unwrap()).unwrap();
    assert_eq!((&read.op, &read.invite, &read.addresses), (&made.op, &made.invite, &made.addresses));
    assert_eq!((read.workspace_name.as_str(), read.inviter_name.as_str()), ("RNA-seq", "Ana"));
    assert_eq!(read.key().id(), link_key().id());
}

#[test]
fn ids_keys_and_topics_have_the_values_that_were_fixed() {
    let workspace = WorkspaceId([9; 32]);
    let session = SessionId([5; 16]);
    let made = json!({
        "device of the seed 01…": alice().id().to_string(),
        "client of session 05… of that device": omniscope_protocol::op::client_id(&workspace, &alice().id(), &session),
        "topic": hex(&omniscope_protocol::wire::topic(&workspace)),
        "fingerprint": omniscope_protocol::identity::fingerprint(&DeviceId([8; 32])),
    });
    golden("derived.json", &made);
}
