//! F20: the same random edits through the gate, yrs and real Yjs end in the same JSON, with nothing pending.
//!
//! Deliberately absent: signatures and causal order by hash; the log of a script is already in causal order.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use omniscope_protocol::gate::{Index, Past, Update};
use omniscope_protocol::identity::hex;
use serde_json::{Value, json};
use yrs::types::ToJson;
use yrs::updates::decoder::Decode;
use yrs::{Doc, OffsetKind, Options, ReadTxn, Transact};

use crate::vectors::unhex;

const ROOTS: [&str; 2] = ["meta", "nodes"];
/// Small, so that most batches are cut.
const PART_BYTES: usize = 200;

struct Ends(BTreeMap<u64, u64>);

impl Past for Ends {
    fn end(&self, client: u64) -> u64 {
        self.0.get(&client).copied().unwrap_or_default()
    }
}

/// Real Yjs in a process of its own.
pub(super) struct Yjs {
    process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Yjs {
    pub(super) fn start() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("yjs");
        assert!(folder.join("node_modules/yjs").exists(), "real Yjs is missing: run `npm ci --prefix tests/yjs`");
        let mut process = Command::new("node")
            .arg(folder.join("peer.mjs"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, input, output: BufReader::new(output).lines() }
    }

    pub(super) fn ask(&mut self, request: &Value) -> Value {
        writeln!(self.input, "{request}").unwrap();
        serde_json::from_str(&self.output.next().unwrap().unwrap()).unwrap()
    }

    pub(super) fn stop(mut self) {
        drop(self.input);
        self.process.wait().unwrap();
    }
}

/// Joins what each client did in a row, cuts it, and lets every part through the gate.
fn through_the_gate(log: &[Value]) -> Vec<Vec<u8>> {
    let mut batches: Vec<(u64, Update)> = Vec::new();
    for entry in log {
        let (client, bytes) = entry.as_str().unwrap().split_once(':').unwrap();
        let (client, update) = (client.parse().unwrap(), Update::parse(&unhex(bytes)).unwrap());
        match batches.last_mut() {
            Some((last, batch)) if *last == client => batch.append(update),
            _ => batches.push((client, update)),
        }
    }
    let (mut index, mut ends, mut parts) = (Index::default(), Ends(BTreeMap::new()), Vec::new());
    for (client, batch) in batches {
        for part in batch.split(PART_BYTES) {
            let bytes = part.encode();
            let part = Update::parse(&bytes).unwrap();
            index.insert(index.check(&part, client, ends.end(client), &ends).unwrap());
            if let Some((_, end)) = part.clock_range() {
                ends.0.insert(client, end);
            }
            parts.push(bytes);
        }
    }
    parts
}

fn through_yrs(updates: &[Vec<u8>]) -> Value {
    let options = Options { offset_kind: OffsetKind::Utf16, skip_gc: true, ..Options::default() };
    let doc = Doc::with_options(options);
    let roots = ROOTS.map(|root| (root, doc.get_or_insert_map(root)));
    let mut txn = doc.transact_mut();
    for update in updates {
        txn.apply_update(yrs::Update::decode_v1(update).unwrap()).unwrap();
    }
    drop(txn);
    let txn = doc.transact();
    assert!(txn.store().pending_update().is_none() && txn.store().pending_ds().is_none());
    let json = roots.into_iter().map(|(name, map)| (name.to_owned(), serde_json::to_value(map.to_json(&txn)).unwrap()));
    Value::Object(json.collect())
}

/// Numbers as JavaScript has them: 4e9 is 4000000000.
fn plain(value: &Value) -> Value {
    match value {
        Value::Number(n) => json!(n.as_f64()),
        Value::Array(values) => values.iter().map(plain).collect(),
        Value::Object(entries) => Value::Object(entries.iter().map(|(k, v)| (k.clone(), plain(v))).collect()),
        other => other.clone(),
    }
}

#[test]
fn yrs_and_yjs_read_the_same_document() {
    let first = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1_u64);
    let scripts = if std::env::var_os("OMNISCOPE_FULL").is_some() { 50_000 } else { 2_000 };
    println!("SEED={first}");
    let mut yjs = Yjs::start();
    let (mut parts, mut contradictions) = (0, 0);
    for seed in first..first + scripts {
        let made = yjs.ask(&json!({ "make": seed }));
        if made["contradicts"] == true {
            contradictions += 1;
            continue;
        }
        let updates = through_the_gate(made["log"].as_array().unwrap());
        parts += updates.len();
        let read = yjs.ask(&json!({ "read": updates.iter().map(|u| hex(u)).collect::<Vec<_>>() }));
        assert_eq!(read["pending"], json!(false), "seed {seed}");
        assert_eq!(read["json"], made["json"], "Yjs, seed {seed}");
        assert_eq!(plain(&through_yrs(&updates)), plain(&made["json"]), "yrs, seed {seed}");
    }
    yjs.stop();
    println!("{parts} parts; {contradictions} scripts that a window would not send");
    assert!(contradictions < 1 + scripts / 100, "Yjs contradicts itself in few of them: {contradictions}");
    assert!(parts as u64 > 10 * scripts, "the scripts did next to nothing: {parts} parts");
}
