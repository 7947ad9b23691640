//! F16: updates that hurt yrs or Yjs, or split them, each with the code that the gate gives, on every peer and in
//! whatever order things came.
//!
//! The corpus stands in `tests/vectors/poison/`, one file a case: `update` lists hex strings, or pairs of one and how
//! often it is repeated. Every case is an update of client 7 at its first clock; in its past are the clocks 0 to 3 of
//! client 9: a node (0), its notes (1) and "ab" in them. Cases are never taken out.

use std::collections::{BTreeMap, BTreeSet};

use omniscope_engine::doc::Document;
use omniscope_protocol::gate::{Index, Past, Update};
use omniscope_protocol::identity::{OpId, WorkspaceId, hex};
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::{Body, Draft, Op, Part, SessionId, client_id, place};
use omniscope_protocol::replica::{LocalSession, Output, Replica, Saying};
use omniscope_protocol::sealing::EpochKey;
use omniscope_tests::lib0::{Raw, node_with_notes, raw, structs};
use serde_json::{Value, json};

use super::vectors::{alice, bob, golden};

/// A value under a key of `meta`, up to its count and bytes.
fn meta() -> Raw {
    raw().b(&[0x28, 1]).s("meta").s("k")
}

const YES: &[u8] = &[1, 120];

pub(super) struct Case {
    name: &'static str,
    why: &'static str,
    code: &'static str,
    /// Pieces, each with how often it is repeated.
    update: Vec<(Vec<u8>, usize)>,
}

impl Case {
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.update.iter().flat_map(|(piece, times)| piece.repeat(*times)).collect()
    }
}

fn case(name: &'static str, why: &'static str, code: &'static str, update: &[(Raw, usize)]) -> Case {
    let update = update.iter().map(|(piece, times)| (piece.0.clone(), *times)).collect();
    Case { name, why, code, update }
}

/// What is refused for its bytes alone.
fn of_bytes(me: u64) -> Vec<Case> {
    let one = || structs(1, me, 0);
    let mut cases = Vec::new();
    let mut add = |name, why, code, bytes: Raw| cases.push(case(name, why, code, &[(bytes, 1)]));
    let long = || one().b(&[0x28, 1]).s("meta");
    add("empty", "no bytes at all", "gate.truncated", raw());
    add("trailing", "a byte behind the update", "gate.trailing", one().b(&meta().0).b(YES).b(&[0, 0]));
    add("two_clients", "structs of two clients", "gate.clients", raw().n(2).n(1).n(me).n(0).b(&meta().0).b(YES));
    add("no_structs", "a client with no structs", "gate.count", raw().n(1).n(0).n(me).n(0).n(0));
    add("count_beyond_bytes", "2^40 structs claimed", "gate.count", raw().n(1).n(1 << 40).n(me).n(0));
    add("long_number", "a number in a longer form", "gate.number", raw().b(&[0x81, 0x00]).n(1).n(me).n(0));
    add("huge_number", "a number beyond 2^53", "gate.number", raw().n(1).n(1).b(&[0xff; 9]).b(&[1, 0]));
    add("clock_beyond_range", "a clock beyond 2^31", "gate.range", structs(1, me, 1 << 31).b(&meta().0).b(YES).n(0));
    let kinds: [(&str, &str, u8); 8] = [
        ("gc", "a GC struct: both sides run with gc off", 0),
        ("deleted", "deleted content", 1),
        ("json", "content of the old JSON kind", 2),
        ("binary", "binary content", 3),
        ("embed", "an embed", 5),
        ("format", "a format mark", 6),
        ("subdocument", "a document in the document", 9),
        ("skip", "a Skip struct: a hole in the clocks", 10),
    ];
    for (name, why, kind) in kinds {
        add(name, why, "gate.kind", one().b(&[0x20 | kind, 1]).s("meta").s("k").n(1).s("x").n(0));
    }
    add("gc_bare", "a GC struct as yrs writes it", "gate.kind", one().b(&[0]).n(5).n(0));
    add(
        "skip_bare",
        "a Skip struct as yrs writes it",
        "gate.kind",
        structs(2, me, 0).b(&[10]).n(5).b(&meta().0).b(YES),
    );
    for (name, why, kind) in [("array", "a shared array", 0), ("xml", "an XML element", 3), ("xml_text", "XML text", 6)]
    {
        add(name, why, "gate.kind", one().b(&[0x27, 1]).s("nodes").s("k").n(kind).s("x").n(0));
    }
    add("keyed_text", "characters under a key", "gate.kind", one().b(&[0x24, 1]).s("meta").s("k").s("x").n(0));
    for (name, why, value) in
        [("undefined", "undefined", 127), ("bigint", "a big integer", 122), ("buffer", "bytes", 116)]
    {
        add(name, why, "gate.value", long().s("k").n(1).b(&[value, 0, 0, 0, 0, 0, 0, 0, 0]).n(0));
    }
    add("nan", "a number that JSON lacks", "gate.value", long().s("k").n(1).b(&[124, 0x7f, 0xc0, 0, 0]).n(0));
    add("proto_key", "a key that JavaScript objects swallow", "gate.key", long().s("__proto__").b(YES).n(0));
    let inner = long().s("k").n(1).b(&[118, 1]).s("__proto__").b(&[120]).n(0);
    add("proto_inside", "the same inside a value", "gate.key", inner);
    add("long_key", "a key of 1025 bytes", "gate.key", long().s(&"k".repeat(1025)).b(YES).n(0));
    add("surrogate", "half of a surrogate pair as UTF-8", "gate.text", long().n(3).b(&[0xed, 0xa0, 0x80]).b(YES).n(0));
    add("empty_text", "characters that are none", "gate.count", one().b(&[0x04, 1]).s("meta").n(0).n(0));
    add("no_values", "a value that is none", "gate.count", one().b(&meta().0).n(0).n(0));
    add("delete_nothing", "a range of no clocks", "gate.deletes", raw().n(0).n(1).n(9).n(1).n(0).n(0));
    add("delete_no_range", "a client with no ranges", "gate.deletes", raw().n(0).n(1).n(9).n(0).n(0).n(0));
    cases.push(case(
        "deep_nesting",
        "10,000 arrays in one another overflow the stack of whoever reads them",
        "gate.depth",
        &[(one().b(&meta().0).n(1), 1), (raw().b(&[117, 1]), 10_000), (raw().b(&[126, 0]), 1)],
    ));
    cases.push(case("too_large", "longer than any edit may be", "gate.too_large", &[(raw().n(0), 256 * 1024 + 1)]));
    cases
}

/// What is refused for its place.
fn of_place(me: u64, other: u64) -> Vec<Case> {
    let one = || structs(1, me, 0);
    let at = |client: u64, clock: u64| raw().n(client).n(clock);
    let mut cases = Vec::new();
    let mut add = |name, why, code, bytes: Raw| cases.push(case(name, why, code, &[(bytes, 1)]));
    let emoji = one().b(&[4, 1]).s("order").s("a\u{1f600}b").n(0);
    add("endless_loop", "an emoji in a root read as an array: yrs never ends", "gate.root", emoji);
    add("unknown_root", "a root that no document has", "gate.root", one().b(&[0x28, 1]).s("other").s("k").b(YES).n(0));
    add("root_as_text", "characters in a map", "gate.content", one().b(&[0x04, 1]).s("nodes").s("x").n(0));
    add(
        "value_as_node",
        "a value where a node belongs",
        "gate.content",
        one().b(&[0x28, 1]).s("nodes").s("k").b(YES).n(0),
    );
    add(
        "text_as_edge",
        "a text where an edge belongs",
        "gate.content",
        one().b(&[0x27, 1]).s("edges").s("k").n(2).n(0),
    );
    let deeper = one().b(&[0x27, 0]).n(other).n(0).s("label").n(1).n(0);
    add("map_as_label", "a map where a value belongs", "gate.content", deeper);
    add(
        "gap",
        "clocks that leave a hole: yrs reads on, Yjs waits",
        "gate.clock",
        structs(1, me, 5).b(&meta().0).b(YES).n(0),
    );
    add("foreign_client", "structs in another's name", "gate.client", structs(1, other, 4).b(&meta().0).b(YES).n(0));
    let reused = structs(1, other, 0).b(&meta().0).b(YES).n(0);
    add("same_clock_twice", "another's clock again, with other content", "gate.client", reused);
    let after = |id: Raw| one().b(&[0x84]).b(&id.0).s("x").n(0);
    add("origin_of_the_future", "an origin that nobody has written", "gate.outside", after(at(other, 4)));
    add("origin_of_strangers", "an origin of an unknown client", "gate.outside", after(at(other + 1, 0)));
    add("origin_is_itself", "an origin that is the struct itself", "gate.outside", after(at(me, 0)));
    let child = one().b(&[0x28, 0]).n(other).n(7).s("k").b(YES).n(0);
    add("parent_of_the_future", "a parent that nobody has made", "gate.outside", child);
    let child = one().b(&[0x28, 0]).n(other).n(2).s("k").b(YES).n(0);
    add("parent_is_text", "a parent that is a character", "gate.parent", child);
    let between = one().b(&[0xc4]).b(&at(other, 2).0).b(&at(other, 0).0).s("x").n(0);
    add("torn_neighbours", "neighbours in different places", "gate.neighbours", between);
    add("beside_the_node", "characters beside a node", "gate.content", after(at(other, 0)));
    let between = |left: Raw, right: Raw| raw().b(&[0xc4]).b(&left.0).b(&right.0).s("x");
    let turned = one().b(&between(at(other, 3), at(other, 2)).0).n(0);
    add(
        "neighbours_turned_round",
        "a left neighbour right of the right one: Yjs ends differently",
        "gate.order",
        turned,
    );
    let around = between(at(other, 2), at(other, 3));
    let twice = structs(2, me, 0).b(&around.0).b(&around.0).n(0);
    add("own_between", "between neighbours that an own character parts already", "gate.order", twice);
    let one_neighbour = one().b(&between(at(other, 2), at(other, 2)).0).n(0);
    add("one_neighbour_twice", "a left neighbour that is the right one, too", "gate.order", one_neighbour);
    let set_twice = structs(2, me, 0).b(&meta().0).b(YES).b(&meta().0).b(YES).n(0);
    add("value_beside_its_own", "a key set as if it had not been set just before", "gate.order", set_twice);
    let delete = |client: u64, clock: u64, len: u64| raw().n(0).n(1).n(client).n(1).n(clock).n(len);
    add(
        "delete_the_future",
        "the next million characters of another",
        "gate.delete_outside",
        delete(other, 4, 1_000_000),
    );
    add("delete_across", "a range that begins in the past", "gate.delete_outside", delete(other, 3, 2));
    add("delete_own_future", "one's own clocks that are not written", "gate.delete_outside", delete(me, 0, 1));
    add("delete_a_stranger", "clocks of an unknown client", "gate.delete_outside", delete(other + 1, 0, 1));
    cases
}

pub(super) fn cases(me: u64, other: u64) -> Vec<Case> {
    let mut cases = of_bytes(me);
    cases.extend(of_place(me, other));
    cases
}

struct Reach(u64);

impl Past for Reach {
    fn end(&self, client: u64) -> u64 {
        if client == self.0 { 4 } else { 0 }
    }
}

fn verdict(index: &Index, bytes: &[u8], me: u64, other: u64) -> &'static str {
    match Update::parse(bytes) {
        Err(error) => error.code(),
        Ok(update) => index.check(&update, me, 0, &Reach(other)).map_or_else(|refusal| refusal.code(), |_| "passes"),
    }
}

struct Everything;

impl Past for Everything {
    fn end(&self, _: u64) -> u64 {
        omniscope_protocol::gate::MAX_CLOCK
    }
}

/// Takes in what `client` wrote, wherever in its session that stands.
fn take(index: &mut Index, bytes: &[u8], client: u64) {
    let update = Update::parse(bytes).unwrap();
    let (next, _) = update.clock_range().unwrap();
    index.insert(index.check(&update, client, next, &Everything).unwrap());
}

#[test]
fn the_corpus_is_refused_with_the_codes_that_were_fixed() {
    let mut index = Index::default();
    take(&mut index, &node_with_notes(9), 9);
    let (mut names, mut codes) = (BTreeSet::new(), BTreeSet::new());
    for case in cases(7, 9) {
        let pieces = case.update.iter().map(|(piece, times)| match times {
            1 => json!(hex(piece)),
            times => json!([hex(piece), times]),
        });
        let update: Vec<Value> = pieces.collect();
        let made = json!({"why": case.why, "code": case.code, "update": update});
        golden(&format!("poison/{}.json", case.name), &made);
        assert_eq!(verdict(&index, &case.bytes(), 7, 9), case.code, "{}", case.name);
        assert!(names.insert(case.name), "{} stands for one case", case.name);
        codes.insert(case.code);
    }
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/poison");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), names.len(), "every file is a case");
    let all = [
        "gate.too_large",
        "gate.truncated",
        "gate.number",
        "gate.trailing",
        "gate.count",
        "gate.clients",
        "gate.range",
        "gate.kind",
        "gate.value",
        "gate.depth",
        "gate.text",
        "gate.key",
        "gate.deletes",
        "gate.client",
        "gate.clock",
        "gate.outside",
        "gate.delete_outside",
        "gate.neighbours",
        "gate.root",
        "gate.parent",
        "gate.content",
        "gate.order",
    ];
    assert_eq!(codes, all.into_iter().collect(), "every code of the gate has a case");
}

#[test]
fn a_verdict_does_not_depend_on_what_else_is_known() {
    let (me, other) = (7, 9);
    let mut bare = Index::default();
    take(&mut bare, &node_with_notes(other), other);
    // Others wrote more, before and after, in the same places and under the ids that the cases name.
    let mut rich = Index::default();
    take(&mut rich, &structs(1, 10, 0).b(&meta().0).b(YES).n(0).0, 10);
    take(&mut rich, &node_with_notes(other), other);
    let more = structs(1, other, 4).b(&[0x84]).n(other).n(3).s(&"x".repeat(100)).n(0);
    take(&mut rich, &more.0, other);
    for case in cases(me, other) {
        let bytes = case.bytes();
        assert_eq!(verdict(&bare, &bytes, me, other), verdict(&rich, &bytes, me, other), "{}", case.name);
    }
}

/// A peer's document as far as the replica lets anything through to it.
fn fold(replica: &Replica, ops: &BTreeMap<OpId, Op>) -> String {
    let mut document = Document::new(1);
    for id in replica.fold_order() {
        let update = replica.open(&ops[&id]).unwrap();
        document.apply(&Update::parse(&update).unwrap().encode()).unwrap();
    }
    document.canonical_json()
}

#[test]
fn a_poison_op_is_inert_on_every_peer_and_everybody_goes_on() {
    let mut out = Vec::new();
    let mut founder = Replica::found(&alice(), [9; 16], 0, &mut out);
    let workspace = founder.workspace();
    let mut session = LocalSession::new(&workspace, &alice(), [1; 32]);
    let (other, cap) = (session.client(), OpId(workspace.0));
    let edit = |update| Saying::Edit { adopts: Vec::new(), part: Part::WHOLE, update };
    let grant = Body::SetRole { subject: bob().id(), role: Role::Editor, cap };
    for saying in [grant.into(), edit(node_with_notes(other))] {
        founder.author(&alice(), &mut session, saying, 0, &mut out).unwrap();
    }
    let epoch_key = founder.epoch_key().unwrap();
    let seen = founder.heads();
    let ops = |out: &[Output]| -> Vec<Op> {
        out.iter().filter_map(|o| if let Output::Persist(op) = o { Some(op.clone()) } else { None }).collect()
    };
    let start = ops(&out);
    for (nonce, case) in cases(0, other).into_iter().enumerate() {
        let session = SessionId([nonce as u8 + 1; 16]);
        let Some(poison) = session_of_bob(&epoch_key, workspace, session, &seen, other, case.name) else { continue };
        let honest = {
            let mut replica = Replica::for_device(workspace, &alice());
            let mut out = Vec::new();
            start.iter().for_each(|op| drop(replica.receive(&op.bytes, &mut out)));
            let mut session = LocalSession::new(&workspace, &alice(), [77; 32]);
            let more = structs(1, session.client(), 0).b(&meta().0).b(YES).n(0).0;
            replica.author(&alice(), &mut session, edit(more), 0, &mut out).unwrap();
            ops(&out).split_off(start.len())
        };
        let mut documents = BTreeSet::new();
        for order in [[&poison[..], &honest[..]], [&honest[..], &poison[..]]] {
            let mut replica = Replica::for_device(workspace, &bob());
            let mut known = BTreeMap::new();
            for op in start.iter().chain(order.into_iter().flatten()) {
                replica.receive(&op.bytes, &mut Vec::new()).unwrap();
                known.insert(op.id, op.clone());
            }
            assert!(poison.iter().all(|op| replica.knows(&op.id) && !replica.is_folded(&op.id)), "{}", case.name);
            assert!(replica.is_folded(&honest.last().unwrap().id), "{}", case.name);
            documents.insert(fold(&replica, &known));
        }
        assert_eq!(documents.len(), 1, "{}", case.name);
    }
}

/// Bob's session that says the poison of this name, in his own clocks, and then something in order; none if it is no op
/// at all.
fn session_of_bob(
    epoch_key: &EpochKey,
    workspace: WorkspaceId,
    session: SessionId,
    seen: &[OpId],
    other: u64,
    name: &'static str,
) -> Option<Vec<Op>> {
    let me = client_id(&workspace, &bob().id(), &session);
    let case = cases(me, other).into_iter().find(|c| c.name == name)?;
    let sign = |seq, prev: Option<OpId>, deps: &[OpId], saying: Saying| {
        let body = saying.seal(epoch_key, |kind| place(&workspace, &bob().id(), &session, seq, kind));
        Op::sign(Draft { workspace, session, seq, prev, deps: deps.to_vec(), time_ms: 0, body }, &bob())
    };
    let edit = |update| Saying::Edit { adopts: Vec::new(), part: Part::WHOLE, update };
    let open = sign(0, None, seen, Body::Open.into());
    let poison = sign(1, Some(open.id), &[], edit(case.bytes()));
    Op::decode(&poison.bytes).ok()?;
    let after = sign(2, Some(poison.id), &[], edit(structs(1, me, 0).b(&meta().0).b(YES).n(0).0));
    Some(vec![open, poison, after])
}
