//! Rules about the texts of this repository.
//!
//! Deliberately absent: formatting and lints, which rustfmt and clippy look after.

use super::root;
use std::path::{Path, PathBuf};
use std::process::Command;

const MAX_LINES: usize = 1_000;

/// Folders that hold products or other people's work.
const NOT_OURS: [&str; 7] = ["target", "node_modules", "dist", "gen", "artefacts", "__pycache__", ".git"];

const TEXTS: [&str; 14] =
    ["rs", "ts", "tsx", "js", "mjs", "css", "html", "toml", "json", "md", "py", "sh", "yml", "lock"];

/// Everything that may stand at the top.
const TOP: [&str; 23] = [
    ".ci",
    ".gitattributes",
    ".gitignore",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "Makefile",
    "NOTICE",
    "README.md",
    "cli",
    "clippy.toml",
    "deny.toml",
    "docs",
    "engine",
    "protocol",
    "relay",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "src-tauri",
    "tests",
    "ui",
];

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the repository is readable").flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && !NOT_OURS.contains(&name.as_str()) {
            collect(&path, into);
        } else if kind.is_file() {
            into.push(path);
        }
    }
}

/// Our text files with one of `endings`, as path below the root and content.
fn texts(endings: &[&str]) -> Vec<(String, String)> {
    let mut paths = Vec::new();
    collect(&root(), &mut paths);
    paths.sort();
    let wanted = |p: &PathBuf| p.extension().is_some_and(|e| endings.iter().any(|w| e == *w));
    let named = |p: PathBuf| {
        let content = std::fs::read_to_string(&p).ok()?;
        Some((p.strip_prefix(root()).ok()?.display().to_string(), content))
    };
    paths.into_iter().filter(wanted).filter_map(named).collect()
}

fn none(broken: &[String], rule: &str) {
    assert!(broken.is_empty(), "{rule}: {broken:#?}");
}

#[test]
fn rust_files_open_with_their_purpose() {
    let files = texts(&["rs"]);
    assert!(files.len() > 20, "the sources are found");
    let broken: Vec<_> =
        files.into_iter().filter(|(_, content)| !content.starts_with("//! ")).map(|(path, _)| path).collect();
    none(&broken, "the first line of each Rust file is `//! ` and its purpose");
}

#[test]
fn files_stay_short() {
    let long = |(path, content): (String, String)| {
        let lines = content.lines().count();
        (lines > MAX_LINES).then(|| format!("{path}: {lines} lines"))
    };
    let broken: Vec<_> = texts(&["rs", "ts", "tsx", "css", "py", "sh"]).into_iter().filter_map(long).collect();
    none(&broken, "no source file is longer than 1,000 lines");
}

#[test]
fn only_the_backend_folder_of_the_window_knows_tauri() {
    let broken: Vec<_> = texts(&["ts", "tsx"])
        .into_iter()
        .filter(|(path, content)| {
            path.starts_with("ui/src/") && !path.starts_with("ui/src/backend/") && content.contains("@tauri-apps")
        })
        .map(|(path, _)| path)
        .collect();
    none(&broken, "only ui/src/backend imports @tauri-apps");
}

#[test]
fn nothing_names_a_machine_or_a_registry() {
    // Taken apart so that this file does not hold what it looks for.
    let banned = [
        ["/work/", "main"].concat(),
        ["/work/", "shared"].concat(),
        ["/root", "/"].concat(),
        ["registry.", "npmjs.org"].concat(),
        ["index.", "crates.io"].concat(),
        ["static.", "crates.io"].concat(),
    ];
    let mut broken = Vec::new();
    for (path, content) in texts(&TEXTS) {
        broken.extend(banned.iter().filter(|word| content.contains(*word)).map(|word| format!("{path}: {word}")));
    }
    none(&broken, "no absolute path of a machine, no host of a package registry");
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut broken = Vec::new();
    for (path, content) in texts(&["md"]) {
        let folder = root().join(&path).parent().expect("a file has a folder").to_owned();
        for link in content.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let elsewhere = link.is_empty() || link.contains(':');
            if !elsewhere && !folder.join(link).exists() {
                broken.push(format!("{path}: {link}"));
            }
        }
    }
    none(&broken, "each link in a document leads to a file");
}

#[test]
fn nothing_else_stands_at_the_top() {
    let output = Command::new("git").args(["ls-files"]).current_dir(root()).output();
    let Some(output) = output.ok().filter(|o| o.status.success() && !o.stdout.is_empty()) else {
        println!("not a git checkout: skipped");
        return;
    };
    let listed = String::from_utf8_lossy(&output.stdout);
    let broken: Vec<_> = listed
        .lines()
        .filter_map(|path| path.split('/').next())
        .filter(|top| !TOP.contains(top))
        .map(str::to_owned)
        .collect();
    none(&broken, "only known names stand at the top");
}
