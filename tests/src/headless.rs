//! A headless peer as a process: `omniscope peer`, driven by JSON-RPC on its stdin and stdout.
//!
//! Deliberately absent: engines in this process (`peers`).
#![allow(clippy::unwrap_used, reason = "test harness")]

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::process::{PATIENCE, Process, program};

/// Notifications kept for a test that asks for them later; the oldest go first.
const MAX_KEPT: usize = 10_000;

/// A person with a peer process over a folder.
pub struct Headless {
    pub name: &'static str,
    pub device: String,
    process: Process,
    kept: VecDeque<Value>,
    asked: u64,
}

/// Where a peer keeps its data and its key.
#[derive(Clone)]
pub struct Home(pub PathBuf);

impl Home {
    /// The folder of `name` below `place`.
    pub fn of(place: &Path, name: &str) -> Self {
        Self(place.join(name))
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    fn key(&self) -> PathBuf {
        self.0.join("key")
    }
}

/// Loopback with a port of the system's choice.
pub const LOOPBACK: [&str; 2] = ["/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"];

impl Headless {
    /// Starts a peer on loopback; `None` where the program was not built.
    pub fn start(name: &'static str, home: &Home) -> Option<Self> {
        Self::start_with(name, home, &LOOPBACK, None, &[])
    }

    /// Starts a peer that listens on `listen` and uses `relay`. `inside` goes before the command line, as
    /// `ip netns exec NAME` does.
    pub fn start_with(
        name: &'static str,
        home: &Home,
        listen: &[&str],
        relay: Option<&str>,
        inside: &[String],
    ) -> Option<Self> {
        Self::start_ready(name, home, listen, relay, inside, &[]).map(|(peer, _)| peer)
    }

    /// The same with `more` arguments; gives what the line `ready` said, too.
    pub fn start_ready(
        name: &'static str,
        home: &Home,
        listen: &[&str],
        relay: Option<&str>,
        inside: &[String],
        more: &[&str],
    ) -> Option<(Self, Value)> {
        let mut words = vec!["--no-mdns"];
        for addr in listen {
            words.extend(["--listen", addr]);
        }
        if let Some(addr) = relay {
            words.extend(["--relay", addr]);
        }
        words.extend(more);
        Self::start_peer(name, home, inside, &words)
    }

    /// Starts a peer with these arguments to `omniscope peer` and no others.
    pub fn start_peer(name: &'static str, home: &Home, inside: &[String], arguments: &[&str]) -> Option<(Self, Value)> {
        let program = program("omniscope")?;
        std::fs::create_dir_all(&home.0).unwrap();
        let mut words: Vec<std::ffi::OsString> = inside.iter().map(Into::into).collect();
        words.push(program.into());
        words.extend(["--data-dir".into(), home.data().into(), "--key-file".into(), home.key().into()]);
        words.push("peer".into());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(arguments);
        let mut peer =
            Self { name, device: String::new(), process: Process::spawn(command), kept: VecDeque::new(), asked: 0 };
        let ready = peer.event("the peer is ready", |e| e["method"] == "ready")["params"].take();
        ready["device"].as_str().unwrap().clone_into(&mut peer.device);
        peer.call("profile.set", json!({"name": name}));
        Some((peer, ready))
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends a request without waiting for the answer; gives its id, or `None` when the process has gone.
    pub fn send(&mut self, method: &str, params: &Value) -> Option<u64> {
        self.asked += 1;
        let request = json!({"jsonrpc": "2.0", "id": self.asked, "method": method, "params": params});
        self.process.say(&request.to_string()).then_some(self.asked)
    }

    /// Writes a line as it is.
    pub fn say(&mut self, line: &str) {
        assert!(self.process.say(line), "{}: the process does not read", self.name);
    }

    /// The next message of any kind.
    pub fn message(&mut self, deadline: Instant) -> Option<Value> {
        self.process.line(deadline).map(|line| serde_json::from_str(&line).unwrap())
    }

    /// Carries out a verb: its result, or the error's code.
    pub fn ask(&mut self, method: &str, params: &Value) -> Result<Value, String> {
        let id = self.send(method, params).unwrap_or_else(|| panic!("{}: the process has gone", self.name));
        let deadline = Instant::now() + PATIENCE * 2;
        while let Some(mut message) = self.message(deadline) {
            if message["id"] != id {
                self.keep(message);
                continue;
            }
            return match message["error"].take() {
                Value::Null => Ok(message["result"].take()),
                error => Err(error["data"]["code"].as_str().unwrap_or("?").to_owned()),
            };
        }
        panic!("{}: no answer to {method}", self.name);
    }

    /// Carries out a verb that must succeed.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        match self.ask(method, &params) {
            Ok(result) => result,
            Err(code) => panic!("{}: {method} was refused: {code}", self.name),
        }
    }

    fn keep(&mut self, message: Value) {
        if message.get("method").is_some() {
            self.kept.push_back(message);
            if self.kept.len() > MAX_KEPT {
                self.kept.pop_front();
            }
        }
    }

    /// Forgets all notifications up to now.
    pub fn forget_events(&mut self) {
        self.call("network.status", json!({}));
        self.kept.clear();
    }

    /// All notifications kept so far, oldest first; they are forgotten.
    pub fn take_events(&mut self) -> Vec<Value> {
        self.call("network.status", json!({}));
        self.kept.drain(..).collect()
    }

    /// The first notification, kept or to come, that `matches`; those before it are forgotten.
    pub fn event(&mut self, what: &str, matches: impl Fn(&Value) -> bool) -> Value {
        while let Some(event) = self.kept.pop_front() {
            if matches(&event) {
                return event;
            }
        }
        let deadline = Instant::now() + PATIENCE;
        while let Some(message) = self.message(deadline) {
            if message.get("method").is_some() && matches(&message) {
                return message;
            }
        }
        panic!("{}: not within {PATIENCE:?}: {what}", self.name);
    }

    /// The document's canonical JSON.
    pub fn state(&mut self, workspace: &str) -> String {
        self.call("pipeline.export", json!({"workspace": workspace}))["content"].as_str().unwrap().to_owned()
    }

    /// Asks again and again until `holds`.
    pub fn until(&mut self, what: &str, mut holds: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(Instant::now() < deadline, "{}: not within {PATIENCE:?}: {what}", self.name);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until everything that was done here is on this computer's disk.
    pub fn saved(&mut self, workspace: &str) {
        self.until("everything is saved", |p| {
            p.call("workspace.show", json!({"workspace": workspace}))["saved"] == true
        });
    }

    /// Invites somebody, by the relay as well when there is one, and lets them join.
    pub fn invite(&mut self, workspace: &str, guest: &mut Headless, role: &str) {
        let link = self.call("invite.create", json!({"workspace": workspace, "role": role}))["link"].clone();
        let wait = PATIENCE.as_millis() as u64;
        let joined = guest.call("join", json!({"link": link, "wait_ms": wait}));
        assert_eq!((joined["status"].as_str(), joined["role"].as_str()), (Some("member"), Some(role)), "{joined}");
    }

    /// `kill -9`, and the messages that it had printed until then.
    pub fn kill(self) -> Vec<Value> {
        let rest = self.process.kill();
        // The last line may have been cut.
        let rest = rest.iter().filter_map(|line| serde_json::from_str(line).ok());
        self.kept.into_iter().chain(rest).collect()
    }

    /// SIGTERM; the process must end well.
    pub fn stop(self) {
        let status = self.process.terminate();
        assert!(status.success(), "{}: {status}", self.name);
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        self.process.is_running()
    }
}

/// Waits until both have the same document, byte for byte, and gives it.
pub fn converged(peers: &mut [&mut Headless], workspace: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut states: Vec<String> = peers.iter_mut().map(|p| p.state(workspace)).collect();
        if states.windows(2).all(|w| w[0] == w[1]) {
            return states.swap_remove(0);
        }
        assert!(Instant::now() < deadline, "no convergence within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
