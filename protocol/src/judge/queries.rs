//! What callers ask of the judge. Nothing here changes anything.

use super::Judge;
use super::fact::{Author, Id, InviteState, Member, Role};
use super::facts::{Deed, DeedKind, EDIT, WELL_FORMED};
use super::lens::{Answer, Decided, Lens, Universe};
use super::present::{accepted, settled};
use crate::causal::Node;
use std::collections::BTreeMap;

/// A frontier to build on that takes something void along, and what must be adopted by name for it (Rule R7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adoption {
    pub deps: Vec<Node>,
    pub adopts: Vec<Node>,
}

/// What a causally closed set of ops comes to by itself. Ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The edits that count.
    pub edits: Vec<Node>,
    /// The membership ops that count.
    pub valid: Vec<Node>,
    /// Every device whose role is at least viewer.
    pub roles: Vec<(Author, Role)>,
}

impl Judge {
    /// The node of a known op.
    pub fn node(&self, id: &Id) -> Option<Node> {
        self.facts.ids.node(id)
    }

    /// The id of an op.
    ///
    /// # Panics
    /// For a node of another judge, as all queries by node.
    pub fn id(&self, node: Node) -> &Id {
        self.facts.ids.of(node)
    }

    /// Who wrote an op.
    pub fn author(&self, node: Node) -> Author {
        self.facts.authors[self.facts.op(node).author as usize]
    }

    /// The author of the genesis; none before there is one.
    pub fn founder(&self) -> Option<Author> {
        self.facts.ops.first().map(|op| self.facts.authors[op.author as usize])
    }

    /// The role that a device has, all known ops considered (Rule R9).
    pub fn role(&self, author: &Author) -> Role {
        let Some(number) = self.facts.author_numbers.get(author) else { return Role::None };
        let found = || settled(self.lens().role(*number, None));
        let role = *self.roles[*number as usize].get_or_init(found);
        debug_assert_eq!(role, found(), "only membership ops change roles");
        role
    }

    /// The role that a device had at an op, all known ops considered (Rule R9).
    pub fn role_at(&self, author: &Author, node: Node) -> Role {
        self.facts.author_numbers.get(author).map_or(Role::None, |a| settled(self.lens().role(*a, Some(node))))
    }

    /// Whether an op is an edit that counts (Rule R12).
    pub fn accepted(&self, node: Node) -> bool {
        accepted(&self.facts, node)
    }

    /// Whether an op is an edit that is not cut or an owner op that endorses, or stands in the past of one (Rules R11 and R12).
    pub fn held(&self, node: Node) -> bool {
        self.facts.op(node).support > 0
    }

    /// Whether an op is a membership op that counts (Rules R6 and R18).
    pub fn valid(&self, node: Node) -> bool {
        self.present.is_valid(&self.facts, node)
    }

    /// Whether an op is an edit that was clean and in order by its own past (Rule R10); never changes.
    pub fn well_formed(&self, node: Node) -> bool {
        self.facts.op(node).is(WELL_FORMED)
    }

    /// All edits that count, ascending.
    pub fn accepted_edits(&self) -> impl Iterator<Item = Node> + '_ {
        (0..self.facts.ops.len() as u32).map(Node).filter(|n| self.accepted(*n))
    }

    /// All membership ops that count, ascending.
    pub fn valid_membership(&self) -> impl Iterator<Item = Node> + '_ {
        self.facts.deeds.iter().map(|d| d.node).filter(|n| self.valid(*n))
    }

    /// Everybody whom any set_role, admission, Leave or device op, valid or not, is about.
    pub fn subjects(&self) -> Vec<Author> {
        let mut numbers: Vec<u32> = self.facts.deeds.iter().filter_map(|d| d.subject).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into_iter().map(|n| self.facts.authors[n as usize]).collect()
    }

    /// What an honest author names as seen: the heads of accepted edits and of valid membership and plain ops whose
    /// past holds accepted edits only. Ascending; empty before the genesis.
    pub fn frontier(&self) -> impl ExactSizeIterator<Item = Node> + '_ {
        self.present.frontier.iter().copied()
    }

    /// Whether an honest author may name an op as seen.
    pub fn trusted(&self, node: Node) -> bool {
        self.present.trusted(&self.facts, node)
    }

    /// What an editor names and adopts to take over void edits, given one or more of them, with all in their pasts.
    pub fn adoption(&self, void: &[Node]) -> Adoption {
        let mut tops: Vec<Node> = self.frontier().collect();
        tops.extend_from_slice(void);
        let deps = self.facts.causal.heads_of(&tops);
        let adopts = self.ask_under(&deps, |lens| lens.void_edits(self.facts.edits_under(&deps), |_| true));
        Adoption { adopts: adopts.unwrap_or_default(), deps }
    }

    /// What some ops and their pasts come to by themselves, whatever else is known.
    pub fn outcome_under(&self, tops: &[Node]) -> Outcome {
        if self.facts.causal.heads().eq(tops.iter().copied()) {
            return self.outcome();
        }
        let (edits, others): (Vec<Node>, Vec<Node>) =
            self.facts.causal.between(tops, &[]).into_iter().partition(|n| self.facts.op(*n).is(EDIT));
        let deeds: Vec<Node> = others.into_iter().filter(|n| self.facts.is_sound(*n)).collect();
        self.ask_under(tops, |lens| {
            let mut void = lens.void_edits(self.facts.edits_under(tops), |_| true)?.unwrap_or_default();
            void.sort_unstable();
            let edits = edits.iter().copied().filter(|n| void.binary_search(n).is_err()).collect();
            let mut valid = Vec::new();
            for deed in &deeds {
                if lens.valid(*deed)? {
                    valid.push(*deed);
                }
            }
            let mut roles = Vec::new();
            for number in 0..self.facts.authors.len() as u32 {
                let role = lens.role(number, None)?;
                if role > Role::None {
                    roles.push((self.facts.authors[number as usize], role));
                }
            }
            roles.sort_unstable();
            Ok(Outcome { edits, valid, roles })
        })
    }

    /// What all known ops come to: what is held at hand.
    fn outcome(&self) -> Outcome {
        let roles = self.facts.authors.iter().map(|author| (*author, self.role(author)));
        let mut roles: Vec<_> = roles.filter(|(_, role)| *role > Role::None).collect();
        roles.sort_unstable();
        Outcome { edits: self.accepted_edits().collect(), valid: self.valid_membership().collect(), roles }
    }

    /// Answers a question about the universe of some ops and their pasts.
    fn ask_under<T>(&self, tops: &[Node], question: impl Fn(&Lens<'_>) -> Answer<T>) -> T {
        let mut known = BTreeMap::new();
        loop {
            let need = match question(&self.lens_under(tops, &known)) {
                Ok(answer) => return answer,
                Err(need) => need,
            };
            let mut waiting = vec![need.0];
            while let Some(node) = waiting.last() {
                match self.lens_under(tops, &known).decide(*node) {
                    Ok(verdict) => {
                        known.insert(*node, verdict & super::lens::VALID != 0);
                        waiting.pop();
                    }
                    Err(before) => waiting.push(before.0),
                }
            }
        }
    }

    fn lens_under<'a>(&'a self, tops: &'a [Node], known: &'a BTreeMap<Node, bool>) -> Lens<'a> {
        Lens { facts: &self.facts, universe: Universe::Under(tops), decided: Decided::Some(known), view: None }
    }

    /// The senior live owner grant that somebody can act under; none if it is no owner.
    pub fn live_cap(&self, author: &Author) -> Option<Node> {
        let number = self.facts.author_numbers.get(author)?;
        let mut grants: Vec<Node> = Vec::new();
        for person in settled(self.lens().persons(*number, None)) {
            grants.extend(settled(self.lens().live_grants(person)));
        }
        grants.into_iter().min_by(|a, b| self.facts.seniority(*a, *b))
    }

    /// Whether a close counts: the workspace is read only (Rule R36).
    pub fn closed(&self) -> bool {
        settled(self.lens().closed(None))
    }

    /// The closes that count.
    pub fn closes(&self) -> impl Iterator<Item = Node> + '_ {
        self.facts.closes.iter().copied().filter(|close| self.valid(*close))
    }

    /// The live devices of a person, itself first if it is one; whatever the person's role.
    pub fn devices(&self, person: &Author) -> Vec<Author> {
        let Some(number) = self.facts.author_numbers.get(person) else { return Vec::new() };
        let mut devices: Vec<u32> = self.facts.devices_of(*number).into_iter().collect();
        devices.sort_by_key(|d| (d != number, *d));
        devices.retain(|d| settled(self.lens().device_alive(*number, *d, None)));
        devices.into_iter().map(|d| self.facts.authors[d as usize]).collect()
    }

    /// By what a device acts for a person: none if it does not, none inside as its first device, else by an add.
    pub fn standing_add(&self, person: &Author, device: &Author) -> Option<Option<Node>> {
        let number = |author: &Author| self.facts.author_numbers.get(author).copied();
        settled(self.lens().standing_add(number(person)?, number(device)?, None))
    }

    /// The op that counts and that ended a device's membership last, in the order of this log: a removal or a leave of a
    /// person whose device it is or was, or a removal of the device.
    pub fn ended_by(&self, author: &Author) -> Option<Node> {
        let number = *self.facts.author_numbers.get(author)?;
        let adds = self.facts.adds.get(&number).into_iter().flatten();
        let mut persons: Vec<u32> = adds.filter_map(|add| self.facts.deed_at(*add).person).collect();
        persons.push(number);
        let ends = |deed: &&Deed| match deed.kind {
            DeedKind::SetRole => deed.role == Role::None && deed.subject.is_some_and(|s| persons.contains(&s)),
            DeedKind::RemoveDevice => deed.subject == Some(number),
            _ => false,
        };
        self.facts.deeds.iter().rev().filter(ends).map(|deed| deed.node).find(|node| self.valid(*node))
    }

    /// Everybody for whom some structural add, valid or not, named a device.
    pub fn persons_with_devices(&self) -> Vec<Author> {
        let adds = self.facts.structural_adds.values().flatten();
        let mut persons: Vec<u32> = adds.filter_map(|a| self.facts.deed_at(*a).person).collect();
        persons.sort_unstable();
        persons.dedup();
        persons.into_iter().map(|p| self.facts.authors[p as usize]).collect()
    }

    /// All owners as persons, by the seniority of their grants.
    pub fn owners(&self) -> Vec<Author> {
        let mut owners: Vec<Member> = self.members().into_iter().filter(|m| m.role == Role::Owner).collect();
        owners.sort_by(|a, b| self.facts.seniority(a.grant, b.grant));
        let mut persons: Vec<Author> = Vec::new();
        for owner in owners {
            if !persons.contains(&owner.person) {
                persons.push(owner.person);
            }
        }
        persons
    }

    /// Every device whose role is at least viewer, in the order in which they were first heard of.
    pub fn members(&self) -> Vec<Member> {
        (0..self.facts.authors.len() as u32).filter_map(|n| self.member(n)).collect()
    }

    fn member(&self, number: u32) -> Option<Member> {
        let author = self.facts.authors[number as usize];
        let lens = self.lens();
        let persons = settled(lens.persons(number, None)).into_iter();
        // Who acts for several persons is shown for the one that may most, and of equals for oneself.
        let best = persons.map(|p| (settled(lens.person_role(p, None)), p == number, p)).max();
        let (role, _, number) = best.filter(|(role, ..)| *role > Role::None)?;
        let person = self.facts.authors[number as usize];
        let live = settled(lens.live_grants(number));
        if let Some(grant) = live.first() {
            return Some(Member { author, person, role, grant: *grant });
        }
        let standing = settled(lens.standing(number, None));
        let granted = standing.iter().filter(|g| g.kind == DeedKind::SetRole).min_by_key(|g| g.role);
        let grant = granted.or_else(|| standing.iter().max_by_key(|g| g.role))?;
        Some(Member { author, person, role, grant: grant.node })
    }

    /// What is known of a link; none if the op is no invite.
    pub fn invite_state(&self, invite: Node) -> Option<InviteState> {
        let deed = self.facts.deed(invite).filter(|d| d.kind == DeedKind::Invite)?;
        let revocations = self.facts.revocations.get(&invite).map_or(&[][..], Vec::as_slice);
        Some(InviteState {
            issuer: self.facts.authors[deed.author as usize],
            role: deed.role,
            max_uses: deed.max_uses,
            attester: deed.attester.map(|a| self.facts.authors[a as usize]),
            valid: self.valid(invite),
            issuer_alive: deed.sound && deed.cap.is_some_and(|cap| settled(self.lens().cap_alive(cap, None))),
            revoked: revocations.iter().any(|r| self.valid(*r)) || self.closed(),
            used: self.used(invite),
        })
    }

    /// How many valid admissions a link has.
    pub fn used(&self, invite: Node) -> u32 {
        self.facts.admits_of(invite).iter().filter(|a| self.valid(**a)).count() as u32
    }

    /// The place of an admission in its attester's chain, from 1; none if it is no structural admission.
    pub fn admit_index(&self, admit: Node) -> Option<u32> {
        self.facts.deed(admit).map(|d| d.index).filter(|i| *i > 0)
    }

    /// What an attester's next Admit by a link depends on (Rule R14): invite, proof and its own chain, as heads.
    pub fn next_admit_deps(&self, attester: &Author, invite: Node, proof: Option<Node>) -> Vec<Node> {
        let mut deps = vec![invite];
        deps.extend(proof);
        if let Some(number) = self.facts.author_numbers.get(attester) {
            deps.extend(self.facts.admit_chains.get(&(*number, invite, proof)).into_iter().flatten());
        }
        self.facts.causal.heads_of(&deps)
    }

    /// Whether an op is an edit, counting or not.
    pub fn is_edit(&self, node: Node) -> bool {
        self.facts.op(node).is(EDIT)
    }

    fn lens(&self) -> Lens<'_> {
        self.present.lens(&self.facts)
    }
}
