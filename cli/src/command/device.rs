//! `omniscope device`: several devices of one person in a workspace.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};

use super::invite::read_link;
use super::workspace::wait_ms;
use super::{Context, given};
use crate::Network;
use crate::failure::{FINDINGS, Failure};
use crate::output::{line, short, table, word};

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Make a link that makes another device yours too. It is good for one hour and one device; this one has to be on
    /// line when it is used.
    Add {
        workspace: String,
        /// Relay by which this device is reachable. May be given several times.
        #[arg(long, value_name = "ADDR")]
        relay: Vec<String>,
    },
    /// Become a device of the person whose link this is.
    Accept {
        /// The link, or `-` to read it from stdin.
        link: String,
        /// Seconds to wait for the device that made the link.
        #[arg(long, value_name = "SECONDS", default_value_t = 20.0)]
        wait: f64,
        #[command(flatten)]
        network: Network,
    },
    /// List your devices in a workspace.
    List { workspace: String },
    /// Take a device out, such as one that was lost. What it had stays on it.
    Remove { workspace: String, device: String },
}

pub(crate) async fn run(context: &Context, verb: Verb) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Add { workspace, relay } => {
            let params = given(json!({"workspace": workspace, "relay": relay}));
            context.show("device.add", params, |a| line(&word(&a["link"]))).await
        }
        Verb::Accept { link, wait, network } => {
            let params = json!({"link": read_link(link)?, "wait_ms": wait_ms(wait)?});
            let mut answer = context.call_with(Some(&network), "device.accept", params).await?;
            if let Some(fields) = answer.as_object_mut() {
                fields.remove("already");
            }
            let member = answer["status"] == "member";
            context.print(&answer, |joined| {
                line(&if member {
                    format!("This device is {} of {} now", word(&joined["role"]), word(&joined["workspace"]))
                } else {
                    "The device that made the link was not reached yet. It is tried again whenever a peer or the \
                     window runs."
                        .into()
                });
            });
            Ok(if member { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
        }
        Verb::List { workspace } => context.show("device.list", json!({"workspace": workspace}), list).await,
        Verb::Remove { workspace, device } => {
            let params = json!({"workspace": workspace, "device": device});
            context.show("device.remove", params, |a| line(&format!("{} is removed", short(&a["removed"])))).await
        }
    }
}

fn list(answer: &Value) {
    let row = |d: &Value| {
        let mark = match (d["you"] == true, d["first"] == true) {
            (true, true) => "this one, first",
            (true, false) => "this one",
            (false, true) => "first",
            (false, false) => "",
        };
        vec![short(&d["device"]), word(&d["name"]), mark.to_owned()]
    };
    let all = answer["devices"].as_array().map(Vec::as_slice).unwrap_or_default();
    table(&["Id", "Name", ""], &all.iter().map(row).collect::<Vec<_>>());
}
