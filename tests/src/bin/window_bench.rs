//! The window under load, measured: `make window-bench`. Real windows (WebKitGTK on Xvfb) and nine more people, each an
//! engine of their own that moves a pointer 20 times a second and edits twice a second.
//!
//! It prints what was promised beside what was measured and judges nothing: a busy computer is no defect. Arguments name
//! what is measured (`alone`, `starts`, `two`, `ten`); without any, all of it is. Deliberately absent: a graphics card.
//! Xvfb has none, so all drawing is done by the processor; script and layout are told apart from it.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a tool for those who build this")]

use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use omniscope_engine::rpc::Client;
use omniscope_tests::meter::{Memory, Spread, Usage, left_below, load, now_ms, started_ms};
use omniscope_tests::peers::Peer;
use omniscope_tests::window::{Setup, Window};
use serde_json::{Value, json};
use tokio::task::JoinSet;

const PEOPLE: [&str; 9] = ["Ben", "Cy", "Dee", "Eli", "Fay", "Gus", "Hal", "Ivy", "Jo"];
const STEPS: usize = 82;
const MOVE_EVERY: Duration = Duration::from_millis(50);
/// Each edits with every tenth move.
const MOVES_PER_EDIT: usize = 10;
/// How long one thing is measured.
const SPAN: Duration = Duration::from_secs(12);
/// How long a window is left alone before it is measured at rest.
const SETTLE: Duration = Duration::from_secs(6);
/// How long WebKit may take until it has collected what is needed no more.
const REST: Duration = Duration::from_secs(30);
const PRESSES: usize = 40;
const PRESS_EVERY: Duration = Duration::from_millis(250);
const STARTS: usize = 5;
/// What can be measured by itself.
const PARTS: [&str; 4] = ["alone", "starts", "two", "ten"];

#[tokio::main]
async fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|one| !PARTS.contains(&one.as_str())) {
        eprintln!("expected some of {}, not {unknown}", PARTS.join(", "));
        return ExitCode::from(2);
    }
    let root = tempfile::tempdir().unwrap();
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    println!("{build} build, drawn by the processor, load {} at the beginning\n", load());
    println!("| What | Promise | Measured |\n|---|---|---|");
    // Whatever ends it drops the windows, and with this process the peers in it end.
    let stopped = tokio::select! {
        () = measure(root.path(), &wanted) => false,
        () = told_to_stop() => true,
    };
    let left = left_below(root.path());
    println!("\nload {} at the end; processes left: {}", load(), left.len());
    for line in &left {
        eprintln!("left: {line}");
    }
    if stopped || !left.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be heard");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

fn say(what: &str, promise: &str, measured: impl std::fmt::Display) {
    println!("| {what} | {promise} | {measured} |");
}

async fn measure(root: &Path, wanted: &[String]) {
    let asked = |part: &str| wanted.is_empty() || wanted.iter().any(|one| one == part);
    if asked("alone") {
        for steps in [8, STEPS, 500] {
            alone(root, steps).await;
        }
    }
    if asked("starts") {
        starts(root).await;
    }
    if asked("two") {
        two_windows(root).await;
    }
    if asked("ten") {
        ten_people(root).await;
    }
}

/// A workspace in an open window.
struct Open {
    window: Window,
    engine: Client,
    workspace: String,
}

/// Opens a window of `name` and in it a new pipeline of so many steps.
async fn open(root: &Path, name: &'static str, steps: usize) -> Open {
    let setup = Setup::of(name, root);
    let window = Window::open(&setup).await;
    let mut engine = Client::connect(&setup.dir).await.expect("the window serves its folder");
    let made = engine.call("workspace.create", json!({"name": "Measured"})).await.unwrap();
    let workspace = made["workspace"].as_str().unwrap().to_owned();
    let content = pipeline(steps).to_string();
    engine.call("pipeline.import", json!({"workspace": workspace, "content": content})).await.unwrap();
    show(&window, &workspace, steps).await;
    Open { window, engine, workspace }
}

/// Shows a workspace of so many steps, all of them in view, and loads the probe into the page.
async fn show(window: &Window, workspace: &str, steps: usize) {
    window.click(&format!("[data-workspace=\"{workspace}\"]")).await;
    let all = format!("document.querySelectorAll('.outline__row').length === {steps}");
    window.until("every step", &all).await;
    window.until("steps are drawn", "document.querySelectorAll('.react-flow__node-step').length > 0").await;
    window.run(include_str!("../probe.js"), vec![]).await;
}

/// A pipeline of so many steps in rows, each fed by the one before and the one above.
fn pipeline(steps: usize) -> Value {
    let across = 12;
    let (mut nodes, mut edges) = (json!({}), json!({}));
    let mut edge = |from: usize, to: usize| {
        let ends =
            json!({"source": format!("n{from}"), "target": format!("n{to}"), "sourcePort": "out", "targetPort": "in"});
        edges[format!("e{from}-{to}")] = ends;
    };
    for step in 0..steps {
        let place = json!([step % across * 280, step / across * 110]);
        let params = json!({"threads": 4, "quality": 20 + step % 10, "strand": "reverse"});
        nodes[format!("n{step}")] =
            json!({"type": "NormalizeRNASeq", "label": format!("Step {step}"), "pos": place, "params": params});
        if step % across > 0 {
            edge(step - 1, step);
        }
        if step >= across {
            edge(step - across, step);
        }
    }
    json!({"meta": {"name": "Measured"}, "nodes": nodes, "edges": edges})
}

/// One window with nobody else: at rest, panned, and with a step dragged.
async fn alone(root: &Path, steps: usize) {
    let name = match steps {
        8 => "Eight",
        500 => "FiveHundred",
        _ => "EightyTwo",
    };
    let Open { window, .. } = open(root, name, steps).await;
    tokio::time::sleep(SETTLE).await;
    let usage = Usage::since_now(window.processes());
    tokio::time::sleep(SPAN).await;
    say(&format!("{steps} steps, at rest: processor"), "≈ 0", format!("{:.1} %", usage.percent()));
    if steps == 8 {
        say("an empty page, painted whole", "", frames(&window, "bare").await.rate);
    }
    for (what, how) in [("panned", "pan"), ("one dragged", "drag")] {
        let usage = Usage::since_now(window.processes());
        let frames = frames(&window, how).await;
        let rate = format!("{}, processor {:.0} %", frames.rate, usage.percent());
        say(&format!("{steps} steps, {what}"), "60 frames/s", rate);
        // A drag is rendered in a task of its own, which cannot be timed from here.
        if how == "pan" {
            say("… script and layout of a frame", "p50 8 ms", frames.own);
        }
    }
    say(&format!("{steps} steps: memory, with the garbage of it"), "", Memory::of(&window.processes()));
    tokio::time::sleep(REST).await;
    say(&format!("{steps} steps: memory, at rest again"), "", Memory::of(&window.processes()));
    window.close().await;
}

/// What was counted of frames.
struct Frames {
    /// How many came, and how far apart.
    rate: String,
    /// Script and layout of each.
    own: Spread,
}

/// Frames counted in the page while it is moved by `how`, or only watched.
async fn frames(window: &Window, how: &str) -> Frames {
    let script = "const done = arguments[arguments.length - 1]; \
        window.probe[arguments[0]](arguments[1]).then(done, (error) => done({ error: String(error) }));";
    let span = json!(SPAN.as_millis() as u64);
    let counted = window.client.execute_async(script, vec![json!(how), span]).await.unwrap();
    assert!(counted["error"].is_null(), "{how}: {counted}");
    let spread = |of: &str| Spread::of(times(&counted[of]));
    let rate = format!("{:.0} frames/s, between two {}", counted["per_s"].as_f64().unwrap(), spread("gaps"));
    Frames { rate, own: spread("own") }
}

fn times(of: &Value) -> Vec<f64> {
    of.as_array().unwrap().iter().filter_map(Value::as_f64).collect()
}

async fn watch(window: &Window, what: &str) {
    window.run("window.probe.watch(arguments[0])", vec![json!(what)]).await;
}

async fn seen(window: &Window, what: &str) -> Value {
    window.run("return window.probe.end(arguments[0])", vec![json!(what)]).await
}

/// From the start of the process to the first paint, on a folder that holds a pipeline.
async fn starts(root: &Path) {
    let mut took = Vec::new();
    for _ in 0..STARTS {
        let window = Window::open(&Setup::of("EightyTwo", root)).await;
        window.until("steps are drawn", "document.querySelectorAll('.react-flow__node-step').length > 0").await;
        window.run(include_str!("../probe.js"), vec![]).await;
        let painted = window.value("window.probe.firstPaint()").await.as_f64().expect("WebKit tells of paints");
        took.push(painted - started_ms(window.processes()[0]));
        window.close().await;
    }
    say("start to first paint", "1.5 s", Spread::of(took));
}

/// Two windows: from a key to the engine's answer, and to the other window.
async fn two_windows(root: &Path) {
    let Open { window: ana, mut engine, workspace } = open(root, "Ana", STEPS).await;
    let setup = Setup::of("Ben", root);
    let ben = Window::open(&setup).await;
    let mut other = Client::connect(&setup.dir).await.unwrap();
    let link = invitation(&mut engine, &workspace).await;
    other.call("join", json!({"link": link, "wait_ms": 20_000})).await.unwrap();
    show(&ben, &workspace, STEPS).await;
    ana.click(".react-flow__node-step .node__label").await;
    ana.until("a step is selected", "document.querySelector('.react-flow__node-step.selected') !== null").await;
    tokio::time::sleep(SETTLE).await;
    watch(&ana, "input").await;
    watch(&ana, "disabled").await;
    watch(&ben, "disabled").await;
    for _ in 0..PRESSES {
        ana.press(&['d']).await;
        tokio::time::sleep(PRESS_EVERY).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let input = seen(&ana, "input").await;
    let (here, there) = (seen(&ana, "disabled").await, seen(&ben, "disabled").await);
    let pressed = times(&input["pressed"]);
    for (what, promise, then) in [
        ("key to drawn in this window", "", times(&here)),
        ("key to taken by the engine", "", times(&input["taken"])),
        ("key to drawn in the other window", "p50 30 ms", times(&there)),
    ] {
        // Presses are far apart: what follows one belongs to it.
        let after = |at: &f64| then.iter().find(|t| *t >= at).map(|t| t - at);
        say(what, promise, Spread::of(pressed.iter().filter_map(after).collect()));
    }
    ana.close().await;
    ben.close().await;
}

async fn invitation(engine: &mut Client, workspace: &str) -> Value {
    engine.call("invite.create", json!({"workspace": workspace, "role": "editor"})).await.unwrap()["link"].take()
}

/// When which place of which pointer was shown, by the mark's test id and the place.
type Sent = Arc<Mutex<HashMap<(String, i64), f64>>>;

/// One window and nine more people who move and edit all the time.
async fn ten_people(root: &Path) {
    let Open { window, mut engine, workspace } = open(root, "Zoe", STEPS).await;
    let mut people = Vec::new();
    for name in PEOPLE {
        let peer = Peer::start(name).await;
        let link = invitation(&mut engine, &workspace).await;
        peer.call("join", json!({"link": link, "wait_ms": 20_000})).await;
        people.push(Arc::new(peer));
    }
    let sent = Sent::default();
    let mut hands = JoinSet::new();
    for (index, peer) in people.iter().enumerate() {
        hands.spawn(hand(Arc::clone(peer), workspace.clone(), index, Arc::clone(&sent)));
    }
    let all = format!("document.querySelectorAll('.cursor').length === {}", PEOPLE.len());
    window.until("nine pointers", &all).await;
    tokio::time::sleep(SETTLE).await;
    for (what, how) in [("the own hand rests", "frames"), ("the own hand pans", "pan")] {
        sent.lock().unwrap().clear();
        watch(&window, "cursors").await;
        let usage = Usage::since_now(window.processes());
        let peers = Usage::since_now(vec![std::process::id()]);
        let frames = frames(&window, how).await;
        let (own, theirs) = (usage.percent(), peers.percent());
        let drawn = seen(&window, "cursors").await;
        say(&format!("ten people, {what}: pointer, hand to drawn"), "p95 100 ms", delays(&drawn, &sent));
        say(&format!("ten people, {what}"), "60 frames/s", frames.rate);
        say("… script and layout of a frame", "p50 8 ms", frames.own);
        say("… processor: window / nine peers", "", format!("{own:.0} % / {theirs:.0} %"));
    }
    say("ten people: memory of the window, with the garbage of it", "", Memory::of(&window.processes()));
    hands.abort_all();
    for peer in people {
        peer.engine.shutdown().await;
    }
    window.close().await;
}

/// Moves a person's pointer along a line of their own, and edits a step of their own with every tenth move, for ever.
async fn hand(peer: Arc<Peer>, workspace: String, index: usize, sent: Sent) {
    let mark = format!("cursor-{}", peer.engine.device());
    let mut clock = tokio::time::interval(MOVE_EVERY);
    for step in 0_usize.. {
        clock.tick().await;
        let (x, y) = (step as i64 * 3, index as i64 * 80);
        sent.lock().unwrap().insert((mark.clone(), x), now_ms());
        peer.call("cursor.move", json!({"workspace": workspace, "x": x, "y": y})).await;
        if step % MOVES_PER_EDIT == index {
            let node = format!("n{}", index * 9);
            let change = if (step / MOVES_PER_EDIT).is_multiple_of(2) {
                json!({"workspace": workspace, "node": node, "label": format!("{} {step}", peer.name)})
            } else {
                json!({"workspace": workspace, "node": node, "params": {"quality": step}})
            };
            peer.call("node.set", change).await;
        }
    }
}

fn delays(drawn: &Value, sent: &Sent) -> String {
    let sent = sent.lock().unwrap();
    let delay = |one: &Value| {
        let key = (one[0].as_str()?.to_owned(), one[1].as_i64()?);
        Some(one[2].as_f64()? - sent.get(&key)?)
    };
    let drawn: Vec<f64> = drawn.as_array().unwrap().iter().filter_map(delay).collect();
    let share = 100 * drawn.len() / sent.len().max(1);
    format!("{}; {share} % of {} drawn one by one", Spread::of(drawn), sent.len())
}
