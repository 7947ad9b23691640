//! Adversaries against real processes: each is refused with its reason, and every peer stays as it was.
//!
//! The peers are `omniscope peer` and the command line. The adversary is a device with a program of its own, which signs
//! well made ops with its real key and pushes them by the real protocol. Deliberately absent: garbage (`garbage_engine`,
//! `garbage_wire`), and schedules at random (`simulation`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use omniscope_protocol::identity::{DeviceId, DeviceKey, OpId, WorkspaceId};
use omniscope_protocol::invitation::{Link, Redemption};
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::{Body, Draft, Op, SessionId};
use omniscope_protocol::wire::{Refusal, Request, Response};
use omniscope_tests::headless::{Headless, Home, converged};
use omniscope_tests::hostile::{Hostile, key_in};
use omniscope_tests::shell::Shell;
use serde_json::{Value, json};

const A_YEAR_MS: u64 = 365 * 86_400_000;

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// What no adversary may change: the document's canonical JSON, and who has which role.
fn picture(peer: &mut Headless, ws: &str) -> (String, BTreeMap<String, String>) {
    let members = peer.call("workspace.members", json!({"workspace": ws}));
    let role = |m: &Value| (m["device"].as_str().unwrap().to_owned(), m["role"].as_str().unwrap().to_owned());
    let roles = members["members"].as_array().unwrap().iter().map(role).collect();
    (peer.state(ws), roles)
}

fn ops_known(peer: &mut Headless, ws: &str) -> u64 {
    peer.call("workspace.show", json!({"workspace": ws}))["ops"].as_u64().unwrap()
}

/// Ana, who founded a workspace, and Ben, an editor in it; both hold the same.
struct Team {
    ana: Headless,
    ben: Headless,
    ws: String,
    place: tempfile::TempDir,
}

impl Team {
    fn new() -> Option<Self> {
        let place = tempfile::tempdir().unwrap();
        let mut ana = Headless::start("Ana", &Home::of(place.path(), "Ana"))?;
        let mut ben = Headless::start("Ben", &Home::of(place.path(), "Ben"))?;
        let ws = found(&mut ana, "RNA-seq");
        ana.invite(&ws, &mut ben, "editor");
        let mut team = Self { ana, ben, ws, place };
        team.settle();
        Some(team)
    }

    fn id(&self) -> WorkspaceId {
        WorkspaceId::parse_hex(&self.ws).unwrap()
    }

    fn home(&self, name: &str) -> Home {
        Home::of(self.place.path(), name)
    }

    /// Waits until both hold the same ops and have made the same of them.
    fn settle(&mut self) {
        let heads = |p: &mut Headless| {
            let shown = p.call("workspace.show", json!({"workspace": self.ws}));
            let heads = shown["heads"].as_array().unwrap().iter().map(ToString::to_string);
            heads.collect::<BTreeSet<String>>()
        };
        self.ana.until("both hold the same ops", |ana| heads(ana) == heads(&mut self.ben));
        converged(&mut [&mut self.ana, &mut self.ben], &self.ws);
    }

    /// Lets somebody join as a process, and gives the device of that process to a hostile program.
    async fn traitor(&mut self, name: &'static str, role: &str) -> Hostile {
        let home = self.home(name);
        let mut peer = Headless::start(name, &home).unwrap();
        self.ana.invite(&self.ws, &mut peer, role);
        converged(&mut [&mut self.ana, &mut self.ben, &mut peer], &self.ws);
        peer.saved(&self.ws);
        self.settle();
        peer.stop();
        let mut hostile = Hostile::start(key_in(&home), self.id()).await;
        let ana = hostile.meet(&mut self.ana).await;
        hostile.meet(&mut self.ben).await;
        hostile.listen_to(ana).await;
        hostile
    }

    /// Rob, who was an editor and is removed, Vic, a viewer who brings what Rob makes, and the edit of Rob's that both hold and
    /// Ben has built on.
    async fn with_removed(&mut self) -> (Hostile, Hostile, Vec<Op>) {
        let mut rob = self.traitor("Rob", "editor").await;
        let vic = self.traitor("Vic", "viewer").await;
        let honest = rob.edit("before-removal", now_ms());
        rob.push(self.devices()[0], &honest).await;
        self.ben.until("Rob's honest edit is there", |p| p.state(&self.ws).contains("before-removal"));
        self.ben.call("node.add", json!({"workspace": self.ws, "type": "generic", "label": "built on it"}));
        self.settle();
        self.ana.call("member.remove", json!({"workspace": self.ws, "member": rob.key.id().to_string()}));
        self.settle();
        (rob, vic, honest)
    }

    fn devices(&self) -> [DeviceId; 2] {
        [&self.ana, &self.ben].map(|peer| DeviceId::parse_hex(&peer.device).unwrap())
    }

    fn pictures(&mut self) -> Vec<(String, BTreeMap<String, String>)> {
        [&mut self.ana, &mut self.ben].into_iter().map(|peer| picture(peer, &self.ws)).collect()
    }
}

fn found(peer: &mut Headless, name: &str) -> String {
    let ws = peer.call("workspace.create", json!({"name": name}))["workspace"].as_str().unwrap().to_owned();
    peer.call("node.add", json!({"workspace": ws, "type": "generic", "label": format!("step of {name}")}));
    ws
}

fn ids(ops: &[Op]) -> Vec<OpId> {
    ops.iter().map(|op| op.id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewers_forged_edit_counts_nowhere_and_the_same_by_an_editor_does() {
    let Some(mut team) = Team::new() else { return };
    let mut vic = team.traitor("Vic", "viewer").await;
    // The honest program refuses at the call.
    let shell = Shell::over(&team.home("Vic")).unwrap();
    let refused = shell.run(&["--json", "node", "add", &team.ws, "generic"]).exits(1).error();
    assert_eq!(refused, "not_allowed");
    let before = team.pictures();
    let forged = vic.edit("by-a-viewer", now_ms());
    for device in team.devices() {
        assert!(matches!(vic.push(device, &forged).await, Response::Receipt { .. }));
        // A member's ops are kept, so that all agree on what was said; they count for nothing.
        assert_eq!(vic.held_by(device, ids(&forged)).await, ids(&forged));
    }
    assert_eq!(team.pictures(), before);

    // The forgery is well made: by an editor it counts, and what was void stays void.
    let role = json!({"workspace": team.ws, "member": vic.key.id().to_string(), "role": "editor"});
    team.ana.call("member.role", role);
    team.settle();
    let [ana, ben] = team.devices();
    vic.listen_to(ana).await;
    vic.begin_session();
    let honest = vic.edit("by-an-editor", now_ms());
    vic.push(ben, &honest).await;
    for peer in [&mut team.ana, &mut team.ben] {
        peer.until("the editor's edit counts", |p| p.state(&team.ws).contains("by-an-editor"));
        assert!(!peer.state(&team.ws).contains("by-a-viewer"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outsiders_ops_enter_no_log_whoever_brings_them() {
    let Some(mut team) = Team::new() else { return };
    let mut vic = team.traitor("Vic", "viewer").await;
    let before = (team.pictures(), ops_known(&mut team.ana, &team.ws), ops_known(&mut team.ben, &team.ws));
    // Odd knows everything that a member knows, and claims the founder's grant for itself.
    let odd_key = DeviceKey::from_seed(&[77; 32]);
    let mut odd = Hostile::start(odd_key.clone(), team.id()).await;
    let (workspace, session) = (team.id(), SessionId::from_seed(&[78; 32]));
    let sign = |seq: u64, prev: Option<OpId>, deps: Vec<OpId>, body: Body| {
        Op::sign(Draft { workspace, session, seq, prev, deps, time_ms: now_ms(), body }, &odd_key)
    };
    let open = sign(0, None, vic.replica.heads(), Body::Open);
    let genesis = OpId(workspace.0);
    let crown = Body::SetRole { subject: odd_key.id(), role: Role::Owner, cap: genesis };
    let crown = sign(1, Some(open.id), Vec::new(), crown);
    let second = Body::SetRole { subject: vic.key.id(), role: Role::Owner, cap: crown.id };
    let ops = [open.clone(), crown.clone(), sign(2, Some(crown.id), Vec::new(), second)];
    for peer in [&mut team.ana, &mut team.ben] {
        let met = odd.meet(peer).await;
        for request in [
            Request::Sync { workspace, heads: Vec::new(), have: Vec::new() },
            Request::Fetch { workspace, ids: vec![genesis] },
            Request::Push { workspace, ops: ops.iter().map(|op| op.bytes.clone()).collect() },
        ] {
            assert_eq!(odd.ask(met, &request).await, Response::Refused(Refusal::NotMember), "{}", peer.name);
        }
        // One or two could be its admission, and are looked at.
        odd.push(met, &ops[..1]).await;
        odd.push(met, &ops[..2]).await;
        vic.push(met, &ops).await;
        assert_eq!(vic.held_by(met, ids(&ops)).await, Vec::new());
    }
    let after = (team.pictures(), ops_known(&mut team.ana, &team.ws), ops_known(&mut team.ben, &team.ws));
    assert_eq!(after, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_that_a_removed_member_dates_back_count_nowhere_whoever_brings_them() {
    let Some(mut team) = Team::new() else { return };
    let (mut rob, mut vic, _) = team.with_removed().await;
    let [ana, ben] = team.devices();
    let before = team.pictures();
    assert!(!before[0].1.contains_key(&rob.key.id().to_string()) && before[0].0.contains("before-removal"));

    // Rob's replica has not heard of it, so what it signs names a past in which he was an editor.
    let late: Vec<Op> = (0..3).flat_map(|n| rob.edit(&format!("dated-back-{n}"), now_ms() - A_YEAR_MS)).collect();
    for device in [ana, ben] {
        assert_eq!(rob.push(device, &late).await, Response::Refused(Refusal::Removed));
        assert_eq!(vic.held_by(device, ids(&late)).await, Vec::new());
    }
    assert_eq!(team.pictures(), before);
    for device in [ana, ben] {
        vic.push(device, &late).await;
        assert_eq!(vic.held_by(device, ids(&late)).await, ids(&late), "they are well made");
    }
    assert_eq!(team.pictures(), before);
    team.ben.call("node.add", json!({"workspace": team.ws, "type": "generic", "label": "work goes on"}));
    team.settle();
    assert!(!team.ana.state(&team.ws).contains("dated-back") && team.ana.state(&team.ws).contains("work goes on"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_member_that_takes_a_place_back_takes_nothing_of_others_along() {
    let Some(mut team) = Team::new() else { return };
    let (rob, mut vic, honest) = team.with_removed().await;
    let [ana, ben] = team.devices();
    team.ana.call("node.add", json!({"workspace": team.ws, "type": "generic", "label": "long after"}));
    team.settle();
    let before = team.pictures();

    let edit = honest.last().unwrap();
    let rival = |time_ms| {
        let (workspace, session, seq, prev) = (edit.workspace(), edit.session, edit.seq, edit.prev);
        Op::sign(Draft { workspace, session, seq, prev, deps: vec![], time_ms, body: Body::Join }, &rob.key)
    };
    let rival = (now_ms()..).map(rival).find(|rival| rival.id < edit.id).unwrap();
    for device in [ana, ben] {
        vic.push(device, std::slice::from_ref(&rival)).await;
        assert_eq!(vic.held_by(device, vec![rival.id]).await, [rival.id], "it is well made");
    }
    assert_eq!(team.pictures(), before);
    let Team { ben, ws, .. } = &mut team;
    ben.call("node.add", json!({"workspace": ws, "type": "generic", "label": "work goes on"}));
    team.settle();
    let state = team.ana.state(&team.ws);
    assert!(["before-removal", "built on it", "long after", "work goes on"].iter().all(|text| state.contains(text)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_signed_for_one_workspace_is_worth_nothing_in_another() {
    let Some(mut team) = Team::new() else { return };
    let other = found(&mut team.ana, "another");
    let mut vic = team.traitor("Vic", "viewer").await;
    team.ana.call("node.add", json!({"workspace": other, "type": "generic", "label": "of the other workspace"}));
    team.ana.saved(&other);
    let mut peek = Headless::start("Peek", &team.home("Peek")).unwrap();
    team.ana.invite(&other, &mut peek, "editor");
    converged(&mut [&mut team.ana, &mut peek], &other);
    peek.saved(&other);
    peek.stop();
    let ops = omniscope_tests::log::ops_in(&team.home("Peek").data());
    let by_ana: Vec<Op> = ops.into_iter().filter(|op| op.author == team.devices()[0]).collect();
    assert!(by_ana.iter().any(|op| matches!(op.body, Body::Edit { .. })));
    // As they are, and with the workspace's id written over.
    let moved = |op: &Op| -> Arc<[u8]> { [&op.bytes[..1], &team.id().0, &op.bytes[33..]].concat().into() };
    let replayed: Vec<Arc<[u8]>> = by_ana.iter().flat_map(|op| [Arc::clone(&op.bytes), moved(op)]).collect();
    let of_replayed: Vec<OpId> = replayed.iter().map(|bytes| OpId(*blake3::hash(bytes).as_bytes())).collect();
    assert!(replayed.iter().filter(|bytes| Op::decode(bytes).is_ok()).count() == by_ana.len());
    team.settle();
    let before = (team.pictures(), ops_known(&mut team.ana, &team.ws), ops_known(&mut team.ben, &team.ws));
    for device in team.devices() {
        vic.push_bytes(device, replayed.clone()).await;
        assert_eq!(vic.held_by(device, of_replayed.clone()).await, Vec::new());
    }
    let after = (team.pictures(), ops_known(&mut team.ana, &team.ws), ops_known(&mut team.ben, &team.ws));
    assert_eq!(after, before);
}

#[test]
fn of_two_who_use_a_link_at_once_one_gets_in_and_the_other_is_told_why_not() {
    let Some(mut team) = Team::new() else { return };
    for round in 0..3 {
        let mut guests =
            ["Cara", "Dora"].map(|name| Headless::start(name, &team.home(&format!("{name}{round}"))).unwrap());
        let (state, roles) = picture(&mut team.ana, &team.ws);
        let link = team.ana.call("invite.create", json!({"workspace": team.ws}))["link"].clone();
        let asked = json!({"link": link, "wait_ms": 20_000});
        let sent = [0, 1].map(|n| guests[n].send("join", &asked).unwrap());
        let outcomes: Vec<String> = guests.iter_mut().zip(sent).map(|(guest, id)| outcome(guest, id)).collect();
        let mut sorted = outcomes.clone();
        sorted.sort();
        assert_eq!(sorted, ["link_used_up", "member"], "{outcomes:?}");
        let (still, now) = picture(&mut team.ana, &team.ws);
        assert_eq!((still, now.len()), (state, roles.len() + 1));
        let winner = usize::from(outcomes[0] != "member");
        assert_eq!(now.get(&guests[winner].device).map(String::as_str), Some("viewer"));
        let lost = &mut guests[1 - winner];
        assert_eq!(lost.call("workspace.list", json!({}))["workspaces"], json!([]));
    }
}

/// What became of a join that was asked for.
fn outcome(guest: &mut Headless, id: u64) -> String {
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while let Some(message) = guest.message(deadline) {
        if message["id"] == id {
            let told = message["error"]["data"]["code"].as_str().or(message["result"]["status"].as_str());
            return told.unwrap().to_owned();
        }
    }
    panic!("{}: no answer to a join", guest.name);
}

/// The command line joins by a link; its error code.
fn join_fails(shell: &Shell, link: &Value) -> String {
    let listen = "/ip4/127.0.0.1/tcp/0";
    let words = ["--json", "join", link.as_str().unwrap(), "--wait", "20", "--no-mdns", "--listen", listen];
    shell.run(&words).exits(1).error()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_that_are_revoked_or_expired_let_nobody_in_by_any_clock() {
    let Some(mut team) = Team::new() else { return };
    let before = team.pictures();
    let shell = Shell::over(&team.home("Guest")).unwrap();
    let made = team.ana.call("invite.create", json!({"workspace": team.ws, "role": "editor"}));
    team.ana.call("invite.revoke", json!({"workspace": team.ws, "invite": made["invite"]}));
    assert_eq!(join_fails(&shell, &made["link"]), "link_revoked");

    // Signed with an end that is past: to the joiner's clock it is as if the clock were ahead.
    let over = team.ana.call("invite.create", json!({"workspace": team.ws, "role": "editor", "expires": "0"}));
    assert_eq!(join_fails(&shell, &over["link"]), "link_expired");
    let shown = shell.json(&["invite", "inspect", over["link"].as_str().unwrap()]);
    assert_eq!(shown["problem"]["code"], "link_expired", "{shown}");

    // A device whose clock is behind, or that does not look, asks all the same: the attester's clock counts.
    let link = Link::parse(over["link"].as_str().unwrap()).unwrap();
    let mut late = Hostile::start(DeviceKey::from_seed(&[66; 32]), team.id()).await;
    let device = late.meet(&mut team.ana).await;
    let redemption = Redemption::new(&team.id(), &link.op.id, &late.key, &link.key());
    let request = Request::Join { workspace: team.id(), invite: link.op.bytes.clone(), redemption, name: None };
    assert_eq!(late.ask(device, &request).await, Response::Refused(Refusal::Expired));
    let revoked = Link::parse(made["link"].as_str().unwrap()).unwrap();
    let redemption = Redemption::new(&team.id(), &revoked.op.id, &late.key, &revoked.key());
    let request = Request::Join { workspace: team.id(), invite: revoked.op.bytes.clone(), redemption, name: None };
    assert_eq!(late.ask(device, &request).await, Response::Refused(Refusal::Revoked));
    assert_eq!(team.pictures(), before);
}

#[test]
fn a_link_that_expires_while_its_holder_is_offline_lets_nobody_in() {
    let Some(mut team) = Team::new() else { return };
    let before = team.pictures();
    let mut guest = Headless::start("Guest", &team.home("Guest")).unwrap();
    guest.call("network.set", json!({"online": false}));
    let made = team.ana.call("invite.create", json!({"workspace": team.ws, "role": "editor", "expires": "2"}));
    let end_ms = Link::parse(made["link"].as_str().unwrap()).unwrap().invite.expires.unwrap() * 1000;
    assert_eq!(guest.call("join", json!({"link": made["link"]}))["status"], "pending");
    while now_ms() <= end_ms {
        std::thread::sleep(Duration::from_millis(50));
    }
    guest.call("network.set", json!({"online": true}));
    let failed = guest.event("the join fails", |e| e["method"] == "join_failed");
    assert_eq!(failed["params"]["code"], "link_expired", "{failed}");
    assert!(!failed["params"]["message"].as_str().unwrap().is_empty());
    assert_eq!(team.pictures(), before);
}
