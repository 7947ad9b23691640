//! The relay's mailbox with real processes: what was edited reaches those who are never online at the same time, joining
//! needs no member who is awake, and what was acknowledged survives.

use std::path::Path;
use std::time::{Duration, Instant};

use omniscope_engine::pipeline::SAMPLE_RNASEQ;
use omniscope_tests::headless::{Headless, Home, LOOPBACK, converged};
use omniscope_tests::process::PATIENCE;
use omniscope_tests::relay::Relay;
use omniscope_tests::rows::tier;
use serde_json::json;

fn peer(name: &'static str, place: &Path, relay: Option<&Relay>) -> Option<Headless> {
    Headless::start_with(name, &Home::of(place, name), &LOOPBACK, relay.map(|r| r.addr.as_str()), &[])
}

/// Founds a workspace with a pipeline, kept by a relay that asks for a token.
fn found(ana: &mut Headless, relay: &Relay) -> String {
    let made = ana.call("workspace.create", json!({"name": "RNA-seq"}));
    let ws = made["workspace"].as_str().unwrap().to_owned();
    ana.call("pipeline.import", json!({"workspace": ws, "content": SAMPLE_RNASEQ}));
    let token = relay.order(&["register"]);
    ana.call("relay.add", json!({"workspace": ws, "addr": relay.addr, "token": token}));
    ws
}

fn kept(peer: &mut Headless, ws: &str) {
    peer.until("the relay holds all of it", |p| {
        let list = p.call("relay.list", json!({"workspace": ws}));
        let unsent = p.call("workspace.show", json!({"workspace": ws}))["unsent"].clone();
        list["relays"]
            .as_array()
            .is_some_and(|all| all.iter().all(|r| r["state"] == "kept" && r["behind"] == 0) && !all.is_empty())
            && unsent == 0
    });
}

fn add(peer: &mut Headless, ws: &str, label: &str) {
    peer.call("node.add", json!({"workspace": ws, "type": "generic", "label": label}));
    peer.saved(ws);
}

#[test]
fn ana_goes_offline_for_good_and_ben_who_was_never_there_with_her_has_all_of_it() {
    let place = tempfile::tempdir().unwrap();
    let Some(relay) = Relay::start(&place.path().join("relay"), &[]) else { return };
    let mut ana = peer("Ana", place.path(), None).unwrap();
    let ws = found(&mut ana, &relay);
    let mut ben = peer("Ben", place.path(), None).unwrap();
    ana.invite(&ws, &mut ben, "editor");
    converged(&mut [&mut ana, &mut ben], &ws);
    kept(&mut ben, &ws);
    ben.stop();

    for n in 0..20 {
        add(&mut ana, &ws, &format!("after Ben left {n}"));
    }
    kept(&mut ana, &ws);
    let last = ana.state(&ws);
    ana.stop();
    std::fs::remove_dir_all(place.path().join("Ana")).unwrap();

    // The relay may restart meanwhile.
    let at = relay.place().to_owned();
    relay.stop();
    let relay = Relay::start_at(&place.path().join("relay"), &at, &[]).unwrap();
    let mut ben = peer("Ben", place.path(), None).unwrap();
    ben.until("Ben has what Ana did last", |p| p.state(&ws) == last);
    let peers = ben.call("network.status", json!({}))["peers"].clone();
    assert_eq!(peers, json!([]), "nobody else is there");
    drop(relay);
}

#[test]
fn a_link_that_the_relay_attests_lets_in_once_while_no_member_is_there() {
    let place = tempfile::tempdir().unwrap();
    let Some(relay) = Relay::start(&place.path().join("relay"), &[]) else { return };
    let mut ana = peer("Ana", place.path(), None).unwrap();
    let ws = found(&mut ana, &relay);
    kept(&mut ana, &ws);
    let asked = json!({"workspace": ws, "role": "editor", "attester": "relay"});
    let link = ana.call("invite.create", asked)["link"].clone();
    kept(&mut ana, &ws);
    // The key for the link is given after the invitation.
    let deposits = || {
        let db = rusqlite::Connection::open(relay.data.join("relay.sqlite3")).unwrap();
        db.query_row("SELECT count(*) FROM deposit", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    ana.until("the key lies at the relay", |_| deposits() == 1);
    let last = ana.state(&ws);
    ana.stop();

    let mut cara = peer("Cara", place.path(), None).unwrap();
    let wait = PATIENCE.as_millis() as u64;
    let joined = cara.call("join", json!({"link": link, "wait_ms": wait}));
    assert_eq!((joined["status"].as_str(), joined["role"].as_str()), (Some("member"), Some("editor")), "{joined}");
    cara.until("Cara reads the history", |p| p.state(&ws) == last);
    assert_eq!(deposits(), 0, "the key is forgotten with the use of the link");
    add(&mut cara, &ws, "by Cara");
    kept(&mut cara, &ws);
    let last = cara.state(&ws);

    let mut eve = peer("Eve", place.path(), None).unwrap();
    let refused = eve.ask("join", &json!({"link": link, "wait_ms": wait}));
    assert_eq!(refused, Err("link_used_up".to_owned()));
    cara.stop();

    let mut ana = peer("Ana", place.path(), None).unwrap();
    ana.until("Ana sees what Cara did", |p| p.state(&ws) == last);
    let members = ana.call("workspace.members", json!({"workspace": ws}))["members"].clone();
    let names: Vec<&str> = members.as_array().unwrap().iter().filter_map(|m| m["name"].as_str()).collect();
    assert!(names.contains(&"Cara") && !names.contains(&"Eve"), "{names:?}");
}

#[test]
fn a_relay_that_lost_everything_is_filled_again_by_an_owner() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("relay");
    let Some(relay) = Relay::start(&data, &[]) else { return };
    let mut ana = peer("Ana", place.path(), None).unwrap();
    let ws = found(&mut ana, &relay);
    kept(&mut ana, &ws);
    let at = relay.place().to_owned();
    relay.stop();
    for file in std::fs::read_dir(&data).unwrap().map(Result::unwrap) {
        if file.file_name() != "relay.key" {
            std::fs::remove_file(file.path()).unwrap();
        }
    }
    let relay = Relay::start_at(&data, &at, &[]).unwrap();
    ana.until("the relay asks for a token again", |p| {
        let list = p.call("relay.list", json!({"workspace": ws}));
        list["relays"][0]["state"] == "refused" && list["relays"][0]["code"] == "token_refused"
    });
    let token = relay.order(&["register"]);
    ana.call("relay.add", json!({"workspace": ws, "addr": relay.addr, "token": token}));
    kept(&mut ana, &ws);
    let listed = relay.order(&["workspaces"]);
    assert!(listed.starts_with(&ws) && listed.contains("members 1"), "{listed}");
}

#[test]
fn a_mailbox_is_wiped_again_and_again_and_who_was_away_has_all_of_it() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("relay");
    let start = |at: &str| Relay::start_at(&data, at, &["--policy", "open"]);
    let Some(mut relay) = start("/ip4/127.0.0.1/tcp/0") else { return };
    let at = relay.place().to_owned();
    let mut ana = peer("Ana", place.path(), None).unwrap();
    let ws = found(&mut ana, &relay);
    let mut ben = peer("Ben", place.path(), None).unwrap();
    ana.invite(&ws, &mut ben, "editor");
    converged(&mut [&mut ana, &mut ben], &ws);
    ben.stop();
    let (rounds, mut slowest) = (tier(5, 61), Duration::ZERO);
    for round in 0..rounds {
        relay.kill();
        for file in std::fs::read_dir(&data).unwrap().map(Result::unwrap) {
            if file.file_name() != "relay.key" {
                std::fs::remove_file(file.path()).unwrap();
            }
        }
        add(&mut ana, &ws, &format!("wiped {round}."));
        relay = start(&at).unwrap();
        assert_eq!(relay.order(&["workspaces"]), "", "it knows nothing any more");
        let back = Instant::now();
        let listed = |relay: &Relay| relay.order(&["workspaces"]);
        ana.until("the relay keeps the workspace again", |_| listed(&relay).starts_with(&ws));
        kept(&mut ana, &ws);
        slowest = slowest.max(back.elapsed());
    }
    println!("{rounds} wipes: all of it there again after {slowest:?} at most");
    let last = ana.state(&ws);
    ana.stop();
    let mut ben = peer("Ben", place.path(), None).unwrap();
    ben.until("Ben has what Ana did", |p| p.state(&ws) == last);
    assert!((0..rounds).all(|round| last.contains(&format!("\"wiped {round}.\""))));
}

#[test]
fn what_a_relay_acknowledged_is_there_after_kill_9() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("relay");
    let Some(mut relay) = Relay::start(&data, &[]) else { return };
    let mut ana = peer("Ana", place.path(), None).unwrap();
    let ws = found(&mut ana, &relay);
    kept(&mut ana, &ws);
    let (mut acknowledged, mut rounds) = (0u64, 0);
    for round in 0..6 {
        for n in 0..15 {
            add(&mut ana, &ws, &format!("{round} {n}"));
        }
        // Killed in the middle of taking in, at another moment each time.
        if round % 2 == 0 {
            kept(&mut ana, &ws);
        }
        let shown = ana.call("workspace.show", json!({"workspace": ws}));
        let behind = ana.call("relay.list", json!({"workspace": ws}))["relays"][0]["behind"].as_u64().unwrap();
        let promised = shown["ops"].as_u64().unwrap() - behind;
        let at = relay.place().to_owned();
        relay.kill();
        let db = rusqlite::Connection::open(data.join("relay.sqlite3")).unwrap();
        let there: u64 = db.query_row("SELECT count(*) FROM op", [], |row| row.get::<_, i64>(0)).unwrap() as u64;
        assert!(there >= promised, "{promised} were acknowledged, {there} are there");
        drop(db);
        (acknowledged, rounds) = (promised, rounds + 1);
        relay = Relay::start_at(&data, &at, &[]).unwrap();
    }
    assert!(acknowledged > 30 && rounds == 6, "{acknowledged}");
    kept(&mut ana, &ws);
}

/// Everything below a folder, as one.
fn bytes_below(folder: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|f| f.file_type().unwrap().is_file());
    files.flat_map(|file| std::fs::read(file.path()).unwrap()).collect()
}

#[test]
fn a_relay_holds_no_word_that_was_written() {
    let place = tempfile::tempdir().unwrap();
    let Some(relay) = Relay::start(&place.path().join("relay"), &[]) else { return };
    let mut ana = peer("Ana", place.path(), None).unwrap();
    let ws = found(&mut ana, &relay);
    let secret = "rhinoceros-4711";
    add(&mut ana, &ws, secret);
    kept(&mut ana, &ws);
    assert!(ana.state(&ws).contains(secret), "it was written");
    let kept_bytes = bytes_below(&relay.data);
    let holds = |needle: &[u8]| kept_bytes.windows(needle.len()).any(|w| w == needle);
    let id = omniscope_protocol::identity::WorkspaceId::parse_hex(&ws).unwrap();
    assert!(holds(&id.0), "the search finds what is there");
    for word in [secret, "RNA-seq", "FastQC"] {
        assert!(!holds(word.as_bytes()), "{word} can be read at the relay");
    }
}
