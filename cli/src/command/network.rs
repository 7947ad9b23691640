//! `omniscope network`: the network of the peer or window that holds the data folder.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};

use super::Context;
use crate::failure::Failure;
use crate::output::{line, short, word};

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Show addresses, relays and peers.
    Status,
    /// Go online.
    Online,
    /// Go offline; edits wait.
    Offline,
    /// Be reached through relays alone, so that only they see this device's address; kept over restarts.
    RelayOnly {
        /// `on` or `off`.
        #[arg(value_parser = clap::builder::BoolishValueParser::new(), action = clap::ArgAction::Set)]
        on: bool,
    },
}

pub(crate) async fn run(context: &Context, verb: Verb) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Status => context.show("network.status", json!({}), human).await,
        Verb::Online => context.show("network.set", json!({"online": true}), human).await,
        Verb::RelayOnly { on } => context.show("network.set", json!({"relay_only": on}), human).await,
        Verb::Offline => context.show("network.set", json!({"online": false}), human).await,
    }
}

fn human(status: &Value) {
    line(if status["online"] == true { "Online" } else { "Offline" });
    if status["relay_only"] == true {
        line("reached through relays alone");
    }
    let list = |field: &str| status[field].as_array().cloned().unwrap_or_default();
    list("listening").iter().for_each(|addr| line(&format!("listens on {}", word(addr))));
    list("relays").iter().for_each(|r| line(&format!("relay {} is {}", word(&r["addr"]), word(&r["state"]))));
    list("peers").iter().for_each(|p| line(&format!("peer {} by {}", short(&p["device"]), word(&p["path"]))));
}
