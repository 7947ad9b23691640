//! A member is removed while others are away with edits of their own: real processes, and their real data folders.
//!
//! ```text
//! Evan:  early ──────────── late (Ana is offline) ── alone (everybody is offline)
//! Ben:                        └─ builds on late ────┐
//! Cara, Dov:                  edits of their own ───┼── all meet: the same document, roles and epoch
//! Ana:   removes Evan, not knowing of late ─────────┘
//! ```
//!
//! Deliberately absent: schedules at random, which `simulation` runs over the same rules.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use omniscope_protocol::identity::{KeyId, WorkspaceId};
use omniscope_protocol::op::{Body, Op};
use omniscope_protocol::replica::Replica;
use omniscope_tests::headless::{Headless, Home, LOOPBACK, converged};
use omniscope_tests::hostile::key_in;
use omniscope_tests::log::ops_in;
use omniscope_tests::process::{Process, program};
use serde_json::{Value, json};

/// A relay as a process, and its address; none where the programs were not built.
fn relay(place: &Path) -> Option<(Process, String)> {
    let (relay, _) = (program("omniscope-relay")?, program("omniscope")?);
    let mut command = Command::new(relay);
    command
        .args(["--listen", "/ip4/127.0.0.1/tcp/0", "--policy", "open", "--log", "warn", "--data-dir"])
        .arg(place.join("relay"));
    let relay = Process::spawn(command);
    let address = relay.until("/ip4/127.0.0.1/");
    Some((relay, address))
}

fn add(peer: &mut Headless, ws: &str, label: &str) -> String {
    let made = peer.call("node.add", json!({"workspace": ws, "type": "generic", "label": label}));
    made["node"].as_str().unwrap().to_owned()
}

fn has(peer: &mut Headless, ws: &str, label: &str) {
    peer.until(label, |p| p.state(ws).contains(label));
}

/// Takes peers off the network or back, and waits until nobody is connected with those that are off.
fn online(peers: &mut [&mut Headless], on: bool) {
    for peer in peers {
        peer.call("network.set", json!({"online": on}));
        if !on {
            peer.until("nobody is connected", |p| p.call("network.status", json!({}))["peers"] == json!([]));
        }
    }
}

fn roles(peer: &mut Headless, ws: &str) -> BTreeMap<String, String> {
    let members = peer.call("workspace.members", json!({"workspace": ws}));
    let role = |m: &Value| (m["device"].as_str().unwrap().to_owned(), m["role"].as_str().unwrap().to_owned());
    members["members"].as_array().unwrap().iter().map(role).collect()
}

fn ops_known(peer: &mut Headless, ws: &str) -> u64 {
    peer.call("workspace.show", json!({"workspace": ws}))["ops"].as_u64().unwrap()
}

fn heads(peer: &mut Headless, ws: &str) -> BTreeSet<String> {
    let shown = peer.call("workspace.show", json!({"workspace": ws}));
    shown["heads"].as_array().unwrap().iter().map(|h| h.as_str().unwrap().to_owned()).collect()
}

/// Waits until all hold the same ops.
fn in_step(peers: &mut [&mut Headless], ws: &str) {
    let (first, others) = peers.split_first_mut().unwrap();
    for other in others {
        first.until("all hold the same", |p| heads(p, ws) == heads(other, ws));
    }
}

/// What the device of a home makes of `ops`, with its own key and nothing else.
fn as_seen_from(home: &Home, ws: &str, ops: &[Op]) -> Replica {
    let mut replica = Replica::for_device(WorkspaceId::parse_hex(ws).unwrap(), &key_in(home));
    for op in ops {
        replica.receive(&op.bytes, &mut Vec::new()).unwrap();
    }
    replica
}

/// Ops with sealed payloads under one of `keys`.
fn sealed_under<'a>(ops: &'a [Op], keys: &BTreeSet<KeyId>) -> Vec<&'a Op> {
    ops.iter().filter(|op| op.sealed().is_some_and(|sealed| keys.contains(&sealed.key))).collect()
}

#[test]
fn after_a_removal_while_three_were_away_all_agree_and_the_removed_reads_nothing_new() {
    let place = tempfile::tempdir().unwrap();
    let home = |name: &str| Home::of(place.path(), name);
    // By the relay everybody finds everybody, whoever is away.
    let Some((_relay, address)) = relay(place.path()) else { return };
    let [mut ana, mut ben, mut cara, mut dov, mut evan] = ["Ana", "Ben", "Cara", "Dov", "Evan"].map(|name| {
        let mut peer = Headless::start_with(name, &home(name), &LOOPBACK, Some(&address), &[]).unwrap();
        peer.until("the relay is up", |p| p.call("network.status", json!({}))["relays"][0]["state"] == "up");
        peer
    });
    let ws = ana.call("workspace.create", json!({"name": "RNA-seq"}))["workspace"].as_str().unwrap().to_owned();
    for guest in [&mut ben, &mut cara, &mut dov, &mut evan] {
        ana.invite(&ws, guest, "editor");
    }
    let early = add(&mut evan, &ws, "early by Evan");
    converged(&mut [&mut ana, &mut ben, &mut cara, &mut dov, &mut evan], &ws);

    online(&mut [&mut ana], false);
    let late = add(&mut evan, &ws, "late by Evan");
    for peer in [&mut ben, &mut cara, &mut dov] {
        has(peer, &ws, "late by Evan");
    }
    online(&mut [&mut ben, &mut cara, &mut dov, &mut evan], false);
    ben.call("node.set", json!({"workspace": ws, "node": late, "params": {"threads": 8}}));
    ben.call("edge.add", json!({"workspace": ws, "source": early, "target": late}));
    cara.call("node.note", json!({"workspace": ws, "node": early, "text": "note by Cara"}));
    add(&mut dov, &ws, "by Dov, offline");
    add(&mut evan, &ws, "alone by Evan");
    evan.call("node.set", json!({"workspace": ws, "node": early, "label": "spoilt by Evan"}));
    assert!(!ana.state(&ws).contains("late by Evan"));
    ana.call("member.remove", json!({"workspace": ws, "member": evan.device}));

    // What was done is signed: nobody can say later that it was done in knowledge of the removal.
    for peer in [&mut ana, &mut ben, &mut cara, &mut dov, &mut evan] {
        peer.saved(&ws);
    }
    online(&mut [&mut ana, &mut ben, &mut cara, &mut dov, &mut evan], true);
    let secrets = ["secret of Ana", "secret of Ben", "secret of Cara", "secret of Dov"];
    the_others_agree(&mut [&mut ana, &mut ben, &mut cara, &mut dov], &ws, &evan.device, &secrets);

    the_removed_is_told(&mut evan, &ws, &secrets);
    let known = ops_known(&mut evan, &ws);
    assert!(known < ops_known(&mut ana, &ws), "nobody serves him: {known}");

    for peer in [ana, ben, cara, dov, evan] {
        peer.stop();
    }
    let ops = ops_in(&home("Ana").data());
    let epochs: BTreeSet<_> = ["Ana", "Ben", "Cara", "Dov"]
        .map(|name| as_seen_from(&home(name), &ws, &ops_in(&home(name).data())).epoch())
        .into();
    assert_eq!(epochs.len(), 1, "one epoch");
    let epoch = epochs.first().unwrap().unwrap();
    the_removed_cannot_open(&home("Ana"), &home("Evan"), &ws, &ops, epoch);
}

/// Who stayed has all honest work, and each writes one of `secrets`: one document and the same roles for all, without `removed`.
fn the_others_agree(honest: &mut [&mut Headless; 4], ws: &str, removed: &str, secrets: &[&str; 4]) {
    for peer in honest.iter_mut() {
        let all = ["late by Evan", "\"threads\":8", "note by Cara", "by Dov, offline"];
        // What one writes before the removal is heard endorses what one has of the removed, so that it would stay.
        peer.until("all honest work and the removal are there", |p| {
            let state = p.state(ws);
            all.iter().all(|part| state.contains(part))
                && !state.contains("alone by Evan")
                && !roles(p, ws).contains_key(removed)
        });
    }
    for (peer, label) in honest.iter_mut().zip(secrets) {
        add(peer, ws, label);
    }
    in_step(honest, ws);
    let state = converged(honest, ws);
    assert!(secrets.iter().all(|label| state.contains(label)));
    assert!(!state.contains("alone by Evan") && !state.contains("spoilt by Evan") && state.contains("early by Evan"));
    let agreed = roles(honest[0], ws);
    assert_eq!(agreed.len(), 4);
    assert!(!agreed.contains_key(removed));
    for peer in honest.iter_mut() {
        assert_eq!(roles(peer, ws), agreed);
        peer.saved(ws);
    }
}

/// Evan's process is told, keeps what it had, and has nothing of what came after, however often it asks.
fn the_removed_is_told(evan: &mut Headless, ws: &str, secrets: &[&str]) {
    evan.event("Evan is told", |e| e["method"] == "notice" && e["params"]["code"] == "removed");
    let shown = evan.call("workspace.show", json!({"workspace": ws}));
    assert_eq!((&shown["status"], &shown["role"]), (&json!("removed"), &json!("none")), "{shown}");
    let too_late = json!({"workspace": ws, "type": "generic", "label": "too late by Evan"});
    assert_eq!(evan.ask("node.add", &too_late), Err("removed".into()));
    let saved = evan.call("pipeline.export", json!({"workspace": ws, "mine": true}));
    assert!(saved["content"].as_str().unwrap().contains("alone by Evan"), "what was never sent can be saved");
    evan.call("workspace.sync", json!({"workspace": ws, "wait_ms": 1000}));
    let kept = evan.state(ws);
    assert!(kept.contains("alone by Evan") && !secrets.iter().any(|label| kept.contains(label)), "{kept}");
}

/// Evan's key and all that his folder holds, fed with the real ciphertext of the others.
fn the_removed_cannot_open(owner: &Home, removed: &Home, ws: &str, ops: &[Op], epoch: KeyId) {
    let ana = as_seen_from(owner, ws, ops);
    let mut all = ops_in(&removed.data());
    all.extend(ops.iter().cloned());
    let evan = as_seen_from(removed, ws, &all);
    assert!(ops.iter().all(|op| evan.knows(&op.id)), "he has every op");
    // What the others began to seal under after they knew.
    let removal =
        ops.iter().position(|op| matches!(op.body, Body::SetRole { subject, .. } if subject == key_in(removed).id()));
    let mut later = BTreeSet::from([epoch]);
    later.extend(ops[removal.unwrap()..].iter().filter_map(|op| match &op.body {
        Body::KeyShare(share) if !evan.has_key(&share.key) => Some(share.key),
        _ => None,
    }));
    let sealed = sealed_under(ops, &later);
    assert!(sealed.len() >= 4, "each of the four wrote something under a later key: {}", sealed.len());
    for op in sealed {
        assert!(ana.open(op).is_some() && evan.open(op).is_none());
    }
    for text in ["secret of Ana", "secret of Ben", "secret of Cara", "secret of Dov"] {
        let read_by = |replica: &Replica| {
            let texts = ops.iter().filter_map(|op| replica.open(op));
            texts.filter(|t| t.windows(text.len()).any(|w| w == text.as_bytes())).count()
        };
        assert_eq!((read_by(&ana), read_by(&evan)), (1, 0), "{text}");
    }
    // The same keys open what came before: it is not the test that cannot read.
    let before = ops.iter().filter(|op| op.sealed().is_some() && evan.open(op).is_some()).count();
    assert!(before >= 5, "{before}");
}

/// Ben does something while he is still alone, and before it is signed the removal reaches him that voids what he had of
/// Evan's: his document is rebuilt, and what he did stays in it.
#[test]
fn what_was_done_just_before_news_of_a_removal_stays() {
    let place = tempfile::tempdir().unwrap();
    let home = |name: &str| Home::of(place.path(), name);
    let Some(mut ana) = Headless::start("Ana", &home("Ana")) else { return };
    let [mut ben, mut evan] = ["Ben", "Evan"].map(|name| Headless::start(name, &home(name)).unwrap());
    let at = evan.call("network.status", json!({}))["listening"][0].clone();
    ben.call("network.connect", json!({"addr": at}));
    for round in 0..4 {
        let name = format!("round {round}");
        let ws = ana.call("workspace.create", json!({"name": name}))["workspace"].as_str().unwrap().to_owned();
        for guest in [&mut ben, &mut evan] {
            ana.invite(&ws, guest, "editor");
        }
        converged(&mut [&mut ana, &mut ben, &mut evan], &ws);
        in_step(&mut [&mut ana, &mut ben, &mut evan], &ws);
        online(&mut [&mut ana], false);
        add(&mut evan, &ws, "late by Evan");
        has(&mut ben, &ws, "late by Evan");
        online(&mut [&mut ben, &mut evan], false);
        ana.call("member.remove", json!({"workspace": ws, "member": evan.device}));
        ana.saved(&ws);
        add(&mut ben, &ws, "a moment before");
        online(&mut [&mut ben, &mut ana], true);
        has(&mut ana, &ws, "a moment before");
        in_step(&mut [&mut ana, &mut ben], &ws);
        let state = converged(&mut [&mut ana, &mut ben], &ws);
        assert!(state.contains("a moment before"), "{state}");
        online(&mut [&mut evan], true);
    }
}
