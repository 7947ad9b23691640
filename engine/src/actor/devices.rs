//! This device and others of the same person: asking to become one, and answering who asks.
//!
//! A link is made by one device and answered by it alone, once; what waits for an answer is kept over restarts as joins
//! are. Deliberately absent: which device counts (`judge`), and the verbs (`verbs::devices`).

use libp2p::Multiaddr;
use omniscope_protocol::device_link::DeviceLink;
use omniscope_protocol::identity::{DeviceId, WorkspaceId};
use omniscope_protocol::invitation::Redemption;
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::Body;
use omniscope_protocol::wire::{Refusal, Request, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::network::Sent;
use super::ways::relays_in;
use super::{Actor, store_error, unix_ms};
use crate::answers::{Joining, answer};
use crate::api::{ApiError, millis};
use crate::event::Event;
use crate::net::NetCommand;
use crate::store::{Batch, Write};
use crate::workspace::role_name;

/// Links of this device that may be open at one time; of more, the oldest end.
const MAX_OFFERS: usize = 64;
/// Devices that this one may be waiting to become at one time.
const MAX_WAITING: usize = 64;
/// Pause between attempts.
const RETRY_MS: u64 = 2000;
/// Where open links are kept.
const OFFERS: &str = "device_offers";

/// A link that this device made and has not answered yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Offer {
    pub(super) workspace: String,
    /// The public half of its key.
    pub(super) key: String,
    /// Unix seconds.
    pub(super) expires: u64,
}

/// A link that this device waits for an answer to.
pub(super) struct PendingDevice {
    link: DeviceLink,
    next_try: u64,
    added: bool,
}

impl PendingDevice {
    pub(super) fn link(&self) -> &DeviceLink {
        &self.link
    }

    pub(super) fn wants(&self, device: &DeviceId) -> bool {
        self.link.adder == *device
    }

    /// Whether its link carries this key: an answer to a link that was given up says nothing about the next one.
    fn is_of(&self, key: &DeviceId) -> bool {
        self.link.key().id() == *key
    }
}

impl Actor {
    fn offers(&self) -> Vec<Offer> {
        let text = self.store.setting(OFFERS).ok().flatten();
        text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    fn keep_offers(&self, offers: &[Offer]) -> Result<(), ApiError> {
        let value = serde_json::to_vec(offers).expect("strings and numbers are JSON");
        let write = Write::Setting { key: OFFERS.into(), value: Some(value) };
        self.store.commit_wait(Batch::one(write)).map(|_| ()).map_err(store_error)
    }

    pub(super) fn open_offer(&self, offer: Offer) -> Result<(), ApiError> {
        let now = (unix_ms() / 1000).max(0) as u64;
        let mut offers: Vec<Offer> = self.offers().into_iter().filter(|o| o.expires > now).collect();
        offers.push(offer);
        let excess = offers.len().saturating_sub(MAX_OFFERS);
        self.keep_offers(&offers[excess..])
    }

    /// Somebody has a link and wants to become a device of whoever made it.
    pub(super) fn answer_device(
        &mut self,
        id: WorkspaceId,
        device: DeviceId,
        key: &DeviceId,
        redemption: &Redemption,
    ) -> Response {
        match self.add_device(id, device, key, redemption) {
            Ok(()) => Response::Admitted { deposit: None },
            Err(refusal) => Response::Refused(refusal),
        }
    }

    fn add_device(
        &mut self,
        id: WorkspaceId,
        device: DeviceId,
        key: &DeviceId,
        redemption: &Redemption,
    ) -> Result<(), Refusal> {
        let me = self.me;
        let replica = &self.rooms.get(&id).ok_or(Refusal::UnknownWorkspace)?.space.replica;
        let person = replica.person_of(&me);
        if redemption.device != device || !redemption.proves_offer(&id, &person, key) {
            return Err(Refusal::Forged);
        }
        if replica.role(&device) > Role::None {
            // Asked again after an answer that was lost; who is another member stays that.
            return if replica.person_of(&device) == person { Ok(()) } else { Err(Refusal::OtherDevice) };
        }
        let mut offers = self.offers();
        let (workspace, wanted) = (id.to_string(), key.to_string());
        let at = offers.iter().position(|o| o.workspace == workspace && o.key == wanted).ok_or(Refusal::UsedUp)?;
        if millis(offers[at].expires) <= unix_ms() {
            return Err(Refusal::Expired);
        }
        let under = replica.standing_add(&person, &me).ok_or(Refusal::Revoked)?;
        // A link is used once, also if this process ends before the op is committed.
        offers.remove(at);
        self.keep_offers(&offers).map_err(|_| Refusal::Busy)?;
        let body = Body::AddDevice { person, under, key: *key, redemption: redemption.clone() };
        self.say(&id, body).map(|_| ()).map_err(|_| Refusal::Busy)
    }

    /// The verb: opens the link, then asks the device that made it.
    pub(super) fn accept_device(&mut self, text: &str) -> Result<Value, ApiError> {
        let link = DeviceLink::parse(text).map_err(|e| ApiError::new(e.code(), e.to_string()))?;
        let id = link.workspace;
        if let Some(room) = self.rooms.get(&id)
            && room.space.replica.role(&self.me) > Role::None
        {
            if room.space.replica.person_of(&self.me) != link.person {
                let message = "this device is a member of that workspace already; leave it first";
                return Err(ApiError::new("already_member", message));
            }
            let role = role_name(room.space.replica.role(&self.me));
            return answer(Joining::done(&id, role, true));
        }
        if millis(link.expires) <= unix_ms() {
            let message = "this link has expired, by this computer's clock. Make a new one, or set the clock";
            return Err(ApiError::new("link_expired", message));
        }
        if self.device_joins.len() >= MAX_WAITING {
            return Err(ApiError::new("too_many_joins", format!("at most {MAX_WAITING} can be under way")));
        }
        let pending = Write::PendingJoin {
            link: link.to_text().to_string(),
            workspace: Some(id.0),
            since_ms: unix_ms(),
            code: "no_one_reachable".into(),
            message: "The device that made the link was not reached yet.".into(),
        };
        self.store.commit_wait(Batch::one(pending)).map_err(store_error)?;
        if !self.device_joins.iter().any(|j| j.link.secret == link.secret) {
            self.begin_device(link);
            self.tell(Event::WorkspacesChanged {});
        }
        answer(Joining::waits(&id, None, None))
    }

    pub(super) fn begin_device(&mut self, link: DeviceLink) {
        let addrs: Vec<Multiaddr> = link.addresses.iter().filter_map(|a| a.parse().ok()).collect();
        for relay in relays_in(&addrs) {
            self.use_relay(&relay);
        }
        let of = |a: &&Multiaddr| crate::net::device_at(a).is_some_and(|d| d == link.adder);
        self.command(NetCommand::Know { device: link.adder, addrs: addrs.iter().filter(of).cloned().collect() });
        self.seek(link.adder);
        self.device_joins.push(PendingDevice { link, next_try: 0, added: false });
    }

    /// Asks those who are connected and were not asked lately.
    pub(super) fn tick_devices(&mut self, now: u64) {
        let mut asked = Vec::new();
        for join in self.device_joins.iter_mut().filter(|j| !j.added && j.next_try <= now) {
            if self.peers.contains_key(&join.link.adder) {
                join.next_try = now + RETRY_MS;
                let redemption = join.link.redeem(&self.key);
                let (workspace, key) = (join.link.workspace, join.link.key().id());
                asked.push((join.link.adder, key, Request::Device { workspace, key, redemption }));
            }
        }
        for (device, key, request) in asked {
            self.request(device, Sent::Device(key), &request);
        }
    }

    /// The other device said yes: what is left is to fetch the history.
    pub(super) fn on_device_added(&mut self, key: DeviceId, device: DeviceId) {
        let Some(join) = self.device_joins.iter_mut().find(|j| j.is_of(&key) && j.wants(&device)) else { return };
        join.added = true;
        let id = join.link.workspace;
        let name = join.link.workspace_name.clone();
        if self.await_history(&id, name).is_err() {
            return;
        }
        if !self.begin_look(&id, device) {
            self.sync_with(&id, device);
        }
    }

    pub(super) fn on_device_refused(&mut self, key: DeviceId, device: DeviceId, refusal: Refusal) {
        let found = self.device_joins.iter().position(|j| j.is_of(&key) && j.wants(&device) && !j.added);
        let Some(at) = found else { return };
        let id = self.device_joins[at].link.workspace;
        let words = match refusal {
            Refusal::Expired => "This link has expired. Make a new one.",
            Refusal::UsedUp => "This link was used, or is known no more. Make a new one.",
            Refusal::Forged => "This link does not belong to the device that it names.",
            Refusal::Revoked => "The device that made this link is not this person's any more.",
            Refusal::OtherDevice => "This device is another member's.",
            _ => "The other device could not answer; it is tried again.",
        };
        let (workspace, code, message) = (id.to_string(), refusal.code().to_owned(), words.to_owned());
        if !refusal.is_final() {
            return self.goes_on_waiting(id, &code, &message);
        }
        let join = self.device_joins.remove(at);
        self.waiting.remove(&id);
        self.forget_pending(join.link.to_text().to_string());
        self.tell(Event::JoinFailed { workspace, code, message });
        self.tell(Event::WorkspacesChanged {});
    }

    /// The log says that this device is one of the person's. True if that was waited for.
    pub(super) fn on_device_joined(&mut self, id: &WorkspaceId) -> bool {
        let (done, rest): (Vec<_>, Vec<_>) = self.device_joins.drain(..).partition(|j| j.link.workspace == *id);
        self.device_joins = rest;
        for join in &done {
            self.forget_pending(join.link.to_text().to_string());
            let addrs: Vec<Multiaddr> = join.link.addresses.iter().filter_map(|a| a.parse().ok()).collect();
            self.keep_relays(relays_in(&addrs));
            self.use_mailboxes(id, relays_in(&addrs));
        }
        !done.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_for_the_link_that_was_asked_with_among_several_of_one_device() {
        let adder = DeviceId([1; 32]);
        let pending = |secret: u8| PendingDevice {
            link: DeviceLink {
                workspace: WorkspaceId([2; 32]),
                person: adder,
                adder,
                expires: 0,
                secret: [secret; 32].into(),
                workspace_name: String::new(),
                person_name: String::new(),
                addresses: Vec::new(),
            },
            next_try: 0,
            added: false,
        };
        let all = [pending(3), pending(4)];
        for asked in &all {
            let key = asked.link.key().id();
            let meant: Vec<bool> = all.iter().map(|join| join.is_of(&key)).collect();
            assert_eq!(meant, all.iter().map(|join| join.link.secret == asked.link.secret).collect::<Vec<_>>());
        }
    }
}
