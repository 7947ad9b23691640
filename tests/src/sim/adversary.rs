//! What cheats do: forks, floods, forgeries, ops from the past, poison, usurpation, numbers that lock out.

use omniscope_engine::doc::Document;
use omniscope_engine::doc::edit::{NewNode, NodeChange};
use omniscope_protocol::identity::{DeviceKey, OpId};
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::{Body, Draft, Op, Part, SessionId, client_id, place};
use omniscope_protocol::replica::Saying;
use omniscope_protocol::sealing::EpochKey;
use omniscope_protocol::wire::Gossip;
use serde_json::json;

use super::peer::{self, session_seed};
use super::plan::{Act, BOB, EVE, PEERS};
use super::{Kind, World, id_of};

fn edit(update: Vec<u8>) -> Saying {
    Saying::Edit { adopts: Vec::new(), part: Part::WHOLE, update }
}

/// An edit of `meta` as the first one of a client.
fn first_edit(client: u64, text: &str) -> Saying {
    edit(set_meta(&mut Document::new(client), &[text]))
}

fn set_meta(document: &mut Document, keys: &[&str]) -> Vec<u8> {
    document.set_meta(&keys.iter().map(|key| ((*key).to_owned(), json!(key.len()))).collect())
}

impl World {
    fn forge(
        &self,
        key: &DeviceKey,
        session: SessionId,
        seq: u64,
        prev: Option<OpId>,
        deps: &[OpId],
        saying: impl Into<Saying>,
    ) -> Op {
        // A member who cheats seals as members do; who was never given a key makes one up.
        let epoch_key = self.cheats_key.clone().unwrap_or_else(|| EpochKey::new([66; 32]));
        let body = saying.into().seal(&epoch_key, |kind| place(&self.workspace, &key.id(), &session, seq, kind));
        let deps = deps.iter().copied().filter(|d| Some(*d) != prev).take(32).collect();
        Op::sign(Draft { workspace: self.workspace, session, seq, prev, deps, time_ms: self.now_ms, body }, key)
    }

    /// A session of a cheat's, opened on `deps`; the client id that its edits carry.
    fn forged_session(&mut self, key: &DeviceKey, deps: &[OpId]) -> (SessionId, Op, u64) {
        self.forged += 1;
        let session = SessionId::from_seed(&session_seed(1000, self.forged));
        let open = self.forge(key, session, 0, None, deps, Body::Open);
        (session, open, client_id(&self.workspace, &key.id(), &session))
    }

    fn show(&mut self, from: usize, to: usize, ops: &[&Op]) {
        for op in ops {
            let message = Gossip::Ops(vec![op.bytes.clone()]).encode();
            self.send(from, to, Kind::Gossip, message);
        }
    }

    fn show_all(&mut self, from: usize, ops: &[&Op]) {
        (0..PEERS).for_each(|to| self.show(from, to, ops));
    }

    pub(super) fn cheat(&mut self, peer: usize, act: Act) {
        let key = peer::key(peer);
        let heads = self.peers[peer].replica.heads();
        if heads.is_empty() {
            return;
        }
        self.cheats_key = self.peers[peer].replica.epoch_key().or(self.cheats_key.take());
        if self.cheats_key.is_some() {
            self.count("cheats with a key");
        }
        match act {
            Act::Equivocate => self.equivocate(&key, &heads),
            Act::Flood => self.flood(&key, &heads),
            Act::Outsider => {
                let stranger = peer::key(77);
                let (session, open, client) = self.forged_session(&stranger, &heads);
                let edit = self.forge(&stranger, session, 1, Some(open.id), &[], first_edit(client, "stranger"));
                self.forbidden.extend([open.id, edit.id]);
                self.count("outsiders");
                self.show_all(peer, &[&open, &edit]);
            }
            Act::BackDate => {
                let early: Vec<OpId> = self.peers[peer].log.iter().take(6).map(|b| id_of(b)).collect();
                let (session, open, client) = self.forged_session(&key, &early);
                let edit = self.forge(&key, session, 1, Some(open.id), &[], first_edit(client, "back-dated"));
                self.count("back-dated");
                self.show_all(peer, &[&open, &edit]);
            }
            Act::Poison => {
                let (session, open, client) = self.forged_session(&key, &heads);
                let update =
                    vec![1, 1, 7, 0, 4, 1, 5, 0x6f, 0x72, 0x64, 0x65, 0x72, 6, 0x61, 0xf0, 0x9f, 0x98, 0x80, 0x62, 0];
                let poison = self.forge(&key, session, 1, Some(open.id), &[], edit(update));
                let after = self.forge(&key, session, 2, Some(poison.id), &[], first_edit(client, "after poison"));
                self.forbidden.extend([poison.id, after.id]);
                self.count("poison");
                self.show_all(peer, &[&open, &poison, &after]);
            }
            Act::Usurp => {
                let (session, open, _) = self.forged_session(&key, &heads);
                let body = Body::SetRole { subject: key.id(), role: Role::Owner, cap: OpId(self.workspace.0) };
                let usurps = self.forge(&key, session, 1, Some(open.id), &[], body);
                self.count("usurpations");
                self.show_all(peer, &[&open, &usurps]);
            }
            Act::TakeBack => self.take_back(peer, &key),
            Act::Newer => {
                let (session, open, _) = self.forged_session(&key, &heads);
                let body = Body::Newer { version: 7, kind: 40, rest: vec![1, 2, 3] };
                let newer = self.forge(&key, session, 1, Some(open.id), &[], body);
                self.count("newer versions");
                self.show_all(peer, &[&open, &newer]);
            }
            _ => unreachable!("honest steps are not for cheats"),
        }
    }

    /// Two edits at one position, with something built on each; one half of the others sees one, one half the other.
    fn equivocate(&mut self, key: &DeviceKey, heads: &[OpId]) {
        let (session, open, client) = self.forged_session(key, heads);
        // The branches put different things at the same clocks: a step that others may edit, or values.
        let node = NewNode { kind: "generic".into(), label: "forked".into(), ..NewNode::default() };
        let id = format!("f{}", self.forged);
        let mut document = Document::new(client);
        let made = document.add_node(&id, node).expect("a fresh step is in order");
        let noted = document.set_note(&id, "forked").expect("the step is there");
        let left = self.branch(key, session, &open, [made.clone(), noted.clone()]);
        // A new field of the step names the step's clock as its parent, whatever else was seen at that clock before.
        let (elsewhere, reopen, other) = self.forged_session(key, &[left[1].id]);
        let mut builder = Document::new(other);
        [made, noted].iter().for_each(|update| builder.apply(update).expect("the branch is in order"));
        let change = NodeChange { disabled: Some(true), ..NodeChange::default() };
        let built = edit(builder.set_node(&id, change).expect("the step is there"));
        let built = self.forge(key, elsewhere, 1, Some(reopen.id), &[], built);
        let mut document = Document::new(client);
        let values = [set_meta(&mut document, &["title", "l"]), set_meta(&mut document, &["title", "right"])];
        let right = self.branch(key, session, &open, values);
        self.forks.push([left[0].id, right[0].id]);
        self.count("equivocations");
        for to in 0..PEERS {
            let [first, then] = if to <= BOB { &left } else { &right };
            self.show(EVE, to, &[&open, first, then]);
        }
        self.show_all(EVE, &[&reopen, &built]);
    }

    /// A rival to the oldest edit of a cheat's own session: whatever others built since then had seen that one.
    fn take_back(&mut self, peer: usize, key: &DeviceKey) {
        let own = |op: &Op| op.author == key.id() && op.prev.is_some() && matches!(op.body, Body::Edit { .. });
        let mut log = self.peers[peer].log.iter().filter_map(|bytes| Op::decode_trusted(bytes).ok());
        let Some(old) = log.find(own) else { return };
        let rival = |n: u64| {
            let Op { session, seq, prev, .. } = old;
            let draft =
                Draft { workspace: self.workspace, session, seq, prev, deps: vec![], time_ms: n, body: Body::Join };
            Op::sign(draft, key)
        };
        let Some(rival) = (self.now_ms..).take(64).map(rival).find(|rival| rival.id < old.id) else { return };
        self.taken_back.push([old.id, rival.id]);
        self.count("places taken back");
        self.show_all(peer, &[&rival]);
    }

    fn branch(&self, key: &DeviceKey, session: SessionId, open: &Op, updates: [Vec<u8>; 2]) -> [Op; 2] {
        let [first, then] = updates.map(edit);
        let first = self.forge(key, session, 1, Some(open.id), &[], first);
        let then = self.forge(key, session, 2, Some(first.id), &[], then);
        [first, then]
    }

    fn flood(&mut self, key: &DeviceKey, heads: &[OpId]) {
        self.count("floods");
        for n in 0..12u8 {
            let to = self.dice.below(PEERS);
            let (session, open, _) = self.forged_session(key, heads);
            let lost = OpId([n ^ 0xa5; 32]);
            let hanging = self.forge(key, session, 1, Some(lost), &[], Body::Join);
            let mut mutated = open.bytes.to_vec();
            let at = self.dice.below(mutated.len());
            mutated[at] ^= 1 << self.dice.below(8);
            let rubbish: Vec<u8> = (0..40).map(|_| self.dice.any() as u8).collect();
            let messages = [
                Gossip::Ops(vec![hanging.bytes.clone()]).encode(),
                Gossip::Ops(vec![mutated.into()]).encode(),
                rubbish,
            ];
            for bytes in messages {
                self.send(EVE, to, Kind::Gossip, bytes);
            }
        }
    }
}
