//! What a newcomer waits for: the document comes first, by a checkpoint of whoever invited; then the history, which counts.
//!
//! Deliberately absent: joining itself (`network`, `relay_admission`); checkpoints that lie (`workspace::look`).

use std::time::Instant;

use omniscope_engine::event::Event;
use omniscope_tests::peers::{PATIENCE, Peer, converged};
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;

/// Edits for which a checkpoint is worth a newcomer's while.
const MANY: usize = 1200;

/// Ana's workspace with so many edits, each an op of its own.
async fn worked_on(ana: &Peer, edits: usize) -> String {
    let ws = ana.call("workspace.create", json!({"name": "RNA-seq"})).await["workspace"].as_str().unwrap().to_owned();
    let mut nodes = Vec::new();
    for _ in 0..82 {
        nodes.push(ana.call("node.add", json!({"workspace": ws, "type": "generic"})).await["node"].clone());
    }
    for edit in 0..edits {
        let node = &nodes[edit % nodes.len()];
        ana.call("node.set", json!({"workspace": ws, "node": node, "x": edit, "y": 0})).await;
        ana.call("workspace.online", json!({"workspace": ws})).await;
    }
    ana.call("workspace.persist", json!({"workspace": ws})).await;
    ws
}

/// Lets somebody join; whether the document was shown before anything of the history was folded, and the document then.
async fn joined(ana: &Peer, guest: &Peer, ws: &str) -> (bool, Option<String>) {
    let link = ana.call("invite.create", json!({"workspace": ws, "role": "editor"})).await;
    let mut events = guest.engine.subscribe();
    guest.call("join", json!({"link": link["link"]})).await;
    let (mut shown, mut folded, mut first) = (false, false, None);
    let through = async {
        loop {
            match events.recv().await {
                Ok(event) => match &*event {
                    Event::StateUpdated { workspace } if workspace == ws => {
                        shown |= !folded;
                        if first.is_none() {
                            first = Some(guest.state(ws).await);
                        }
                    }
                    Event::PipelineUpdated { workspace, .. } if workspace == ws => folded = true,
                    Event::Joined { workspace, .. } if workspace == ws => return,
                    _ => {}
                },
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => panic!("the engine stopped"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, through).await.expect("the join goes through");
    (shown, first)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_is_shown_the_document_first_and_has_the_history_afterwards() {
    let ana = Peer::start("Ana").await;
    ana.reachable().await;
    let ws = worked_on(&ana, MANY).await;
    let checked = ana.state(&ws).await;
    // Ben is served by Ana; Cleo by either, who make the parts from their logs.
    for name in ["Ben", "Cleo"] {
        let guest = Peer::start(name).await;
        let (shown, first) = joined(&ana, &guest, &ws).await;
        assert!(shown, "{name} is shown the document before the history is folded");
        assert!(first.as_ref() == Some(&checked), "{name} is shown what was there when the first link was made");
        guest.call("node.add", json!({"workspace": ws, "type": "generic"})).await;
        let all = converged(&[&ana, &guest], &ws).await;
        assert!(all != checked, "the newcomer works on it");
        let audit = guest.call("workspace.audit", json!({"workspace": ws})).await;
        assert_eq!(audit["holds"], true, "{audit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_history_needs_no_checkpoint() {
    let ana = Peer::start("Ana").await;
    ana.reachable().await;
    let ws = worked_on(&ana, 10).await;
    let guest = Peer::start("Ben").await;
    let (shown, _) = joined(&ana, &guest, &ws).await;
    assert!(!shown);
    converged(&[&ana, &guest], &ws).await;
    assert_eq!(guest.call("workspace.audit", json!({"workspace": ws})).await["checkpoint"], json!(null));
}

/// Prints what joining costs by history: until the document is shown, and until all of its history is there.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: run it by name, with JOINING_EDITS for another length"]
async fn joining_costs() {
    let edits: usize = std::env::var("JOINING_EDITS").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000);
    let dir = tempfile::tempdir().unwrap();
    let ana = Peer::start_in("Ana", dir.path()).await;
    ana.reachable().await;
    let ws = worked_on(&ana, edits).await;
    let state = ana.state(&ws).await;
    for name in ["Ben", "Cleo", "Dora"] {
        let dir = tempfile::tempdir().unwrap();
        let guest = Peer::start_in(name, dir.path()).await;
        let began = Instant::now();
        let link = ana.call("invite.create", json!({"workspace": ws, "role": "editor"})).await;
        let linked = began.elapsed();
        let mut events = guest.engine.subscribe();
        let began = Instant::now();
        guest.call("join", json!({"link": link["link"]})).await;
        let mut shown = None;
        loop {
            match events.recv().await {
                Ok(event) => match &*event {
                    Event::StateUpdated { .. } if shown.is_none() => shown = Some(began.elapsed()),
                    Event::Joined { .. } => break,
                    _ => {}
                },
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => panic!("the engine stopped"),
            }
        }
        let joined = began.elapsed();
        assert_eq!(guest.state(&ws).await, state);
        println!("{edits} edits: link {linked:.1?}, shown after {shown:.1?}, history after {joined:.1?}");
        guest.engine.shutdown().await;
    }
}
