//! The engine's verbs and events, as they are, and the few verbs of the window itself.
//!
//! `window.link {}` → the invitation named on the command line, or null; told once. `window.retry {}` → null; opens
//! the engine again after a failure. `window.unlock {passphrase}` → null; the same, with the key under a passphrase.
//! `window.sample {}` → `Sample`. `window.key {}` → `KeyFacts`.

use std::sync::Arc;

use omniscope_engine::pipeline::SAMPLE_RNASEQ;
use serde::Serialize;
use serde_json::{Value, json};
use tauri::State;
use tauri::ipc::Channel;
use ts_rs::TS;

use crate::backend::Backend;
use crate::error::CommandError;

/// What the workspace of the sample is called.
const SAMPLE_NAME: &str = "RNA-seq, sample";

/// A pipeline to begin with.
#[derive(Debug, Serialize, TS)]
pub(crate) struct Sample {
    name: &'static str,
    content: &'static str,
}

/// Carries out a verb.
#[tauri::command]
pub(crate) async fn call(
    backend: State<'_, Arc<Backend>>,
    method: String,
    params: Value,
) -> Result<Value, CommandError> {
    match method.as_str() {
        "window.link" => Ok(json!(backend.take_link())),
        "window.retry" => {
            backend.retry().await;
            Ok(Value::Null)
        }
        "window.unlock" => {
            let passphrase = params["passphrase"].as_str().unwrap_or_default().to_owned();
            backend.unlock(passphrase).await?;
            Ok(Value::Null)
        }
        "window.sample" => Ok(json!(Sample { name: SAMPLE_NAME, content: SAMPLE_RNASEQ })),
        "window.key" => Ok(json!(backend.key_facts())),
        _ => Ok(backend.engine().await?.call(&method, params).await?),
    }
}

/// Sends engine events to the page from now on, as soon as the engine is open.
#[tauri::command]
pub(crate) async fn events(backend: State<'_, Arc<Backend>>, channel: Channel<Value>) -> Result<(), CommandError> {
    let waiting = Arc::clone(&backend);
    let kept = channel.clone();
    let forwarding = tokio::spawn(async move {
        // While the engine cannot be opened there are no events; a retry that succeeds brings them.
        if let Ok(engine) = waiting.opened().await {
            crate::events::forward(&engine, &channel).await;
        }
    });
    backend.note_events(forwarding.abort_handle(), kept);
    Ok(())
}
