//! The line server over a stream in memory: what is answered to what.
#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::{Manner, serve};
use crate::engine::{Engine, Options};
use crate::store::Store;
use omniscope_protocol::identity::DeviceKey;

async fn engine() -> Engine {
    Engine::start(Store::memory().unwrap(), DeviceKey::from_seed(&[7; 32]), Options::default()).await.unwrap()
}

/// Feeds `input` and collects all answers, in the order of their ids.
async fn answers(input: &[u8]) -> Vec<Value> {
    let engine = engine().await;
    let (near, far) = tokio::io::duplex(1 << 20);
    let manner = Manner { events: false, outlives_input: false };
    let serving = async {
        serve(&engine, BufReader::new(input), near, manner).await.unwrap();
    };
    let reading = async {
        let mut lines = BufReader::new(far).lines();
        let mut all = Vec::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            all.push(serde_json::from_str::<Value>(&line).unwrap());
        }
        all
    };
    let ((), mut all) = tokio::join!(serving, reading);
    all.sort_by_key(|a| a["id"].as_i64());
    all
}

#[tokio::test]
async fn garbage_gets_an_error_each_and_the_connection_goes_on() {
    let mut input = b"{\n\xff\xfe\x00\n\n[]\n42\n".to_vec();
    input.extend_from_slice(&b"[".repeat(100_000));
    input.extend_from_slice(b"\n{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"profile.show\"}\n");
    let all = answers(&input).await;
    let codes: Vec<_> = all.iter().filter_map(|a| a["error"]["code"].as_i64()).collect();
    assert_eq!(codes.len(), 5, "{all:?}");
    assert_eq!(codes.iter().filter(|c| **c == -32_700).count(), 3);
    assert_eq!(codes.iter().filter(|c| **c == -32_600).count(), 2);
    assert_eq!(all.last().unwrap()["result"]["device"].as_str().unwrap().len(), 64);
}

#[tokio::test]
async fn errors_carry_the_number_of_the_standard_and_the_code_of_the_verb() {
    let ask = |id: u32, method: &str, params: Value| {
        json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string() + "\n"
    };
    let input = ask(1, "no.such", json!({}))
        + &ask(2, "workspace.create", json!({"nam": "x"}))
        + &ask(3, "workspace.show", json!({"workspace": "nowhere"}))
        + &ask(4, "workspace.list", json!([1]))
        + "{\"jsonrpc\":\"2.0\",\"method\":\"workspace.create\",\"params\":{\"name\":\"quiet\"}}\n"
        + &ask(5, "workspace.list", json!({}));
    let all = answers(input.as_bytes()).await;
    let of = |at: usize| (all[at]["error"]["code"].as_i64(), all[at]["error"]["data"]["code"].as_str().unwrap());
    assert_eq!(of(0), (Some(-32_601), "unknown_method"));
    assert_eq!(of(1), (Some(-32_602), "bad_params"));
    assert_eq!(of(2), (Some(-32_000), "no_such_workspace"));
    assert_eq!(of(3), (Some(-32_600), "bad_request"));
    assert_eq!(all.len(), 5, "a notification is carried out and not answered");
    assert_eq!(all[4]["result"]["workspaces"][0]["name"], "quiet", "lines are carried out in their order");
}

#[tokio::test]
async fn a_batch_is_answered_as_one() {
    let input = br#"[{"jsonrpc":"2.0","id":1,"method":"profile.show"},{"jsonrpc":"2.0","id":2,"method":"doctor"},7]"#;
    let all = answers(input).await;
    let batch = all[0].as_array().unwrap();
    assert_eq!(batch.len(), 3);
    assert_eq!(batch[2]["error"]["code"], -32_600);
}

/// What a relay says of a join that waits may come before the first line is read.
#[tokio::test]
async fn who_serves_a_person_tells_what_happened_before_it_could() {
    let engine = engine().await;
    engine.call("workspace.create", json!({"name": "early"})).await.unwrap();
    let manner = Manner { events: true, outlives_input: false };
    let first_event = async || {
        let (near, far) = tokio::io::duplex(1 << 20);
        let input = &b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"profile.show\"}\n"[..];
        let serving = async { serve(&engine, BufReader::new(input), near, manner).await.unwrap() };
        let reading = async {
            let mut lines = BufReader::new(far).lines();
            let mut first = None;
            while let Some(line) = lines.next_line().await.unwrap() {
                let message: Value = serde_json::from_str(&line).unwrap();
                first = first.or(message["method"].as_str().map(str::to_owned));
            }
            first
        };
        tokio::join!(serving, reading).1
    };
    assert_eq!(first_event().await.as_deref(), Some("workspaces_changed"));
    assert_eq!(first_event().await, None, "it is told once");
}
