//! `omniscope profile`: how this device calls itself.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Context, given};
use crate::failure::Failure;
use crate::output::{line, word};

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Show name, colour, device id and fingerprint.
    Show,
    /// Change name or colour.
    Set {
        /// The name that others see.
        #[arg(long)]
        name: Option<String>,
        /// The colour that others see, such as #2563eb.
        #[arg(long)]
        color: Option<String>,
    },
}

pub(crate) async fn run(context: &Context, verb: Verb) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Show => context.show("profile.show", json!({}), human).await,
        Verb::Set { name, color } => {
            if name.is_none() && color.is_none() {
                return Err(Failure::usage("expected --name or --color"));
            }
            context.show("profile.set", given(json!({"name": name, "color": color})), human).await
        }
    }
}

fn human(profile: &Value) {
    for (heading, field) in
        [("Name", "name"), ("Colour", "color"), ("Device", "device"), ("Fingerprint", "fingerprint")]
    {
        line(&format!("{heading:<12} {}", word(&profile[field])));
    }
}
