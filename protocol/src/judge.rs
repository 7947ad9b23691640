//! The judge: from the set of known ops, which membership ops count, which edits count, and everyone's role.
//!
//! A pure function of that set, by the rules R1 to R19 and R36 (cited where they are enforced): peers that hold the same ops
//! agree, in whatever order these came. It works on abstract facts, an op at a time: what can be told from an op's own
//! past is told once (`facts`, `views`), what depends on the rest is kept up to date (`present`).
//!
//! Deliberately absent: encodings, signatures, keys, sessions, clocks. An op that breaks a rule is taken in all the
//! same and counts for nothing; `Refused` is only for what is no op of this workspace's history at all.

mod devices;
mod fact;
mod facts;
mod ids;
mod lens;
mod present;
mod queries;
mod rules;
mod structure;
mod views;

#[cfg(test)]
mod tests;

pub use fact::{Author, Changes, Fact, FactKind, Id, InviteState, Member, Refused, Role};
pub use queries::{Adoption, Outcome};

use crate::causal::{Causal, Node};
use crate::codec::{CodecError, Reader, Writer};
use crate::kept::Kept;
use facts::{CLEAN, EDIT, Facts, STRUCTURAL, WELL_FORMED};
use lens::{Answer, Lens, Universe};
use present::{Present, settled};
use rules::Rule;
use std::sync::OnceLock;
use views::Views;

/// The judgement of one workspace's ops so far.
#[derive(Debug)]
pub struct Judge {
    facts: Facts,
    views: Views,
    present: Present,
    /// By number of author: the roles asked for since the last membership op. Nothing else changes one.
    roles: Vec<OnceLock<Role>>,
}

impl Kept for Judge {
    fn keep(&self, w: &mut Writer) {
        let Self { facts, views, present, roles: _ } = self;
        facts.keep(w);
        views.keep(w);
        present.keep(w);
    }

    fn regain(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let (facts, views, present) = (Kept::regain(r)?, Kept::regain(r)?, Kept::regain(r)?);
        let mut judge = Self { facts, views, present, roles: Vec::new() };
        judge.facts.number_anew();
        judge.views.number_anew();
        judge.roles.resize_with(judge.facts.authors.len(), OnceLock::new);
        Ok(judge)
    }
}

impl Default for Judge {
    fn default() -> Self {
        Self::new()
    }
}

impl Judge {
    /// A judge that knows of no op yet.
    pub fn new() -> Self {
        Self { facts: Facts::default(), views: Views::new(), present: Present::new(), roles: Vec::new() }
    }

    /// Takes in an op whose deps are all known (Rule R1), and says what it changed.
    ///
    /// An edit by a member in good standing costs a few look-ups; a membership op costs by what it had not seen.
    ///
    /// # Errors
    /// `Refused`, with nothing changed, for a known id, an unknown dep or a second op without deps.
    pub fn insert(&mut self, fact: &Fact) -> Result<Changes, Refused> {
        let deps = self.check(fact)?;
        let facts = &mut self.facts;
        let node = facts.add(fact, &deps);
        let view = self.views.under(facts, &deps);
        facts.ops[node.index()].view = view;
        let is_edit = facts.op(node).is(EDIT);
        let counts = facts.deed(node).is_some() && facts.is_structural(node);
        if (is_edit || counts) && self.is_clean(node) {
            self.facts.ops[node.index()].flags |= CLEAN;
        }
        let clean = self.facts.op(node).is(CLEAN);
        if is_edit {
            self.facts.ops[node.index()].flags |= STRUCTURAL;
        }
        if self.facts.deed(node).is_some() {
            self.present.verdicts.push(0);
        }
        let mut membership_changed = false;
        if is_edit && clean && self.may_edit(node) {
            self.facts.ops[node.index()].flags |= WELL_FORMED;
            self.present.add_edit(&mut self.facts, node);
        } else if counts && clean {
            self.facts.list(node);
            membership_changed = self.present.add_deed(&mut self.facts, &mut self.views, node);
        }
        if self.facts.deed(node).is_some() {
            self.roles.clear();
        }
        self.roles.resize_with(self.facts.authors.len(), OnceLock::new);
        let (edits_accepted, edits_voided) = self.present.take_flipped(&self.facts);
        let others = edits_accepted.iter().any(|e| *e != node) || !edits_voided.is_empty();
        if membership_changed || others {
            self.present.find_frontier(&self.facts);
        } else {
            self.present.advance(&self.facts, node);
        }
        let held_changed = self.present.take_turned();
        Ok(Changes { node, edits_accepted, edits_voided, membership_changed, held_changed })
    }

    /// Rule R1: one genesis, the only op without deps; an op is taken in once its whole past is there.
    fn check(&self, fact: &Fact) -> Result<Vec<Node>, Refused> {
        if self.facts.ids.node(&fact.id).is_some() {
            return Err(Refused::Duplicate);
        }
        if self.facts.ops.len() >= u32::MAX as usize / 128 {
            return Err(Refused::Full);
        }
        if fact.deps.is_empty() && !self.facts.ops.is_empty() {
            return Err(Refused::SecondGenesis);
        }
        fact.deps.iter().map(|id| self.node(id).ok_or(Refused::UnknownDep(*id))).collect()
    }

    /// Asks about an op's own past: of the present, where that past holds all membership ops there are.
    fn ask_past<T>(&mut self, node: Node, question: impl Fn(&Lens<'_>) -> Answer<T>) -> T {
        let view = self.facts.op(node).view;
        if view == self.present.view {
            let lens = Lens { universe: Universe::PastOf(node), ..self.present.lens(&self.facts) };
            return settled(question(&lens));
        }
        self.views.ask(&self.facts, view, Universe::PastOf(node), question)
    }

    /// Rule R7 Clean: all edits in the past are accepted as far as that past tells, or adopted by name.
    fn is_clean(&mut self, node: Node) -> bool {
        let tops = self.facts.edits_below(node);
        let view = self.facts.op(node).view;
        // With the same membership ops in sight, what was well-formed below is accepted here.
        let at_once = |e: &Node| self.facts.op(*e).view == view && self.facts.op(*e).is(WELL_FORMED);
        if tops.iter().all(at_once) || self.facts.off(Rule::R7) {
            return true;
        }
        let adopted = self.facts.adopts.get(&node).cloned().unwrap_or_default();
        self.ask_past(node, |lens| lens.void_edits(tops.clone(), |e| adopted.binary_search(&e).is_ok())).is_some()
    }

    /// Rule R10 Well-formed: by what its own past tells, the author of a clean edit is at least editor.
    fn may_edit(&mut self, node: Node) -> bool {
        let op = *self.facts.op(node);
        // Rule R36: what had seen the workspace closed changes nothing.
        if !self.facts.closes.is_empty() && !self.facts.off(Rule::R36) && self.ask_past(node, |lens| lens.closed(None))
        {
            return false;
        }
        let before = |dep: &Node| {
            let dep = self.facts.op(*dep);
            dep.author == op.author && dep.view == op.view && dep.is(WELL_FORMED)
        };
        self.facts.off(Rule::R10)
            || self.facts.causal.deps(node).iter().any(before)
            || self.ask_past(node, |lens| lens.role(op.author, None)) >= Role::Editor
    }

    /// The index of who had seen what; its nodes are the judge's.
    pub fn causal(&self) -> &Causal {
        &self.facts.causal
    }
}
