//! The end of a log beside the whole of it, in worlds in which sessions fork and roles change.

use super::forks::{STEPS, Tangle};
use super::*;

const WORLDS: u64 = 300;

/// A log without keys, as a relay holds it, and its end.
struct Beside {
    whole: Replica,
    tail: Tail,
    keep: usize,
    /// How many ops the end took in, and how often the log had to tell.
    taken: usize,
    unsure: usize,
}

impl Beside {
    fn new(workspace: WorkspaceId, keep: usize) -> Self {
        let whole = Replica::new(workspace);
        let tail = whole.tail(keep);
        Self { whole, tail, keep, taken: 0, unsure: 0 }
    }

    fn take(&mut self, op: &Op) {
        let by_tail = self.tail.take(op);
        let by_whole = self.whole.receive(&op.bytes, &mut Vec::new());
        match by_tail {
            Ok(new) => {
                self.taken += usize::from(new);
                assert_eq!(by_whole, Ok(if new { Received::New } else { Received::Known }));
            }
            // The log is read, which has its end again when it comes to rest.
            Err(Unsure) => {
                self.unsure += 1;
                self.whole.note_committed(self.whole.len() as u32);
                self.tail = self.whole.tail(self.keep);
            }
        }
        assert_eq!(self.whole.len(), self.tail.len());
    }

    fn compare(&self, ids: &[OpId], dice: &mut Dice) -> bool {
        let sorted = |mut heads: Vec<OpId>| {
            heads.sort_unstable();
            heads
        };
        assert_eq!(sorted(self.tail.committed_heads()), sorted(self.whole.committed_heads()));
        let heads: Vec<OpId> = (0..dice.roll(4)).map(|_| ids[ids.len() - 1 - dice.roll(ids.len().min(12))]).collect();
        let by_tail = self.tail.missing(&heads, &[]);
        assert!(by_tail.as_ref().is_none_or(|missing| *missing == self.whole.missing(&heads, &[])));
        assert!(self.tail.in_one_answer(&heads).is_none_or(|ids| ids == self.whole.in_one_answer(&heads)));
        by_tail.is_some_and(|missing| !missing.ids.is_empty())
    }
}

#[test]
fn the_end_of_a_log_takes_in_what_the_whole_would_and_gives_what_it_would() {
    println!("SEED={}", seed());
    let (mut taken, mut unsure, mut answered) = (0, 0, 0);
    for seed in seed()..seed() + WORLDS {
        let mut tangle = Tangle::new(seed);
        for _ in 0..STEPS {
            tangle.step();
        }
        let mut ops = tangle.ops();
        tangle.dice.shuffle(&mut ops);
        let workspace = ops[0].workspace();
        let mut dice = Dice::new(seed);
        let mut beside = Beside::new(workspace, 5 + dice.roll(40));
        let mut waiting: Vec<&Op> = ops.iter().collect();
        let mut came = Vec::new();
        while !waiting.is_empty() {
            // Some come twice, some before what they had seen.
            let ready = |op: &&Op| op.seen().all(|dep| beside.whole.knows(&dep));
            let at = waiting.iter().position(ready).filter(|_| dice.roll(60) > 0).unwrap_or(dice.roll(waiting.len()));
            let op = waiting[at];
            beside.take(op);
            if dice.roll(5) > 0 {
                waiting.remove(at);
            }
            came.push(op.id);
            if dice.roll(3) == 0 {
                let count = beside.whole.len();
                beside.whole.note_committed(count as u32);
                beside.tail.note_committed(count);
                beside.tail.trim(5 + dice.roll(40));
            }
            answered += usize::from(beside.compare(&came, &mut dice));
        }
        taken += beside.taken;
        unsure += beside.unsure;
    }
    println!("{taken} ops taken in by the end alone, {unsure} not; {answered} answers");
    assert!(taken > 3_000 && unsure > 1_000 && answered > 3_000, "{taken}, {unsure}, {answered}");
}

#[test]
fn what_was_taken_back_is_as_if_it_had_not_come() {
    let (mut alice, _) = alice_and_bob();
    let mut whole = Replica::new(alice.replica.workspace());
    alice.edit("before");
    alice.log.iter().for_each(|op| drop(whole.receive(&op.bytes, &mut Vec::new())));
    whole.note_committed(whole.len() as u32);
    let mut tail = whole.tail(3);
    let (len, heads) = (tail.len(), tail.committed_heads());
    let edits = ["one", "two"].map(|name| alice.edit(name)).map(|id| alice.op(&id));
    for op in &edits {
        assert_eq!(tail.take(op), Ok(true));
    }
    tail.take_back(len);
    assert_eq!((tail.len(), tail.committed_heads(), tail.take(&edits[1])), (len, heads, Err(Unsure)));
    assert_eq!(edits.each_ref().map(|op| tail.take(op)), [Ok(true), Ok(true)]);
    tail.note_committed(len + 1);
    tail.trim(0);
    assert_eq!((tail.held(), tail.committed_heads()), (1, vec![edits[0].id]), "what is not committed stays");
}

#[test]
fn what_its_end_cannot_tell_is_left_to_the_log() {
    let (mut alice, _) = alice_and_bob();
    let first = alice.edit("first");
    let workspace = alice.replica.workspace();
    let mut log = Replica::new(workspace);
    alice.log.iter().for_each(|op| drop(log.receive(&op.bytes, &mut Vec::new())));
    log.note_committed(log.len() as u32);
    let mut tail = log.tail(100);
    let nonce = 40;
    let before_bob = alice.log[0].id;
    let cap = OpId(workspace.0);
    let opening = forge(BOB, workspace, nonce, 0, &[first], Body::Open);
    let cases = [
        ("an op of an outsider", forge(CARA, workspace, nonce, 0, &[first], Body::Open)),
        ("an op that had seen nothing of its author", forge(BOB, workspace, nonce, 0, &[before_bob], Body::Open)),
        ("an op after another one's", forge(BOB, workspace, nonce, 1, &[first], whole(set_meta(1, 0, "k")))),
        (
            "a role",
            forge(ALICE, workspace, nonce, 0, &[first], Body::SetRole { subject: id(CARA), role: Role::Viewer, cap }),
        ),
        (
            "an op of a newer version",
            forge(BOB, workspace, nonce, 0, &[first], Body::Newer { version: 3, kind: 77, rest: vec![] }),
        ),
        ("an op of another workspace", forge(BOB, WorkspaceId([5; 32]), nonce, 0, &[first], Body::Open)),
        ("an op after what is not known", forge(BOB, workspace, nonce, 1, &[opening.id], Body::Join)),
    ];
    for (what, op) in cases {
        assert_eq!((tail.take(&op), tail.len()), (Err(Unsure), log.len()), "{what}");
    }
    let skipped = forge(BOB, workspace, nonce, 2, &[opening.id], Body::Join);
    assert_eq!(tail.take(&opening), Ok(true));
    assert_eq!((tail.take(&skipped), tail.take(&opening)), (Err(Unsure), Ok(false)));
}
