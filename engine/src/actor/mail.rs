//! Mailboxes: relays that keep a workspace's ops for those who are away.
//!
//! A relay is asked and given ops like a member that is always there, but it is none: it is no company, sees no
//! presence and holds no key. What it lacks is judged by what it said last, not by what it held once: a relay may have
//! been replaced. Deliberately absent: which relays keep a workspace (`mailboxes`), what they do for links (`deposits`), connections and
//! reservations, which are the network's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use libp2p::Multiaddr;
use omniscope_protocol::identity::{DeviceId, KeyId, OpId, WorkspaceId};
use omniscope_protocol::judge::Role;
use omniscope_protocol::wire::{Deposit, MAX_PUSH_BYTES, Refusal, Request, Response};

use super::Actor;
use super::mailboxes::Kept;
use super::network::Sent;
use crate::net::{NetCommand, device_at};
use crate::store::WorkspaceState;

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

/// How it stands with one workspace at one relay.
#[derive(Debug, Default)]
pub(super) struct Post {
    /// When heads are exchanged next: an exchange that begins moves it on, so that what is told meanwhile brings another.
    pub(super) due: u64,
    pub(super) under_way: bool,
    /// This device has more for it than what is under way.
    pub(super) again: bool,
    /// The frontier that it has committed, as it said last.
    pub(super) heads: Option<Vec<OpId>>,
    pub(super) refused: Option<Refusal>,
    pub(super) failures: u32,
    pub(super) looked_up: bool,
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
    pub(super) met: BTreeMap<DeviceId, BTreeMap<WorkspaceId, Post>>,
    pub(super) kept: BTreeMap<WorkspaceId, Vec<Kept>>,
    /// Workspaces in which this device has just said something.
    pub(super) urgent: BTreeSet<WorkspaceId>,
    /// Keys that are to lie at the attester of an invite.
    pub(super) deposits: BTreeMap<OpId, (WorkspaceId, DeviceId, Deposit)>,
    /// Which key lies there for an invite, as the relay said since the start.
    pub(super) laid: BTreeMap<OpId, KeyId>,
    pub(super) look_due: u64,
}

impl Mail {
    /// The relays that keep any workspace, each once.
    pub(super) fn relays(&self) -> Vec<&Multiaddr> {
        let mut all: Vec<&Multiaddr> = Vec::new();
        for addr in self.addresses() {
            if all.iter().all(|known| device_at(known) != device_at(addr)) {
                all.push(addr);
            }
        }
        all
    }

    /// The addresses by which relays keep any workspace.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &Multiaddr> {
        self.kept.values().flatten().map(|kept| &kept.addr)
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

    pub(super) fn post(&mut self, relay: &DeviceId, id: &WorkspaceId) -> Option<&mut Post> {
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
}
