//! Random worlds in which sessions fork while their author comes and goes and others build on some of it: what is lost is
//! what Rule R25 says of the whole, in whatever order it came.

use std::collections::BTreeMap;

use super::*;

const WORLDS: u64 = 300;
pub(super) const STEPS: usize = 40;

/// Bob's sessions fork as they like; Alice and Cara, both owners, build on some of it, remove him and take him back.
pub(super) struct Tangle {
    pub(super) dice: Dice,
    owners: [Peer; 2],
    /// What Bob said, each with its session and position.
    bobs: Vec<(Op, u8, u64)>,
    nonces: u8,
}

impl Tangle {
    pub(super) fn new(seed: u64) -> Self {
        let (mut alice, bob) = alice_and_bob();
        alice.grant(CARA, Role::Owner);
        let cara = Peer::beside(CARA, &alice);
        let opening = |nonce| (forge(BOB, bob.replica.workspace(), nonce, 0, &bob.heads(), Body::Open), nonce, 0);
        Self { dice: Dice::new(seed), owners: [alice, cara], bobs: [40, 41].map(opening).to_vec(), nonces: 100 }
    }

    pub(super) fn step(&mut self) {
        let who = self.dice.roll(2);
        let some = self.dice.roll(self.bobs.len());
        match self.dice.roll(12) {
            0..5 => self.bob_goes_on(some),
            5..8 => {
                // What it had seen may be missing there.
                self.owners[who].take(&self.bobs[some].0).unwrap();
            }
            8..10 => {
                self.owner_goes_on(who, some);
            }
            10 => {
                let role = [Role::None, Role::None, Role::Editor][self.dice.roll(3)];
                self.open(who).grant(BOB, role);
            }
            _ => self.meet(who),
        }
    }

    fn bob_goes_on(&mut self, at: usize) {
        let (before, nonce, seq) = self.bobs[at].clone();
        let workspace = before.workspace();
        let client = crate::op::client_id(&workspace, &id(BOB), &SessionId([nonce; 16]));
        let mut names = vec![before.id];
        if self.dice.roll(3) == 0 {
            // It may know of its removal, and does as if it did not.
            let heads = self.owners[self.dice.roll(2)].heads();
            names.extend(heads.into_iter().filter(|id| *id != before.id));
        }
        // All set one key, each as the value behind one that it had seen.
        let update = if seq == 0 { set_meta(client, 0, "k") } else { set_again(client, seq, (client, seq - 1)) };
        let op = forge(BOB, workspace, nonce, seq + 1, &names, whole(update));
        self.bobs.push((op, nonce, seq + 1));
    }

    /// An owner sets the key, on what Bob said if it counts there.
    fn owner_goes_on(&mut self, who: usize, at: usize) {
        let (bobs, nonce, seq) = self.bobs[at].clone();
        let theirs = crate::op::client_id(&bobs.workspace(), &id(BOB), &SessionId([nonce; 16]));
        let owner = self.open(who);
        let client = owner.session.client();
        let behind = seq.checked_sub(1).filter(|_| owner.replica.is_folded(&bobs.id));
        let update = behind.map_or_else(|| set_meta(client, 0, "k"), |clock| set_again(client, 0, (theirs, clock)));
        owner.say(whole(update));
    }

    /// An owner in a new session, for theirs may have been lost.
    fn open(&mut self, who: usize) -> &mut Peer {
        self.nonces += 1;
        self.owners[who].restart(self.nonces);
        &mut self.owners[who]
    }

    fn meet(&mut self, who: usize) {
        let ops = self.owners[1 - who].log.clone();
        deliver(&mut self.owners[who], &ops.iter().collect::<Vec<_>>());
    }

    /// All that was said, in the end.
    pub(super) fn ops(&self) -> Vec<Op> {
        let all = self.owners.iter().flat_map(|owner| &owner.log).chain(self.bobs.iter().map(|(op, ..)| op));
        let all: BTreeMap<OpId, Op> = all.map(|op| (op.id, op.clone())).collect();
        all.into_values().collect()
    }
}

/// What Rule R25 says is lost, from its words: the rivals that do not count, and all that had seen one.
fn lost_by_rule(replica: &Replica, ops: &[Op]) -> Vec<OpId> {
    let judge = replica.judge();
    let node = |op: &Op| judge.node(&op.id.0).unwrap();
    let carries = |op: &Op| {
        let valid = judge.valid(node(op)) && judge.role_at(&op.author.0, node(op)) >= Role::Editor;
        judge.accepted(node(op)) || valid && !matches!(op.body, Body::Admit { .. })
    };
    let rank = |op: &Op| {
        let rests = ops.iter().any(|by| carries(by) && (by.id == op.id || judge.causal().saw(node(by), node(op))));
        (judge.role_at(&op.author.0, node(op)) < Role::Editor, !rests, op.id)
    };
    let mut rivals: BTreeMap<(Option<OpId>, u64), Vec<&Op>> = BTreeMap::new();
    for op in ops.iter().filter(|op| op.session != SessionId::NONE) {
        let client = if op.seq == 0 { op.client() } else { 0 };
        rivals.entry((op.prev, client)).or_default().push(op);
    }
    let losers = rivals.into_values().flat_map(|mut rivals| {
        rivals.sort_by_cached_key(|op| rank(op));
        rivals.into_iter().skip(1)
    });
    let losers: Vec<Node> = losers.map(node).collect();
    let lost = |op: &&Op| losers.iter().any(|loser| *loser == node(op) || judge.causal().saw(node(op), *loser));
    ops.iter().filter(lost).map(|op| op.id).collect()
}

#[test]
fn in_any_order_what_is_lost_is_what_the_rule_says_of_the_whole() {
    println!("SEED={}", seed());
    let (mut settled_anew, mut outranked, mut came_back) = (0, 0, 0);
    for seed in seed()..seed() + WORLDS {
        let mut tangle = Tangle::new(seed);
        let start = Peer::beside(BOB, &tangle.owners[0]);
        for _ in 0..STEPS {
            tangle.step();
        }
        let ops = tangle.ops();
        let mut expected = None;
        for _ in 0..4 {
            let mut order: Vec<&Op> = ops.iter().collect();
            tangle.dice.shuffle(&mut order);
            let mut peer = Peer::beside(BOB, &start);
            let mut was_lost = std::collections::BTreeSet::new();
            for op in &order {
                peer.take(op).unwrap();
                was_lost.extend(ops.iter().filter(|op| peer.replica.is_lost(&op.id)).map(|op| op.id));
            }
            deliver(&mut peer, &order);
            let by_rule = lost_by_rule(&peer.replica, &ops);
            let lost: Vec<OpId> = ops.iter().filter(|op| peer.replica.is_lost(&op.id)).map(|op| op.id).collect();
            assert_eq!(lost, by_rule, "world {seed}");
            let found = (state(&peer.replica), peer.replica.sessions.runs());
            assert_eq!(*expected.get_or_insert_with(|| found.clone()), found, "world {seed}");
            came_back += was_lost.iter().filter(|id| !lost.contains(id)).count();
            settled_anew += peer.rereads;
            outranked += lost.len();
        }
    }
    println!("{settled_anew} times settled anew, {outranked} ops lost, {came_back} came back");
    assert!(settled_anew > 50 && outranked > 500 && came_back > 50, "the worlds are tangled enough");
}
