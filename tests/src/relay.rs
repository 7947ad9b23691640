//! A relay as a process, and the commands that its operator gives.
#![allow(clippy::unwrap_used, reason = "test harness")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::process::{Process, program};

/// A running relay over a folder.
pub struct Relay {
    process: Process,
    program: PathBuf,
    pub data: PathBuf,
    /// The first address that it printed.
    pub addr: String,
}

impl Relay {
    /// Starts a relay on loopback with more arguments; `None` where the program was not built.
    pub fn start(data: &Path, more: &[&str]) -> Option<Self> {
        Self::start_at(data, "/ip4/127.0.0.1/tcp/0", more)
    }

    /// As `start`, on a given address.
    pub fn start_at(data: &Path, listen: &str, more: &[&str]) -> Option<Self> {
        let program = program("omniscope-relay")?;
        let mut command = Command::new(&program);
        command.args(["--listen", listen, "--log", "warn", "--data-dir"]).arg(data).args(more);
        let process = Process::spawn(command);
        let addr = process.until("/ip4/127.0.0.1/");
        Some(Self { process, program, data: data.to_owned(), addr })
    }

    /// Its address without the peer id: where to start it again.
    pub fn place(&self) -> &str {
        self.addr.split_once("/p2p/").unwrap().0
    }

    /// What a command of the operator printed; it must succeed.
    pub fn order(&self, words: &[&str]) -> String {
        let output = order(&self.program, &self.data, words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// `kill -9`.
    pub fn kill(self) {
        self.process.kill();
    }

    /// SIGTERM; it must end well.
    pub fn stop(self) {
        let status = self.process.terminate();
        assert!(status.success(), "{status}");
    }

    /// What a core dump of it would hold now.
    pub fn memory(&self) -> Vec<u8> {
        self.process.memory()
    }

    /// Memory that it holds now, in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }
}

/// Gives a command over a folder.
pub fn order(program: &Path, data: &Path, words: &[&str]) -> Output {
    Command::new(program).arg("--data-dir").arg(data).args(["--log", "error"]).args(words).output().unwrap()
}
