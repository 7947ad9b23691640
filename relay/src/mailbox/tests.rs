//! The mailbox serves members, owes what it promises until the commit, and forgets nothing that it acknowledged.
#![allow(clippy::unwrap_used, reason = "tests")]

use omniscope_protocol::identity::OpId;
use omniscope_protocol::op::{Draft, SessionId};

use super::*;

fn key(n: u8) -> DeviceKey {
    DeviceKey::from_seed(&[n; 32])
}

const ANA: u8 = 1;
const BEN: u8 = 2;
const EVE: u8 = 9;

fn genesis() -> Op {
    let body = Body::Genesis { nonce: [7; 16] };
    let (workspace, session) = (WorkspaceId([0; 32]), SessionId::NONE);
    Op::sign(Draft { workspace, session, seq: 0, prev: None, deps: vec![], time_ms: 0, body }, &key(ANA))
}

/// Ana's session: an opening, then others, each upon the one before.
fn ops(bodies: Vec<Body>) -> Vec<Arc<[u8]>> {
    let genesis = genesis();
    let mut last: (Option<OpId>, Vec<OpId>) = (None, vec![genesis.id]);
    let mut made = Vec::new();
    for (seq, body) in std::iter::once(Body::Open).chain(bodies).enumerate() {
        let (prev, deps) = std::mem::take(&mut last);
        let (workspace, session) = (genesis.workspace(), SessionId([3; 16]));
        let op = Op::sign(Draft { workspace, session, seq: seq as u64, prev, deps, time_ms: 0, body }, &key(ANA));
        last.0 = Some(op.id);
        made.push(op.bytes);
    }
    made
}

fn set_role(who: u8, role: omniscope_protocol::judge::Role) -> Body {
    Body::SetRole { subject: key(who).id(), role, cap: genesis().id }
}

struct Stage {
    mailbox: Mailbox,
    store: Store,
    folder: tempfile::TempDir,
}

impl Stage {
    fn new(limits: MailboxLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.commit_wait(vec![Write::Token { hash: token_hash(b"sesame"), uses: Some(1), now_ms: 0 }]).unwrap();
        let mailbox = Mailbox::load(&store, key(100), Policy::Members, limits).unwrap();
        Self { mailbox, store, folder }
    }

    /// What follows at once.
    fn ask(&mut self, from: u8, request: Request) -> Vec<Action> {
        let mut out = Vec::new();
        if self.mailbox.answer_in_step(&key(from).id(), 1, &request, 5, &mut out)
            || self.mailbox.handle_asleep(key(from).id(), 1, &request, 5, &self.store, &mut out)
        {
            return out;
        }
        if let Some(waking) = self.mailbox.wake(&request.workspace()) {
            assert!(self.mailbox.on_woken(waking.read(&self.store), 5));
        }
        self.mailbox.handle(key(from).id(), 1, request, 5, &self.store, &mut out);
        out
    }

    /// The answer after all commits, which go well or not.
    fn answer(&mut self, from: u8, request: Request, ok: bool) -> Response {
        let mut actions = self.ask(from, request);
        while let Some(at) = actions.iter().position(|a| matches!(a, Action::Commit(_))) {
            let Action::Commit(commit) = actions.remove(at) else { unreachable!() };
            let answered = actions.iter().any(|a| matches!(a, Action::Respond(..)));
            assert!(!answered, "nothing is promised before the commit");
            if ok {
                self.store.commit_wait(commit.writes.clone()).unwrap();
            }
            self.mailbox.on_committed(&commit, ok, &self.store, &mut actions);
        }
        let mut answers = actions.into_iter().filter_map(|a| match a {
            Action::Respond(_, response) => Some(response),
            _ => None,
        });
        let answer = answers.next().unwrap();
        assert_eq!(answers.next(), None);
        answer
    }

    fn register(&mut self, from: u8, token: &[u8]) -> Response {
        let genesis = genesis();
        let (workspace, token) = (genesis.workspace(), token.to_vec());
        self.answer(from, Request::Register { workspace, genesis: genesis.bytes, token }, true)
    }

    fn sync(&mut self, from: u8) -> Response {
        let workspace = genesis().workspace();
        self.answer(from, Request::Sync { workspace, heads: vec![], have: vec![] }, true)
    }

    fn push(&mut self, ops: &[Arc<[u8]>]) -> Response {
        let request = Request::Push { workspace: genesis().workspace(), ops: ops.to_vec() };
        self.answer(ANA, request, true)
    }
}

fn refused(why: Refusal) -> Response {
    Response::Refused(why)
}

#[test]
fn a_workspace_is_registered_with_a_token_once_and_its_members_alone_are_served() {
    use omniscope_protocol::judge::Role;
    let mut stage = Stage::new(MailboxLimits::default());
    assert_eq!(stage.sync(ANA), refused(Refusal::UnknownWorkspace));
    assert_eq!(stage.register(ANA, b"please"), refused(Refusal::Token));
    assert!(matches!(stage.register(ANA, b"sesame"), Response::Receipt { .. }));
    assert_eq!(stage.store.token(&token_hash(b"sesame")).unwrap(), None, "it is spent");
    let made = ops(vec![set_role(BEN, Role::Editor), set_role(BEN, Role::None)]);
    assert!(matches!(stage.push(&made[..2]), Response::Receipt { .. }));
    assert_eq!(stage.sync(EVE), refused(Refusal::NotMember));
    let Response::Sync { ops: given, more: false, .. } = stage.sync(BEN) else { panic!("Ben is a member") };
    assert_eq!(given.len(), 3);
    let expelled = stage.ask(ANA, Request::Push { workspace: genesis().workspace(), ops: made[2..].to_vec() });
    assert!(expelled.iter().any(|a| matches!(a, Action::Expel(d) if *d == key(BEN).id())), "removal bites at once");
    assert_eq!(stage.sync(BEN), refused(Refusal::Removed), "what is not committed is shown to nobody");
    for action in expelled {
        let Action::Commit(commit) = action else { continue };
        stage.store.commit_wait(commit.writes).unwrap();
    }
    let Response::Removed { by } = stage.sync(BEN) else { panic!("Ben is shown why he is served no more") };
    assert_eq!(by, made[2]);
}

#[test]
fn what_was_acknowledged_is_there_after_a_restart_and_what_was_not_committed_was_not_acknowledged() {
    let mut stage = Stage::new(MailboxLimits::default());
    stage.register(ANA, b"sesame");
    let made = ops(vec![Body::Join, Body::Join]);
    let workspace = genesis().workspace();
    let lost = stage.answer(ANA, Request::Push { workspace, ops: made.clone() }, false);
    assert_eq!(lost, refused(Refusal::Busy), "the disk said no");
    let Response::Receipt { heads } = stage.push(&made) else { panic!("the disk says yes") };
    let Stage { mailbox, store, folder } = stage;
    drop((mailbox, store));
    let store = Store::open(folder.path()).unwrap();
    let mailbox = Mailbox::load(&store, key(100), Policy::Members, MailboxLimits::default()).unwrap();
    let mut again = Stage { mailbox, store, folder };
    let Response::Sync { ops: given, heads: kept, .. } = again.sync(ANA) else { panic!("Ana is a member") };
    assert_eq!((given.len(), kept), (4, heads));
}

#[test]
fn quotas_are_told_and_hold() {
    let mut stage = Stage::new(MailboxLimits { ops_per_workspace: 3, workspaces: 1, ..MailboxLimits::default() });
    stage.register(ANA, b"sesame");
    let made = ops(vec![Body::Join, Body::Join]);
    assert_eq!(stage.push(&made), refused(Refusal::Full));
    assert!(matches!(stage.push(&made[..2]), Response::Receipt { .. }));
    assert_eq!(stage.push(&made[2..]), refused(Refusal::Full));
}

#[test]
fn who_is_shut_out_gets_nothing_and_what_is_unregistered_is_gone() {
    let mut stage = Stage::new(MailboxLimits::default());
    stage.register(ANA, b"sesame");
    let mut out = Vec::new();
    stage.mailbox.block(key(ANA).id(), true, &mut out);
    assert_eq!(stage.sync(ANA), refused(Refusal::Blocked));
    stage.mailbox.block(key(ANA).id(), false, &mut out);
    assert!(matches!(stage.sync(ANA), Response::Sync { .. }));
    assert!(stage.mailbox.unregister(&genesis().workspace(), &mut out));
    assert_eq!(stage.sync(ANA), refused(Refusal::UnknownWorkspace));
    assert!(!stage.mailbox.is_member(&key(ANA).id()));
}

#[test]
fn of_a_closed_workspace_members_are_told_and_nothing_sealed_is_kept_or_taken() {
    use omniscope_protocol::identity::KeyId;
    use omniscope_protocol::judge::Role;
    use omniscope_protocol::op::Sealed;
    let mut stage = Stage::new(MailboxLimits::default());
    stage.register(ANA, b"sesame");
    let name = |n: u8| Body::Profile(Sealed { key: KeyId([5; 32]), bytes: vec![n; 60] });
    let made = ops(vec![set_role(BEN, Role::Editor), name(1), Body::Close { cap: genesis().id }, name(2)]);
    assert!(matches!(stage.push(&made[..4]), Response::Receipt { .. }));
    for restarted in [false, true] {
        let told = Response::Sync { ops: vec![made[3].clone()], heads: heads(&made[3]), more: false };
        assert_eq!(stage.sync(BEN), told, "restarted: {restarted}");
        assert_eq!(stage.push(&made[4..]), refused(Refusal::Closed));
        assert!(matches!(stage.push(&made[..4]), Response::Receipt { .. }), "what is known is no news");
        stage.mailbox = Mailbox::load(&stage.store, key(100), Policy::Members, MailboxLimits::default()).unwrap();
    }
    let mut bytes = Vec::new();
    stage.store.for_each_op(&genesis().workspace().0, |_, row| bytes.extend_from_slice(row)).unwrap();
    assert!(!bytes.windows(60).any(|text| text == [1; 60]) && bytes.windows(32).any(|key| key == [5; 32]));
}

fn heads(op: &Arc<[u8]>) -> Vec<OpId> {
    vec![OpId(*blake3::hash(op).as_bytes())]
}

#[test]
fn a_key_for_a_link_is_taken_from_owners_only_and_for_links_that_this_relay_attests() {
    use omniscope_protocol::identity::KeyId;
    use omniscope_protocol::op::Invite;
    use omniscope_protocol::wire::Deposit;
    let mut stage = Stage::new(MailboxLimits::default());
    stage.register(ANA, b"sesame");
    let attested_by = |attester: u8| {
        Body::Invite(Invite {
            role: Role::Viewer,
            cap: genesis().id,
            max_uses: Some(1),
            attester: Some(key(attester).id()),
            expires: None,
            key: key(50).id(),
            bound_to: None,
            approve: false,
        })
    };
    let made = ops(vec![set_role(BEN, Role::Editor), attested_by(100), attested_by(ANA)]);
    assert!(matches!(stage.push(&made), Response::Receipt { .. }));
    let workspace = genesis().workspace();
    let [own, anas] = [&made[2], &made[3]].map(|op| heads(op)[0]);
    let mut lay = |from: u8, invite: OpId, n: u8| {
        let deposit = Deposit { key: KeyId([n; 32]), seal: [n; 80] };
        stage.answer(from, Request::Deposit { workspace, invite, deposit }, true)
    };
    assert_eq!(lay(BEN, own, 1), refused(Refusal::NotMember));
    assert!(matches!(lay(ANA, own, 2), Response::Receipt { .. }));
    assert_eq!(lay(BEN, own, 3), refused(Refusal::NotMember), "what lies there stays");
    assert_eq!(lay(ANA, anas, 4), refused(Refusal::NotAttester), "Ana attests that one");
}

#[test]
fn a_workspace_in_which_nothing_happens_leaves_memory_and_comes_back_as_it_was() {
    let mut stage = Stage::new(MailboxLimits::default());
    let id = genesis().workspace();
    stage.register(ANA, b"sesame");
    let made = ops(vec![set_role(BEN, Role::Editor)]);
    stage.push(&made);
    let before = (stage.sync(BEN), stage.mailbox.list(), stage.mailbox.sizes());
    stage.mailbox.rest(5, 0);
    assert_eq!(stage.mailbox.awake(), 1, "somebody asked since");
    stage.mailbox.rest(6, 0);
    assert!(stage.mailbox.is_asleep(&id) && stage.mailbox.is_member(&key(BEN).id()));
    assert_eq!((stage.mailbox.awake(), stage.mailbox.len()), (0, 1));
    assert_eq!((stage.mailbox.list(), stage.mailbox.sizes()), (before.1.clone(), before.2));

    let in_step = |stage: &mut Stage, from| {
        let request = Request::Sync { workspace: id, heads: heads(&made[1]), have: Vec::new() };
        stage.answer(from, request, true)
    };
    let nothing = Response::Sync { ops: Vec::new(), heads: heads(&made[1]), more: false };
    assert_eq!((in_step(&mut stage, BEN), stage.mailbox.awake()), (nothing.clone(), 0), "who is in step needs nothing");
    assert_eq!((in_step(&mut stage, EVE), stage.mailbox.awake()), (refused(Refusal::NotMember), 1));
    stage.mailbox.rest(6, 0);
    assert_eq!((in_step(&mut stage, BEN), stage.mailbox.awake()), (nothing, 0));
    assert_eq!((stage.sync(BEN), stage.mailbox.list(), stage.mailbox.sizes()), before);

    stage.mailbox.rest(6, 0);
    let woken = stage.mailbox.wake(&id).unwrap().read(&stage.store);
    assert!(stage.mailbox.unregister(&id, &mut Vec::new()));
    assert!(stage.mailbox.on_woken(woken, 5));
    assert_eq!((stage.sync(BEN), stage.mailbox.len()), (refused(Refusal::UnknownWorkspace), 0), "it is gone for good");
}

/// One more op of Ana's session.
fn one_more(last: &Arc<[u8]>, seq: u64, body: Body) -> Arc<[u8]> {
    let (workspace, session, prev) = (genesis().workspace(), SessionId([3; 16]), Some(heads(last)[0]));
    Op::sign(Draft { workspace, session, seq, prev, deps: vec![], time_ms: 0, body }, &key(ANA)).bytes
}

#[test]
fn who_goes_on_where_a_log_ends_is_served_while_the_rest_stays_out_of_memory() {
    let mut stage = Stage::new(MailboxLimits::default());
    stage.register(ANA, b"sesame");
    let made = ops(vec![set_role(BEN, Role::Editor), Body::Join, Body::Join, set_role(BEN, Role::None)]);
    stage.push(&made[..2]);
    stage.mailbox.rest(6, 0);
    let workspace = genesis().workspace();
    let gap = Request::Push { workspace, ops: vec![made[2].clone(), made[4].clone()] };
    assert!(!stage.mailbox.handle_asleep(key(ANA).id(), 1, &gap, 5, &stage.store, &mut Vec::new()));
    assert!(!stage.mailbox.asleep[&workspace].tail.knows(&heads(&made[2])[0]), "what is not written is not known");
    assert_eq!(stage.push(&made[2..3]), Response::Receipt { heads: heads(&made[2]) });
    assert_eq!(stage.push(&made[2..3]), Response::Receipt { heads: heads(&made[2]) }, "it is known");
    assert_eq!(stage.push(&made[2..4]), Response::Receipt { heads: heads(&made[3]) }, "one of two is new");
    let lacks_one = Request::Sync { workspace, heads: heads(&made[2]), have: vec![] };
    let one = Response::Sync { ops: vec![made[3].clone()], heads: heads(&made[3]), more: false };
    assert_eq!(stage.answer(BEN, lacks_one, true), one);
    let fetched = stage.answer(BEN, Request::Fetch { workspace, ids: heads(&made[3]) }, true);
    assert_eq!((fetched, stage.mailbox.awake()), (Response::Ops(vec![made[3].clone()]), 0));

    let before = (stage.mailbox.list(), stage.mailbox.sizes(), stage.mailbox.heads(&workspace));
    let read = Mailbox::load(&stage.store, key(100), Policy::Members, MailboxLimits::default()).unwrap();
    assert_eq!((read.list(), read.sizes(), read.heads(&workspace)), before, "it is what the log says");

    assert!(matches!(stage.push(&made[4..]), Response::Receipt { .. }));
    assert_eq!((stage.mailbox.awake(), stage.sync(BEN)), (1, Response::Removed { by: made[4].clone() }));
}

#[test]
fn of_a_workspace_in_use_the_end_alone_is_held_however_long_it_grows() {
    let mut stage = Stage::new(MailboxLimits::default());
    let (id, count) = (genesis().workspace(), sleep::WINDOW * 3);
    stage.register(ANA, b"sesame");
    let made = ops(vec![Body::Join; count]);
    for (n, some) in made.chunks(16).enumerate() {
        assert_eq!(stage.push(some), Response::Receipt { heads: heads(some.last().unwrap()) });
        stage.mailbox.rest(0, u64::MAX);
        let held = stage.mailbox.asleep.get(&id).map_or(16 * n + 18, |asleep| asleep.tail.held());
        assert!(held <= 2 * sleep::WINDOW + 16, "{held} ops are held after {n} pushes");
    }
    assert_eq!((stage.mailbox.awake(), stage.mailbox.asleep[&id].tail.held()), (0, sleep::WINDOW));
    assert_eq!(stage.mailbox.sizes().0, made.len() as u64 + 1);
}

#[test]
fn nothing_is_lost_between_the_end_of_a_log_and_the_log_that_is_read() {
    let mut stage = Stage::new(MailboxLimits::default());
    let workspace = genesis().workspace();
    stage.register(ANA, b"sesame");
    let made = ops(vec![Body::Join, Body::Join]);
    stage.push(&made[..2]);
    stage.mailbox.rest(6, 0);
    let push = |op: &Arc<[u8]>| Request::Push { workspace, ops: vec![op.clone()] };
    let mut begun = stage.ask(ANA, push(&made[2]));
    let Some(Action::Commit(commit)) = begun.pop() else { panic!("it is to be committed") };

    let waking = stage.mailbox.wake(&workspace).unwrap();
    let more = one_more(&made[2], 3, Body::Join);
    let mut out = Vec::new();
    assert!(!stage.mailbox.handle_asleep(key(ANA).id(), 2, &push(&more), 5, &stage.store, &mut out), "it waits");
    stage.store.commit_wait(commit.writes.clone()).unwrap();
    let woken = waking.read(&stage.store);
    assert!(stage.mailbox.on_woken(woken, 5));
    stage.mailbox.on_committed(&commit, true, &stage.store, &mut out);
    let receipt = Response::Receipt { heads: heads(&made[2]) };
    assert!(out.iter().any(|a| matches!(a, Action::Respond(1, response) if *response == receipt)), "{out:?}");
    assert_eq!(stage.push(std::slice::from_ref(&more)), Response::Receipt { heads: heads(&more) });
}

#[test]
fn a_commit_that_fails_while_a_workspace_is_out_of_memory_promises_nothing() {
    let mut stage = Stage::new(MailboxLimits::default());
    let workspace = genesis().workspace();
    stage.register(ANA, b"sesame");
    let made = ops(vec![Body::Join]);
    stage.push(&made[..1]);
    stage.mailbox.rest(6, 0);
    let push = Request::Push { workspace, ops: made[1..].to_vec() };
    assert_eq!(stage.answer(ANA, push, false), refused(Refusal::Busy));
    assert_eq!(stage.mailbox.heads(&workspace), Some(heads(&made[0])));
    assert_eq!(stage.push(&made[1..]), Response::Receipt { heads: heads(&made[1]) });
}
