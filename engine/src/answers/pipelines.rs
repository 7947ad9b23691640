//! What is said of a pipeline as a whole: taken in, given out, looked over.
//!
//! Deliberately absent: its steps, which are in the document.

use serde::Serialize;

use crate::pipeline::validate::Finding;

/// What an import brought.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Imported {
    /// How many steps.
    pub nodes: usize,
    /// How many connections.
    pub edges: usize,
    /// How many sticky notes.
    pub stickies: usize,
    /// What could not be kept, in sentences.
    pub warnings: Vec<String>,
}

/// A pipeline as a file.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Exported {
    /// Its text.
    pub content: String,
}

/// What is wrong with a pipeline.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Findings {
    pub findings: Vec<Finding>,
}
