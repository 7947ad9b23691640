//! The ops taken in, and what follows from the shape of an op alone: rank, structure, place in an admission chain.
//!
//! All of it is settled when an op arrives and never changes. Deliberately absent: whether an op counts, which depends
//! on the other ops around it (`lens.rs`).

use super::fact::{Author, Fact, FactKind, Id, Role};
use super::ids::Ids;
use super::rules::{Rule, Rules};
use super::structure::chain_key;
use crate::causal::{Causal, Node};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(super) const NO_DEED: u32 = u32::MAX;
pub(super) const EDIT: u8 = 1;
pub(super) const STRUCTURAL: u8 = 2;
pub(super) const CLEAN: u8 = 4;
pub(super) const WELL_FORMED: u8 = 8;
pub(super) const UNCUT: u8 = 16;

/// What is kept for every op.
#[derive(Clone, Copy, Debug)]
pub(super) struct Op {
    pub(super) author: u32,
    /// The membership ops in its past, as a number of `Views`.
    pub(super) view: u32,
    /// Its entry in `deeds`, if it is a membership op.
    pub(super) deed: u32,
    /// How many of the ops that name it as a dep are held, plus one if it endorses by itself.
    pub(super) support: u32,
    pub(super) flags: u8,
}

kept!(Op { author, view, deed, support, flags });

impl Op {
    pub(super) fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeedKind {
    /// Also a Leave: a set_role to none of its author, without a cap.
    SetRole,
    Invite,
    Revoke,
    Admit,
    AddDevice,
    RemoveDevice,
    Close,
}

kept_variant!(DeedKind { SetRole, Invite, Revoke, Admit, AddDevice, RemoveDevice, Close });

/// A membership op, its references resolved to nodes of its past (none if they are not in it).
#[derive(Clone, Debug)]
pub(super) struct Deed {
    pub(super) node: Node,
    pub(super) kind: DeedKind,
    pub(super) author: u32,
    pub(super) subject: Option<u32>,
    pub(super) role: Role,
    pub(super) cap: Option<Node>,
    pub(super) invite: Option<Node>,
    pub(super) proof: Option<Node>,
    pub(super) max_uses: Option<u32>,
    pub(super) attester: Option<u32>,
    /// Of a structural admission: its place in its attester's chain, from 1.
    pub(super) index: u32,
    /// Of a structural owner grant: how many grants lie between it and the genesis (Rule R2).
    pub(super) length: Option<u32>,
    /// Structural and clean: only such ops can ever count.
    pub(super) sound: bool,
    /// Names no cap, as only a genesis may (naming an unknown one is something else).
    pub(super) capless: bool,
    pub(super) leave: bool,
    /// Of device ops (Rule R19): whose device, the add that the author stands on, whether it names none as the first
    /// device does, and of an add how many lead to it from there.
    pub(super) person: Option<u32>,
    pub(super) under: Option<Node>,
    pub(super) rooted: bool,
    pub(super) steps: u32,
}

kept!(Deed {
    node,
    kind,
    author,
    subject,
    role,
    cap,
    invite,
    proof,
    max_uses,
    attester,
    index,
    length,
    sound,
    capless,
    leave,
    person,
    under,
    rooted,
    steps,
});

impl Deed {
    /// An op of an author that gives nothing to nobody: what its kind says beyond that is for the caller to fill in.
    fn of(node: Node, author: u32) -> Self {
        Self {
            node,
            author,
            kind: DeedKind::SetRole,
            subject: None,
            role: Role::None,
            cap: None,
            invite: None,
            proof: None,
            max_uses: None,
            attester: None,
            index: 0,
            length: None,
            sound: false,
            capless: false,
            leave: false,
            person: None,
            under: None,
            rooted: false,
            steps: 0,
        }
    }

    /// Whether its author lowers itself: a resignation or a Leave.
    pub(super) fn resigns(&self) -> bool {
        self.kind == DeedKind::SetRole && self.subject == Some(self.author) && self.role < Role::Owner
    }

    pub(super) fn is_add(&self) -> bool {
        self.kind == DeedKind::AddDevice
    }

    /// Whether it is about devices (Rule R19) and not about roles.
    pub(super) fn is_device_op(&self) -> bool {
        matches!(self.kind, DeedKind::AddDevice | DeedKind::RemoveDevice)
    }

    pub(super) fn is_owner_grant(&self) -> bool {
        self.kind == DeedKind::SetRole && self.role == Role::Owner
    }
}

type Nodes = Vec<Node>;

/// All ops and the indexes over them. The lists hold sound ops only, ascending, except where said.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) causal: Causal,
    pub(super) ops: Vec<Op>,
    pub(super) deeds: Vec<Deed>,
    pub(super) ids: Ids,
    pub(super) authors: Vec<Author>,
    pub(super) author_numbers: BTreeMap<Author, u32>,
    /// Set_roles, and set_roles with admissions, by subject.
    pub(super) set_roles: Vec<Nodes>,
    pub(super) grants: Vec<Nodes>,
    /// Owner ops: all, by the cap they name, by author.
    pub(super) owner_ops: Nodes,
    pub(super) by_cap: BTreeMap<Node, Nodes>,
    pub(super) owner_ops_by: BTreeMap<u32, Nodes>,
    /// Admissions by invite, author and proof; revocations by invite.
    pub(super) admits: BTreeMap<Node, Nodes>,
    pub(super) admits_by: BTreeMap<u32, Nodes>,
    pub(super) admits_under: BTreeMap<Node, Nodes>,
    pub(super) revocations: BTreeMap<Node, Nodes>,
    pub(super) closes: Nodes,
    /// Adds by device, removals by person and device, both by person, and the devices that sound adds name.
    pub(super) adds: BTreeMap<u32, Nodes>,
    pub(super) removals: BTreeMap<(u32, u32), Nodes>,
    pub(super) device_ops: BTreeMap<u32, Nodes>,
    pub(super) devices: BTreeMap<u32, BTreeSet<u32>>,
    /// Structural adds, sound or not, by device.
    pub(super) structural_adds: BTreeMap<u32, Nodes>,
    /// Structural ones, sound or not: admissions by (author, invite, proof), and grants by subject.
    pub(super) admit_chains: BTreeMap<(u32, Node, Option<Node>), Nodes>,
    pub(super) structural_grants: Vec<Nodes>,
    /// Edits by author and chain.
    pub(super) edits_by: BTreeMap<(u32, u32), Nodes>,
    /// What edits adopt, of what was known to them.
    pub(super) adopts: BTreeMap<Node, Box<[Node]>>,
    /// The heads among the edits in the past of each op that is no edit itself; absent where there is none.
    edit_heads: BTreeMap<Node, Arc<[Node]>>,
    pub(super) rules: Rules,
}

kept!(
    Facts {
        causal,
        ops,
        deeds,
        ids,
        authors,
        set_roles,
        grants,
        owner_ops,
        by_cap,
        owner_ops_by,
        admits,
        admits_by,
        admits_under,
        revocations,
        closes,
        adds,
        removals,
        device_ops,
        devices,
        structural_adds,
        admit_chains,
        structural_grants,
        edits_by,
        adopts,
        edit_heads,
    }
    anew { author_numbers, rules }
);

impl Facts {
    /// After they were kept and taken up again: finds authors by key.
    pub(super) fn number_anew(&mut self) {
        self.author_numbers = self.authors.iter().zip(0..).map(|(author, n)| (*author, n)).collect();
    }

    pub(super) fn op(&self, node: Node) -> &Op {
        &self.ops[node.index()]
    }

    pub(super) fn deed(&self, node: Node) -> Option<&Deed> {
        self.deeds.get(self.op(node).deed as usize)
    }

    /// The membership op that a resolved reference of a structural op leads to.
    pub(super) fn deed_at(&self, node: Node) -> &Deed {
        self.deed(node).expect("references of structural ops lead to membership ops")
    }

    pub(super) fn is_structural(&self, node: Node) -> bool {
        self.op(node).is(STRUCTURAL)
    }

    pub(super) fn is_sound(&self, node: Node) -> bool {
        self.deed(node).is_some_and(|deed| deed.sound)
    }

    pub(super) fn saw(&self, later: Node, earlier: Node) -> bool {
        self.causal.saw(later, earlier)
    }

    pub(super) fn author_number(&mut self, author: Author) -> u32 {
        if let Some(number) = self.author_numbers.get(&author) {
            return *number;
        }
        let number = self.authors.len() as u32;
        self.authors.push(author);
        self.author_numbers.insert(author, number);
        self.set_roles.push(Vec::new());
        self.grants.push(Vec::new());
        self.structural_grants.push(Vec::new());
        number
    }

    /// Takes an op in: its record, its deed with references resolved, and whether it is structural.
    pub(super) fn add(&mut self, fact: &Fact, deps: &[Node]) -> Node {
        let author = self.author_number(fact.author);
        // The author's own ops first: so the index's chains follow sessions, and stay few.
        let (mut first, others): (Vec<Node>, Vec<Node>) = deps.iter().partition(|d| self.op(**d).author == author);
        first.extend(others);
        let node = self.causal.insert(&first);
        self.ids.push(fact.id);
        let mut op = Op { author, view: 0, deed: NO_DEED, support: 0, flags: 0 };
        if let FactKind::Edit { adopts } = &fact.kind {
            op.flags = EDIT;
            let mut known: Vec<Node> = adopts.iter().filter_map(|id| self.past_node(node, id)).collect();
            known.sort_unstable();
            if !known.is_empty() {
                self.adopts.insert(node, known.into());
            }
            let chain = self.causal.place_of(node).0.0;
            self.edits_by.entry((author, chain)).or_default().push(node);
        } else {
            self.note_edit_heads(node);
        }
        self.ops.push(op);
        if let Some(deed) = self.resolve(node, author, &fact.kind) {
            self.add_deed(deed);
        }
        node
    }

    fn past_node(&self, node: Node, id: &Id) -> Option<Node> {
        self.ids.node(id).filter(|other| self.saw(node, *other))
    }

    fn resolve(&mut self, node: Node, author: u32, kind: &FactKind) -> Option<Deed> {
        let past = |facts: &Self, id: &Option<Id>| id.as_ref().and_then(|id| facts.past_node(node, id));
        let mut deed = Deed::of(node, author);
        match kind {
            FactKind::SetRole { subject, role, cap } => {
                deed.subject = Some(self.author_number(*subject));
                deed.role = *role;
                deed.cap = past(self, cap);
                deed.capless = cap.is_none();
            }
            FactKind::Invite { role, cap, max_uses, attester } => {
                deed.kind = DeedKind::Invite;
                deed.role = *role;
                deed.cap = past(self, cap);
                deed.max_uses = *max_uses;
                deed.attester = attester.map(|a| self.author_number(a));
            }
            FactKind::RevokeInvite { invite, cap } => {
                deed.kind = DeedKind::Revoke;
                deed.cap = past(self, cap);
                deed.invite = self.past_node(node, invite);
            }
            FactKind::Admit { invite, subject, proof } => {
                deed.kind = DeedKind::Admit;
                deed.subject = Some(self.author_number(*subject));
                deed.invite = self.past_node(node, invite);
                deed.proof = past(self, proof);
                // A proof that is not in the past is none that counts, but it is not "no proof" either.
                if proof.is_some() && deed.proof.is_none() {
                    deed.invite = None;
                }
            }
            FactKind::Leave => {
                deed.subject = Some(author);
                deed.leave = true;
            }
            FactKind::AddDevice { subject, under } | FactKind::RemoveDevice { subject, under } => {
                let add = matches!(kind, FactKind::AddDevice { .. });
                deed.kind = if add { DeedKind::AddDevice } else { DeedKind::RemoveDevice };
                deed.subject = Some(self.author_number(*subject));
                let is_add = |n: &Node| self.is_structural(*n) && self.deed(*n).is_some_and(Deed::is_add);
                deed.under = past(self, under).filter(is_add);
                deed.rooted = under.is_none();
                let above = deed.under.map(|add| self.deed_at(add));
                deed.person = if deed.rooted { Some(author) } else { above.and_then(|a| a.person) };
                deed.steps = above.map_or(1, |a| a.steps + 1);
            }
            FactKind::Close { cap } => {
                deed.kind = DeedKind::Close;
                deed.cap = past(self, cap);
            }
            FactKind::Edit { .. } | FactKind::Plain => return None,
        }
        Some(deed)
    }

    fn add_deed(&mut self, mut deed: Deed) {
        let node = deed.node;
        self.ops[node.index()].deed = self.deeds.len() as u32;
        if self.structural(&deed) {
            self.ops[node.index()].flags |= STRUCTURAL;
            if deed.kind == DeedKind::Admit {
                // Rule R17: an admission carries its invite's role and cap.
                let invite = self.deed_at(deed.invite.expect("a structural admission names a known invite"));
                (deed.role, deed.cap) = (invite.role, invite.cap);
                deed.index = self.chain_index(&deed);
                self.admit_chains.entry(chain_key(&deed)).or_default().push(node);
            }
            if deed.is_owner_grant() {
                // Rule R2: one step further from the genesis than its cap.
                deed.length = Some(deed.cap.map_or(0, |cap| self.deed_at(cap).length.map_or(0, |l| l + 1)));
            }
            if let (DeedKind::SetRole | DeedKind::Admit, Some(subject)) = (deed.kind, deed.subject) {
                self.structural_grants[subject as usize].push(node);
            }
            if let (DeedKind::AddDevice, Some(subject)) = (deed.kind, deed.subject) {
                self.structural_adds.entry(subject).or_default().push(node);
            }
        }
        self.deeds.push(deed);
    }

    /// Enters an op into the lists of what may count, once it is known to be sound.
    pub(super) fn list(&mut self, node: Node) {
        let at = self.op(node).deed as usize;
        self.deeds[at].sound = true;
        let deed = self.deeds[at].clone();
        if let (DeedKind::SetRole | DeedKind::Admit, Some(subject)) = (deed.kind, deed.subject) {
            self.grants[subject as usize].push(node);
            if deed.kind == DeedKind::SetRole {
                self.set_roles[subject as usize].push(node);
            }
        }
        if deed.is_device_op() {
            let (Some(person), Some(device)) = (deed.person, deed.subject) else { return };
            self.device_ops.entry(person).or_default().push(node);
            if deed.is_add() {
                self.adds.entry(device).or_default().push(node);
                self.devices.entry(person).or_default().insert(device);
            } else {
                self.removals.entry((person, device)).or_default().push(node);
            }
            return;
        }
        if deed.kind == DeedKind::Close {
            self.closes.push(node);
        }
        if deed.kind != DeedKind::Admit {
            self.owner_ops.push(node);
            self.owner_ops_by.entry(deed.author).or_default().push(node);
            if let Some(cap) = deed.cap {
                self.by_cap.entry(cap).or_default().push(node);
            }
        }
        let Some(invite) = deed.invite else { return };
        if deed.kind == DeedKind::Revoke {
            self.revocations.entry(invite).or_default().push(node);
            return;
        }
        self.admits.entry(invite).or_default().push(node);
        self.admits_by.entry(deed.author).or_default().push(node);
        if let Some(proof) = deed.proof {
            self.admits_under.entry(proof).or_default().push(node);
        }
    }

    /// The sound admissions by a link.
    pub(super) fn admits_of(&self, invite: Node) -> &[Node] {
        self.admits.get(&invite).map_or(&[], Vec::as_slice)
    }

    /// Rule R2 Seniority: less is senior. The shorter path of grants from the genesis; of equal ones the first step
    /// that differs, by (depth, hash).
    pub(super) fn seniority(&self, a: Node, b: Node) -> Ordering {
        if a == b {
            return Ordering::Equal;
        }
        if self.off(Rule::R2) {
            return a.cmp(&b).reverse();
        }
        let length = |n| self.deed_at(n).length;
        length(a).cmp(&length(b)).then_with(|| {
            let (mut a, mut b) = (a, b);
            loop {
                match (self.deed_at(a).cap, self.deed_at(b).cap) {
                    (Some(x), Some(y)) if x != y => (a, b) = (x, y),
                    _ => return self.tie_break(a).cmp(&self.tie_break(b)),
                }
            }
        })
    }

    pub(super) fn tie_break(&self, grant: Node) -> (u32, &Id) {
        (self.causal.depth(grant), self.ids.of(grant))
    }

    /// An order in which the validity of each op rests only on ops before it: removals of devices by the seniority of
    /// their author's, then adds by depth; owner ops by the seniority of their cap, resignations first, then by depth;
    /// admissions after all owner ops, by depth.
    pub(super) fn order_of_judging(&self, a: Node, b: Node) -> Ordering {
        let (x, y) = (self.deed_at(a), self.deed_at(b));
        let depth = || (self.causal.depth(a), a).cmp(&(self.causal.depth(b), b));
        let stage = |kind| match kind {
            DeedKind::RemoveDevice => 0,
            DeedKind::AddDevice => 1,
            DeedKind::SetRole | DeedKind::Invite | DeedKind::Revoke | DeedKind::Close => 2,
            DeedKind::Admit => 3,
        };
        match (stage(x.kind), stage(y.kind)) {
            (0, 0) => return self.device_seniority(x.under, y.under).then_with(depth),
            (1, 1) | (3, 3) => return depth(),
            (2, 2) => {}
            (earlier, later) => return earlier.cmp(&later),
        }
        let caps = match (x.cap, y.cap) {
            (Some(p), Some(q)) => self.seniority(p, q),
            (p, q) => p.is_some().cmp(&q.is_some()),
        };
        caps.then_with(|| y.resigns().cmp(&x.resigns())).then_with(depth)
    }

    /// The edits nearest below an op: all edits in its past are among them or in their pasts. Not always minimal.
    pub(super) fn edits_below(&self, node: Node) -> Vec<Node> {
        self.edits_under(self.causal.deps(node))
    }

    /// The same for a set of deps, themselves included.
    pub(super) fn edits_under(&self, deps: &[Node]) -> Vec<Node> {
        let mut found = Vec::with_capacity(deps.len());
        for dep in deps {
            if self.op(*dep).is(EDIT) {
                found.push(*dep);
            } else if let Some(heads) = self.edit_heads.get(dep) {
                found.extend_from_slice(heads);
            }
        }
        found
    }

    fn note_edit_heads(&mut self, node: Node) {
        let deps = self.causal.deps(node);
        let shared = match deps {
            [only] if !self.op(*only).is(EDIT) => self.edit_heads.get(only).cloned(),
            _ => Some(self.causal.heads_of(&self.edits_under(deps)).into()),
        };
        if let Some(heads) = shared.filter(|heads: &Arc<[Node]>| !heads.is_empty()) {
            self.edit_heads.insert(node, heads);
        }
    }

    pub(super) fn off(&self, rule: Rule) -> bool {
        self.rules.off(rule)
    }
}
