//! `omniscope node`: single steps of a pipeline.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::{Context, given, parameter, position, read_text};
use crate::failure::Failure;
use crate::output::{line, word};

/// What can be said about a node.
#[derive(Args)]
pub(crate) struct Facts {
    /// Where it stands on the canvas.
    #[arg(long, value_name = "X,Y", value_parser = position, allow_hyphen_values = true)]
    at: Option<[f64; 2]>,
    /// The name on it.
    #[arg(long)]
    label: Option<String>,
    /// A parameter; what is no JSON is taken as text. May be given several times.
    #[arg(long, value_name = "KEY=JSON", value_parser = parameter)]
    param: Vec<(String, Value)>,
}

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Add a node of a type.
    Add {
        workspace: String,
        r#type: String,
        #[command(flatten)]
        facts: Facts,
    },
    /// Change a node.
    Set {
        workspace: String,
        node: String,
        #[command(flatten)]
        facts: Facts,
        /// Leave the node out of the pipeline, or take it in again.
        #[arg(long, value_name = "true|false")]
        disabled: Option<bool>,
    },
    /// Remove a node.
    Remove { workspace: String, node: String },
    /// Replace a node's notes. `-` reads them from stdin.
    Note { workspace: String, node: String, text: String },
}

pub(crate) async fn run(context: &Context, verb: Verb) -> Result<ExitCode, Failure> {
    let done = |answer: &Value| line(&word(&answer["node"]));
    match verb {
        Verb::Add { workspace, r#type, facts } => {
            let mut params = facts.params();
            params["workspace"] = json!(workspace);
            params["type"] = json!(r#type);
            context.show("node.add", given(params), done).await
        }
        Verb::Set { workspace, node, facts, disabled } => {
            let mut params = facts.params();
            params["workspace"] = json!(workspace);
            params["node"] = json!(node);
            params["disabled"] = json!(disabled);
            context.show("node.set", given(params), done).await
        }
        Verb::Remove { workspace, node } => {
            context.show("node.remove", json!({"workspace": workspace, "node": node}), done).await
        }
        Verb::Note { workspace, node, text } => {
            let text = if text == "-" { read_text(Path::new("-"))? } else { text };
            context.show("node.note", json!({"workspace": workspace, "node": node, "text": text}), done).await
        }
    }
}

impl Facts {
    fn params(self) -> Value {
        let params: Map<String, Value> = self.param.into_iter().collect();
        let (x, y) = (self.at.map(|at| at[0]), self.at.map(|at| at[1]));
        json!({"x": x, "y": y, "label": self.label, "params": params})
    }
}
