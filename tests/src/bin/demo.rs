//! The main job, to look at: Ana and Ben on one RNA-seq pipeline, each with a device and a database of their own.
//!
//! `demo windows [FOLDER]` opens two windows, `demo headless [FOLDER]` has two peers without windows do the whole story
//! and tells it step by step. It ends with an error if anything is not as it should be. All data lies in FOLDER (by
//! default `demo` beside the programs' folder), which is emptied at each start and left behind at the end. Deliberately
//! absent: building (`.ci/start.sh` does it).
#![allow(clippy::unwrap_used, reason = "a demonstration stops at the first thing that is not so")]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use omniscope_tests::headless::{Headless, Home, LOOPBACK, converged};
use omniscope_tests::process::{Process, program};
use serde_json::{Value, json};

/// Name of the file that keeps a second demonstration out of the folder.
const LOCK_FILE: &str = "lock";
/// How often the windows are looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// After a signal the programs have so long to end in good order.
const END_WITHIN: Duration = Duration::from_secs(15);

/// The process ids of all programs that were started.
static STARTED: Mutex<Vec<u32>> = Mutex::new(Vec::new());

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| eprintln!("demo: {}", words_of(panic))));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments.get(1).map_or_else(default_folder, PathBuf::from);
    let story = match arguments.first().map(String::as_str) {
        Some("windows") => windows,
        Some("headless") => headless,
        _ => {
            eprintln!("demo: expected `windows` or `headless`, and perhaps a folder");
            return ExitCode::from(2);
        }
    };
    std::thread::spawn(end_on_signal);
    // What a part of the story panics with has been printed by the hook.
    match std::panic::catch_unwind(|| story(&Stage::set_up(&folder))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Ctrl-C, or SIGTERM, ends all programs in good order; then this one ends by itself.
fn end_on_signal() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt()).unwrap(), signal(SignalKind::terminate()).unwrap());
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    });
    for id in STARTED.lock().unwrap().iter() {
        // It may have ended already.
        let _ =
            Command::new("sh").args(["-c", &format!("kill -TERM {id}")]).stderr(std::process::Stdio::null()).status();
    }
    std::thread::sleep(END_WITHIN);
    std::process::exit(130);
}

fn start(command: Command) -> Process {
    let process = Process::spawn(command);
    STARTED.lock().unwrap().push(process.id());
    process
}

fn words_of(panic: &std::panic::PanicHookInfo<'_>) -> String {
    let payload = panic.payload();
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

fn default_folder() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.parent().and_then(Path::parent).unwrap().join("demo")
}

fn say(step: &str, text: &str) {
    println!("{step:<9} {text}");
}

/// The folder, the lock on it, and a relay.
struct Stage {
    folder: PathBuf,
    relay_addr: String,
    _relay: Process,
    _lock: std::fs::File,
}

impl Stage {
    fn set_up(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap_or_else(|e| panic!("cannot make {}: {e}", folder.display()));
        let lock = std::fs::File::create(folder.join(LOCK_FILE)).unwrap();
        assert!(lock.try_lock().is_ok(), "another demonstration is running in {}; stop it first", folder.display());
        for name in ["ana", "ben", "relay"] {
            if let Err(error) = std::fs::remove_dir_all(folder.join(name)) {
                assert!(error.kind() == std::io::ErrorKind::NotFound, "cannot empty {}: {error}", folder.display());
            }
        }
        say("folder", &folder.display().to_string());
        let mut command = Command::new(program("omniscope-relay").expect("omniscope-relay is built"));
        command
            .args(["--listen", "/ip4/127.0.0.1/tcp/0", "--log", "warn", "--policy", "open", "--data-dir"])
            .arg(folder.join("relay"));
        let relay = start(command);
        let relay_addr = relay.until("/ip4/127.0.0.1/tcp/");
        say("relay", &relay_addr);
        Self { folder: folder.to_owned(), relay_addr, _relay: relay, _lock: lock }
    }

    fn home(&self, name: &str) -> Home {
        Home::of(&self.folder, &name.to_lowercase())
    }

    fn peer(&self, name: &'static str) -> Headless {
        let peer = Headless::start_with(name, &self.home(name), &LOOPBACK, Some(&self.relay_addr), &[]);
        let peer = peer.expect("omniscope is built");
        STARTED.lock().unwrap().push(peer.id());
        say(name, &format!("is device {}…", &peer.device[..12]));
        peer
    }
}

/// Ana's workspace with the sample pipeline, and Ben in it by a signed link. Gives the workspace's id.
fn meet(ana: &mut Headless, ben: &mut Headless) -> String {
    let made = ana.call("workspace.create", json!({"name": "RNA-seq"}));
    let workspace = made["workspace"].as_str().unwrap().to_owned();
    let content = omniscope_engine::pipeline::SAMPLE_RNASEQ;
    let imported = ana.call("pipeline.import", json!({"workspace": workspace, "content": content}));
    say("create", &format!("Ana founds RNA-seq: {} steps, {} connections", imported["nodes"], imported["edges"]));

    let asked = json!({"workspace": workspace, "role": "editor"});
    let link = ana.call("invite.create", asked)["link"].as_str().unwrap().to_owned();
    say("invite", &format!("Ana signs a link: {}… ({} characters, for one person)", &link[..30], link.len()));

    let read = ben.call("invite.inspect", json!({"link": link}));
    let (name, role, inviter) = (&read["name"], &read["role"], &read["inviter"]["name"]);
    assert_eq!((name, role, inviter), (&json!("RNA-seq"), &json!("editor"), &json!("Ana")));
    say("join", "Ben reads it before anything happens: RNA-seq, as editor, invited by Ana");
    let joined = ben.call("join", json!({"link": link, "wait_ms": 20_000}));
    assert_eq!(joined["status"], "member", "Ben was not let in: {joined}");
    let state = converged(&mut [ana, ben], &workspace);
    let path =
        ben.call("workspace.sync", json!({"workspace": workspace, "wait_ms": 10_000}))["peers"][0]["path"].clone();
    say("join", &format!("Ben is a member and has the whole pipeline (path: {})", path.as_str().unwrap_or("none")));
    same(&state);
    workspace
}

fn hash(state: &str) -> String {
    blake3::hash(state.as_bytes()).to_hex()[..16].to_owned()
}

fn same(state: &str) {
    say("equal", &format!("both have document {}, {} bytes", hash(state), state.len()));
}

/// The id of a step by its label, the first in order of ids.
fn step(state: &str, at: usize) -> String {
    let state: Value = serde_json::from_str(state).unwrap();
    state["nodes"].as_object().unwrap().keys().nth(at).unwrap().clone()
}

fn headless(stage: &Stage) {
    let (mut ana, mut ben) = (stage.peer("Ana"), stage.peer("Ben"));
    let workspace = meet(&mut ana, &mut ben);
    let before = ana.state(&workspace);
    let (first, second) = (step(&before, 0), step(&before, 1));

    say("edit", "at the same time: both edit the same step, Ana its name, Ben a parameter; each adds a step");
    // Sent without waiting for any answer, so that the edits cross on the way.
    ana.send("node.set", &json!({"workspace": workspace, "node": first, "label": "Named by Ana"}));
    ben.send("node.set", &json!({"workspace": workspace, "node": first, "params": {"set_by_ben": 8}}));
    ana.send("node.add", &json!({"workspace": workspace, "type": "generic", "label": "Step of Ana"}));
    ben.send("node.add", &json!({"workspace": workspace, "type": "generic", "label": "Step of Ben"}));
    let state = together(&mut ana, &mut ben, &workspace, &["Named by Ana", "set_by_ben", "Step of Ana", "Step of Ben"]);
    same(&state);

    for peer in [&mut ana, &mut ben] {
        peer.call("network.set", json!({"online": false}));
    }
    say("offline", "both close their network and go on working");
    ana.call("node.note", json!({"workspace": workspace, "node": second, "text": "Ana wrote this offline."}));
    ben.call("node.set", json!({"workspace": workspace, "node": second, "label": "Renamed by Ben offline"}));
    let more = ana.call("node.add", json!({"workspace": workspace, "type": "generic", "label": "Offline step of Ana"}));
    ana.call("edge.add", json!({"workspace": workspace, "source": second, "target": more["node"]}));
    ben.call("node.add", json!({"workspace": workspace, "type": "generic", "label": "Offline step of Ben"}));
    let (of_ana, of_ben) = (ana.state(&workspace), ben.state(&workspace));
    assert!(of_ana != of_ben && !of_ben.contains("by Ana offline") && !of_ana.contains("Renamed by Ben offline"));
    say("offline", &format!("Ana has document {}, Ben has {}", hash(&of_ana), hash(&of_ben)));

    let start = Instant::now();
    for peer in [&mut ana, &mut ben] {
        peer.call("network.set", json!({"online": true}));
    }
    let wanted = ["Ana wrote this offline.", "Renamed by Ben offline", "Offline step of Ana", "Offline step of Ben"];
    let merged = together(&mut ana, &mut ben, &workspace, &wanted);
    say("merge", &format!("back online, both have everything of both after {} ms", start.elapsed().as_millis()));
    same(&merged);
    let synced = ana.call("workspace.sync", json!({"workspace": workspace, "wait_ms": 10_000}));
    assert_eq!(synced["converged"], true, "the peers do not say that they are in step: {synced}");
    for mut peer in [ana, ben] {
        peer.saved(&workspace);
        peer.stop();
    }
    say("done", "everything is saved on both sides");
}

/// Waits until both have the same document and it holds all of `wanted`.
fn together(ana: &mut Headless, ben: &mut Headless, workspace: &str, wanted: &[&str]) -> String {
    ana.until("the work of both is there", |p| {
        let state = p.state(workspace);
        wanted.iter().all(|text| state.contains(text))
    });
    converged(&mut [ana, ben], workspace)
}

fn windows(stage: &Stage) {
    let (mut ana, mut ben) = (stage.peer("Ana"), stage.peer("Ben"));
    let workspace = meet(&mut ana, &mut ben);
    for mut peer in [ana, ben] {
        peer.saved(&workspace);
        let id = peer.id();
        peer.stop();
        STARTED.lock().unwrap().retain(|started| *started != id);
    }
    let mut open = vec![window(stage, "Ana", "left"), window(stage, "Ben", "right")];
    say("windows", "Ana's and Ben's are open. Close both, or press Ctrl-C, to end");
    while !open.is_empty() {
        std::thread::sleep(LOOK_AGAIN);
        open.retain_mut(Process::is_running);
    }
    say("done", &format!("what you made lies in {}", stage.folder.display()));
}

fn window(stage: &Stage, name: &str, half: &str) -> Process {
    let home = stage.home(name);
    let mut command = Command::new(program("omniscope-desktop").expect("omniscope-desktop is built"));
    command.arg("--data-dir").arg(home.data()).arg("--key-file").arg(home.0.join("key"));
    command.args(["--profile-name", name, "--relay", &stage.relay_addr, "--no-mdns", "--half", half]);
    for addr in LOOPBACK {
        command.args(["--listen", addr]);
    }
    start(command)
}
