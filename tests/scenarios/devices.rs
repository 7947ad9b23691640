//! Several devices of one person, and closing, with real processes: two homes and the command line.

use omniscope_tests::headless::{Headless, Home, converged};
use omniscope_tests::shell::Shell;
use serde_json::{Value, json};

const LISTEN: [&str; 1] = ["/ip4/127.0.0.1/tcp/0"];

fn peer(place: &tempfile::TempDir, name: &'static str) -> Option<Headless> {
    Headless::start_with(name, &Home::of(place.path(), name), &LISTEN, None, &[])
}

fn add_node(peer: &mut Headless, ws: &str, label: &str) -> Result<Value, String> {
    peer.ask("node.add", &json!({"workspace": ws, "type": "generic", "label": label}))
}

fn members(peer: &mut Headless, ws: &str) -> Vec<Value> {
    peer.call("workspace.members", json!({"workspace": ws}))["members"].as_array().unwrap().clone()
}

#[test]
fn a_second_device_is_one_person_with_the_first_and_is_removed_by_itself() {
    let place = tempfile::tempdir().unwrap();
    let (Some(mut desk), Some(laptop)) = (peer(&place, "Desk"), Shell::over(&Home::of(place.path(), "Laptop"))) else {
        return;
    };
    let ws = desk.call("workspace.create", json!({"name": "Ours"}))["workspace"].as_str().unwrap().to_owned();
    desk.until("it listens", |p| !p.call("network.status", json!({}))["listening"].as_array().unwrap().is_empty());
    let link = Shell::over(&Home::of(place.path(), "Desk")).unwrap().json(&["device", "add", &ws])["link"].clone();
    let link = link.as_str().unwrap();
    assert!(link.starts_with("omniscope://device#"));
    // The second device, by its command line alone; the link comes on stdin.
    let command = ["--json", "device", "accept", "-", "--no-mdns", "--listen", LISTEN[0]];
    let joined = laptop.run_with(&command, link).ok().json();
    assert_eq!((&joined["status"], &joined["role"]), (&json!("member"), &json!("owner")), "{joined}");
    // The link was good for one device.
    let stranger = Shell::over(&Home::of(place.path(), "Stranger")).unwrap();
    assert_eq!(stranger.run_with(&command, link).exits(1).error(), "link_used_up");

    // It has no name of its own, and so its person's.
    let named = laptop.json(&["device", "list", &ws])["devices"].take();
    assert_eq!((&named[1]["you"], &named[1]["name"]), (&json!(true), &json!("Desk")), "{named}");
    assert_eq!(laptop.json(&["workspace", "members", &ws])["members"][0]["name"], "Desk");

    let mut laptop = peer(&place, "Laptop").unwrap();
    let called = |p: &mut Headless| p.call("device.list", json!({"workspace": ws}))["devices"][1]["name"].take();
    desk.until("the laptop has a name now", |p| called(p) == "Laptop");
    assert_eq!(members(&mut desk, &ws)[0]["name"], "Desk", "the person is called as before");
    add_node(&mut laptop, &ws, "by the laptop").unwrap();
    desk.until("the laptop's edit", |p| p.state(&ws).contains("by the laptop"));
    let all = members(&mut desk, &ws);
    assert_eq!(all.len(), 1, "one person: {all:?}");
    assert_eq!(all[0]["devices"].as_array().unwrap().len(), 2);
    let mine = laptop.call("device.list", json!({"workspace": ws}));
    assert_eq!((mine["person"].as_str(), mine["devices"][1]["you"].clone()), (Some(&*desk.device), json!(true)));
    // The laptop acts as the owner, but only the first device gives the ownership up.
    laptop.call("invite.create", json!({"workspace": ws, "role": "viewer"}));
    converged(&mut [&mut desk, &mut laptop], &ws);

    let device = laptop.device.clone();
    desk.call("device.remove", json!({"workspace": ws, "device": device}));
    laptop.until("the laptop knows", |p| p.call("workspace.show", json!({"workspace": ws}))["role"] == "none");
    assert_eq!(add_node(&mut laptop, &ws, "too late"), Err("removed".into()));
    assert!(desk.state(&ws).contains("by the laptop"), "what the removal had seen stays");
    assert_eq!(members(&mut desk, &ws)[0]["devices"], json!([desk.device]));
    assert_eq!(desk.ask("device.remove", &json!({"workspace": ws, "device": desk.device})), Err("last_device".into()));
    desk.stop();
    laptop.stop();
}

#[test]
fn a_closed_workspace_is_read_only_for_all_and_its_links_let_nobody_in() {
    let place = tempfile::tempdir().unwrap();
    let (Some(mut ana), Some(mut ben)) = (peer(&place, "Ana"), peer(&place, "Ben")) else { return };
    let ws = ana.call("workspace.create", json!({"name": "Done"}))["workspace"].as_str().unwrap().to_owned();
    add_node(&mut ana, &ws, "kept").unwrap();
    ana.until("it listens", |p| !p.call("network.status", json!({}))["listening"].as_array().unwrap().is_empty());
    ana.invite(&ws, &mut ben, "editor");
    let link = ana.call("invite.create", json!({"workspace": ws}))["link"].clone();
    let close = |name: &str| json!({"workspace": ws, "confirm": name});
    assert_eq!(ben.ask("workspace.close", &close("Done")), Err("not_allowed".into()));
    assert_eq!(ana.ask("workspace.close", &close("Other")), Err("not_confirmed".into()));
    ana.call("workspace.close", close("Done"));
    ben.until("Ben knows", |p| p.call("workspace.show", json!({"workspace": ws}))["status"] == "closed");
    for peer in [&mut ana, &mut ben] {
        assert_eq!(add_node(peer, &ws, "late"), Err("workspace_closed".into()));
        assert!(peer.state(&ws).contains("kept"));
    }
    assert_eq!(ana.ask("invite.create", &json!({"workspace": ws})), Err("workspace_closed".into()));
    let mut cem = peer(&place, "Cem").unwrap();
    assert_eq!(cem.ask("join", &json!({"link": link, "wait_ms": 20_000})), Err("link_revoked".into()));
    for peer in [ana, ben, cem] {
        peer.stop();
    }
}
