//! `omniscope workspace relay`: the relays that keep a workspace for those who are away.
//!
//! Whoever adds a relay or asks how it stands wants to know what the relay says, so these commands go online and wait for
//! it. Deliberately absent: running a relay (`omniscope-relay`).

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Subcommand;
use serde_json::{Value, json};

use super::workspace::{rows, wait_ms};
use super::{Context, given};
use crate::Network;
use crate::failure::{FINDINGS, Failure};
use crate::holder::Holder;
use crate::output::{line, table, word};

/// How often a relay that has not answered yet is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Have a relay keep this workspace, for all of its members.
    Add {
        workspace: String,
        /// The relay's address, as it prints it.
        addr: String,
        /// File with the registration token that the relay's operator gave.
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
        /// Seconds to wait until the relay has everything.
        #[arg(long, value_name = "SECONDS", default_value_t = 20.0)]
        wait: f64,
        #[command(flatten)]
        network: Network,
    },
    /// List the relays, and how it stands with each.
    List {
        workspace: String,
        /// Seconds to wait until all relays have answered.
        #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
        wait: f64,
        #[command(flatten)]
        network: Network,
    },
    /// Use a relay for this workspace no more.
    Remove { workspace: String, addr: String },
}

pub(crate) async fn run(context: &Context, verb: Verb) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Add { workspace, addr, token_file, wait, network } => {
            let token = token_file.map(|file| super::read_text(&file)).transpose()?;
            let params = given(json!({"workspace": workspace, "addr": addr, "token": token}));
            let all = settled(context, &network, ("relay.add", params), &workspace, wait).await?;
            context.print(&all, relays);
            let added =
                all["relays"].as_array().is_some_and(|all| all.iter().any(|r| r["addr"] == *addr && is_kept(r)));
            Ok(if added { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
        }
        Verb::List { workspace, wait, network } => {
            let params = json!({"workspace": workspace});
            let all = settled(context, &network, ("relay.list", params), &workspace, wait).await?;
            context.print(&all, relays);
            Ok(ExitCode::SUCCESS)
        }
        Verb::Remove { workspace, addr } => {
            let said = |r: &Value| line(if r["removed"] == true { "Removed." } else { "It was not in use." });
            context.show("relay.remove", json!({"workspace": workspace, "addr": addr}), said).await
        }
    }
}

fn is_kept(relay: &Value) -> bool {
    relay["state"] == "kept" && relay["behind"] == 0
}

/// Calls a verb that answers with the relays, and looks again until each has everything or has refused.
async fn settled(
    context: &Context,
    network: &Network,
    (method, params): (&str, Value),
    workspace: &str,
    wait: f64,
) -> Result<Value, Failure> {
    let end = Instant::now() + Duration::from_millis(wait_ms(wait)?);
    let mut holder = Holder::open(&context.place, Some(network)).await?;
    let mut all = holder.call(method, params).await;
    let waits = |all: &Value| {
        let open = |relay: &Value| !is_kept(relay) && relay["state"] != "refused";
        all["relays"].as_array().is_some_and(|all| all.iter().any(open))
    };
    while Instant::now() < end && all.as_ref().is_ok_and(waits) {
        tokio::time::sleep(LOOK_AGAIN).await;
        all = holder.call("relay.list", json!({"workspace": workspace})).await;
    }
    holder.close().await;
    all
}

fn relays(answer: &Value) {
    let row = |r: &Value| ["addr", "state", "code", "behind"].map(|f| word(&r[f])).to_vec();
    table(&["Address", "State", "Reason", "Behind"], &rows(answer, "relays", row));
}
