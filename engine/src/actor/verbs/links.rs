//! What a link promises, of whichever kind it is, before anything happens: an invitation, a device link, a recovery key.
//!
//! Deliberately absent: following one. Those are three verbs, because they ask for three different things.

use omniscope_protocol::device_link::{DEVICE_LINK_PREFIX, DeviceLink};
use omniscope_protocol::identity::{DeviceId, WorkspaceId, fingerprint};
use omniscope_protocol::invitation::Link;
use omniscope_protocol::judge::Role;
use omniscope_protocol::recovery::{RECOVERY_PREFIX, Recovery};
use serde_json::Value;

use super::super::{Actor, unix_ms};
use crate::answers::{Inspected, Inviter, Reason, answer};
use crate::api::{ApiError, millis, rfc3339};
use crate::workspace::role_name;

impl Actor {
    /// Opens the link in pasted text. All kinds give the same fields; what a kind does not have is null.
    pub(super) fn inspect(&self, text: &str) -> Result<Value, ApiError> {
        answer(if text.contains(DEVICE_LINK_PREFIX) {
            self.inspect_device_link(DeviceLink::parse(text).map_err(|e| ApiError::new(e.code(), e.to_string()))?)
        } else if text.contains(RECOVERY_PREFIX) {
            inspect_recovery(Recovery::parse(text).map_err(|e| ApiError::new("recovery_malformed", e.to_string()))?)
        } else {
            self.inspect_invitation(Link::parse(text).map_err(|e| ApiError::new(e.code(), e.to_string()))?)
        })
    }

    fn inspect_invitation(&self, link: Link) -> Inspected {
        let expired = link.invite.expires.is_some_and(|at| millis(at) <= unix_ms());
        let problem = if expired {
            Some(expired_reason())
        } else if link.invite.bound_to.is_some_and(|device| device != self.me) {
            Some(Reason::new("link_other_device", "This link was made for another device."))
        } else {
            None
        };
        Inspected {
            kind: "invitation",
            workspace: link.workspace().to_string(),
            role: Some(role_name(link.invite.role)),
            inviter: Some(Inviter { device: link.op.author.to_string(), name: link.inviter_name }),
            expires: link.invite.expires.map(|at| rfc3339(millis(at))),
            uses: link.invite.max_uses,
            approve: Some(link.invite.approve),
            fingerprint: Some(fingerprint(&link.op.author)),
            name: link.workspace_name,
            relays: link.addresses,
            problem,
        }
    }

    fn inspect_device_link(&self, link: DeviceLink) -> Inspected {
        let problem = if self.person_here(&link.workspace).is_some_and(|person| person != link.person) {
            Some(Reason::new("already_member", "This device is a member of that workspace already."))
        } else if millis(link.expires) <= unix_ms() {
            Some(expired_reason())
        } else {
            None
        };
        Inspected {
            kind: "device",
            workspace: link.workspace.to_string(),
            role: None,
            inviter: Some(Inviter { device: link.adder.to_string(), name: link.person_name.clone() }),
            expires: Some(rfc3339(millis(link.expires))),
            uses: Some(1),
            approve: None,
            fingerprint: Some(fingerprint(&link.adder)),
            name: link.workspace_name.clone(),
            relays: link.addresses.clone(),
            problem,
        }
    }

    /// Whose device this one is in a workspace, if it is a member of it.
    fn person_here(&self, id: &WorkspaceId) -> Option<DeviceId> {
        let replica = &self.rooms.get(id)?.space.replica;
        (replica.role(&self.me) > Role::None).then(|| replica.person_of(&self.me))
    }
}

fn inspect_recovery(recovery: Recovery) -> Inspected {
    Inspected {
        kind: "recovery",
        workspace: recovery.workspace.to_string(),
        role: Some(role_name(Role::Owner)),
        inviter: None,
        expires: None,
        uses: None,
        approve: None,
        fingerprint: None,
        name: recovery.workspace_name.clone(),
        relays: recovery.addresses.clone(),
        problem: None,
    }
}

fn expired_reason() -> Reason {
    Reason::new("link_expired", "This link has expired, by this computer's clock.")
}
