//! Whatever the order of delivery, the result is one; and what is folded is causally closed at every step.

use super::*;
use crate::gate::Update;

/// A small world with a concurrent removal, a fork, a group, a void edit and an op of a newer version; the ops after
/// its first two.
fn world() -> (Peer, Vec<Op>) {
    let (mut alice, mut bob) = alice_and_bob();
    alice.grant(CARA, Role::Editor);
    let start = Peer::beside(BOB, &alice);
    bob.hear(&alice);
    let mut cara = Peer::beside(CARA, &alice);
    let first = bob.set("g1", Part { index: 0, count: 2 });
    bob.say(first);
    let second = bob.set("g2", Part { index: 1, count: 2 });
    bob.say(second);
    cara.edit("cara");
    alice.hear(&cara);
    alice.grant(CARA, Role::Viewer);
    cara.edit("void");
    let workspace = start.replica.workspace();
    let tip = bob.log.iter().rfind(|op| op.author == id(BOB)).unwrap();
    let branch = |name: &str| {
        let (session, seq) = (tip.session, tip.seq + 1);
        let saying = whole(set_meta(bob.session.client(), bob.clock, name));
        let body = saying.seal(&forged_key(), |kind| place(&workspace, &id(BOB), &session, seq, kind));
        Op::sign(Draft { workspace, session, seq, prev: Some(tip.id), deps: vec![], time_ms: NOW_MS, body }, &key(BOB))
    };
    let fork = [branch("x"), branch("y")];
    let newer = Body::Newer { version: 2, kind: 7, rest: vec![1] };
    let newer = forge(ALICE, workspace, 70, 0, &[fork[0].id], newer);
    let mut ops: Vec<Op> = Vec::new();
    for op in bob.log.iter().chain(&cara.log).chain(&alice.log).chain(&fork).chain([&newer]) {
        if !start.replica.knows(&op.id) && !ops.iter().any(|o| o.id == op.id) {
            ops.push(op.clone());
        }
    }
    (start, ops)
}

#[test]
fn every_order_of_a_few_ops_gives_one_result() {
    let (start, mut ops) = world();
    ops.truncate(6);
    let mut expected = None;
    let mut orders = 0;
    permute(&mut ops.iter().collect(), 0, &mut |order| {
        let mut peer = Peer::beside(ALICE, &start);
        deliver(&mut peer, order);
        orders += 1;
        let found = state(&peer.replica);
        assert_eq!(*expected.get_or_insert_with(|| found.clone()), found);
    });
    assert_eq!(orders, 720);
}

#[test]
fn random_orders_of_a_whole_world_give_one_result() {
    let (start, ops) = world();
    println!("SEED={}", seed());
    let mut dice = Dice::new(seed());
    let mut expected = None;
    for _ in 0..200 {
        let mut order: Vec<&Op> = ops.iter().collect();
        dice.shuffle(&mut order);
        let mut peer = Peer::beside(ALICE, &start);
        deliver(&mut peer, &order);
        assert_eq!(peer.replica.waiting(), 0);
        let found = state(&peer.replica);
        assert_eq!(*expected.get_or_insert_with(|| found.clone()), found);
        closed(&peer, &ops);
    }
    let State { known, folded, roles, newer } = expected.unwrap();
    assert!(known.len() > folded.len() + 5 && folded.len() >= 3, "the world has void and lost edits");
    assert!(roles[2] == Role::Viewer && newer == Some(2));
}

/// Each folded update finds everything that it names among those folded before it.
fn closed(peer: &Peer, ops: &[Op]) {
    struct Ends(std::collections::BTreeMap<u64, u64>);
    impl crate::gate::Past for Ends {
        fn end(&self, client: u64) -> u64 {
            self.0.get(&client).copied().unwrap_or(0)
        }
    }
    let (mut index, mut ends) = (crate::gate::Index::default(), Ends(Default::default()));
    for id in &peer.folded {
        let op = ops.iter().find(|op| op.id == *id).unwrap();
        let client = op.client();
        let update = Update::parse(&peer.replica.open(op).unwrap()).unwrap();
        index.insert(index.check(&update, client, crate::gate::Past::end(&ends, client), &ends).unwrap());
        if let Some((_, end)) = update.clock_range() {
            ends.0.insert(client, end);
        }
    }
}

fn permute<'a>(ops: &mut Vec<&'a Op>, at: usize, visit: &mut dyn FnMut(&[&'a Op])) {
    if at == ops.len() {
        return visit(ops);
    }
    for i in at..ops.len() {
        ops.swap(at, i);
        permute(ops, at + 1, visit);
        ops.swap(at, i);
    }
}
