//! Generates what Tauri needs, after making sure that there is a page to embed.
//!
//! Deliberately absent: building the pages. `make ui` does that; a bare `cargo build` embeds a page that says so.

use std::path::Path;

const PLACEHOLDER: &str = "<!doctype html><title>OmniScope</title><p>The pages are not built. Run: make ui</p>\n";

fn main() {
    let dist = Path::new("../ui/dist");
    println!("cargo:rerun-if-changed={}", dist.display());
    if !dist.join("index.html").exists() {
        std::fs::create_dir_all(dist).expect("the folder ui can be written");
        std::fs::write(dist.join("index.html"), PLACEHOLDER).expect("the folder ui/dist can be written");
    }
    tauri_build::build();
}
