//! The command line, as a user types it: what it prints, how it ends, and that it works while a peer holds the folder.

use omniscope_engine::pipeline::SAMPLE_RNASEQ;
use omniscope_tests::headless::{Headless, Home};
use omniscope_tests::process::{Process, program};
use omniscope_tests::relay::Relay;
use omniscope_tests::shell::Shell;
use serde_json::{Value, json};

/// A folder of its own for each test, and a shell in it.
fn shell(place: &tempfile::TempDir, name: &str) -> Option<Shell> {
    Shell::over(&Home::of(place.path(), name))
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn is_id(value: &Value) -> bool {
    value.as_str().is_some_and(|id| id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[test]
fn a_workspace_is_made_named_and_found() {
    let place = tempfile::tempdir().unwrap();
    let Some(ana) = shell(&place, "Ana") else { return };
    let made = ana.json(&["workspace", "create", "RNA-seq of yeast"]);
    assert_eq!((keys(&made), &made["name"]), (vec!["name", "workspace"], &json!("RNA-seq of yeast")));
    assert!(is_id(&made["workspace"]));
    let id = text(&made["workspace"]);
    for name in [id, &id[..8], "RNA-seq of yeast"] {
        let shown = ana.json(&["workspace", "show", name]);
        assert_eq!(shown["workspace"], made["workspace"]);
        assert_eq!(shown["role"], "owner");
        assert_eq!(keys(&shown["statistics"]), ["away", "edits_today", "idle", "members", "online"]);
        assert!(text(&shown["created"]).ends_with('Z') && text(&shown["updated"]).ends_with('Z'));
        assert_eq!(shown["owner"]["device"], ana.json(&["profile", "show"])["device"]);
    }
    assert_eq!(ana.json(&["workspace", "rename", &id[..6], "Yeast"])["name"], "Yeast");
    assert_eq!(ana.json(&["workspace", "describe", "Yeast", "What it is"])["description"], "What it is");
    let second = ana.json(&["workspace", "create", "Yeast"]);
    assert_eq!(ana.run(&["--json", "workspace", "show", "Yeast"]).exits(1).error(), "ambiguous");
    assert_eq!(ana.run(&["--json", "workspace", "show", "Barley"]).exits(1).error(), "no_such_workspace");
    assert_eq!(ana.json(&["workspace", "list"])["workspaces"].as_array().unwrap().len(), 2);
    let members = ana.json(&["workspace", "members", id]);
    assert_eq!(members["members"][0]["you"], true);
    assert_eq!(members["members"][0]["role"], "owner");
    let listed = ana.run(&["workspace", "list"]).ok().out;
    assert!(listed.starts_with("Id") && listed.contains("Yeast") && listed.lines().count() == 3, "{listed}");
    let deleted = ana.json(&["workspace", "delete", text(&second["workspace"]), "--confirm", "Yeast"]);
    assert_eq!(deleted["removed"], second["workspace"]);
    assert_eq!(ana.json(&["workspace", "leave", id])["left"], made["workspace"]);
}

#[test]
fn the_history_of_a_step_names_who_changed_what() {
    let place = tempfile::tempdir().unwrap();
    let Some(ana) = shell(&place, "Ana") else { return };
    ana.json(&["profile", "set", "--name", "Ana"]);
    ana.json(&["workspace", "create", "w"]);
    let node = ana.json(&["node", "add", "w", "generic", "--label", "first"])["node"].as_str().unwrap().to_owned();
    ana.json(&["node", "add", "w", "generic", "--label", "another"]);
    ana.json(&["node", "set", "w", &node, "--label", "second", "--param", "threads=4"]);
    ana.json(&["node", "remove", "w", &node]);
    let listed = ana.json(&["history", "w", "--node", &node]);
    let entries = listed["entries"].as_array().unwrap();
    let did: Vec<&str> = entries.iter().map(|e| text(&e["details"]["did"])).collect();
    assert_eq!(did, ["removed", "changed", "added"], "{listed}");
    assert!(entries.iter().all(|e| e["authors"][0]["name"] == "Ana" && e["authors"].as_array().unwrap().len() == 1));
    assert_eq!(
        entries[1]["details"]["fields"],
        json!([
            {"field": "label", "before": "first", "after": "second"},
            {"field": "params.threads", "after": 4}
        ])
    );
    assert_eq!(ana.json(&["history", "w", "--node", &node, "--limit", "1"])["entries"], json!([entries[0]]));
    let shown = ana.run(&["history", "w", "--node", &node]).ok().out;
    assert!(shown.contains("changed \"second\": label from \"first\" to \"second\""), "{shown}");
    let all = ana.run(&["history", "w"]).ok().out;
    assert!(all.contains("Ana") && all.contains("founded the workspace") && !all.contains("another"), "{all}");
    assert_eq!(ana.run(&["--json", "history", "w", "--node", "nowhere"]).exits(1).error(), "no_such_node");
}

#[test]
fn single_steps_are_added_changed_connected_and_removed() {
    let place = tempfile::tempdir().unwrap();
    let Some(ana) = shell(&place, "Ana") else { return };
    ana.json(&["workspace", "create", "W"]);
    let add = |kind: &str, more: &[&str]| {
        let made = ana.json(&[&["node", "add", "W", kind], more].concat());
        assert_eq!(keys(&made), ["node"]);
        text(&made["node"]).to_owned()
    };
    let reads = add("UploadGenomicsData", &["--at", "-40,12.5", "--param", "threads=4", "--param", "genome=sacCer3"]);
    let normal = add("NormalizeRNASeq", &[]);
    let free = add("generic", &["--label", "By hand"]);
    let edge = ana.json(&["edge", "add", "W", &reads, &normal]);
    assert_eq!(keys(&edge), ["edge"]);
    assert_eq!(ana.json(&["edge", "add", "W", &reads, &normal]), edge, "the same edge is one edge");
    let ported = ana.json(&["edge", "add", "W", &format!("{normal}:counts"), &format!("{free}:table")]);
    assert_eq!(ana.run(&["--json", "edge", "add", "W", &free, &reads]).exits(1).error(), "cycle");
    assert_eq!(ana.run(&["--json", "edge", "add", "W", &free, &free]).exits(1).error(), "self_loop");
    assert_eq!(ana.run(&["--json", "edge", "add", "W", &free, "nowhere"]).exits(1).error(), "no_such_node");
    ana.json(&["node", "set", "W", &free, "--label", "Renamed", "--at", "7,8", "--disabled", "true"]);
    let noted = ana.run_with(&["--json", "node", "note", "W", &free, "-"], "two\nlines 🧬\n").ok().json();
    assert_eq!(noted["node"], free.as_str());

    let state = ana.json(&["workspace", "state", "W"]);
    let node = |id: &str| state["nodes"][id].clone();
    assert_eq!(node(&reads)["pos"], json!([-40, 12.5]));
    assert_eq!(node(&reads)["params"], json!({"threads": 4, "genome": "sacCer3"}));
    assert_eq!((&node(&free)["label"], &node(&free)["pos"]), (&json!("Renamed"), &json!([7, 8])));
    assert_eq!((&node(&free)["disabled"], &node(&free)["notes"]), (&json!(true), &json!("two\nlines 🧬\n")));
    let edge_of = |made: &Value| state["edges"][text(&made["edge"])].clone();
    assert_eq!((&edge_of(&edge)["sourcePort"], &edge_of(&edge)["targetPort"]), (&json!("out"), &json!("in")));
    assert_eq!((&edge_of(&ported)["sourcePort"], &edge_of(&ported)["targetPort"]), (&json!("counts"), &json!("table")));

    ana.json(&["edge", "remove", "W", text(&edge["edge"])]);
    assert_eq!(ana.run(&["--json", "edge", "remove", "W", text(&edge["edge"])]).exits(1).error(), "no_such_edge");
    ana.json(&["node", "remove", "W", &normal]);
    let state = ana.json(&["workspace", "state", "W"]);
    assert_eq!((state["nodes"].as_object().unwrap().len(), state["edges"].as_object().unwrap().len()), (2, 0));
}

#[test]
fn a_pipeline_goes_in_and_out_and_a_broken_one_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let Some(ana) = shell(&place, "Ana") else { return };
    ana.json(&["workspace", "create", "W"]);
    let file = place.path().join("rnaseq.json");
    std::fs::write(&file, SAMPLE_RNASEQ).unwrap();
    let file = file.to_str().unwrap();
    let imported = ana.json(&["pipeline", "import", "W", file]);
    assert_eq!(keys(&imported), ["edges", "nodes", "stickies", "warnings"]);
    assert!(imported["nodes"].as_u64().unwrap() > 10 && imported["edges"].as_u64().unwrap() > 10);
    let state = ana.run(&["workspace", "state", "W"]).ok().out;
    assert_eq!(ana.run(&["pipeline", "export", "W"]).ok().out, state, "both print the canonical document");
    assert_eq!(ana.run(&["--json", "workspace", "state", "W"]).ok().out, state);
    assert!(state.starts_with(r#"{"comments":{},"#), "canonical JSON has sorted keys and no spaces");
    let ga = ana.run(&["pipeline", "export", "W", "--format", "ga"]).ok().out;
    assert_eq!(serde_json::from_str::<Value>(&ga).unwrap()["a_galaxy_workflow"], "true");

    ana.json(&["workspace", "create", "Copy"]);
    ana.run_with(&["--json", "pipeline", "import", "Copy", "-"], &state).ok();
    let renamed = |state: &str| serde_json::from_str::<Value>(state).unwrap()["nodes"].clone();
    assert_eq!(renamed(&ana.run(&["workspace", "state", "Copy"]).out), renamed(&state));
    let again = ana.json(&["pipeline", "import", "Copy", "--sample"]);
    assert_eq!(again["nodes"], imported["nodes"]);
    let both = ana.json(&["workspace", "state", "Copy"]);
    assert_eq!(both["nodes"].as_object().unwrap().len() as u64, 2 * imported["nodes"].as_u64().unwrap());

    let (before, nodes) = state.split_once(r#""nodes":"#).unwrap();
    let broken = format!(r#"{before}"nodes":{}"#, nodes.replacen(r#""pos":["#, r#""pos":["x","#, 1));
    let refused = ana.run_with(&["--json", "pipeline", "import", "W", "-"], &broken).exits(1);
    assert_eq!(refused.error(), "not_a_pipeline");
    assert!(refused.err.contains("/pos"), "the place is named: {}", refused.err);
    for garbage in ["", "{", "[1]", "\0", "{\"nodes\": 7}"] {
        assert_eq!(
            ana.run_with(&["--json", "pipeline", "import", "W", "-"], garbage).exits(1).error(),
            "not_a_pipeline"
        );
    }
    assert_eq!(ana.run(&["--json", "pipeline", "import", "W", "/no/such/file"]).exits(1).error(), "machine");
    assert_eq!(ana.run(&["workspace", "state", "W"]).ok().out, state, "nothing was half-imported");

    assert!(ana.run(&["--json", "pipeline", "validate", "W"]).ok().json()["findings"].is_array());
    ana.json(&["workspace", "create", "Circle"]);
    let end = |id: &str, to: &str| json!({"source": id, "sourcePort": "out", "target": to, "targetPort": "in", "order": "a0"});
    let node = json!({"type": "generic", "typeVersion": "", "label": "x", "pos": [0, 0]});
    let circle = json!({"nodes": {"a": node, "b": node}, "edges": {"ab": end("a", "b"), "ba": end("b", "a")}});
    ana.run_with(&["pipeline", "import", "Circle", "-"], &circle.to_string()).ok();
    let found = ana.run(&["--json", "pipeline", "validate", "Circle"]).exits(3).json();
    assert_eq!(found["findings"][0]["level"], "error");
}

#[test]
fn versions_are_made_listed_shown_and_restored() {
    let place = tempfile::tempdir().unwrap();
    let Some(ana) = shell(&place, "Ana") else { return };
    ana.json(&["workspace", "create", "W"]);
    ana.json(&["node", "add", "W", "generic", "--label", "first"]);
    let before = ana.run(&["workspace", "state", "W"]).ok().out;
    let made = ana.json(&["version", "create", "W", "as it was"]);
    assert_eq!((keys(&made), &made["name"]), (vec!["name", "version"], &json!("as it was")));
    assert_eq!(ana.json(&["workspace", "snapshot", "W", "the same again"])["name"], "the same again");
    ana.json(&["node", "add", "W", "generic", "--label", "second"]);
    let versions = ana.json(&["version", "list", "W"]);
    assert_eq!(versions["versions"].as_array().unwrap().len(), 2);
    let shown = ana.json(&["version", "show", "W", "as it was"]);
    assert_eq!(shown["since"]["nodes"]["added"][0]["title"], "second");
    assert!(ana.json(&["version", "restore", "W", text(&made["version"])])["changed"].as_u64().unwrap() > 0);
    assert_eq!(ana.run(&["workspace", "state", "W"]).ok().out, before);
    assert_eq!(ana.run(&["--json", "version", "show", "W", "nothing"]).exits(1).error(), "no_such_version");
    let saved = ana.json(&["workspace", "persist", "W"]);
    assert_eq!(saved["saved"], true);
}

#[test]
fn links_are_made_read_and_revoked_without_a_network() {
    let place = tempfile::tempdir().unwrap();
    let (Some(ana), Some(ben)) = (shell(&place, "Ana"), shell(&place, "Ben")) else { return };
    ana.json(&["profile", "set", "--name", "Ana", "--color", "#2563eb"]);
    let made = ana.json(&["workspace", "create", "W"]);
    let device = ben.json(&["profile", "show"])["device"].clone();
    let link = ana.json(&["invite", "create", "W", "--role", "editor", "--uses", "3", "--expires", "12h"]);
    assert_eq!(keys(&link), ["approve", "expires", "invite", "link", "role"]);
    assert!(text(&link["link"]).starts_with("omniscope://join#") && link["role"] == "editor");
    let read = ben.run_with(&["--json", "invite", "inspect", "-"], &format!("  {}\n", text(&link["link"]))).ok().json();
    assert_eq!((&read["workspace"], &read["name"], &read["uses"]), (&made["workspace"], &json!("W"), &json!(3)));
    assert_eq!((&read["inviter"]["name"], &read["problem"]), (&json!("Ana"), &Value::Null));
    let bound = ana.json(&["invite", "create", "W", "--for", text(&device)]);
    let problem = ana.json(&["invite", "inspect", text(&bound["link"])])["problem"]["code"].clone();
    assert_eq!(problem, "link_other_device");
    assert_eq!(ana.run_with(&["--json", "join", "-"], text(&bound["link"])).ok().json()["status"], "member");
    ana.json(&["invite", "revoke", "W", &text(&link["invite"])[..12]]);
    let states = ana.json(&["invite", "list", "W"]);
    let states: Vec<&Value> = states["invites"].as_array().unwrap().iter().map(|i| &i["state"]).collect();
    assert!(states.contains(&&json!("revoked")) && states.contains(&&json!("open")), "{states:?}");
    for bad in ["omniscope://join#", "omniscope://join#AAAA", "https://example.org", "\u{1F9EC}"] {
        assert_eq!(ben.run(&["--json", "join", bad]).exits(1).error(), "link_malformed", "{bad}");
    }
    assert_eq!(ben.run_with(&["--json", "join", "-"], "").exits(2).error(), "bad_params");
}

#[test]
fn a_join_waits_until_somebody_is_there_and_goes_through_by_itself() {
    let place = tempfile::tempdir().unwrap();
    let (Some(ana), Some(ben)) = (shell(&place, "Ana"), shell(&place, "Ben")) else { return };
    let Some(relay) = relay(&place) else { return };
    let (relay, addr) = relay;
    let made = ana.json(&["workspace", "create", "W"]);
    ana.json(&["pipeline", "import", "W", "--sample"]);
    let link = ana.json(&["invite", "create", "W", "--role", "editor", "--relay", &addr]);
    let network = ["--no-mdns", "--listen", "/ip4/127.0.0.1/tcp/0", "--relay", &addr];
    let join = [&["--json", "join", "-", "--wait", "0.3"], &network[..]].concat();
    let waiting = ben.run_with(&join, text(&link["link"])).exits(3).json();
    assert_eq!((&waiting["workspace"], text(&waiting["role"])), (&made["workspace"], "editor"));
    assert_eq!((text(&waiting["status"]), text(&waiting["code"])), ("pending", "no_one_reachable"));

    let ana_home = Home::of(place.path(), "Ana");
    let mut ana_peer = Headless::start_with("Ana", &ana_home, &["/ip4/127.0.0.1/tcp/0"], Some(&addr), &[]).unwrap();
    let ben_home = Home::of(place.path(), "Ben");
    let mut ben_peer = Headless::start_with("Ben", &ben_home, &["/ip4/127.0.0.1/tcp/0"], Some(&addr), &[]).unwrap();
    ben_peer.until("Ben is a member", |p| {
        p.ask("workspace.show", &json!({"workspace": "W"})).is_ok_and(|w| w["role"] == "editor")
    });
    // Both folders are held by peers now, and the command line talks to them.
    let synced = ben.run(&["--json", "workspace", "sync", "W", "--wait", "20"]).ok().json();
    assert_eq!(synced["converged"], true);
    let peer = &synced["peers"][0];
    assert_eq!((&peer["name"], &peer["behind"]), (&json!("Ana"), &json!(0)));
    assert!(["lan", "direct", "relayed"].contains(&text(&peer["path"])) && is_id(&peer["device"]));
    assert_eq!(ben.run(&["workspace", "state", "W"]).ok().out, ana.run(&["workspace", "state", "W"]).ok().out);
    let node = ben.json(&["node", "add", "W", "generic", "--label", "by Ben"]);
    ben.run(&["--json", "workspace", "sync", "W", "--wait", "20"]).ok();
    assert_eq!(ana.json(&["workspace", "state", "W"])["nodes"][text(&node["node"])]["label"], "by Ben");
    ana_peer.until("Ana sees Ben", |_| {
        let online = ana.json(&["workspace", "online", "W"]);
        online["online"].as_array().unwrap().iter().any(|p| p["name"] == "Ben")
    });
    assert!(ana.run(&["workspace", "presence", "W"]).ok().out.contains("Ben"));
    assert_eq!(ben.run(&["--json", "workspace", "rename", "W", "Mine"]).ok().json()["name"], "Mine");
    assert_eq!(ben.run(&["--json", "invite", "create", "Mine"]).exits(1).error(), "not_allowed");
    ben_peer.stop();
    ana_peer.stop();
    let alone = ["--json", "workspace", "sync", "W", "--wait", "0", "--no-mdns", "--listen", "/ip4/127.0.0.1/tcp/0"];
    let named = alone.map(|a| if a == "W" { text(&made["workspace"]) } else { a });
    assert_eq!(ana.run(&named).exits(3).json(), json!({"converged": null, "peers": []}));
    drop(relay);
}

#[test]
fn one_command_has_a_relay_keep_a_workspace_and_says_whether_it_does() {
    let place = tempfile::tempdir().unwrap();
    let Some(ana) = shell(&place, "Ana") else { return };
    let Some(relay) = Relay::start(&place.path().join("relay"), &[]) else { return };
    for name in ["first", "second"] {
        ana.json(&["workspace", "create", name]);
    }
    let token = place.path().join("token");
    std::fs::write(&token, relay.order(&["register"])).unwrap();
    let network = ["--no-mdns", "--listen", "/ip4/127.0.0.1/tcp/0"];
    let add = |name| {
        let words = ["--json", "workspace", "relay", "add", name, &relay.addr, "--token-file", token.to_str().unwrap()];
        ana.run(&[&words[..], &network].concat())
    };
    let kept = json!({"addr": relay.addr, "state": "kept", "code": null, "behind": 0});
    assert_eq!(add("first").ok().json()["relays"], json!([kept]));
    assert!(relay.order(&["workspaces"]).contains(" members 1 "));
    let refused = add("second").exits(3).json();
    assert_eq!(refused["relays"][0]["code"], "token_refused", "the token was good for one workspace");
    let list = [&["--json", "workspace", "relay", "list", "first"][..], &network].concat();
    assert_eq!(ana.run(&list).ok().json()["relays"], json!([kept]));
    relay.stop();
    let words = [&list[..], &["--wait", "0.2"]].concat();
    assert_eq!(ana.run(&words).ok().json()["relays"][0]["state"], "down");
}

/// A relay on loopback and its TCP address.
fn relay(place: &tempfile::TempDir) -> Option<(Process, String)> {
    let mut command = std::process::Command::new(program("omniscope-relay")?);
    command
        .args(["--listen", "/ip4/127.0.0.1/tcp/0", "--policy", "open", "--log", "warn"])
        .arg("--data-dir")
        .arg(place.path().join("relay"));
    let relay = Process::spawn(command);
    let addr = relay.until("/ip4/127.0.0.1/tcp/");
    Some((relay, addr))
}

#[test]
fn while_a_peer_holds_the_folder_every_command_goes_to_it() {
    let place = tempfile::tempdir().unwrap();
    let Some(ana) = shell(&place, "Ana") else { return };
    let peer = Headless::start("Ana", &Home::of(place.path(), "Ana")).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: std::path::PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let data = Home::of(place.path(), "Ana").data();
        assert_eq!((mode(data.clone()), mode(data.join("socket"))), (0o700, 0o600));
    }
    assert_eq!(ana.json(&["profile", "show"])["name"], "Ana");
    ana.json(&["workspace", "create", "W"]);
    let nodes: Vec<_> = std::thread::scope(|scope| {
        let adding = (0..8).map(|n| {
            let ana = &ana;
            scope.spawn(move || ana.json(&["node", "add", "W", "generic", "--label", &n.to_string()])["node"].clone())
        });
        let adding: Vec<_> = adding.collect();
        adding.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let state = ana.json(&["workspace", "state", "W"]);
    assert!(nodes.iter().all(|node| !state["nodes"][text(node)].is_null()));
    assert_eq!(ana.json(&["network", "status"])["online"], true);
    assert_eq!(ana.json(&["network", "offline"])["online"], false);
    assert_eq!(ana.json(&["network", "online"])["online"], true);
    assert_eq!(ana.run(&["--json", "workspace", "sync", "W", "--wait", "0"]).exits(3).json()["converged"], Value::Null);
    let second = ana.run(&["--json", "peer"]).exits(1);
    assert!(
        second.err.contains("in use") && second.err.contains("omniscope peer"),
        "the holder is named: {}",
        second.err
    );
    peer.stop();
    assert_eq!(ana.json(&["workspace", "state", "W"]), state, "without the peer the folder says the same");
}

#[test]
fn a_command_that_cannot_be_used_says_so_with_its_own_code() {
    let place = tempfile::tempdir().unwrap();
    let Some(ana) = shell(&place, "Ana") else { return };
    ana.json(&["workspace", "create", "W"]);
    for wrong in [
        &["no-such-command"][..],
        &["workspace"],
        &["workspace", "create"],
        &["workspace", "create", " "],
        &["invite", "create", "W", "--role", "owner"],
        &["invite", "create", "W", "--uses", "0"],
        &["invite", "create", "W", "--expires", "soon"],
        &["invite", "create", "W", "--for", "nobody"],
        &["node", "add", "W", "generic", "--at", "1"],
        &["node", "add", "W", "generic", "--param", "x"],
        &["profile", "set"],
        &["profile", "set", "--color", "blue"],
        &["workspace", "delete", "W"],
        &["workspace", "sync", "W", "--wait", "-1"],
        &["workspace", "sync", "W", "--listen", "here"],
        &["pipeline", "export", "W", "--format", "cwl"],
    ] {
        let ran = ana.run(wrong).exits(2);
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{wrong:?}: {ran:?}");
    }
    assert_eq!(ana.run(&["--json", "workspace", "delete", "W", "--confirm", "V"]).exits(1).error(), "not_confirmed");
    let human = ana.run(&["workspace", "show", "V"]).exits(1);
    assert!(human.err.starts_with("omniscope: ") && human.err.contains("hint: "), "{human:?}");
}

#[test]
fn the_key_of_a_folder_is_neither_guessed_nor_replaced() {
    let place = tempfile::tempdir().unwrap();
    let Some(ana) = shell(&place, "Ana") else { return };
    let device = ana.json(&["profile", "show"])["device"].clone();
    let key = place.path().join("Ana/key");
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    assert_eq!(ana.run(&["--json", "profile", "show"]).exits(1).error(), "machine");
    assert!(!key.exists(), "no second identity is made");
    std::fs::write(&key, kept).unwrap();
    let exposed = ana.run(&["--json", "profile", "show"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(exposed.code, 1, "a key that others can read is refused: {exposed:?}");
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    assert_eq!(ana.json(&["profile", "show"])["device"], device);
}

#[test]
fn the_doctor_finds_a_healthy_folder_healthy_and_completions_name_every_command() {
    let place = tempfile::tempdir().unwrap();
    let Some(ana) = shell(&place, "Ana") else { return };
    let checks = ana.json(&["doctor"])["checks"].clone();
    let names: Vec<&str> = checks.as_array().unwrap().iter().map(|c| text(&c["name"])).collect();
    assert_eq!(names, ["database", "folder", "device", "network", "relays"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let data = Home::of(place.path(), "Ana").data();
        let mut peer = Headless::start("Ana", &Home::of(place.path(), "Ana")).unwrap();
        ana.run(&["doctor"]).ok();
        std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).unwrap();
        let sick = peer.call("doctor", json!({}));
        let folder = sick["checks"].as_array().unwrap().iter().find(|c| c["name"] == "folder").unwrap();
        assert_eq!(folder["ok"], false);
        peer.stop();
    }
    for shell in ["bash", "fish", "zsh"] {
        let script = ana.run(&["completions", shell]).ok().out;
        for command in
            ["workspace", "version", "invite", "join", "pipeline", "node", "edge", "network", "peer", "doctor"]
        {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
}
