//! Mailboxes: relays that keep a workspace's ops for those who are away.
//!
//! A relay is asked and given ops like a member that is always there, but it is none: it is no company, sees no
//! presence and holds no key. What it lacks is judged by what it said last, not by what it held once: a relay may have
//! been replaced. Which relays keep a workspace is told by its members in the document, by links, and at the start
//! (`--relay`). Deliberately absent: connections and reservations, which are the network's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use libp2p::Multiaddr;
use omniscope_protocol::identity::{DeviceId, KeyId, OpId, WorkspaceId};
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::Body;
use omniscope_protocol::wire::{Deposit, MAX_PUSH_BYTES, Refusal, Request, Response};
use serde_json::{Map, Value, json};

use super::network::Sent;
use super::{Actor, random};
use crate::api::ApiError;
use crate::net::{NetCommand, device_at};
use crate::store::{Batch, WorkspaceState, Write};

/// Relays that may keep one workspace.
pub(super) const MAX_MAILBOXES: usize = 8;
/// Time between exchanges with a relay in step; it says by itself when there is something new.
const IDLE_MS: u64 = 30_000;
/// The first pause after a refusal or a failure; it doubles up to the last.
const RETRY_MS: u64 = 500;
const MAX_RETRY_MS: u64 = 30_000;
/// Exchanges under way with one relay.
const MAX_UNDER_WAY: usize = 8;
/// Time between two looks at what is due.
const LOOK_EVERY_MS: u64 = 100;

/// What is exchanged with a relay.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Sync,
    Push,
    Register,
    Lookup,
    /// Who asked there to be let in, for an owner.
    Asked,
    /// A sealed key for who redeems this invite.
    Deposit(OpId),
    /// An invitation is shown, so that its holder may reach members by circuits.
    Knock(OpId),
}

/// A relay of one workspace, as its members or this device named it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    addr: Multiaddr,
    /// Registers the workspace there, where the operator asks for one.
    token: Option<String>,
}

/// How it stands with one workspace at one relay.
#[derive(Debug, Default)]
struct Post {
    /// When heads are exchanged next: an exchange that begins moves it on, so that what is told meanwhile brings another.
    due: u64,
    under_way: bool,
    /// This device has more for it than what is under way.
    again: bool,
    /// The frontier that it has committed, as it said last.
    heads: Option<Vec<OpId>>,
    refused: Option<Refusal>,
    failures: u32,
    looked_up: bool,
}

impl Post {
    fn pause(&mut self, now: u64) {
        self.due = now + (RETRY_MS << self.failures.min(8)).min(MAX_RETRY_MS);
        self.failures += 1;
    }
}

/// All relays and what is exchanged with them.
#[derive(Debug, Default)]
pub(super) struct Mail {
    /// Relays that are connected.
    met: BTreeMap<DeviceId, BTreeMap<WorkspaceId, Post>>,
    kept: BTreeMap<WorkspaceId, Vec<Kept>>,
    /// Workspaces in which this device has just said something.
    urgent: BTreeSet<WorkspaceId>,
    /// Keys that are to lie at the attester of an invite.
    deposits: BTreeMap<OpId, (WorkspaceId, DeviceId, Deposit)>,
    /// Which key lies there for an invite, as the relay said since the start.
    laid: BTreeMap<OpId, KeyId>,
    look_due: u64,
}

impl Mail {
    /// The relays that keep any workspace, each once.
    pub(super) fn relays(&self) -> Vec<&Multiaddr> {
        let mut all: Vec<&Multiaddr> = Vec::new();
        for Kept { addr, .. } in self.kept.values().flatten() {
            if all.iter().all(|known| device_at(known) != device_at(addr)) {
                all.push(addr);
            }
        }
        all
    }

    pub(super) fn is_met(&self, device: &DeviceId) -> bool {
        self.met.contains_key(device)
    }
}

impl Actor {
    pub(super) fn on_relay_met(&mut self, device: DeviceId) {
        self.mail.met.entry(device).or_default();
        self.mail.look_due = 0;
        self.knock();
        // What was to lie there may not have come through before.
        for id in self.rooms.keys().copied().collect::<Vec<_>>() {
            self.renew_deposits(&id);
        }
    }

    pub(super) fn on_relay_gone(&mut self, device: &DeviceId) {
        self.mail.met.remove(device);
    }

    /// This device said something: it goes to the mailboxes at once.
    pub(super) fn post_soon(&mut self, id: &WorkspaceId) {
        if !self.mail.met.is_empty() {
            self.mail.urgent.insert(*id);
        }
    }

    /// Reads which relays were kept for a workspace.
    pub(super) fn load_mailboxes(&mut self, id: &WorkspaceId) {
        let text = self.store.setting(&key_of(id)).ok().flatten().and_then(|v| String::from_utf8(v).ok());
        let kept = text.iter().flat_map(|text| text.lines()).filter_map(|line| {
            let (addr, token) = line.split_once(' ').unwrap_or((line, ""));
            Some(Kept { addr: addr.parse().ok()?, token: (!token.is_empty()).then(|| token.to_owned()) })
        });
        let kept: Vec<Kept> = kept.take(MAX_MAILBOXES).collect();
        for relay in &kept {
            self.use_relay(&relay.addr);
        }
        self.mail.kept.insert(*id, kept);
    }

    /// Uses relays for a workspace from now on; those that are known stay as they are.
    pub(super) fn use_mailboxes(&mut self, id: &WorkspaceId, relays: impl IntoIterator<Item = Multiaddr>) {
        for addr in relays {
            let kept = self.mail.kept.entry(*id).or_default();
            if kept.iter().all(|k| device_at(&k.addr) != device_at(&addr)) && kept.len() < MAX_MAILBOXES {
                kept.push(Kept { addr: addr.clone(), token: None });
                self.use_relay(&addr);
                self.keep_mailboxes(id);
            }
        }
    }

    fn keep_mailboxes(&mut self, id: &WorkspaceId) {
        self.mail.look_due = 0;
        let kept = self.mail.kept.get(id).map(Vec::as_slice).unwrap_or_default();
        let line = |k: &Kept| format!("{} {}", k.addr, k.token.as_deref().unwrap_or_default());
        let text = kept.iter().map(line).collect::<Vec<_>>().join("\n");
        let write = Write::Setting { key: key_of(id), value: (!text.is_empty()).then(|| text.into_bytes()) };
        self.store.commit(Batch::one(write), |result| {
            if let Err(error) = result {
                tracing::warn!(%error, "a workspace's relays were not kept");
            }
        });
    }

    /// Takes up the relays that members named in the document.
    pub(super) fn follow_named_mailboxes(&mut self, id: &WorkspaceId) {
        let Some(room) = self.rooms.get(id) else { return };
        let meta = room.space.document.root_json("meta");
        let named = meta.get("relays").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let named = named.iter().take(MAX_MAILBOXES).filter_map(|addr| addr.as_str()?.parse().ok());
        let named: Vec<Multiaddr> = named.filter(|addr| device_at(addr).is_some()).collect();
        self.use_mailboxes(id, named);
    }

    /// Whether a relay keeps a workspace, as far as this device is told.
    fn keeps(&self, relay: &DeviceId, id: &WorkspaceId) -> bool {
        let is = |addr: &Multiaddr| device_at(addr).as_ref() == Some(relay);
        self.options.relays.iter().any(is) || self.mail.kept.get(id).is_some_and(|k| k.iter().any(|k| is(&k.addr)))
    }

    // ---- the exchange

    pub(super) fn tick_mail(&mut self, now: u64) {
        for id in std::mem::take(&mut self.mail.urgent) {
            for relay in self.mail.met.keys().copied().collect::<Vec<_>>() {
                self.push_mail(relay, &id);
            }
        }
        if now < self.mail.look_due || self.mail.met.is_empty() {
            return;
        }
        self.mail.look_due = now + LOOK_EVERY_MS;
        for relay in self.mail.met.keys().copied().collect::<Vec<_>>() {
            for id in self.rooms.keys().copied().collect::<Vec<_>>() {
                if self.keeps(&relay, &id) {
                    self.sync_mail(relay, id, now);
                }
            }
            self.send_deposits(relay);
        }
    }

    fn sync_mail(&mut self, relay: DeviceId, id: WorkspaceId, now: u64) {
        let Some(room) = self.rooms.get(&id) else { return };
        if matches!(room.row.state, WorkspaceState::Closed | WorkspaceState::Removed) {
            return;
        }
        let Some(posts) = self.mail.met.get_mut(&relay) else { return };
        let under_way = posts.values().filter(|post| post.under_way).count();
        let post = posts.entry(id).or_default();
        if post.under_way || post.due > now || under_way >= MAX_UNDER_WAY {
            return;
        }
        post.due = now + IDLE_MS;
        let replica = &room.space.replica;
        let request = Request::Sync { workspace: id, heads: replica.heads(), have: replica.have() };
        self.send_mail(relay, id, Step::Sync, &request);
    }

    fn send_mail(&mut self, relay: DeviceId, id: WorkspaceId, step: Step, request: &Request) {
        let sent = self.request(relay, Sent::Mail(id, step), request);
        let now = self.now();
        if let Some(post) = self.post(&relay, &id) {
            post.under_way = sent;
            if !sent {
                post.pause(now);
            }
        }
    }

    fn post(&mut self, relay: &DeviceId, id: &WorkspaceId) -> Option<&mut Post> {
        self.mail.met.get_mut(relay)?.get_mut(id)
    }

    /// Gives a relay what it lacks, by what it said last.
    fn push_mail(&mut self, relay: DeviceId, id: &WorkspaceId) {
        let Some(room) = self.rooms.get(id) else { return };
        let replica = &room.space.replica;
        let Some(post) = self.mail.met.get(&relay).and_then(|posts| posts.get(id)) else { return };
        let Some(heads) = post.heads.as_ref() else { return };
        let missing = replica.missing(heads, &[]).ids;
        if replica.role(&self.me) == Role::None || missing.is_empty() || room.waits_for_past_of_close() {
            return;
        }
        if post.under_way {
            if let Some(post) = self.post(&relay, id) {
                post.again = true;
            }
            return;
        }
        let mut ops = room.space.op_bytes(&self.store, &missing);
        let mut bytes = 0;
        let fits = ops.iter().take_while(|op| {
            bytes += op.len();
            bytes <= MAX_PUSH_BYTES
        });
        let fits = fits.count().max(1);
        ops.truncate(fits);
        self.send_mail(relay, *id, Step::Push, &Request::Push { workspace: *id, ops });
    }

    /// A relay answered, or did not.
    pub(super) fn on_mail(&mut self, relay: DeviceId, id: WorkspaceId, step: Step, response: Option<Response>) {
        let now = self.now();
        let response = response.map(|response| self.heed_removal(&id, response));
        match step {
            Step::Knock(invite) => return self.on_knocked(relay, invite, response),
            Step::Lookup => return self.on_found(response),
            Step::Asked => return self.on_asked_there(id, response),
            Step::Deposit(invite) => {
                if matches!(response, Some(Response::Receipt { .. }))
                    && let Some((_, _, deposit)) = self.mail.deposits.remove(&invite)
                {
                    self.mail.laid.insert(invite, deposit.key);
                }
                return;
            }
            Step::Sync | Step::Push | Step::Register => {}
        }
        let Some(post) = self.post(&relay, &id) else { return };
        post.under_way = false;
        if std::mem::take(&mut post.again) {
            self.mail.urgent.insert(id);
        }
        match (step, response) {
            (_, Some(Response::Sync { ops, heads, more })) => {
                let before = self.size(&id);
                self.take_ops(&id, &ops);
                // Of a workspace that was closed a relay may hold what has no past here.
                let brought = self.size(&id) != before;
                self.heed_closes(&id, &ops);
                let ahead = self.note_mail(relay, &id, heads);
                self.tend_look(&id, !more && !ahead);
                if (more || ahead) && brought {
                    self.sync_mail_at(&relay, &id, now);
                } else {
                    self.look_up(relay, id);
                    self.fetch_requests(relay, id);
                    self.push_mail(relay, &id);
                }
                self.after_first_sync(&id);
            }
            (Step::Register, Some(Response::Receipt { .. })) => self.sync_mail_at(&relay, &id, now),
            (_, Some(Response::Receipt { heads })) => {
                let before = self.post(&relay, &id).and_then(|post| post.heads.clone());
                let moved = before.as_ref() != Some(&heads);
                self.note_mail(relay, &id, heads);
                if self.recoveries.contains_key(&id) {
                    self.sync_mail_at(&relay, &id, now);
                } else if moved {
                    self.push_mail(relay, &id);
                }
            }
            (_, Some(Response::Refused(why))) => self.on_mail_refused(relay, id, step, why, now),
            (_, answer) => {
                tracing::debug!(?answer, "a relay did not answer as asked");
                if let Some(post) = self.post(&relay, &id) {
                    post.pause(now);
                }
            }
        }
    }

    /// A relay said what it has committed: a receipt for all in the past of it. True if it holds what is unknown here.
    fn note_mail(&mut self, relay: DeviceId, id: &WorkspaceId, heads: Vec<OpId>) -> bool {
        let Some(room) = self.rooms.get_mut(id) else { return false };
        let ahead = room.space.replica.note_heads(relay, &heads);
        if let Some(post) = self.post(&relay, id) {
            (post.heads, post.refused, post.failures) = (Some(heads), None, 0);
        }
        self.sync_state_changed(id);
        ahead
    }

    fn sync_mail_at(&mut self, relay: &DeviceId, id: &WorkspaceId, at: u64) {
        self.mail.look_due = self.mail.look_due.min(at);
        if let Some(post) = self.post(relay, id) {
            post.due = at;
        }
    }

    fn on_mail_refused(&mut self, relay: DeviceId, id: WorkspaceId, step: Step, why: Refusal, now: u64) {
        let me = self.me;
        if let Some(post) = self.post(&relay, &id) {
            // That it does not know the workspace yet is no answer to the registration that follows.
            if why != Refusal::UnknownWorkspace || post.refused.is_none() {
                post.refused = Some(why);
            }
            post.heads = None;
            post.pause(now);
        }
        let Some(room) = self.rooms.get(&id) else { return };
        let replica = &room.space.replica;
        match (step, why) {
            (Step::Sync | Step::Push, Refusal::UnknownWorkspace) if replica.role(&me) == Role::Owner => {
                let Some(genesis) = room.space.op_bytes(&self.store, &[OpId(id.0)]).pop() else { return };
                let of = self.mail.kept.get(&id).into_iter().flatten();
                let token = of.filter(|k| device_at(&k.addr) == Some(relay)).find_map(|k| k.token.clone());
                let token = token.unwrap_or_default().into_bytes();
                let request = Request::Register { workspace: id, genesis, token };
                self.send_mail(relay, id, Step::Register, &request);
            }
            (Step::Sync, Refusal::NotMember | Refusal::Removed) if self.recoveries.contains_key(&id) => {
                let ops = self.recovery_ops(&id).unwrap_or_default();
                self.send_mail(relay, id, Step::Push, &Request::Push { workspace: id, ops });
            }
            // It has not heard of this device's admission yet.
            (Step::Sync, Refusal::NotMember) => {
                let Some(grant) = replica.members().into_iter().find(|m| m.author == me.0) else { return };
                let add = replica.standing_add(&DeviceId(grant.person), &me).flatten();
                let grant = add.unwrap_or_else(|| OpId(*replica.judge().id(grant.grant)));
                let ops = room.space.op_bytes(&self.store, &[grant]);
                self.send_mail(relay, id, Step::Push, &Request::Push { workspace: id, ops });
            }
            _ => tracing::debug!(code = why.code(), "a relay refused"),
        }
    }

    /// A relay says what it has committed; who lacks some of it and was not given it asks for it.
    pub(super) fn answer_news(
        &mut self,
        id: WorkspaceId,
        relay: DeviceId,
        heads: &[OpId],
        ops: &[Arc<[u8]>],
    ) -> Response {
        let now = self.now();
        if !self.rooms.contains_key(&id) || !self.keeps(&relay, &id) {
            return Response::Refused(Refusal::UnknownWorkspace);
        }
        let lacks = |actor: &Self| {
            let knows = |head| actor.rooms.get(&id).is_some_and(|room| room.space.replica.knows(head));
            !heads.iter().all(knows)
        };
        let new = lacks(self);
        if new {
            self.take_ops(&id, ops);
        }
        // Who was refused before it was known there has yet to exchange heads: what it has to give is not known from news.
        let met = self.post(&relay, &id).is_some_and(|post| post.heads.is_some());
        if !met || lacks(self) || self.hears_requests(&id) {
            self.sync_mail_at(&relay, &id, now);
        } else {
            self.note_mail(relay, &id, heads.to_vec());
        }
        Response::Heard { new }
    }

    /// Asks once who else is there, to reach them directly.
    fn look_up(&mut self, relay: DeviceId, id: WorkspaceId) {
        let Some(post) = self.post(&relay, &id) else { return };
        if !std::mem::replace(&mut post.looked_up, true) {
            self.request(relay, Sent::Mail(id, Step::Lookup), &Request::Lookup { workspace: id });
        }
    }

    fn on_found(&mut self, response: Option<Response>) {
        let Some(Response::Found(members)) = response else { return };
        for (device, addrs) in members {
            // Only the log says who is a member; a relay may say where one is.
            if self.rooms.values().any(|room| room.space.replica.role(&device) > Role::None) {
                let addrs = addrs.iter().filter_map(|addr| addr.parse().ok()).collect();
                self.command(NetCommand::Know { device, addrs });
            }
        }
    }

    // ---- invitations

    /// Asks a relay who asked there to be let in, where this device is an owner's and a link by request is open.
    fn fetch_requests(&mut self, relay: DeviceId, id: WorkspaceId) {
        if self.hears_requests(&id) {
            let request = Request::Asked { workspace: id, declined: self.declined(&id) };
            self.request(relay, Sent::Mail(id, Step::Asked), &request);
        }
    }

    /// Relays that keep a workspace hear what was declined.
    pub(super) fn tell_declined(&mut self, id: &WorkspaceId) {
        for relay in self.mail.met.keys().copied().collect::<Vec<_>>() {
            if self.keeps(&relay, id) {
                self.fetch_requests(relay, *id);
            }
        }
    }

    fn on_asked_there(&mut self, id: WorkspaceId, response: Option<Response>) {
        let Some(Response::Asked(asked)) = response else { return };
        for (invite, redemption) in asked {
            let Some(room) = self.rooms.get(&id) else { return };
            let by_request = room.space.replica.invites().get(&invite).is_some_and(|invite| invite.approve);
            if let Some(op) = room.space.op_bytes(&self.store, &[invite]).pop().filter(|_| by_request) {
                // Judged as if its author had asked here; what it is told it hears from the relay.
                self.answer_join(id, redemption.device, &op, &redemption, None);
            }
        }
    }

    /// Shows pending invitations to the relays: those that are named as attesters let in, others let through.
    pub(super) fn knock(&mut self) {
        for (workspace, invite, answers, request) in self.pending_redemptions() {
            for relay in self.mail.met.keys().copied().collect::<Vec<_>>() {
                let knock = Sent::Mail(workspace, Step::Knock(invite));
                let sent = if answers(&relay) { Sent::Join(invite) } else { knock };
                self.request(relay, sent, &request);
            }
        }
    }

    /// What a relay says of an invitation by which somebody else admits matters only if it is final.
    fn on_knocked(&mut self, relay: DeviceId, invite: OpId, response: Option<Response>) {
        match response {
            Some(Response::Refused(why)) if why.is_final() => self.on_join_refused(invite, relay, why),
            Some(Response::Refused(why)) => tracing::debug!(code = why.code(), "an invitation was shown"),
            _ => {}
        }
    }

    /// Has a key lie at the relay that attests an invite, for joining while no member is there.
    pub(super) fn deposit_key(&mut self, id: WorkspaceId, invite: OpId, relay: DeviceId) -> Result<(), ApiError> {
        let entropy: [u8; 32] = random()?;
        let replica = &mut self.room(&id)?.space.replica;
        let Some(of) = replica.invites().get(&invite).map(|invite| invite.key) else { return Ok(()) };
        let Some(key) = replica.epoch_key() else { return Ok(()) };
        let Some(seal) = key.seal_to(&id, &of, &entropy) else { return Ok(()) };
        if replica.is_deposited(&invite) != Some(true) {
            self.say(&id, Body::Deposit { invite, key: key.id() })?;
        }
        self.mail.deposits.insert(invite, (id, relay, Deposit { key: key.id(), seal: seal.bytes }));
        self.mail.look_due = 0;
        Ok(())
    }

    /// The present key shall lie at the relays that attest this device's open links: after a new epoch began, and after a
    /// restart, for what was under way is not kept.
    pub(super) fn renew_deposits(&mut self, id: &WorkspaceId) {
        let me = self.me;
        let Some(room) = self.rooms.get(id) else { return };
        let replica = &room.space.replica;
        let open = replica.invites().iter().filter_map(|(invite, asked)| {
            let relay = asked.attester.filter(|a| replica.role(a) == Role::None)?;
            let state = replica.judge().invite_state(replica.judge().node(&invite.0)?)?;
            let lies = replica.epoch().is_none_or(|key| self.mail.laid.get(invite) == Some(&key));
            let due = state.open() && state.issuer == me.0 && !lies;
            due.then_some((*invite, relay))
        });
        for (invite, relay) in open.collect::<Vec<_>>() {
            if let Err(error) = self.deposit_key(*id, invite, relay) {
                tracing::warn!(%error, "a key was not deposited for a link");
            }
        }
    }

    /// Keys go to a relay once it knows the invite.
    fn send_deposits(&mut self, relay: DeviceId) {
        let due: Vec<(OpId, WorkspaceId, Deposit)> = self
            .mail
            .deposits
            .iter()
            .filter(|(_, (_, at, _))| *at == relay)
            .map(|(invite, (id, _, deposit))| (*invite, *id, *deposit))
            .collect();
        for (invite, id, deposit) in due {
            let known = self.rooms.get(&id).is_some_and(|room| {
                let behind = room.space.replica.behind(&relay);
                behind == Some(0)
            });
            if known && self.post(&relay, &id).is_some_and(|post| !post.under_way) {
                let request = Request::Deposit { workspace: id, invite, deposit };
                self.request(relay, Sent::Mail(id, Step::Deposit(invite)), &request);
            }
        }
    }

    // ---- verbs

    /// The relays that were named for a workspace.
    pub(super) fn mailboxes_of(&self, id: &WorkspaceId) -> impl Iterator<Item = &Multiaddr> {
        self.mail.kept.get(id).into_iter().flatten().map(|k| &k.addr)
    }

    /// The relay that shall attest a link: the first that keeps the workspace.
    pub(super) fn attesting_relay(&self, id: &WorkspaceId) -> Result<Multiaddr, ApiError> {
        let first = self.mailboxes_of(id).chain(&self.options.relays).next().cloned();
        first.ok_or_else(|| ApiError::new("no_relay", "no relay keeps this workspace; add one first"))
    }

    /// The relays of a workspace, with how it stands there.
    pub(super) fn mailboxes_json(&self, id: &WorkspaceId) -> Value {
        let mut all: Vec<&Multiaddr> = self.mailboxes_of(id).collect();
        all.extend(
            self.options
                .relays
                .iter()
                .filter(|r| !all.iter().any(|k| device_at(k) == device_at(r)))
                .collect::<Vec<_>>(),
        );
        let lacks = |relay: &DeviceId| self.rooms.get(id).and_then(|room| room.space.replica.behind(relay));
        let row = |addr: &&Multiaddr| {
            let relay = device_at(addr);
            let posts = relay.and_then(|relay| self.mail.met.get(&relay));
            let post = posts.and_then(|posts| posts.get(id));
            let state = match (posts, post) {
                (None, _) => "down",
                (_, Some(post)) if post.heads.is_some() => "kept",
                (_, Some(Post { refused: Some(_), .. })) => "refused",
                _ => "up",
            };
            json!({
                "addr": addr.to_string(),
                "state": state,
                "code": post.and_then(|post| post.refused).map(Refusal::code),
                "behind": relay.and_then(|relay| lacks(&relay)),
            })
        };
        json!({"relays": all.iter().map(row).collect::<Vec<_>>()})
    }

    /// Adds a relay to a workspace, for all of its members.
    pub(super) fn add_mailbox(
        &mut self,
        id: &WorkspaceId,
        addr: &Multiaddr,
        token: Option<String>,
    ) -> Result<(), ApiError> {
        let Some(relay) = device_at(addr) else {
            return Err(ApiError::params(format!("expected an address that ends in /p2p/…, found {addr}")));
        };
        let kept = self.mail.kept.entry(*id).or_default();
        kept.retain(|k| device_at(&k.addr) != Some(relay));
        if kept.len() >= MAX_MAILBOXES {
            return Err(ApiError::new("too_many_relays", format!("at most {MAX_MAILBOXES} relays keep a workspace")));
        }
        kept.push(Kept { addr: addr.clone(), token });
        self.use_relay(addr);
        self.keep_mailboxes(id);
        if let Some(post) = self.post(&relay, id) {
            (post.due, post.failures) = (0, 0);
        }
        self.name_mailboxes(id)
    }

    /// Takes a relay away from a workspace, for all of its members. What it keeps stays there until its operator drops it.
    pub(super) fn remove_mailbox(&mut self, id: &WorkspaceId, addr: &Multiaddr) -> Result<bool, ApiError> {
        let kept = self.mail.kept.entry(*id).or_default();
        let before = kept.len();
        kept.retain(|k| device_at(&k.addr) != device_at(addr));
        let removed = kept.len() < before;
        if removed {
            self.keep_mailboxes(id);
            self.name_mailboxes(id)?;
            self.drop_relay(addr);
        }
        Ok(removed)
    }

    /// Tells the other members in the document.
    fn name_mailboxes(&mut self, id: &WorkspaceId) -> Result<(), ApiError> {
        let kept = self.mail.kept.get(id).into_iter().flatten();
        let named: Vec<Value> = kept.map(|k| json!(k.addr.to_string())).collect();
        let fields = Map::from_iter([("relays".to_owned(), if named.is_empty() { Value::Null } else { json!(named) })]);
        self.edit(id, |space, _| Ok((vec![space.document.set_meta(&fields)], ())))?;
        self.flush(id, u64::MAX);
        Ok(())
    }
}

fn key_of(id: &WorkspaceId) -> String {
    format!("mailboxes {id}")
}
