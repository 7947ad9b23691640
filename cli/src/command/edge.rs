//! `omniscope edge`: connections between nodes.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Context, given};
use crate::failure::Failure;
use crate::output::{line, word};

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Connect an output with an input.
    Add {
        workspace: String,
        /// The node that gives.
        #[arg(value_name = "NODE[:PORT]")]
        source: String,
        /// The node that takes.
        #[arg(value_name = "NODE[:PORT]")]
        target: String,
    },
    /// Remove a connection.
    Remove { workspace: String, edge: String },
}

pub(crate) async fn run(context: &Context, verb: Verb) -> Result<ExitCode, Failure> {
    let done = |answer: &Value| line(&word(&answer["edge"]));
    match verb {
        Verb::Add { workspace, source, target } => {
            let ((source, source_port), (target, target_port)) = (end(&source), end(&target));
            let params = json!({
                "workspace": workspace, "source": source, "source_port": source_port,
                "target": target, "target_port": target_port,
            });
            context.show("edge.add", given(params), done).await
        }
        Verb::Remove { workspace, edge } => {
            context.show("edge.remove", json!({"workspace": workspace, "edge": edge}), done).await
        }
    }
}

/// Node ids hold no colon, so the first one begins the port.
fn end(text: &str) -> (&str, Option<&str>) {
    text.split_once(':').map_or((text, None), |(node, port)| (node, Some(port)))
}
