//! Engine events on their way to the page.
//!
//! Deliberately absent: pointers and selections. They come many times a second, and the page has them already on the
//! channel of the open document.

use std::sync::Arc;

use omniscope_engine::Engine;
use omniscope_engine::event::Event;
use serde::Serialize;
use serde_json::Value;
use tauri::ipc::Channel;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use ts_rs::TS;

/// What the window tells its page besides the engine's events.
#[derive(Debug, Serialize, TS)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum WindowEvent {
    /// An invitation came from outside, as by a click on a link: to be shown and asked about.
    DeepLink { link: String },
}

/// Forwards events until the page or the engine is gone; to the first page also those that came before it.
pub(crate) async fn forward(engine: &Engine, channel: &Channel<Value>) {
    let mut events: Receiver<Arc<Event>> = engine.watch();
    loop {
        let event = match events.recv().await {
            Ok(event) if concerns_the_page(&event) => event,
            Ok(_) => continue,
            // Events are hints to look again: after a gap the page looks at everything.
            Err(RecvError::Lagged(_)) => Arc::new(Event::WorkspacesChanged {}),
            Err(RecvError::Closed) => return,
        };
        let told = serde_json::to_value(&*event).map(|event| channel.send(event));
        if !matches!(told, Ok(Ok(()))) {
            return;
        }
    }
}

fn concerns_the_page(event: &Event) -> bool {
    !matches!(event, Event::CursorUpdated { .. } | Event::SelectionUpdated { .. } | Event::PresenceUpdated { .. })
}
