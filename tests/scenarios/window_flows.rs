//! What a team does in its windows beside editing: looking on, coming back, going back, big pipelines, accessibility.

use std::path::Path;

use omniscope_tests::window::{Setup, Window, id};
use serde_json::json;

use crate::window::{NODES, meet, node_css, nodes_labelled, rename, select};

const BANNER: &str = "document.querySelector('[data-testid=\"viewer-banner\"]') !== null";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_looks_on_until_the_owner_makes_them_an_editor() {
    let root = tempfile::tempdir().unwrap();
    let (_relay, ana, ben) = meet(root.path(), "Viewer").await;
    ben.until("it is unmistakable", BANNER).await;
    assert_eq!(ben.value("document.querySelector('[data-testid=\"add-step\"]')").await, json!(null));
    let steps = ben.value(NODES).await;
    let trim = nodes_labelled(&ben, "Trim adapters").await;
    select(&ben, &trim).await;
    ben.press(&['\u{E017}']).await;
    assert_eq!(ben.value("document.querySelector('[data-testid=\"node-label\"]').disabled").await, json!(true));
    let place = format!("document.querySelector('{}').style.transform", node_css(&trim));
    let before = ben.value(&place).await;
    let from = ben.middle(&format!("{} .node__label", node_css(&trim))).await;
    ben.drag(from, (from.0 + 80.0, from.1 + 80.0)).await;
    assert_eq!((ben.value(&place).await, ben.value(NODES).await), (before, steps.clone()));
    ben.shot("viewer").await;

    ana.click(&id("share-open")).await;
    ana.choose(&id("member-role"), "editor").await;
    ben.until(
        "Ben may write",
        &format!("!({BANNER}) && document.querySelector('[data-testid=\"add-step\"]') !== null"),
    )
    .await;
    rename(&ben, &trim, "Trimmed by Ben").await;
    assert_eq!(nodes_labelled(&ana, "Trimmed by Ben").await, trim);
    ana.close().await;
    ben.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changed_while_away_is_told_and_an_old_state_comes_back() {
    let root = tempfile::tempdir().unwrap();
    let (relay, ana, ben) = meet(root.path(), "Editor").await;
    ben.until("Ben has seen it", "Object.keys(localStorage).some((key) => key.startsWith('omniscope.seen.'))").await;
    ben.close().await;
    let trim = nodes_labelled(&ana, "Trim adapters").await;
    ana.press(&['\u{E009}', 's']).await;
    ana.until("a version", "document.body.innerText.includes('saved')").await;
    // A notice is on its way to its place at first, and a pointer would miss it.
    let name_it = "(document.querySelector('[data-sonner-toast] [data-action]')?.click(), \
        document.querySelector('[data-testid=\"version-rename-name\"]') !== null)";
    ana.until("a field for the name", name_it).await;
    ana.fill(&id("version-rename-name"), "Before cutting\u{E007}").await;
    ana.until("the dialog is gone", "document.querySelector('[role=dialog]') === null").await;
    ana.click(&id("versions-open")).await;
    let versions = "[...document.querySelectorAll('[data-kind=version] .timeline__what')].map((v) => v.innerText)";
    ana.until("the version has its name", &format!("{versions}.join() === 'Before cutting'")).await;
    ana.press(&['\u{E00C}']).await;
    rename(&ana, &trim, "Cut adapters").await;
    ana.click(&id("node-history-open")).await;
    let hands = format!("document.querySelector('{} .hands')?.innerText", id("node-history"));
    ana.until("who did it", &format!("/Ana changed name[^]*Ana added it/.test({hands})")).await;
    assert_eq!(ana.accessibility().await, "");
    ana.shot("hands").await;
    let ben = Window::open(&Setup::of("Ben", root.path()).through(&relay)).await;
    assert_eq!(nodes_labelled(&ben, "Cut adapters").await, trim);
    ben.until(
        "who did something",
        "/Ana made 1 change[^]*Show it/.test(document.querySelector('[data-testid=\"away-banner\"]')?.innerText)",
    )
    .await;
    ben.shot("away").await;
    ben.click(&id("away-show")).await;
    ben.until("the change", "document.querySelector('[data-testid=\"diff\"]')?.innerText.includes('Cut adapters')")
        .await;
    assert!(ben.text(&id("diff")).await.contains("Trim adapters"), "{}", ben.text(&id("diff")).await);
    ben.shot("history").await;
    assert_eq!(ben.accessibility().await, "");
    ana.click(&id("versions-open")).await;
    ana.click("[data-kind=version]").await;
    ana.fill(&id("version-rename"), "Before the cut\u{E007}").await;
    for window in [&ana, &ben] {
        window.until("the version's new name", &format!("{versions}.join() === 'Before the cut'")).await;
    }
    ben.click(&id("version-item")).await;
    ben.click(&id("version-restore")).await;
    ben.click(&id("version-restore-confirm")).await;
    for window in [&ana, &ben] {
        assert_eq!(nodes_labelled(window, "Trim adapters").await, trim);
    }
    ana.close().await;
    ben.close().await;
}

/// Words that would be markup, style or script anywhere else.
const HOSTILE: &str =
    "<img src=x onerror=\"window.broken=1\"><script>window.broken=1</script>\u{202e}javascript:alert(1)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_words_stay_words() {
    let root = tempfile::tempdir().unwrap();
    let ana = Window::open(&Setup::of("Ana", root.path())).await;
    ana.click(&id("begin-create")).await;
    ana.fill(&id("workspace-name-input"), "<b>bold</b>").await;
    ana.click(&id("workspace-create-confirm")).await;
    ana.find(".canvas").await;
    let colour = "red;background:url(https://example.org/x)";
    let document = json!({
        "meta": {"name": HOSTILE, "description": HOSTILE, "license": HOSTILE},
        "nodes": {
            "n1": {"type": HOSTILE, "typeVersion": HOSTILE, "label": HOSTILE, "pos": [0, 0], "params": {HOSTILE: HOSTILE},
                   "notes": HOSTILE, "ports": {"inputs": [{"name": HOSTILE}], "outputs": [{"name": "valueOf"}]}, "group": "g1"},
            "constructor": {"type": "toString", "label": "proto", "pos": [400.5, -20], "params": {"hasOwnProperty": 1}},
        },
        "edges": {},
        "stickies": {"s1": {"text": HOSTILE, "pos": [300, 0], "size": [200, 100], "color": colour}},
        "groups": {"g1": {"label": HOSTILE, "color": colour}},
    });
    ana.click(&id("top-menu")).await;
    ana.click(&id("menu-import")).await;
    ana.find(&id("import-text")).await;
    ana.paste(&id("import-text"), &document.to_string()).await;
    ana.click(&id("import-confirm")).await;
    let settled = format!("{NODES} > 0 || document.querySelector('[data-testid=\"import-problem\"]') !== null");
    ana.until("it is taken or refused with a reason", &settled).await;
    let taken = ana.value(NODES).await.as_u64().unwrap();
    if taken > 0 {
        let node = nodes_labelled(&ana, HOSTILE).await;
        select(&ana, &node).await;
        ana.until("the notes", "document.querySelector('.cm-content')?.textContent.includes('<img src=x')").await;
    }
    ana.shot("hostile").await;
    assert!(taken > 0, "the document is well formed: {}", ana.text(&id("import-problem")).await);
    assert_eq!(ana.value("window.broken").await, json!(null));
    assert_eq!(
        ana.value("document.querySelectorAll('#root img, #root script, #root b, #root iframe').length").await,
        json!(0)
    );
    let styles = "[...document.querySelectorAll('[style]')].some((e) => e.getAttribute('style').includes('url('))";
    assert_eq!(ana.value(styles).await, json!(false));
    assert_eq!(ana.value("performance.getEntriesByType('resource').filter((e) => !/^(tauri|ipc|blob|data):|ipc.localhost/.test(e.name)).length").await, json!(0));
    ana.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn main_screens_have_no_serious_finding_of_accessibility_and_big_pipelines_stay_readable() {
    let root = tempfile::tempdir().unwrap();
    let ana = Window::open(&Setup::of("Ana", root.path())).await;
    let mut findings = vec![ana.accessibility().await];
    ana.click(&id("open-sample")).await;
    ana.until("the sample", &format!("{NODES} > 10")).await;
    let trim = nodes_labelled(&ana, "Trim adapters").await;
    for theme in ["light", "dark"] {
        findings.push(ana.accessibility().await);
        select(&ana, &trim).await;
        findings.push(ana.accessibility().await);
        ana.shot(&format!("step-{theme}")).await;
        for (open, name) in [
            ("share-open", "share"),
            ("versions-open", "history"),
            ("profile-open", "settings"),
            ("add-step", "palette"),
        ] {
            ana.click(&id(open)).await;
            ana.until("a dialog", "document.querySelector('[role=\"dialog\"]') !== null").await;
            ana.shot(&format!("{name}-{theme}")).await;
            findings.push(ana.accessibility().await);
            ana.press(&['\u{E00C}']).await;
            ana.until("no dialog", "document.querySelector('[role=\"dialog\"]') === null").await;
        }
        ana.press(&['\u{E009}', 'k']).await;
        ana.find(&id("command-input")).await;
        findings.push(ana.accessibility().await);
        ana.shot(&format!("commands-{theme}")).await;
        ana.press(&['\u{E00C}']).await;
        ana.click(&id("theme-toggle")).await;
    }
    findings.retain(|found| !found.is_empty());
    assert!(findings.is_empty(), "{}", findings.join("\n"));
    pictures(&ana, root.path()).await;
    big_pipeline(&ana).await;
    ana.close().await;
}

/// Both kinds of picture, saved into the folder of downloads of this window's home.
async fn pictures(ana: &Window, root: &Path) {
    for (format, head) in [("svg", &b"<svg"[..]), ("png", &b"\x89PNG"[..])] {
        ana.click(&id("top-menu")).await;
        ana.click(&id("menu-picture")).await;
        ana.until("a preview", "document.querySelector('[data-testid=\"picture-preview\"]')?.naturalWidth > 100").await;
        ana.click(&format!("{} [data-value=\"{format}\"]", id("picture-format"))).await;
        ana.shot(&format!("picture-{format}")).await;
        ana.click(&id("picture-save")).await;
        ana.until("it is saved", "document.querySelector('[role=\"dialog\"]') === null").await;
        let path = root.join("Ana.home/Downloads").join(format!("RNA-seq--sample.{format}"));
        let picture = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(picture.starts_with(head) && picture.len() > 5_000, "{} bytes of {format}", picture.len());
    }
}

/// The largest published workflow, where the data are present.
async fn big_pipeline(ana: &Window) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/galaxy");
    let Ok(files) = std::fs::read_dir(&folder) else { return println!("skipped: no published workflows here") };
    let files = files.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
    let largest = files.max_by_key(|text| text.matches("\"tool_id\"").count()).unwrap();
    ana.click(&id("workspace-create")).await;
    ana.fill(&id("workspace-name-input"), "Eighty steps").await;
    ana.click(&id("workspace-create-confirm")).await;
    ana.until("it is empty", &format!("document.querySelector('.canvas') !== null && {NODES} === 0")).await;
    ana.click(&id("top-menu")).await;
    ana.click(&id("menu-import")).await;
    ana.find(&id("import-text")).await;
    ana.paste(&id("import-text"), &largest).await;
    ana.click(&id("import-confirm")).await;
    ana.until("every step", "document.querySelectorAll('.outline__row').length > 60").await;
    ana.click(&id("fit")).await;
    ana.until("all of it", "document.querySelector('.canvas').dataset.zoom === 'map'").await;
    ana.shot("eighty-light").await;
    ana.click(&id("theme-toggle")).await;
    ana.shot("eighty-dark").await;
}
