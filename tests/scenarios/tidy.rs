//! House rules, read from manifests, lockfiles and source texts: dependencies point down, licences are allowed,
//! versions with known holes stay out, files open with their purpose and stay short.
//!
//! Deliberately absent: published advisories, which change while the sources do not (`.ci/advisories.sh` asks for them).

mod licence;
mod sources;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The package, the members that it may use at run time, and packages that may not be in its whole graph.
const FLOORS_OF_THE_HOUSE: [(&str, &[&str], &[&str]); 5] = [
    ("omniscope-protocol", &[], &["tokio", "libp2p", "yrs", "rand", "rusqlite", "mio", "socket2", "async-std"]),
    ("omniscope-engine", &["omniscope-protocol"], &["tauri", "clap"]),
    ("omniscope-relay", &["omniscope-protocol"], &["yrs", "tauri", "keyring"]),
    ("omniscope-cli", &["omniscope-engine", "omniscope-protocol"], &["tauri"]),
    ("omniscope-desktop", &["omniscope-engine"], &[]),
];

/// What the package may not name in its own manifest, though another package brings it.
const NOT_NAMED: [(&str, &[&str]); 3] = [
    ("omniscope-protocol", &["getrandom"]),
    ("omniscope-desktop", &["rusqlite", "libp2p", "yrs"]),
    ("omniscope-cli", &["rusqlite", "libp2p", "yrs"]),
];

/// Lowest versions without a published advisory.
const VERSION_FLOORS: [(&str, [u64; 3]); 5] = [
    ("libp2p-gossipsub", [0, 50, 1]),
    ("libp2p-quic", [0, 14, 0]),
    ("libp2p-relay", [0, 22, 0]),
    ("yamux", [0, 14, 0]),
    ("quinn-proto", [0, 11, 15]),
];

/// The first SQLite without the WAL-reset defect.
const SQLITE_FLOOR: i32 = 3_051_003;

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_owned()
}

/// What cargo says of the locked graph, for all platforms.
fn metadata() -> &'static Value {
    static METADATA: OnceLock<Value> = OnceLock::new();
    METADATA.get_or_init(|| {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--locked"])
            .current_dir(root())
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("cargo prints JSON")
    })
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn package(name: &str) -> &'static Value {
    list(metadata(), "packages")
        .iter()
        .find(|p| text(p, "name") == name && p["source"].is_null())
        .unwrap_or_else(|| panic!("{name} is a member"))
}

/// Names declared in a manifest, those for tests and benches apart.
fn declared(name: &str) -> BTreeSet<&'static str> {
    list(package(name), "dependencies").iter().filter(|d| text(d, "kind") != "dev").map(|d| text(d, "name")).collect()
}

/// Names of everything that ends up in the package's product.
fn graph(name: &str) -> BTreeSet<&'static str> {
    let names: BTreeMap<&str, &str> =
        list(metadata(), "packages").iter().map(|p| (text(p, "id"), text(p, "name"))).collect();
    let nodes: BTreeMap<&str, &Value> =
        list(&metadata()["resolve"], "nodes").iter().map(|n| (text(n, "id"), n)).collect();
    let mut seen = BTreeSet::new();
    let mut waiting = vec![text(package(name), "id")];
    while let Some(id) = waiting.pop() {
        for dep in list(nodes[id], "deps") {
            let linked = list(dep, "dep_kinds").iter().any(|k| k["kind"].is_null());
            if linked && seen.insert(text(dep, "pkg")) {
                waiting.push(text(dep, "pkg"));
            }
        }
    }
    seen.into_iter().map(|id| names[id]).collect()
}

fn version(text: &str) -> [u64; 3] {
    let mut parts = text.split(['.', '-', '+']).map(|p| p.parse().unwrap_or(0));
    [(); 3].map(|()| parts.next().unwrap_or(0))
}

#[test]
fn dependencies_point_down() {
    for (name, members, banned) in FLOORS_OF_THE_HOUSE {
        let all = graph(name);
        let upward: Vec<_> = all.iter().filter(|n| n.starts_with("omniscope-") && !members.contains(n)).collect();
        let indirect = if name.ends_with("cli") || name.ends_with("desktop") { "omniscope-protocol" } else { "" };
        assert!(upward.iter().all(|n| **n == indirect), "{name} may not depend on {upward:?}");
        for ban in banned {
            assert!(!all.contains(ban), "{name} may not link {ban}");
        }
    }
    for (name, banned) in NOT_NAMED {
        for ban in banned {
            assert!(!declared(name).contains(ban), "{name} may not name {ban}");
        }
    }
    let engine = graph("omniscope-engine");
    assert!(engine.contains("yrs") && engine.contains("libp2p") && engine.contains("rusqlite"), "the graph is read");
}

#[test]
fn relay_has_no_parser_of_documents() {
    let relay = package("omniscope-relay");
    let protocol =
        list(relay, "dependencies").iter().find(|d| text(d, "name") == "omniscope-protocol").expect("uses protocol");
    assert!(list(protocol, "features").is_empty(), "the relay asks for no feature of protocol");
    let defaults = list(&package("omniscope-protocol")["features"], "default");
    assert!(!defaults.iter().any(|f| f == "document"), "`document` is off unless asked for");
    assert!(package("omniscope-protocol")["features"].get("document").is_some(), "`document` is a feature");
}

#[test]
fn versions_are_above_published_holes() {
    for (name, floor) in VERSION_FLOORS {
        let found: Vec<_> = list(metadata(), "packages")
            .iter()
            .filter(|p| text(p, "name") == name)
            .map(|p| text(p, "version"))
            .collect();
        assert!(!found.is_empty(), "{name} is in the graph");
        for one in found {
            assert!(version(one) >= floor, "{name} {one} is below {floor:?}");
        }
    }
}

#[test]
fn sqlite_is_bundled_and_new_enough() {
    let bundled = list(&metadata()["resolve"], "nodes")
        .iter()
        .any(|n| text(n, "id").contains("libsqlite3-sys@") && list(n, "features").iter().any(|f| f == "bundled"));
    assert!(bundled, "libsqlite3-sys has the feature `bundled`");
    assert!(rusqlite::version_number() >= SQLITE_FLOOR, "SQLite {} has the WAL-reset defect", rusqlite::version());
}

#[test]
fn licences_of_crates_are_allowed() {
    let mut refused = Vec::new();
    for package in list(metadata(), "packages") {
        if !licence::allowed(text(package, "license")) {
            refused.push(format!("{} {:?}", text(package, "name"), package["license"]));
        }
    }
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn licences_of_npm_packages_are_allowed() {
    let mut refused = Vec::new();
    for lockfile in ["ui/package-lock.json", "tests/yjs/package-lock.json", "tests/js/package-lock.json"] {
        let Ok(content) = std::fs::read(root().join(lockfile)) else {
            println!("{lockfile} is absent");
            continue;
        };
        let lock: Value = serde_json::from_slice(&content).expect("a lockfile is JSON");
        let packages = lock["packages"].as_object().expect("a lockfile lists packages");
        assert!(packages.len() > 1, "{lockfile} lists packages");
        for (path, package) in packages.iter().filter(|(path, p)| !path.is_empty() && p["link"] != true) {
            if !licence::allowed(text(package, "license")) {
                refused.push(format!("{lockfile}: {path} {:?}", package["license"]));
            }
        }
    }
    assert!(refused.is_empty(), "{refused:#?}");
}
