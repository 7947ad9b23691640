//! Why a command failed: its kind decides the exit code, its hint what to do about it.

use std::process::ExitCode;

use omniscope_engine::api::ApiError;
use serde_json::json;

/// Exit code of a command that worked and found something: a pending join, nobody reached, errors in a pipeline.
pub(crate) const FINDINGS: u8 = 3;
const FAILED: u8 = 1;
const USAGE: u8 = 2;

/// A failed command.
#[derive(Debug)]
pub(crate) struct Failure {
    code: String,
    message: String,
    hint: Option<&'static str>,
}

impl Failure {
    /// Arguments that cannot be used.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { code: "bad_params".into(), message: message.into(), hint: None }
    }

    /// This machine did not do what it should.
    pub(crate) fn machine(what: &str, error: impl std::fmt::Display) -> Self {
        Self { code: "machine".into(), message: format!("cannot {what}: {error}"), hint: None }
    }

    /// Adds what a person can do about it.
    pub(crate) fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// Prints to stderr and gives the exit code.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        if json {
            eprintln!("{}", json!({"error": {"code": self.code, "message": self.message, "hint": self.hint}}));
        } else {
            eprintln!("omniscope: {}", self.message);
            if let Some(hint) = self.hint {
                eprintln!("hint: {hint}");
            }
        }
        ExitCode::from(if self.code == "bad_params" { USAGE } else { FAILED })
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        let hint = match error.code.as_str() {
            "no_such_workspace" => Some("`omniscope workspace list` shows what is here"),
            "no_such_version" => Some("`omniscope version list WORKSPACE` shows the versions"),
            "no_network" => Some("start `omniscope peer` or the window on this data folder first"),
            _ => None,
        };
        Self { code: error.code, message: error.message, hint }
    }
}
