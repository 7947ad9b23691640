//! `omniscope invite`: links that let others in.

use std::path::Path;
use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{Context, given, read_text};
use crate::failure::Failure;
use crate::output::{line, short, table, word};

/// A role that can be given away.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Role {
    Viewer,
    Editor,
}

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Make a link. Whoever has it can join, so pass it on in private.
    Create {
        workspace: String,
        /// What the newcomer may do.
        #[arg(long, value_enum, default_value = "viewer")]
        role: Role,
        /// How often the link can be used.
        #[arg(long, value_name = "N", conflicts_with = "unlimited")]
        uses: Option<u32>,
        /// Let the link be used without limit until it expires.
        #[arg(long)]
        unlimited: bool,
        /// How long the link is good for, such as 12h or 7d.
        #[arg(long, value_name = "SPAN")]
        expires: Option<String>,
        /// Relay by which you are reachable. May be given several times.
        #[arg(long, value_name = "ADDR")]
        relay: Vec<String>,
        /// The only device that may use it.
        #[arg(long, value_name = "DEVICE")]
        r#for: Option<String>,
        /// Who lets in and counts: you while you are online, or the workspace's relay at any time [default: me].
        #[arg(long, value_name = "WHO", value_parser = ["me", "relay"])]
        attester: Option<String>,
        /// Let nobody in by the link itself: who has it asks, and an owner says yes or no.
        #[arg(long, conflicts_with_all = ["uses", "unlimited", "attester"])]
        approve: bool,
    },
    /// List the links that were made.
    List { workspace: String },
    /// Show what a link promises, before anything happens. `-` reads it from stdin.
    Inspect { link: String },
    /// Make a link worthless.
    Revoke { workspace: String, invite: String },
    /// List who asks to be let in by a link with approval.
    Requests { workspace: String },
    /// Let in a device that asks.
    Approve { workspace: String, device: String },
    /// Do not let in a device that asks.
    Decline { workspace: String, device: String },
}

pub(crate) async fn run(context: &Context, verb: Verb) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Create { workspace, role, uses, unlimited, expires, relay, r#for, attester, approve } => {
            let role = match role {
                Role::Viewer => "viewer",
                Role::Editor => "editor",
            };
            let params = given(json!({
                "workspace": workspace, "role": role, "uses": uses, "unlimited": unlimited,
                "expires": expires, "relay": relay, "for": r#for, "attester": attester, "approve": approve,
            }));
            context.show("invite.create", params, |i| line(&word(&i["link"]))).await
        }
        Verb::List { workspace } => context.show("invite.list", json!({"workspace": workspace}), list).await,
        Verb::Inspect { link } => context.show("invite.inspect", json!({"link": read_link(link)?}), inspect).await,
        Verb::Revoke { workspace, invite } => {
            let params = json!({"workspace": workspace, "invite": invite});
            context.show("invite.revoke", params, |_| line("Revoked. The link lets nobody in any more.")).await
        }
        Verb::Requests { workspace } => {
            context.show("invite.requests", json!({"workspace": workspace}), requests).await
        }
        Verb::Approve { workspace, device } => {
            let params = json!({"workspace": workspace, "device": device});
            context.show("invite.approve", params, |a| line(&format!("Let in as {}.", word(&a["role"])))).await
        }
        Verb::Decline { workspace, device } => {
            let params = json!({"workspace": workspace, "device": device});
            context.show("invite.decline", params, |_| line("Declined.")).await
        }
    }
}

/// A link as given, or from stdin for `-`, so that no secret lands in a shell's history.
pub(crate) fn read_link(link: String) -> Result<String, Failure> {
    if link != "-" {
        return Ok(link);
    }
    let text = read_text(Path::new("-"))?;
    text.split_whitespace().next().map(str::to_owned).ok_or_else(|| Failure::usage("expected a link on stdin"))
}

fn list(answer: &Value) {
    let row = |i: &Value| {
        let mut row = vec![short(&i["invite"]), word(&i["role"]), word(&i["state"])];
        let uses = if i["uses"].is_null() { "no limit".into() } else { word(&i["uses"]) };
        row.push(format!("{} of {uses}", word(&i["used"])));
        row.push(word(&i["expires"]));
        row
    };
    let all = answer["invites"].as_array().map(Vec::as_slice).unwrap_or_default();
    table(&["Id", "Role", "State", "Used", "Expires"], &all.iter().map(row).collect::<Vec<_>>());
}

fn requests(answer: &Value) {
    let row = |r: &Value| vec![word(&r["device"]), word(&r["name"]), word(&r["role"]), word(&r["at"])];
    let all = answer["requests"].as_array().map(Vec::as_slice).unwrap_or_default();
    table(&["Device", "Calls itself", "Role", "Asked"], &all.iter().map(row).collect::<Vec<_>>());
}

fn inspect(link: &Value) {
    let facts = [
        ("Workspace", word(&link["name"])),
        ("You become", word(&link["role"])),
        ("Invited by", word(&link["inviter"]["name"])),
        ("Fingerprint", word(&link["fingerprint"])),
        ("Expires", word(&link["expires"])),
        ("Let in by", if link["approve"] == true { "an owner, after you asked".into() } else { String::new() }),
        ("Problem", word(&link["problem"]["message"])),
    ];
    for (heading, fact) in facts.iter().filter(|(_, fact)| !fact.is_empty()) {
        line(&format!("{heading:<12} {fact}"));
    }
}
