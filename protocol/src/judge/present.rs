//! The judgement of all that is known, kept up to date op by op.
//!
//! A new membership op is decided, then whatever its verdict can touch, in the order of judging, as far as verdicts
//! really change; then the edits whose author's role at them may have changed; then what they endorse, by counting for
//! each op how many of those that build on it are held. Edits counted so are exactly those in the past of an endorser,
//! for a DAG has no cycles. Deliberately absent: the rules themselves (`lens.rs`).

use super::fact::Role;
use super::facts::{Deed, DeedKind, EDIT, Facts, UNCUT, WELL_FORMED};
use super::lens::{ADMISSIBLE, Answer, Decided, Lens, Universe, VALID};
use super::views::{Views, subject_of};
use crate::causal::Node;
use std::collections::{BTreeMap, BTreeSet};

const ENDORSES: u8 = 32;

#[derive(Debug)]
pub(super) struct Present {
    /// By number of deed: `VALID`, `ADMISSIBLE`.
    pub(super) verdicts: Vec<u8>,
    /// The view of all sound membership ops.
    pub(super) view: u32,
    /// The heads of what an honest author builds on.
    pub(super) frontier: BTreeSet<Node>,
    /// Edits whose acceptance flipped since the last op, with how it was before.
    flipped: BTreeMap<Node, bool>,
    /// Ops, of any kind, that are held since the last op, or no more; one that went both ways may stand here too.
    turned: Vec<Node>,
}

kept!(Present { verdicts, view, frontier } anew { flipped, turned });

impl Present {
    pub(super) fn new() -> Self {
        Self { verdicts: Vec::new(), view: 0, frontier: BTreeSet::new(), flipped: BTreeMap::new(), turned: Vec::new() }
    }

    pub(super) fn lens<'a>(&'a self, facts: &'a Facts) -> Lens<'a> {
        Lens { facts, universe: Universe::All, decided: Decided::All(&self.verdicts), view: Some(self.view) }
    }

    pub(super) fn is_valid(&self, facts: &Facts, node: Node) -> bool {
        self.verdicts.get(facts.op(node).deed as usize).is_some_and(|v| v & VALID != 0)
    }

    /// Takes in an edit; its flags are set.
    pub(super) fn add_edit(&mut self, facts: &mut Facts, node: Node) {
        if facts.op(node).is(WELL_FORMED) && settled(self.lens(facts).uncut(node)) {
            facts.ops[node.index()].flags |= UNCUT;
            self.support(facts, node, true);
        }
    }

    /// Takes in a sound membership op, already listed; says whether any verdict changed.
    pub(super) fn add_deed(&mut self, facts: &mut Facts, views: &mut Views, node: Node) -> bool {
        self.view = views.with(facts, self.view, node);
        let changed = self.redecide(facts, node);
        let mut edits = BTreeSet::new();
        let mut endorsers: BTreeSet<Node> = changed.iter().copied().collect();
        for (device, x) in changed.iter().flat_map(|x| devices_touched_by(facts, *x)) {
            edits.extend(edits_not_in_past(facts, device, x));
            let acts = facts.owner_ops_by.get(&device).map_or(&[][..], Vec::as_slice);
            endorsers.extend(acts.iter().copied().filter(|o| !facts.saw(x, *o)));
        }
        for edit in edits {
            let uncut = settled(self.lens(facts).uncut(edit));
            self.set(facts, edit, UNCUT, uncut);
        }
        for op in endorsers {
            let deed = facts.deed_at(op);
            if deed.kind != DeedKind::Admit && !deed.is_device_op() {
                let endorses = settled(self.lens(facts).endorses(op));
                self.set(facts, op, ENDORSES, endorses);
            }
        }
        !changed.is_empty()
    }

    /// Decides a new op and whatever its verdict touches; the ops whose validity changed.
    fn redecide(&mut self, facts: &Facts, node: Node) -> Vec<Node> {
        let (mut agenda, mut changed) = (vec![node], Vec::new());
        while let Some(x) = agenda.pop() {
            let at = facts.op(x).deed as usize;
            let was = self.verdicts[at];
            let now = settled(self.lens(facts).decide(x));
            self.verdicts[at] = now;
            if (was ^ now) & VALID != 0 {
                changed.push(x);
            }
            if was == now {
                continue;
            }
            for y in touched_by(facts, x, (was ^ now) & ADMISSIBLE != 0) {
                // No owner op rests on one that is judged after it, so this ends whatever the ops say.
                if facts.deed_at(y).kind != DeedKind::Admit && facts.order_of_judging(x, y).is_gt() {
                    continue;
                }
                // Kept with the first to judge at the end.
                let place = agenda.partition_point(|z| facts.order_of_judging(*z, y).is_gt());
                if agenda.get(place) != Some(&y) {
                    agenda.insert(place, y);
                }
            }
        }
        changed
    }

    /// Notes whether an op endorses by itself: an uncut edit, or an owner op. It does so for its whole past.
    fn set(&mut self, facts: &mut Facts, node: Node, flag: u8, value: bool) {
        if facts.op(node).is(flag) != value {
            facts.ops[node.index()].flags ^= flag;
            self.support(facts, node, value);
        }
    }

    /// Adds or takes away one support of an op; whether it is held passes on to its deps.
    fn support(&mut self, facts: &mut Facts, node: Node, more: bool) {
        let mut waiting = vec![node];
        while let Some(node) = waiting.pop() {
            let op = &mut facts.ops[node.index()];
            let was = op.support > 0;
            op.support = if more { op.support + 1 } else { op.support - 1 };
            if was != (op.support > 0) {
                self.turned.push(node);
                if op.is(EDIT) {
                    self.flipped.entry(node).or_insert(was);
                }
                waiting.extend_from_slice(facts.causal.deps(node));
            }
        }
    }

    /// The edits that flipped since this was last asked: those accepted now, those void now.
    pub(super) fn take_flipped(&mut self, facts: &Facts) -> (Vec<Node>, Vec<Node>) {
        let flipped = std::mem::take(&mut self.flipped).into_iter();
        let real = flipped.filter(|(edit, was)| accepted(facts, *edit) != *was).map(|(edit, _)| edit);
        real.partition(|edit| accepted(facts, *edit))
    }

    /// The ops of any kind that came to be held since this was last asked, or ceased to be.
    pub(super) fn take_turned(&mut self) -> Vec<Node> {
        std::mem::take(&mut self.turned)
    }

    /// Whether an honest author may name an op as seen: accepted edits, and other valid or plain ops with only
    /// accepted edits in their past (Rule R7).
    pub(super) fn trusted(&self, facts: &Facts, node: Node) -> bool {
        let op = facts.op(node);
        if op.is(EDIT) {
            return op.support > 0;
        }
        (facts.deed(node).is_none() || self.is_valid(facts, node))
            && facts.edits_below(node).iter().all(|edit| accepted(facts, *edit))
    }

    /// Moves the frontier to a new op, if it is to be built on.
    pub(super) fn advance(&mut self, facts: &Facts, node: Node) {
        if self.trusted(facts, node) {
            self.frontier.retain(|head| !facts.saw(node, *head));
            self.frontier.insert(node);
        }
    }

    /// Finds the frontier anew, from all heads down to what is trusted.
    pub(super) fn find_frontier(&mut self, facts: &Facts) {
        let mut waiting: BTreeSet<Node> = facts.causal.heads().collect();
        let mut found: Vec<Node> = Vec::new();
        while let Some(node) = waiting.pop_last() {
            if found.iter().any(|f| facts.saw(*f, node)) {
                continue;
            }
            if self.trusted(facts, node) {
                found.push(node);
            } else {
                waiting.extend(facts.causal.deps(node));
            }
        }
        self.frontier = found.into_iter().collect();
    }
}

/// Whether an edit counts (Rule R12).
pub(super) fn accepted(facts: &Facts, node: Node) -> bool {
    let op = facts.op(node);
    op.is(EDIT) && op.support > 0
}

/// What a lens on the present answers: every verdict there is known.
pub(super) fn settled<T>(answer: Answer<T>) -> T {
    match answer {
        Ok(answer) => answer,
        Err(need) => unreachable!("the present holds a verdict on every op, also on {need:?}"),
    }
}

/// The edits by an author that an op had not seen, at a cost by those and by the author's sessions.
fn edits_not_in_past(facts: &Facts, author: u32, op: Node) -> Vec<Node> {
    let mut found = Vec::new();
    for ((_, chain), edits) in facts.edits_by.range((author, 0)..=(author, u32::MAX)) {
        let seen = facts.causal.past_end(op, crate::causal::Chain(*chain));
        let from = edits.partition_point(|e| facts.causal.place_of(*e).1 < seen);
        found.extend_from_slice(&edits[from..]);
    }
    found
}

/// The devices whose role may rest on the verdict on `x`, each with an op: at whatever that one had seen it does not.
fn devices_touched_by(facts: &Facts, x: Node) -> Vec<(u32, Node)> {
    let deed = facts.deed_at(x);
    let mut touched = Vec::new();
    match deed.kind {
        DeedKind::SetRole | DeedKind::Admit => {
            touched.extend(facts.devices_of(subject_of(deed)).into_iter().map(|device| (device, x)));
        }
        DeedKind::AddDevice => touched.push((subject_of(deed), x)),
        DeedKind::RemoveDevice => {
            let device = subject_of(deed);
            touched.push((device, x));
            // It may answer what the device had said against seniors.
            touched.extend(facts.removals_by(device).map(|r| (subject_of(r), r.node)));
        }
        DeedKind::Invite | DeedKind::Revoke | DeedKind::Close => {}
    }
    touched
}

/// The membership ops whose verdict may rest on that of `x`, given what `x` had not seen.
fn touched_by(facts: &Facts, x: Node, admissible_changed: bool) -> Vec<Node> {
    let deed = facts.deed_at(x);
    let mut touched = Vec::new();
    let of = |map: &BTreeMap<Node, Vec<Node>>, key: Node| map.get(&key).cloned().unwrap_or_default();
    match deed.kind {
        DeedKind::SetRole => {
            if deed.is_owner_grant() {
                touched.extend(of(&facts.by_cap, x));
            } else if !deed.leave {
                touched.extend(under_caps_of(facts, deed));
            }
        }
        DeedKind::Invite => touched.extend(of(&facts.admits, x)),
        DeedKind::Revoke => {
            let invite = deed.invite.expect("a structural revocation names an invite");
            touched.extend(of(&facts.admits, invite));
        }
        DeedKind::Admit if admissible_changed => {
            let invite = deed.invite.expect("a structural admission names an invite");
            if facts.deed_at(invite).max_uses.is_some() {
                let same = |a: &Node| *a != x && facts.deed_at(*a).index == deed.index;
                touched.extend(of(&facts.admits, invite).into_iter().filter(same));
            }
        }
        DeedKind::Admit => {}
        DeedKind::Close => touched.extend(facts.admits.values().flatten()),
        DeedKind::AddDevice | DeedKind::RemoveDevice => return touched_by_device_op(facts, deed),
    }
    if matches!(deed.kind, DeedKind::SetRole | DeedKind::Admit) {
        touched.extend(of(&facts.admits_under, x));
        for device in facts.devices_of(subject_of(deed)) {
            touched.extend(facts.admits_by.get(&device).into_iter().flatten());
        }
    }
    touched.retain(|y| *y != x && !facts.saw(x, *y));
    // Rivals for one place in a chain may be older than what displaces them.
    touched.sort_unstable();
    touched.dedup();
    touched
}

/// What the devices of a person have said. A removal may undo others that it had seen, so its past is no bound.
fn touched_by_device_op(facts: &Facts, deed: &Deed) -> Vec<Node> {
    let Some(person) = deed.person else { return Vec::new() };
    let mut touched = facts.device_ops.get(&person).cloned().unwrap_or_default();
    for device in facts.devices_of(person) {
        touched.extend(facts.owner_ops_by.get(&device).into_iter().flatten());
        touched.extend(facts.admits_by.get(&device).into_iter().flatten());
    }
    touched.retain(|y| *y != deed.node);
    touched.sort_unstable();
    touched.dedup();
    touched
}

/// The owner ops under the caps that a demotion may kill, and the admissions by links issued under them.
fn under_caps_of(facts: &Facts, demotion: &Deed) -> Vec<Node> {
    debug_assert!(demotion.role < Role::Owner, "only demotions kill caps");
    let mut found = Vec::new();
    for cap in &facts.set_roles[subject_of(demotion) as usize] {
        for op in facts.by_cap.get(cap).into_iter().flatten() {
            found.push(*op);
            found.extend_from_slice(facts.admits_of(*op));
        }
    }
    found
}
