//! Names of versions (Rule R49): who may give them, and which of several stands.

use super::*;

/// What a replica lists: by which op, under which name.
fn listed(peer: &Peer) -> Vec<(OpId, String)> {
    peer.replica.versions().into_iter().map(|version| (version.id, version.name)).collect()
}

fn named(version: OpId, name: &str) -> Vec<(OpId, String)> {
    vec![(version, name.to_owned())]
}

fn rename(version: OpId, name: &str) -> Saying {
    Saying::Rename { version, name: name.into() }
}

#[test]
fn a_renamed_version_is_one_version_of_the_state_it_was_named_for() {
    let (mut alice, mut bob) = alice_and_bob();
    let edit = alice.edit("a");
    let version = alice.say(Saying::Version { name: "draft".into() });
    alice.edit("later");
    bob.hear(&alice);
    bob.say(rename(version, "submitted"));
    alice.hear(&bob);
    for peer in [&alice, &bob] {
        assert_eq!(listed(peer), named(version, "submitted"));
        assert_eq!(peer.replica.versions()[0].author, id(ALICE), "who saved it, not who renamed it");
        assert_eq!(peer.replica.fold_order_at(&version), [edit]);
    }
}

#[test]
fn of_names_given_at_once_all_peers_show_the_same_and_a_later_one_wins() {
    let (mut alice, mut bob) = alice_and_bob();
    let version = alice.say(Saying::Version { name: "draft".into() });
    bob.hear(&alice);
    alice.say(rename(version, "of Alice"));
    bob.say(rename(version, "of Bob"));
    alice.hear(&bob);
    bob.hear(&alice);
    assert_eq!(listed(&alice), listed(&bob));
    assert_ne!(listed(&alice), named(version, "draft"));
    alice.say(rename(version, "final"));
    bob.hear(&alice);
    assert_eq!((listed(&alice), listed(&bob)), (named(version, "final"), named(version, "final")));
}

#[test]
fn who_may_not_edit_renames_nothing_and_a_rename_of_no_version_is_none() {
    let (mut alice, bob) = alice_and_bob();
    alice.grant(CARA, Role::Viewer);
    let version = alice.say(Saying::Version { name: "draft".into() });
    let edit = alice.edit("a");
    let mut cara = Peer::beside(CARA, &bob);
    cara.hear(&alice);
    cara.say(rename(version, "of a viewer"));
    alice.hear(&cara);
    alice.say(rename(edit, "an edit"));
    assert_eq!(listed(&alice), named(version, "draft"));
}

#[test]
fn the_text_of_a_version_is_read_in_one_way_or_not_at_all() {
    let version = OpId([7; 32]);
    assert_eq!(read_version(b"as submitted"), Some(("as submitted", None)));
    let renaming = [b"final\0".as_slice(), &version.0].concat();
    assert_eq!(read_version(&renaming), Some(("final", Some(version))));
    for cut in "final".len() + 1..renaming.len() {
        assert_eq!(read_version(&renaming[..cut]), None);
    }
    assert_eq!(read_version(&[renaming.as_slice(), b"!"].concat()), None);
    assert_eq!(read_version(&[0xff]), None);
    assert_eq!(read_version(&vec![b'x'; crate::op::MAX_NAME_BYTES + 1]), None);
}
