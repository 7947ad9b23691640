//! Editing in a real window beyond single steps: aligning, distributing, copying between workspaces, every command by its name.

use omniscope_tests::window::{Setup, Window, id};
use serde_json::{Value, json};

use crate::window::{NODES, select};

const MOD: char = '\u{E009}';
const ESCAPE: char = '\u{E00C}';
/// Places of all steps in flow coordinates, as the page draws them.
const PLACES: &str = "[...document.querySelectorAll('.react-flow__node-step')].map((n) => { const m = new DOMMatrix(n.style.transform); return [m.e, m.f, n.offsetHeight]; })";
const SELECTED: &str = "document.querySelectorAll('.react-flow__node.selected').length";
const DIALOG: &str = "document.querySelector('[role=\"dialog\"]') !== null";

/// Runs a command of the command menu by its id.
pub(crate) async fn command(window: &Window, name: &str) {
    window.press(&[MOD, 'k']).await;
    window.find(&id("command-input")).await;
    window.click(&id(&format!("command-{name}"))).await;
    window.until("the menu is closed", "document.querySelector('[data-testid=\"command-menu\"]') === null").await;
}

async fn select_all(window: &Window) {
    window.press(&[ESCAPE]).await;
    window.run("document.activeElement?.blur()", vec![]).await;
    window.press(&[MOD, 'a']).await;
    window.until("all are selected", &format!("{SELECTED} >= {NODES}")).await;
}

fn numbers(places: &Value, at: usize) -> Vec<i64> {
    places.as_array().unwrap().iter().map(|p| p[at].as_f64().unwrap().round() as i64).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_align_distribute_copy_between_workspaces_and_every_command_does_what_it_says() {
    let root = tempfile::tempdir().unwrap();
    let ana = Window::open(&Setup::of("Ana", root.path())).await;
    ana.click(&id("open-sample")).await;
    ana.until("the sample", &format!("{NODES} > 10")).await;
    let before = ana.value(PLACES).await;
    let count = ana.value(NODES).await;

    select_all(&ana).await;
    command(&ana, "align-left").await;
    let aligned = ana
        .until(
            "one column",
            &format!("(() => {{ const p = {PLACES}; return p.every((one) => one[0] === p[0][0]) && p; }})()"),
        )
        .await;
    assert_eq!(numbers(&aligned, 0)[0], *numbers(&before, 0).iter().min().unwrap());
    assert_eq!(numbers(&aligned, 1), numbers(&before, 1), "only one axis moves");
    command(&ana, "distribute-y").await;
    ana.until("even gaps", &format!("(() => {{ const p = {PLACES}.sort((a, b) => a[1] - b[1]); const gaps = p.slice(1).map((one, i) => one[1] - p[i][1] - p[i][2]); return Math.max(...gaps) - Math.min(...gaps) < 2; }})()")).await;
    command(&ana, "undo").await;
    command(&ana, "undo").await;
    ana.until("two steps back", &format!("JSON.stringify({PLACES}) === {}", json!(before.to_string()))).await;

    select_all(&ana).await;
    command(&ana, "copy").await;
    let edges = ana.value("document.querySelectorAll('.react-flow__edge').length").await;
    ana.click(&id("workspace-create")).await;
    ana.fill(&id("workspace-name-input"), "Copied").await;
    ana.click(&id("workspace-create-confirm")).await;
    ana.until("it is empty", &format!("document.querySelector('.canvas') !== null && {NODES} === 0")).await;
    command(&ana, "paste").await;
    ana.until("all steps came over", &format!("{NODES} === {count}")).await;
    ana.until("with their connections", &format!("document.querySelectorAll('.react-flow__edge').length === {edges}"))
        .await;
    ana.shot("pasted").await;
    edits_by_name(&ana, count.as_u64().unwrap()).await;
    views_by_name(&ana).await;
    file_of_a_step(&ana).await;
    ana.close().await;
}

/// A step of data says which file it reads: name, size and hash, as one edit that can be undone.
async fn file_of_a_step(ana: &Window) {
    ana.until("the sample's steps", &format!("{NODES} > 10")).await;
    let data = "document.querySelector('.react-flow__node-step:has([data-category=\"data\"])')?.dataset.id";
    let data = ana.until("a step of data", data).await;
    select(ana, data.as_str().unwrap()).await;
    ana.find(&id("file-attach")).await;
    let chosen = "const files = new DataTransfer(); files.items.add(new File(['abc'], 'reads_1.fastq.gz')); \
        const input = document.querySelector('[data-testid=\"file-input\"]'); input.files = files.files; \
        input.dispatchEvent(new Event('change', { bubbles: true }));";
    ana.run(chosen, vec![]).await;
    ana.find(&id("file-name")).await;
    assert_eq!(ana.text(&id("file-name")).await, "reads_1.fastq.gz");
    assert!(ana.text(&id("file-hash")).await.starts_with("ba7816bf8f01cfea"), "as sha256sum says it");
    assert_eq!(ana.accessibility().await, "");
    ana.shot("file").await;
    command(ana, "undo").await;
    ana.until("no file", "document.querySelector('[data-testid=\"file-name\"]') === null").await;
}

async fn edits_by_name(ana: &Window, count: u64) {
    select_all(ana).await;
    command(ana, "duplicate").await;
    ana.until("twice as many", &format!("{NODES} === {}", 2 * count)).await;
    ana.until("the copies are selected", &format!("{SELECTED} > 0")).await;
    command(ana, "delete").await;
    ana.until("as many as before", &format!("{NODES} === {count}")).await;
    select_all(ana).await;
    command(ana, "disable").await;
    ana.until(
        "all are disabled",
        &format!("document.querySelectorAll('.node[data-disabled=\"true\"]').length === {count}"),
    )
    .await;
    command(ana, "undo").await;
    ana.until("none is", "document.querySelectorAll('.node[data-disabled=\"true\"]').length === 0").await;
    command(ana, "redo").await;
    ana.until(
        "all are again",
        &format!("document.querySelectorAll('.node[data-disabled=\"true\"]').length === {count}"),
    )
    .await;
    select_all(ana).await;
    command(ana, "cut").await;
    ana.until("nothing is left", &format!("{NODES} === 0")).await;
    command(ana, "paste").await;
    ana.until("it is there again", &format!("{NODES} === {count}")).await;
    let notes = "document.querySelectorAll('.react-flow__node-sticky').length";
    let before = ana.value(notes).await.as_u64().unwrap();
    command(ana, "add-note").await;
    ana.until("one note more", &format!("{notes} === {}", before + 1)).await;
    command(ana, "add-step").await;
    ana.find(&id("palette-input")).await;
    ana.press(&[ESCAPE]).await;
    let places = ana.value(PLACES).await;
    command(ana, "tidy").await;
    ana.until("it is tidy", &format!("JSON.stringify({PLACES}) !== {}", json!(places.to_string()))).await;
}

async fn views_by_name(ana: &Window) {
    let theme = ana.value("document.documentElement.dataset.theme").await;
    command(ana, "theme").await;
    ana.until("the other theme", &format!("document.documentElement.dataset.theme !== {theme}")).await;
    command(ana, "network").await;
    ana.find(&id("offline-banner")).await;
    command(ana, "network").await;
    ana.until("online", "document.querySelector('[data-testid=\"offline-banner\"]') === null").await;
    command(ana, "cursors").await;
    ana.find("[aria-label=\"Show pointers of others\"]").await;
    command(ana, "cursors").await;
    command(ana, "zoom-selection").await;
    command(ana, "fit").await;
    command(ana, "save-version").await;
    ana.until("a version", "document.body.innerText.includes('saved')").await;
    for (name, dialog) in [
        ("share", "share-dialog"),
        ("history", "versions-dialog"),
        ("export", "export-dialog"),
        ("picture", "picture-preview"),
        ("import", "import-text"),
        ("join", "join-dialog"),
        ("storage", "storage-dialog"),
        ("settings", "settings-dialog"),
        ("shortcuts", "shortcut-sheet"),
    ] {
        command(ana, name).await;
        ana.find(&id(dialog)).await;
        assert_eq!(ana.accessibility().await, "", "{name}");
        ana.press(&[ESCAPE]).await;
        ana.until("no dialog", &format!("!({DIALOG})")).await;
    }
    let other = ana.value("[...document.querySelectorAll('[data-testid=\"workspace-item\"]')].find((w) => w.ariaCurrent !== 'true').dataset.workspace").await;
    command(ana, &format!("open-{}", other.as_str().unwrap())).await;
    ana.until(
        "the other one",
        "document.querySelector('[data-testid=\"workspace-name\"]')?.value === 'RNA-seq, sample'",
    )
    .await;
}
