//! `relay.test` against real relays and against others: it says who answers, whether a workspace would be kept, and
//! registers nothing.

use std::time::Instant;

use omniscope_tests::headless::{Headless, Home, LOOPBACK};
use omniscope_tests::relay::Relay;
use serde_json::{Value, json};

fn test(peer: &mut Headless, address: &str, token: Option<&str>) -> Value {
    let mut params = json!({"address": address});
    if let Some(token) = token {
        params["token"] = json!(token);
    }
    peer.call("relay.test", params)
}

fn code(answer: &Value) -> &str {
    answer["problem"]["code"].as_str().unwrap_or("none")
}

#[test]
fn a_test_tells_what_a_relay_would_do_and_leaves_no_trace() {
    let place = tempfile::tempdir().unwrap();
    let Some(relay) = Relay::start(&place.path().join("relay"), &[]) else { return };
    let home = Home::of(place.path(), "Ana");
    let Some(mut ana) = Headless::start_with("Ana", &home, &LOOPBACK, None, &[]) else { return };
    let token = relay.order(&["register"]);

    let good = test(&mut ana, &relay.addr, Some(&format!(" {token}\n")));
    assert_eq!((&good["reached"], code(&good)), (&json!(true), "none"), "{good}");
    assert!(good["latency_ms"].as_f64().is_some_and(|ms| ms < 1000.0), "{good}");
    assert_eq!(code(&test(&mut ana, &relay.addr, None)), "token_refused");
    assert_eq!(code(&test(&mut ana, &relay.addr, Some("wrong"))), "token_refused");
    assert_eq!(relay.order(&["workspaces"]), "", "nothing was registered");
    // The token was not spent: it registers a workspace now, and is known as used up then.
    let ws = ana.call("workspace.create", json!({"name": "RNA-seq"}))["workspace"].as_str().unwrap().to_owned();
    ana.call("relay.add", json!({"workspace": ws, "addr": relay.addr, "token": token}));
    ana.until("it is kept", |p| p.call("relay.list", json!({"workspace": ws}))["relays"][0]["state"] == "kept");
    assert_eq!(code(&test(&mut ana, &relay.addr, Some(&token))), "token_refused");
    // A test beside a connection that stands does not disturb it.
    ana.until("a reservation and a latency", |p| {
        let relay = p.call("network.status", json!({}))["relays"][0].take();
        relay["state"] == "up" && relay["latency_ms"].is_number()
    });
    relay.order(&["block", &ana.device.clone()]);
    let blocked = test(&mut ana, &relay.addr, Some(&token));
    assert!(matches!(code(&blocked), "blocked" | "relay_silent" | "relay_not_reached"), "{blocked}");

    ana.call("relay.remove", json!({"workspace": ws, "addr": relay.addr}));
    ana.until("it is used no more", |p| p.call("network.status", json!({}))["relays"] == json!([]));
    ana.stop();
    relay.stop();
}

#[test]
fn who_is_no_relay_is_told_apart_and_a_test_ends_in_time() {
    let place = tempfile::tempdir().unwrap();
    let Some(relay) = Relay::start(&place.path().join("relay"), &[]) else { return };
    let start = |name| Headless::start_with(name, &Home::of(place.path(), name), &LOOPBACK, None, &[]);
    let (Some(mut ana), Some(mut ben)) = (start("Ana"), start("Ben")) else { return };
    let (place_of, id) = relay.addr.split_once("/p2p/").unwrap();
    assert_eq!(code(&test(&mut ana, &format!("/ip4/127.0.0.1/tcp/1/p2p/{id}"), None)), "relay_not_reached");
    let listening = |p: &mut Headless| p.call("network.status", json!({}))["listening"][0].clone();
    ben.until("it listens", |p| listening(p).is_string());
    let of_ben = listening(&mut ben).as_str().unwrap().to_owned();
    assert_eq!(code(&test(&mut ana, &of_ben, None)), "no_relay_there");
    let other = of_ben.split_once("/p2p/").unwrap().1;
    assert_eq!(code(&test(&mut ana, &format!("{place_of}/p2p/{other}"), None)), "relay_other_peer");

    // Who takes the connection and says nothing costs no more than the promised time.
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = deaf.local_addr().unwrap().port();
    let began = Instant::now();
    let silent = test(&mut ana, &format!("/ip4/127.0.0.1/tcp/{port}/p2p/{id}"), None);
    assert_eq!((&silent["reached"], code(&silent)), (&json!(false), "relay_not_reached"));
    assert!(began.elapsed().as_secs() < 11, "{:?}", began.elapsed());

    for wrong in ["relay.example.org", "/ip4/127.0.0.1/tcp/1"] {
        assert_eq!(ana.ask("relay.test", &json!({"address": wrong})), Err("bad_params".into()));
    }
    ana.call("network.set", json!({"online": false}));
    assert_eq!(ana.ask("relay.test", &json!({"address": relay.addr})), Err("no_network".into()));
    for peer in [ana, ben] {
        peer.stop();
    }
    relay.stop();
}
