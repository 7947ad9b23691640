//! `omniscope pipeline`: whole pipelines in and out.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{Context, read_text};
use crate::failure::{FINDINGS, Failure};
use crate::output::{line, word};

/// A way to write a pipeline down.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// OmniScope's own, in canonical form.
    Json,
    /// Galaxy's.
    Ga,
}

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Add the pipelines of a file: Galaxy `.ga`, OmniScope's JSON, or the original system's.
    Import {
        workspace: String,
        /// The file, or `-` for stdin.
        #[arg(required_unless_present = "sample")]
        file: Option<PathBuf>,
        /// Add the RNA-seq sample that comes with OmniScope.
        #[arg(long, conflicts_with = "file")]
        sample: bool,
    },
    /// Print the pipeline.
    Export {
        workspace: String,
        #[arg(long, value_enum, default_value = "json")]
        format: Format,
        /// As you wrote it last, with changes that do not count any more because you were removed meanwhile.
        #[arg(long)]
        mine: bool,
    },
    /// Say what is wrong with the pipeline.
    Validate { workspace: String },
}

pub(crate) async fn run(context: &Context, verb: Verb) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Import { workspace, file, sample } => {
            let (content, name) = match file {
                Some(file) if !sample => (read_text(&file)?, file_name(&file)),
                _ => (omniscope_engine::pipeline::SAMPLE_RNASEQ.to_owned(), "rnaseq.json".to_owned()),
            };
            let params = json!({"workspace": workspace, "content": content, "filename": name});
            context.show("pipeline.import", params, imported).await
        }
        Verb::Export { workspace, format, mine } => {
            let format = match format {
                Format::Json => "json",
                Format::Ga => "ga",
            };
            let params = json!({"workspace": workspace, "format": format, "mine": mine});
            let answer = context.call("pipeline.export", params).await?;
            line(word(&answer["content"]).trim_end_matches('\n'));
            Ok(ExitCode::SUCCESS)
        }
        Verb::Validate { workspace } => {
            let answer = context.call("pipeline.validate", json!({"workspace": workspace})).await?;
            context.print(&answer, findings);
            let errors = answer["findings"].as_array().is_some_and(|all| all.iter().any(|f| f["level"] == "error"));
            Ok(if errors { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS })
        }
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| "stdin".into(), |name| name.to_string_lossy().into_owned())
}

fn imported(answer: &Value) {
    let [nodes, edges, stickies] = ["nodes", "edges", "stickies"].map(|f| word(&answer[f]));
    line(&format!("Imported {nodes} nodes, {edges} edges, {stickies} sticky notes"));
    for warning in answer["warnings"].as_array().into_iter().flatten() {
        line(&format!("warning: {}", word(warning)));
    }
}

fn findings(answer: &Value) {
    let all = answer["findings"].as_array().map(Vec::as_slice).unwrap_or_default();
    if all.is_empty() {
        line("Nothing is wrong.");
    }
    for finding in all {
        let place = [&finding["node"], &finding["edge"]].into_iter().find(|p| !p.is_null());
        let place = place.map(|p| format!(" ({})", word(p))).unwrap_or_default();
        line(&format!("{}: {}{place}", word(&finding["level"]), word(&finding["message"])));
    }
}
