//! `omniscope recovery`: an owner's key on paper or a stick, for when every device of the owners is lost.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::invite::read_link;
use super::workspace::wait_ms;
use super::{Context, read_text};
use crate::Network;
use crate::failure::{FINDINGS, Failure};
use crate::output::{line, short, word};

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Make a key that is an owner, into a new file. Keep it away from this computer: whoever has it is an owner.
    Create {
        workspace: String,
        /// The file to write; it must not be there yet.
        file: PathBuf,
        /// Relay by which members are reachable. May be given several times.
        #[arg(long, value_name = "ADDR")]
        relay: Vec<String>,
    },
    /// Become an owner by such a key.
    Use {
        /// The file, or `-` to read the text from stdin.
        file: String,
        /// Seconds to wait for a member or a relay who has the workspace.
        #[arg(long, value_name = "SECONDS", default_value_t = 20.0)]
        wait: f64,
        #[command(flatten)]
        network: Network,
    },
}

pub(crate) async fn run(context: &Context, verb: Verb) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Create { workspace, file, relay } => {
            // The file comes first: a key that could not be written would be an owner nobody has.
            let mut written = create_private(&file)?;
            let made = context.call("recovery.create", json!({"workspace": workspace, "relay": relay})).await;
            let answer = made.inspect_err(|_| {
                // What was made for nothing goes again; one that stays is empty.
                let _ = std::fs::remove_file(&file);
            })?;
            let text = format!("{}\n", word(&answer["recovery"]));
            let kept = written.write_all(text.as_bytes()).and_then(|()| written.sync_all());
            kept.map_err(|e| Failure::machine("write the recovery file", e))?;
            context.print(&json!({"device": answer["device"], "file": file}), |_| {
                line(&format!("{} is an owner; its key is in {}", short(&answer["device"]), file.display()));
            });
            Ok(ExitCode::SUCCESS)
        }
        Verb::Use { file, wait, network } => {
            let text = if file == "-" { read_link(file)? } else { read_text(Path::new(&file))? };
            let params = json!({"recovery": text, "wait_ms": wait_ms(wait)?});
            let answer = context.call_with(Some(&network), "recovery.use", params).await?;
            let member = answer["status"] == "member";
            context.print(&answer, |_| {
                line(if member {
                    "You are an owner again"
                } else {
                    "Nobody who has the workspace was reached yet; try again"
                });
            });
            Ok(if member { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
        }
    }
}

fn create_private(file: &Path) -> Result<std::fs::File, Failure> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(file).map_err(|e| Failure::machine("create the recovery file", e))
}
