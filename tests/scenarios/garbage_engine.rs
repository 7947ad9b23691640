//! Garbage on every entrance of a live engine: an error each, no panic, no hang, the document untouched.
//!
//! Mutated bytes are made from valid ones, so that they get past the first checks. Deliberately absent: the decoders by
//! themselves and the gate, which the protocol crate's tests feed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use omniscope_engine::net::{NetCommand, Topic};
use omniscope_engine::pipeline::SAMPLE_RNASEQ;
use omniscope_engine::rpc::{Manner, serve};
use omniscope_engine::store::{DATABASE_FILE, Store};
use omniscope_engine::{DocumentMessage, DocumentSink, Engine, Options};
use omniscope_protocol::identity::{DeviceId, OpId, WorkspaceId};
use omniscope_protocol::invitation::{Link, Redemption};
use omniscope_protocol::op::Op;
use omniscope_protocol::replica::Replica;
use omniscope_protocol::sealing::EpochKey;
use omniscope_protocol::wire::{Gossip, Note, NoteContent, Request, Response, topic};
use omniscope_tests::log::ops_in;
use omniscope_tests::net_node::NetNode;
use omniscope_tests::peers::{Peer, converged, key_of, options};
use omniscope_tests::rows::{Rng, tier};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use yrs::{Map, ReadTxn, Transact};

/// Whatever is asked, an answer comes within this time.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// Some bytes changed, cut out, doubled, or the end cut off.
fn mutated(rng: &mut Rng, valid: &[u8]) -> Vec<u8> {
    let mut bytes = valid.to_vec();
    for _ in 0..1 + rng.below(4) {
        let at = rng.below(bytes.len() as u64 + 1) as usize;
        match rng.below(5) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
            1 if at < bytes.len() => bytes[at] = rng.next_u64() as u8,
            2 => bytes.truncate(at),
            3 => bytes.insert(at, rng.next_u64() as u8),
            _ => {
                let end = (at + rng.below(20) as usize).min(bytes.len());
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
        }
    }
    bytes
}

fn noise(rng: &mut Rng) -> Vec<u8> {
    (0..rng.below(300)).map(|_| rng.next_u64() as u8).collect()
}

/// The document and the heads of the log.
async fn picture(peer: &Peer, ws: &str) -> (String, Value) {
    let heads = peer.call("workspace.show", json!({"workspace": ws})).await["heads"].clone();
    (peer.state(ws).await, heads)
}

async fn sample(peer: &Peer) -> String {
    let ws = peer.call("workspace.create", json!({"name": "target"})).await["workspace"].as_str().unwrap().to_owned();
    peer.call("pipeline.import", json!({"workspace": ws, "content": SAMPLE_RNASEQ})).await;
    peer.call("workspace.persist", json!({"workspace": ws})).await;
    ws
}

/// Ana over a folder with Ben as a member, and then Ben's device driven by the test.
async fn ana_and_a_hostile_member(folder: &std::path::Path) -> (Peer, String, NetNode, DeviceId) {
    let ana = Peer::start_in("Ana", &folder.join("ana")).await;
    let ws = sample(&ana).await;
    let ben = Peer::start("Ben").await;
    ana.invite(&ws, &ben, "editor").await;
    converged(&[&ana, &ben], &ws).await;
    ben.until("nothing is left to say", async |p| {
        p.call("workspace.show", json!({"workspace": ws})).await["unsent"] == 0
    })
    .await;
    ana.until("both are in step", async |p| {
        p.call("workspace.sync", json!({"workspace": ws})).await["converged"] == true
    })
    .await;
    ben.engine.shutdown().await;
    let mut node = NetNode::start(key_of("Ben").seed()[0], |_| {}).await;
    let device = DeviceId::parse_hex(ana.engine.device()).unwrap();
    let status = ana.call("network.status", json!({})).await;
    for addr in status["listening"].as_array().unwrap() {
        node.tell(NetCommand::Dial { addr: addr.as_str().unwrap().parse().unwrap() });
    }
    node.connected(device).await;
    (ana, ws, node, device)
}

/// The key that members seal under, as Ben has it from the log.
fn epoch_key_of_ben(id: WorkspaceId, ops: &[Op]) -> EpochKey {
    let mut replica = Replica::for_device(id, &key_of("Ben"));
    for op in ops {
        replica.receive(&op.bytes, &mut Vec::new()).unwrap();
    }
    replica.epoch_key().expect("Ben is a member")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_from_a_connected_member_changes_nothing() {
    let mut rng = Rng::from_env("garbage_wire");
    let folder = tempfile::tempdir().unwrap();
    let (ana, ws, mut ben, device) = ana_and_a_hostile_member(folder.path()).await;
    let id = WorkspaceId::parse_hex(&ws).unwrap();
    let before = picture(&ana, &ws).await;
    let ops = ops_in(&folder.path().join("ana"));
    let ids: Vec<OpId> = ops.iter().map(|op| op.id).collect();
    let link = ana.call("invite.create", json!({"workspace": ws, "role": "viewer"})).await;
    let link = Link::parse(link["link"].as_str().unwrap()).unwrap();
    let redemption = Redemption::new(&id, &link.op.id, &key_of("Ben"), &link.key());
    let before_link = before.0;
    let before = picture(&ana, &ws).await;
    assert_eq!(before.0, before_link);
    let requests = [
        Request::Sync { workspace: id, heads: ids[..3].to_vec(), have: ids.clone() },
        Request::Fetch { workspace: id, ids: ids.clone() },
        Request::Push { workspace: id, ops: ops.iter().map(|op| Arc::clone(&op.bytes)).collect() },
        Request::Join { workspace: id, invite: link.op.bytes.clone(), redemption, name: Some("Ben".into()) },
    ];
    let requests: Vec<Vec<u8>> = requests.iter().map(Request::encode).collect();
    let (mut answered, mut refused) = (0, 0);
    for n in 0..tier(400, 4_000) {
        let valid = &requests[rng.below(4) as usize];
        let body = if rng.below(4) == 0 { noise(&mut rng) } else { mutated(&mut rng, valid) };
        ben.tell(NetCommand::Request { device, id: n, body });
        let answer = tokio::time::timeout(ANSWER_WITHIN, ben.response(n)).await.expect("an answer comes");
        match Response::decode(&answer.unwrap()).expect("and it is one") {
            Response::Refused(_) | Response::Unsupported { .. } => refused += 1,
            _ => answered += 1,
        }
    }
    let note = Note::sign(&id, NoteContent::Heads(ids.clone()), &key_of("Ben"));
    let shown = json!({"instance": "peer", "clock": 1, "state": {"status": "online", "pointer": {"x": 1.0, "y": 2.0}}});
    let epoch_key = epoch_key_of_ben(id, &ops);
    let ben_says = |text: &[u8]| {
        let place = [&id.0[..], &key_of("Ben").id().0, b"note"].concat();
        Note::sign(&id, NoteContent::Presence(epoch_key.seal(&place, text)), &key_of("Ben"))
    };
    let presence = ben_says(shown.to_string().as_bytes());
    let gossip = [
        Gossip::Ops(ops[..4].iter().map(|op| Arc::clone(&op.bytes)).collect()),
        Gossip::Announce(ids),
        Gossip::Note(note),
        Gossip::Note(presence),
    ];
    let gossip: Vec<Vec<u8>> = gossip.iter().map(Gossip::encode).collect();
    ben.tell(NetCommand::Subscribe(Topic(topic(&id))));
    for n in 0..tier(400, 4_000) {
        let valid = &gossip[rng.below(4) as usize];
        let bytes = if rng.below(4) == 0 { noise(&mut rng) } else { mutated(&mut rng, valid) };
        ben.tell(NetCommand::Publish { topic: Topic(topic(&id)), bytes });
        if n % 50 == 0 {
            // Not to flood: the engine answers in between.
            ana.call("workspace.show", json!({"workspace": ws})).await;
        }
    }
    // A genuine note of a member with garbage inside, last: seen by its effect, or by none.
    for body in [&b"\xff\xfe"[..], b"{}", b"[]", br#"{"instance": 5, "clock": -1}"#] {
        let note = ben_says(body);
        ben.tell(NetCommand::Publish { topic: Topic(topic(&id)), bytes: Gossip::Note(note).encode() });
    }
    println!("{answered} requests still made sense, {refused} were refused");
    assert!(refused > 100);
    assert_eq!(picture(&ana, &ws).await, before);
    ana.call("node.add", json!({"workspace": ws, "type": "generic", "label": "life goes on"})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_links_are_refused_with_a_reason() {
    let mut rng = Rng::from_env("garbage_link");
    let (ana, ben) = (Peer::start("Ana").await, Peer::start("Ben").await);
    let ws = sample(&ana).await;
    let before = picture(&ana, &ws).await;
    let link = ana.call("invite.create", json!({"workspace": ws})).await["link"].as_str().unwrap().to_owned();
    let heads = picture(&ana, &ws).await.1;
    for _ in 0..tier(500, 5_000) {
        let text = String::from_utf8_lossy(&mutated(&mut rng, link.as_bytes())).into_owned();
        // Whatever stands before a link is the message that it came in.
        if text.trim_end().ends_with(&link) {
            continue;
        }
        for verb in ["invite.inspect", "join"] {
            let error = ben.engine.call(verb, json!({"link": text})).await.expect_err(&text);
            assert!(error.code.starts_with("link_") && !error.message.is_empty(), "{}: {text}", error.code);
        }
    }
    assert_eq!(ben.call("workspace.list", json!({})).await["workspaces"], json!([]));
    assert_eq!(picture(&ana, &ws).await, (before.0, heads));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_pipelines_import_whole_or_not_at_all() {
    let mut rng = Rng::from_env("garbage_file");
    let ana = Peer::start("Ana").await;
    let ws = sample(&ana).await;
    let mut refused = 0;
    for n in 0..tier(300, 3_000) {
        let bytes = match n % 8 {
            0 => noise(&mut rng),
            1 => b"[".repeat(1 + rng.below(200_000) as usize),
            _ => mutated(&mut rng, SAMPLE_RNASEQ.as_bytes()),
        };
        let content = String::from_utf8_lossy(&bytes).into_owned();
        let before = ana.state(&ws).await;
        if let Err(error) = ana.engine.call("pipeline.import", json!({"workspace": ws, "content": content})).await {
            assert_ne!(error.code, "engine_stopped");
            assert_eq!(ana.state(&ws).await, before, "{}: half imported", error.message);
            refused += 1;
        } else if before.len() > 1_000_000 {
            // Enough of what still was a pipeline; the next ones go into a new workspace.
            return assert!(refused > 50);
        }
    }
    assert!(refused > 50, "only {refused} were refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_lines_are_answered_one_by_one() {
    let mut rng = Rng::from_env("garbage_rpc");
    let ana = Peer::start_with("Ana", Store::memory().unwrap(), Options::default()).await;
    let ws = sample(&ana).await;
    let before = picture(&ana, &ws).await;
    let (mut near, far) = tokio::io::duplex(1 << 20);
    let (read, write) = tokio::io::split(far);
    let engine: Engine = ana.engine.clone();
    let manner = Manner { events: false, outlives_input: false };
    let serving = tokio::spawn(async move { serve(&engine, BufReader::new(read), write, manner).await });
    let verbs = ["workspace.show", "pipeline.export", "version.list", "invite.list", "presence.list", "workspace.sync"];
    let (near_read, mut near_write) = tokio::io::split(&mut near);
    let count = tier(600, 6_000);
    let feeding = async {
        for n in 0..count {
            let verb = verbs[rng.below(verbs.len() as u64) as usize];
            let line = json!({"jsonrpc": "2.0", "id": n, "method": verb, "params": {"workspace": ws}}).to_string();
            let mut line = mutated(&mut rng, line.as_bytes());
            line.retain(|b| *b != b'\n');
            line.push(b'\n');
            near_write.write_all(&line).await.unwrap();
        }
        near_write.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":\"last\",\"method\":\"profile.show\"}\n").await.unwrap();
    };
    let reading = async {
        let mut lines = BufReader::new(near_read).lines();
        let (mut errors, mut others) = (0u64, 0u64);
        while let Some(line) = lines.next_line().await.unwrap() {
            let answer: Value = serde_json::from_str(&line).unwrap();
            if answer["id"] == "last" {
                assert!(answer["result"]["device"].is_string());
                break;
            }
            if answer["error"].is_object() { errors += 1 } else { others += 1 }
        }
        (errors, others)
    };
    let ((), (errors, others)) =
        tokio::time::timeout(ANSWER_WITHIN * 4, async { tokio::join!(feeding, reading) }).await.unwrap();
    println!("{count} lines: {errors} errors, {others} still made sense");
    assert!(errors > count / 2);
    drop(near);
    serving.await.unwrap().ok();
    assert_eq!(picture(&ana, &ws).await, before);
}

/// Values that a field may get from a program that is wrong, or hostile.
fn weird(rng: &mut Rng) -> Value {
    let deep = || (0..200).fold(json!(1), |inner, _| json!([inner]));
    match rng.below(14) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(-1),
        3 => json!(u64::MAX),
        4 => json!(1e308),
        5 => json!(""),
        6 => json!("💥".repeat(1 + rng.below(400) as usize)),
        7 => json!("x".repeat(400_000)),
        8 => json!([]),
        9 => json!({}),
        10 => deep(),
        11 => json!({"a": deep()}),
        12 => json!("18446744073709551615d"),
        _ => json!("\u{0}\u{202e}<script>"),
    }
}

/// Every verb with the fields that it takes.
const VERBS: &[(&str, &[&str])] = &[
    ("profile.show", &[]),
    ("profile.set", &["name", "color"]),
    ("workspace.create", &["name", "description"]),
    ("workspace.list", &[]),
    ("workspace.show", &["workspace"]),
    ("workspace.update", &["workspace", "name", "description"]),
    ("workspace.delete", &["workspace", "confirm"]),
    ("workspace.members", &["workspace"]),
    ("workspace.state", &["workspace"]),
    ("workspace.persist", &["workspace"]),
    ("workspace.sync", &["workspace", "wait_ms"]),
    ("workspace.presence", &["workspace"]),
    ("workspace.online", &["workspace"]),
    ("workspace.rotate", &["workspace"]),
    ("workspace.checkpoint", &["workspace"]),
    ("workspace.audit", &["workspace"]),
    ("recovery.create", &["workspace", "relay"]),
    ("recovery.use", &["recovery"]),
    ("version.create", &["workspace", "name"]),
    ("version.rename", &["workspace", "version", "name"]),
    ("version.list", &["workspace"]),
    ("version.show", &["workspace", "version"]),
    ("version.restore", &["workspace", "version"]),
    ("invite.create", &["workspace", "role", "uses", "unlimited", "expires", "relay", "for", "attester", "approve"]),
    ("relay.add", &["workspace", "addr", "token"]),
    ("relay.list", &["workspace"]),
    ("relay.remove", &["workspace", "addr"]),
    ("relay.test", &["address"]),
    ("invite.list", &["workspace"]),
    ("invite.inspect", &["link"]),
    ("invite.revoke", &["workspace", "invite"]),
    ("invite.requests", &["workspace"]),
    ("invite.approve", &["workspace", "device"]),
    ("invite.decline", &["workspace", "device"]),
    ("join", &["link"]),
    ("pipeline.import", &["workspace", "content", "filename"]),
    ("pipeline.export", &["workspace", "format", "mine"]),
    ("pipeline.validate", &["workspace"]),
    ("node.add", &["workspace", "type", "x", "y", "label", "params"]),
    ("node.set", &["workspace", "node", "label", "x", "y", "disabled", "params"]),
    ("node.remove", &["workspace", "node"]),
    ("node.note", &["workspace", "node", "text"]),
    ("edge.add", &["workspace", "source", "source_port", "target", "target_port"]),
    ("edge.remove", &["workspace", "edge"]),
    ("cursor.move", &["workspace", "x", "y"]),
    ("selection.change", &["workspace", "nodes"]),
    ("presence.set", &["workspace", "state"]),
    ("presence.list", &["workspace"]),
    ("sync.request", &["workspace"]),
    ("network.status", &[]),
    ("network.set", &["online"]),
    ("catalogue", &[]),
    ("doctor", &[]),
];

/// Parameters in which some fields are right and some are not.
fn parameters(rng: &mut Rng, fields: &[&str], ws: &str, node: &str) -> Value {
    match rng.below(12) {
        0 => return weird(rng),
        1 => return json!({"no_such_field": 1}),
        _ => {}
    }
    let mut given = serde_json::Map::new();
    for field in fields {
        let right = match *field {
            "workspace" => json!(ws),
            "node" | "source" | "target" => json!(node),
            "x" | "y" => json!(1.5),
            "type" | "label" | "text" | "name" => json!("fine"),
            "params" => json!({"threads": 4}),
            "unlimited" | "disabled" | "online" => json!(true),
            // Not to lose the workspace that all this is about.
            "confirm" => json!("never its name"),
            // Waiting is bounded by whoever asks.
            "wait_ms" => continue,
            _ => json!("fine"),
        };
        match rng.below(4) {
            0 => drop(given.insert((*field).to_owned(), weird(rng))),
            1 if *field != "workspace" => {}
            _ => drop(given.insert((*field).to_owned(), right)),
        }
    }
    if rng.below(4) == 0 {
        given.insert("params".into(), json!({"k".repeat(1 + rng.below(2_000) as usize): weird(rng)}));
    }
    Value::Object(given)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_parameters_are_refused_and_a_refused_verb_changes_nothing() {
    let mut rng = Rng::from_env("garbage_verbs");
    let dir = tempfile::tempdir().unwrap();
    let ana = Peer::start_in("Ana", dir.path()).await;
    let ws = sample(&ana).await;
    let state: Value = serde_json::from_str(&ana.state(&ws).await).unwrap();
    let node = state["nodes"].as_object().unwrap().keys().next().unwrap().clone();
    let (mut refused, mut done) = (0, 0);
    for _ in 0..tier(1_500, 15_000) {
        let (verb, fields) = VERBS[rng.below(VERBS.len() as u64) as usize];
        let given = parameters(&mut rng, fields, &ws, &node);
        let before = ana.state(&ws).await;
        let answer = tokio::time::timeout(ANSWER_WITHIN, ana.engine.call(verb, given.clone())).await;
        let short: String = given.to_string().chars().take(300).collect();
        match answer.unwrap_or_else(|_| panic!("{verb} hangs on {short}")) {
            Ok(_) => done += 1,
            Err(error) => {
                assert!(
                    !["engine_stopped", "log_damaged", "not_signed"].contains(&error.code.as_str()),
                    "{verb} {short}: {error}"
                );
                assert!(!error.message.is_empty());
                assert_eq!(
                    ana.state(&ws).await,
                    before,
                    "{verb} {short} was refused ({error}) and changed the document"
                );
                refused += 1;
            }
        }
    }
    println!("{refused} refused, {done} done");
    assert!(refused > 400 && done > 100);
    // What was done is in the log, and comes back from it as it was.
    let before = ana.state(&ws).await;
    ana.call("workspace.persist", json!({"workspace": ws})).await;
    ana.engine.shutdown().await;
    drop(ana);
    let ana = Peer::start_in("Ana", dir.path()).await;
    assert_eq!(ana.state(&ws).await, before);
}

#[derive(Clone, Default)]
struct Window(Arc<Mutex<Vec<DocumentMessage>>>);

impl DocumentSink for Window {
    fn send(&self, message: DocumentMessage) -> bool {
        self.0.lock().unwrap().push(message);
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_pushes_of_a_window_never_reach_the_document() {
    let mut rng = Rng::from_env("garbage_push");
    let ana = Peer::start("Ana").await;
    let ws = sample(&ana).await;
    let before = picture(&ana, &ws).await.0;
    let window = Window::default();
    let (document, client, writable) = ana.engine.open_document(&ws, Box::new(window.clone())).await.unwrap();
    assert!(writable);
    // Edits by another client than the window's session: none of them may count, however well they are formed.
    let foreign = yrs::Doc::with_client_id(client ^ 1);
    let nodes = foreign.get_or_insert_map("nodes");
    let mut txn = foreign.transact_mut();
    for n in 0..20 {
        nodes.insert(&mut txn, format!("n{n}"), "not a node");
    }
    drop(txn);
    let valid = foreign.transact().encode_state_as_update_v1(&yrs::StateVector::default());
    let (mut refused, mut taken) = (0, 0);
    for n in 0..tier(500, 5_000) {
        let update = match n % 4 {
            0 => noise(&mut rng),
            1 => valid.clone(),
            _ => mutated(&mut rng, &valid),
        };
        match ana.engine.push(document, update).await {
            Ok(_) => taken += 1,
            Err(error) => {
                assert_ne!(error.code, "engine_stopped");
                refused += 1;
            }
        }
        if n % 20 == 0 {
            assert_eq!(ana.state(&ws).await, before);
        }
    }
    assert_eq!(ana.state(&ws).await, before);
    let told = window.0.lock().unwrap();
    let resets = told.iter().filter(|m| matches!(m, DocumentMessage::Reset { .. })).count();
    println!("{refused} refused at once, {taken} gathered, {resets} resets of the window");
    assert!(refused > 50 && taken > 50 && resets > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_rows_of_one_workspace_leave_the_engine_and_the_other_workspace_whole() {
    let mut rng = Rng::from_env("garbage_rows");
    let origin = tempfile::tempdir().unwrap();
    let ana = Peer::start_in("Ana", origin.path()).await;
    let (hit, spared) = (sample(&ana).await, sample(&ana).await);
    for n in 0..10 {
        ana.call("node.add", json!({"workspace": hit, "type": "generic", "label": format!("edit {n}.")})).await;
        ana.call("workspace.persist", json!({"workspace": hit})).await;
    }
    let whole = (ana.state(&hit).await, ana.state(&spared).await);
    ana.engine.shutdown().await;
    drop(ana);
    let good = std::fs::read(origin.path().join(DATABASE_FILE)).unwrap();
    let mut noticed = 0;
    for _ in 0..tier(40, 400) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(DATABASE_FILE), &good).unwrap();
        let what = spoil(&mut rng, dir.path(), &WorkspaceId::parse_hex(&hit).unwrap());
        let store = Store::open(dir.path(), "garbage").unwrap();
        let engine = match Engine::start(store, key_of("Ana"), options()).await {
            Ok(engine) => engine,
            Err(error) => {
                assert_eq!(error.code, "wrong_key", "{what}: {error}");
                continue;
            }
        };
        let ana = Peer { engine, name: "Ana" };
        assert_eq!(ana.state(&spared).await, whole.1, "{what}");
        let shown = ana.engine.call("pipeline.export", json!({"workspace": hit})).await;
        noticed += u64::from(shown.is_ok_and(|s| s["content"].as_str() != Some(&whole.0)));
        ana.engine.shutdown().await;
    }
    assert!(noticed > 5, "only {noticed} spoilt logs differ from the whole one");
}

/// Writes garbage into some rows of one workspace, or into the settings of the device.
fn spoil(rng: &mut Rng, dir: &std::path::Path, workspace: &WorkspaceId) -> String {
    let database = rusqlite::Connection::open(dir.join(DATABASE_FILE)).unwrap();
    let mut select = database.prepare("SELECT seq, bytes FROM op WHERE workspace = ?1").unwrap();
    let rows: Vec<(i64, Vec<u8>)> =
        select.query_map([workspace.0], |r| Ok((r.get(0)?, r.get(1)?))).unwrap().map(Result::unwrap).collect();
    let (seq, bytes) = &rows[rng.below(rows.len() as u64) as usize];
    let garbage = if rng.below(2) == 0 { noise(rng) } else { mutated(rng, bytes) };
    let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| assert!(database.execute(sql, values).unwrap() > 0, "{sql}");
    match rng.below(6) {
        0 | 1 => run("UPDATE op SET bytes = ?1 WHERE seq = ?2", &[&garbage, seq]),
        // The id fits the garbage, so only its content tells.
        2 => run(
            "UPDATE op SET bytes = ?1, id = ?2 WHERE seq = ?3",
            &[&garbage, &blake3::hash(&garbage).as_bytes().as_slice(), seq],
        ),
        3 => run("UPDATE op SET id = ?1 WHERE seq = ?2", &[&garbage, seq]),
        4 => run(
            "UPDATE workspace SET name = ?1, description = ?1, summary = ?2, state = 99 WHERE id = ?3",
            &[&"\u{0}💥".as_bytes(), &garbage, &workspace.0.as_slice()],
        ),
        _ => run("UPDATE setting SET value = ?1", &[&garbage]),
    }
    format!("row {seq}")
}
