//! `omniscope workspace`: the workspaces on this device.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Context, given};
use crate::failure::{FINDINGS, Failure};
use crate::output::{json as print_json, line, short, table, word};
use crate::{Network, command};

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Found a workspace.
    Create {
        name: String,
        #[arg(long)]
        description: Option<String>,
    },
    /// List the workspaces on this device.
    List,
    /// Show one workspace with its statistics.
    Show { workspace: String },
    /// Rename a workspace.
    Rename { workspace: String, name: String },
    /// Change a workspace's description.
    Describe { workspace: String, description: String },
    /// Remove the copy on this device. Asks for the name again.
    Delete {
        workspace: String,
        /// The workspace's name, in place of the question.
        #[arg(long, value_name = "NAME")]
        confirm: Option<String>,
    },
    /// Close the workspace for everybody: it can be read, and nothing is written or joined any more. Asks for the name.
    Close {
        workspace: String,
        /// The workspace's name, in place of the question.
        #[arg(long, value_name = "NAME")]
        confirm: Option<String>,
    },
    /// Make a new key for all that is written from now on.
    Rotate { workspace: String },
    /// Say, signed, what everything so far comes to.
    Checkpoint { workspace: String },
    /// Find out whether the newest checkpoint is true.
    Audit { workspace: String },
    /// Leave a workspace; the copy on this device stays.
    Leave { workspace: String },
    /// List the members.
    Members { workspace: String },
    /// Print the document as canonical JSON.
    State { workspace: String },
    /// Say how far this device and others are in step.
    Sync {
        workspace: String,
        /// Seconds to wait for others.
        #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
        wait: f64,
        #[command(flatten)]
        network: Network,
    },
    /// The relays that keep what happens for those who are away.
    #[command(subcommand)]
    Relay(command::relay::Verb),
    /// Show what everybody present is doing.
    Presence { workspace: String },
    /// Show who is online.
    Online { workspace: String },
    /// Name the present state; the same as `version create`.
    Snapshot { workspace: String, name: String },
    /// Wait until everything is saved on this device.
    Persist { workspace: String },
}

pub(crate) async fn run(context: &Context, verb: Verb) -> Result<ExitCode, Failure> {
    let of = |workspace: String| json!({"workspace": workspace});
    match verb {
        Verb::Create { name, description } => {
            let params = given(json!({"name": name, "description": description}));
            context.show("workspace.create", params, |w| line(&word(&w["workspace"]))).await
        }
        Verb::List => context.show("workspace.list", json!({}), list).await,
        Verb::Show { workspace } => context.show("workspace.show", of(workspace), show).await,
        Verb::Rename { workspace, name } => {
            let params = json!({"workspace": workspace, "name": name});
            context.show("workspace.rename", params, |w| line(&format!("Now called {}", word(&w["name"])))).await
        }
        Verb::Describe { workspace, description } => {
            let params = json!({"workspace": workspace, "description": description});
            context.show("workspace.update", params, |w| line(&word(&w["description"]))).await
        }
        Verb::Delete { workspace, confirm } => {
            let confirm = confirmed(context, &workspace, confirm, |name| format!("removes {name} from this computer"));
            let params = json!({"workspace": workspace, "confirm": confirm.await?});
            context.show("workspace.delete", params, |_| line("Removed from this computer.")).await
        }
        Verb::Close { workspace, confirm } => {
            let confirm = confirmed(context, &workspace, confirm, |name| format!("closes {name} for everybody"));
            let params = json!({"workspace": workspace, "confirm": confirm.await?});
            context.show("workspace.close", params, |_| line("Closed. Everybody can read it on.")).await
        }
        Verb::Rotate { workspace } => {
            context.show("workspace.rotate", of(workspace), |_| line("a new key is in use")).await
        }
        Verb::Checkpoint { workspace } => {
            let said = |c: &Value| line(&format!("{}: {} ops", short(&c["checkpoint"]), c["ops"]));
            context.show("workspace.checkpoint", of(workspace), said).await
        }
        Verb::Audit { workspace } => audit(context, workspace).await,
        Verb::Leave { workspace } => {
            let said = |_: &Value| line("Left. What you had stays on this computer.");
            context.show("workspace.leave", of(workspace), said).await
        }
        Verb::Members { workspace } => context.show("workspace.members", of(workspace), members).await,
        Verb::State { workspace } => {
            print_json(&context.call("workspace.state", of(workspace)).await?);
            Ok(ExitCode::SUCCESS)
        }
        Verb::Sync { workspace, wait, network } => sync(context, workspace, wait, &network).await,
        Verb::Relay(verb) => command::relay::run(context, verb).await,
        Verb::Presence { workspace } => context.show("workspace.presence", of(workspace), presence).await,
        Verb::Online { workspace } => context.show("workspace.online", of(workspace), online).await,
        Verb::Snapshot { workspace, name } => {
            command::version::run(context, command::version::Verb::Create { workspace, name }).await
        }
        Verb::Persist { workspace } => {
            let said = |w: &Value| line(&format!("Saved on this computer, {} edits", word(&w["ops"])));
            context.show("workspace.persist", of(workspace), said).await
        }
    }
}

/// The workspace's name as it was given, or typed once more by who was asked.
async fn confirmed(
    context: &Context,
    workspace: &str,
    given: Option<String>,
    what: impl Fn(&str) -> String,
) -> Result<String, Failure> {
    match given {
        Some(name) => Ok(name),
        None if std::io::stdin().is_terminal() => {
            let shown = context.call("workspace.show", json!({"workspace": workspace})).await?;
            eprint!("This {}. Type its name to go on: ", what(&word(&shown["name"])));
            // Only the question is lost when stderr is closed.
            let _ = std::io::stderr().flush();
            let mut name = String::new();
            std::io::stdin().read_line(&mut name).map_err(|e| Failure::machine("read the answer", e))?;
            Ok(name.trim_end_matches(['\r', '\n']).to_owned())
        }
        None => Err(Failure::usage("expected --confirm NAME with the workspace's name")),
    }
}

async fn audit(context: &Context, workspace: String) -> Result<ExitCode, Failure> {
    let found = context.call("workspace.audit", json!({"workspace": workspace})).await?;
    context.print(&found, |found| {
        line(match (found["checkpoint"].is_null(), found["holds"].as_bool()) {
            (true, _) => "There is no checkpoint.",
            (_, Some(true)) => "The newest checkpoint is true.",
            (_, Some(false)) => "The newest checkpoint is false.",
            (_, None) => "Whether the newest checkpoint is true cannot be told here.",
        });
    });
    Ok(if found["holds"] == true { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
}

async fn sync(context: &Context, workspace: String, wait: f64, network: &Network) -> Result<ExitCode, Failure> {
    let params = json!({"workspace": workspace, "wait_ms": wait_ms(wait)?});
    let report = context.call_with(Some(network), "workspace.sync", params).await?;
    context.print(&report, |report| {
        let relays = report["relays"].as_array().map(Vec::as_slice).unwrap_or_default();
        let kept = relays.iter().any(|r| r["state"] == "kept" && r["behind"] == 0);
        line(match report["converged"].as_bool() {
            None if kept => "No member was reached; a relay has everything.",
            None => "Nobody was reached.",
            Some(true) => "In step with everybody reached.",
            Some(false) => "Not in step yet.",
        });
        let row = |p: &Value| ["name", "path", "behind", "latency_ms"].map(|f| word(&p[f])).to_vec();
        let peers = report["peers"].as_array().map(Vec::as_slice).unwrap_or_default();
        if !peers.is_empty() {
            table(&["Peer", "Path", "Behind", "ms"], &peers.iter().map(row).collect::<Vec<_>>());
        }
    });
    Ok(if report["converged"] == true { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
}

/// Seconds from the command line as the milliseconds of a verb.
pub(crate) fn wait_ms(seconds: f64) -> Result<u64, Failure> {
    if (0.0..=86_400.0).contains(&seconds) {
        return Ok((seconds * 1000.0) as u64);
    }
    Err(Failure::usage(format!("expected 0 to 86400 seconds to wait, found {seconds}")))
}

pub(crate) fn rows(answer: &Value, list: &str, row: impl Fn(&Value) -> Vec<String>) -> Vec<Vec<String>> {
    answer[list].as_array().map(|all| all.iter().map(row).collect()).unwrap_or_default()
}

fn list(answer: &Value) {
    let row = |w: &Value| {
        let mut row = vec![short(&w["workspace"])];
        row.extend(["name", "role", "members", "online", "status", "updated"].map(|f| word(&w[f])));
        row
    };
    table(&["Id", "Name", "Role", "Members", "Online", "Status", "Updated"], &rows(answer, "workspaces", row));
}

fn show(w: &Value) {
    let mut facts = vec![("Workspace", word(&w["workspace"])), ("Name", word(&w["name"]))];
    facts.extend([("Description", word(&w["description"])), ("Your role", word(&w["role"]))]);
    facts.extend([("Owner", word(&w["owner"]["name"])), ("Created", word(&w["created"]))]);
    facts.extend([("Updated", word(&w["updated"])), ("Status", word(&w["status"]))]);
    let statistics = &w["statistics"];
    for (heading, field) in
        [("Members", "members"), ("Online", "online"), ("Idle", "idle"), ("Edits today", "edits_today")]
    {
        facts.push((heading, word(&statistics[field])));
    }
    facts.push(("Saved", if w["saved"] == true { "yes".into() } else { "not yet".into() }));
    facts.push(("Not sent yet", word(&w["unsent"])));
    for (heading, fact) in facts {
        line(&format!("{heading:<13} {fact}"));
    }
}

fn members(answer: &Value) {
    let row = |m: &Value| {
        let you = if m["you"] == true { " (you)" } else { "" };
        let mut row = vec![format!("{}{you}", word(&m["name"]))];
        row.extend(["role", "status", "joined", "last_seen"].map(|f| word(&m[f])));
        row.push(short(&m["device"]));
        row
    };
    table(&["Name", "Role", "Status", "Joined", "Last seen", "Device"], &rows(answer, "members", row));
}

fn presence(answer: &Value) {
    let row = |p: &Value| ["name", "status", "instance", "pointer", "selection"].map(|f| word(&p[f])).to_vec();
    table(&["Name", "Status", "Instance", "Pointer", "Selection"], &rows(answer, "presence", row));
}

fn online(answer: &Value) {
    let row = |p: &Value| vec![word(&p["name"]), word(&p["status"]), short(&p["device"])];
    table(&["Name", "Status", "Device"], &rows(answer, "online", row));
}
