//! Links verify offline, show who made them, and are refused when anything was changed.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::op::{Draft, SessionId};

fn link() -> Link {
    let alice = DeviceKey::from_seed(&[1; 32]);
    let secret = [7; 32];
    let invite = Invite {
        role: Role::Editor,
        cap: OpId([3; 32]),
        max_uses: Some(1),
        attester: Some(alice.id()),
        expires: Some(1_800_000_000),
        key: DeviceKey::from_seed(&secret).id(),
        bound_to: None,
        approve: false,
    };
    let draft = Draft {
        workspace: WorkspaceId([4; 32]),
        session: SessionId([5; 16]),
        seq: 1,
        prev: Some(OpId([6; 32])),
        deps: vec![],
        time_ms: 1_700_000_000_000,
        body: Body::Invite(invite),
    };
    let op = Op::sign(draft, &alice);
    Link::new(op, &alice, secret, "RNA-seq", "Ana", vec!["/ip4/127.0.0.1/tcp/1".into()]).unwrap()
}

#[test]
fn a_link_reads_back_from_the_message_it_was_pasted_in() {
    let text = format!("Ana invites you:\n  {}\nSee you!", *link().to_text());
    let read = Link::parse(&text).unwrap();
    assert_eq!((read.workspace_name.as_str(), read.inviter_name.as_str()), ("RNA-seq", "Ana"));
    assert_eq!(read.op, link().op);
}

#[test]
fn a_changed_or_cut_link_is_refused() {
    let text = link().to_text();
    for n in 0..text.len() {
        assert!(Link::parse(&text[..n]).is_err(), "{n} characters");
    }
    assert_eq!(Link::parse("hello").unwrap_err().code(), "link_malformed");
}

#[test]
fn names_that_the_inviter_did_not_sign_are_forged() {
    let mut link = link();
    link.inviter_name = "Zoe".into();
    assert_eq!(Link::parse(&link.to_text()).unwrap_err(), LinkError::Forged);
}

#[test]
fn a_redemption_is_worth_nothing_elsewhere() {
    let link = link();
    let bob = DeviceKey::from_seed(&[2; 32]);
    let redemption = Redemption::new(&link.workspace(), &link.op.id, &bob, &link.key());
    assert!(redemption.proves(&link.workspace(), &link.op.id, &link.invite));
    assert!(!redemption.proves(&WorkspaceId([9; 32]), &link.op.id, &link.invite));
    assert!(!redemption.proves(&link.workspace(), &OpId([9; 32]), &link.invite));
    let stolen = Redemption { device: DeviceKey::from_seed(&[3; 32]).id(), ..redemption.clone() };
    assert!(!stolen.proves(&link.workspace(), &link.op.id, &link.invite));
    let bound = Invite { bound_to: Some(DeviceId([8; 32])), ..link.invite };
    assert!(!redemption.proves(&link.op.workspace(), &link.op.id, &bound));
}
