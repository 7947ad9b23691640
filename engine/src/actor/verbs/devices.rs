//! Verbs about the devices of one person in a workspace, and the one that closes a workspace.
//!
//! A device is one of the person's for everybody once the op that adds it is known. Deliberately absent: asking and
//! answering over the network (`super::super::devices`).

use omniscope_protocol::device_link::DeviceLink;
use omniscope_protocol::identity::{DeviceId, DeviceKey, WorkspaceId};
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::Body;
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::super::devices::Offer;
use super::super::{Actor, random, unix_ms};
use super::OfWorkspace;
use crate::answers::{Device, DeviceOffer, Devices, answer};
use crate::api::{ApiError, millis, params, rfc3339};

/// How long a device link is good for.
const LINK_SECONDS: u64 = 3600;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    workspace: String,
    #[serde(default)]
    relay: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Remove {
    workspace: String,
    device: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Accept {
    link: String,
    #[serde(default, rename = "wait_ms")]
    _wait_ms: Option<u64>,
}

impl Actor {
    pub(super) fn call_device(&mut self, verb: &str, given: Value) -> Result<Value, ApiError> {
        match verb {
            "add" => {
                let Add { workspace, relay } = params(given)?;
                let id = self.find(&workspace)?;
                self.offer_device(&id, &relay)
            }
            "accept" => {
                let Accept { link, .. } = params(given)?;
                self.accept_device(&link)
            }
            "list" => {
                let OfWorkspace { workspace, .. } = params(given)?;
                let id = self.find(&workspace)?;
                self.list_devices(&id)
            }
            "remove" => {
                let Remove { workspace, device } = params(given)?;
                let id = self.find(&workspace)?;
                self.remove_device(&id, &device)
            }
            _ => Err(ApiError::new("unknown_method", format!("there is no verb device.{verb}"))),
        }
    }

    fn offer_device(&mut self, id: &WorkspaceId, relays: &[String]) -> Result<Value, ApiError> {
        self.require(id, Role::Viewer)?;
        self.tend_checkpoint(id);
        let (me, secret) = (self.me, Zeroizing::new(random()?));
        let expires = (unix_ms() / 1000).max(0) as u64 + LINK_SECONDS;
        let addresses = self.addresses(relays)?;
        let space = &mut self.room(id)?.space;
        let person = space.replica.person_of(&me);
        let (workspace_name, person_name) = (space.title().0, space.person(&person).0);
        let key = DeviceKey::from_seed(&secret).id();
        let link =
            DeviceLink { workspace: *id, person, adder: me, expires, workspace_name, person_name, addresses, secret };
        self.open_offer(Offer { workspace: id.to_string(), key: key.to_string(), expires })?;
        answer(DeviceOffer { link: link.to_text().to_string(), expires: rfc3339(millis(expires)) })
    }

    fn list_devices(&mut self, id: &WorkspaceId) -> Result<Value, ApiError> {
        self.require(id, Role::Viewer)?;
        let me = self.me;
        let space = &self.room(id)?.space;
        let person = space.replica.person_of(&me);
        let device = |author: &[u8; 32]| {
            let device = DeviceId(*author);
            Device { person: space.shown_person(&device), first: device == person, you: device == me }
        };
        let devices = space.replica.judge().devices(&person.0).iter().map(device).collect();
        answer(Devices { person: person.to_string(), devices })
    }

    fn remove_device(&mut self, id: &WorkspaceId, wanted: &str) -> Result<Value, ApiError> {
        let me = self.me;
        let replica = &self.room(id)?.space.replica;
        let person = replica.person_of(&me);
        let Some(under) = replica.standing_add(&person, &me) else {
            return Err(ApiError::new("not_member", "you are no member of this workspace"));
        };
        let mut devices = replica.judge().devices(&person.0);
        devices.retain(|d| wanted.len() >= 4 && DeviceId(*d).to_string().starts_with(wanted));
        let [device] = devices[..] else {
            let message = format!("expected the id, or the beginning of it, of one of your devices; found {wanted:?}");
            return Err(ApiError::new("no_such_device", message));
        };
        let device = DeviceId(device);
        if replica.judge().devices(&person.0).len() < 2 {
            let message = "this is your only device here; to go yourself, leave the workspace";
            return Err(ApiError::new("last_device", message));
        }
        self.flush(id, u64::MAX);
        self.say(id, Body::RemoveDevice { device, under })?;
        Ok(json!({"removed": device.to_string()}))
    }

    /// Closes a workspace for everybody: it can be read, and nothing is written or joined any more (Rule R36).
    pub(super) fn close_workspace(&mut self, given: Value) -> Result<Value, ApiError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Close {
            workspace: String,
            confirm: String,
        }
        let Close { workspace, confirm } = params(given)?;
        let id = self.find(&workspace)?;
        self.require(&id, Role::Owner)?;
        let name = self.room(&id)?.row.name.clone();
        if confirm != name {
            let message = format!("to close this workspace for everybody, repeat its name: {name}");
            return Err(ApiError::new("not_confirmed", message));
        }
        if !self.room(&id)?.space.replica.judge().closed() {
            let cap = self.cap(&id)?;
            self.flush(&id, u64::MAX);
            self.say(&id, Body::Close { cap })?;
        }
        Ok(json!({"closed": id.to_string()}))
    }
}
