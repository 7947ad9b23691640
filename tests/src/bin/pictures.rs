//! Makes the pictures of `docs/images` from two real windows: `make pictures`. The first argument is the folder; the second,
//! where there is one, is Ana's home, whose name one of the pictures shows.
//!
//! Deliberately absent: judging them. People look at pictures; what must hold is in the scenarios.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a tool for those who build this")]

use std::path::{Path, PathBuf};

use omniscope_tests::window::{RelayProcess, Setup, Window, id};
use serde_json::json;

const ESCAPE: &[char] = &['\u{E00C}'];
const ENTER: &[char] = &['\u{E007}'];
const MOD_K: &[char] = &['\u{E009}', 'k'];

#[tokio::main]
async fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).expect("usage: pictures FOLDER [HOME]"));
    std::fs::create_dir_all(&folder).unwrap();
    let root = tempfile::tempdir().unwrap();
    let relay = RelayProcess::start(root.path());
    let mut first = Setup::of("Ana Duarte", root.path()).through(&relay);
    first.profile = None;
    if let Some(home) = std::env::args().nth(2) {
        first.dir = PathBuf::from(home).join("OmniScope");
    }
    let mut ana = Window::open(&first).await;
    ana.find(&id("welcome")).await;
    keep(&ana, &folder, "welcome").await;
    ana.fill(&id("profile-name"), "Ana Duarte").await;
    ana.click(&id("welcome-start")).await;
    ana.find(&id("open-sample")).await;
    keep(&ana, &folder, "begin").await;
    ana.click(&id("open-sample")).await;
    ana.until("the sample", "document.querySelectorAll('.react-flow__node-step').length > 10").await;

    let mut ben = Window::open(&Setup::of("Ben Okafor", root.path()).through(&relay)).await;
    let mut cy = Window::open(&Setup::of("Cy Lindqvist", root.path()).through(&relay)).await;
    for (window, role) in [(&ben, "editor"), (&cy, "viewer")] {
        ana.click(&id("share-open")).await;
        ana.click(&format!("{} [data-value=\"{role}\"]", id("invite-role"))).await;
        ana.click(&id("invite-create")).await;
        let link = ana.until("a link", "document.querySelector('[data-testid=\"invite-link\"]')?.value").await;
        ana.press(ESCAPE).await;
        window.click(&id("join-open")).await;
        window.find(&id("join-link-input")).await;
        window.paste(&id("join-link-input"), link.as_str().unwrap()).await;
        window.find(&id("join-summary")).await;
        if role == "viewer" {
            keep(window, &folder, "join").await;
        }
        window.click(&id("join-confirm")).await;
        window.until("the pipeline", "document.querySelectorAll('.react-flow__node-step').length > 10").await;
    }
    together(&mut ana, &mut ben, &folder).await;
    viewer(&mut cy, &ana, &folder).await;
    dialogs(&ana, &folder).await;
    for window in [ana, ben, cy] {
        window.close().await;
    }
}

/// A picture in both themes, without the notices of what led there.
async fn keep(window: &Window, folder: &Path, name: &str) {
    window.until("no notices", "document.querySelectorAll('[data-sonner-toast]').length === 0").await;
    for theme in ["light", "dark"] {
        window.run("document.documentElement.dataset.theme = arguments[0]", vec![json!(theme)]).await;
        let shot = window.shot(&format!("{name}-{theme}")).await;
        std::fs::copy(&shot, folder.join(format!("{name}-{theme}.png"))).unwrap();
        std::fs::remove_file(shot).unwrap();
    }
    window.run("document.documentElement.dataset.theme = 'light'", vec![]).await;
}

fn step(label: &str) -> String {
    format!(
        "[...document.querySelectorAll('.react-flow__node-step')].find((n) => n.querySelector('.node__label')?.innerText === {})?.dataset.id",
        json!(label)
    )
}

async fn select(window: &Window, label: &str) {
    let node = window.until(label, &step(label)).await;
    window.click(&format!(".react-flow__node[data-id={node}] .node__label")).await;
    window.find(&id("node-label")).await;
}

async fn together(ana: &mut Window, ben: &mut Window, folder: &Path) {
    select(ben, "Mark duplicates").await;
    let at = ben.middle(".react-flow__pane").await;
    ben.move_pointer(&[(at.0 - 90.0, at.1 + 60.0), (at.0 - 60.0, at.1 + 90.0)], false).await;
    select(ana, "Trim adapters").await;
    ana.click(".cm-content").await;
    ana.press(&['\u{E009}', '\u{E010}']).await;
    ana.press(ENTER).await;
    ana.press(ENTER).await;
    ana.type_text("Adapters of the second batch differ: see the plate layout.").await;
    ana.until("Ben's pointer", "document.querySelector('.cursor') !== null").await;
    let even = "document.querySelector('[data-testid=\"status-line\"]').innerText.includes('have everything')";
    ana.until("everybody has it", even).await;
    keep(ana, folder, "together").await;
    ana.press(&['\u{E009}', 's']).await;
    ana.until("a version", "document.body.innerText.includes('saved')").await;
    select(ben, "PCA plot").await;
}

async fn viewer(cy: &mut Window, ana: &Window, folder: &Path) {
    cy.click(&id("ask-to-edit")).await;
    ana.find(&id("share-requests")).await;
    keep(cy, folder, "viewer").await;
}

async fn dialogs(ana: &Window, folder: &Path) {
    ana.click(&id("share-open")).await;
    ana.find(&id("requests")).await;
    keep(ana, folder, "share").await;
    ana.press(ESCAPE).await;
    ana.click(&id("versions-open")).await;
    ana.click(".timeline__row[data-kind=\"edit\"]").await;
    ana.find(&id("diff")).await;
    keep(ana, folder, "history").await;
    ana.press(ESCAPE).await;
    ana.press(MOD_K).await;
    ana.find(&id("command-input")).await;
    keep(ana, folder, "commands").await;
    ana.press(ESCAPE).await;
    ana.click(&id("top-menu")).await;
    ana.click(&id("menu-storage")).await;
    ana.find(&id("storage-item")).await;
    keep(ana, folder, "storage").await;
    ana.press(ESCAPE).await;
    ana.click(&id("top-menu")).await;
    ana.click(&id("menu-network")).await;
    let fast = "/\\d ms/.test(document.querySelector('[data-testid=\"relay\"]')?.innerText)";
    ana.until("the relay's latency", fast).await;
    keep(ana, folder, "network").await;
    ana.press(ESCAPE).await;
}
