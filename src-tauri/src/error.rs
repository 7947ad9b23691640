//! What a command answers when it fails: a stable code, on which the page may branch, and a sentence for people.

use omniscope_engine::api::ApiError;
use serde::Serialize;
use ts_rs::TS;

/// The error of every command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub(crate) struct CommandError {
    /// Stable, lower-case, words joined by underscores.
    pub(crate) code: String,
    /// What went wrong and what was expected.
    pub(crate) message: String,
}

impl CommandError {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }
}

impl From<ApiError> for CommandError {
    fn from(ApiError { code, message }: ApiError) -> Self {
        Self { code, message }
    }
}
