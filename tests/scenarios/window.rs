//! Two people at two real windows: one pipeline, edited at once, offline and merged.

use omniscope_tests::window::{RelayProcess, Setup, Window, id};
use serde_json::{Value, json};

use crate::window_editing::command;

/// Where a node stands in flow coordinates, as the page draws it.
fn place_of(node: &str) -> String {
    format!("document.querySelector('.react-flow__node[data-id=\"{node}\"]')?.style.transform")
}

pub(crate) const NODES: &str = "document.querySelectorAll('.react-flow__node-step').length";
const EDGES: &str = "document.querySelectorAll('.react-flow__edge').length";

pub(crate) async fn nodes_labelled(window: &Window, label: &str) -> String {
    let expression = format!(
        "[...document.querySelectorAll('.react-flow__node-step')].find((n) => n.querySelector('.node__label')?.innerText === {})?.dataset.id",
        json!(label)
    );
    window.until(&format!("a step called {label}"), &expression).await.as_str().unwrap().to_owned()
}

/// Waits until both pages give the same for an expression that is not empty.
pub(crate) async fn same(ana: &Window, ben: &Window, what: &str, expression: &str) -> Value {
    let deadline = std::time::Instant::now() + omniscope_tests::window::PATIENCE;
    loop {
        let (one, other) = (ana.value(expression).await, ben.value(expression).await);
        if one == other && !one.is_null() {
            return one;
        }
        if std::time::Instant::now() > deadline {
            ana.shot("failure").await;
            ben.shot("failure").await;
            panic!("not the same in time: {what}: {one} and {other}");
        }
    }
}

pub(crate) fn node_css(node: &str) -> String {
    format!(".react-flow__node[data-id=\"{node}\"]")
}

pub(crate) async fn select(window: &Window, node: &str) {
    window.until("nobody drags", "!document.querySelector('.react-flow__node.dragging')").await;
    // The view may still be on its way to what was just imported.
    let place = format!("JSON.stringify(document.querySelector('{}')?.getBoundingClientRect())", node_css(node));
    let still =
        format!("(() => {{ const was = window.stoodAt; window.stoodAt = {place}; return was === window.stoodAt; }})()");
    window.until("the step stands still", &still).await;
    window.click(&format!("{} .node__label", node_css(node))).await;
    window.until("it is selected", &format!("document.querySelector('{}.selected') !== null", node_css(node))).await;
}

pub(crate) async fn add_step(window: &Window, search: &str) {
    window.click(&id("add-step")).await;
    window.find(&id("palette-input")).await;
    window.type_text(search).await;
    window.until("one step is found", "document.querySelectorAll('[cmdk-item]').length === 1").await;
    window.press(&['\u{E007}']).await;
    window.until("the palette is closed", "!document.querySelector('[data-testid=\"palette-input\"]')").await;
}

pub(crate) async fn rename(window: &Window, node: &str, label: &str) {
    select(window, node).await;
    window.fill(&id("node-label"), &format!("{label}\u{E007}")).await;
    window
        .until(
            "the new name",
            &format!("document.querySelector('{} .node__label').innerText === {}", node_css(node), json!(label)),
        )
        .await;
}

/// Makes an invitation in an open window and gives the message of it.
pub(crate) async fn invite(ana: &Window, role: &str) -> String {
    ana.click(&id("share-open")).await;
    ana.click(&format!("{} [data-value=\"{}\"]", id("invite-role"), role.to_lowercase())).await;
    ana.click(&id("invite-create")).await;
    let message = ana.until("a link", "document.querySelector('[data-testid=\"invite-link\"]')?.value").await;
    assert!(message.as_str().unwrap().contains("omniscope://join#"), "{message}");
    ana.shot("invited").await;
    ana.press(&['\u{E00C}']).await;
    message.as_str().unwrap().to_owned()
}

/// Pastes a whole message and joins; nothing happens before it is confirmed.
pub(crate) async fn join(ben: &Window, message: &str, expected: &[&str]) {
    ben.click(&id("join-open")).await;
    let message = format!("Hi, have a look:\n\n{message}\n\nAna");
    ben.find(&id("join-link-input")).await;
    ben.paste(&id("join-link-input"), &message).await;
    ben.find(&id("join-summary")).await;
    let summary = ben.text(&id("join-summary")).await;
    for expected in expected {
        assert!(summary.contains(expected), "{expected} in {summary}");
    }
    ben.shot("join").await;
    ben.click(&id("join-confirm")).await;
}

/// Ana with the sample and Ben, whom she invited as `role`.
pub(crate) async fn meet(root: &std::path::Path, role: &str) -> (RelayProcess, Window, Window) {
    let relay = RelayProcess::start(root);
    let (for_ana, for_ben) = (Setup::of("Ana", root).through(&relay), Setup::of("Ben", root).through(&relay));
    let (ana, ben) = tokio::join!(Window::open(&for_ana), Window::open(&for_ben));
    ana.click(&id("open-sample")).await;
    ana.until("the sample", &format!("{NODES} > 10")).await;
    let message = invite(&ana, role).await;
    ben.shot("nothing-open").await;
    assert_eq!(ben.value("document.querySelectorAll('[data-testid=\"workspace-item\"]').length").await, json!(0));
    join(&ben, &message, &["RNA-seq", role, "Ana"]).await;
    same(&ana, &ben, "the number of steps", NODES).await;
    same(&ana, &ben, "the number of edges", EDGES).await;
    (relay, ana, ben)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_windows_edit_one_pipeline_online_and_offline() {
    let root = tempfile::tempdir().unwrap();
    let (_relay, ana, ben) = meet(root.path(), "Editor").await;
    for (window, other) in [(&ana, "Ben"), (&ben, "Ana")] {
        window.find(&format!("[data-testid=\"presence-avatar\"][data-name=\"{other}\"]")).await;
    }

    // Both add at once; both see both.
    let before = ana.value(NODES).await.as_u64().unwrap();
    tokio::join!(add_step(&ana, "proteomics quality"), add_step(&ben, "select features"));
    for window in [&ana, &ben] {
        window.until("both new steps", &format!("{NODES} === {}", before + 2)).await;
    }
    let (from_ana, from_ben) =
        (nodes_labelled(&ben, "Proteomics quality control").await, nodes_labelled(&ana, "Select features").await);
    rename(&ana, &from_ana, "Check proteins").await;
    assert_eq!(nodes_labelled(&ben, "Check proteins").await, from_ana);

    a_drag_shows_before_the_drop(&ana, &ben, &from_ana).await;

    // Ben connects the two.
    let edges = ben.value(EDGES).await.as_u64().unwrap();
    let from = ben.middle(&format!("{} .react-flow__handle.source", node_css(&from_ben))).await;
    let to = ben.middle(&format!("{} .react-flow__handle.target", node_css(&from_ana))).await;
    ben.drag(from, to).await;
    for window in [&ana, &ben] {
        window.until("the new edge", &format!("{EDGES} === {}", edges + 1)).await;
    }

    both_write_one_note(&ana, &ben, &from_ana).await;
    undo_takes_back_own_edits_only(&ana, &ben, &from_ana, &from_ben).await;
    pointers_and_selections_show(&ana, &ben, &from_ana, &from_ben).await;
    one_follows_the_view_of_the_other(&ana, &ben).await;
    offline_edits_merge(&ana, &ben, &from_ana, &from_ben).await;

    ana.click(&id("theme-toggle")).await;
    ana.until("the other theme", "document.documentElement.dataset.theme === 'dark'").await;
    ana.shot("together-dark").await;
    ben.close().await;
    ana.until("Ben is gone", "document.body.innerText.includes('Ben left')").await;
    ana.close().await;
}

async fn a_drag_shows_before_the_drop(ana: &Window, ben: &Window, node: &str) {
    use fantoccini::actions::{InputSource, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
    let place = same(ana, ben, "the place before", &place_of(node)).await;
    let (x, y) = ana.middle(&format!("{} .node__label", node_css(node))).await;
    let step = Some(std::time::Duration::from_millis(40));
    let mut mouse = MouseActions::new("mouse".into())
        .then(PointerAction::MoveTo { duration: step, x: x.round(), y: y.round() })
        .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT });
    for part in 1..=6 {
        let (x, y) = ((x + 15.0 * f64::from(part)).round(), (y + 12.0 * f64::from(part)).round());
        mouse = mouse.then(PointerAction::MoveTo { duration: step, x, y });
    }
    ana.client.perform_actions(mouse).await.unwrap();
    ben.until("the drag shows at Ben's", &format!("{} !== {place}", place_of(node))).await;
    let up = MouseActions::new("mouse".into()).then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
    ana.client.perform_actions(up).await.unwrap();
    ana.until("the drop", &format!("{} !== {place}", place_of(node))).await;
    same(ana, ben, "the place after", &place_of(node)).await;
}

async fn both_write_one_note(ana: &Window, ben: &Window, node: &str) {
    for window in [ana, ben] {
        select(window, node).await;
        window.click(".cm-content").await;
    }
    ben.find(".cm-ySelectionCaret").await;
    tokio::join!(ana.type_text("checked against the plate layout"), ben.type_text("0123456789"));
    let note = same(ana, ben, "the note", "document.querySelector('.cm-content')?.cmTile?.view?.state.doc.toString() ?? [...document.querySelectorAll('.cm-line')].map((line) => [...line.childNodes].filter((n) => !n.classList?.contains('cm-ySelectionCaret')).map((n) => n.textContent).join('')).join('\\n')").await;
    let note = note.as_str().unwrap();
    for (kind, expected) in [("letters", "checkedagainsttheplatelayout"), ("digits", "0123456789")] {
        let kept: String = note
            .chars()
            .filter(|c| if kind == "digits" { c.is_ascii_digit() } else { c.is_ascii_alphabetic() })
            .collect();
        assert_eq!(kept, expected, "{note}");
    }
    ana.find(".cm-ySelectionCaret").await;
    ana.shot("note").await;
    ben.shot("note").await;
}

async fn undo_takes_back_own_edits_only(ana: &Window, ben: &Window, from_ana: &str, from_ben: &str) {
    rename(ana, from_ana, "A passing thought").await;
    ben.until("Ana's name", "document.body.innerText.includes('A passing thought')").await;
    rename(ben, from_ben, "Ben's own").await;
    ana.until("Ben's name", "document.body.innerText.includes(\"Ben's own\")").await;
    ana.click(&id("undo")).await;
    for window in [ana, ben] {
        window.until("Ana's is undone", "!document.body.innerText.includes('A passing thought')").await;
        assert_eq!(nodes_labelled(window, "Check proteins").await, from_ana);
        assert_eq!(nodes_labelled(window, "Ben's own").await, from_ben);
    }
}

async fn pointers_and_selections_show(ana: &Window, ben: &Window, from_ana: &str, from_ben: &str) {
    // Different zoom: Ben looks from farther away.
    ben.click(&id("fit")).await;
    for _ in 0..2 {
        ben.click(&id("zoom-out")).await;
    }
    let pane = ana.value("(() => { const b = document.querySelector('.canvas').getBoundingClientRect(); return [b.x + b.width / 3, b.y + b.height / 3]; })()").await;
    let at = (pane[0].as_f64().unwrap(), pane[1].as_f64().unwrap());
    ana.move_pointer(&[(at.0 - 20.0, at.1 - 20.0), at], false).await;
    let flow = "(() => { const p = document.querySelector('.react-flow').getBoundingClientRect(); const m = new DOMMatrix(getComputedStyle(document.querySelector('.react-flow__viewport')).transform); return [Math.round((X - p.x - m.e) / m.a), Math.round((Y - p.y - m.f) / m.a)]; })()";
    let flow = flow.replace('X', &at.0.round().to_string()).replace('Y', &at.1.round().to_string());
    let wanted = ana.value(&flow).await;
    let near = format!(
        "[...document.querySelectorAll('.cursor')].some((c) => Math.abs(c.dataset.x - {}) < 2 && Math.abs(c.dataset.y - {}) < 2)",
        wanted[0], wanted[1]
    );
    ben.until("Ana's pointer at its place in the flow", &near).await;
    select(ana, from_ben).await;
    let mark = |node: &str, name: &str| {
        format!("document.querySelector('[data-testid=\"who-{node}\"]')?.textContent === '{name}'")
    };
    ben.until("Ana's selection", &mark(from_ben, "Ana")).await;
    // A pointer that is hidden is not sent: what is done after it moved is seen, and no pointer.
    let pointers = "document.querySelectorAll('.cursor').length";
    command(ana, "own-cursor").await;
    ana.move_pointer(&[(at.0 - 30.0, at.1 - 30.0), at], false).await;
    select(ana, from_ana).await;
    ben.until("what Ana selects next", &mark(from_ana, "Ana")).await;
    assert_eq!(ben.value(pointers).await, json!(0), "Ana hides her pointer");
    command(ana, "own-cursor").await;
    ana.move_pointer(&[(at.0 - 30.0, at.1 - 30.0), at], false).await;
    ben.until("Ana's pointer is back", &format!("{pointers} > 0")).await;
    select(ana, from_ben).await;
    select(ben, from_ana).await;
    ana.until("Ben's selection", &mark(from_ana, "Ben")).await;
    ana.shot("together").await;
    ben.shot("together").await;
}

async fn one_follows_the_view_of_the_other(ana: &Window, ben: &Window) {
    let view = "document.querySelector('.react-flow__viewport').style.transform";
    ana.click(&id("presence-avatar")).await;
    ana.find(".follow").await;
    let before = ana.value(view).await;
    ben.click(&id("zoom-out")).await;
    ana.until("the view goes along", &format!("{view} !== {before}")).await;
    ana.press(&['\u{E00C}']).await;
    ana.until("Esc ends it", "document.querySelector('.follow') === null").await;
}

async fn offline_edits_merge(ana: &Window, ben: &Window, from_ana: &str, from_ben: &str) {
    for window in [ana, ben] {
        window
            .until(
                "everything is there",
                "document.querySelector('[data-testid=\"status-line\"]').innerText.includes('everything')",
            )
            .await;
    }
    for window in [ana, ben] {
        window.click(&id("network-toggle")).await;
        window
            .until("offline", "document.querySelector('[data-testid=\"status-line\"]').innerText.includes('Offline')")
            .await;
    }
    rename(ana, from_ana, "Ana, offline").await;
    rename(ben, from_ben, "Ben, offline").await;
    add_step(ben, "generic").await;
    for window in [ana, ben] {
        window
            .until(
                "unsent work is called so",
                "document.querySelector('[data-testid=\"status-line\"]').innerText.includes('not sent yet')",
            )
            .await;
        window.shot("offline").await;
    }
    assert!(!ana.text(".canvas").await.contains("Ben, offline"));
    for window in [ana, ben] {
        window.click(&id("network-toggle")).await;
    }
    for window in [ana, ben] {
        for label in ["Ana, offline", "Ben, offline", "Generic step"] {
            nodes_labelled(window, label).await;
        }
        window.until("everything is there again", "document.querySelector('[data-testid=\"status-line\"]').innerText.includes('everything') && !document.querySelector('[data-testid=\"status-line\"]').innerText.includes('not sent')").await;
        window.shot("merged").await;
    }
    same(ana, ben, "the steps", &format!("{NODES} + ' ' + {EDGES}")).await;
}
