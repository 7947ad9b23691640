//! Real pipelines through the whole of import: plan, edits, document, export.
//!
//! Reads the published workflows of the shared folder when it is there (`OMNISCOPE_SHARED`, or `../shared` beside the
//! workspace) and says so when it is not. Deliberately absent: the network; the window.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use omniscope_engine::doc::Document;
use omniscope_engine::doc::diff::Diff;
use omniscope_engine::doc::edit::NodeChange;
use omniscope_engine::pipeline::json_text::Json;
use omniscope_engine::pipeline::{ImportPlan, SAMPLE_RNASEQ, export, import, validate};
use omniscope_protocol::gate::{Index, Past, Update};
use serde_json::Value;

/// Fixed random bytes, so that a failure can be repeated.
fn ids() -> impl FnMut() -> [u8; 16] {
    let mut count = 0_u64;
    move || {
        count += 1;
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&blake3::hash(&count.to_le_bytes()).as_bytes()[..16]);
        bytes
    }
}

/// The shared folder's `data`, or a printed line.
fn shared_data() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let folder = std::env::var_os("OMNISCOPE_SHARED").map_or(beside, PathBuf::from).join("data");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no shared data at {}", folder.display());
    None
}

fn galaxy_files() -> Vec<(String, String)> {
    let Some(data) = shared_data() else { return Vec::new() };
    let mut files: Vec<PathBuf> = std::fs::read_dir(data.join("galaxy"))
        .expect("the shared folder holds workflows")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "ga"))
        .collect();
    files.sort();
    let read = |path: PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        (name, std::fs::read_to_string(path).expect("a readable workflow"))
    };
    files.into_iter().map(read).collect()
}

fn single_plan(content: &str, ids: &mut dyn FnMut() -> [u8; 16]) -> ImportPlan {
    let mut plans = import::plan(content, ids).expect("a sound file");
    assert_eq!(plans.len(), 1);
    plans.remove(0)
}

/// Checks every step, connection and comment of a workflow against the document, without our own reader of Galaxy.
fn check_content(name: &str, file: &Value, state: &Value) {
    let steps = file["steps"].as_object().expect("steps");
    let nodes = state["nodes"].as_object().expect("nodes");
    assert_eq!(nodes.len(), steps.len(), "{name}: steps");
    let mut connections = 0;
    for (key, step) in steps {
        let of_step = |node: &&Value| node["extra"]["galaxyFrom"][1] == **key;
        let node = nodes.values().find(of_step).unwrap_or_else(|| panic!("{name}: step {key} is missing"));
        let own_label = step["label"].as_str().filter(|label| !label.is_empty());
        assert_eq!(node["label"].as_str(), own_label.or(step["name"].as_str()), "{name}: label of {key}");
        for (axis, side) in ["left", "top"].into_iter().enumerate() {
            let pair = (node["pos"][axis].as_f64(), step["position"][side].as_f64());
            let (Some(ours), Some(theirs)) = pair else { panic!("{name}: position of {key}: {pair:?}") };
            // serde_json reads long fractions with an error of one unit in the last place; our reader is exact.
            assert!((ours - theirs).abs() < 1e-9, "{name}: position of {key}");
        }
        assert_eq!(node["notes"].as_str(), step["annotation"].as_str(), "{name}: annotation of {key}");
        if let Some(tool) = step["tool_id"].as_str() {
            assert_eq!(node["type"], tool, "{name}: tool of {key}");
            assert_eq!(node["typeVersion"], step["tool_version"], "{name}: version of {key}");
        }
        for connection in step["input_connections"].as_object().into_iter().flatten().map(|(_, value)| value) {
            connections += connection.as_array().map_or(1, Vec::len);
        }
    }
    assert_eq!(state["edges"].as_object().map(serde_json::Map::len), Some(connections), "{name}: connections");
    let comments = file["comments"].as_array().map_or(0, Vec::len);
    let shown = ["stickies", "groups"].map(|root| state[root].as_object().map_or(0, serde_json::Map::len));
    assert_eq!(shown.iter().sum::<usize>(), comments, "{name}: comments");
}

#[test]
fn every_published_workflow_comes_back_from_the_document_as_it_went_in() {
    let files = galaxy_files();
    for (name, content) in &files {
        let mut ids = ids();
        let mut here = Document::new(1);
        let start = Instant::now();
        let done = here.import(single_plan(content, &mut ids), &mut ids);
        let took = start.elapsed();
        let mut there = Document::new(2);
        for update in &done.updates {
            assert!(update.len() < 64 * 1024, "{name}: an update of {} bytes", update.len());
            there.apply(update).expect("own updates fold");
        }
        assert_eq!(there.canonical_json(), here.canonical_json(), "{name}");
        let state = there.to_json();
        let file: Value = serde_json::from_str(content).expect("JSON");
        check_content(name, &file, &state);
        let exported = export::to_galaxy(&state);
        assert!(serde_json::from_str::<Value>(&exported).expect("JSON") == file, "{name}");
        assert!(Json::parse(&exported) == Json::parse(content), "{name}: order of keys and digits of numbers");
        let findings = validate::validate(&state);
        assert!(findings.iter().all(|finding| finding.level != validate::Level::Error), "{name}: {findings:?}");
        let start = Instant::now();
        let canonical = here.canonical_json();
        println!(
            "{name}: {} steps, {} connections, {} notes, {} updates in {took:?}; {} bytes of canonical JSON in {:?}",
            done.nodes,
            done.edges,
            done.stickies,
            done.updates.len(),
            canonical.len(),
            start.elapsed()
        );
    }
    if shared_data().is_some() {
        assert_eq!(files.len(), 12);
    }
}

#[test]
fn published_workflows_beside_each_other_keep_every_step_and_connection() {
    let mut ids = ids();
    let mut document = Document::new(1);
    let (mut steps, mut connections) = (0, 0);
    for (name, content) in galaxy_files() {
        let before = document.to_json();
        let done = document.import(single_plan(&content, &mut ids), &mut ids);
        steps += done.nodes;
        connections += done.edges;
        let diff = Diff::between(&before, &document.to_json());
        assert!(diff.nodes.removed.is_empty() && diff.nodes.changed.is_empty(), "{name}");
        assert!(diff.edges.removed.is_empty() && diff.edges.changed.is_empty(), "{name}");
        assert_eq!((diff.nodes.added.len(), diff.edges.added.len()), (done.nodes, done.edges), "{name}");
    }
    let state = document.to_json();
    assert_eq!(state["nodes"].as_object().map(serde_json::Map::len), Some(steps));
    let file: Value = serde_json::from_str(&export::to_galaxy(&state)).expect("JSON");
    let exported = file["steps"].as_object().expect("steps");
    assert_eq!(exported.len(), steps);
    let count = |step: &Value| {
        let inputs = step["input_connections"].as_object();
        inputs.map_or(0, |inputs| inputs.values().map(|value| value.as_array().map_or(1, Vec::len)).sum())
    };
    assert_eq!(exported.values().map(count).sum::<usize>(), connections);
}

#[test]
fn the_original_samples_become_one_pipeline_each() {
    let Some(data) = shared_data() else { return };
    let content = std::fs::read_to_string(data.join("omniscope/sample_pipelines.json")).expect("the samples");
    let file: Value = serde_json::from_str(&content).expect("JSON");
    let mut ids = ids();
    let plans = import::plan(&content, &mut ids).expect("sound samples");
    assert_eq!(plans.len(), 3);
    for plan in plans {
        let key = plan.key.clone().expect("a key");
        let sample = &file[&key];
        assert_eq!(plan.name, sample["name"]);
        let warned = plan.warnings.iter().any(|warning| warning.contains("proteomics"));
        assert_eq!(warned, key == "basic_genomics", "{key}: {:?}", plan.warnings);
        let mut document = Document::new(1);
        let done = document.import(plan, &mut ids);
        let graph = &sample["pipeline_json"];
        assert_eq!(Some(done.nodes), graph["nodes"].as_array().map(Vec::len), "{key}");
        assert_eq!(Some(done.edges), graph["edges"].as_array().map(Vec::len), "{key}");
        let state = document.to_json();
        for node in graph["nodes"].as_array().into_iter().flatten() {
            let same = |found: &&Value| {
                found["type"] == node["type"]
                    && found["pos"][0] == node["position"]["x"]
                    && found["pos"][1] == node["position"]["y"]
            };
            assert!(state["nodes"].as_object().expect("nodes").values().any(|found| same(&found)), "{key}: {node}");
        }
        let errors = validate::validate(&state);
        assert!(errors.iter().all(|finding| finding.level == validate::Level::Warning), "{key}: {errors:?}");
    }
}

#[test]
fn our_json_goes_out_and_in_without_loss() {
    for (name, content) in galaxy_files() {
        let mut ids = ids();
        let mut document = Document::new(1);
        document.import(single_plan(&content, &mut ids), &mut ids);
        let text = export::to_json_text(&document.to_json());
        let mut again = Document::new(2);
        again.import(single_plan(&text, &mut ids), &mut ids);
        assert!(again.canonical_json() == text, "{name}");
    }
}

#[test]
fn garbage_is_refused_and_the_document_stays_untouched() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7_u64);
    println!("SEED={seed}");
    let mut state = seed | 1;
    let mut dice = move |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % bound as u64) as usize
    };
    let sample = omniscope_engine::pipeline::SAMPLE_RNASEQ;
    let (mut refused, mut rounds) = (0, 0);
    while rounds < 400 {
        let mut bytes = sample.as_bytes().to_vec();
        for _ in 0..=dice(4) {
            let at = dice(bytes.len());
            match dice(3) {
                0 => bytes[at] = b"{}[]\",:0e\\x"[dice(11)],
                1 => {
                    bytes.remove(at);
                }
                _ => bytes.truncate(at.max(1)),
            }
        }
        let Ok(text) = String::from_utf8(bytes) else { continue };
        rounds += 1;
        let mut ids = ids();
        if import::plan(&text, &mut ids).is_err() {
            refused += 1;
        }
    }
    println!("{refused} of {rounds} refused");
    assert!(refused > 200);
}

#[test]
fn a_long_history_of_single_edits_folds_in_seconds() {
    let mut writer = Document::new(1);
    writer.add_sticky("s", [0.0, 0.0], [1.0, 1.0], "none", "").expect("a sticky");
    let mut reader = Document::new(2);
    reader.apply(&writer.state_update()).expect("own state folds");
    // Typing costs the writer time by document size; short notes keep that out of the measure.
    let mut updates = Vec::new();
    for n in 0..20_000_usize {
        let text = "x".repeat(n % 50);
        let change = omniscope_engine::doc::edit::StickyChange { text: Some(text), ..Default::default() };
        updates.push(writer.set_sticky("s", change).expect("an edit"));
    }
    let start = Instant::now();
    for update in updates.iter().filter(|update| !update.is_empty()) {
        reader.apply(update).expect("own updates fold");
    }
    let took = start.elapsed();
    println!("20,000 updates folded in {took:?}");
    assert_eq!(reader.canonical_json(), writer.canonical_json());
    assert!(took < Duration::from_secs(5), "{took:?}");
}

/// The causal past of one writer alone.
struct OwnPast(u64);

impl Past for OwnPast {
    fn end(&self, client: u64) -> u64 {
        if client == WRITER { self.0 } else { 0 }
    }
}

const WRITER: u64 = 1;

/// A peer that lets everything through the gate first.
struct Guarded {
    index: Index,
    next_clock: u64,
    document: Document,
}

impl Guarded {
    fn take(&mut self, what: &str, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let update = Update::parse(bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
        let fit = self.index.check(&update, WRITER, self.next_clock, &OwnPast(self.next_clock));
        self.index.insert(fit.unwrap_or_else(|refusal| panic!("{what}: {refusal}")));
        self.next_clock = update.clock_range().map_or(self.next_clock, |(_, end)| end);
        self.document.apply(&update.encode()).expect("what passed the gate folds");
    }
}

#[test]
fn imports_edits_and_restores_pass_the_gate() {
    let mut files = galaxy_files();
    files.push(("the sample".to_owned(), SAMPLE_RNASEQ.to_owned()));
    for (name, content) in files {
        let mut ids = ids();
        let mut writer = Document::new(WRITER);
        let mut guarded = Guarded { index: Index::default(), next_clock: 0, document: Document::new(2) };
        for content in [content.as_str(), SAMPLE_RNASEQ] {
            for update in writer.import(single_plan(content, &mut ids), &mut ids).updates {
                guarded.take(&name, &update);
            }
        }
        let version = writer.to_json();
        let nodes: Vec<String> = version["nodes"].as_object().expect("nodes").keys().cloned().collect();
        for node in &nodes {
            for note in ["why 😀", "why 😁 not"] {
                guarded.take(&name, &writer.set_note(node, note).expect("a note"));
            }
            let change =
                NodeChange { label: Some("Renamed".to_owned()), disabled: Some(true), ..NodeChange::default() };
            guarded.take(&name, &writer.set_node(node, change).expect("a change"));
        }
        for node in nodes.iter().step_by(3) {
            guarded.take(&name, &writer.remove_node(node).expect("a step"));
        }
        for update in writer.restore(&version).updates {
            guarded.take(&name, &update);
        }
        assert!(guarded.document.canonical_json() == export::to_json_text(&version), "{name}");
    }
}
