//! An unmodified js-libp2p node as a process: what a program of other people makes of ours.
//!
//! Deliberately absent: anything of OmniScope on its side; what can be asked of it is told in `tests/js/peer.mjs`.
#![allow(clippy::unwrap_used, reason = "test harness")]

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use crate::process::{PATIENCE, Process};

/// A js-libp2p node.
pub struct JsPeer {
    process: Process,
    /// Its peer id.
    pub peer: String,
}

impl JsPeer {
    /// Starts a node that listens nowhere. `trusted` is a certificate authority in PEM that it trusts besides the world's.
    ///
    /// # Panics
    ///
    /// When its packages are not installed.
    pub fn start(trusted: Option<&Path>) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("js");
        assert!(folder.join("node_modules/libp2p").exists(), "js-libp2p is missing: run `npm ci --prefix tests/js`");
        let mut command = Command::new("node");
        // Node.js 22 has WebSockets without being asked for them.
        command.arg("--experimental-websocket").arg(folder.join("peer.mjs"));
        if let Some(file) = trusted {
            command.env("NODE_EXTRA_CA_CERTS", file);
        }
        let mut peer = Self { process: Process::spawn(command), peer: String::new() };
        peer.listen(&[]);
        peer
    }

    /// Begins anew, as another node that listens at these addresses; gives those at which it is reached.
    ///
    /// # Panics
    ///
    /// When it cannot.
    pub fn listen(&mut self, at: &[String]) -> Vec<String> {
        let begun = self.call(json!({"start": at}));
        begun["peer"].as_str().unwrap().clone_into(&mut self.peer);
        begun["listening"].as_array().unwrap().iter().map(|addr| addr.as_str().unwrap().to_owned()).collect()
    }

    /// The answer to a request, which may be an error.
    ///
    /// # Panics
    ///
    /// When there is none in time.
    pub fn ask(&mut self, request: &Value) -> Value {
        assert!(self.process.say(&request.to_string()), "the node does not read");
        let line = self.process.line(Instant::now() + PATIENCE);
        serde_json::from_str(&line.unwrap_or_else(|| panic!("no answer to {request}"))).unwrap()
    }

    /// The answer to a request that must succeed.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn call(&mut self, request: Value) -> Value {
        let answer = self.ask(&request);
        assert!(answer.get("error").is_none(), "{request}: {answer}");
        answer
    }

    /// The error of a request that must fail, with all that is said about it.
    ///
    /// # Panics
    ///
    /// When it succeeds.
    pub fn refused(&mut self, request: Value) -> String {
        let answer = self.ask(&request);
        assert!(answer.get("error").is_some(), "{request}: {answer}");
        answer.to_string()
    }
}
