//! Who asks to be let in by a link by request, and what the owner of this device says to it.
//!
//! Every owner's device that is asked keeps what it was asked, over restarts, for as long as the link is open and nobody
//! has let the device in; what one of them declines, another may still allow. Deliberately absent: the joining side
//! (`joins`).

use omniscope_protocol::identity::{DeviceId, OpId, WorkspaceId};
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::Body;
use omniscope_protocol::replica::AuthorError;
use omniscope_protocol::wire::{MAX_ASKED, Refusal};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Actor, store_error, unix_ms};
use crate::answers::{Approved, Declined, JoinRequest, JoinRequests, answer};
use crate::api::{ApiError, millis, rfc3339};
use crate::event::Event;
use crate::store::{Batch, Write};
use crate::workspace::role_name;

/// Requests that are kept at one time; of more, what was declined longest ago goes first, and then nobody is heard.
const MAX_REQUESTS: usize = 256;
/// Where they are kept.
const REQUESTS: &str = "join_requests";

/// A device that asked to be let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Asked {
    workspace: String,
    invite: String,
    device: String,
    /// As it calls itself; anybody may call themselves anything.
    name: Option<String>,
    /// When it was heard first, in Unix milliseconds.
    at: i64,
    declined: bool,
}

impl Actor {
    /// What was asked and still matters.
    fn asked(&self) -> Vec<Asked> {
        let text = self.store.setting(REQUESTS).ok().flatten();
        let mut all: Vec<Asked> = text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        all.retain(|asked| self.role_asked(asked).is_some());
        all
    }

    /// The role that a request is for, while its link is open and its device not let in yet.
    fn role_asked(&self, asked: &Asked) -> Option<Role> {
        let room = self.rooms.get(&WorkspaceId::parse_hex(&asked.workspace)?)?;
        let replica = &room.space.replica;
        let id = OpId::parse_hex(&asked.invite)?;
        let invite = replica.invites().get(&id)?;
        let state = replica.judge().invite_state(replica.judge().node(&id.0)?)?;
        let expired = invite.expires.is_some_and(|at| millis(at) <= unix_ms());
        let waits = replica.role(&DeviceId::parse_hex(&asked.device)?) == Role::None;
        (state.open() && !expired && waits).then_some(invite.role)
    }

    fn keep_asked(&self, all: &[Asked]) -> Result<(), ApiError> {
        let value = serde_json::to_vec(all).expect("strings and numbers are JSON");
        let write = Write::Setting { key: REQUESTS.into(), value: (!all.is_empty()).then_some(value) };
        self.store.commit_wait(Batch::one(write)).map(|_| ()).map_err(store_error)
    }

    /// Somebody with a link by request asks an owner's device. Kept before it is answered. A relay that passes it on knows no
    /// name: that is kept when the device asks by itself.
    pub(super) fn hear_request(
        &mut self,
        id: &WorkspaceId,
        invite: &OpId,
        device: &DeviceId,
        name: Option<&str>,
    ) -> Refusal {
        let (workspace, invite, device) = (id.to_string(), invite.to_string(), device.to_string());
        let name: Option<String> = name.map(|name| name.chars().filter(|c| !c.is_control()).collect());
        let name = name.filter(|name| !name.trim().is_empty());
        let asked = Asked { workspace, invite, device, name, at: unix_ms(), declined: false };
        let Some(role) = self.role_asked(&asked) else { return Refusal::Revoked };
        let mut all = self.asked();
        let asked = match note(&mut all, asked) {
            Ok(asked) => asked,
            Err(refusal) => return refusal,
        };
        if let Err(error) = self.keep_asked(&all) {
            tracing::error!(%error, "a request to be let in was not kept");
            return Refusal::Busy;
        }
        let Asked { workspace, device, name, .. } = asked;
        self.tell(Event::JoinRequested { workspace, device, name, role: role_name(role).to_owned() });
        Refusal::AwaitsApproval
    }

    /// Whether this device is an owner's and a link by request is open.
    pub(super) fn hears_requests(&self, id: &WorkspaceId) -> bool {
        let Some(room) = self.rooms.get(id) else { return false };
        let judge = room.space.replica.judge();
        let open = |invite: &OpId| judge.invite_state(judge.node(&invite.0)?).map(|state| state.open());
        let mut by_request = room.space.replica.invites().iter().filter(|(_, invite)| invite.approve);
        judge.live_cap(&self.me.0).is_some() && by_request.any(|(invite, _)| open(invite) == Some(true))
    }

    /// What was declined here, the latest first, for relays.
    pub(super) fn declined(&self, id: &WorkspaceId) -> Vec<(OpId, DeviceId)> {
        let workspace = id.to_string();
        let asked = self.asked();
        let declined = asked.iter().rev().filter(|a| a.declined && a.workspace == workspace);
        let named = declined.filter_map(|a| Some((OpId::parse_hex(&a.invite)?, DeviceId::parse_hex(&a.device)?)));
        named.take(MAX_ASKED).collect()
    }

    /// The verb: who waits for an owner.
    pub(super) fn list_requests(&mut self, id: &WorkspaceId) -> Result<Value, ApiError> {
        self.require(id, Role::Owner)?;
        let workspace = id.to_string();
        let all = self.asked();
        let waiting = all.iter().filter(|a| a.workspace == workspace && !a.declined);
        let row = |asked: &Asked| {
            let role = role_name(self.role_asked(asked)?);
            let Asked { invite, device, name, at, .. } = asked.clone();
            Some(JoinRequest { invite, device, name, role, at: rfc3339(at) })
        };
        answer(JoinRequests { requests: waiting.filter_map(row).collect() })
    }

    /// The one request of a device, by the beginning of its id, with the others.
    fn request_of(&mut self, id: &WorkspaceId, wanted: &str) -> Result<(usize, Vec<Asked>), ApiError> {
        self.require(id, Role::Owner)?;
        let workspace = id.to_string();
        let all = self.asked();
        let fits = |a: &Asked| a.workspace == workspace && !a.declined && a.device.starts_with(wanted);
        let mut found = (0..all.len()).filter(|at| wanted.len() >= 4 && fits(&all[*at]));
        // A device may have asked by several links; the first it used is as good as another.
        let first = found.next();
        if found.any(|other| first.is_some_and(|first| all[first].device != all[other].device)) {
            return Err(ApiError::new("ambiguous", format!("several devices that ask begin with {wanted:?}")));
        }
        let at = first.ok_or_else(|| {
            ApiError::new("no_such_request", format!("no device that begins with {wanted:?} asks to be let in here"))
        })?;
        Ok((at, all))
    }

    /// The verb: lets a device in that asked, with the role of its link. Whoever was removed comes back so, and only so:
    /// it is an owner's own doing.
    pub(super) fn approve_request(&mut self, id: &WorkspaceId, wanted: &str) -> Result<Value, ApiError> {
        let (at, all) = self.request_of(id, wanted)?;
        if self.room(id)?.is_closed() {
            return Err(ApiError::new(AuthorError::Closed.code(), AuthorError::Closed.to_string()));
        }
        let (Some(role), Some(device)) = (self.role_asked(&all[at]), DeviceId::parse_hex(&all[at].device)) else {
            return Err(ApiError::new("no_such_request", "this request is over"));
        };
        let cap = self.cap(id)?;
        self.flush(id, u64::MAX);
        self.say(id, Body::SetRole { subject: device, role, cap })?;
        self.keep_asked(&self.asked())?;
        answer(Approved { device: device.to_string(), role: role_name(role) })
    }

    /// The verb: has a device told that it is not let in. Other owners may still do so.
    pub(super) fn decline_request(&mut self, id: &WorkspaceId, wanted: &str) -> Result<Value, ApiError> {
        let (at, mut all) = self.request_of(id, wanted)?;
        let device = all[at].device.clone();
        for asked in all.iter_mut().filter(|a| a.device == device && a.workspace == id.to_string()) {
            asked.declined = true;
        }
        self.keep_asked(&all)?;
        self.tell_declined(id);
        answer(Declined { device })
    }
}

/// Notes a request among those that are kept, or its name if none was known: what the owner is to be told. An error is what
/// is answered when there is nothing to tell.
fn note(all: &mut Vec<Asked>, asked: Asked) -> Result<Asked, Refusal> {
    let same =
        |a: &&mut Asked| (&a.workspace, &a.device, &a.invite) == (&asked.workspace, &asked.device, &asked.invite);
    match all.iter_mut().find(same) {
        Some(known) if known.declined => Err(Refusal::Declined),
        Some(known) if known.name.is_some() || asked.name.is_none() => Err(Refusal::AwaitsApproval),
        Some(known) => {
            known.name = asked.name;
            Ok(known.clone())
        }
        None => {
            if all.len() >= MAX_REQUESTS {
                let oldest = all.iter().position(|a| a.declined).ok_or(Refusal::Busy)?;
                all.remove(oldest);
            }
            all.push(asked.clone());
            Ok(asked)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn asked(device: usize, name: Option<&str>) -> Asked {
        let (workspace, invite, name) = ("w".to_owned(), "i".to_owned(), name.map(str::to_owned));
        Asked { workspace, invite, device: device.to_string(), name, at: 0, declined: false }
    }

    #[test]
    fn who_was_passed_on_without_a_name_is_told_again_with_it_and_nobody_else_twice() {
        let mut all = Vec::new();
        assert_eq!(note(&mut all, asked(1, None)).unwrap().name, None);
        assert_eq!(note(&mut all, asked(1, None)), Err(Refusal::AwaitsApproval));
        assert_eq!(note(&mut all, asked(1, Some("Ben"))).unwrap(), asked(1, Some("Ben")));
        assert_eq!(note(&mut all, asked(1, Some("Eve"))), Err(Refusal::AwaitsApproval));
        assert_eq!(all, [asked(1, Some("Ben"))]);
        all[0].declined = true;
        assert_eq!(note(&mut all, asked(1, Some("Ben"))), Err(Refusal::Declined));
    }

    #[test]
    fn of_too_many_requests_the_one_declined_first_goes_and_then_nobody_is_heard() {
        let mut all: Vec<Asked> = (0..MAX_REQUESTS).map(|device| asked(device, Some("a"))).collect();
        assert_eq!(note(&mut all, asked(MAX_REQUESTS, None)), Err(Refusal::Busy));
        all[7].declined = true;
        assert!(note(&mut all, asked(MAX_REQUESTS, None)).is_ok());
        assert!(all.len() == MAX_REQUESTS && all.iter().all(|a| a.device != "7"));
    }
}
