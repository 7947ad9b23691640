//! How long the judge takes from cold, and for one more op, as history grows; and how much memory it holds.
//!
//! The history: a hundred people in a thousand sessions, ten at work at any time, each hearing of the others a few ops
//! late; links, admissions, changes of role and removals among their edits. Deliberately absent: signature checks.

use criterion::{Criterion, criterion_group, criterion_main};
use omniscope_protocol::causal::Node;
use omniscope_protocol::judge::{Fact, FactKind, Id, Judge, Role};
use std::collections::VecDeque;
use std::hint::black_box;
use std::time::{Duration, Instant};

const SESSIONS: usize = 1_000;
const AT_WORK: usize = 10;
const PEOPLE: usize = 100;
const MEMBERSHIP_OPS: usize = 400;
const LAG: usize = 12;

struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

fn bytes(n: usize, tag: u8) -> [u8; 32] {
    let mut id = [tag; 32];
    // Spread like hashes, so that the order of ids says nothing.
    id[..8].copy_from_slice(&(n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    id[8..16].copy_from_slice(&(n as u64).to_be_bytes());
    id
}

struct Writer {
    judge: Judge,
    facts: Vec<Fact>,
    recent: VecDeque<Vec<Node>>,
}

impl Writer {
    fn id(&self, node: Node) -> Id {
        self.facts[node.index()].id
    }

    /// Names the previous op of the session first, as ops do, then the heads of what else is known.
    fn add(&mut self, author: usize, previous: Option<Node>, known: &[Node], kind: FactKind) -> Node {
        let mut deps: Vec<Node> = previous.into_iter().collect();
        deps.extend(self.judge.causal().heads_of(known).into_iter().filter(|n| Some(*n) != previous));
        let id = bytes(self.facts.len(), 1);
        let named = deps.iter().map(|d| self.id(*d)).collect();
        self.facts.push(Fact { id, author: bytes(author, 2), deps: named, kind });
        let node = self.judge.insert(&self.facts[self.facts.len() - 1]).expect("deps are known").node;
        self.recent.push_front(self.judge.frontier().collect());
        self.recent.truncate(LAG);
        node
    }

    /// What somebody knows who hears of things `lag` ops late.
    fn heard(&self, lag: usize, previous: Option<Node>) -> Vec<Node> {
        let mut known = self.recent[lag.min(self.recent.len() - 1)].clone();
        known.extend(previous);
        known
    }
}

/// A history of about `ops` ops over a thousand sessions, in the order of writing, and the judge its authors asked.
fn history(ops: usize) -> (Vec<Fact>, Judge) {
    let mut dice = Dice(0x5eed);
    let mut w = Writer { judge: Judge::new(), facts: Vec::new(), recent: VecDeque::new() };
    let genesis = w.add(0, None, &[], FactKind::SetRole { subject: bytes(0, 2), role: Role::Owner, cap: None });
    let cap = Some(w.id(genesis));
    let mut founder = genesis;
    for person in 1..PEOPLE {
        let role = Role::Editor;
        let attester = Some(bytes(0, 2));
        founder = w.add(0, Some(founder), &[], FactKind::Invite { role, cap, max_uses: Some(1), attester });
        let invite = w.id(founder);
        w.add(0, Some(founder), &[], FactKind::Admit { invite, subject: bytes(person, 2), proof: None });
        if person % 10 == 0 {
            let known = w.heard(0, Some(founder));
            founder = w.add(
                0,
                Some(founder),
                &known,
                FactKind::SetRole { subject: bytes(person, 2), role: Role::Editor, cap },
            );
        }
    }
    let mut sessions: Vec<(usize, Option<Node>)> = (0..AT_WORK).map(|s| (s % PEOPLE, None)).collect();
    let every = (ops / MEMBERSHIP_OPS).max(20);
    let life = (ops / SESSIONS).max(1);
    let mut opened = AT_WORK;
    while w.facts.len() < ops {
        let step = w.facts.len();
        if step.is_multiple_of(every) {
            let subject = 1 + dice.below(PEOPLE - 1);
            let role = [Role::Editor, Role::Viewer, Role::Editor, Role::None][dice.below(4)];
            let known = w.heard(dice.below(LAG), Some(founder));
            founder = w.add(0, Some(founder), &known, FactKind::SetRole { subject: bytes(subject, 2), role, cap });
            continue;
        }
        if step.is_multiple_of(life) && opened < SESSIONS {
            let slot = opened % AT_WORK;
            sessions[slot] = (opened % PEOPLE, None);
            opened += 1;
        }
        let slot = dice.below(AT_WORK);
        let (person, previous) = sessions[slot];
        if w.judge.role(&bytes(person, 2)) < Role::Editor {
            sessions[slot] = (dice.below(PEOPLE), None);
            continue;
        }
        let previous = previous.filter(|n| w.judge.trusted(*n));
        let known = w.heard(dice.below(LAG), previous);
        let kind = if previous.is_none() { FactKind::Plain } else { FactKind::Edit { adopts: Vec::new() } };
        sessions[slot].1 = Some(w.add(person, previous, &known, kind));
    }
    (w.facts, w.judge)
}

fn judged(facts: &[Fact]) -> Judge {
    let mut judge = Judge::new();
    for fact in facts {
        judge.insert(fact).expect("the history is in causal order");
    }
    judge
}

/// Resident memory in KiB, where the system tells.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?.trim().trim_end_matches(" kB").parse().ok()
}

fn judge(c: &mut Criterion) {
    for ops in [1_000, 10_000, 100_000] {
        // The first judge stays alive meanwhile, or the second would grow into what it gave back.
        let (facts, first) = history(ops);
        let before = resident();
        let judge = judged(&facts);
        let grown = before.zip(resident()).map(|(b, a)| a.saturating_sub(b));
        drop(first);
        let accepted = judge.accepted_edits().count();
        println!("{ops} ops: {accepted} edits accepted, {} chains, {grown:?} KiB", judge.causal().chains());
        assert!(accepted > ops / 4, "the history is one in which most work counts");
        let mut group = c.benchmark_group("judge");
        group.sample_size(10).measurement_time(Duration::from_secs(3));
        group.bench_function(format!("cold/{ops}"), |b| b.iter(|| judged(black_box(&facts))));
        let last = facts.len() - 1_000.min(facts.len() / 2);
        group.bench_function(format!("one_more/{ops}"), |b| {
            b.iter_custom(|rounds| {
                let mut spent = Duration::ZERO;
                for _ in 0..rounds {
                    let mut judge = judged(&facts[..last]);
                    let start = Instant::now();
                    for fact in &facts[last..] {
                        black_box(judge.insert(fact).expect("the history is in causal order"));
                    }
                    spent += start.elapsed() / (facts.len() - last) as u32;
                }
                spent
            });
        });
        group.finish();
        let mut spent: Vec<Duration> = Vec::new();
        let mut judge = judged(&facts[..last]);
        for fact in &facts[last..] {
            let start = Instant::now();
            black_box(judge.insert(fact).expect("the history is in causal order"));
            spent.push(start.elapsed());
        }
        spent.sort_unstable();
        println!("{ops} ops, one more: median {:?}, worst {:?}", spent[spent.len() / 2], spent[spent.len() - 1]);
    }
}

criterion_group!(benches, judge);
criterion_main!(benches);
