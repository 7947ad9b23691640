//! Rule R19: several devices of one person.
//!
//! Roles are given to persons, named by their first device; what a device may do is what its person may. Removals are
//! judged before all other membership ops, by the rank of the device that says them, for only removals by more senior
//! devices void one; adds next; nothing here rests on roles. A junior device may end a senior one, which may be lost; that
//! one, or one senior to it, answers by removing the junior. So a thief of a junior device locks nobody out.
//! Deliberately absent: that the added device agrees, which whoever makes the fact has checked.

use super::fact::Role;
use super::facts::{Deed, DeedKind, Facts};
use super::lens::{Answer, Lens};
use super::rules::Rule;
use crate::causal::Node;
use std::cmp::Ordering;
use std::collections::BTreeSet;

impl Facts {
    /// Structure of a device op: the author is the person's first device and was granted something, or names the add
    /// that made it a device; who is removed was one of the person's.
    pub(super) fn structural_device_op(&self, deed: &Deed) -> bool {
        let (Some(person), Some(subject)) = (deed.person, deed.subject) else { return false };
        let entitled = match deed.under {
            Some(add) => self.deed(add).is_some_and(|a| a.subject == Some(deed.author)),
            None => deed.rooted && self.structural_grants[deed.author as usize].iter().any(|g| self.saw(deed.node, *g)),
        };
        entitled
            && match deed.kind {
                DeedKind::AddDevice => subject != deed.author,
                _ => subject == person || self.structural_adds_of(deed.node, subject).any(|a| a.person == Some(person)),
            }
    }

    /// The structural adds of a device in an op's past, valid or not.
    pub(super) fn structural_adds_of(&self, op: Node, device: u32) -> impl Iterator<Item = &Deed> {
        let adds = self.structural_adds.get(&device).map_or(&[][..], Vec::as_slice);
        adds.iter().filter(move |a| self.saw(op, **a)).map(|a| self.deed_at(*a))
    }

    /// Whether an author may act for a person by the shape of an op's past.
    pub(super) fn may_act_for(&self, op: Node, author: u32, person: u32) -> bool {
        author == person || self.structural_adds_of(op, author).any(|a| a.person == Some(person))
    }

    /// Devices by their path of adds from the first device (none), compared as owner grants are (Rule R2).
    pub(super) fn device_seniority(&self, a: Option<Node>, b: Option<Node>) -> Ordering {
        let (Some(mut a), Some(mut b)) = (a, b) else { return a.is_some().cmp(&b.is_some()) };
        if a == b {
            return Ordering::Equal;
        }
        let steps = |add: Node| self.deed_at(add).steps;
        steps(a).cmp(&steps(b)).then_with(|| {
            loop {
                match (self.deed_at(a).under, self.deed_at(b).under) {
                    (Some(x), Some(y)) if x != y => (a, b) = (x, y),
                    _ => return self.tie_break(a).cmp(&self.tie_break(b)),
                }
            }
        })
    }

    /// All devices that sound adds name for a person, and itself.
    pub(super) fn devices_of(&self, person: u32) -> BTreeSet<u32> {
        let mut devices = self.devices.get(&person).cloned().unwrap_or_default();
        devices.insert(person);
        devices
    }

    /// The sound removals of a device of a person.
    fn removals_of(&self, person: u32, device: u32) -> &[Node] {
        self.removals.get(&(person, device)).map_or(&[], Vec::as_slice)
    }

    /// The sound removals that a device said.
    pub(super) fn removals_by(&self, device: u32) -> impl Iterator<Item = &Deed> {
        let all = self.device_ops.values().flatten().map(|n| self.deed_at(*n));
        all.filter(move |d| d.kind == DeedKind::RemoveDevice && d.author == device)
    }
}

impl Lens<'_> {
    /// Whether a removal ends an add of a device (none: the first device) at an op. With `below`, only removals by
    /// devices senior to that one count.
    fn ends(&self, removal: &Deed, add: Option<Node>, at: Option<Node>, below: Option<Option<Node>>) -> Answer<bool> {
        let junior = below.is_some_and(|below| self.facts.device_seniority(removal.under, below).is_ge());
        if junior
            || !self.contains(removal.node)
            || add.is_some_and(|add| self.facts.saw(add, removal.node))
            || !self.not_seen(at, removal.node)
            || self.facts.off(Rule::R19)
        {
            return Ok(false);
        }
        Ok(self.valid(removal.node)? && !self.answered(removal, add)?)
    }

    /// Whether a junior's removal of a senior device was answered: this one, or one senior to it, removed the junior.
    fn answered(&self, removal: &Deed, target: Option<Node>) -> Answer<bool> {
        if self.facts.device_seniority(removal.under, target).is_le() || self.facts.off(Rule::R19Answer) {
            return Ok(false);
        }
        let Some(person) = removal.person else { return Ok(false) };
        for &answer in self.facts.removals_of(person, removal.author) {
            let senior = self.facts.device_seniority(self.facts.deed_at(answer).under, target).is_le();
            let missed = removal.under.is_none_or(|add| !self.facts.saw(add, answer));
            if senior && missed && self.contains(answer) && self.valid(answer)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn ended(
        &self,
        (person, device): (u32, u32),
        add: Option<Node>,
        at: Option<Node>,
        below: Option<Option<Node>>,
    ) -> Answer<bool> {
        for &removal in self.facts.removals_of(person, device) {
            if self.ends(self.facts.deed_at(removal), add, at, below)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A removal counts unless a removal by a more senior device ended its author, or whoever added that one in turn.
    pub(super) fn valid_removal(&self, deed: &Deed) -> Answer<bool> {
        let Some(person) = deed.person else { return Ok(false) };
        let (mut at, mut device, mut under) = (deed.node, deed.author, deed.under);
        loop {
            if under.is_some_and(|add| !self.facts.is_sound(add)) {
                return Ok(false);
            }
            if self.ended((person, device), under, Some(at), Some(deed.under))? {
                return Ok(false);
            }
            let Some(add) = under else { return Ok(true) };
            let add = self.facts.deed_at(add);
            (at, device, under) = (add.node, add.author, add.under);
        }
    }

    /// An add counts if its author's own device counts and is alive at it.
    pub(super) fn valid_add(&self, deed: &Deed) -> Answer<bool> {
        let Some(person) = deed.person else { return Ok(false) };
        if let Some(under) = deed.under
            && !self.valid(under)?
        {
            return Ok(false);
        }
        Ok(!self.ended((person, deed.author), deed.under, Some(deed.node), None)?)
    }

    /// By what a device acts for a person at an op, or next: as the first device (none inside), or by an add.
    pub(super) fn standing_add(&self, person: u32, device: u32, at: Option<Node>) -> Answer<Option<Option<Node>>> {
        if device == person && !self.ended((person, device), None, at, None)? {
            return Ok(Some(None));
        }
        for add in self.adds_in(device, at) {
            let ours = add.person == Some(person);
            if ours && self.valid(add.node)? && !self.ended((person, device), Some(add.node), at, None)? {
                return Ok(Some(Some(add.node)));
            }
        }
        Ok(None)
    }

    pub(super) fn device_alive(&self, person: u32, device: u32, at: Option<Node>) -> Answer<bool> {
        Ok(self.standing_add(person, device, at)?.is_some())
    }

    /// The sound adds of a device in a past, or in the universe.
    fn adds_in(&self, device: u32, at: Option<Node>) -> impl Iterator<Item = &Deed> {
        let adds = self.facts.adds.get(&device).map_or(&[][..], Vec::as_slice);
        let here = move |a: &&Node| self.contains(**a) && at.is_none_or(|at| self.facts.saw(at, **a));
        adds.iter().filter(here).map(|a| self.facts.deed_at(*a))
    }

    /// Whom a device acts for at an op, or next.
    pub(super) fn persons(&self, device: u32, at: Option<Node>) -> Answer<Vec<u32>> {
        let mut persons = vec![device];
        persons.extend(self.adds_in(device, at).filter_map(|a| a.person));
        persons.sort_unstable();
        persons.dedup();
        let mut alive = Vec::with_capacity(persons.len());
        for person in persons {
            if self.device_alive(person, device, at)? {
                alive.push(person);
            }
        }
        Ok(alive)
    }

    /// What a device may do: the most of what those may whom it acts for.
    pub(super) fn role(&self, device: u32, at: Option<Node>) -> Answer<Role> {
        let mut role = Role::None;
        for person in self.persons(device, at)? {
            role = role.max(self.person_role(person, at)?);
        }
        Ok(role)
    }

    /// Whether a removal concurrent to an admission, of the device that attests or of its person, ends what it attests.
    pub(super) fn attester_ended(&self, admit: &Deed) -> Answer<bool> {
        let missed = |d: Node| self.facts.causal.concurrent(d, admit.node);
        let mut acts: Vec<(u32, Option<Node>)> = vec![(admit.author, None)];
        acts.extend(self.adds_in(admit.author, None).filter_map(|a| Some((a.person?, Some(a.node)))));
        for (person, add) in acts {
            for &removal in self.facts.removals_of(person, admit.author) {
                let ends = missed(removal) && self.ends(self.facts.deed_at(removal), add, Some(admit.node), None)?;
                if ends {
                    return Ok(true);
                }
            }
            // To attest by name takes no membership: a Leave does not end it.
            for d in self.set_roles(person).filter(|d| d.role == Role::None && !d.leave) {
                if missed(d.node) && self.valid(d.node)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Rule R36: whether a close counts here that `admit` (or nobody, if none is given) had not been seen by.
    pub(super) fn closed(&self, admit: Option<Node>) -> Answer<bool> {
        for &close in &self.facts.closes {
            if self.contains(close) && self.not_seen(admit, close) && self.valid(close)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
