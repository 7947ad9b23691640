//! `omniscope version`: named states of a workspace.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};

use super::Context;
use crate::failure::Failure;
use crate::output::{json as print_json, line, short, table, word};

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Name the present state.
    Create { workspace: String, name: String },
    /// Give a version another name.
    Rename {
        workspace: String,
        /// Its id, a prefix of it, or its name.
        #[arg(value_name = "VERSION")]
        wanted: String,
        name: String,
    },
    /// List the named versions.
    List { workspace: String },
    /// Print a version: its document and what changed since.
    Show {
        workspace: String,
        /// Its id, a prefix of it, or its name.
        #[arg(value_name = "VERSION")]
        wanted: String,
    },
    /// Bring a version back, as a new edit.
    Restore {
        workspace: String,
        /// Its id, a prefix of it, or its name.
        #[arg(value_name = "VERSION")]
        wanted: String,
    },
}

pub(crate) async fn run(context: &Context, verb: Verb) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Create { workspace, name } => {
            let params = json!({"workspace": workspace, "name": name});
            context.show("version.create", params, |v| line(&word(&v["version"]))).await
        }
        Verb::Rename { workspace, wanted, name } => {
            let params = json!({"workspace": workspace, "version": wanted, "name": name});
            context.show("version.rename", params, |v| line(&word(&v["version"]))).await
        }
        Verb::List { workspace } => {
            let human = |answer: &Value| {
                let row = |v: &Value| vec![short(&v["version"]), word(&v["name"]), word(&v["author"]["name"])];
                let all = answer["versions"].as_array().map(Vec::as_slice).unwrap_or_default();
                table(&["Id", "Name", "Author"], &all.iter().map(row).collect::<Vec<_>>());
            };
            context.show("version.list", json!({"workspace": workspace}), human).await
        }
        Verb::Show { workspace, wanted } => {
            let params = json!({"workspace": workspace, "version": wanted});
            context.show("version.show", params, print_json).await
        }
        Verb::Restore { workspace, wanted } => {
            let params = json!({"workspace": workspace, "version": wanted});
            context
                .show("version.restore", params, |v| line(&format!("Restored: {} changes", word(&v["changed"]))))
                .await
        }
    }
}
