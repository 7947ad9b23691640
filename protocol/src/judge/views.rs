//! Judgements of pasts. Whether an op is clean and well-formed is judged by its own past, of which only the membership
//! ops matter; many ops share them. A view is such a set of membership ops, named by its heads, and remembers the
//! verdicts that were asked of it.
//!
//! Deliberately absent: copies of histories. A view is derived from the views of the deps.

use super::facts::{Deed, Facts};
use super::lens::{Answer, Decided, Lens, Need, Universe, VALID};
use crate::causal::Node;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Verdicts remembered over all views together; beyond it all are forgotten and worked out again when asked.
const MAX_REMEMBERED: usize = 1 << 20;

#[derive(Debug)]
struct View {
    heads: Arc<[Node]>,
    known: BTreeMap<Node, bool>,
}

#[derive(Debug)]
pub(super) struct Views {
    list: Vec<View>,
    numbers: BTreeMap<Arc<[Node]>, u32>,
    remembered: usize,
}

kept!(View { heads } anew { known });
kept!(Views { list } anew { numbers, remembered });

impl Views {
    /// After they were kept and taken up again: finds views by their heads.
    pub(super) fn number_anew(&mut self) {
        self.numbers = self.list.iter().zip(0..).map(|(view, n)| (view.heads.clone(), n)).collect();
    }

    /// With the view of nothing as number 0.
    pub(super) fn new() -> Self {
        let mut views = Self { list: Vec::new(), numbers: BTreeMap::new(), remembered: 0 };
        views.number(Vec::new());
        views
    }

    fn number(&mut self, heads: Vec<Node>) -> u32 {
        if let Some(number) = self.numbers.get(&heads[..]) {
            return *number;
        }
        let number = self.list.len() as u32;
        let heads: Arc<[Node]> = heads.into();
        self.numbers.insert(heads.clone(), number);
        self.list.push(View { heads, known: BTreeMap::new() });
        number
    }

    /// The view of the membership ops among `deps` and their pasts.
    pub(super) fn under(&mut self, facts: &Facts, deps: &[Node]) -> u32 {
        let mut seen: Vec<u32> = deps.iter().filter(|d| !facts.is_sound(**d)).map(|d| facts.op(*d).view).collect();
        seen.sort_unstable();
        seen.dedup();
        let deeds: Vec<Node> = deps.iter().copied().filter(|d| facts.is_sound(*d)).collect();
        if let ([only], []) = (&seen[..], &deeds[..]) {
            return *only;
        }
        let mut heads = facts.causal.heads_of(&deeds);
        for view in seen {
            heads = merge(facts, &heads, &self.list[view as usize].heads);
        }
        self.number(heads)
    }

    /// The view that holds one sound membership op more than another one.
    pub(super) fn with(&mut self, facts: &Facts, view: u32, node: Node) -> u32 {
        let heads = merge(facts, &self.list[view as usize].heads, &[node]);
        self.number(heads)
    }

    /// Answers a question about a universe whose membership ops are those of `view`.
    pub(super) fn ask<T>(
        &mut self,
        facts: &Facts,
        view: u32,
        universe: Universe<'_>,
        question: impl Fn(&Lens<'_>) -> Answer<T>,
    ) -> T {
        if self.remembered > MAX_REMEMBERED {
            self.list.iter_mut().for_each(|v| v.known.clear());
            self.remembered = 0;
        }
        let known = &mut self.list[view as usize].known;
        loop {
            let lens = Lens { facts, universe, decided: Decided::Some(known), view: Some(view) };
            let Need(first) = match question(&lens) {
                Ok(answer) => return answer,
                Err(need) => need,
            };
            let mut waiting = vec![first];
            while let Some(node) = waiting.last() {
                let lens = Lens { facts, universe, decided: Decided::Some(known), view: Some(view) };
                match lens.decide(*node) {
                    Ok(verdict) => {
                        known.insert(*node, verdict & VALID != 0);
                        self.remembered += 1;
                        waiting.pop();
                    }
                    Err(Need(before)) => {
                        debug_assert!(!waiting.contains(&before), "the order of judging is strict");
                        waiting.push(before);
                    }
                }
            }
        }
    }
}

/// The heads of two sets of membership ops, each given by its heads, ascending.
fn merge(facts: &Facts, a: &[Node], b: &[Node]) -> Vec<Node> {
    let only =
        |x: &[Node], y: &[Node]| -> Vec<Node> { x.iter().copied().filter(|n| y.binary_search(n).is_err()).collect() };
    let (left, right) = (only(a, b), only(b, a));
    let unseen = |n: &Node, by: &[Node]| !by.iter().any(|later| facts.saw(*later, *n));
    let mut heads: Vec<Node> =
        a.iter().copied().filter(|n| right.binary_search(n).is_err() && left.binary_search(n).is_err()).collect();
    heads.extend(left.iter().copied().filter(|n| unseen(n, &right)));
    heads.extend(right.iter().copied().filter(|n| unseen(n, &left)));
    heads.sort_unstable();
    heads
}

/// The subject of a grant.
pub(super) fn subject_of(deed: &Deed) -> u32 {
    deed.subject.expect("a grant has a subject")
}
