//! What the document promises, over random edits too.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::diff::Diff;
use super::edit::{EditError, NewNode, NodeChange, StickyChange, edge_id, order_key};
use super::{DocError, Document, ROOTS};

/// A tiny generator: tests must not depend on the platform's randomness.
struct Dice(u64);

impl Dice {
    fn seeded() -> Self {
        let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x5eed);
        println!("SEED={seed}");
        Dice(seed)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

fn node(kind: &str, label: &str) -> NewNode {
    NewNode { kind: kind.to_owned(), type_version: "1".to_owned(), label: label.to_owned(), ..NewNode::default() }
}

fn replica_of(document: &Document, client_id: u64) -> Document {
    let mut other = Document::new(client_id);
    other.apply(&document.state_update()).unwrap();
    other
}

#[test]
fn an_empty_document_has_all_roots() {
    let roots: Vec<String> = ROOTS.iter().map(|root| format!("\"{root}\":{{}}")).collect();
    assert_eq!(Document::new(7).canonical_json(), format!("{{{}}}", roots.join(",")));
    assert_eq!(Document::new(7).client_id(), 7);
}

#[test]
fn every_edit_reaches_a_replica_through_its_update() {
    let mut here = Document::new(1);
    let mut there = Document::new(2);
    let mut updates = vec![here.add_node("na", node("A", "First")).unwrap()];
    updates.push(here.add_node("nb", node("B", "Second")).unwrap());
    let (edge, update) = here.add_edge("na", None, "nb", None).unwrap();
    updates.push(update);
    updates.push(here.set_note("na", "why 😀").unwrap());
    updates.push(here.set_note("na", "why not 😁").unwrap());
    let params = BTreeMap::from([("threads".to_owned(), json!(8)), ("cut".to_owned(), json!(0.05))]);
    let change = NodeChange { label: Some("Trim".to_owned()), pos: Some([1.5, 2.0]), disabled: Some(true), params };
    updates.push(here.set_node("na", change).unwrap());
    updates.push(here.add_sticky("s1", [0.0, 0.0], [200.0, 90.0], "yellow", "read me").unwrap());
    let change = StickyChange { text: Some("read me first".to_owned()), ..StickyChange::default() };
    updates.push(here.set_sticky("s1", change).unwrap());
    updates.push(here.set_meta(json!({"name": "Study"}).as_object().unwrap()));
    for update in &updates {
        there.apply(update).unwrap();
    }
    assert_eq!(here.canonical_json(), there.canonical_json());
    let state = there.to_json();
    assert_eq!(state["nodes"]["na"]["notes"], "why not 😁");
    assert_eq!(state["nodes"]["na"]["params"], json!({"threads": 8, "cut": 0.05}));
    assert_eq!(state["nodes"]["na"]["disabled"], true);
    assert_eq!(state["edges"][&edge]["sourcePort"], "out");
    assert_eq!(state["stickies"]["s1"]["text"], "read me first");

    there.apply(&here.remove_node("na").unwrap()).unwrap();
    assert_eq!(there.to_json()["edges"], json!({}), "a removed step takes its edges along");
}

#[test]
fn an_edit_that_changes_nothing_makes_no_update() {
    let mut document = Document::new(1);
    document.add_node("na", node("A", "First")).unwrap();
    let same = NodeChange { label: Some("First".to_owned()), pos: Some([0.0, 0.0]), ..NodeChange::default() };
    assert!(document.set_node("na", same).unwrap().is_empty());
    assert!(document.set_note("na", "").unwrap().is_empty());
}

#[test]
fn impossible_edits_are_refused_with_a_reason() {
    let mut document = Document::new(1);
    for id in ["na", "nb", "nc"] {
        document.add_node(id, node("A", id)).unwrap();
    }
    document.add_edge("na", None, "nb", None).unwrap();
    document.add_edge("nb", None, "nc", None).unwrap();
    let before = document.canonical_json();
    assert_eq!(document.add_node("na", node("A", "")).unwrap_err(), EditError::Exists("na".to_owned()));
    assert_eq!(document.add_edge("na", None, "na", None).unwrap_err(), EditError::SelfLoop("na".to_owned()));
    assert_eq!(document.add_edge("na", None, "nx", None).unwrap_err(), EditError::NoNode("nx".to_owned()));
    let circle = document.add_edge("nc", None, "na", None).unwrap_err();
    assert_eq!(circle.to_string(), "the connection would close a circle: nc → na → nb → nc");
    let nan = NodeChange { pos: Some([f64::NAN, 0.0]), ..NodeChange::default() };
    assert_eq!(document.set_node("na", nan).unwrap_err().code(), "invalid_value");
    assert_eq!(document.remove_edge("e0").unwrap_err().code(), "no_such_edge");
    assert_eq!(document.canonical_json(), before);
}

#[test]
fn an_edge_drawn_twice_is_one_and_later_edges_order_after() {
    let mut document = Document::new(1);
    for id in ["na", "nb", "nc"] {
        document.add_node(id, node("A", id)).unwrap();
    }
    let (first, _) = document.add_edge("na", None, "nc", None).unwrap();
    let (second, _) = document.add_edge("nb", None, "nc", None).unwrap();
    let (again, update) = document.add_edge("na", None, "nc", None).unwrap();
    assert_eq!((&again, update.len()), (&first, 0));
    assert_eq!(first, edge_id("na", "out", "nc", "in"));
    let edges = &document.to_json()["edges"];
    assert!(edges[&first]["order"].as_str() < edges[&second]["order"].as_str());
    let keys: Vec<String> = (0..5000).map(order_key).collect();
    assert!(keys.is_sorted() && keys[61] == "az" && keys[62] == "b00");
}

#[test]
fn a_hole_in_the_clocks_is_an_error() {
    let mut here = Document::new(1);
    here.add_node("na", node("A", "")).unwrap();
    let later = here.add_node("nb", node("A", "")).unwrap();
    assert!(matches!(Document::new(2).apply(&later), Err(DocError::Pending)));
    assert!(matches!(Document::new(2).apply(&[1, 2, 3]), Err(DocError::Malformed(_))));
}

#[test]
fn numbers_print_alike_however_they_were_made() {
    let mut document = Document::new(1);
    let params =
        json!({"a": 1.0, "b": 1, "c": -0.0, "d": 1e21, "e": 9007199254740993_u64, "f": 0.1, "g": 2e9, "h": [1.0]});
    let params = params.as_object().unwrap().clone().into_iter().collect();
    document.add_node("na", NewNode { params, ..node("A", "") }).unwrap();
    let expected = r#"{"a":1,"b":1,"c":0,"d":1e+21,"e":9007199254740992,"f":0.1,"g":2000000000,"h":[1]}"#;
    for document in [&document, &replica_of(&document, 2)] {
        assert!(document.canonical_json().contains(expected), "{}", document.canonical_json());
    }
}

fn random_text(dice: &mut Dice) -> String {
    let parts = ["trim ", "align ", "😀", "é", "count\n", "**bold** "];
    (0..dice.below(6)).map(|_| parts[dice.below(parts.len())]).collect()
}

fn random_state(dice: &mut Dice) -> Value {
    let mut state = Document::new(99).to_json();
    for n in 0..dice.below(8) {
        let mut node = json!({
            "type": (["A", "B"][dice.below(2)]), "label": random_text(dice), "pos": [dice.below(9), dice.below(9)],
            "params": {}, "notes": random_text(dice),
        });
        for p in 0..dice.below(4) {
            node["params"][format!("p{p}")] =
                [json!(1), json!("x"), json!([1, {"k": null}]), json!(0.5)][dice.below(4)].clone();
        }
        if dice.below(3) == 0 {
            node["disabled"] = json!(true);
        }
        state["nodes"][format!("n{n}")] = node;
    }
    for s in 0..dice.below(3) {
        state["stickies"][format!("s{s}")] = json!({"pos": [1, 2], "text": random_text(dice)});
    }
    for e in 0..dice.below(4) {
        state["edges"][format!("e{e}")] = json!({"source": "n0", "target": format!("n{}", dice.below(5))});
    }
    state["meta"]["name"] = json!(random_text(dice));
    state
}

#[test]
fn restore_brings_any_state_to_any_other() {
    let mut dice = Dice::seeded();
    let mut here = Document::new(1);
    let mut there = Document::new(2);
    let mut changed = 0;
    for round in 0..200 {
        let target = random_state(&mut dice);
        let before = here.to_json();
        let restored = here.restore(&target);
        assert_eq!(here.to_json(), target, "round {round}");
        assert_eq!(restored.changes == 0, before == target, "round {round}");
        assert_eq!(Diff::between(&before, &target).is_empty(), before == target, "round {round}");
        for update in &restored.updates {
            there.apply(update).unwrap();
        }
        assert_eq!(there.canonical_json(), here.canonical_json(), "round {round}");
        assert_eq!(here.restore(&target), super::restore::Restored::default(), "round {round}");
        changed += restored.changes;
    }
    assert!(changed > 500, "the run must do something: {changed} changes");
}

#[test]
fn restore_touches_only_what_differs() {
    let mut document = Document::new(1);
    document.add_node("na", node("A", "First")).unwrap();
    document.set_note("na", "one two three").unwrap();
    let version = document.to_json();
    document.set_note("na", "one 2 three").unwrap();
    let label = NodeChange { label: Some("Renamed".to_owned()), ..NodeChange::default() };
    document.set_node("na", label).unwrap();
    let mut peer = replica_of(&document, 2);
    let concurrent = peer.set_note("na", "one 2 three four").unwrap();
    assert_eq!(document.restore(&version).changes, 2);
    document.apply(&concurrent).unwrap();
    assert_eq!(document.to_json()["nodes"]["na"]["notes"], "one two three four");
}

#[test]
fn a_diff_names_what_changed() {
    let mut document = Document::new(1);
    document.add_node("na", node("A", "Trim")).unwrap();
    document.add_node("nb", node("B", "Align")).unwrap();
    let before = document.to_json();
    let change = NodeChange { params: BTreeMap::from([("threads".to_owned(), json!(4))]), ..NodeChange::default() };
    document.set_node("na", change).unwrap();
    document.set_note("na", "why").unwrap();
    document.add_edge("na", None, "nb", None).unwrap();
    let diff = Diff::between(&before, &document.to_json());
    let names: Vec<&str> = diff.nodes.changed[0].fields.iter().map(|field| field.field.as_str()).collect();
    assert_eq!(names, ["notes", "params.threads"]);
    assert_eq!(diff.edges.added[0].title, "Trim → Align");
    assert_eq!(diff.len(), 3);
    assert!(Diff::between(&before, &before).is_empty());
}

#[test]
fn many_small_updates_fold_in_linear_time() {
    let mut here = Document::new(1);
    here.add_node("na", node("A", "")).unwrap();
    let mut there = replica_of(&here, 2);
    let mut updates = Vec::new();
    let mut note = String::new();
    for n in 0..2000 {
        note.push(char::from(b'a' + (n % 26) as u8));
        updates.push(here.set_note("na", &note).unwrap());
    }
    let start = Instant::now();
    for update in &updates {
        there.apply(update).unwrap();
    }
    let took = start.elapsed();
    println!("2,000 updates folded in {took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(there.canonical_json(), here.canonical_json());
}
