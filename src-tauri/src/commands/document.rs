//! The open documents: raw bytes both ways.
//!
//! Each message to the page begins with a byte that names its kind; the list is in `frame`. Bytes from the page begin
//! with the document's handle.

use std::sync::Arc;

use omniscope_engine::{DocumentMessage, DocumentSink};
use serde::Serialize;
use serde_json::Value;
use tauri::State;
use tauri::ipc::{Channel, InvokeBody, InvokeResponseBody, Request};
use ts_rs::TS;

use crate::backend::{Backend, MAX_DOCUMENTS};
use crate::error::CommandError;

/// Bytes of the handle before an update.
const HANDLE_BYTES: usize = 4;

/// A document that was opened.
#[derive(Debug, Serialize, TS)]
pub(crate) struct Opened {
    /// Its handle.
    document: u32,
    /// The Yjs client id to write under.
    client_id: u64,
    /// Whether edits count.
    writable: bool,
}

/// The document was replaced: a new one with this client id is to be filled from the state that follows.
#[derive(Debug, Serialize, TS)]
pub(crate) struct Reset {
    client_id: u64,
    reason: String,
}

struct PageSink(Channel<InvokeResponseBody>);

impl DocumentSink for PageSink {
    fn send(&self, message: DocumentMessage) -> bool {
        self.0.send(InvokeResponseBody::Raw(frame(message))).is_ok()
    }
}

/// One message in bytes: 0 state, 1 update (v1 updates); 2 reset, 4 awareness, 5 refused (JSON); 3 saved (u64 LE).
fn frame(message: DocumentMessage) -> Vec<u8> {
    let with = |kind: u8, body: &[u8]| {
        let mut bytes = Vec::with_capacity(1 + body.len());
        bytes.push(kind);
        bytes.extend_from_slice(body);
        bytes
    };
    // Only maps with other keys than words, and what is no JSON by itself, could fail.
    let with_json = |kind, value: serde_json::Result<Vec<u8>>| with(kind, &value.unwrap_or_default());
    match message {
        DocumentMessage::State(update) => with(0, &update),
        DocumentMessage::Update(update) => with(1, &update),
        DocumentMessage::Reset { client: client_id, reason } => {
            with_json(2, serde_json::to_vec(&Reset { client_id, reason }))
        }
        DocumentMessage::Saved(pushes) => with(3, &pushes.to_le_bytes()),
        DocumentMessage::Awareness(entry) => with_json(4, serde_json::to_vec(&entry)),
        DocumentMessage::Refused { code, message } => with_json(5, serde_json::to_vec(&CommandError { code, message })),
    }
}

/// Opens a workspace's document; its state and all that follows come on `channel`.
#[tauri::command]
pub(crate) async fn document_open(
    backend: State<'_, Arc<Backend>>,
    workspace: String,
    channel: Channel<InvokeResponseBody>,
) -> Result<Opened, CommandError> {
    let engine = backend.engine().await?;
    if !backend.has_room_for_a_document() {
        let message = format!("at most {MAX_DOCUMENTS} documents may be open at a time");
        return Err(CommandError::new("too_many_documents", message));
    }
    let (document, client_id, writable) = engine.open_document(&workspace, Box::new(PageSink(channel))).await?;
    backend.note_document(document);
    Ok(Opened { document, client_id, writable })
}

/// Takes an edit: the handle (u32 LE) and a v1 update, as raw bytes. Answers with the number of this push.
#[tauri::command]
pub(crate) async fn document_push(backend: State<'_, Arc<Backend>>, request: Request<'_>) -> Result<u64, CommandError> {
    let (document, update) = read_push(request.body())?;
    Ok(backend.engine().await?.push(document, update).await?)
}

fn read_push(body: &InvokeBody) -> Result<(u32, Vec<u8>), CommandError> {
    let expected = || CommandError::new("bad_push", "expected raw bytes: a handle of 4 bytes and a v1 update");
    let InvokeBody::Raw(bytes) = body else { return Err(expected()) };
    let (handle, update) = bytes.split_first_chunk::<HANDLE_BYTES>().ok_or_else(expected)?;
    Ok((u32::from_le_bytes(*handle), update.to_vec()))
}

/// Shows others what this window is doing; null ends it.
#[tauri::command]
pub(crate) async fn document_awareness(
    backend: State<'_, Arc<Backend>>,
    handle: u32,
    state: Value,
) -> Result<(), CommandError> {
    Ok(backend.engine().await?.set_awareness(handle, state).await?)
}

/// Closes a document.
#[tauri::command]
pub(crate) async fn document_close(backend: State<'_, Arc<Backend>>, handle: u32) -> Result<(), CommandError> {
    backend.forget_document(handle);
    backend.engine().await?.close_document(handle).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use omniscope_engine::event::Shown;
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_begin_with_their_kind() {
        let reset = DocumentMessage::Reset { client: 7, reason: "why".into() };
        let refused = DocumentMessage::Refused { code: "c".into(), message: "m".into() };
        assert_eq!(frame(DocumentMessage::State(vec![9, 8])), [0, 9, 8]);
        assert_eq!(frame(DocumentMessage::Update(vec![])), [1]);
        assert_eq!(frame(reset), b"\x02{\"client_id\":7,\"reason\":\"why\"}");
        assert_eq!(frame(DocumentMessage::Saved(258)), [3, 2, 1, 0, 0, 0, 0, 0, 0]);
        let gone = Shown { device: "d".into(), instance: "i".into(), state: None };
        assert_eq!(
            frame(DocumentMessage::Awareness(gone)),
            b"\x04{\"device\":\"d\",\"instance\":\"i\",\"state\":null}"
        );
        assert_eq!(frame(refused), b"\x05{\"code\":\"c\",\"message\":\"m\"}");
    }

    #[test]
    fn a_push_names_its_document_and_anything_shorter_is_refused() {
        let raw = |bytes: &[u8]| read_push(&InvokeBody::Raw(bytes.to_vec()));
        assert_eq!(raw(&[1, 2, 0, 0, 5, 6]), Ok((513, vec![5, 6])));
        assert_eq!(raw(&[1, 0, 0, 0]), Ok((1, vec![])));
        for bad in [&[][..], &[1, 2, 3]] {
            assert_eq!(raw(bad).map_err(|e| e.code), Err("bad_push".into()));
        }
        assert!(read_push(&InvokeBody::Json(json!([1, 0, 0, 0]))).is_err());
    }
}
