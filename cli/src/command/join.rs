//! `omniscope join`: into a workspace by a link.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::Context;
use super::invite::read_link;
use super::workspace::wait_ms;
use crate::Network;
use crate::failure::{FINDINGS, Failure};
use crate::output::{line, word};

#[derive(Args)]
pub(crate) struct Join {
    /// The link, or `-` to read it from stdin (so that it stays out of the shell's history).
    link: String,
    /// Seconds to wait for somebody who can let you in.
    #[arg(long, value_name = "SECONDS", default_value_t = 20.0)]
    wait: f64,
    #[command(flatten)]
    network: Network,
}

pub(crate) async fn run(context: &Context, join: Join) -> Result<ExitCode, Failure> {
    let params = json!({"link": read_link(join.link)?, "wait_ms": wait_ms(join.wait)?});
    let mut answer = context.call_with(Some(&join.network), "join", params).await?;
    if let Some(fields) = answer.as_object_mut() {
        fields.remove("already");
    }
    let member = answer["status"] == "member";
    context.print(&answer, |joined| {
        line(&if member {
            format!("You are {} of {}", word(&joined["role"]), word(&joined["workspace"]))
        } else {
            format!("{} It is tried again whenever a peer or the window runs.", word(&joined["message"]))
        });
    });
    Ok(if member { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
}
