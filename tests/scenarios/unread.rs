//! Edits of others are counted for a workspace until a window shows it, over restarts too.

use std::path::Path;

use omniscope_engine::{DocumentMessage, DocumentSink};
use omniscope_tests::peers::{Peer, converged};
use serde_json::{Value, json};

/// A window that only stands open.
struct Pane;

impl DocumentSink for Pane {
    fn send(&self, _: DocumentMessage) -> bool {
        true
    }
}

async fn listed(peer: &Peer, of: &str) -> Value {
    peer.call("workspace.list", json!({})).await["workspaces"][0][of].clone()
}

/// Adds steps, each as an op of its own.
async fn add(peer: &Peer, ws: &str, steps: usize) {
    for step in 0..steps {
        peer.call("node.add", json!({"workspace": ws, "type": "generic", "label": format!("step {step}")})).await;
        peer.call("workspace.show", json!({"workspace": ws})).await;
    }
}

async fn again(ana: Peer, dir: &Path) -> Peer {
    ana.engine.shutdown().await;
    drop(ana);
    Peer::start_in("Ana", dir).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_of_others_are_unread_until_a_window_shows_them() {
    let dir = tempfile::tempdir().unwrap();
    let (ana, ben) = (Peer::start_in("Ana", dir.path()).await, Peer::start("Ben").await);
    let made = ana.call("workspace.create", json!({"name": "RNA-seq"})).await;
    let ws = made["workspace"].as_str().unwrap();
    ana.invite(ws, &ben, "editor").await;
    let (window, ..) = ana.engine.open_document(ws, Box::new(Pane)).await.unwrap();
    add(&ben, ws, 2).await;
    converged(&[&ana, &ben], ws).await;
    assert_eq!(listed(&ana, "unread").await, 0, "a window shows them as they come in");
    ana.engine.close_document(window).await;
    assert_eq!(listed(&ana, "unread").await, 0, "they were shown");

    add(&ben, ws, 3).await;
    add(&ana, ws, 2).await;
    converged(&[&ana, &ben], ws).await;
    assert_eq!(listed(&ana, "unread").await, 3, "her own are none of them");
    assert_eq!(listed(&ben, "unread").await, 3, "the name and two steps: no window of his has ever shown it");
    ana.call("workspace.persist", json!({"workspace": ws})).await;
    let stored = ana.call("storage.show", json!({})).await;
    assert_eq!(listed(&ana, "bytes").await, stored["workspaces"][0]["bytes"], "the log and nothing else");
    let ana = again(ana, dir.path()).await;
    assert_eq!(listed(&ana, "unread").await, 3, "as before the restart");

    let (window, ..) = ana.engine.open_document(ws, Box::new(Pane)).await.unwrap();
    assert_eq!(listed(&ana, "unread").await, 0);
    let ana = again(ana, dir.path()).await;
    assert_eq!(listed(&ana, "unread").await, 0, "looked at until the end, window {window} never closed");
    add(&ben, ws, 1).await;
    ana.until("one more came in", async |p| listed(p, "unread").await == 1).await;
}
