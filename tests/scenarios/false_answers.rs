//! Who joins asks whoever it meets. A stranger among them answers what it likes and neither ends a join nor holds it up.
//! Nor does a relay that contradicts itself keep anything from being given to it.
//!
//! The peers are engines over loopback, the liar and the relay real network nodes. Deliberately absent: what attesters and owners
//! answer, which is final (`adversaries`, `approval`).

use std::collections::BTreeSet;
use std::sync::Arc;

use omniscope_engine::event::Event;
use omniscope_engine::net::{NetCommand, NetEvent};
use omniscope_protocol::identity::{OpId, WorkspaceId};
use omniscope_protocol::wire::{Refusal, Request, Response};
use omniscope_tests::net_node::{NetNode, PATIENCE};
use omniscope_tests::peers::Peer;
use serde_json::json;
use tokio::sync::broadcast::Receiver;

/// Answers everybody who asks to be let in with `lie`, for ever.
async fn lie(mut liar: NetNode, lie: Response) {
    while let Some(event) = liar.events.recv().await {
        let NetEvent::Request { token, body, .. } = event else { continue };
        let joins = matches!(Request::decode(&body), Ok(Request::Join { .. }));
        let answer = if joins { lie.clone() } else { Response::Refused(Refusal::NotMember) };
        liar.tell(NetCommand::Respond { token, body: answer.encode() });
    }
}

/// What the guest was told of its join so far.
fn told(events: &mut Receiver<Arc<Event>>) -> BTreeSet<String> {
    let codes = std::iter::from_fn(|| events.try_recv().ok()).filter_map(|event| match &*event {
        Event::JoinPending { code, .. } => Some(code.clone()),
        Event::JoinFailed { code, .. } => Some(format!("failed: {code}")),
        _ => None,
    });
    codes.collect()
}

/// Lets a guest meet the liar while nobody else is there, then Ana, who let it in.
async fn joins_all_the_same(name: &'static str, seed: u8, answer: Response, approve: bool) {
    let ana = Peer::start("Ana").await;
    ana.reachable().await;
    let made = ana.call("workspace.create", json!({"name": "Ours"})).await;
    let asked = match approve {
        true => json!({"workspace": made["workspace"], "approve": true}),
        false => json!({"workspace": made["workspace"], "unlimited": true}),
    };
    let link = ana.call("invite.create", asked).await["link"].clone();
    ana.call("network.set", json!({"online": false})).await;

    let liar = NetNode::start(seed, |_| {}).await;
    let met = format!("{}/p2p/{}", liar.addrs[0], liar.net.peer());
    let admits = matches!(answer, Response::Admitted { .. });
    let lying = tokio::spawn(lie(liar, answer));
    let guest = Peer::start(name).await;
    let mut events = guest.engine.subscribe();
    guest.call("network.connect", json!({"addr": met})).await;
    guest.call("join", json!({"link": link})).await;
    let asked = json!({"workspace": made["workspace"]});
    if admits {
        let waits = async |guest: &Peer| guest.engine.call("workspace.show", asked.clone()).await.is_ok();
        guest.until("the guest waits for the history", waits).await;
    } else {
        let waits = |e: &Event| match e {
            Event::JoinPending { code, .. } => code == "not_attester",
            Event::JoinFailed { code, .. } => panic!("a stranger ended the join: {code}"),
            _ => false,
        };
        guest.event(&mut events, "the guest waits for others", waits).await;
    }
    ana.call("network.set", json!({"online": true})).await;
    ana.reachable().await;
    let status = ana.call("network.status", json!({})).await;
    guest.call("network.connect", json!({"addr": status["listening"][0]})).await;
    if approve {
        ana.until("Ana hears of it", async |ana| {
            ana.call("invite.requests", asked.clone()).await["requests"][0].is_object()
        })
        .await;
        let device = guest.engine.device().to_owned();
        ana.call("invite.approve", json!({"workspace": made["workspace"], "device": device})).await;
    }
    guest
        .until("the guest is in", async |guest| {
            let shown = guest.engine.call("workspace.show", asked.clone()).await;
            shown.is_ok_and(|shown| shown["role"] == "viewer")
        })
        .await;
    let told = told(&mut events);
    assert!(!told.iter().any(|code| code.starts_with("failed")), "{told:?}");
    lying.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_that_refuses_for_good_does_not_end_a_join() {
    joins_all_the_same("Ben", 201, Response::Refused(Refusal::Revoked), false).await;
    joins_all_the_same("Cem", 202, Response::Refused(Refusal::Declined), true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_that_says_that_it_lets_in_does_not_hold_up_a_join() {
    joins_all_the_same("Dan", 203, Response::Admitted { deposit: None }, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_told_news_while_it_refused_is_asked_again_and_given_what_it_lacks() {
    let ana = Peer::start("Ana").await;
    let made = ana.call("workspace.create", json!({"name": "Ours"})).await;
    let workspace = WorkspaceId::parse_hex(made["workspace"].as_str().unwrap()).unwrap();
    let genesis = vec![OpId(workspace.0)];
    let mut relay = NetNode::start(204, |_| {}).await;
    let addr = format!("{}/p2p/{}", relay.addrs[0], relay.net.peer());
    ana.call("relay.add", json!({"workspace": made["workspace"], "addr": addr})).await;

    let mut heard = false;
    let given = async {
        loop {
            let (device, token, body) = match relay.events.recv().await.unwrap() {
                NetEvent::Request { device, token, body } => (device, token, body),
                NetEvent::Response { .. } => {
                    heard = true;
                    continue;
                }
                _ => continue,
            };
            let answer = match Request::decode(&body).unwrap() {
                Request::Push { ops, .. } => return ops.len(),
                Request::Sync { .. } if heard => Response::Sync { ops: vec![], heads: genesis.clone(), more: false },
                _ => Response::Refused(Refusal::Busy),
            };
            relay.tell(NetCommand::Respond { token, body: answer.encode() });
            if !heard {
                let body = Request::News { workspace, heads: genesis.clone(), ops: vec![] }.encode();
                relay.tell(NetCommand::Request { device, id: 1, body });
            }
        }
    };
    let given = tokio::time::timeout(PATIENCE, given).await.expect("the relay is asked again");
    assert!(given > 0, "all that Ana said since the beginning");
}
