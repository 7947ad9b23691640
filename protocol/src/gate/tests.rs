//! The gate's verdicts on small updates, whole and mutated.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::bytes::put_number;
use super::structs::{Content, Id, Parent, Struct};
use super::{GateError, Index, Past, Refusal, Update};

const ALICE: u64 = 7;
const BOB: u64 = 9;

struct Reach(Vec<(u64, u64)>);

impl Past for Reach {
    fn end(&self, client: u64) -> u64 {
        self.0.iter().find(|(c, _)| *c == client).map_or(0, |(_, end)| *end)
    }
}

fn nobody() -> Reach {
    Reach(Vec::new())
}

fn id(client: u64, clock: u32) -> Option<Id> {
    Some(Id { client, clock })
}

fn root<'a>(name: &'a str, key: Option<&'a str>, content: Content<'a>) -> Struct<'a> {
    Struct { len: 1, origin: None, right: None, parent: Some(Parent::Root(name)), key, content }
}

fn inside<'a>(parent: Option<Id>, key: Option<&'a str>, content: Content<'a>) -> Struct<'a> {
    Struct { len: 1, origin: None, right: None, parent: parent.map(Parent::Type), key, content }
}

fn beside(origin: Option<Id>, right: Option<Id>, content: Content<'_>) -> Struct<'_> {
    Struct { len: 1, origin, right, parent: None, key: None, content }
}

const YES: Content<'static> = Content::Any { count: 1, bytes: &[120] };

fn bytes(client: u64, start: u32, structs: &[Struct<'_>], deletes: &[(u64, u32, u32)]) -> Vec<u8> {
    let mut out = Vec::new();
    put_number(&mut out, u64::from(!structs.is_empty()));
    if !structs.is_empty() {
        for n in [structs.len() as u64, client, start.into()] {
            put_number(&mut out, n);
        }
    }
    for item in structs {
        item.write(&mut out);
    }
    put_number(&mut out, deletes.len() as u64);
    for (client, clock, len) in deletes {
        for n in [*client, 1, (*clock).into(), (*len).into()] {
            put_number(&mut out, n);
        }
    }
    out
}

fn update(client: u64, start: u32, structs: &[Struct<'_>], deletes: &[(u64, u32, u32)]) -> Update {
    Update::parse(&bytes(client, start, structs, deletes)).unwrap()
}

/// A node at 0, its notes at 1, "ab" in them at 2.
fn note() -> Update {
    let structs = [
        root("nodes", Some("n1"), Content::NewMap),
        inside(id(ALICE, 0), Some("notes"), Content::NewText),
        inside(id(ALICE, 1), None, Content::Text("ab")),
    ];
    update(ALICE, 0, &structs, &[])
}

fn with_note() -> Index {
    let mut index = Index::default();
    index.insert(index.check(&note(), ALICE, 0, &nobody()).unwrap());
    index
}

fn verdict(structs: &[Struct<'_>], deletes: &[(u64, u32, u32)]) -> Result<(), Refusal> {
    with_note().check(&update(BOB, 0, structs, deletes), BOB, 0, &Reach(vec![(ALICE, 4)])).map(drop)
}

#[test]
fn honest_edits_pass() {
    let between = beside(id(ALICE, 2), id(ALICE, 3), Content::Text("\u{1f600}"));
    verdict(&[between], &[(ALICE, 2, 2), (BOB, 0, 2)]).unwrap();
    verdict(&[root("meta", Some("name"), YES), root("nodes", Some("n2"), Content::NewMap)], &[]).unwrap();
}

#[test]
fn parsing_what_was_encoded_gives_the_same() {
    let note = note();
    assert_eq!(Update::parse(&note.encode()).unwrap(), note);
}

#[test]
fn what_is_not_in_the_past_is_refused() {
    let index = with_note();
    let beside = update(BOB, 0, &[beside(id(ALICE, 3), None, Content::Text("x"))], &[]);
    assert!(matches!(index.check(&beside, BOB, 0, &Reach(vec![(ALICE, 3)])), Err(Refusal::Outside { .. })));
    assert!(matches!(verdict(&[], &[(ALICE, 4, 1)]), Err(Refusal::DeleteOutside { .. })));
    assert!(matches!(verdict(&[], &[(BOB, 0, 1)]), Err(Refusal::DeleteOutside { .. })));
}

#[test]
fn foreign_clients_and_holes_are_refused() {
    let name = [root("meta", Some("name"), YES)];
    let index = Index::default();
    assert!(matches!(index.check(&update(BOB, 0, &name, &[]), ALICE, 0, &nobody()), Err(Refusal::Client { .. })));
    assert!(matches!(index.check(&update(BOB, 1, &name, &[]), BOB, 0, &nobody()), Err(Refusal::Clock { .. })));
}

#[test]
fn content_stands_only_where_the_schema_allows() {
    let text = Content::Text("x");
    let cases = [
        root("nodes", Some("n2"), YES),
        root("edges", Some("e2"), Content::NewText),
        root("order", Some("x"), YES),
        root("nodes", None, text),
        inside(id(ALICE, 0), Some("label"), Content::NewMap),
        inside(id(ALICE, 0), Some("notes"), YES),
        inside(id(ALICE, 1), Some("bold"), YES),
        inside(id(ALICE, 2), None, text),
        beside(id(ALICE, 1), None, text),
        beside(id(ALICE, 0), id(ALICE, 3), Content::NewMap),
    ];
    for case in cases {
        assert!(verdict(&[case], &[]).is_err(), "{case:?}");
    }
}

#[test]
fn poison_is_refused_as_bytes() {
    let emoji = [1, 1, 7, 0, 4, 1, 5, 0x6f, 0x72, 0x64, 0x65, 0x72, 6, 0x61, 0xf0, 0x9f, 0x98, 0x80, 0x62, 0];
    let emoji = Update::parse(&emoji).unwrap();
    assert_eq!(Index::default().check(&emoji, ALICE, 0, &nobody()).err(), Some(Refusal::Root(0)));

    let mut deep = bytes(ALICE, 0, &[root("meta", Some("x"), Content::Any { count: 1, bytes: &[] })], &[]);
    deep.pop();
    deep.extend([117, 1].repeat(10_000));
    deep.extend([126, 0]);
    assert!(matches!(Update::parse(&deep), Err(GateError::Depth(_))));

    let good = bytes(ALICE, 0, &[root("meta", Some("x"), YES)], &[]);
    assert!(matches!(Update::parse(&[good.as_slice(), &[0]].concat()), Err(GateError::Trailing(_))));
    assert!(matches!(Update::parse(&[0x80, 0, 0]), Err(GateError::Number(_))));
    assert!(matches!(Update::parse(&[2, 0, 0]), Err(GateError::Clients(2))));
    assert!(matches!(Update::parse(&vec![0; super::MAX_UPDATE_BYTES + 1]), Err(GateError::TooLarge)));
    for info in [0, 1, 2, 3, 5, 6, 9, 10] {
        let mut other = good.clone();
        other[4] = 0x20 | info;
        assert!(Update::parse(&other).is_err(), "kind {info}");
    }
    for value in [[127, 0], [116, 0], [122, 0]] {
        let mut other = good[..good.len() - 2].to_vec();
        other.extend(value);
        assert!(Update::parse(&other).is_err(), "value {value:?}");
    }
}

#[test]
fn typing_one_character_at_a_time_becomes_one_struct() {
    let mut typed = note();
    let mut index = Index::default();
    for clock in 4..40_004 {
        typed.append(update(ALICE, clock, &[beside(id(ALICE, clock - 1), None, Content::Text("x"))], &[]));
    }
    assert_eq!(typed.clock_range(), Some((0, 40_004)));
    assert_eq!(typed.structs().count(), 3);
    assert_eq!(Update::parse(&typed.encode()).unwrap(), typed);
    index.insert(index.check(&typed, ALICE, 0, &nobody()).unwrap());
    assert_eq!(index.runs(), 3);
}

#[test]
fn backspaces_become_one_range_and_strangers_tear() {
    let mut typed = note();
    for clock in [3, 2] {
        typed.append(update(ALICE, 0, &[], &[(ALICE, clock, 1)]));
    }
    assert_eq!(typed.deletes(), &[(ALICE, 2, 4)]);
    typed.append(update(BOB, 0, &[root("meta", Some("x"), YES)], &[]));
    assert!(matches!(Index::default().check(&typed, ALICE, 0, &nobody()), Err(Refusal::Clock { .. })));
}

#[test]
fn parts_are_small_and_valid_in_order() {
    let long = "a\u{1f600}é".repeat(3_000);
    let mut whole = note();
    let len = long.chars().map(|c| c.len_utf16() as u32).sum();
    let text = Struct { len, ..beside(id(ALICE, 3), None, Content::Text(&long)) };
    whole.append(update(ALICE, 4, &[text], &[(ALICE, 2, 1), (BOB, 3, 1)]));
    let (_, end) = whole.clock_range().unwrap();
    let bound = Reach(vec![(BOB, 4)]);
    let (mut index, mut next) = (Index::default(), 0);
    for part in whole.split(1_000) {
        assert!(part.encode().len() <= 1_000);
        let part = Update::parse(&part.encode()).unwrap();
        index.insert(index.check(&part, ALICE, next, &bound).unwrap());
        next = part.clock_range().map_or(next, |(_, end)| end);
    }
    assert_eq!(next, end);
    assert_eq!(index.runs(), 3);
}

#[test]
fn who_names_a_character_must_have_had_what_its_writer_wrote_before_it() {
    let text = Content::Text;
    let mut index = with_note();
    let others = [beside(id(ALICE, 2), id(ALICE, 3), text("x")), beside(id(ALICE, 3), None, text("y"))];
    index.insert(index.check(&update(BOB, 0, &others, &[]), BOB, 0, &Reach(vec![(ALICE, 4)])).unwrap());
    let past = Reach(vec![(ALICE, 4), (BOB, 2)]);
    let (behind, inside) = (beside(id(BOB, 1), None, text("z")), beside(id(ALICE, 2), id(ALICE, 3), text("w")));
    index.check(&update(99, 0, &[inside], &[]), 99, 0, &past).unwrap();
    let both = index.check(&update(99, 0, &[behind, inside], &[]), 99, 0, &past).map(drop);
    assert_eq!(both, Err(Refusal::Order(1)), "in one update");
    let before = [behind, beside(None, id(ALICE, 2), text("v")), root("meta", Some("name"), YES)];
    index.insert(index.check(&update(99, 0, &before, &[]), 99, 0, &past).unwrap());
    let later = index.check(&update(99, 3, &[inside], &[]), 99, 3, &past).map(drop);
    assert_eq!(later, Err(Refusal::Order(3)), "and in two, with others in between");
}

fn random(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed | 1;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize % below
    }
}

/// Who writes in the notes of [`note`], having seen all of what stood there at some time and what it wrote since.
struct Writer {
    client: u64,
    past: Reach,
    /// What it wrote: first clock and update.
    wrote: Vec<(u32, Update)>,
    /// The value that it set last.
    value: Option<Id>,
}

impl Writer {
    fn next(&self) -> u32 {
        self.past.end(self.client) as u32
    }

    /// Writes one or two characters where it sees two stand beside each other, or sets its value.
    fn write(&mut self, index: &mut Index, mut random: impl FnMut(usize) -> usize) {
        let next = self.next();
        let seen: Vec<Id> = index.runs_held().order(NOTES).into_iter().filter(|id| self.sees(*id)).collect();
        let key = self.client.to_string();
        let item = match random(4) {
            0 => match self.value {
                None => root("meta", Some(&key), YES),
                value => beside(value, None, YES),
            },
            _ => {
                let at = 1 + random(seen.len());
                let (text, len) = [("x", 1), ("xy", 2)][random(2)];
                Struct { len, ..beside(Some(seen[at - 1]), seen.get(at).copied(), Content::Text(text)) }
            }
        };
        self.value = if item.is_text() { self.value } else { id(self.client, next) };
        let update = update(self.client, next, &[item], &[]);
        index.insert(index.check(&update, self.client, next.into(), &self.past).unwrap());
        self.past.0.retain(|(client, _)| *client != self.client);
        self.past.0.push((self.client, update.clock_range().unwrap().1));
        self.wrote.push((next, update));
    }

    fn sees(&self, id: Id) -> bool {
        self.past.end(id.client) > id.clock.into()
    }
}

/// The slot of the characters that [`note`] writes.
const NOTES: u32 = 2;

#[test]
fn after_a_cut_everything_is_as_if_what_was_cut_had_never_come() {
    let first = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1_u64);
    println!("SEED={first}");
    for seed in first..first + 500 {
        let mut random = random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut index = with_note();
        let mut writers = [BOB, BOB + 1].map(|client| Writer {
            client,
            past: Reach(vec![(ALICE, 4)]),
            wrote: Vec::new(),
            value: None,
        });
        writers.iter_mut().for_each(|writer| writer.write(&mut index, |_| 0));
        for _ in 0..random(6) {
            writers[random(2)].write(&mut index, &mut random);
            let [a, b] = &writers;
            let ends = vec![(ALICE, 4), (a.client, a.next().into()), (b.client, b.next().into())];
            writers.iter_mut().for_each(|writer| writer.past = Reach(ends.clone()));
        }
        let (mut without, [cut, kept]) =
            (index.clone(), writers.each_ref().map(|writer| (writer.next(), writer.wrote.len())));
        for _ in 0..random(12) {
            writers[random(2)].write(&mut index, &mut random);
        }
        let mut past = Reach(vec![(ALICE, 4), (BOB, cut.0.into()), (BOB + 1, kept.0.into())]);
        for (start, update) in &writers[1].wrote[kept.1..] {
            without.insert(without.check(update, BOB + 1, u64::from(*start), &past).unwrap());
            past.0[2].1 = update.clock_range().unwrap().1;
        }
        index.cut(BOB, cut.0.into());
        assert_eq!(format!("{:?}", index.runs_held()), format!("{:?}", without.runs_held()), "seed {seed}");
    }
}

#[test]
fn mutated_bytes_never_panic_and_reencode_alike() {
    let seed = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1_u64);
    println!("SEED={seed}");
    let mut random = random(seed);
    let mut random = move || random(usize::MAX);
    let index = with_note();
    let base = bytes(
        BOB,
        0,
        &[beside(id(ALICE, 2), id(ALICE, 3), Content::Text("hi")), root("meta", Some("k"), YES)],
        &[(ALICE, 2, 2)],
    );
    let (mut parsed, mut passed) = (0, 0);
    for _ in 0..200_000 {
        let mut case = base.clone();
        for _ in 0..1 + random() % 3 {
            let at = random() % case.len();
            match random() % 3 {
                0 => case[at] = random() as u8,
                1 => case.insert(at, random() as u8),
                _ if case.len() > 1 => drop(case.remove(at)),
                _ => {}
            }
        }
        if let Ok(update) = Update::parse(&case) {
            parsed += 1;
            assert_eq!(Update::parse(&update.encode()).unwrap(), update);
            passed += usize::from(index.check(&update, BOB, 0, &Reach(vec![(ALICE, 4)])).is_ok());
        }
    }
    assert!(parsed > 1_000 && passed > 100, "parsed {parsed}, passed {passed}");
}
