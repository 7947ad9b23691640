//! Joining by a link, and answering those who join.
//!
//! A join is kept until it goes through or is refused for good: a link that nobody can be reached for waits, is shown
//! as pending and is tried again whenever somebody is met.

use std::collections::BTreeMap;

use libp2p::Multiaddr;
use omniscope_protocol::device_link::DeviceLink;
use omniscope_protocol::identity::{DeviceId, DeviceKey, OpId, WorkspaceId};
use omniscope_protocol::invitation::{Link, Redemption};
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::{Op, Seal};
use omniscope_protocol::replica::JoinAnswer;
use omniscope_protocol::sealing::EpochKey;
use omniscope_protocol::wire::{Deposit, Refusal, Request, Response};
use serde_json::Value;

use super::network::Sent;
use super::ways::relays_in;
use super::{Actor, now_ms, store_error, unix_ms};
use crate::answers::{Joining, answer};
use crate::api::{ApiError, millis};
use crate::event::Event;
use crate::net::NetCommand;
use crate::store::{Batch, WorkspaceState, Write};
use crate::workspace::role_name;

/// Joins under way at one time.
const MAX_JOINS: usize = 64;
/// Pause between attempts with those who are connected.
const RETRY_MS: u64 = 2000;
/// Who is asked within that time: each who may lets the asking device in by an op of its own, and one is enough.
const MAX_ASKED: usize = 3;
/// The same after somebody said that it let this device in: the log will tell whether that is so.
const ADMITTED_RETRY_MS: u64 = 10_000;

/// A join that is not through yet.
pub(super) struct PendingJoin {
    link: Link,
    next_try: u64,
    /// When each was asked.
    asked: BTreeMap<DeviceId, u64>,
    /// Somebody let this device in, by what it says.
    admitted: bool,
    /// An owner's device keeps the request: what others say who cannot help is no news.
    heard: bool,
}

impl PendingJoin {
    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    /// What this device asks by the link; only owners are shown a name, and only by a link by request.
    fn request(&self, key: &DeviceKey, name: Option<&str>) -> Request {
        let workspace = self.link.workspace();
        let redemption = Redemption::new(&workspace, &self.link.op.id, key, &self.link.key());
        let name = name.filter(|_| self.link.invite.approve).map(str::to_owned);
        Request::Join { workspace, invite: self.link.op.bytes.clone(), redemption, name }
    }

    /// Whether a refusal by a device may be the last word: who made the link, who admits by it and, for a link by request,
    /// a relay that the link names, which passes on what owners say. Anybody else may be asked, and may lie.
    fn believes(&self, device: &DeviceId) -> bool {
        let named = |relay: &Multiaddr| crate::net::device_at(relay).as_ref() == Some(device);
        self.link.op.author == *device
            || self.link.invite.attester == Some(*device)
            || self.link.invite.approve && relays_in(&self.addresses()).iter().any(named)
    }

    fn addresses(&self) -> Vec<Multiaddr> {
        self.link.addresses.iter().filter_map(|addr| addr.parse().ok()).collect()
    }

    /// Whether a device can admit by this link, or may know somebody who can.
    pub(super) fn wants(&self, device: &DeviceId) -> bool {
        self.link.invite.attester.is_none_or(|a| a == *device) || self.link.op.author == *device
    }

    /// Of `devices` those to be asked now.
    fn take_turn(&mut self, devices: impl Iterator<Item = DeviceId>, now: u64) -> Vec<DeviceId> {
        let wanted = devices.filter(|device| self.wants(device)).collect();
        let turn = turn(&self.asked, &self.link.op.author, wanted, now);
        self.asked.extend(turn.iter().map(|device| (*device, now)));
        turn
    }
}

impl Actor {
    pub(super) fn load_joins(&mut self) -> Result<(), ApiError> {
        for row in self.store.pending_joins().map_err(store_error)? {
            if let Ok(link) = Link::parse(&row.link) {
                self.begin_join(link);
            } else if let Ok(link) = DeviceLink::parse(&row.link) {
                self.begin_device(link);
            }
        }
        Ok(())
    }

    /// The verb: verifies the link, then asks whoever can be reached.
    pub(super) fn join(&mut self, text: &str) -> Result<Value, ApiError> {
        let link = Link::parse(text).map_err(|e| ApiError::new(e.code(), e.to_string()))?;
        let id = link.workspace();
        if let Some(room) = self.rooms.get(&id)
            && room.space.replica.role(&self.me) > Role::None
            && room.row.state != WorkspaceState::Removed
        {
            let role = role_name(room.space.replica.role(&self.me));
            self.know_from(&link);
            return answer(Joining::done(&id, role, true));
        }
        if link.invite.bound_to.is_some_and(|d| d != self.me) {
            return Err(ApiError::new("link_other_device", "this link was made for another device"));
        }
        if link.invite.expires.is_some_and(|at| millis(at) <= unix_ms()) {
            let message = "this link has expired, by this computer's clock. Ask for a new one, or set the clock";
            return Err(ApiError::new("link_expired", message));
        }
        if self.joins.len() >= MAX_JOINS {
            return Err(ApiError::new("too_many_joins", format!("at most {MAX_JOINS} joins can be under way")));
        }
        let role = role_name(link.invite.role);
        let (code, message) = first_reason(link.invite.approve);
        let pending = Write::PendingJoin {
            link: link.to_text().to_string(),
            workspace: Some(id.0),
            since_ms: unix_ms(),
            code: code.to_owned(),
            message: message.to_owned(),
        };
        self.store.commit_wait(Batch::one(pending)).map_err(store_error)?;
        if !self.joins.iter().any(|j| j.link.op.id == link.op.id) {
            self.begin_join(link);
            self.tell(Event::WorkspacesChanged {});
        }
        answer(Joining::waits(&id, Some(role), Some((code, message))))
    }

    fn begin_join(&mut self, link: Link) {
        self.know_from(&link);
        let (asked, admitted, heard) = (BTreeMap::new(), false, false);
        self.joins.push(PendingJoin { link, next_try: 0, asked, admitted, heard });
    }

    /// Keeps connected with those whom a link names, also where it says that they are.
    fn know_from(&self, link: &Link) {
        let mut seek: Vec<DeviceId> = vec![link.op.author];
        seek.extend(link.invite.attester);
        seek.sort_unstable();
        seek.dedup();
        let addrs: Vec<Multiaddr> = link.addresses.iter().filter_map(|a| a.parse().ok()).collect();
        for relay in relays_in(&addrs) {
            self.use_relay(&relay);
        }
        for device in seek {
            let of = |a: &&Multiaddr| crate::net::device_at(a).is_some_and(|d| d == device);
            self.command(NetCommand::Know { device, addrs: addrs.iter().filter(of).cloned().collect() });
            self.seek(device);
        }
    }

    pub(super) fn tick_joins(&mut self, now: u64) {
        let due = self.joins.iter_mut().enumerate().filter(|(_, join)| join.next_try <= now);
        let (mut requests, mut tried) = (Vec::new(), false);
        for (at, join) in due {
            tried = true;
            join.next_try = now + if join.admitted { ADMITTED_RETRY_MS } else { RETRY_MS };
            join.asked.retain(|device, at| self.peers.contains_key(device) || now < *at + RETRY_MS);
            requests.extend(join.take_turn(self.peers.keys().copied(), now).into_iter().map(|device| (device, at)));
        }
        for (device, at) in requests {
            self.ask_to_join(at, device);
        }
        if tried {
            self.knock();
        }
    }

    /// What is asked of relays for the joins that are under way: the workspace, the invite, whether a relay's answer is one to the join
    /// and not only to its being shown, the request.
    pub(super) fn pending_redemptions(&self) -> Vec<(WorkspaceId, OpId, impl Fn(&DeviceId) -> bool + use<>, Request)> {
        let pending = self.joins.iter().map(|join| {
            let (attester, approve) = (join.link.invite.attester, join.link.invite.approve);
            let answers = move |relay: &DeviceId| approve || attester == Some(*relay);
            (join.link.workspace(), join.link.op.id, answers, join.request(&self.key, None))
        });
        pending.collect()
    }

    pub(super) fn try_joins_with(&mut self, device: DeviceId) {
        let now = self.now();
        for at in 0..self.joins.len() {
            for device in self.joins[at].take_turn([device].into_iter(), now) {
                self.ask_to_join(at, device);
            }
        }
    }

    fn ask_to_join(&mut self, at: usize, device: DeviceId) {
        let join = &self.joins[at];
        let (invite, request) = (join.link.op.id, join.request(&self.key, Some(&self.profile.0)));
        self.request(device, Sent::Join(invite), &request);
    }

    /// Somebody who may said yes: what is left is to fetch the history, which shows whether it is so.
    pub(super) fn on_join_admitted(&mut self, invite: OpId, device: DeviceId, deposit: Option<Deposit>) {
        let now = self.now();
        let Some(join) = self.joins.iter_mut().find(|j| j.link.op.id == invite) else { return };
        let id = join.link.workspace();
        (join.admitted, join.next_try) = (true, now + ADMITTED_RETRY_MS);
        let addrs = join.addresses();
        let key = deposit.and_then(|deposit| {
            let of_link = join.link.key();
            let seal = Seal { device: of_link.id(), bytes: deposit.seal };
            EpochKey::unseal(&id, deposit.key, &seal, &of_link)
        });
        let name = join.link.workspace_name.clone();
        let inviter = join.link.op.author;
        if self.await_history(&id, name).is_err() {
            return;
        }
        if let (Some(key), Some(room)) = (key, self.rooms.get_mut(&id)) {
            room.space.replica.keep_key(key);
        }
        self.use_mailboxes(&id, relays_in(&addrs));
        if !self.begin_look(&id, inviter) {
            self.sync_with(&id, device);
        }
    }

    pub(super) fn on_join_refused(&mut self, invite: OpId, device: DeviceId, refusal: Refusal) {
        let Some(at) = self.joins.iter().position(|j| j.link.op.id == invite) else { return };
        let join = &mut self.joins[at];
        let id = join.link.workspace();
        // Who was a member once knows owners by its own log.
        let owner = self.rooms.get(&id).is_some_and(|room| room.space.replica.role(&device) == Role::Owner);
        let ends = refusal.is_final() && (owner || join.believes(&device));
        join.heard |= refusal == Refusal::AwaitsApproval;
        if !ends && (join.admitted || join.heard && refusal != Refusal::AwaitsApproval) {
            return;
        }
        let refusal = if refusal.is_final() && !ends { Refusal::NotAttester } else { refusal };
        let (workspace, code, message) = (id.to_string(), refusal.code().to_owned(), refusal_words(refusal).to_owned());
        if !ends {
            return self.goes_on_waiting(id, &code, &message);
        }
        let join = self.joins.remove(at);
        self.forget_join(&join.link);
        self.waiting.remove(&id);
        // Somebody may have said before that it let this device in, and had nothing to show for it.
        let empty = |room: &super::Room| room.row.state == WorkspaceState::Pending && room.space.replica.is_empty();
        if self.rooms.get(&id).is_some_and(empty)
            && let Err(error) = self.forget_workspace(&id)
        {
            tracing::warn!(%error, "a workspace that could not be joined is still listed");
        }
        self.tell(Event::JoinFailed { workspace, code, message });
        self.tell(Event::WorkspacesChanged {});
    }

    fn forget_join(&mut self, link: &Link) {
        self.forget_pending(link.to_text().to_string());
    }

    pub(super) fn forget_pending(&mut self, link: String) {
        let write = Write::DropPendingJoin { link };
        self.store.commit(Batch::one(write), |result| {
            if let Err(error) = result {
                tracing::warn!(%error, "a finished join is still listed as pending");
            }
        });
    }

    /// The log says that this device is a member: joins of this workspace are through.
    pub(super) fn on_admitted(&mut self, id: &WorkspaceId, role: Role) {
        let members: Vec<DeviceId> = self
            .rooms
            .get(id)
            .map(|r| r.space.members().iter().map(|m| DeviceId(m.author)).collect())
            .unwrap_or_default();
        for device in members {
            self.seek(device);
        }
        self.waiting.remove(id);
        let (done, rest): (Vec<_>, Vec<_>) = self.joins.drain(..).partition(|j| j.link.workspace() == *id);
        self.joins = rest;
        let recovered = self.end_recovery(id);
        let device = self.on_device_joined(id);
        if done.is_empty() && !recovered && !device {
            return;
        }
        for join in done {
            self.forget_join(&join.link);
            self.keep_relays(relays_in(&join.addresses()));
        }
        // A key that came beside the log is sealed to this device, to be found again after a restart.
        self.tend_keys(id, true);
        self.tell(Event::Joined { workspace: id.to_string(), role: role_name(role).to_owned() });
        self.tell(Event::WorkspacesChanged {});
    }

    /// The history of a workspace that was just joined has come in: it was created when its founder says.
    pub(super) fn after_first_sync(&mut self, id: &WorkspaceId) {
        let now = self.now();
        if let Some(room) = self.rooms.get_mut(id) {
            room.heads_due.get_or_insert(now);
        }
    }

    pub(super) fn answer_join(
        &mut self,
        id: WorkspaceId,
        device: DeviceId,
        invite: &[u8],
        redemption: &Redemption,
        name: Option<&str>,
    ) -> Response {
        if redemption.device != device {
            return Response::Refused(Refusal::Forged);
        }
        let Ok(invite) = Op::decode(invite) else { return Response::Refused(Refusal::Malformed) };
        if !self.rooms.contains_key(&id) || invite.workspace() != id {
            return Response::Refused(Refusal::UnknownWorkspace);
        }
        let answer = self.with(&id, |space, store, key, effects| {
            let mut out = Vec::new();
            let answer = space.replica.admit(key, &invite, redemption, now_ms(), &mut out);
            space.carry_out(&out, Some(0), store, effects);
            Ok(answer)
        });
        match answer {
            Ok(JoinAnswer::Admitted(_)) => Response::Admitted { deposit: None },
            Ok(JoinAnswer::Refused(Refusal::AwaitsApproval)) => {
                Response::Refused(self.hear_request(&id, &invite.id, &device, name))
            }
            Ok(JoinAnswer::Refused(refusal)) => Response::Refused(refusal),
            Err(_) => Response::Refused(Refusal::UnknownWorkspace),
        }
    }
}

/// Why a join waits before anybody was asked.
pub(super) fn first_reason(approve: bool) -> (&'static str, &'static str) {
    if approve {
        (Refusal::AwaitsApproval.code(), refusal_words(Refusal::AwaitsApproval))
    } else {
        ("no_one_reachable", "Nobody who can let you in was reached yet.")
    }
}

/// What a refusal means to the person who tried to join.
fn refusal_words(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Forged => "This link was not made by the person it names; do not use it.",
        Refusal::Expired => "This link has expired. Ask for a new one.",
        Refusal::Revoked => "This link was revoked. Ask for a new one.",
        Refusal::UsedUp => "This link was used as often as it allows. Ask for a new one.",
        Refusal::OtherDevice => "This link was made for another device.",
        Refusal::NotAttester => "Whoever was reached cannot let you in by this link; it is tried again with others.",
        Refusal::UnknownWorkspace | Refusal::NotMember | Refusal::Removed => {
            "Whoever was reached does not have this workspace yet; it is tried again."
        }
        Refusal::Busy | Refusal::Malformed | Refusal::Token | Refusal::Full => {
            "The other side could not answer; it is tried again."
        }
        Refusal::Blocked => "The relay does not serve this device.",
        Refusal::AwaitsApproval => "An owner of the workspace has to let you in; it is asked until one does.",
        Refusal::Closed => "This workspace is closed.",
        Refusal::Declined => "An owner of the workspace did not let you in.",
    }
}

/// Who is asked now of those who may be: as many as were not asked lately, `first` before who was not asked yet, or longest ago.
fn turn(asked: &BTreeMap<DeviceId, u64>, first: &DeviceId, mut devices: Vec<DeviceId>, now: u64) -> Vec<DeviceId> {
    let lately = asked.values().filter(|at| now < **at + RETRY_MS).count();
    devices.sort_by_key(|device| (device != first, asked.get(device).copied()));
    devices.truncate(MAX_ASKED.saturating_sub(lately));
    devices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_fifty_who_may_let_somebody_in_three_are_asked_at_a_time_and_all_in_turn() {
        let devices: Vec<DeviceId> = (0..50).map(|n| DeviceId([n; 32])).collect();
        let (first, mut asked) = (devices[30], BTreeMap::new());
        for round in 0..17 {
            let now = round * RETRY_MS;
            let due = turn(&asked, &first, devices.clone(), now);
            assert_eq!(due.len(), MAX_ASKED);
            assert_eq!(due[0], first, "who made the link is asked each time");
            asked.extend(due.into_iter().map(|device| (device, now)));
            assert!(turn(&asked, &first, devices.clone(), now + RETRY_MS - 1).is_empty(), "one is enough");
        }
        assert_eq!(asked.len(), 1 + 17 * (MAX_ASKED - 1));
    }
}
