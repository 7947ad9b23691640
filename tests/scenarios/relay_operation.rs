//! A relay under its operator's hand: tokens, settings, signals, backups, figures.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use omniscope_tests::headless::{Headless, Home, LOOPBACK};
use omniscope_tests::process::{Process, program};
use omniscope_tests::relay::{Relay, order};
use serde_json::json;

/// Any free port; somebody else could take it meanwhile, but hardly ever does.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn keep(place: &Path, relay: &Relay, token: &str) -> (Headless, String) {
    let mut ana = Headless::start_with("Ana", &Home::of(place, "Ana"), &LOOPBACK, None, &[]).unwrap();
    let ws = ana.call("workspace.create", json!({"name": "W"}))["workspace"].as_str().unwrap().to_owned();
    ana.call("relay.add", json!({"workspace": ws, "addr": relay.addr, "token": token}));
    ana.until("it is kept", |p| {
        let relay = p.call("relay.list", json!({"workspace": ws}))["relays"][0].clone();
        relay["state"] == "kept" && relay["behind"] == 0
    });
    (ana, ws)
}

#[test]
fn a_relay_is_run_from_first_token_to_restored_backup() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("relay");
    let port = free_port();
    let Some(relay) = Relay::start(&data, &["--admin", &format!("127.0.0.1:{port}")]) else { return };
    let (ana, ws) = keep(place.path(), &relay, &relay.order(&["register"]));
    assert!(get(port, "/healthz").ends_with("ok\n") && get(port, "/readyz").ends_with("ready\n"));
    let figures = get(port, "/metrics");
    assert!(figures.contains("omniscope_relay_requests_total{kind=\"push\"}"), "{figures}");
    assert!(!figures.contains(&ws) && !figures.contains(&ana.device), "no ids in figures");
    assert!(get(port, "/").contains("omniscope-relay"));
    assert!(relay.order(&["workspaces"]).starts_with(&ws));

    // Copied while it runs, moved to another port, restored elsewhere: the same relay.
    let copy = place.path().join("backups/today");
    relay.order(&["backup", copy.to_str().unwrap()]);
    ana.stop();
    let began = Instant::now();
    let peer_id = relay.addr.rsplit('/').next().unwrap().to_owned();
    relay.stop();
    println!("stopped within {:?}", began.elapsed());
    let program = program("omniscope-relay").unwrap();
    let elsewhere = place.path().join("elsewhere");
    assert!(order(&program, &elsewhere, &["restore", copy.to_str().unwrap()]).status.success());
    let again = Relay::start(&elsewhere, &[]).unwrap();
    assert!(again.addr.ends_with(&peer_id), "the address names the same relay");
    assert!(again.order(&["workspaces"]).starts_with(&ws));
    assert_eq!(again.order(&["print-peer-id"]), peer_id);

    assert_eq!(again.order(&["unregister", &ws]), "unregistered; what was kept of it is dropped");
    assert_eq!(again.order(&["workspaces"]), "");
    let missing = order(&program, &elsewhere, &["unregister", &ws]);
    assert!(!missing.status.success() && missing.stdout.is_empty());
}

#[test]
fn a_relay_that_moved_is_used_at_its_new_address_by_all_and_the_old_one_takes_nothing_along() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("relay");
    let Some(relay) = Relay::start(&data, &[]) else { return };
    let (mut ana, ws) = keep(place.path(), &relay, &relay.order(&["register"]));
    let mut ben = Headless::start_with("Ben", &Home::of(place.path(), "Ben"), &LOOPBACK, None, &[]).unwrap();
    ana.invite(&ws, &mut ben, "editor");
    let old = relay.addr.clone();
    let listed = |p: &mut Headless, addr: &str| {
        let relays = p.call("relay.list", json!({"workspace": ws}))["relays"].take();
        relays.as_array().is_some_and(|all| all.len() == 1 && all[0]["addr"] == addr && all[0]["state"] == "kept")
    };
    ben.until("Ben uses it", |p| listed(p, &old));

    relay.stop();
    let moved = Relay::start_at(&data, &format!("/ip4/127.0.0.1/tcp/{}", free_port()), &[]).unwrap();
    assert!(moved.addr != old && moved.addr.ends_with(old.rsplit('/').next().unwrap()), "the same relay, elsewhere");
    ana.call("relay.add", json!({"workspace": ws, "addr": moved.addr}));
    for peer in [&mut ana, &mut ben] {
        peer.until("the new address took the old one's place", |p| listed(p, &moved.addr));
    }
    let removed =
        |p: &mut Headless, addr: &str| p.call("relay.remove", json!({"workspace": ws, "addr": addr}))["removed"].take();
    assert_eq!(removed(&mut ana, &old), json!(false), "it is not in use");
    assert!(listed(&mut ana, &moved.addr));
    assert_eq!(removed(&mut ana, &moved.addr), json!(true));
    ana.until("it is used no more", |p| p.call("network.status", json!({}))["relays"] == json!([]));
}

#[test]
fn by_websocket_alone_a_member_uses_its_mailbox_and_is_reached() {
    let place = tempfile::tempdir().unwrap();
    let Some(relay) = Relay::start_at(&place.path().join("relay"), "/ip4/127.0.0.1/tcp/0/ws", &[]) else { return };
    assert!(relay.addr.contains("/ws/p2p/"), "{}", relay.addr);
    let (mut ana, _) = keep(place.path(), &relay, &relay.order(&["register"]));
    ana.until("Ana can be reached", |p| p.call("network.status", json!({}))["relays"][0]["state"] == "up");
}

#[test]
fn a_device_that_was_shut_out_stays_out_until_it_is_let_in_again() {
    let place = tempfile::tempdir().unwrap();
    let Some(relay) = Relay::start(&place.path().join("relay"), &[]) else { return };
    let (mut ana, ws) = keep(place.path(), &relay, &relay.order(&["register"]));
    let state = |p: &mut Headless| p.call("relay.list", json!({"workspace": ws}))["relays"][0]["state"].clone();
    relay.order(&["block", &ana.device]);
    ana.until("Ana is shut out", |p| state(p) != "kept");
    ana.call("node.add", json!({"workspace": ws, "type": "generic", "label": "meanwhile"}));
    relay.order(&["block", "--lift", &ana.device]);
    ana.until("Ana is let in again", |p| {
        state(p) == "kept" && p.call("relay.list", json!({"workspace": ws}))["relays"][0]["behind"] == 0
    });
}

#[test]
fn the_first_start_prints_one_token_and_it_registers_one_workspace() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("relay");
    let Some(relay_program) = program("omniscope-relay") else { return };
    let log = place.path().join("log");
    let start = |listen: &str| {
        let mut command = Command::new(&relay_program);
        command.args(["--listen", listen, "--log-format", "json", "--data-dir"]).arg(&data);
        command.stderr(std::fs::File::create(&log).unwrap());
        Process::spawn(command)
    };
    let relay = start("/ip4/127.0.0.1/tcp/0");
    let addr = relay.until("/ip4/127.0.0.1/");
    let said = std::fs::read_to_string(&log).unwrap();
    let token = said.lines().find_map(|line| line.rsplit_once("workspace: ")).unwrap().1.to_owned();
    let mut ana = Headless::start_with("Ana", &Home::of(place.path(), "Ana"), &LOOPBACK, None, &[]).unwrap();
    for (name, state) in [("first", "kept"), ("second", "refused")] {
        let ws = ana.call("workspace.create", json!({"name": name}))["workspace"].as_str().unwrap().to_owned();
        ana.call("relay.add", json!({"workspace": ws, "addr": addr, "token": token}));
        ana.until(state, |p| p.call("relay.list", json!({"workspace": ws}))["relays"][0]["state"] == state);
    }
    assert!(relay.terminate().success());
    let said = std::fs::read_to_string(&log).unwrap();
    let lines = said.lines().filter(|line| line.starts_with('{'));
    let lines: Vec<serde_json::Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["message"] == "the relay is ready"), "{said}");
    assert!(!said.contains("127.0.0.1"), "no addresses in the log");
    let again = start("/ip4/127.0.0.1/tcp/0");
    again.until("/ip4/127.0.0.1/");
    assert!(!std::fs::read_to_string(&log).unwrap().contains("registration token"), "one token, once");
}

#[test]
fn settings_come_from_flags_else_the_environment_else_the_file_and_errors_say_what_was_expected() {
    let place = tempfile::tempdir().unwrap();
    let Some(relay) = program("omniscope-relay") else { return };
    let file = place.path().join("relay.toml");
    let check = |text: &str, words: &[&str], environment: &[(&str, &str)]| {
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new(&relay);
        command.arg("--config").arg(&file).args(["--data-dir", "/nowhere"]).args(words).arg("check-config");
        let output = command.envs(environment.iter().copied()).output().unwrap();
        let said = if output.status.success() { output.stdout } else { output.stderr };
        (output.status.success(), String::from_utf8(said).unwrap())
    };
    let text = "policy = \"open\"\nlisten = [\"/ip4/127.0.0.1/tcp/1\"]\n[mailbox]\nretention_days = 7\n";
    let env = [("OMNISCOPE_RELAY_LISTEN", "/ip4/127.0.0.1/tcp/2")];
    let (ok, said) = check(text, &[], &[]);
    assert!(
        ok && said.contains("policy = open")
            && said.contains("tcp/1")
            && said.contains("\n[mailbox]\n")
            && said.contains("\nretention_days = 7\n"),
        "{said}"
    );
    assert!(check(text, &[], &env).1.contains("tcp/2"));
    let (_, said) = check(text, &["--policy", "members", "--listen", "/ip4/127.0.0.1/tcp/3"], &env);
    assert!(said.contains("policy = members") && said.contains("tcp/3"), "{said}");
    let (ok, said) = check("polcy = \"open\"\n", &[], &[]);
    assert!(!ok && said.contains("polcy") && said.contains("policy"), "{said}");
    let (ok, said) = check("policy = \"closed\"\n", &[], &[]);
    assert!(!ok && said.contains("expected the policy members or open"), "{said}");
}

#[test]
fn a_workspace_in_which_nothing_happens_leaves_memory_and_is_there_when_somebody_asks() {
    let place = tempfile::tempdir().unwrap();
    let (port, settings) = (free_port(), place.path().join("relay.toml"));
    std::fs::write(&settings, "[mailbox]\nin_memory_seconds = 4\n").unwrap();
    let admin = format!("127.0.0.1:{port}");
    let more = ["--admin", &admin, "--config", settings.to_str().unwrap()];
    let Some(relay) = Relay::start(&place.path().join("relay"), &more) else { return };
    let (mut ana, ws) = keep(place.path(), &relay, &relay.order(&["register"]));
    let in_memory = |n: u8| get(port, "/metrics").contains(&format!("omniscope_relay_workspaces_in_memory {n}\n"));
    ana.until("it is in memory", |_| in_memory(1));
    let listed = relay.order(&["workspaces"]);
    ana.until("it leaves memory, though Ana is connected", |_| in_memory(0));
    assert_eq!(relay.order(&["workspaces"]), listed);

    let kept = |p: &mut Headless| {
        let relay = p.call("relay.list", json!({"workspace": ws}))["relays"][0].clone();
        let unsent = p.call("workspace.show", json!({"workspace": ws}))["unsent"].clone();
        relay["state"] == "kept" && relay["behind"] == 0 && unsent == 0
    };
    ana.call("node.add", json!({"workspace": ws, "type": "generic", "label": "later"}));
    ana.until("what she adds is kept", kept);
    assert!(in_memory(0), "it goes on where the log ends");
    assert_ne!(relay.order(&["workspaces"]), listed);
    ana.call("invite.create", json!({"workspace": ws, "role": "editor"}));
    ana.until("a link is kept, too", kept);
    ana.until("for which the log was read", |_| in_memory(1));
}
