//! A workspace is closed, and its mailbox at a relay emptied, with real processes. Who comes late hears of it from the relay
//! and has the rest from the members.

use std::path::Path;

use omniscope_protocol::identity::OpId;
use omniscope_protocol::op::{Body, Op};
use omniscope_tests::headless::{Headless, Home, converged};
use omniscope_tests::relay::Relay;
use serde_json::json;

const LISTEN: [&str; 1] = ["/ip4/127.0.0.1/tcp/0"];

fn peer(place: &tempfile::TempDir, name: &'static str) -> Option<Headless> {
    Headless::start_with(name, &Home::of(place.path(), name), &LISTEN, None, &[])
}

fn add_node(peer: &mut Headless, ws: &str, label: &str) -> Result<(), String> {
    peer.ask("node.add", &json!({"workspace": ws, "type": "generic", "label": label})).map(drop)
}

fn kept(peer: &mut Headless, ws: &str) {
    peer.until("the relay holds all of it", |p| {
        let relay = p.call("relay.list", json!({"workspace": ws}))["relays"][0].take();
        relay["state"] == "kept" && relay["behind"] == 0
    });
}

/// The relay's rows: ops that are whole, and husks.
fn rows(folder: &Path) -> (Vec<Op>, Vec<Op>) {
    let database = rusqlite::Connection::open(folder.join("relay.sqlite3")).unwrap();
    let mut select = database.prepare("SELECT id, bytes FROM op").unwrap();
    let rows = select.query_map([], |row| Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, Vec<u8>>(1)?))).unwrap();
    let (mut whole, mut husks) = (Vec::new(), Vec::new());
    for (id, bytes) in rows.map(Result::unwrap) {
        match Op::from_husk(OpId(id), &bytes) {
            Some(husk) => husks.push(husk),
            None => whole.push(Op::decode(&bytes).unwrap()),
        }
    }
    (whole, husks)
}

fn sealed_texts(ops: &[Op]) -> Vec<Vec<u8>> {
    ops.iter().filter_map(|op| op.sealed()).map(|sealed| sealed.bytes.clone()).filter(|text| !text.is_empty()).collect()
}

fn held(folder: &Path, texts: &[Vec<u8>]) -> usize {
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap_or_default();
    let disk = [read("relay.sqlite3"), read("relay.sqlite3-wal")].concat();
    texts.iter().filter(|text| disk.windows(32).any(|window| window == &text[..32])).count()
}

#[test]
fn closing_empties_the_mailbox_and_who_comes_late_hears_of_it_and_has_all_from_members() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("relay");
    let Some(relay) = Relay::start(&folder, &[]) else { return };
    let (mut ana, mut ben) = (peer(&place, "Ana").unwrap(), peer(&place, "Ben").unwrap());
    let ws = ana.call("workspace.create", json!({"name": "Done"}))["workspace"].as_str().unwrap().to_owned();
    let token = relay.order(&["register"]);
    ana.call("relay.add", json!({"workspace": ws, "addr": relay.addr, "token": token}));
    add_node(&mut ana, &ws, "seen by Ben").unwrap();
    ana.invite(&ws, &mut ben, "editor");
    converged(&mut [&mut ana, &mut ben], &ws);
    kept(&mut ben, &ws);
    ben.stop();
    add_node(&mut ana, &ws, "unseen by Ben").unwrap();
    ana.call("invite.create", json!({"workspace": ws, "attester": "relay"}));
    kept(&mut ana, &ws);
    let texts = sealed_texts(&rows(&folder).0);
    assert!(texts.len() >= 3 && held(&folder, &texts) == texts.len(), "{} sealed texts lie there", texts.len());

    ana.call("workspace.close", json!({"workspace": ws, "confirm": "Done"}));
    kept(&mut ana, &ws);
    let deadline = std::time::Instant::now() + omniscope_tests::process::PATIENCE;
    while held(&folder, &texts) > 0 {
        assert!(std::time::Instant::now() < deadline, "{} texts are still there", held(&folder, &texts));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let (whole, husks) = rows(&folder);
    assert!(whole.iter().all(|op| op.husk().is_none()) && whole.iter().any(|op| matches!(op.body, Body::Close { .. })));
    assert!(husks.len() >= texts.len() && sealed_texts(&husks).is_empty());
    ana.stop();

    // After a restart the relay judges by what is left, and tells Ben alone.
    let at = relay.place().to_owned();
    relay.stop();
    let relay = Relay::start_at(&folder, &at, &[]).unwrap();
    let mut ben = peer(&place, "Ben").unwrap();
    ben.until("Ben knows", |p| p.call("workspace.show", json!({"workspace": ws}))["status"] == "closed");
    assert_eq!(add_node(&mut ben, &ws, "late"), Err("workspace_closed".into()));
    assert!(ben.state(&ws).contains("seen by Ben\"") && !ben.state(&ws).contains("unseen by Ben"));
    ben.stop();
    let mut ben = peer(&place, "Ben").unwrap();
    assert_eq!(ben.call("workspace.list", json!({}))["workspaces"][0]["status"], "closed", "it is kept");

    let mut ana = peer(&place, "Ana").unwrap();
    ben.until("Ben has the rest", |p| p.state(&ws).contains("unseen by Ben"));
    converged(&mut [&mut ana, &mut ben], &ws);
    for peer in [ana, ben] {
        peer.stop();
    }
    drop(relay);
}
