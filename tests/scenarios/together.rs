//! People at work together: real engines over loopback.

use omniscope_engine::event::Event;
use omniscope_engine::pipeline::SAMPLE_RNASEQ;
use omniscope_tests::peers::{Peer, converged};
use serde_json::{Value, json};

async fn workspace_of(ana: &Peer) -> String {
    let made = ana.call("workspace.create", json!({"name": "RNA-seq"})).await;
    made["workspace"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_edit_one_pipeline_online_and_offline() {
    let (ana, ben) = (Peer::start("Ana").await, Peer::start("Ben").await);
    let ws = workspace_of(&ana).await;
    let imported = ana.call("pipeline.import", json!({"workspace": ws, "content": SAMPLE_RNASEQ})).await;
    assert!(imported["nodes"].as_u64().unwrap() > 10);
    ana.invite(&ws, &ben, "editor").await;
    let before = converged(&[&ana, &ben], &ws).await;

    let from_ana = ana.call("node.add", json!({"workspace": ws, "type": "generic", "label": "By Ana"})).await;
    let from_ben = ben.call("node.add", json!({"workspace": ws, "type": "generic", "label": "By Ben"})).await;
    let online = converged(&[&ana, &ben], &ws).await;
    assert!(online.contains("By Ana") && online.contains("By Ben") && online != before);

    for peer in [&ana, &ben] {
        peer.call("network.set", json!({"online": false})).await;
    }
    ana.call("node.set", json!({"workspace": ws, "node": from_ben["node"], "params": {"threads": 8}})).await;
    ben.call("node.note", json!({"workspace": ws, "node": from_ana["node"], "text": "offline 🧬"})).await;
    assert_ne!(ana.state(&ws).await, ben.state(&ws).await);
    for peer in [&ana, &ben] {
        peer.call("network.set", json!({"online": true})).await;
    }
    let merged = converged(&[&ana, &ben], &ws).await;
    assert!(merged.contains("\"threads\":8") && merged.contains("offline 🧬"));
    let synced = ana.call("workspace.sync", json!({"workspace": ws, "wait_ms": 10_000})).await;
    assert_eq!(synced["converged"], true, "{synced}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_lets_in_once_and_a_viewer_writes_nothing() {
    let (ana, ben, cara) = (Peer::start("Ana").await, Peer::start("Ben").await, Peer::start("Cara").await);
    let ws = workspace_of(&ana).await;
    ana.listening().await;
    let link = ana.call("invite.create", json!({"workspace": ws, "role": "viewer"})).await["link"].clone();
    let joined = ben.call("join", json!({"link": link, "wait_ms": 20_000})).await;
    assert_eq!(joined["status"], "member");
    assert_eq!(cara.refused("join", json!({"link": link, "wait_ms": 20_000})).await, "link_used_up");
    ben.until("the history is there", async |p| p.state(&ws).await.contains("RNA-seq")).await;
    assert_eq!(ben.refused("node.add", json!({"workspace": ws, "type": "generic"})).await, "not_allowed");
    assert_eq!(ben.refused("invite.create", json!({"workspace": ws})).await, "not_allowed");
    let again = ben.call("join", json!({"link": link})).await;
    assert_eq!(again["status"], "member");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoked_and_expired_links_say_so() {
    let (ana, ben) = (Peer::start("Ana").await, Peer::start("Ben").await);
    let ws = workspace_of(&ana).await;
    ana.listening().await;
    let made = ana.call("invite.create", json!({"workspace": ws})).await;
    ana.call("invite.revoke", json!({"workspace": ws, "invite": made["invite"]})).await;
    assert_eq!(ben.refused("join", json!({"link": made["link"], "wait_ms": 20_000})).await, "link_revoked");
    let expired = ana.call("invite.create", json!({"workspace": ws, "expires": "0"})).await;
    assert_eq!(ben.refused("join", json!({"link": expired["link"]})).await, "link_expired");
    assert_eq!(ben.refused("join", json!({"link": "omniscope://join#nonsense"})).await, "link_malformed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joining_and_a_clean_leave_are_noticed_at_once() {
    let (ana, ben) = (Peer::start("Ana").await, Peer::start("Ben").await);
    let ws = workspace_of(&ana).await;
    let mut events = ana.engine.subscribe();
    ana.invite(&ws, &ben, "editor").await;
    ana.event(&mut events, "Ben joined", |e| matches!(e, Event::UserJoined { .. })).await;
    ben.call("cursor.move", json!({"workspace": ws, "x": 10.5, "y": -3.0})).await;
    let moved = ana.event(&mut events, "a cursor", |e| matches!(e, Event::CursorUpdated { .. })).await;
    let Event::CursorUpdated { pointer, .. } = &*moved else { unreachable!() };
    assert_eq!(*pointer, json!({"x": 10.5, "y": -3.0}));
    ben.engine.shutdown().await;
    ana.event(&mut events, "Ben left", |e| matches!(e, Event::UserLeft { .. })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_is_restored_as_a_new_edit_and_everything_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let ana = Peer::start_in("Ana", dir.path()).await;
    let ws = workspace_of(&ana).await;
    ana.call("pipeline.import", json!({"workspace": ws, "content": SAMPLE_RNASEQ})).await;
    let first = ana.state(&ws).await;
    ana.call("version.create", json!({"workspace": ws, "name": "as imported"})).await;
    ana.call("node.add", json!({"workspace": ws, "type": "generic", "label": "later"})).await;
    let later = ana.state(&ws).await;
    let restored = ana.call("version.restore", json!({"workspace": ws, "version": "as imported"})).await;
    assert!(restored["changed"].as_u64().unwrap() > 0);
    assert_eq!(ana.state(&ws).await, first);
    assert_ne!(first, later);
    ana.call("workspace.persist", json!({"workspace": ws})).await;
    ana.engine.shutdown().await;
    drop(ana);
    let ana = Peer::start_in("Ana", dir.path()).await;
    assert_eq!(ana.state(&ws).await, first);
    let listed = ana.call("workspace.list", json!({})).await;
    assert_eq!(listed["workspaces"][0]["name"], "RNA-seq");
    assert_eq!(listed["workspaces"][0]["role"], "owner");
    let statistics = ana.call("workspace.show", json!({"workspace": ws})).await["statistics"].clone();
    assert_eq!((statistics["members"].as_u64(), statistics["online"].as_u64()), (Some(1), Some(1)), "{statistics}");
    assert!(statistics["edits_today"].as_u64().unwrap() > 3, "{statistics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_is_renamed_by_another_editor_stays_one_version_of_the_same_state() {
    let (ana, ben) = (Peer::start("Ana").await, Peer::start("Ben").await);
    let ws = workspace_of(&ana).await;
    ana.invite(&ws, &ben, "editor").await;
    let saved = ana.call("version.create", json!({"workspace": ws, "name": "Version of today"})).await;
    let first = ana.state(&ws).await;
    ana.call("node.add", json!({"workspace": ws, "type": "generic", "label": "later"})).await;
    converged(&[&ana, &ben], &ws).await;
    let named = json!({"workspace": ws, "version": "Version of today", "name": "As submitted"});
    let renamed = ben.call("version.rename", named).await;
    assert_eq!(renamed, json!({"version": saved["version"], "name": "As submitted"}));
    let name = async |p: &Peer| p.call("version.list", json!({"workspace": ws})).await["versions"][0]["name"].take();
    for peer in [&ana, &ben] {
        peer.until("the name is there", async |p| name(p).await == "As submitted").await;
        let versions = peer.call("version.list", json!({"workspace": ws})).await["versions"].take();
        assert_eq!(versions.as_array().unwrap().len(), 1, "{versions}");
        assert_eq!((&versions[0]["name"], &versions[0]["author"]["name"]), (&json!("As submitted"), &json!("Ana")));
        let history = peer.call("history.list", json!({"workspace": ws})).await["entries"].take();
        let told =
            |kind: &str| history.as_array().unwrap().iter().find(|entry| entry["kind"] == kind).cloned().unwrap();
        assert_eq!(told("version")["details"], renamed, "the line of the version has its name of today");
        assert_eq!(told("renamed")["authors"][0]["name"], "Ben");
    }
    ana.call("version.restore", json!({"workspace": ws, "version": "As submitted"})).await;
    assert_eq!(ana.state(&ws).await, first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_for_the_long_history_of_one_step_holds_up_nobody() {
    let ana = Peer::start("Ana").await;
    let ws = workspace_of(&ana).await;
    let node = ana.call("node.add", json!({"workspace": ws, "type": "generic", "label": "0"})).await["node"].take();
    for n in 0..=300 {
        // Signs what was gathered, so that each label is an edit of its own.
        ana.call("history.list", json!({"workspace": ws, "limit": 1})).await;
        ana.call("node.set", json!({"workspace": ws, "node": node, "label": n.to_string()})).await;
    }
    let order = std::sync::Mutex::new(Vec::new());
    let asked = async |what: &'static str, params: Value| {
        let answer = ana.call(what, params).await;
        order.lock().unwrap().push(what);
        answer
    };
    let (history, _) =
        tokio::join!(asked("history.list", json!({"workspace": ws, "node": node})), asked("profile.show", json!({})),);
    assert_eq!(*order.lock().unwrap(), ["profile.show", "history.list"], "the second question is answered first");
    let entries = history["entries"].as_array().unwrap();
    assert_eq!((entries.len(), &entries[0]["authors"][0]["edits"]), (2, &json!(300)), "{history}");
    assert_eq!(entries[0]["details"]["fields"][0]["after"], "300");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_of_steps_are_read_one_at_a_time() {
    let ana = Peer::start("Ana").await;
    let mut asked = Vec::new();
    for (name, edits) in [("long", 500), ("short", 1)] {
        let ws = ana.call("workspace.create", json!({"name": name})).await["workspace"].take();
        let node = ana.call("node.add", json!({"workspace": ws, "type": "generic", "label": "0"})).await["node"].take();
        for n in 1..edits {
            ana.call("history.list", json!({"workspace": ws, "limit": 1})).await;
            ana.call("node.set", json!({"workspace": ws, "node": node, "label": n.to_string()})).await;
        }
        asked.push(json!({"workspace": ws, "node": node}));
    }
    let order = std::sync::Mutex::new(Vec::new());
    let ask = async |which: usize| {
        ana.call("history.list", asked[which].clone()).await;
        order.lock().unwrap().push(which);
    };
    tokio::join!(ask(0), ask(1));
    assert_eq!(*order.lock().unwrap(), [0, 1], "the short one waits for the long one that was asked for before it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_hold_is_still_known_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (ana, ben) = (Peer::start_in("Ana", dir.path()).await, Peer::start("Ben").await);
    let ws = workspace_of(&ana).await;
    ana.invite(&ws, &ben, "editor").await;
    ana.call("node.add", json!({"workspace": ws, "type": "generic", "label": "seen by Ben"})).await;
    converged(&[&ana, &ben], &ws).await;
    let unsent = async |p: &Peer| p.call("workspace.show", json!({"workspace": ws})).await["unsent"].as_u64().unwrap();
    ana.until("Ben has everything", async |p| unsent(p).await == 0).await;
    ben.engine.shutdown().await;
    ana.call("node.add", json!({"workspace": ws, "type": "generic", "label": "not seen by Ben"})).await;
    let before = unsent(&ana).await;
    ana.engine.shutdown().await;
    drop(ana);
    let ana = Peer::start_in("Ana", dir.path()).await;
    assert_eq!((unsent(&ana).await, before), (1, 1), "nobody is there to ask, and still it is known");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_removed_while_away_is_told_and_can_save_what_it_did() {
    let (ana, ben) = (Peer::start("Ana").await, Peer::start("Ben").await);
    let ws = workspace_of(&ana).await;
    ana.invite(&ws, &ben, "editor").await;
    converged(&[&ana, &ben], &ws).await;
    let mut at_ben = ben.engine.subscribe();
    ben.call("network.set", json!({"online": false})).await;
    ben.call("node.add", json!({"workspace": ws, "type": "generic", "label": "done alone"})).await;
    ben.call("workspace.persist", json!({"workspace": ws})).await;
    ana.call("member.remove", json!({"workspace": ws, "member": ben.engine.device()})).await;
    ben.call("network.set", json!({"online": true})).await;
    ben.event(&mut at_ben, "Ben is told", |e| matches!(e, Event::Notice { code, .. } if code == "removed")).await;
    let listed = ben.call("workspace.list", json!({})).await["workspaces"][0].clone();
    assert_eq!((&listed["status"], &listed["role"]), (&json!("removed"), &json!("none")));
    let export = |mine: bool| ben.call("pipeline.export", json!({"workspace": ws, "mine": mine}));
    assert!(export(true).await["content"].as_str().unwrap().contains("done alone"));
    assert!(!ana.state(&ws).await.contains("done alone"));
    assert_eq!(ben.refused("node.add", json!({"workspace": ws, "type": "generic", "label": "x"})).await, "removed");
}
