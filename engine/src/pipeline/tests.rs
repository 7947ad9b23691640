//! Import, export and their round trips on our own samples; hostile files.

#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};

use super::json_text::Json;
use super::{IdSource, MAX_IMPORT_BYTES, SAMPLE_RNASEQ, export, import, validate};
use crate::doc::Document;
use crate::doc::edit::{NewNode, NodeChange, StickyChange, edge_id};

const GALAXY: &str = include_str!("../../samples/one-of-everything.ga");

fn counting() -> impl FnMut() -> [u8; 16] {
    let mut count = 0_u64;
    move || {
        count += 1;
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&blake3::hash(&count.to_le_bytes()).as_bytes()[..16]);
        bytes
    }
}

fn imported(document: &mut Document, content: &str, ids: &mut IdSource<'_>) -> import::Imported {
    let plan = import::plan(content, ids).unwrap().remove(0);
    document.import(plan, ids)
}

fn node_labelled(state: &Value, label: &str) -> String {
    let nodes = state["nodes"].as_object().unwrap();
    nodes.iter().find(|(_, node)| node["label"] == label).map(|(id, _)| id.clone()).unwrap()
}

#[test]
fn the_sample_is_sound_and_reads_as_it_is_written() {
    let mut ids = counting();
    let mut document = Document::new(1);
    let done = imported(&mut document, SAMPLE_RNASEQ, &mut ids);
    assert_eq!((done.nodes, done.edges, done.stickies), (18, 26, 7));
    let state = document.to_json();
    assert_eq!(document.canonical_json(), export::to_json_text(&Json::parse(SAMPLE_RNASEQ).unwrap().to_value()));
    assert_eq!(validate::validate(&state), []);
    for (id, edge) in state["edges"].as_object().unwrap() {
        let end = |field: &str| edge[field].as_str().unwrap().to_owned();
        assert_eq!(*id, edge_id(&end("source"), &end("sourcePort"), &end("target"), &end("targetPort")));
    }
    let mut peer = Document::new(2);
    for update in &done.updates {
        peer.apply(update).unwrap();
    }
    assert_eq!(peer.canonical_json(), document.canonical_json());
}

#[test]
fn an_unedited_workflow_goes_back_as_it_came() {
    let mut ids = counting();
    let mut document = Document::new(1);
    let done = imported(&mut document, GALAXY, &mut ids);
    assert_eq!((done.nodes, done.edges, done.stickies), (5, 5, 3));
    assert_eq!(done.warnings.len(), 1, "the drawing is kept and told of: {:?}", done.warnings);
    let state = document.to_json();
    let trim = &state["nodes"][node_labelled(&state, "trim")];
    assert_eq!(trim["type"], "toolshed.example/repos/demo/trim/trim/2.1+galaxy0");
    assert_eq!(trim["params"], json!({"library|type": "single", "quality": 20, "cutoff": 0.1}));
    assert_eq!(trim["notes"], "Trim, then look");
    // Equal with the order of keys and the digits of numbers.
    assert_eq!(Json::parse(&export::to_galaxy(&state)).unwrap(), Json::parse(GALAXY).unwrap());
}

#[test]
fn edits_are_in_the_exported_workflow_and_nothing_else_changes() {
    let mut ids = counting();
    let mut document = Document::new(1);
    imported(&mut document, GALAXY, &mut ids);
    let state = document.to_json();
    let [trim, map, report] = ["trim", "Map", "Report"].map(|label| node_labelled(&state, label));
    let change = NodeChange {
        label: Some("Trim hard".to_owned()),
        pos: Some([310.5, 44.0]),
        params: [("quality".to_owned(), json!(30)), ("library|type".to_owned(), json!("paired"))].into(),
        ..NodeChange::default()
    };
    document.set_node(&trim, change).unwrap();
    document.set_note(&trim, "Trim, then look again").unwrap();
    document.remove_node(&map).unwrap();
    let new = NewNode { kind: "collect_all".to_owned(), label: "Again".to_owned(), ..NewNode::default() };
    document.add_node("nnew", new).unwrap();
    document.add_edge(&trim, Some("out1"), "nnew", Some("files")).unwrap();
    document.add_edge("nnew", Some("html"), &report, Some("files")).unwrap();
    let sticky = state["stickies"].as_object().unwrap().iter().find(|(_, note)| note["text"] == "Draft").unwrap().0;
    let change = StickyChange { text: Some("Final".to_owned()), ..StickyChange::default() };
    document.set_sticky(sticky, change).unwrap();

    let exported: Value = serde_json::from_str(&export::to_galaxy(&document.to_json())).unwrap();
    let mut expected: Value = serde_json::from_str(GALAXY).unwrap();
    let steps = expected["steps"].as_object_mut().unwrap();
    steps.remove("3");
    steps["2"]["label"] = json!("Trim hard");
    steps["2"]["annotation"] = json!("Trim, then look again");
    steps["2"]["position"] = json!({"left": 310.5, "top": 44});
    steps["2"]["tool_state"] = json!(
        "{\"library\": {\"type\": \"paired\", \"__current_case__\": 0, \"reads\": {\"__class__\": \"ConnectedValue\"}}, \
         \"quality\": 30, \"cutoff\": 0.10, \"__page__\": 0}"
    );
    steps["4"]["input_connections"] =
        json!({"files": [{"id": 2, "output_name": "report"}, {"id": 5, "output_name": "html"}]});
    let added = exported["steps"]["5"].clone();
    assert_eq!(added["input_connections"], json!({"files": {"id": 2, "output_name": "out1"}}));
    assert_eq!((&added["label"], &added["tool_id"]), (&json!("Again"), &json!("collect_all")));
    steps.insert("5".to_owned(), added);
    expected["comments"][0]["child_steps"] = json!([2]);
    expected["comments"][2]["data"]["text"] = json!("Final");
    assert_eq!(exported, expected);
}

#[test]
fn an_import_beside_content_replaces_nothing() {
    let mut ids = counting();
    let mut document = Document::new(1);
    imported(&mut document, GALAXY, &mut ids);
    let before = document.to_json();
    for content in [GALAXY, SAMPLE_RNASEQ, SAMPLE_RNASEQ, &export::to_json_text(&before)] {
        imported(&mut document, content, &mut ids);
    }
    let after = document.to_json();
    for root in ["nodes", "edges", "stickies", "groups", "extra", "meta"] {
        for (id, entry) in before[root].as_object().unwrap() {
            assert_eq!(after[root][id], *entry, "{root}/{id}");
        }
    }
    assert_eq!(after["nodes"].as_object().unwrap().len(), 5 * 3 + 18 * 2);
    assert_eq!(after["edges"].as_object().unwrap().len(), 5 * 3 + 26 * 2);
    let findings = validate::validate(&after);
    assert!(findings.iter().all(|finding| finding.code != "dangling_edge"), "{findings:?}");
    let right = |state: &Value| {
        let places = state["nodes"].as_object().unwrap().values().map(|node| node["pos"][0].as_f64().unwrap());
        places.fold(f64::MIN, f64::max)
    };
    assert!(right(&after) > right(&before) + 220.0);
    // Three copies of the workflow in one file: every step has its own number, every frame its steps.
    let exported: Value = serde_json::from_str(&export::to_galaxy(&after)).unwrap();
    assert_eq!(exported["steps"].as_object().unwrap().len(), 5 * 3 + 18 * 2);
}

#[test]
fn a_file_names_no_relays() {
    let content =
        r#"{"nodes": {}, "meta": {"name": "N", "relays": ["/ip4/10.0.0.1/tcp/1"], "relay/00": "/ip4/10.0.0.1/tcp/1"}}"#;
    let plan = import::plan(content, &mut counting()).unwrap().remove(0);
    assert_eq!((plan.name.as_str(), &plan.state["meta"]), ("N", &json!({"name": "N"})));
}

#[test]
fn the_seeds_format_becomes_one_plan_a_pipeline() {
    let content = r#"{"a": {"name": "First", "pipeline_json": {"nodes": [
        {"id": "x", "type": "UploadGenomicsData", "position": {"x": 1, "y": 2.5}},
        {"id": "y", "type": "QCProteomics", "position": {"x": 3, "y": 4}}], "edges": [{"id": "e", "source": "x", "target": "y"}]}},
        "b": {"pipeline_json": {"nodes": [], "edges": []}}}"#;
    let plans = import::plan(content, &mut counting()).unwrap();
    assert_eq!(plans.iter().map(|plan| plan.name.as_str()).collect::<Vec<_>>(), ["First", "b"]);
    assert_eq!((plans[0].nodes(), plans[0].edges(), plans[0].warnings.len()), (2, 1, 1));
    assert!(plans[0].warnings[0].contains("proteomics"), "{:?}", plans[0].warnings);
    let lost = content.replace(r#""target": "y""#, r#""target": "z""#);
    let error = import::plan(&lost, &mut counting()).unwrap_err();
    assert_eq!(error.to_string(), "/a/pipeline_json/edges/0/target: expected the id of a node, found \"z\"");
}

#[test]
fn malformed_files_are_refused_by_place() {
    let cases = [
        ("{\"a\": 1,\n \"b\": }", "line 2, column 7: expected a JSON value, found '}'"),
        ("{\"a\": 1, \"a\": 2}", "line 1, column 10: expected distinct keys (\"a\" stands here again), found '\"'"),
        ("[]", "/: expected an object: a Galaxy workflow or an OmniScope pipeline, found a list"),
        (
            r#"{"a_galaxy_workflow": "true", "steps": []}"#,
            "/steps: expected an object of steps by number, found a list",
        ),
        (
            r#"{"nodes": {"n": {"type": "A", "pos": [1]}}}"#,
            "/nodes/n/pos: expected a list of two numbers, found a list",
        ),
        (r#"{"nodes": {}, "meta": {"schemaVersion": 2}}"#, "/meta/schemaVersion: expected version 1, found 2"),
    ];
    for (content, message) in cases {
        assert_eq!(import::plan(content, &mut counting()).unwrap_err().to_string(), message);
    }
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(import::plan(&deep, &mut counting()).unwrap_err().expected.contains("levels"));
    let big = " ".repeat(MAX_IMPORT_BYTES + 1);
    assert!(import::plan(&big, &mut counting()).unwrap_err().expected.contains("bytes"));
}

/// Replaces each value of a tree in turn and calls `check` with the whole.
fn at_every_place(whole: &Value, check: &mut dyn FnMut(&str, &Value)) {
    let mut pointers = vec![String::new()];
    let mut at = 0;
    while at < pointers.len() {
        let pointer = pointers[at].clone();
        let names: Vec<String> = match whole.pointer(&pointer).unwrap() {
            Value::Object(entries) => entries.keys().cloned().collect(),
            Value::Array(items) => (0..items.len()).map(|at| at.to_string()).collect(),
            _ => Vec::new(),
        };
        pointers.extend(names.iter().map(|name| format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))));
        for wrong in [json!(null), json!(-1.5e300), json!("x"), json!([[]]), json!({"id": {}}), json!(true)] {
            let mut bent = whole.clone();
            *bent.pointer_mut(&pointer).unwrap() = wrong;
            check(&pointer, &bent);
        }
        at += 1;
    }
}

#[test]
fn a_wrong_type_anywhere_gives_an_error_or_a_sound_document() {
    let (mut refused, mut taken) = (0, 0);
    for content in [GALAXY, SAMPLE_RNASEQ] {
        let whole: Value = serde_json::from_str(content).unwrap();
        at_every_place(&whole, &mut |pointer, bent| {
            let mut ids = counting();
            match import::plan(&bent.to_string(), &mut ids) {
                Err(error) => {
                    assert!(!error.place.is_empty(), "{pointer}");
                    refused += 1;
                }
                Ok(plans) => {
                    let mut document = Document::new(1);
                    for plan in plans {
                        document.import(plan, &mut ids);
                    }
                    let state = document.to_json();
                    validate::validate(&state);
                    Json::parse(&export::to_galaxy(&state)).unwrap();
                    taken += 1;
                }
            }
        });
    }
    println!("{refused} refused, {taken} taken");
    assert!(refused > 300 && taken > 300);
}

#[test]
fn a_cut_file_is_an_error() {
    for content in [GALAXY, SAMPLE_RNASEQ] {
        let content = content.trim_end();
        for at in (0..content.len()).step_by(37).filter(|at| content.is_char_boundary(*at)) {
            assert!(import::plan(&content[..at], &mut counting()).is_err(), "cut at {at}");
        }
    }
}
