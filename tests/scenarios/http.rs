//! HTTP: the original system's routes and events, who may ask, and that garbage is an error and nothing more.

use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;

use omniscope_tests::headless::{Headless, Home, LOOPBACK};
use omniscope_tests::http::Site;
use serde_json::{Value, json};

const API: &str = "/api/collaboration";

/// Ana's peer with HTTP on a free port; `None` where the program was not built.
fn serve(place: &Path) -> Option<(Headless, Site)> {
    let home = Home::of(place, "Ana");
    let (peer, ready) = Headless::start_ready("Ana", &home, &LOOPBACK, None, &[], &["--http", "127.0.0.1:0"])?;
    let addr = ready["http"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
    let token = std::fs::read_to_string(home.data().join("http-token")).unwrap().trim().to_owned();
    Some((peer, Site { addr, token }))
}

fn made(site: &Site) -> (String, String) {
    let answer = site.ask("POST", &format!("{API}/workspace/create"), &json!({"name": "W", "description": "D"}));
    assert_eq!(answer.status, 201, "{answer:?}");
    let id = answer.body["workspace"].as_str().unwrap().to_owned();
    let path = format!("{API}/workspace/{id}");
    (id, path)
}

#[test]
fn the_fourteen_routes_do_what_they_did_in_the_original() {
    let place = tempfile::tempdir().unwrap();
    let Some((mut peer, site)) = serve(place.path()) else { return };
    let (id, ws) = made(&site);
    let ok = |method: &str, path: &str, body: Value| {
        let answer = site.ask(method, path, &body);
        assert!((200..300).contains(&answer.status), "{method} {path}: {answer:?}");
        answer.body
    };
    assert_eq!(ok("GET", &format!("{API}/workspace/list"), Value::Null)["workspaces"][0]["workspace"], id.as_str());
    let shown = ok("GET", &ws, Value::Null);
    assert_eq!((&shown["name"], &shown["role"], &shown["description"]), (&json!("W"), &json!("owner"), &json!("D")));
    assert_eq!(ok("PUT", &ws, json!({"name": "V"}))["name"], "V");
    let invited = ok("POST", &format!("{ws}/invite"), json!({"role": "editor", "uses": 2, "expires": "1d"}));
    assert!(invited["link"].as_str().unwrap().starts_with("omniscope://join#"));
    assert_eq!(ok("GET", &format!("{ws}/members"), Value::Null)["members"][0]["role"], "owner");
    let node = peer.call("node.add", json!({"workspace": id, "type": "generic"}))["node"].clone();
    assert_eq!(ok("GET", &format!("{ws}/state"), Value::Null)["nodes"][node.as_str().unwrap()]["type"], "generic");
    let synced = ok("POST", &format!("{ws}/state/sync"), json!({"wait_ms": 0}));
    assert_eq!(synced, json!({"converged": null, "peers": []}));
    assert_eq!(ok("POST", &format!("{ws}/state/persist"), Value::Null)["saved"], true);
    let version = ok("POST", &format!("{ws}/snapshot"), json!({"name": "first"}))["version"].clone();
    let versions = peer.call("version.list", json!({"workspace": id}));
    assert_eq!(versions["versions"][0]["version"], version);
    peer.call("cursor.move", json!({"workspace": id, "x": 1, "y": 2}));
    assert_eq!(
        ok("GET", &format!("{ws}/presence"), Value::Null)["presence"][0]["pointer"],
        json!({"x": 1.0, "y": 2.0})
    );
    assert_eq!(ok("GET", &format!("{ws}/online-users"), Value::Null)["online"][0]["name"], "Ana");
    assert_eq!(ok("DELETE", &format!("{ws}/leave"), Value::Null)["left"], id.as_str());
    assert_eq!(ok("DELETE", &ws, json!({"confirm": "V"}))["removed"], id.as_str());
    assert_eq!(site.ask("GET", &ws, &Value::Null).status, 404);
    peer.stop();
}

#[test]
fn only_who_has_the_token_and_comes_from_here_is_let_in() {
    let place = tempfile::tempdir().unwrap();
    let Some((peer, site)) = serve(place.path()) else { return };
    let list = format!("{API}/workspace/list");
    let bearer = format!("Bearer {}", site.token);
    let wrong = format!("Bearer {}", site.token.replace(['0', '1', '2'], "3"));
    let ask = |headers: &[(&str, &str)]| {
        let answer = site.send("GET", &list, headers, b"");
        (answer.status, if answer.status == 200 { String::new() } else { answer.code().to_owned() })
    };
    let refused = |status, code: &str| (status, code.to_owned());
    let here = ("Host", site.addr.as_str());
    assert_eq!(ask(&[here, ("Authorization", &bearer)]).0, 200);
    for headers in [
        &[here][..],
        &[here, ("Authorization", &wrong)],
        &[here, ("Authorization", &site.token)],
        &[here, ("Cookie", &bearer)],
    ] {
        assert_eq!(ask(headers), refused(401, "unauthorized"), "{headers:?}");
    }
    let unauthorized = site.send("GET", &list, &[here], b"");
    assert!(unauthorized.head.to_ascii_lowercase().contains("www-authenticate: bearer"), "{unauthorized:?}");
    for host in ["evil.example", "evil.example:80", "127.0.0.1.evil.example"] {
        assert_eq!(ask(&[("Host", host), ("Authorization", &bearer)]), refused(403, "bad_host"), "{host}");
    }
    for origin in ["http://evil.example", "null", "https://localhost"] {
        let headers = [here, ("Authorization", bearer.as_str()), ("Origin", origin)];
        assert_eq!(ask(&headers), refused(403, "bad_origin"), "{origin}");
    }
    assert_eq!(ask(&[here, ("Authorization", &bearer), ("Origin", &format!("http://{}", site.addr))]).0, 200);
    let nobody = Site { token: "0".repeat(64), ..site.clone() };
    assert_eq!(nobody.open(&format!("{API}/events")).err().map(|a| a.status), Some(401));
    // A page may not learn anything by asking beforehand either.
    let preflight = site.send("OPTIONS", &list, &[here, ("Origin", "http://evil.example")], b"");
    assert_eq!(preflight.status, 403);
    assert!(!preflight.head.to_ascii_lowercase().contains("access-control"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let token = Home::of(place.path(), "Ana").data().join("http-token");
        assert_eq!(std::fs::metadata(token).unwrap().permissions().mode() & 0o777, 0o600);
    }
    peer.stop();
}

#[test]
fn http_stays_on_this_computer_unless_told_otherwise() {
    let place = tempfile::tempdir().unwrap();
    let Some(program) = omniscope_tests::process::program("omniscope") else { return };
    let home = Home::of(place.path(), "Ana");
    std::fs::create_dir_all(&home.0).unwrap();
    let mut command = Command::new(program);
    command.arg("--data-dir").arg(home.data()).arg("--key-file").arg(home.0.join("key"));
    let output = command.args(["peer", "--no-mdns", "--http", "0.0.0.0:0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--http-public"));
    assert!(!home.data().join("http-token").exists());
}

#[test]
fn wrong_requests_get_an_error_in_json_with_the_status_that_fits() {
    let place = tempfile::tempdir().unwrap();
    let Some((mut peer, site)) = serve(place.path()) else { return };
    let (id, ws) = made(&site);
    let before = peer.state(&id);
    let check = |method: &str, path: &str, body: &Value, status: u16, code: &str| {
        let answer = site.ask(method, path, body);
        assert_eq!((answer.status, answer.code()), (status, code), "{method} {path}");
    };
    let nothing = &Value::Null;
    check("GET", &format!("{API}/workspace/nowhere"), nothing, 404, "no_such_workspace");
    check("GET", "/", nothing, 404, "no_such_route");
    check("GET", &format!("{API}/workspace"), nothing, 404, "no_such_route");
    check("PATCH", &ws, nothing, 405, "method_not_allowed");
    check("POST", &format!("{API}/workspace/list"), nothing, 405, "method_not_allowed");
    check("POST", &format!("{API}/workspace/create"), &json!({}), 400, "bad_params");
    check("POST", &format!("{API}/workspace/create"), &json!({"name": ""}), 400, "bad_params");
    check("POST", &format!("{API}/workspace/create"), &json!({"name": "x", "colour": 1}), 400, "bad_params");
    check("POST", &format!("{API}/workspace/create"), &json!([1]), 400, "bad_json");
    check("PUT", &ws, &json!({"workspace": id, "name": "x"}), 400, "bad_params");
    check("DELETE", &ws, &json!({"confirm": "not its name"}), 400, "not_confirmed");
    check("POST", &format!("{ws}/invite"), &json!({"role": "owner"}), 400, "bad_params");
    check("POST", &format!("{ws}/state/sync"), &json!({"wait_ms": 60_001}), 400, "bad_params");
    check("POST", &format!("{API}/workspace/create"), &json!({"name": "x".repeat(70_000)}), 413, "too_large");
    check("GET", &format!("{ws}/events"), nothing, 426, "not_a_websocket");
    let bearer = format!("Bearer {}", site.token);
    let headers = [("Host", site.addr.as_str()), ("Authorization", &bearer)];
    for garbage in [&b"{"[..], b"\xff\xfe", b"[[[[", b"null", b"\0\0\0"] {
        let answer = site.send("PUT", &ws, &headers, garbage);
        assert_eq!((answer.status, answer.code()), (400, "bad_json"), "{garbage:?}");
    }
    for garbage in [&b"\0\0\0\0\r\n\r\n"[..], b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"] {
        let mut stream = site.connect();
        stream.write_all(garbage).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"), "{garbage:?}");
    }
    assert_eq!(peer.state(&id), before, "nothing was changed");
    peer.stop();
}

#[test]
fn the_events_of_the_original_go_both_ways_over_a_websocket() {
    let place = tempfile::tempdir().unwrap();
    let Some((mut ana, site)) = serve(place.path()) else { return };
    let mut ben = Headless::start("Ben", &Home::of(place.path(), "Ben")).unwrap();
    let (id, ws) = made(&site);
    let mut socket = site.open(&format!("{ws}/events")).unwrap();
    let first = socket.event("presence_list");
    assert_eq!(first["data"]["workspace"], id.as_str());

    ana.invite(&id, &mut ben, "editor");
    assert_eq!(socket.event("user_joined")["data"]["user"]["name"].as_str().map(str::is_empty), Some(false));
    ben.call("cursor.move", json!({"workspace": id, "x": 3.5, "y": -4}));
    let moved = socket.event("cursor_updated");
    assert_eq!(
        (&moved["data"]["pointer"], &moved["data"]["device"]),
        (&json!({"x": 3.5, "y": -4.0}), &json!(ben.device))
    );
    ben.call("selection.change", json!({"workspace": id, "nodes": ["n1"]}));
    assert_eq!(socket.event("selection_updated")["data"]["selection"], json!(["n1"]));
    let node = ben.call("node.add", json!({"workspace": id, "type": "generic", "label": "by Ben"}))["node"].clone();
    socket.event("pipeline_updated");
    socket.event("state_updated");

    ben.forget_events();
    assert_eq!(socket.ask("cursor_move", json!({"x": 10, "y": 20})), Ok(json!({})));
    ben.event("Ana's pointer", |e| {
        e["method"] == "cursor_updated" && e["params"]["pointer"] == json!({"x": 10.0, "y": 20.0})
    });
    assert_eq!(socket.ask("selection_change", json!({"nodes": [node]})), Ok(json!({})));
    ben.event("Ana's selection", |e| e["method"] == "selection_updated" && e["params"]["selection"] == json!([node]));
    let edit = json!({"edit": "node.set", "node": node, "label": "by Ana"});
    assert_eq!(socket.ask("pipeline_update", edit).unwrap()["node"], node);
    let patch = json!({"meta": {"license": "MIT"}, "nodes": {node.as_str().unwrap(): {"params": {"threads": 4}}}});
    assert_eq!(socket.ask("state_update", json!({"patch": patch})).unwrap()["changed"], 2);
    ben.until("Ben has the patch", |p| {
        let state = p.state(&id);
        state.contains("by Ana") && state.contains(r#""threads":4"#) && state.contains(r#""license":"MIT""#)
    });
    let synced = socket.ask("sync_request", json!({})).unwrap();
    assert_eq!((&synced["asked"], &synced["state"]["meta"]["license"]), (&json!(1), &json!("MIT")));

    // What the connection showed goes with it.
    drop(socket);
    ben.until("Ana's pointer is gone", |p| {
        let present = p.call("presence.list", json!({"workspace": id}))["presence"].clone();
        let of_ana = present.as_array().unwrap().iter().find(|e| e["name"] == "Ana").cloned();
        of_ana.is_some_and(|e| e["pointer"].is_null() && e["selection"].is_null())
    });
    ben.stop();
    ana.stop();
}

#[test]
fn a_websocket_answers_garbage_with_errors_and_keeps_workspaces_apart() {
    let place = tempfile::tempdir().unwrap();
    let Some((mut peer, site)) = serve(place.path()) else { return };
    let (id, ws) = made(&site);
    let other = peer.call("workspace.create", json!({"name": "Other"}))["workspace"].clone();
    let before = peer.state(&id);
    let mut socket = site.open(&format!("{ws}/events")).unwrap();
    for garbage in [
        "",
        "{",
        "[]",
        "7",
        "{\"event\": 1}",
        "{\"event\": \"cursor_move\", \"data\": 7}",
        "{\"event\": \"x\", \"more\": 1}",
    ] {
        socket.say(garbage);
        assert_eq!(socket.event("error")["data"]["code"], "bad_json", "{garbage}");
    }
    socket.frame(2, &[0; 200_000]);
    assert_eq!(socket.event("error")["data"]["code"], "bad_json");
    let refused = |result: Result<Value, String>| result.unwrap_err();
    assert_eq!(refused(socket.ask("no_such_event", json!({}))), "unknown_event");
    assert_eq!(refused(socket.ask("cursor_move", json!({"x": "a"}))), "bad_params");
    assert_eq!(refused(socket.ask("cursor_move", json!({"workspace": other, "x": 1, "y": 1}))), "bad_params");
    assert_eq!(
        refused(socket.ask("pipeline_update", json!({"edit": "workspace.delete", "confirm": "W"}))),
        "bad_params"
    );
    assert_eq!(
        refused(socket.ask("state_update", json!({"patch": {"nodes": {"n": {"pos": "here"}}}}))),
        "not_a_pipeline"
    );
    assert_eq!(refused(socket.ask("state_update", json!({"patch": {"secrets": {}}}))), "not_a_pipeline");
    assert_eq!(peer.state(&id), before, "nothing was changed");
    // An event of another workspace does not come; the answer to a later question does.
    peer.call("node.add", json!({"workspace": other, "type": "generic"}));
    socket.say(r#"{"event": "sync_request", "id": 9}"#);
    loop {
        let message = socket.message().unwrap();
        assert!(message["data"]["workspace"].is_null() || message["data"]["workspace"] == id.as_str(), "{message}");
        if message["event"] == "answer" {
            break;
        }
    }
    let mut all = site.open(&format!("{API}/events")).unwrap();
    peer.call("node.add", json!({"workspace": other, "type": "generic"}));
    assert_eq!(all.event("state_updated")["data"]["workspace"], other);
    assert_eq!(refused(all.ask("cursor_move", json!({"x": 1, "y": 1}))), "bad_params");
    assert_eq!(all.ask("cursor_move", json!({"workspace": "Other", "x": 1, "y": 1})), Ok(json!({})));
    // A message above the limit ends that connection and nothing else.
    socket.frame(1, &vec![b' '; 13 * 1024 * 1024]);
    while socket.message().is_some() {}
    assert!(all.ask("sync_request", json!({"workspace": id})).is_ok());
    peer.stop();
}

#[test]
fn many_websockets_leave_the_routes_reachable() {
    let place = tempfile::tempdir().unwrap();
    let Some((peer, site)) = serve(place.path()) else { return };
    let mut open = Vec::new();
    let refused = loop {
        match site.open(&format!("{API}/events")) {
            Ok(socket) => open.push(socket),
            Err(answer) => break answer,
        }
    };
    assert_eq!((refused.status, refused.code(), open.len()), (503, "too_many_sockets", 32));
    assert_eq!(site.ask("GET", &format!("{API}/workspace/list"), &Value::Null).status, 200);
    open.pop();
    let freed = (0..200).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        site.open(&format!("{API}/events")).is_ok()
    });
    assert!(freed, "a closed one makes room");
    peer.stop();
}

#[test]
fn the_python_script_of_the_documentation_works() {
    let place = tempfile::tempdir().unwrap();
    let Some((mut peer, site)) = serve(place.path()) else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/api_client.py");
    let lines = std::fs::read_to_string(&script).unwrap().lines().count();
    assert!((15..=25).contains(&lines), "about twenty lines: {lines}");
    let data = Home::of(place.path(), "Ana").data();
    let output =
        Command::new("python3").arg(&script).arg(&data).arg(format!("http://{}", site.addr)).arg("Py").output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    let said: Vec<&str> = said.lines().collect();
    assert!(said.len() == 2 && said[0].starts_with("omniscope://join#") && said[1] == "Ana (owner)", "{said:?}");
    assert_eq!(peer.call("workspace.show", json!({"workspace": "Py"}))["role"], "owner");
    let versions = peer.call("version.list", json!({"workspace": "Py"}));
    assert_eq!(versions["versions"][0]["name"], "empty");
    peer.stop();
}
