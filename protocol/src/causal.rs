//! An online index of who had seen what: a growing DAG of ops, answering "is this in the past of that?" in O(log n).
//!
//! Ops are put on chains (an op continues the chain of a dep that is still that chain's tip, else it opens a new one).
//! A chain records, for every other chain, how far it had seen it and from which of its own positions on. Since whoever
//! sees a position of a chain has seen all before it, one number for each pair of chains and change is enough.
//!
//! Deliberately absent: hashes, authors, payloads and verdicts. Nodes are never removed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::codec::{CodecError, Reader, Writer};
use crate::kept::Kept;

/// An op's place in the order of insertion, which is a topological order: an op's deps have smaller numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node(pub u32);

impl Node {
    /// The node as an index into tables that hold one entry an op.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A chain of ops, each of which had seen the one before; dense, in order of creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chain(pub u32);

#[derive(Debug)]
struct Line {
    nodes: Vec<Node>,
    /// The op of another chain that the first op here builds on: all that it had seen is in `base`.
    origin: Option<Node>,
    /// How many ops of each other chain the first op had seen through `origin`, by chain number.
    base: Box<[u32]>,
    /// For each chain seen beyond the base: ascending (position here, how many ops of it are seen from there on).
    seen: BTreeMap<u32, Vec<(u32, u32)>>,
    /// Every growth of `seen`, in order: (position here, chain, how many).
    growth: Vec<(u32, u32, u32)>,
}

impl Line {
    fn seen_at(&self, position: u32, chain: u32) -> u32 {
        let base = self.base.get(chain as usize).copied().unwrap_or(0);
        let Some(steps) = self.seen.get(&chain) else { return base };
        match steps.last() {
            Some(last) if last.0 <= position => last.1,
            _ => match steps.partition_point(|step| step.0 <= position) {
                0 => base,
                n => steps[n - 1].1,
            },
        }
    }
}

/// The causal index. About 40 bytes an op and 20 bytes for each time that one chain hears of another.
#[derive(Debug, Default)]
pub struct Causal {
    places: Vec<(u32, u32)>,
    depths: Vec<u32>,
    dep_ends: Vec<u32>,
    deps: Vec<Node>,
    lines: Vec<Line>,
    heads: BTreeSet<Node>,
}

impl Causal {
    /// An index of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many ops it holds; the next node gets this number.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether no op has been inserted.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Adds an op that had seen `deps` and all that they had seen. Equal deps count once; none makes a root.
    ///
    /// # Panics
    /// If a dep is not a node of this index, or beyond 2³² ops.
    pub fn insert(&mut self, deps: &[Node]) -> Node {
        let node = Node(u32::try_from(self.len()).expect("fewer than 2^32 ops"));
        let start = self.deps.len();
        for (i, dep) in deps.iter().enumerate() {
            assert!(dep.0 < node.0, "a dep is a node of this index");
            if !deps[..i].contains(dep) {
                self.deps.push(*dep);
            }
        }
        self.dep_ends.push(u32::try_from(self.deps.len()).expect("fewer than 2^32 deps"));
        let depth = self.deps[start..].iter().map(|d| self.depths[d.index()]).max().unwrap_or(0);
        self.depths.push(depth + 1);
        for i in start..self.deps.len() {
            self.heads.remove(&self.deps[i]);
        }
        self.heads.insert(node);
        let chain = self.place(node, start);
        for i in start..self.deps.len() {
            self.learn(chain, self.deps[i]);
        }
        node
    }

    /// Puts a node on the first dep's chain of which that dep is the tip, else on a new one.
    fn place(&mut self, node: Node, start: usize) -> u32 {
        let deps = &self.deps[start..];
        let tip = deps.iter().find(|dep| {
            let (chain, position) = self.places[dep.index()];
            self.lines[chain as usize].nodes.len() == position as usize + 1
        });
        if let Some(dep) = tip {
            let chain = self.places[dep.index()].0;
            let line = &mut self.lines[chain as usize];
            line.nodes.push(node);
            self.places.push((chain, line.nodes.len() as u32 - 1));
            return chain;
        }
        let origin = deps.first().copied();
        let base = origin.map_or_else(Box::default, |dep| {
            (0..self.lines.len() as u32).map(|chain| self.past_end_with(dep, chain)).collect()
        });
        let chain = self.lines.len() as u32;
        let (seen, growth) = (BTreeMap::new(), Vec::new());
        self.lines.push(Line { nodes: vec![node], origin, base, seen, growth });
        self.places.push((chain, 0));
        chain
    }

    /// Lets the tip of `chain` see `dep` and its past, at a cost by what is new to it.
    fn learn(&mut self, chain: u32, dep: Node) {
        let mut waiting = vec![dep];
        while let Some(dep) = waiting.pop() {
            let (other, position) = self.places[dep.index()];
            let here = self.lines[chain as usize].nodes.len() as u32 - 1;
            let known = self.lines[chain as usize].seen_at(here, other);
            if other == chain || known > position {
                continue;
            }
            // What a chain began with is not among its growth: it is learnt first, and from where it came.
            if let (0, Some(origin)) = (known, self.lines[other as usize].origin) {
                let (from, at) = self.places[origin.index()];
                if from != chain && self.lines[chain as usize].seen_at(here, from) <= at {
                    waiting.extend([dep, origin]);
                    continue;
                }
            }
            // What that chain heard of up to `known` was learnt with it; the rest of its growth is what may be new.
            let growth = &self.lines[other as usize].growth;
            let from = growth.partition_point(|g| g.0 < known);
            let to = growth.partition_point(|g| g.0 <= position);
            let news: Vec<(u32, u32)> = growth[from..to].iter().map(|g| (g.1, g.2)).collect();
            self.note(chain, here, other, position + 1);
            for (third, count) in news {
                self.note(chain, here, third, count);
            }
        }
    }

    fn note(&mut self, chain: u32, here: u32, other: u32, count: u32) {
        let line = &mut self.lines[chain as usize];
        if other == chain || line.seen_at(here, other) >= count {
            return;
        }
        let steps = line.seen.entry(other).or_default();
        match steps.last_mut() {
            Some(last) if last.0 == here => last.1 = count,
            _ => steps.push((here, count)),
        }
        line.growth.push((here, other, count));
    }

    /// Whether `earlier` is in the past of `later`; an op is not in its own past.
    pub fn saw(&self, later: Node, earlier: Node) -> bool {
        if earlier >= later {
            return false;
        }
        let (chain, position) = self.places[earlier.index()];
        self.past_end(later, Chain(chain)) > position
    }

    /// Whether neither op had seen the other.
    pub fn concurrent(&self, a: Node, b: Node) -> bool {
        a != b && !self.saw(a, b) && !self.saw(b, a)
    }

    /// How many ops of `chain`, counted from its start, lie in the past of `node`.
    pub fn past_end(&self, node: Node, chain: Chain) -> u32 {
        let (own, position) = self.places[node.index()];
        if own == chain.0 { position } else { self.lines[own as usize].seen_at(position, chain.0) }
    }

    fn past_end_with(&self, node: Node, chain: u32) -> u32 {
        self.past_end(node, Chain(chain)) + u32::from(self.places[node.index()].0 == chain)
    }

    /// How many chains there are.
    pub fn chains(&self) -> usize {
        self.lines.len()
    }

    /// The chain that an op is on, and its position there from 0.
    pub fn place_of(&self, node: Node) -> (Chain, u32) {
        let (chain, position) = self.places[node.index()];
        (Chain(chain), position)
    }

    /// The ops that an op names, each once, in the order given.
    pub fn deps(&self, node: Node) -> &[Node] {
        let start = node.index().checked_sub(1).map_or(0, |before| self.dep_ends[before]);
        &self.deps[start as usize..self.dep_ends[node.index()] as usize]
    }

    /// The length of the longest path from a root: 1 for a root.
    pub fn depth(&self, node: Node) -> u32 {
        self.depths[node.index()]
    }

    /// The ops that no other op has seen, ascending.
    pub fn heads(&self) -> impl ExactSizeIterator<Item = Node> + '_ {
        self.heads.iter().copied()
    }

    /// Those of `nodes` that no other of them has seen, each once, ascending.
    pub fn heads_of(&self, nodes: &[Node]) -> Vec<Node> {
        let mut last: BTreeMap<u32, (u32, Node)> = BTreeMap::new();
        for &node in nodes {
            let (chain, position) = self.places[node.index()];
            let entry = last.entry(chain).or_insert((position, node));
            if entry.0 < position {
                *entry = (position, node);
            }
        }
        let tips: Vec<Node> = last.into_values().map(|(_, node)| node).collect();
        // What nobody has seen, of all there is, needs no comparing: where many work at once most are so.
        let is_head = |n: &Node| self.heads.contains(n) || !tips.iter().any(|later| self.saw(*later, *n));
        let mut heads: Vec<Node> = tips.iter().copied().filter(is_head).collect();
        heads.sort_unstable();
        heads
    }

    /// All ops that are neither among `known` nor in the past of any of them, ascending (a topological order).
    ///
    /// Costs by the answer and by the chains that it touches, times the number of `known`; not by history.
    pub fn difference(&self, known: &[Node]) -> Vec<Node> {
        self.between(&self.heads.iter().copied().collect::<Vec<_>>(), known)
    }

    /// How many ops `difference` names.
    pub fn count_difference(&self, known: &[Node]) -> usize {
        let tops: Vec<Node> = self.heads.iter().copied().collect();
        self.stretches(&tops, known).iter().map(|(_, stretch)| stretch.len()).sum()
    }

    /// All ops among `tops` or in the past of one of them, that are neither among `known` nor in the past of one.
    pub fn between(&self, tops: &[Node], known: &[Node]) -> Vec<Node> {
        let stretches = self.stretches(tops, known).into_iter();
        let mut found: Vec<Node> =
            stretches.flat_map(|(chain, stretch)| &self.lines[chain as usize].nodes[stretch]).copied().collect();
        found.sort_unstable();
        found
    }

    /// The same by chain, as positions there: whoever saw one op of a chain saw all before it, so each op is looked at once.
    fn stretches(&self, tops: &[Node], known: &[Node]) -> Vec<(u32, Range<usize>)> {
        let mut waiting: Vec<Node> = tops.iter().copied().filter(|top| !known.contains(top)).collect();
        if waiting.is_empty() {
            return Vec::new();
        }
        // Up to where each chain is known at least. Where a known op stands on its own chain costs nothing to find out, and
        // mostly it is the answer.
        let mut ends = vec![0; self.lines.len()];
        for (chain, position) in known.iter().map(|node| self.places[node.index()]) {
            ends[chain as usize] = ends[chain as usize].max(position + 1);
        }
        let mut places: Vec<Option<usize>> = vec![None; self.lines.len()];
        let mut found: Vec<(u32, Range<usize>)> = Vec::new();
        while let Some(node) = waiting.pop() {
            let (chain, position) = self.places[node.index()];
            let (end, place) = (&mut ends[chain as usize], &mut places[chain as usize]);
            if position < *end {
                continue;
            }
            if place.is_none() {
                for other in known {
                    *end = self.past_end_with(*other, chain).max(*end);
                    if position < *end {
                        break;
                    }
                }
                if position < *end {
                    continue;
                }
                *place = Some(found.len());
                found.push((chain, *end as usize..*end as usize));
            }
            let Some((_, stretch)) = place.and_then(|place| found.get_mut(place)) else { continue };
            for node in &self.lines[chain as usize].nodes[stretch.end..=position as usize] {
                waiting.extend_from_slice(self.deps(*node));
            }
            *end = position + 1;
            stretch.end = *end as usize;
        }
        found
    }
}

kept!(Line { nodes, origin, base, seen, growth });
kept!(Causal { places, depths, dep_ends, deps, lines, heads });

impl Kept for Node {
    fn keep(&self, w: &mut Writer) {
        self.0.keep(w);
    }

    fn regain(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        u32::regain(r).map(Self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    struct Dice(u64);
    impl Dice {
        fn below(&mut self, n: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % n as u64) as usize
        }
    }

    fn random_dag(seed: u64, ops: usize) -> (Causal, Vec<BTreeSet<Node>>) {
        let (mut dice, mut causal) = (Dice(seed * 2 + 1), Causal::new());
        let mut pasts: Vec<BTreeSet<Node>> = Vec::new();
        let near = 1 + dice.below(20);
        for i in 0..ops {
            let mut deps = Vec::new();
            for _ in 0..usize::from(i > 0) * (1 + dice.below(3)) {
                deps.push(Node((i - 1 - dice.below(near.min(i))) as u32));
            }
            let mut past: BTreeSet<Node> = deps.iter().copied().collect();
            for dep in &deps {
                past.extend(&pasts[dep.index()]);
            }
            causal.insert(&deps);
            pasts.push(past);
        }
        (causal, pasts)
    }

    #[test]
    fn saw_agrees_with_the_closure_of_deps_on_random_dags() {
        for seed in 0..60 {
            let (causal, pasts) = random_dag(seed, 80);
            for (later, past) in pasts.iter().enumerate() {
                for earlier in (0..pasts.len()).map(|i| Node(i as u32)) {
                    let expected = past.contains(&earlier);
                    assert_eq!(causal.saw(Node(later as u32), earlier), expected, "seed {seed}: {later} {earlier:?}");
                }
            }
        }
    }

    #[test]
    fn difference_heads_and_depth_agree_with_their_definitions() {
        for seed in 0..60 {
            let (causal, pasts) = random_dag(seed, 60);
            let mut dice = Dice(seed + 77);
            let known: Vec<Node> = (0..dice.below(4)).map(|_| Node(dice.below(60) as u32)).collect();
            let all = (0..60).map(Node);
            let unknown: Vec<Node> =
                all.clone().filter(|n| !known.iter().any(|k| k == n || pasts[k.index()].contains(n))).collect();
            assert_eq!(causal.difference(&known), unknown, "seed {seed}");
            assert_eq!(causal.count_difference(&known), unknown.len(), "seed {seed}");
            let tops: Vec<Node> = (0..dice.below(4)).map(|_| Node(dice.below(60) as u32)).collect();
            let under = |n: &Node| tops.iter().any(|t| t == n || pasts[t.index()].contains(n));
            let between: Vec<Node> = unknown.iter().copied().filter(under).collect();
            assert_eq!(causal.between(&tops, &known), between, "seed {seed}");
            let heads: Vec<Node> = all.clone().filter(|n| !pasts.iter().any(|p| p.contains(n))).collect();
            assert_eq!(causal.heads().collect::<Vec<_>>(), heads);
            assert_eq!(causal.heads_of(&all.collect::<Vec<_>>()), heads);
            for n in 0..60_u32 {
                let deepest = causal.deps(Node(n)).iter().map(|d| causal.depth(*d)).max().unwrap_or(0);
                assert_eq!(causal.depth(Node(n)), deepest + 1);
            }
        }
    }

    #[test]
    fn a_straight_history_is_one_chain() {
        let mut causal = Causal::new();
        let mut last = causal.insert(&[]);
        for _ in 0..100 {
            last = causal.insert(&[last]);
        }
        assert_eq!((causal.chains(), causal.depth(last), causal.heads().len()), (1, 101, 1));
        assert!(causal.between(&[last], &[last]).is_empty());
    }
}
