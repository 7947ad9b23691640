//! Verbs about the people of a workspace: roles given, changed and taken, ownership handed over.
//!
//! Each is one signed op under the caller's own owner grant. What it cannot do is undone by nobody's server: a device
//! that was removed keeps what it had.

use omniscope_protocol::identity::{DeviceId, WorkspaceId};
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::Body;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Actor;
use crate::api::{ApiError, params};
use crate::workspace::role_name;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfMember {
    workspace: String,
    member: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetRole {
    workspace: String,
    member: String,
    role: String,
}

impl Actor {
    pub(super) fn call_member(&mut self, verb: &str, given: Value) -> Result<Value, ApiError> {
        match verb {
            "role" => {
                let SetRole { workspace, member, role } = params(given)?;
                let id = self.find(&workspace)?;
                let role = match role.as_str() {
                    "viewer" => Role::Viewer,
                    "editor" => Role::Editor,
                    "owner" => Role::Owner,
                    other => {
                        let message = format!("expected the role viewer, editor or owner, found {other:?}");
                        return Err(ApiError::params(message));
                    }
                };
                let member = self.member(&id, &member)?;
                self.set_role(&id, member, role)
            }
            "remove" => {
                let OfMember { workspace, member } = params(given)?;
                let id = self.find(&workspace)?;
                let member = self.member(&id, &member)?;
                if member == self.person(&id)? {
                    return Err(ApiError::new("not_oneself", "to go yourself, leave the workspace"));
                }
                self.set_role(&id, member, Role::None)
            }
            "transfer" => {
                let OfMember { workspace, member } = params(given)?;
                let id = self.find(&workspace)?;
                let member = self.member(&id, &member)?;
                if member == self.person(&id)? {
                    return Err(ApiError::new("not_oneself", "name somebody else to hand the workspace over to"));
                }
                let me = self.first_device(&id)?;
                self.set_role(&id, member, Role::Owner)?;
                self.set_role(&id, me, Role::Editor)?;
                Ok(json!({"member": member.to_string(), "role": "owner", "you": "editor"}))
            }
            _ => Err(ApiError::new("unknown_method", format!("there is no verb member.{verb}"))),
        }
    }

    /// Whose device this one is.
    fn person(&mut self, id: &WorkspaceId) -> Result<DeviceId, ApiError> {
        let me = self.me;
        Ok(self.room(id)?.space.replica.person_of(&me))
    }

    /// This device, if it is its person's first: no other lowers its own person (Rule R19).
    fn first_device(&mut self, id: &WorkspaceId) -> Result<DeviceId, ApiError> {
        let me = self.me;
        if self.person(id)? == me {
            return Ok(me);
        }
        Err(ApiError::new("first_device_only", "only your first device in this workspace can give up your role"))
    }

    /// A member by device id, unique id prefix or unique name.
    fn member(&mut self, id: &WorkspaceId, wanted: &str) -> Result<DeviceId, ApiError> {
        let space = &self.room(id)?.space;
        let all = space.persons();
        let named: Vec<DeviceId> = all.iter().copied().filter(|d| space.person(d).0 == wanted).collect();
        let prefixed = |d: &DeviceId| wanted.len() >= 4 && d.to_string().starts_with(wanted);
        let prefixed: Vec<DeviceId> = all.into_iter().filter(prefixed).collect();
        match (named.as_slice(), prefixed.as_slice()) {
            ([one], _) | ([], [one]) => Ok(*one),
            ([], []) => {
                Err(ApiError::new("no_such_member", format!("there is no member {wanted:?} in this workspace")))
            }
            _ => Err(ApiError::new("ambiguous", format!("several members are called {wanted:?}; use the device id"))),
        }
    }

    fn set_role(&mut self, id: &WorkspaceId, subject: DeviceId, role: Role) -> Result<Value, ApiError> {
        self.require(id, Role::Owner)?;
        let me = self.person(id)?;
        if role < Role::Owner && subject == me {
            self.first_device(id)?;
        }
        let owners = self.room(id)?.space.replica.judge().owners();
        let place = |device: &DeviceId| owners.iter().position(|o| *o == device.0);
        if role < Role::Owner && subject == me && owners.len() < 2 {
            return Err(ApiError::new("last_owner", "you are the last owner: make somebody else an owner first"));
        }
        // Rule R4: ownership is taken only from a cap that is senior to it. An op that breaks it would count for nothing.
        if role < Role::Owner && place(&subject) < place(&me) && place(&subject).is_some() {
            let message =
                "this member's ownership is senior to yours: only a senior owner, or they themselves, can end it";
            return Err(ApiError::new("senior_owner", message));
        }
        let cap = self.cap(id)?;
        self.flush(id, u64::MAX);
        self.say(id, Body::SetRole { subject, role, cap })?;
        let revoked = self.revoke_seen(id, &subject, role)?;
        Ok(json!({"member": subject.to_string(), "role": role_name(role), "revoked": revoked}))
    }

    /// Ends the links by which somebody, under another key, could take back what has just been taken: open ones that it
    /// is known to have seen and that give more than it has now.
    fn revoke_seen(&mut self, id: &WorkspaceId, member: &DeviceId, role: Role) -> Result<usize, ApiError> {
        let seen = self.room(id)?.space.replica.links_seen_by(member, role);
        for invite in &seen {
            let cap = self.cap(id)?;
            self.say(id, Body::RevokeInvite { invite: *invite, cap })?;
        }
        Ok(seen.len())
    }
}
