//! An owner's key kept offline: all devices of the owner are lost, and a new one takes over.

use omniscope_tests::peers::{Peer, converged};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recovery_key_makes_a_new_device_an_owner_that_reads_everything() {
    let (ana, ben) = (Peer::start("Ana").await, Peer::start("Ben").await);
    let ws = ana.call("workspace.create", json!({"name": "RNA"})).await["workspace"].as_str().unwrap().to_owned();
    ana.invite(&ws, &ben, "editor").await;
    ana.call("node.add", json!({"workspace": ws, "type": "generic", "label": "before"})).await;
    assert_eq!(ben.refused("recovery.create", json!({"workspace": ws})).await, "not_allowed");
    ben.listening().await;
    let text = ana.call("recovery.create", json!({"workspace": ws})).await["recovery"].as_str().unwrap().to_owned();
    converged(&[&ana, &ben], &ws).await;
    ben.until("Ben sees a key, no person", async |ben| {
        let all = ben.call("workspace.members", json!({"workspace": ws})).await;
        let rows = all["members"].as_array().unwrap().iter();
        let mut rows: Vec<_> = rows.map(|m| (m["name"].as_str().unwrap().to_owned(), m["recovery"] == true)).collect();
        rows.sort();
        rows == [("Ana".into(), false), ("Ben".into(), false), ("Recovery key of Ana".into(), true)]
    })
    .await;
    ana.engine.shutdown().await;
    ben.call("node.add", json!({"workspace": ws, "type": "generic", "label": "while Ana is gone"})).await;

    let anew = Peer::start("Ana anew").await;
    let status = ben.call("network.status", json!({})).await;
    anew.call("network.connect", json!({"addr": status["listening"][0]})).await;
    let broken = text.replace("recover#A", "recover#B");
    assert_eq!(anew.refused("recovery.use", json!({"recovery": broken})).await, "recovery_malformed");
    let answer = anew.call("recovery.use", json!({"recovery": text, "wait_ms": 20_000})).await;
    assert_eq!((answer["status"].as_str(), answer["role"].as_str()), (Some("member"), Some("owner")), "{answer}");
    let state = converged(&[&ben, &anew], &ws).await;
    assert!(state.contains("before") && state.contains("while Ana is gone"), "{state}");
    // An owner in full: the lost device goes, and with it its key.
    anew.call("member.remove", json!({"workspace": ws, "member": ben.engine.device()})).await;
    let again = anew.call("recovery.use", json!({"recovery": text})).await;
    assert_eq!(again["status"], "member");
}
