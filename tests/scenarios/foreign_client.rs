//! A relay and unmodified js-libp2p: an open relay serves anybody's program, one for members shows it nothing.
//!
//! Deliberately absent: devices that speak our own network code and are no members (`relay_admission`).

use omniscope_engine::net::peer_of;
use omniscope_protocol::identity::{DeviceId, OpId, WorkspaceId, hex};
use omniscope_protocol::wire::{Refusal, Request, Response, WIRE_VERSION};
use omniscope_tests::headless::{Headless, Home, LOOPBACK};
use omniscope_tests::js::JsPeer;
use omniscope_tests::relay::Relay;
use serde_json::{Value, json};

use crate::vectors::unhex;

/// What a relay answers to a body.
fn answered(peer: &mut JsPeer, relay: &str, body: &[u8]) -> Response {
    let answer = peer.call(json!({"ask": relay, "body": hex(body)}));
    Response::decode(&unhex(answer["body"].as_str().unwrap())).unwrap()
}

#[test]
fn an_open_relay_serves_unmodified_js_libp2p_by_tcp_and_by_websocket() {
    for transport in ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/0/ws"] {
        let place = tempfile::tempdir().unwrap();
        let data = place.path().join("relay");
        let Some(relay) = Relay::start_at(&data, transport, &["--policy", "open"]) else { return };
        let (mut host, mut guest) = (JsPeer::start(None), JsPeer::start(None));
        assert!(host.call(json!({"ping": relay.addr}))["ms"].is_number());
        let said = host.call(json!({"identify": relay.addr}));
        assert!(said["agentVersion"].as_str().unwrap().starts_with("omniscope-relay/"), "{said}");
        let circuits = host.listen(&[format!("{}/p2p-circuit", relay.addr)]);
        let circuit = circuits.iter().find(|addr| addr.contains("/p2p-circuit")).expect("it has a reservation");
        let echo = guest.call(json!({"echo": circuit, "text": "through the relay"}));
        assert_eq!(echo, json!({"text": "through the relay", "limited": true}));
    }
}

#[test]
fn a_relay_for_members_gives_unmodified_js_libp2p_nothing_and_tells_it_nothing() {
    let place = tempfile::tempdir().unwrap();
    let Some(relay) = Relay::start(&place.path().join("relay"), &[]) else { return };
    let mut ana = Headless::start_with("Ana", &Home::of(place.path(), "Ana"), &LOOPBACK, None, &[]).unwrap();
    let ws = ana.call("workspace.create", json!({"name": "secret"}))["workspace"].as_str().unwrap().to_owned();
    ana.call("relay.add", json!({"workspace": ws, "addr": relay.addr, "token": relay.order(&["register"])}));
    ana.until("it is kept, and Ana can be reached through the relay", |p| {
        let kept = p.call("relay.list", json!({"workspace": ws}))["relays"][0]["state"] == "kept";
        kept && p.call("network.status", json!({}))["relays"][0]["state"] == "up"
    });
    let device = DeviceId::parse_hex(&ana.device).unwrap();
    let listening = ana.call("network.status", json!({}))["listening"].take();
    let mut secrets = vec![ws.clone(), ana.device.clone(), peer_of(&device).unwrap().to_string()];
    // The relay is at the same host, so it is the ports that would give Ana away.
    let port = |addr: &Value| format!("/{}/", addr.as_str().unwrap().split('/').nth(4).unwrap());
    secrets.extend(listening.as_array().unwrap().iter().map(port));
    assert!(secrets.len() > 3, "{secrets:?}");

    let mut eve = JsPeer::start(None);
    let mut heard = Vec::new();
    assert!(eve.call(json!({"ping": relay.addr}))["ms"].is_number(), "it is no secret that a relay is here");
    heard.push(eve.call(json!({"identify": relay.addr})).to_string());
    let circuit = |peer: &str| json!({"echo": format!("{}/p2p-circuit/p2p/{peer}", relay.addr), "text": "hello"});
    let (member, nobody) = (secrets[2].clone(), JsPeer::start(None).peer);
    let refusals = [member, nobody].map(|peer| eve.refused(circuit(&peer)).replace(&peer, "PEER"));
    assert_eq!(refusals[0], refusals[1], "who is connected and who does not exist are refused alike");
    assert!(refusals[0].contains("RESOURCE_LIMIT_EXCEEDED"), "{}", refusals[0]);
    heard.extend(refusals);

    let workspace = WorkspaceId::parse_hex(&ws).unwrap();
    let requests = [
        Request::Sync { workspace, heads: vec![], have: vec![] },
        Request::Fetch { workspace, ids: vec![OpId(workspace.0)] },
        Request::Push { workspace, ops: vec![] },
        Request::Lookup { workspace },
        Request::Register { workspace, genesis: vec![1].into(), token: vec![] },
    ];
    for request in requests {
        let answer = answered(&mut eve, &relay.addr, &request.encode());
        assert_eq!(answer, Response::Refused(Refusal::NotMember), "{request:?}");
    }
    assert_eq!(answered(&mut eve, &relay.addr, b"nonsense"), Response::Unsupported { version: WIRE_VERSION });
    assert_eq!(answered(&mut eve, &relay.addr, &[WIRE_VERSION, 99]), Response::Refused(Refusal::Malformed));
    heard.push(eve.call(json!({"known": true})).to_string().replace(&secrets[2], ""));

    heard.push(eve.refused(json!({"start": [format!("{}/p2p-circuit", relay.addr)]})));
    for secret in &secrets {
        assert!(heard.iter().all(|text| !text.contains(secret)), "{secret} in {heard:?}");
    }
    assert_eq!(ana.call("network.status", json!({}))["peers"], json!([]), "nor did anybody reach Ana");
}
