//! `omniscope history`: who changed what, and when, in a workspace or at one step.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::{Context, given};
use crate::failure::Failure;
use crate::output::{table, word};

/// Characters of a value that are shown to people; `--json` has all of it.
const MAX_VALUE_CHARS: usize = 40;

#[derive(Args)]
pub(crate) struct History {
    workspace: String,
    /// Only what was done to this step: its id.
    #[arg(long)]
    node: Option<String>,
    /// So many entries at most.
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
}

pub(crate) async fn run(context: &Context, history: History) -> Result<ExitCode, Failure> {
    let History { workspace, node, limit } = history;
    let params = given(json!({"workspace": workspace, "node": node, "limit": limit}));
    let human = |answer: &Value| {
        let all = answer["entries"].as_array().map(Vec::as_slice).unwrap_or_default();
        table(&["When", "Who", "What"], &all.iter().map(row).collect::<Vec<_>>());
    };
    context.show("history.list", params, human).await
}

fn row(entry: &Value) -> Vec<String> {
    let authors = entry["authors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names: Vec<String> = authors.iter().map(|author| word(&author["name"])).collect();
    vec![word(&entry["last"]), names.join(", "), what(entry)]
}

/// What was done, in words.
fn what(entry: &Value) -> String {
    let details = &entry["details"];
    let subject = word(&details["subject"]["name"]);
    let role = word(&details["role"]);
    match entry["kind"].as_str().unwrap_or_default() {
        "edit" if details["did"].is_string() => {
            let fields = details["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
            let fields: Vec<String> = fields.iter().map(field).collect();
            let did = format!("{} \"{}\"", word(&details["did"]), word(&details["title"]));
            if fields.is_empty() { did } else { format!("{did}: {}", fields.join("; ")) }
        }
        "edit" => {
            let counts = entry["authors"].as_array().into_iter().flatten().filter_map(|a| a["edits"].as_u64());
            match counts.sum() {
                1 => "1 edit".to_owned(),
                edits => format!("{edits} edits"),
            }
        }
        "version" => format!("named the version \"{}\"", word(&details["name"])),
        "renamed" => format!("renamed a version to \"{}\"", word(&details["name"])),
        "role" => format!("made {subject} {role}"),
        "joined" => format!("let {subject} in"),
        "invited" => format!("made a link for the role {role}"),
        "founded" => "founded the workspace".to_owned(),
        "left" => "left".to_owned(),
        "revoked" => "revoked a link".to_owned(),
        other => other.to_owned(),
    }
}

/// One field, before and after.
fn field(change: &Value) -> String {
    let side = |name: &str| change.get(name).map_or_else(|| "nothing".to_owned(), |value| short(&value.to_string()));
    format!("{} from {} to {}", word(&change["field"]), side("before"), side("after"))
}

fn short(text: &str) -> String {
    if text.chars().count() <= MAX_VALUE_CHARS {
        return text.to_owned();
    }
    text.chars().take(MAX_VALUE_CHARS).chain(['…']).collect()
}
