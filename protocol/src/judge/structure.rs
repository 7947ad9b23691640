//! Whether a membership op is well made: what it must name in its past to be heeded at all (Rules R3, R13, R14, R16).
//!
//! Deliberately absent: ops on devices (`devices`), and whether what is well made counts (`lens`).

use super::fact::Role;
use super::facts::{Deed, DeedKind, Facts};
use super::rules::Rule;
use crate::causal::Node;

impl Facts {
    /// Rule R3 Structure: an owner op names in its past a cap, a grant that made its author owner. The genesis makes
    /// its author owner. A Leave needs some grant to its author in its past.
    pub(super) fn structural(&self, deed: &Deed) -> bool {
        if deed.kind == DeedKind::Admit {
            return self.structural_admit(deed);
        }
        if deed.is_device_op() {
            return self.structural_device_op(deed);
        }
        let is_genesis = deed.node == Node(0);
        if deed.leave {
            return self.structural_grants[deed.author as usize].iter().any(|g| self.saw(deed.node, *g));
        }
        if is_genesis {
            return deed.capless && deed.is_owner_grant() && deed.subject == Some(deed.author);
        }
        let capable = deed.cap.and_then(|cap| self.deed(cap)).is_some_and(|g| {
            let acts = g.subject.is_some_and(|person| self.may_act_for(deed.node, deed.author, person));
            // Rule R19: nobody but the first device lowers its own person.
            let own = deed.subject == g.subject && deed.role < Role::Owner && g.subject != Some(deed.author);
            g.length.is_some() && (acts && !(own && deed.kind == DeedKind::SetRole) || self.off(Rule::R3))
        });
        capable
            && match deed.kind {
                // Rule R13: a link gives viewer or editor; a limited one allows a use and names its attester.
                DeedKind::Invite => {
                    (matches!(deed.role, Role::Viewer | Role::Editor) || self.off(Rule::R13))
                        && deed.max_uses.is_none_or(|max| max >= 1 && deed.attester.is_some())
                }
                DeedKind::Revoke => self.known_invite(deed).is_some(),
                _ => true,
            }
    }

    fn known_invite(&self, deed: &Deed) -> Option<&Deed> {
        let invite = deed.invite.filter(|invite| self.is_structural(*invite))?;
        self.deed(invite).filter(|deed| deed.kind == DeedKind::Invite)
    }

    /// Rule R14 Admit: by the link's attester without a proof, or by any member with a grant to it as proof; and it
    /// depends on nothing but invite, proof and its own chain.
    fn structural_admit(&self, deed: &Deed) -> bool {
        let Some(invite) = self.known_invite(deed) else { return false };
        let entitled = match invite.attester {
            Some(attester) => (deed.author == attester || self.off(Rule::R14)) && deed.proof.is_none(),
            None => deed.proof.is_some_and(|proof| {
                self.is_structural(proof)
                    && self.deed(proof).is_some_and(|g| {
                        matches!(g.kind, DeedKind::SetRole | DeedKind::Admit) && g.subject == Some(deed.author)
                    })
            }),
        };
        entitled
            && (self.off(Rule::R14)
                || self
                    .causal
                    .deps(deed.node)
                    .iter()
                    .all(|dep| Some(*dep) == deed.invite || Some(*dep) == deed.proof || self.same_chain(*dep, deed)))
    }

    fn same_chain(&self, earlier: Node, deed: &Deed) -> bool {
        self.is_structural(earlier)
            && self.deed(earlier).is_some_and(|e| e.kind == DeedKind::Admit && chain_key(e) == chain_key(deed))
    }

    /// The place of a structural admission in its chain, from 1 (Rule R16).
    pub(super) fn chain_index(&self, deed: &Deed) -> u32 {
        let mut before = self.causal.deps(deed.node).iter().filter(|dep| self.same_chain(**dep, deed));
        let others = self.causal.deps(deed.node).len();
        match (before.next(), before.next()) {
            (Some(only), None) if others == 1 => self.deed_at(*only).index + 1,
            _ => {
                let chain = self.admit_chains.get(&chain_key(deed)).map_or(&[][..], Vec::as_slice);
                1 + chain.iter().filter(|other| self.saw(deed.node, **other)).count() as u32
            }
        }
    }
}

pub(super) fn chain_key(deed: &Deed) -> (u32, Node, Option<Node>) {
    (deed.author, deed.invite.expect("structural admissions name an invite"), deed.proof)
}
