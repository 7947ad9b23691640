//! The mailboxes: what a relay keeps for the workspaces that it serves, and to whom it gives it. A pure core: requests
//! and commits go in, actions come out.
//!
//! A relay is a peer without membership. For each registered workspace it holds the same replica as a member does, and
//! answers the same requests by the same rules: only members read, receipts and admissions are given after the commit.
//! Deliberately absent: keys of workspaces and any reader of documents; clocks; sockets. Who asks is proven by the
//! connection, whose peer id is the device key.

mod ledger;
mod room;
mod sleep;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use omniscope_protocol::identity::{DeviceId, DeviceKey, OpId, WorkspaceId};
use omniscope_protocol::invitation::Redemption;
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::{Body, Op};
use omniscope_protocol::replica::JoinAnswer;
use omniscope_protocol::wire::{Deposit, MAX_SHOWN, Refusal, Request, Response};

use crate::config::{MailboxLimits, Policy};
use crate::store::{Store, StoreError, Write};
use ledger::Owed;
use room::Room;
use sleep::Asleep;

pub(crate) use ledger::Commit;
pub(crate) use sleep::Woken;

/// Names a request that waits for its answer.
pub(crate) type Ticket = u64;

/// The use of a workspace is written down at most this often.
const USED_EVERY_MS: i64 = 3_600_000;
/// Answers that may wait for a commit, all workspaces together.
const MAX_OWED: usize = 4096;

/// Bytes of ops that may wait for their past, all workspaces together.
const MAX_WAITING_BYTES: usize = 32 << 20;

/// What the driver must do, in order.
#[derive(Debug)]
pub(crate) enum Action {
    /// Answer a request.
    Respond(Ticket, Response),
    /// Commit, and say how it went to [`Mailbox::on_committed`].
    Commit(Commit),
    /// Commit; nobody waits for it.
    Write(Write),
    /// Tell members who are connected what was committed, brought by `from`; without ops, that there is something to ask
    /// for.
    Tell { workspace: WorkspaceId, ops: Vec<Arc<[u8]>>, from: Option<DeviceId> },
    /// Answer with where these members are, as far as they are connected.
    Locate(Ticket, Vec<DeviceId>),
    /// A device belongs here now, or has shown an invitation (`guest`).
    Welcome { device: DeviceId, guest: bool },
    /// A device is a member of nothing here any more.
    Expel(DeviceId),
}

/// All mailboxes of a relay.
pub(crate) struct Mailbox {
    key: DeviceKey,
    policy: Policy,
    limits: MailboxLimits,
    rooms: BTreeMap<WorkspaceId, Room>,
    /// Workspaces that are served, but not in memory.
    asleep: BTreeMap<WorkspaceId, Asleep>,
    /// Who belongs to which workspaces.
    members: BTreeMap<DeviceId, BTreeSet<WorkspaceId>>,
    blocked: BTreeSet<DeviceId>,
    generation: u64,
    owed: usize,
}

impl Mailbox {
    /// Reads every registered workspace, one after another; each leaves memory again where the limits say that any does.
    /// Rows that do not prove themselves are passed over, and said.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) fn load(
        store: &Store,
        key: DeviceKey,
        policy: Policy,
        limits: MailboxLimits,
    ) -> Result<Self, StoreError> {
        let blocked = store.blocked()?.into_iter().map(DeviceId).collect();
        let (rooms, asleep, members) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut mailbox = Self { key, policy, limits, rooms, asleep, members, blocked, generation: 0, owed: 0 };
        for row in store.workspaces()? {
            mailbox.generation += 1;
            let mut room = Room::load(row, store, mailbox.generation)?;
            if let Some(write) = room.purge(store) {
                store.commit_wait(vec![write])?;
            }
            let id = room.id();
            mailbox.rooms.insert(id, room);
            // Nobody is connected yet, so there is nobody to welcome or to expel.
            mailbox.follow_members(&id, &mut Vec::new());
            if limits.in_memory_seconds > 0 {
                mailbox.rest(u64::MAX, 0);
            }
        }
        Ok(mailbox)
    }

    /// How many workspaces are served.
    pub(crate) fn len(&self) -> usize {
        self.rooms.len() + self.asleep.len()
    }

    /// Ops and their bytes, all workspaces together.
    pub(crate) fn sizes(&self) -> (u64, u64) {
        let awake = self.rooms.values().map(|room| (room.len(), room.bytes));
        let sizes = awake.chain(self.asleep.values().map(|asleep| (asleep.tail.len(), asleep.bytes)));
        sizes.fold((0, 0), |(ops, bytes), (more, larger)| (ops + more as u64, bytes + larger))
    }

    /// One line for each workspace: id, members, ops, bytes.
    pub(crate) fn list(&self) -> Vec<String> {
        let awake = self.rooms.iter().map(|(id, room)| (*id, (room.members.len(), room.len(), room.bytes)));
        let asleep = self.asleep.iter().map(|(id, room)| (*id, (room.members.len(), room.tail.len(), room.bytes)));
        let all: BTreeMap<WorkspaceId, _> = awake.chain(asleep).collect();
        let line = |(id, (members, ops, bytes))| format!("{id} members {members} ops {ops} bytes {bytes}");
        all.into_iter().map(line).collect()
    }

    /// Whether a device belongs to any workspace here.
    pub(crate) fn is_member(&self, device: &DeviceId) -> bool {
        self.members.contains_key(device)
    }

    /// Whether a device is shut out.
    pub(crate) fn is_blocked(&self, device: &DeviceId) -> bool {
        self.blocked.contains(device)
    }

    /// All who belong to any workspace here.
    pub(crate) fn everybody(&self) -> impl Iterator<Item = &DeviceId> {
        self.members.keys()
    }

    /// Who belongs to a workspace.
    pub(crate) fn members_of(&self, id: &WorkspaceId) -> impl Iterator<Item = &DeviceId> {
        let members = self.rooms.get(id).map(|room| &room.members);
        members.or(self.asleep.get(id).map(|asleep| &asleep.members)).into_iter().flatten()
    }

    /// The frontier of what is kept of a workspace.
    pub(crate) fn heads(&self, id: &WorkspaceId) -> Option<Vec<OpId>> {
        match self.rooms.get(id) {
            Some(room) => Some(room.replica.committed_heads()),
            None => Some(self.asleep.get(id)?.tail.committed_heads()),
        }
    }

    /// Judges one request about a workspace that is not asleep. `now_ms` is this relay's clock in Unix milliseconds.
    pub(crate) fn handle(
        &mut self,
        from: DeviceId,
        ticket: Ticket,
        request: Request,
        now_ms: u64,
        store: &Store,
        out: &mut Vec<Action>,
    ) {
        let refuse = |out: &mut Vec<Action>, why| out.push(Action::Respond(ticket, Response::Refused(why)));
        if self.blocked.contains(&from) {
            return refuse(out, Refusal::Blocked);
        }
        if let Some(room) = self.rooms.get_mut(&request.workspace()) {
            room.touch(&request, now_ms);
        }
        match request {
            Request::Sync { workspace, heads, have } => match self.refusal(&workspace, &from) {
                Some(why) => {
                    let shown = self.rooms.get(&workspace).and_then(|room| room.removal_of(store, &from));
                    out.push(Action::Respond(ticket, shown.unwrap_or(Response::Refused(why))));
                }
                None => {
                    let Some(room) = self.rooms.get_mut(&workspace) else { return };
                    let response = room.answer_sync(store, &heads, &have);
                    if matches!(response, Response::Sync { more: true, .. }) {
                        room.needed_ms = now_ms;
                    }
                    out.push(Action::Respond(ticket, response));
                    self.note_use(&workspace, now_ms, out);
                }
            },
            Request::Fetch { workspace, ids } => match self.refusal(&workspace, &from) {
                Some(why) => refuse(out, why),
                None => {
                    let room = &self.rooms[&workspace];
                    let ops = room.op_bytes(store, &room.replica.in_one_answer(&ids));
                    out.push(Action::Respond(ticket, Response::Ops(ops)));
                }
            },
            Request::Push { workspace, ops } => self.on_push(from, ticket, workspace, &ops, out),
            Request::Join { workspace, invite, redemption, .. } => {
                self.on_join(from, ticket, workspace, &invite, &redemption, now_ms, out);
            }
            Request::Register { workspace, genesis, token } => {
                let asked = Registration { workspace, genesis: &genesis, token: &token };
                self.on_register(from, ticket, &asked, now_ms, store, out);
            }
            Request::Asked { workspace, declined } => match self.refusal(&workspace, &from) {
                Some(why) => refuse(out, why),
                None => {
                    let Some(room) = self.rooms.get_mut(&workspace) else { return };
                    out.push(Action::Respond(ticket, room.show_requests(&from, &declined)));
                }
            },
            // A device link is answered by the device that made it, and no relay is told by devices.
            Request::Device { .. } | Request::News { .. } | Request::Notes { .. } => refuse(out, Refusal::NotAttester),
            // Who could seal them, or make a state, is a member; a relay holds no key.
            Request::Keys { .. } | Request::State { .. } => refuse(out, Refusal::NotMember),
            Request::Deposit { workspace, invite, deposit } => match self.refusal(&workspace, &from) {
                Some(why) => refuse(out, why),
                None => self.on_deposit(from, ticket, workspace, invite, deposit, out),
            },
            Request::Lookup { workspace } => match self.refusal(&workspace, &from) {
                Some(why) => refuse(out, why),
                None => {
                    let others = self.rooms[&workspace].members.iter().copied().filter(|device| *device != from);
                    out.push(Action::Locate(ticket, others.collect()));
                }
            },
        }
    }

    /// Keeps the key of an invite that a member wants this relay to attest.
    fn on_deposit(
        &mut self,
        from: DeviceId,
        ticket: Ticket,
        workspace: WorkspaceId,
        invite: OpId,
        deposit: Deposit,
        out: &mut Vec<Action>,
    ) {
        let me = self.key.id();
        let Some(room) = self.rooms.get_mut(&workspace) else { return };
        match room.deposit(&me, &from, invite, deposit) {
            Ok(write) => {
                let writes = vec![write];
                room.ledger.owe(Owed::Deposit, ticket, &writes);
                self.owed += 1;
                self.settle(workspace, None, writes, false, out);
            }
            Err(why) => out.push(Action::Respond(ticket, Response::Refused(why))),
        }
    }

    /// Why a device is not served in a workspace.
    fn refusal(&self, id: &WorkspaceId, device: &DeviceId) -> Option<Refusal> {
        match self.rooms.get(id) {
            None => Some(Refusal::UnknownWorkspace),
            Some(room) if room.members.contains(device) => None,
            Some(room) if room.replica.was_member(device) => Some(Refusal::Removed),
            Some(_) => Some(Refusal::NotMember),
        }
    }

    /// Ops from members, and from others their admission; the receipt waits for the commit.
    fn on_push(&mut self, from: DeviceId, ticket: Ticket, id: WorkspaceId, ops: &[Arc<[u8]>], out: &mut Vec<Action>) {
        let refuse = |out: &mut Vec<Action>, why| out.push(Action::Respond(ticket, Response::Refused(why)));
        let stranger = self.refusal(&id, &from);
        match stranger {
            Some(Refusal::NotMember | Refusal::Removed) if (1..=MAX_SHOWN).contains(&ops.len()) => {}
            Some(why) => return refuse(out, why),
            None => {}
        }
        let Some(room) = self.rooms.get_mut(&id) else { return refuse(out, Refusal::UnknownWorkspace) };
        if room.refuses(ops) {
            return refuse(out, Refusal::Closed);
        }
        if self.limits.are_exceeded(room.len(), room.bytes, ops) {
            return refuse(out, Refusal::Full);
        }
        if self.owed >= MAX_OWED {
            return refuse(out, Refusal::Busy);
        }
        let (writes, membership) = room.take(ops);
        // What was shown must have made a member of whoever shows it; a receipt tells the heads.
        match stranger.filter(|_| room.replica.role(&from) == Role::None) {
            Some(why) => refuse(out, why),
            None => {
                room.ledger.owe(Owed::Receipt, ticket, &writes);
                self.owed += 1;
            }
        }
        if room.replica.waiting() > 0 {
            self.bound_waiting();
        }
        self.settle(id, Some(from), writes, membership, out);
    }

    #[allow(clippy::too_many_arguments, reason = "a request's fields, each used once")]
    fn on_join(
        &mut self,
        from: DeviceId,
        ticket: Ticket,
        id: WorkspaceId,
        invite: &[u8],
        redemption: &Redemption,
        now_ms: u64,
        out: &mut Vec<Action>,
    ) {
        let refuse = |out: &mut Vec<Action>, why| out.push(Action::Respond(ticket, Response::Refused(why)));
        if redemption.device != from {
            return refuse(out, Refusal::Forged);
        }
        let Ok(invite) = Op::decode(invite) else { return refuse(out, Refusal::Malformed) };
        let Some(room) = self.rooms.get_mut(&id).filter(|_| invite.workspace() == id) else {
            return refuse(out, Refusal::UnknownWorkspace);
        };
        if self.owed >= MAX_OWED {
            return refuse(out, Refusal::Busy);
        }
        let deposit = room.deposited(&invite.id);
        let (answer, mut writes, membership) = room.admit(&self.key, &invite, redemption, now_ms);
        match answer {
            JoinAnswer::Admitted(_) => {
                // A key is forgotten with the last use of its link; the commit that lets in forgets it, too.
                writes.extend(room.drop_deposits());
                room.ledger.owe(Owed::Admission(deposit), ticket, &writes);
                self.owed += 1;
            }
            JoinAnswer::Refused(why) => {
                // Everything about the invitation is in order, but somebody else admits by it: its holder may be led
                // to the members by circuits.
                if why == Refusal::NotAttester && room.replica.knows(&invite.id) {
                    out.push(Action::Welcome { device: from, guest: true });
                }
                let by_request = room.replica.invites().get(&invite.id).is_some_and(|invite| invite.approve);
                if why == Refusal::NotAttester && by_request {
                    let (answer, new) = room.hear_request(invite.id, redemption);
                    if new {
                        out.push(Action::Tell { workspace: id, ops: Vec::new(), from: None });
                    }
                    return refuse(out, answer);
                }
                refuse(out, why);
            }
        }
        self.settle(id, None, writes, membership, out);
    }

    fn on_register(
        &mut self,
        from: DeviceId,
        ticket: Ticket,
        asked: &Registration<'_>,
        now_ms: u64,
        store: &Store,
        out: &mut Vec<Action>,
    ) {
        let id = asked.workspace;
        let refuse = |out: &mut Vec<Action>, why| out.push(Action::Respond(ticket, Response::Refused(why)));
        if let Some(room) = self.rooms.get_mut(&id) {
            if !room.members.contains(&from) {
                let why = self.refusal(&id, &from).unwrap_or(Refusal::NotMember);
                return refuse(out, why);
            }
            room.ledger.owe(Owed::Receipt, ticket, &[]);
            self.owed += 1;
            return self.settle(id, None, Vec::new(), false, out);
        }
        let paid = match self.payment(&from, asked, store) {
            Ok(Some(paid)) => paid,
            Ok(None) => return refuse(out, Refusal::Token),
            Err(error) => {
                tracing::error!(%error, "a registration cannot be judged");
                return refuse(out, Refusal::Busy);
            }
        };
        if self.len() >= self.limits.workspaces {
            return refuse(out, Refusal::Full);
        }
        // Last, so that who shows no founding op learns whether one would be taken.
        let genesis = match Op::decode(asked.genesis) {
            Ok(op) if matches!(op.body, Body::Genesis { .. }) && op.workspace() == id => op,
            _ => return refuse(out, Refusal::Malformed),
        };
        self.generation += 1;
        let (mut room, mut writes) = Room::found(id, from, &genesis, now_ms as i64, self.generation);
        writes.extend(paid.map(|hash| Write::SpendToken { hash }));
        room.ledger.owe(Owed::Receipt, ticket, &writes);
        self.owed += 1;
        self.rooms.insert(id, room);
        self.settle(id, None, writes, true, out);
    }

    /// By what a device may register: nothing to pay, or the hash of the token to spend. `None`: it may not.
    fn payment(
        &self,
        from: &DeviceId,
        asked: &Registration<'_>,
        store: &Store,
    ) -> Result<Option<Option<[u8; 32]>>, StoreError> {
        if self.policy == Policy::Open || store.is_allowed(&from.0)? || store.is_allowed(&asked.workspace.0)? {
            return Ok(Some(None));
        }
        let hash = token_hash(asked.token);
        Ok(store.token(&hash)?.map(|_| Some(hash)))
    }

    /// After a room has changed: commits what is new, follows the members, answers what is owed if nothing is open.
    fn settle(
        &mut self,
        id: WorkspaceId,
        from: Option<DeviceId>,
        writes: Vec<Write>,
        membership: bool,
        out: &mut Vec<Action>,
    ) {
        if membership {
            self.follow_members(&id, out);
        }
        let Some(room) = self.rooms.get_mut(&id) else { return };
        let mut writes = writes;
        if membership {
            room.needed_ms = room.touched_ms;
            writes.extend(room.drop_deposits());
        }
        if writes.is_empty() {
            self.owed -= room.answer(out);
        } else {
            out.push(Action::Commit(room.commit(writes, from)));
        }
    }

    /// Keeps within bounds what waits for its past, all workspaces together: the workspace with the most of it forgets it.
    fn bound_waiting(&mut self) {
        let waiting = |room: &Room| room.replica.waiting_bytes();
        while self.rooms.values().map(waiting).sum::<usize>() > MAX_WAITING_BYTES {
            let Some(most) = self.rooms.values_mut().max_by_key(|room| waiting(room)) else { return };
            most.replica.forget_waiting();
        }
    }

    /// A commit has ended.
    pub(crate) fn on_committed(&mut self, commit: &Commit, ok: bool, store: &Store, out: &mut Vec<Action>) {
        let id = &commit.workspace;
        let room = self.rooms.get_mut(id).filter(|room| room.ledger.generation == commit.generation);
        let asleep = self.asleep.get_mut(id).filter(|asleep| asleep.ledger.generation == commit.generation);
        let row = match (room, asleep) {
            (Some(room), _) if ok => {
                room.on_committed(commit);
                self.owed -= room.answer(out);
                out.push(Action::Tell { workspace: *id, ops: commit.brought.clone(), from: commit.from });
                if room.replica.all_committed() {
                    out.extend(room.purge(store).map(Action::Write));
                }
                return;
            }
            (_, Some(asleep)) if ok => {
                self.owed -= asleep.on_committed(commit, out);
                out.push(Action::Tell { workspace: *id, ops: commit.brought.clone(), from: commit.from });
                return;
            }
            (Some(room), _) => {
                self.owed -= room.ledger.refuse_all(out);
                room.row.clone()
            }
            (_, Some(asleep)) => {
                self.owed -= asleep.ledger.refuse_all(out);
                asleep.row.clone()
            }
            (None, None) => return,
        };
        // What is in memory is not on the disk: nobody is told that it is, and the log is read anew.
        self.asleep.remove(id);
        self.generation += 1;
        let registered = store.workspaces().is_ok_and(|rows| rows.iter().any(|known| known.id == row.id));
        match Room::load(row, store, self.generation) {
            Ok(room) if registered => {
                self.rooms.insert(commit.workspace, room);
            }
            Ok(_) => drop(self.rooms.remove(&commit.workspace)),
            Err(error) => {
                tracing::error!(%error, "a mailbox cannot be read; it is closed until the next start");
                self.rooms.remove(&commit.workspace);
            }
        }
        self.follow_members(&commit.workspace, out);
    }

    /// Brings the index of members in step with a room, which may be gone.
    fn follow_members(&mut self, id: &WorkspaceId, out: &mut Vec<Action>) {
        let now = match self.rooms.get_mut(id) {
            Some(room) => room.refresh_members(),
            None => BTreeSet::new(),
        };
        let was: Vec<DeviceId> = self.members.iter().filter(|(_, of)| of.contains(id)).map(|(d, _)| *d).collect();
        for device in was.iter().filter(|device| !now.contains(device)) {
            let Some(of) = self.members.get_mut(device) else { continue };
            of.remove(id);
            if of.is_empty() {
                self.members.remove(device);
                out.push(Action::Expel(*device));
            }
        }
        for device in now {
            let of = self.members.entry(device).or_default();
            if of.is_empty() {
                out.push(Action::Welcome { device, guest: false });
            }
            of.insert(*id);
        }
    }

    fn note_use(&mut self, id: &WorkspaceId, now_ms: u64, out: &mut Vec<Action>) {
        let awake = self.rooms.get_mut(id).map(|room| &mut room.row);
        let Some(row) = awake.or(self.asleep.get_mut(id).map(|asleep| &mut asleep.row)) else { return };
        if now_ms as i64 - row.used_ms >= USED_EVERY_MS {
            row.used_ms = now_ms as i64;
            out.push(Action::Write(Write::Used { id: id.0, now_ms: now_ms as i64 }));
        }
    }

    /// Ends the service for a workspace; false if it was not served.
    pub(crate) fn unregister(&mut self, id: &WorkspaceId, out: &mut Vec<Action>) -> bool {
        match self.rooms.remove(id) {
            Some(mut room) => self.owed -= room.ledger.refuse_all(out),
            None => match self.asleep.remove(id) {
                Some(mut asleep) => self.owed -= asleep.ledger.refuse_all(out),
                None => return false,
            },
        }
        out.push(Action::Write(Write::DropWorkspace { id: id.0 }));
        self.follow_members(id, out);
        true
    }

    /// The workspaces that no member has used for so long.
    pub(crate) fn unused_since(&self, before_ms: i64) -> Vec<WorkspaceId> {
        let awake = self.rooms.iter().map(|(id, room)| (id, &room.row));
        let all = awake.chain(self.asleep.iter().map(|(id, asleep)| (id, &asleep.row)));
        all.filter(|(_, row)| row.used_ms < before_ms).map(|(id, _)| *id).collect()
    }

    /// Shuts a device out, or lets it in again.
    pub(crate) fn block(&mut self, device: DeviceId, shut_out: bool, out: &mut Vec<Action>) {
        if shut_out {
            self.blocked.insert(device);
            out.push(Action::Write(Write::Block { device: device.0 }));
            out.push(Action::Expel(device));
        } else {
            self.blocked.remove(&device);
            out.push(Action::Write(Write::Unblock { device: device.0 }));
            if self.is_member(&device) {
                out.push(Action::Welcome { device, guest: false });
            }
        }
    }

    /// Takes new limits and a new policy, as after a reload of the settings.
    pub(crate) fn set_rules(&mut self, policy: Policy, limits: MailboxLimits) {
        (self.policy, self.limits) = (policy, limits);
    }
}

/// What who registers a workspace shows.
struct Registration<'a> {
    workspace: WorkspaceId,
    genesis: &'a [u8],
    token: &'a [u8],
}

/// What stands in the database in place of a token.
pub(crate) fn token_hash(token: &[u8]) -> [u8; 32] {
    blake3::derive_key("omniscope 2026 relay registration token", token)
}

#[cfg(test)]
mod tests;
