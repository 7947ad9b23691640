//! Programs of this workspace as processes of a test.
//!
//! Deliberately absent: what is said to them (`headless` speaks JSON-RPC) and where they run (`lab` has namespaces).
#![allow(clippy::unwrap_used, reason = "test harness")]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long a test waits for one line, or for an end.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A program of this workspace, beside this one or, for tests, a folder above. `None`, with the reason printed, where it was not built.
///
/// # Panics
///
/// In CI, which builds all programs before it runs tests.
pub fn program(name: &str) -> Option<PathBuf> {
    let this = std::env::current_exe().unwrap();
    let folders = this.ancestors().skip(1).take(2);
    let Some(program) = folders.map(|folder| folder.join(name)).find(|program| program.is_file()) else {
        assert!(std::env::var_os("CI").is_none(), "CI must build {name} first");
        println!("skipped: cargo build --workspace --bins comes first; there is no {name}");
        return None;
    };
    Some(program)
}

/// A running process with its lines; killed when dropped.
pub struct Process {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Process {
    /// Starts a program; what it prints to stderr goes to the test's.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let out = child.stdout.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        Self { child, input, lines }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes a line to its stdin; false when it does not read any more.
    pub fn say(&mut self, line: &str) -> bool {
        self.input.as_mut().is_some_and(|input| writeln!(input, "{line}").and_then(|()| input.flush()).is_ok())
    }

    /// Closes its stdin.
    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// The next line; `None` when none came by `deadline` or it has ended.
    pub fn line(&self, deadline: Instant) -> Option<String> {
        self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
    }

    /// The first line that begins with `wanted`.
    ///
    /// # Panics
    ///
    /// When there is none within [`PATIENCE`].
    pub fn until(&self, wanted: &str) -> String {
        let end = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        while let Some(line) = self.line(end) {
            if line.starts_with(wanted) {
                return line;
            }
            seen.push(line);
        }
        panic!("no line \"{wanted}…\", but {seen:?}");
    }

    /// What a core dump of it would hold now: all memory that is not an unchanged part of a file. It stands still meanwhile.
    ///
    /// # Panics
    ///
    /// When its memory cannot be read; its parent and root may.
    pub fn memory(&self) -> Vec<u8> {
        let signal = |name: &str| {
            let sent = Command::new("kill").args([name, &self.id().to_string()]).status().unwrap();
            assert!(sent.success(), "{name} is sent");
        };
        let of_process = |what: &str| format!("/proc/{}/{what}", self.id());
        signal("-STOP");
        let file = std::fs::File::open(of_process("mem")).unwrap();
        let mut bytes = Vec::new();
        for mapping in std::fs::read_to_string(of_process("maps")).unwrap().lines() {
            let words: Vec<&str> = mapping.split_whitespace().collect();
            let (range, rights, inode, name) =
                (words[0], words[1], words[4], words.get(5).copied().unwrap_or_default());
            let of_kernel = name.starts_with("[v");
            if of_kernel || !(rights.starts_with("rw") || rights.starts_with('r') && inode == "0") {
                continue;
            }
            let (from, to) = range.split_once('-').unwrap();
            let [from, to] = [from, to].map(|n| u64::from_str_radix(n, 16).unwrap());
            let begun = bytes.len();
            bytes.resize(begun + (to - from) as usize, 0);
            file.read_exact_at(&mut bytes[begun..], from).unwrap_or_else(|error| panic!("{mapping}: {error}"));
        }
        signal("-CONT");
        bytes
    }

    /// `kill -9`, and the lines that it had printed until then.
    pub fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.lines.iter().collect()
    }

    /// SIGTERM, and how it ended.
    ///
    /// # Panics
    ///
    /// When it has not ended within [`PATIENCE`].
    pub fn terminate(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "the process goes on after SIGTERM");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
