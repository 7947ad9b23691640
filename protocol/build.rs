//! Names the rules that this build follows: a hash over the sources of this package, for `kept`.
//!
//! Deliberately absent: generated code.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=src");
    let mut files = BTreeSet::new();
    collect(Path::new("src"), &mut files);
    let mut hasher = DefaultHasher::new();
    for file in &files {
        hasher.write(&std::fs::read(file).expect("a source that was just listed can be read"));
    }
    println!("cargo::rustc-env=OMNISCOPE_RULES={:016x}", hasher.finish());
}

fn collect(folder: &Path, into: &mut BTreeSet<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder of sources can be read").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, into);
        } else {
            into.insert(path);
        }
    }
}
