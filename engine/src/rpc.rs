//! JSON-RPC 2.0, one message a line: the engine's verbs as methods, its events as notifications.
//!
//! The same server speaks on stdin and stdout of a headless peer and on the 0600 socket in the data folder, by which
//! the command line reaches whoever holds the folder, a window included. `docs/api.md` lists methods and events.
//!
//! Requests of one connection reach the engine in the order of their lines; answers come as they are ready. A client
//! that does not read stalls its own connection only: the engine never waits for it, and events that it is too far
//! behind for are counted and reported, not kept.
//!
//! Deliberately absent: knowledge of verbs (`actor::verbs`), HTTP (the command line's), authentication (the folder's
//! permissions are the guard).

mod client;
mod lines;
#[cfg(unix)]
mod socket;

use std::sync::Arc;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::api::ApiError;
use crate::engine::Engine;
use crate::event::Event;
pub use client::Client;
use lines::{Line, Lines};
#[cfg(unix)]
pub use socket::{MAX_CONNECTIONS, SOCKET_FILE, SocketServer};

/// Longest line that is read. A pipeline travels inside one line.
pub const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;
/// Requests of one connection under way; above it no further line is read.
pub const MAX_UNDER_WAY: usize = 256;
/// Requests in one batch.
pub const MAX_BATCH: usize = 256;

/// How a connection behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// Sends events without being asked by `events.watch`, those since the start of the engine.
    pub events: bool,
    /// Goes on sending events when the input has ended.
    pub outlives_input: bool,
}

type Answers<'a> = FuturesUnordered<BoxFuture<'a, Option<Value>>>;

/// Serves one connection until its input ends and all answers are out (or, if it outlives its input, until the engine
/// stops).
///
/// # Errors
/// When the other side cannot be read from or written to any more.
pub async fn serve<R, W>(engine: &Engine, reader: R, mut writer: W, manner: Manner) -> std::io::Result<()>
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut lines = Lines::new(reader, MAX_LINE_BYTES);
    let mut answers: Answers<'_> = FuturesUnordered::new();
    let mut events = manner.events.then(|| engine.watch());
    let mut open = true;
    loop {
        tokio::select! {
            line = lines.next(), if open && answers.len() < MAX_UNDER_WAY => match line? {
                Line::End => open = false,
                Line::TooLong => {
                    let message = format!("expected a line of at most {MAX_LINE_BYTES} bytes");
                    send(&mut writer, &failure(&Value::Null, PARSE_ERROR, "bad_json", &message)).await?;
                }
                Line::Text(text) => match read(&text) {
                    Ok(None) => {}
                    Ok(Some(message)) => {
                        watch(&message, engine, &mut events);
                        answers.push(Box::pin(answer(engine, message)));
                    }
                    Err(error) => send(&mut writer, &error).await?,
                },
            },
            Some(ready) = answers.next(), if !answers.is_empty() => {
                if let Some(ready) = ready {
                    send(&mut writer, &ready).await?;
                }
            }
            event = next_event(&mut events) => match event {
                Ok(event) => send(&mut writer, &notification(&event)).await?,
                Err(RecvError::Lagged(missed)) => {
                    let note = json!({"jsonrpc": "2.0", "method": "events_missed", "params": {"count": missed}});
                    send(&mut writer, &note).await?;
                }
                Err(RecvError::Closed) => return Ok(()),
            },
        }
        if !open && answers.is_empty() && !(manner.outlives_input && events.is_some()) {
            return Ok(());
        }
    }
}

async fn next_event(events: &mut Option<broadcast::Receiver<Arc<Event>>>) -> Result<Arc<Event>, RecvError> {
    match events {
        Some(events) => events.recv().await,
        None => std::future::pending().await,
    }
}

async fn send<W: AsyncWrite + Unpin>(writer: &mut W, message: &Value) -> std::io::Result<()> {
    let mut line = message.to_string();
    line.push('\n');
    writer.write_all(line.as_bytes()).await?;
    writer.flush().await
}

/// An event as a notification: its name is the method.
pub fn notification(event: &Event) -> Value {
    let mut params = serde_json::to_value(event).unwrap_or_default();
    let name = params.as_object_mut().and_then(|fields| fields.remove("event")).unwrap_or_default();
    json!({"jsonrpc": "2.0", "method": name, "params": params})
}

const PARSE_ERROR: i64 = -32_700;
const INVALID_REQUEST: i64 = -32_600;
const METHOD_NOT_FOUND: i64 = -32_601;
const INVALID_PARAMS: i64 = -32_602;
/// All errors of verbs; `data.code` tells them apart.
const VERB_FAILED: i64 = -32_000;

fn failure(id: &Value, number: i64, code: &str, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": number, "message": message, "data": {"code": code}}})
}

fn failed(id: &Value, error: &ApiError) -> Value {
    let number = match error.code.as_str() {
        "unknown_method" => METHOD_NOT_FOUND,
        "bad_params" => INVALID_PARAMS,
        _ => VERB_FAILED,
    };
    failure(id, number, &error.code, &error.message)
}

/// What one line asks for.
enum Message {
    One(Value),
    Batch(Vec<Value>),
}

/// Reads a line; blank ones mean nothing, what cannot be answered one by one is answered here.
fn read(text: &[u8]) -> Result<Option<Message>, Value> {
    if text.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    match serde_json::from_slice(text) {
        Err(error) => {
            Err(failure(&Value::Null, PARSE_ERROR, "bad_json", &format!("expected one JSON message a line: {error}")))
        }
        Ok(Value::Array(batch)) if batch.is_empty() || batch.len() > MAX_BATCH => {
            let message = format!("expected 1 to {MAX_BATCH} requests in a batch, found {}", batch.len());
            Err(failure(&Value::Null, INVALID_REQUEST, "bad_request", &message))
        }
        Ok(Value::Array(batch)) => Ok(Some(Message::Batch(batch))),
        Ok(one) => Ok(Some(Message::One(one))),
    }
}

/// `events.watch` belongs to the connection, so it is carried out before the engine is asked anything.
fn watch(message: &Message, engine: &Engine, events: &mut Option<broadcast::Receiver<Arc<Event>>>) {
    let all = match message {
        Message::One(one) => std::slice::from_ref(one),
        Message::Batch(batch) => batch,
    };
    for request in all.iter().filter(|r| r["method"] == "events.watch") {
        match request["params"]["on"].as_bool().unwrap_or(true) {
            true if events.is_none() => *events = Some(engine.subscribe()),
            true => {}
            false => *events = None,
        }
    }
}

async fn answer(engine: &Engine, message: Message) -> Option<Value> {
    match message {
        Message::One(request) => respond(engine, request).await,
        Message::Batch(batch) => {
            let mut answers = Vec::with_capacity(batch.len());
            for request in batch {
                answers.extend(respond(engine, request).await);
            }
            (!answers.is_empty()).then_some(Value::Array(answers))
        }
    }
}

/// The answer to one request; none for notifications, which are carried out all the same.
async fn respond(engine: &Engine, mut request: Value) -> Option<Value> {
    let Some(fields) = request.as_object_mut() else {
        let message = "expected an object with jsonrpc, method, params and id";
        return Some(failure(&Value::Null, INVALID_REQUEST, "bad_request", message));
    };
    let id = fields.remove("id");
    let (method, params) = match request_of(fields) {
        Ok(request) => request,
        Err(message) => return Some(failure(&id.unwrap_or_default(), INVALID_REQUEST, "bad_request", message)),
    };
    if id.as_ref().is_some_and(|id| !(id.is_null() || id.is_string() || id.is_number())) {
        let message = "expected a string, a number or null as id";
        return Some(failure(&Value::Null, INVALID_REQUEST, "bad_request", message));
    }
    let result = match method.as_str() {
        "events.watch" => Ok(json!({})),
        _ => engine.call(&method, params).await,
    };
    let id = id?;
    Some(match result {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err(error) => failed(&id, &error),
    })
}

fn request_of(fields: &mut Map<String, Value>) -> Result<(String, Value), &'static str> {
    if fields.get("jsonrpc").is_none_or(|v| v != "2.0") {
        return Err("expected \"jsonrpc\": \"2.0\"");
    }
    let Some(Value::String(method)) = fields.remove("method") else { return Err("expected a method name") };
    match fields.remove("params") {
        None | Some(Value::Null) => Ok((method, Value::Null)),
        Some(params @ Value::Object(_)) => Ok((method, params)),
        Some(_) => Err("expected params as an object: all parameters go by name"),
    }
}

#[cfg(test)]
mod tests;
