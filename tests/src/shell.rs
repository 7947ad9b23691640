//! The command line as a user types it: the real program over a folder, its exit code, stdout and stderr.
//!
//! Deliberately absent: a peer that stays online (`headless`); both may share a home.
#![allow(clippy::unwrap_used, reason = "test harness")]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::headless::Home;
use crate::process::program;

/// Somebody at a terminal.
pub struct Shell {
    program: PathBuf,
    home: Home,
}

/// What a command left behind.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Shell {
    /// Over `home`; `None`, with the reason printed, where the program was not built.
    pub fn over(home: &Home) -> Option<Self> {
        std::fs::create_dir_all(&home.0).unwrap();
        Some(Self { program: program("omniscope")?, home: home.clone() })
    }

    /// Runs a command with nothing on stdin.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }

    /// Runs a command with `input` on stdin.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        let mut child = Command::new(&self.program)
            .arg("--data-dir")
            .arg(self.home.data())
            .arg("--key-file")
            .arg(self.home.0.join("key"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_owned();
        let writing = std::thread::spawn(move || {
            // A command that does not read stdin has closed it.
            let _ = stdin.write_all(input.as_bytes());
        });
        let output = child.wait_with_output().unwrap();
        writing.join().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs a command with `--json` that must succeed; its answer.
    pub fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[&["--json"], arguments].concat()).ok().json()
    }
}

impl Ran {
    /// The command succeeded.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.exits(0)
    }

    /// The command ended with `code`.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// Its stdout, which must be one line of JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.out.lines().count(), 1, "{self:?}");
        serde_json::from_str(&self.out).unwrap()
    }

    /// The code of the error that it printed as JSON to stderr, with nothing on stdout.
    #[track_caller]
    pub fn error(&self) -> String {
        assert_eq!(self.out, "", "{self:?}");
        let error: Value = serde_json::from_str(self.err.lines().last().unwrap()).unwrap();
        assert!(error["error"]["message"].as_str().is_some_and(|m| !m.is_empty()), "{self:?}");
        error["error"]["code"].as_str().unwrap().to_owned()
    }
}
