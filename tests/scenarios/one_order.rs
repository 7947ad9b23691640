//! What the gate lets through comes to one order, in whatever order it came: characters between any neighbours that exist,
//! also such as no library would name, by authors who have seen more than they show.
//!
//! Deliberately absent: what real Yjs writes (`yjs_equal`), signatures and rivals.

use std::collections::{BTreeMap, BTreeSet};

use omniscope_engine::doc::Document;
use omniscope_protocol::gate::{Index, Past, Refusal, Update};
use omniscope_tests::dice::Dice;
use omniscope_tests::lib0::{node_with_notes, structs};
use omniscope_tests::rows::tier;
use serde_json::Value;

/// Wrote the node, its notes and "ab" in them; then three others.
const FOUNDER: u64 = 9;
const WRITERS: [u64; 3] = [5, 77, 9_000];
const TRIES: usize = 30;
/// The first character that a writer sets, so that each tells who set it and when.
const FIRST: u32 = 0x4e00;
const PER_WRITER: u32 = 1_000;

/// The end of each client's clocks.
#[derive(Clone, Debug, Default)]
struct Ends(BTreeMap<u64, u64>);

impl Past for Ends {
    fn end(&self, client: u64) -> u64 {
        self.0.get(&client).copied().unwrap_or_default()
    }
}

impl Ends {
    fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|(client, end)| self.end(*client) >= *end)
    }
}

/// Client and clock of a character.
type Place = (u64, u64);

/// An update that somebody tried.
#[derive(Debug)]
struct Try {
    client: u64,
    past: Ends,
    bytes: Vec<u8>,
    verdict: Result<(), Refusal>,
}

fn letter((client, clock): Place) -> char {
    match WRITERS.iter().position(|writer| *writer == client) {
        Some(at) => char::from_u32(FIRST + at as u32 * PER_WRITER + clock as u32).unwrap(),
        None => char::from(b'a' + (clock as u8).wrapping_sub(2) % 26),
    }
}

fn place_of(letter: char) -> Place {
    match u32::from(letter).checked_sub(FIRST) {
        Some(n) => (WRITERS[(n / PER_WRITER) as usize], (n % PER_WRITER).into()),
        None => (FOUNDER, u64::from(u32::from(letter) - u32::from('a')) + 2),
    }
}

/// So many characters between two neighbours in the notes.
type Typed = (u64, Option<Place>, Option<Place>);

/// What one types at once, in one place or in several.
fn typed((client, mut clock): Place, all: &[Typed]) -> Vec<u8> {
    let flag = |neighbour: Option<Place>, bit| if neighbour.is_some() { bit } else { 0 };
    let mut update = structs(all.len() as u64, client, clock);
    for (len, left, right) in all {
        update = update.b(&[4 | flag(*left, 0x80) | flag(*right, 0x40)]);
        for (client, clock) in [*left, *right].into_iter().flatten() {
            update = update.n(client).n(clock);
        }
        if left.or(*right).is_none() {
            update = update.b(&[0]).n(FOUNDER).n(1);
        }
        let text: String = (clock..clock + len).map(|clock| letter((client, clock))).collect();
        (update, clock) = (update.s(&text), clock + len);
    }
    update.n(0).0
}

fn notes(document: &Document) -> Vec<Place> {
    let json: Value = serde_json::from_str(&document.canonical_json()).unwrap();
    json["nodes"]["n1"]["notes"].as_str().unwrap().chars().map(place_of).collect()
}

fn begin() -> (Index, Document, Ends) {
    let (mut index, mut document, mut ends) = (Index::default(), Document::new(1), Ends::default());
    take(&mut index, &mut ends, FOUNDER, &Ends::default(), &node_with_notes(FOUNDER)).unwrap();
    document.apply(&node_with_notes(FOUNDER)).unwrap();
    (index, document, ends)
}

fn take(index: &mut Index, ends: &mut Ends, client: u64, past: &Ends, bytes: &[u8]) -> Result<(), Refusal> {
    let update = Update::parse(bytes).unwrap();
    index.insert(index.check(&update, client, ends.end(client), past)?);
    ends.0.insert(client, update.clock_range().unwrap().1);
    Ok(())
}

/// One who writes: what it says that it had seen, and the document that it looks at, which may lack some of that.
struct Writer {
    client: u64,
    past: Ends,
    document: Document,
    unread: Vec<Vec<u8>>,
}

impl Writer {
    fn hears(&mut self, tries: &[Try], index_ends: &Ends, dice: &mut Dice) {
        let new = tries.iter().filter(|t| t.verdict.is_ok() && t.client != self.client);
        let new = new.filter(|t| {
            let (start, _) = Update::parse(&t.bytes).unwrap().clock_range().unwrap();
            start >= self.past.end(t.client)
        });
        self.unread.extend(new.map(|t| t.bytes.clone()));
        self.past = index_ends.clone();
        let reads = dice.below(self.unread.len() + 1);
        self.unread.drain(..reads).for_each(|bytes| self.document.apply(&bytes).unwrap());
    }

    /// The neighbours of what it writes next: as a library names them, or any two.
    fn neighbours(&self, dice: &mut Dice) -> (Option<Place>, Option<Place>) {
        let seen = notes(&self.document);
        let at = dice.below(seen.len() + 1);
        let left = at.checked_sub(1).map(|i| seen[i]);
        match dice.below(3) {
            0 => (left, seen.get(dice.below(seen.len() + 1)).copied()),
            _ => (left, seen.get(at).copied()),
        }
    }
}

/// What three people tried in one world, and what the gate said.
fn world(dice: &mut Dice) -> Vec<Try> {
    let (mut index, _, mut ends) = begin();
    let mut writers =
        WRITERS.map(|client| Writer { client, past: ends.clone(), document: begin().1, unread: Vec::new() });
    let mut tries: Vec<Try> = Vec::new();
    for _ in 0..TRIES {
        let writer = &mut writers[dice.below(WRITERS.len())];
        if dice.one_in(3) {
            writer.hears(&tries, &ends, dice);
        }
        let mut places = vec![writer.neighbours(dice)];
        if dice.one_in(4) {
            places.push(writer.neighbours(dice));
        }
        let all: Vec<Typed> = places.into_iter().map(|(left, right)| (1 + dice.below(2) as u64, left, right)).collect();
        let client = writer.client;
        let bytes = typed((client, ends.end(client)), &all);
        let past = writer.past.clone();
        let verdict = take(&mut index, &mut ends, client, &past, &bytes);
        if verdict.is_ok() {
            writer.document.apply(&bytes).unwrap();
            writer.past.0.insert(client, ends.end(client));
        }
        tries.push(Try { client, past, bytes, verdict });
    }
    tries
}

/// The same tries in another order in which each comes after its past.
fn again(tries: &[Try], dice: &mut Dice) -> Document {
    let (mut index, mut document, mut ends) = begin();
    let mut left: Vec<&Try> = tries.iter().collect();
    while !left.is_empty() {
        let mut blocked = BTreeSet::new();
        let ready: Vec<usize> =
            (0..left.len()).filter(|at| blocked.insert(left[*at].client) && ends.covers(&left[*at].past)).collect();
        let next = left.remove(*dice.pick(&ready));
        let verdict = take(&mut index, &mut ends, next.client, &next.past, &next.bytes);
        assert_eq!(verdict, next.verdict, "a verdict rests on the past alone");
        if verdict.is_ok() {
            document.apply(&next.bytes).unwrap();
        }
    }
    // The gate's order is the document's: whatever stands side by side there may be parted.
    let order = notes(&document);
    for pair in order.windows(2) {
        let update = Update::parse(&typed((123, 0), &[(1, Some(pair[0]), Some(pair[1]))])).unwrap();
        index.check(&update, 123, 0, &ends).unwrap();
    }
    document
}

#[test]
fn what_passes_comes_to_one_order() {
    let first = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1_u64);
    println!("SEED={first}");
    let (mut passed, mut refused) = (0, 0);
    for seed in first..first + tier(500, 50_000) {
        let mut dice = Dice::new(seed);
        let tries = world(&mut dice);
        let documents: BTreeSet<String> = (0..4).map(|_| again(&tries, &mut dice).canonical_json()).collect();
        assert_eq!(documents.len(), 1, "seed {seed}: {documents:?}");
        passed += tries.iter().filter(|t| t.verdict.is_ok()).count();
        refused += tries.iter().filter(|t| matches!(t.verdict, Err(Refusal::Order(_)))).count();
        assert!(tries.iter().all(|t| matches!(t.verdict, Ok(()) | Err(Refusal::Order(_)))), "seed {seed}");
    }
    println!("{passed} edits passed, {refused} did not");
    assert!(passed > refused && refused > passed / 10, "{passed} passed, {refused} did not");
}
