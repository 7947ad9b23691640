//! The rules that depend on the ops around: what counts in one causally closed set of ops, the universe.
//!
//! A lens asks; it keeps nothing. Where an answer needs the validity of an op that has not been decided yet it says so
//! (`Need`), and the caller decides that one first: so no recursion goes deep. Deliberately absent: how the present is
//! kept up to date (`present.rs`) and how verdicts about pasts are remembered (`views.rs`).

use super::fact::Role;
use super::facts::{Deed, DeedKind, EDIT, Facts, WELL_FORMED};
use super::rules::Rule;
use crate::causal::Node;
use std::collections::{BTreeMap, BinaryHeap};

/// The op whose validity must be decided before the question can be answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Need(pub(super) Node);

pub(super) type Answer<T> = Result<T, Need>;

/// Which ops the judgement is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Universe<'a> {
    All,
    PastOf(Node),
    /// These ops and their pasts.
    Under(&'a [Node]),
}

/// The verdicts on membership ops so far.
#[derive(Clone, Copy, Debug)]
pub(super) enum Decided<'a> {
    /// By number of deed; bit `VALID`.
    All(&'a [u8]),
    Some(&'a BTreeMap<Node, bool>),
}

pub(super) const VALID: u8 = 1;
pub(super) const ADMISSIBLE: u8 = 2;

#[derive(Clone, Copy, Debug)]
pub(super) struct Lens<'a> {
    pub(super) facts: &'a Facts,
    pub(super) universe: Universe<'a>,
    pub(super) decided: Decided<'a>,
    /// The view that the universe's membership ops make up, if it has a number.
    pub(super) view: Option<u32>,
}

impl<'a> Lens<'a> {
    pub(super) fn contains(&self, node: Node) -> bool {
        match self.universe {
            Universe::All => true,
            Universe::PastOf(top) => self.facts.saw(top, node),
            Universe::Under(tops) => tops.iter().any(|top| *top == node || self.facts.saw(*top, node)),
        }
    }

    pub(super) fn valid(&self, node: Node) -> Answer<bool> {
        match self.decided {
            Decided::All(verdicts) => {
                Ok(verdicts.get(self.facts.op(node).deed as usize).is_some_and(|v| v & VALID != 0))
            }
            Decided::Some(_) if !self.facts.is_sound(node) => Ok(false),
            Decided::Some(known) => known.get(&node).copied().ok_or(Need(node)),
        }
    }

    /// The verdict on a sound membership op, from the verdicts that come before it in the order of judging.
    pub(super) fn decide(&self, node: Node) -> Answer<u8> {
        let deed = self.facts.deed_at(node);
        let valid = match deed.kind {
            DeedKind::RemoveDevice => self.valid_removal(deed)?,
            DeedKind::AddDevice => self.valid_add(deed)?,
            DeedKind::SetRole | DeedKind::Invite | DeedKind::Revoke | DeedKind::Close => self.valid_owner_op(deed)?,
            DeedKind::Admit => return self.decide_admit(deed),
        };
        Ok(if valid { VALID } else { 0 })
    }

    fn decide_admit(&self, deed: &Deed) -> Answer<u8> {
        if !self.admissible(deed)? {
            return Ok(0);
        }
        // Rule R18: structural, clean, admissible and within the limit.
        Ok(ADMISSIBLE | if self.within_limit(deed)? { VALID } else { 0 })
    }

    pub(super) fn set_roles(&self, subject: u32) -> impl Iterator<Item = &'a Deed> + use<'a, '_> {
        let facts = self.facts;
        facts.set_roles[subject as usize].iter().filter(|n| self.contains(**n)).map(|n| facts.deed_at(*n))
    }

    /// Rule R4 Bite: only a cap senior to the grant, or the grant itself, takes an owner grant away. A Leave has none.
    fn bites(&self, demotion: &Deed, grant: Node) -> bool {
        demotion.cap.is_some_and(|cap| self.facts.seniority(cap, grant).is_le() || self.facts.off(Rule::R4))
    }

    /// Rule R5 Live cap: the demotions that would kill a cap at an op (or for a next op), were they valid: those that
    /// bite it, that it had not seen, and that had not seen the op.
    fn demotions(&self, cap: &'a Deed, at: Option<Node>) -> impl Iterator<Item = &'a Deed> + use<'a, '_> {
        let subject = cap.subject.expect("an owner grant has a subject");
        self.set_roles(subject).filter(move |d| {
            d.role < Role::Owner
                && !self.facts.saw(cap.node, d.node)
                && self.not_seen(at, d.node)
                && !(self.facts.off(Rule::R5) && at.is_some_and(|at| !self.facts.saw(at, d.node)))
                && self.bites(d, cap.node)
        })
    }

    pub(super) fn not_seen(&self, op: Option<Node>, by: Node) -> bool {
        op.is_none_or(|op| op != by && !self.facts.saw(by, op))
    }

    pub(super) fn cap_alive(&self, cap: Node, at: Option<Node>) -> Answer<bool> {
        for demotion in self.demotions(self.facts.deed_at(cap), at) {
            if self.valid(demotion.node)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Rule R6 Owner ops: valid with a valid cap that is alive at the op. Concurrent resignations of one person spare
    /// each other. The genesis, and a Leave, act under no cap. Rule R19: the device is alive at it.
    fn valid_owner_op(&self, deed: &Deed) -> Answer<bool> {
        let Some(cap) = deed.cap else { return self.device_alive(deed.author, deed.author, Some(deed.node)) };
        if !self.valid(cap)? {
            return Ok(false);
        }
        for demotion in self.demotions(self.facts.deed_at(cap), Some(deed.node)) {
            let spared = deed.resigns() && demotion.resigns() && !self.facts.saw(deed.node, demotion.node);
            if (!spared || self.facts.off(Rule::R6)) && self.valid(demotion.node)? {
                return Ok(false);
            }
        }
        let person = self.facts.deed_at(cap).subject.expect("an owner grant has a subject");
        Ok(self.facts.off(Rule::R3) || self.device_alive(person, deed.author, Some(deed.node))?)
    }

    /// Rule R8 Override: a set_role replaces what it had seen. Rule R17 for admissions: only lower set_roles that the
    /// invite itself had seen.
    fn overrides(&self, later: &Deed, earlier: &Deed) -> bool {
        match (later.kind, later.invite) {
            (DeedKind::Admit, Some(invite)) => {
                earlier.role < later.role && (self.facts.saw(invite, earlier.node) || self.facts.off(Rule::R17))
            }
            _ => self.facts.saw(later.node, earlier.node) && !self.facts.off(Rule::R8),
        }
    }

    /// The valid grants to `subject` in a past (the universe, if no op is given) that no other one there replaces.
    pub(super) fn standing(&self, subject: u32, at: Option<Node>) -> Answer<Vec<&'a Deed>> {
        let facts = self.facts;
        let mut grants = Vec::new();
        for &node in &facts.grants[subject as usize] {
            if at.is_none_or(|at| facts.saw(at, node)) && self.contains(node) && self.valid(node)? {
                grants.push(facts.deed_at(node));
            }
        }
        if let [_] = grants[..] {
            return Ok(grants);
        }
        let stands = |g: &&Deed| !grants.iter().any(|h| self.overrides(h, g));
        Ok(grants.iter().copied().filter(stands).collect())
    }

    /// Rule R9 Role: owner by a valid live owner grant; else the lowest of the set_roles standing in the past and of
    /// those concurrent with the op; without a standing set_role the highest standing admission takes part.
    pub(super) fn person_role(&self, subject: u32, at: Option<Node>) -> Answer<Role> {
        if self.live_grant(subject, at)?.is_some() {
            return Ok(Role::Owner);
        }
        let standing = self.standing(subject, at)?;
        let granted = standing.iter().filter(|g| g.kind == DeedKind::SetRole).map(|g| g.role).min();
        let admitted = || standing.iter().map(|g| g.role).max().unwrap_or(Role::None);
        let mut role = granted.unwrap_or_else(admitted);
        if self.facts.off(Rule::R9) {
            role = standing.iter().map(|g| g.role).max().unwrap_or(Role::None);
        }
        if let Some(at) = at {
            for d in self.set_roles(subject) {
                let cuts = d.role < role && self.facts.causal.concurrent(d.node, at) && !self.facts.off(Rule::R11);
                if cuts && self.valid(d.node)? {
                    role = d.role;
                }
            }
        }
        Ok(role.min(Role::Editor))
    }

    /// Some valid owner grant to `subject` that is alive at the op, or for a next one.
    fn live_grant(&self, subject: u32, at: Option<Node>) -> Answer<Option<Node>> {
        for g in self.set_roles(subject).filter(|g| g.role == Role::Owner) {
            let past = at.is_none_or(|at| self.facts.saw(at, g.node));
            if past && self.valid(g.node)? && self.cap_alive(g.node, at)? {
                return Ok(Some(g.node));
            }
        }
        Ok(None)
    }

    /// All valid owner grants to `subject` that are alive for a next op, the senior first.
    pub(super) fn live_grants(&self, subject: u32) -> Answer<Vec<Node>> {
        let mut live = Vec::new();
        for g in self.set_roles(subject).filter(|g| g.role == Role::Owner) {
            if self.valid(g.node)? && self.cap_alive(g.node, None)? {
                live.push(g.node);
            }
        }
        live.sort_by(|a, b| self.facts.seniority(*a, *b));
        Ok(live)
    }

    /// Rule R11 Uncut: well-formed, and the author's role at it is at least editor in this universe.
    pub(super) fn uncut(&self, edit: Node) -> Answer<bool> {
        let op = self.facts.op(edit);
        // Where the universe holds no membership op that the edit had not seen, its own past has said it all.
        Ok(op.is(WELL_FORMED) && (self.view == Some(op.view) || self.role(op.author, Some(edit))? >= Role::Editor))
    }

    /// Rule R12 Endorsement by an owner op: valid, its author at least editor at it. Admissions endorse nothing.
    pub(super) fn endorses(&self, owner_op: Node) -> Answer<bool> {
        Ok(self.valid(owner_op)?
            && (self.facts.off(Rule::R12)
                || self.role(self.facts.op(owner_op).author, Some(owner_op))? >= Role::Editor))
    }

    /// Rule R15 Admissible: invite valid, its cap alive at the admission, no valid revocation had missed it, and the
    /// admitter may attest.
    fn admissible(&self, admit: &Deed) -> Answer<bool> {
        let (Some(invite), Some(cap)) = (admit.invite, admit.cap) else { return Ok(false) };
        if !self.valid(invite)? || !(self.cap_alive(cap, Some(admit.node))? || self.facts.off(Rule::R15Issuer)) {
            return Ok(false);
        }
        let known = self.facts.off(Rule::R15Revoked);
        for &revocation in self.facts.revocations.get(&invite).map_or(&[][..], Vec::as_slice) {
            let missed = self.not_seen(Some(admit.node), revocation) && !known;
            if missed && self.contains(revocation) && self.valid(revocation)? {
                return Ok(false);
            }
        }
        if !self.facts.off(Rule::R36Links) && self.closed(Some(admit.node))? {
            return Ok(false);
        }
        if self.facts.off(Rule::R15Attester) {
            return Ok(true);
        }
        if let Some(proof) = admit.proof {
            return Ok(self.valid(proof)? && self.role(admit.author, Some(admit.node))? >= Role::Viewer);
        }
        Ok(!self.attester_ended(admit)?)
    }

    /// Rule R16 Limit: the index is at most the limit, and of a forked chain the smallest hash has the index.
    fn within_limit(&self, admit: &Deed) -> Answer<bool> {
        let invite = admit.invite.expect("a structural admission names an invite");
        let Some(limit) = self.facts.deed_at(invite).max_uses else { return Ok(true) };
        if admit.index > limit && !self.facts.off(Rule::R16) {
            return Ok(false);
        }
        for &rival in self.facts.admits_of(invite) {
            let other = self.facts.deed_at(rival);
            let smaller = self.facts.ids.of(rival) < self.facts.ids.of(admit.node);
            let displaces = other.index == admit.index && smaller && !self.facts.off(Rule::R16Fork);
            if displaces && self.contains(rival) && self.admissible(other)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The edits in a past that are not accepted as far as that past tells (Rule R12), `tops` being the edits nearest
    /// below. Stops, and answers no, at the first one that `may` does not let pass: Rule R7 asks no more.
    pub(super) fn void_edits(&self, tops: Vec<Node>, may: impl Fn(Node) -> bool) -> Answer<Option<Vec<Node>>> {
        let (mut void, mut covers): (Vec<Node>, Vec<Node>) = (Vec::new(), Vec::new());
        let mut waiting = BinaryHeap::from(tops);
        let mut last = None;
        while let Some(edit) = waiting.pop() {
            // From the latest down, so that whatever covers an edit has been met before it.
            if last.replace(edit) == Some(edit) || covers.iter().any(|c| self.facts.saw(*c, edit)) {
                continue;
            }
            if self.uncut(edit)? {
                covers.push(edit);
            } else if let Some(endorser) = self.endorsing_owner_op(edit)? {
                covers.push(endorser);
            } else if may(edit) {
                void.push(edit);
                waiting.extend(self.facts.edits_below(edit));
            } else {
                return Ok(None);
            }
        }
        void.reverse();
        Ok(Some(void))
    }

    fn endorsing_owner_op(&self, edit: Node) -> Answer<Option<Node>> {
        debug_assert!(self.facts.op(edit).is(EDIT), "asked of edits only");
        for &w in self.facts.owner_ops.iter().rev().take_while(|w| **w > edit) {
            if self.facts.saw(w, edit) && self.contains(w) && self.endorses(w)? {
                return Ok(Some(w));
            }
        }
        Ok(None)
    }
}
