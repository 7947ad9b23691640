//! What a link promises, of whichever kind it is, before anything happens: an invitation, a device link, a recovery key.
//!
//! Deliberately absent: following one. Those are three verbs, because they ask for three different things.

use omniscope_protocol::device_link::{DEVICE_LINK_PREFIX, DeviceLink};
use omniscope_protocol::identity::{DeviceId, WorkspaceId, fingerprint};
use omniscope_protocol::judge::Role;
use omniscope_protocol::recovery::{RECOVERY_PREFIX, Recovery};
use serde_json::{Value, json};

use super::super::{Actor, unix_ms};
use crate::api::{ApiError, millis, rfc3339};

impl Actor {
    /// Opens the link in pasted text. All kinds give the same fields; what a kind does not have is null.
    pub(super) fn inspect(&self, text: &str) -> Result<Value, ApiError> {
        if text.contains(DEVICE_LINK_PREFIX) {
            let link = DeviceLink::parse(text).map_err(|e| ApiError::new(e.code(), e.to_string()))?;
            return Ok(self.inspect_device_link(&link));
        }
        if text.contains(RECOVERY_PREFIX) {
            let recovery = Recovery::parse(text).map_err(|e| ApiError::new("recovery_malformed", e.to_string()))?;
            return Ok(inspect_recovery(&recovery));
        }
        let mut answer = self.inspect_invitation(text)?;
        answer["kind"] = json!("invitation");
        Ok(answer)
    }

    fn inspect_device_link(&self, link: &DeviceLink) -> Value {
        let problem = if self.person_here(&link.workspace).is_some_and(|person| person != link.person) {
            json!({"code": "already_member", "message": "This device is a member of that workspace already."})
        } else if millis(link.expires) <= unix_ms() {
            json!({"code": "link_expired", "message": "This link has expired, by this computer's clock."})
        } else {
            Value::Null
        };
        json!({
            "kind": "device",
            "workspace": link.workspace.to_string(),
            "name": link.workspace_name,
            "role": null,
            "inviter": {"device": link.adder.to_string(), "name": link.person_name},
            "expires": rfc3339(millis(link.expires)),
            "uses": 1,
            "approve": null,
            "relays": link.addresses,
            "fingerprint": fingerprint(&link.adder),
            "problem": problem,
        })
    }

    /// Whose device this one is in a workspace, if it is a member of it.
    fn person_here(&self, id: &WorkspaceId) -> Option<DeviceId> {
        let replica = &self.rooms.get(id)?.space.replica;
        (replica.role(&self.me) > Role::None).then(|| replica.person_of(&self.me))
    }
}

fn inspect_recovery(recovery: &Recovery) -> Value {
    json!({
        "kind": "recovery",
        "workspace": recovery.workspace.to_string(),
        "name": recovery.workspace_name,
        "role": "owner",
        "inviter": null,
        "expires": null,
        "uses": null,
        "approve": null,
        "relays": recovery.addresses,
        "fingerprint": null,
        "problem": null,
    })
}
