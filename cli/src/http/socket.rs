//! The WebSocket: the engine's events out, the original system's events in, one JSON object a message.
//!
//! Out: `{"event": NAME, "data": {…}}`. In: `{"event": NAME, "id": ANY, "data": {…}}`, answered by
//! `{"event": "answer", "id", "data"}` or `{"event": "error", "id", "data": {"code", "message"}}` in the order of the
//! questions. A client that does not read, or does not answer pings, loses its connection; the engine never waits for
//! it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use omniscope_engine::Engine;
use omniscope_engine::api::ApiError;
use omniscope_engine::event::Event;
use omniscope_engine::rpc;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::broadcast::error::RecvError;

use super::Shared;
use super::answer::Refused;

/// Longest message. A pipeline travels inside one.
const MAX_MESSAGE_BYTES: usize = 12 * 1024 * 1024;
/// Answers and events that may wait for a client's reading, in bytes.
const MAX_WAITING_BYTES: usize = 2 * MAX_MESSAGE_BYTES;
/// How long a client may take to read one message.
const READ_WITHIN: Duration = Duration::from_secs(20);
/// Pause between pings. Their answers keep the connection from being taken for dead.
const PING_EVERY: Duration = Duration::from_secs(25);
/// What may be sent as `pipeline_update`: the verbs that edit a pipeline.
const EDITS: [&str; 7] =
    ["node.add", "node.set", "node.remove", "node.note", "edge.add", "edge.remove", "pipeline.import"];

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// All workspaces: messages name theirs.
pub(super) async fn of_all(State(shared): State<Shared>, upgrade: Upgrade) -> Response {
    open(shared, upgrade, None)
}

/// One workspace: only its events, and messages mean it.
pub(super) async fn of_workspace(State(shared): State<Shared>, Path(id): Path<String>, upgrade: Upgrade) -> Response {
    match shared.engine.call("workspace.show", json!({"workspace": id})).await {
        Ok(shown) => open(shared, upgrade, shown["workspace"].as_str().map(str::to_owned)),
        Err(error) => Refused::from(error).into_response(),
    }
}

fn open(shared: Shared, upgrade: Upgrade, workspace: Option<String>) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(error) => {
            let message = format!("expected a WebSocket: {}", error.body_text());
            return Refused::new(StatusCode::UPGRADE_REQUIRED, "not_a_websocket", message).into_response();
        }
    };
    let Ok(place) = Arc::clone(&shared.sockets).try_acquire_owned() else {
        let message = "too many WebSockets are open; close one first";
        return Refused::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_sockets", message).into_response();
    };
    upgrade
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES)
        .max_write_buffer_size(MAX_WAITING_BYTES)
        .on_upgrade(move |socket| async move {
            Conversation { engine: shared.engine, socket, workspace, shown: Vec::new() }.hold().await;
            drop(place);
        })
}

/// One client.
struct Conversation {
    engine: Engine,
    socket: WebSocket,
    workspace: Option<String>,
    /// Workspaces in which this client showed a pointer or a selection; taken back at the end.
    shown: Vec<String>,
}

/// The connection is of no use any more.
struct Broken;

impl Conversation {
    async fn hold(mut self) {
        // Whatever ended it, the other side has gone.
        let _ = self.talk().await;
        for workspace in std::mem::take(&mut self.shown) {
            let state = json!({"pointer": null, "selection": null});
            // An engine that has stopped shows nothing.
            let _ = self.engine.call("presence.set", json!({"workspace": workspace, "state": state})).await;
        }
    }

    async fn talk(&mut self) -> Result<(), Broken> {
        let mut events = self.engine.subscribe();
        if let Some(workspace) = self.workspace.clone() {
            let present =
                self.engine.call("presence.list", json!({"workspace": workspace})).await.map_err(|_| Broken)?;
            let data = json!({"workspace": workspace, "presence": present["presence"]});
            self.send(&json!({"event": "presence_list", "data": data})).await?;
        }
        let mut ping = tokio::time::interval(PING_EVERY);
        ping.reset();
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Ok(event) => self.pass_on(&event).await?,
                    Err(RecvError::Lagged(missed)) => {
                        self.send(&json!({"event": "events_missed", "data": {"count": missed}})).await?;
                    }
                    Err(RecvError::Closed) => return Ok(()),
                },
                message = self.socket.recv() => match message {
                    None | Some(Err(_) | Ok(Message::Close(_))) => return Err(Broken),
                    Some(Ok(Message::Text(text))) => {
                        let answer = self.answer(&text).await;
                        self.send(&answer).await?;
                    }
                    Some(Ok(Message::Binary(_))) => {
                        let error = ApiError::new("bad_json", "expected a text message with JSON");
                        self.send(&failure(&Value::Null, &error)).await?;
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                },
                _ = ping.tick() => self.send_message(Message::Ping(Vec::new().into())).await?,
            }
        }
    }

    async fn pass_on(&mut self, event: &Event) -> Result<(), Broken> {
        let mut note = rpc::notification(event);
        let (event, data) = (note["method"].take(), note["params"].take());
        let elsewhere = data["workspace"].as_str().is_some_and(|of| self.workspace.as_deref().is_some_and(|w| w != of));
        if elsewhere { Ok(()) } else { self.send(&json!({"event": event, "data": data})).await }
    }

    async fn send(&mut self, message: &Value) -> Result<(), Broken> {
        self.send_message(Message::text(message.to_string())).await
    }

    async fn send_message(&mut self, message: Message) -> Result<(), Broken> {
        match tokio::time::timeout(READ_WITHIN, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Broken),
        }
    }

    async fn answer(&mut self, text: &str) -> Value {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Question {
            event: String,
            #[serde(default)]
            id: Value,
            #[serde(default)]
            data: Map<String, Value>,
        }
        let Question { event, id, data } = match serde_json::from_str(text) {
            Ok(question) => question,
            Err(error) => {
                let message = format!("expected {{\"event\", \"id\", \"data\"}}: {error}");
                return failure(&Value::Null, &ApiError::new("bad_json", message));
            }
        };
        match self.carry_out(&event, data).await {
            Ok(data) => json!({"event": "answer", "id": id, "data": data}),
            Err(error) => failure(&id, &error),
        }
    }

    async fn carry_out(&mut self, event: &str, mut data: Map<String, Value>) -> Result<Value, ApiError> {
        let workspace = match (&self.workspace, data.get("workspace")) {
            (None, Some(Value::String(named))) => named.clone(),
            (Some(own), None) => own.clone(),
            (Some(own), Some(named)) if named == own => own.clone(),
            (None, _) => return Err(ApiError::params("expected the field `workspace` in data")),
            (Some(_), Some(_)) => return Err(ApiError::params("this connection is about another workspace")),
        };
        data.insert("workspace".into(), Value::String(workspace.clone()));
        let method = match event {
            "cursor_move" | "selection_change" => {
                if !self.shown.contains(&workspace) {
                    self.shown.push(workspace);
                }
                if event == "cursor_move" { "cursor.move" } else { "selection.change" }
            }
            "state_update" => "state.update",
            "pipeline_update" => edit_of(&mut data)?,
            "sync_request" => {
                let mut answer = self.engine.call("sync.request", Value::Object(data)).await?;
                answer["state"] = self.engine.call("workspace.state", json!({"workspace": workspace})).await?;
                return Ok(answer);
            }
            other => return Err(ApiError::new("unknown_event", format!("there is no event {other:?} to send"))),
        };
        self.engine.call(method, Value::Object(data)).await
    }
}

/// The verb that a pipeline update names.
fn edit_of(data: &mut Map<String, Value>) -> Result<&'static str, ApiError> {
    let named = data.remove("edit");
    let edit = EDITS.into_iter().find(|edit| named.as_ref().is_some_and(|n| n == edit));
    edit.ok_or_else(|| ApiError::params(format!("expected the field `edit`, one of {}", EDITS.join(", "))))
}

fn failure(id: &Value, error: &ApiError) -> Value {
    json!({"event": "error", "id": id, "data": {"code": error.code, "message": error.message}})
}
