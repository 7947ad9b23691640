//! `omniscope member`: roles of the people in a workspace.

use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::Context;
use crate::failure::Failure;
use crate::output::{line, short, word};

/// A role that a member can have.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Role {
    Viewer,
    Editor,
    Owner,
}

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Change a member's role.
    Role {
        workspace: String,
        /// A device id, a prefix of one, or a member's name.
        member: String,
        #[arg(value_enum)]
        role: Role,
    },
    /// Remove a member. What their device had stays on it.
    Remove { workspace: String, member: String },
    /// Make a member the owner, and yourself an editor.
    Transfer { workspace: String, member: String },
}

pub(crate) async fn run(context: &Context, verb: Verb) -> Result<ExitCode, Failure> {
    let said = |answer: &Value| line(&format!("{} is now {}", short(&answer["member"]), word(&answer["role"])));
    match verb {
        Verb::Role { workspace, member, role } => {
            let role = match role {
                Role::Viewer => "viewer",
                Role::Editor => "editor",
                Role::Owner => "owner",
            };
            context.show("member.role", json!({"workspace": workspace, "member": member, "role": role}), said).await
        }
        Verb::Remove { workspace, member } => {
            let params = json!({"workspace": workspace, "member": member});
            context.show("member.remove", params, |a| line(&format!("{} is removed", short(&a["member"])))).await
        }
        Verb::Transfer { workspace, member } => {
            context.show("member.transfer", json!({"workspace": workspace, "member": member}), said).await
        }
    }
}
