//! What was concluded from a log and kept is what the log gives when it is read from its beginning.

use super::*;
use crate::replica::Unusable;

/// A replica that reads a log from its beginning, as after a restart.
fn replayed(who: u8, log: &[Op]) -> Replica {
    let mut replica = Replica::for_device(log[0].workspace(), &key(who));
    for op in log {
        replica.load(op, &mut Vec::new()).unwrap();
    }
    replica
}

fn restored(who: u8, log: &[Op], bytes: &[u8]) -> Result<Replica, Unusable> {
    let fetch = |id: &OpId| log.iter().find(|op| op.id == *id).cloned();
    Replica::restore(log[0].workspace(), &key(who), bytes, fetch)
}

/// Everything that a replica answers.
fn answers(replica: &Replica) -> impl PartialEq + std::fmt::Debug + use<> {
    let nodes = || (0..replica.len() as u32).map(Node);
    let judge = replica.judge();
    let places: Vec<_> = (0..replica.len()).map(|n| (replica.at(n), replica.time_ms(Node(n as u32)))).collect();
    let valid: Vec<bool> = nodes().map(|n| judge.valid(n)).collect();
    let profiles = [ALICE, BOB, CARA].map(|who| replica.profile(&id(who)).cloned());
    let versions = replica.versions();
    let saw: Vec<bool> = nodes().flat_map(|a| nodes().map(move |b| judge.causal().saw(a, b))).collect();
    let rest = (replica.invites().clone(), replica.epoch(), replica.shut_keys().clone(), replica.heads());
    (state(replica), places, valid, profiles, versions, saw, rest, replica.fold_order())
}

/// Alice and Bob with names, a version, an invite, a group under way, a removal with void edits; one log of all of it.
fn story() -> Vec<Op> {
    let (mut alice, mut bob) = alice_and_bob();
    alice.say(Saying::Profile { name: "Alice".into(), color: "#aa0000".into() });
    alice.edit("a");
    alice.grant(CARA, Role::Editor);
    bob.hear(&alice);
    bob.say(Saying::Version { name: "first".into() });
    bob.edit("b");
    let mut cara = Peer::beside(CARA, &bob);
    let half = bob.set("half", Part { index: 0, count: 2 });
    bob.say(half);
    alice.hear(&bob);
    alice.grant(CARA, Role::None);
    cara.edit("void");
    let rest = bob.set("rest", Part { index: 1, count: 2 });
    bob.say(rest);
    alice.hear(&bob);
    alice.hear(&cara);
    alice.edit("under the new key");
    alice.log
}

#[test]
fn kept_state_and_suffix_equal_full_replay_at_every_cut() {
    let log = story();
    for cut in 1..=log.len() {
        let (before, after) = log.split_at(cut);
        let mut at_once = replayed(ALICE, before);
        let mut resumed = restored(ALICE, &log, &at_once.keep().unwrap()).unwrap();
        let (mut out, mut expected) = (Vec::new(), Vec::new());
        for op in after {
            resumed.load(op, &mut out).unwrap();
            at_once.load(op, &mut expected).unwrap();
        }
        assert_eq!(out, expected, "cut at {cut}");
        assert_eq!(answers(&resumed), answers(&at_once), "cut at {cut}");
    }
}

#[test]
fn state_of_other_rules_another_workspace_or_other_keys_is_of_no_use() {
    let log = story();
    let replica = replayed(ALICE, &log);
    let bytes = replica.keep().unwrap();
    assert_eq!(answers(&restored(ALICE, &log, &bytes).unwrap()), answers(&replica));
    let mut other = bytes.clone();
    other[3] ^= 1;
    assert!(matches!(restored(ALICE, &log, &other), Err(Unusable::Form(_))));
    assert!(matches!(restored(ALICE, &log, &bytes[..bytes.len() - 1]), Err(Unusable::Form(_))));
    let elsewhere = Replica::restore(WorkspaceId([7; 32]), &key(ALICE), &bytes, |_| None);
    assert!(matches!(elsewhere, Err(Unusable::OtherWorkspace)));
    let gone = Replica::restore(log[0].workspace(), &key(ALICE), &bytes, |_| None);
    assert!(matches!(gone, Err(Unusable::Missing(_))));
    assert_eq!(restored(99, &log, &bytes).err(), Some(Unusable::Keys), "a device that was sealed nothing");
}

#[test]
fn nothing_is_kept_while_ops_wait_for_their_past() {
    let log = story();
    let mut replica = replayed(ALICE, &log[..3]);
    assert!(replica.keep().is_some());
    let late = log.iter().rfind(|op| op.author == id(ALICE)).unwrap();
    assert_eq!(replica.receive(&late.bytes, &mut Vec::new()), Ok(Received::Waiting));
    assert_eq!(replica.keep(), None);
}
