//! Random worlds of honest and dishonest people, each of whom knows a part of the ops and judges by it.

use crate::causal::Node;
use crate::judge::rules::{Rule, Rules};
use crate::judge::{Author, Fact, FactKind, Id, Judge, Role};
use std::collections::BTreeSet;

pub(super) const FOUNDER: Author = [b'F'; 32];
pub(super) const RELAY: Author = [b'R'; 32];
pub(super) const OUTSIDER: Author = [b'M'; 32];
pub(super) const MEMBERS: [Author; 5] = [FOUNDER, [b'A'; 32], [b'B'; 32], [b'C'; 32], [b'D'; 32]];
pub(super) const GUESTS: [Author; 2] = [[b'G'; 32], [b'H'; 32]];
pub(super) const EVERYONE: [Author; 9] =
    [FOUNDER, [b'A'; 32], [b'B'; 32], [b'C'; 32], [b'D'; 32], [b'G'; 32], [b'H'; 32], RELAY, OUTSIDER];

pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, n: usize) -> usize {
        // SplitMix64: good from any seed on, small ones too.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// Says nothing about the order of making; ids may be ground to be small or large.
    pub(super) fn id(&mut self) -> Id {
        let mut id = [0; 32];
        id.iter_mut().for_each(|byte| *byte = self.below(256) as u8);
        id
    }
}

/// What an omniscient reader knows, and the ops in the order of making.
pub(super) struct World {
    pub(super) facts: Vec<Fact>,
    pub(super) judge: Judge,
    pub(super) dice: Dice,
    rules: Rules,
}

pub(super) fn judge_of(facts: &[Fact], rules: Rules) -> Judge {
    let mut judge = Judge::new();
    judge.facts.rules = rules;
    for fact in facts {
        judge.insert(fact).expect("deps come first");
    }
    judge
}

impl World {
    /// A world of 10 to 40 ops.
    pub(super) fn random(seed: u64, without: Option<Rule>) -> Self {
        let rules = Rules { without };
        let mut world = Self { facts: Vec::new(), judge: judge_of(&[], rules), dice: Dice(seed), rules };
        let genesis = FactKind::SetRole { subject: FOUNDER, role: Role::Owner, cap: None };
        world.add(FOUNDER, &[], genesis);
        let owners = world.dice.chance(40);
        for _ in 0..2 + world.dice.below(4) {
            let subject = world.dice.pick(&MEMBERS[1..]);
            let role = if owners { Role::Owner } else { world.dice.pick(&[Role::Viewer, Role::Editor, Role::Owner]) };
            let cap = world.judge.live_cap(&FOUNDER).map(|c| *world.judge.id(c));
            let heads = world.heads();
            world.add(FOUNDER, &heads, FactKind::SetRole { subject, role, cap });
        }
        let boot: BTreeSet<usize> = (0..world.facts.len()).collect();
        let mut known = vec![boot; EVERYONE.len()];
        let (cheating, gossip) = (world.dice.pick(&[0, 10, 25, 50]), world.dice.pick(&[5, 15, 30, 80]));
        for _ in 0..6 + world.dice.below(30) {
            let who = world.dice.below(EVERYONE.len());
            if world.dice.chance(gossip) {
                let other = world.dice.below(EVERYONE.len());
                let heard = known[other].clone();
                known[who].extend(heard);
            }
            let before = world.facts.len();
            if world.dice.chance(cheating) {
                world.cheat(EVERYONE[who], &known[who].clone());
            } else {
                world.honest(EVERYONE[who], &known[who].clone());
            }
            if world.facts.len() > before {
                // Certificates may rest on what their author was told beside the ops it had heard of.
                let past = world.past(Node(before as u32));
                known[who].extend(past);
                known[who].insert(before);
            }
        }
        world
    }

    pub(super) fn past(&self, node: Node) -> Vec<usize> {
        (0..node.index()).filter(|i| self.judge.causal().saw(node, Node(*i as u32))).collect()
    }

    pub(super) fn heads(&self) -> Vec<Node> {
        self.judge.causal().heads().collect()
    }

    pub(super) fn id(&self, node: Node) -> Id {
        *self.judge.id(node)
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = Node> + use<> {
        (0..self.facts.len() as u32).map(Node)
    }

    /// The same world with another future.
    pub(super) fn fork(&mut self) -> Self {
        let dice = Dice(self.dice.below(usize::MAX) as u64);
        Self { facts: self.facts.clone(), judge: judge_of(&self.facts, self.rules), dice, rules: self.rules }
    }

    pub(super) fn part(&self, of: &[usize]) -> Judge {
        judge_of(&of.iter().map(|i| self.facts[*i].clone()).collect::<Vec<_>>(), self.rules)
    }

    pub(super) fn in_order(&self, facts: &[Fact]) -> Judge {
        judge_of(facts, self.rules)
    }

    pub(super) fn add(&mut self, author: Author, deps: &[Node], kind: FactKind) -> Node {
        let deps = self.judge.causal().heads_of(deps).into_iter().map(|d| self.id(d)).collect();
        let fact = Fact { id: self.dice.id(), author, deps, kind };
        let node = self.judge.insert(&fact).expect("deps are known").node;
        self.facts.push(fact);
        node
    }

    /// An op by somebody honest who knows `known`; nothing, if there is nothing that it may do.
    fn honest(&mut self, who: Author, known: &BTreeSet<usize>) {
        let mine = self.part(&known.iter().copied().collect::<Vec<_>>());
        let here = |n: Node| self.judge.node(mine.id(n));
        let frontier: Vec<Node> = mine.frontier().filter_map(here).collect();
        let (role, cap) = (mine.role(&who), mine.live_cap(&who).map(|c| *mine.id(c)));
        let choice = self.dice.below(if role == Role::Owner { 10 } else { 5 });
        match choice {
            0 if self.dice.chance(15) && role > Role::None => {
                self.add(who, &frontier, FactKind::Leave);
            }
            1 => self.admit(who, &mine),
            _ if choice < 5 && role >= Role::Editor => {
                let void: Vec<Node> = known.iter().map(|i| Node(*i as u32)).collect();
                let void: Vec<Node> = void
                    .into_iter()
                    .filter_map(|n| mine.node(&self.id(n)))
                    .filter(|n| mine.is_edit(*n) && !mine.accepted(*n))
                    .collect();
                if !void.is_empty() && self.dice.chance(15) {
                    let taken = mine.adoption(&[self.dice.pick(&void)]);
                    let deps: Vec<Node> = taken.deps.iter().filter_map(|n| here(*n)).collect();
                    let adopts = taken.adopts.iter().map(|n| *mine.id(*n)).collect();
                    self.add(who, &deps, FactKind::Edit { adopts });
                } else {
                    self.add(who, &frontier, FactKind::Edit { adopts: Vec::new() });
                }
            }
            5 => {
                let kind = self.some_invite(cap, false);
                self.add(who, &frontier, kind);
            }
            6 => {
                let invites: Vec<Node> = self.invites().into_iter().filter(|n| known.contains(&n.index())).collect();
                if !invites.is_empty() {
                    let invite = self.dice.pick(&invites);
                    let invite = self.id(invite);
                    self.add(who, &frontier, FactKind::RevokeInvite { invite, cap });
                }
            }
            7.. => {
                let role = self.dice.pick(&[Role::None, Role::None, Role::Viewer, Role::Editor, Role::Owner]);
                let subject = self.dice.pick(&EVERYONE[..7]);
                self.add(who, &frontier, FactKind::SetRole { subject, role, cap });
            }
            _ => {}
        }
    }

    pub(super) fn invites(&self) -> Vec<Node> {
        self.nodes().filter(|n| matches!(self.facts[n.index()].kind, FactKind::Invite { .. })).collect()
    }

    fn some_invite(&mut self, cap: Option<Id>, any_role: bool) -> FactKind {
        let role = if any_role {
            self.dice.pick(&[Role::Viewer, Role::Editor, Role::Owner])
        } else {
            self.dice.pick(&[Role::Viewer, Role::Editor])
        };
        let member = self.dice.pick(&MEMBERS);
        let (max_uses, attester) = self.dice.pick(&[
            (Some(1), Some(RELAY)),
            (Some(2), Some(member)),
            (Some(2), Some(RELAY)),
            (None, None),
            (None, Some(RELAY)),
        ]);
        FactKind::Invite { role, cap, max_uses, attester }
    }

    /// The honest form of an admission by somebody, as `mine` knows; none if it may not admit by that link.
    pub(super) fn certificate(&self, who: Author, invite: Node, mine: &Judge) -> Option<(Vec<Node>, Option<Id>)> {
        let link = mine.node(&self.id(invite))?;
        let state = mine.invite_state(link)?;
        let proof = match state.attester {
            Some(attester) if attester == who => None,
            Some(_) => return None,
            None => Some(mine.members().into_iter().find(|m| m.author == who)?.grant),
        };
        let deps =
            mine.next_admit_deps(&who, link, proof).iter().filter_map(|n| self.judge.node(mine.id(*n))).collect();
        Some((deps, proof.map(|p| *mine.id(p))))
    }

    fn admit(&mut self, who: Author, mine: &Judge) {
        let invites = self.invites();
        if invites.is_empty() {
            return;
        }
        let invite = self.dice.pick(&invites);
        let open = mine.node(&self.id(invite)).and_then(|n| mine.invite_state(n)).is_some_and(|s| s.open());
        if let (true, Some((deps, proof))) = (open, self.certificate(who, invite, mine)) {
            let subject = self.dice.pick(&[GUESTS[0], GUESTS[1], MEMBERS[3], MEMBERS[4]]);
            self.add(who, &deps, FactKind::Admit { invite: self.id(invite), subject, proof });
        }
    }

    /// Anything at all by somebody, on any past put together from `known`.
    pub(super) fn cheat(&mut self, who: Author, known: &BTreeSet<usize>) -> Node {
        let known: Vec<Node> = known.iter().map(|i| Node(*i as u32)).collect();
        let tops: Vec<Node> = (0..1 + self.dice.below(3)).map(|_| self.dice.pick(&known)).collect();
        let causal = self.judge.causal();
        let in_past = |n: &Node| tops.iter().any(|t| t == n || causal.saw(*t, *n));
        let caps: Vec<Node> = known
            .iter()
            .copied()
            .filter(|n| {
                in_past(n)
                    && matches!(self.facts[n.index()].kind,
                FactKind::SetRole { subject, role: Role::Owner, .. } if subject == who)
            })
            .collect();
        let cap = if caps.is_empty() { self.dice.pick(&tops) } else { self.dice.pick(&caps) };
        let cap = Some(self.id(cap));
        let invites: Vec<Node> = self.invites().into_iter().filter(|n| known.contains(n)).collect();
        let role = self.dice.pick(&[Role::None, Role::Viewer, Role::Editor, Role::Owner]);
        let subject = self.dice.pick(&EVERYONE);
        match self.dice.below(10) {
            0..4 => self.add(who, &tops, FactKind::SetRole { subject, role, cap }),
            4 => {
                let kind = self.some_invite(cap, true);
                self.add(who, &tops, kind)
            }
            5 | 6 if !invites.is_empty() => {
                let invite = self.dice.pick(&invites);
                if self.dice.chance(20) {
                    return self.add(who, &tops, FactKind::RevokeInvite { invite: self.id(invite), cap });
                }
                let knows: Vec<usize> = known.iter().map(|n| n.index()).collect();
                let mine = self.part(&knows);
                let (mut deps, proof) = self.certificate(who, invite, &mine).unwrap_or((vec![invite], None));
                if self.dice.chance(40) {
                    deps = if self.dice.chance(50) { vec![invite] } else { [deps, tops].concat() };
                    deps.extend(proof.and_then(|p| self.judge.node(&p)));
                }
                self.add(who, &deps, FactKind::Admit { invite: self.id(invite), subject, proof })
            }
            _ => {
                let adopts =
                    if self.dice.chance(20) { known.iter().map(|n| self.id(*n)).collect() } else { Vec::new() };
                self.add(who, &tops, FactKind::Edit { adopts })
            }
        }
    }
}
