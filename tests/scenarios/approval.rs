//! Links by which one asks and an owner lets in or declines, with real processes.

use omniscope_tests::headless::{Headless, Home, converged};
use omniscope_tests::relay::Relay;
use omniscope_tests::shell::Shell;
use serde_json::{Value, json};

const LISTEN: [&str; 1] = ["/ip4/127.0.0.1/tcp/0"];

fn peer(place: &tempfile::TempDir, name: &'static str) -> Option<Headless> {
    Headless::start_with(name, &Home::of(place.path(), name), &LISTEN, None, &[])
}

/// Where a peer listens, once it does.
fn address(peer: &mut Headless) -> Value {
    let mut found = Value::Null;
    peer.until("it listens", |p| {
        found = p.call("network.status", json!({}))["listening"][0].clone();
        found.is_string()
    });
    found
}

fn add_node(peer: &mut Headless, ws: &str, label: &str) {
    peer.call("node.add", json!({"workspace": ws, "type": "generic", "label": label}));
}

/// A workspace of Ana's with one step, and a link by request.
fn workspace_with_link(ana: &mut Headless, role: &str) -> (String, Value) {
    let ws = ana.call("workspace.create", json!({"name": "Ours"}))["workspace"].as_str().unwrap().to_owned();
    add_node(ana, &ws, "by Ana");
    address(ana);
    let made = ana.call("invite.create", json!({"workspace": ws, "role": role, "approve": true}));
    assert_eq!(made["approve"], true);
    (ws, made)
}

/// Asks, and waits until an owner's device has heard of it.
fn ask(guest: &mut Headless, link: &Value) {
    let answer = guest.call("join", json!({"link": link}));
    assert_eq!((&answer["status"], &answer["code"]), (&json!("pending"), &json!("awaits_approval")), "{answer}");
    guest.event("an owner keeps the request", |e| {
        e["method"] == "join_pending" && e["params"]["code"] == "awaits_approval"
    });
}

fn requests(owner: &mut Headless, ws: &str) -> Vec<Value> {
    owner.call("invite.requests", json!({"workspace": ws}))["requests"].as_array().unwrap().clone()
}

fn members(peer: &mut Headless, ws: &str) -> usize {
    peer.call("workspace.members", json!({"workspace": ws}))["members"].as_array().unwrap().len()
}

fn until_role(peer: &mut Headless, ws: &str, role: &str) {
    peer.until(role, |p| p.ask("workspace.show", &json!({"workspace": ws})).is_ok_and(|w| w["role"] == role));
}

fn kept(peer: &mut Headless, ws: &str) {
    peer.until("the relay holds all of it", |p| {
        let relay = p.call("relay.list", json!({"workspace": ws}))["relays"][0].take();
        relay["state"] == "kept" && relay["behind"] == 0
    });
}

fn failed(guest: &mut Headless, code: &str) {
    guest.event(code, |e| e["method"] == "join_failed" && e["params"]["code"] == code);
}

#[test]
fn who_asks_by_a_link_is_let_in_by_an_owner_or_told_that_it_is_not() {
    let place = tempfile::tempdir().unwrap();
    let (Some(mut ana), Some(mut ben)) = (peer(&place, "Ana"), peer(&place, "Ben")) else { return };
    let (ws, made) = workspace_with_link(&mut ana, "editor");
    let link = &made["link"];
    let shown = ben.call("invite.inspect", json!({"link": link}));
    assert_eq!((&shown["approve"], &shown["problem"]), (&json!(true), &Value::Null));
    ask(&mut ben, link);
    let heard = ana.event("Ana hears of it", |e| e["method"] == "join_requested");
    assert_eq!((&heard["params"]["device"], &heard["params"]["name"]), (&json!(ben.device), &json!("Ben")));
    assert_eq!(members(&mut ana, &ws), 1, "a link by request lets nobody in by itself");

    // The request outlives the process that heard it.
    ana.stop();
    let mut ana = peer(&place, "Ana").unwrap();
    let shell = Shell::over(&Home::of(place.path(), "Ana")).unwrap();
    let kept = shell.json(&["invite", "requests", &ws])["requests"].take();
    assert_eq!((&kept[0]["device"], &kept[0]["role"]), (&json!(ben.device), &json!("editor")), "{kept}");
    let approved = shell.json(&["invite", "approve", &ws, &ben.device[..8]]);
    assert_eq!(approved, json!({"device": ben.device, "role": "editor"}));
    assert_eq!(requests(&mut ana, &ws), [] as [Value; 0]);
    until_role(&mut ben, &ws, "editor");
    assert!(converged(&mut [&mut ana, &mut ben], &ws).contains("by Ana"), "the key was shared");
    add_node(&mut ben, &ws, "by Ben");
    ana.until("Ben's edit", |p| p.state(&ws).contains("by Ben"));

    // The same link, another device: declined, and declined again when it asks again.
    let mut cem = peer(&place, "Cem").unwrap();
    ask(&mut cem, link);
    let nobody = json!({"workspace": ws, "device": ben.device});
    assert_eq!(ana.ask("invite.decline", &nobody), Err("no_such_request".into()));
    assert_eq!(ben.ask("invite.requests", &json!({"workspace": ws})), Err("not_allowed".into()));
    ana.call("invite.decline", json!({"workspace": ws, "device": cem.device}));
    failed(&mut cem, "declined");
    assert_eq!(cem.ask("join", &json!({"link": link, "wait_ms": 20_000})), Err("declined".into()));

    // Revoked while somebody waits.
    let mut dan = peer(&place, "Dan").unwrap();
    ask(&mut dan, link);
    assert_eq!(requests(&mut ana, &ws).len(), 1);
    ana.call("invite.revoke", json!({"workspace": ws, "invite": made["invite"]}));
    failed(&mut dan, "link_revoked");
    assert_eq!(requests(&mut ana, &ws), [] as [Value; 0]);
    assert_eq!(members(&mut ben, &ws), 2);
    for peer in [ana, ben, cem, dan] {
        peer.stop();
    }
}

#[test]
fn another_owner_lets_in_who_asks_and_whoever_was_removed_comes_back_only_so() {
    let place = tempfile::tempdir().unwrap();
    let (Some(mut ana), Some(mut ben)) = (peer(&place, "Ana"), peer(&place, "Ben")) else { return };
    let (ws, made) = workspace_with_link(&mut ana, "viewer");
    ana.invite(&ws, &mut ben, "editor");
    ana.call("member.role", json!({"workspace": ws, "member": ben.device, "role": "owner"}));
    until_role(&mut ben, &ws, "owner");
    converged(&mut [&mut ana, &mut ben], &ws);
    let to_ben = address(&mut ben);
    ana.stop();
    let mut eve = peer(&place, "Eve").unwrap();
    eve.call("network.connect", json!({"addr": to_ben}));
    ask(&mut eve, &made["link"]);
    ben.call("invite.approve", json!({"workspace": ws, "device": eve.device}));
    until_role(&mut eve, &ws, "viewer");
    assert!(converged(&mut [&mut ben, &mut eve], &ws).contains("by Ana"));
    let mut ana = peer(&place, "Ana").unwrap();
    ana.until("Ana knows Eve", |p| members(p, &ws) == 3);

    // Removed, with the links that she is known to have seen.
    let removed = ana.call("member.remove", json!({"workspace": ws, "member": eve.device}));
    assert_eq!(removed["revoked"], 1, "{removed}");
    eve.until("Eve is told", |p| p.call("workspace.show", json!({"workspace": ws}))["status"] == "removed");
    assert_eq!(eve.ask("join", &json!({"link": made["link"], "wait_ms": 20_000})), Err("link_revoked".into()));
    let made = ana.call("invite.create", json!({"workspace": ws, "approve": true}));
    ask(&mut eve, &made["link"]);
    // Ben, an owner too, may have been the first to hear of it.
    ana.until("Ana hears of it", |p| requests(p, &ws).len() == 1);
    ana.call("invite.approve", json!({"workspace": ws, "device": eve.device}));
    until_role(&mut eve, &ws, "viewer");
    add_node(&mut ana, &ws, "later");
    eve.until("Eve reads on", |p| p.state(&ws).contains("later"));
    for peer in [ana, ben, eve] {
        peer.stop();
    }
}

/// Ben and Ana are never there at the same time: the relay keeps what Ben asks, and what Ana answers.
#[test]
fn a_relay_keeps_a_request_until_an_owner_comes_and_the_answer_until_the_guest_does() {
    let place = tempfile::tempdir().unwrap();
    let Some(relay) = Relay::start(&place.path().join("relay"), &[]) else { return };
    let mut ana = peer(&place, "Ana").unwrap();
    let ws = ana.call("workspace.create", json!({"name": "Ours"}))["workspace"].as_str().unwrap().to_owned();
    let token = relay.order(&["register"]);
    ana.call("relay.add", json!({"workspace": ws, "addr": relay.addr, "token": token}));
    add_node(&mut ana, &ws, "by Ana");
    let asked = json!({"workspace": ws, "role": "editor", "approve": true});
    let link = ana.call("invite.create", asked)["link"].clone();
    kept(&mut ana, &ws);
    ana.stop();

    let [mut ben, mut cem] = ["Ben", "Cem"].map(|name| peer(&place, name).unwrap());
    ask(&mut ben, &link);
    ask(&mut cem, &link);
    let [ben_id, cem_id] = [&ben, &cem].map(|peer| peer.device.clone());
    ben.stop();
    cem.stop();
    let mut ana = peer(&place, "Ana").unwrap();
    ana.until("both requests", |p| requests(p, &ws).len() == 2);
    assert!(requests(&mut ana, &ws).iter().all(|r| r["name"].is_null()), "a relay is told no names");
    let of = |device: &str| json!({"workspace": ws, "device": device});
    ana.call("invite.decline", of(&cem_id));
    ana.call("invite.approve", of(&ben_id));
    kept(&mut ana, &ws);
    ana.until("nobody waits", |p| requests(p, &ws).is_empty());
    ana.stop();

    let mut ben = peer(&place, "Ben").unwrap();
    until_role(&mut ben, &ws, "editor");
    ben.until("Ben reads", |p| p.state(&ws).contains("by Ana"));
    let mut cem = peer(&place, "Cem").unwrap();
    failed(&mut cem, "declined");
    assert_eq!(members(&mut ben, &ws), 2);
    for peer in [ben, cem] {
        peer.stop();
    }
    drop(relay);
}
