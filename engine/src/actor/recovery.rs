//! Coming back as an owner by a recovery key, when the owners' devices are gone.
//!
//! The ops that make this device an owner are shown to every member or mailbox that is met, until one of them serves
//! this device. What was sealed to the key is opened with it, and sealed to this device from then on.
//! Deliberately absent: keeping the text. It lies with the user; an attempt ends with the process, and may be repeated.

use std::collections::BTreeMap;
use std::sync::Arc;

use libp2p::Multiaddr;
use omniscope_protocol::identity::{DeviceId, DeviceKey, WorkspaceId};
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::{Body, Op};
use omniscope_protocol::recovery::{KEY_COLOR, Recovery};
use omniscope_protocol::replica::{LocalSession, Saying};
use omniscope_protocol::wire::Request;
use serde::Deserialize;
use serde_json::Value;

use super::network::Sent;
use super::ways::relays_in;
use super::{Actor, now_ms, random};
use crate::answers::{Joining, RecoveryKey, answer};
use crate::api::{ApiError, params};
use crate::net::NetCommand;
use crate::workspace::role_name;

/// Recoveries under way at one time.
const MAX_RECOVERIES: usize = 16;
/// One device is shown the same again only after this long.
const AGAIN_AFTER_MS: u64 = 2000;

/// What is shown, and to whom it was when.
pub(super) struct Recovering {
    ops: [Op; 2],
    shown: BTreeMap<DeviceId, u64>,
    /// When everybody is asked again.
    due: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfWorkspace {
    workspace: String,
    #[serde(default)]
    relay: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Use {
    recovery: String,
    #[serde(default, rename = "wait_ms")]
    _wait_ms: Option<u64>,
}

impl Actor {
    pub(super) fn call_recovery(&mut self, verb: &str, given: Value) -> Result<Value, ApiError> {
        match verb {
            "create" => {
                let OfWorkspace { workspace, relay } = params(given)?;
                let id = self.find(&workspace)?;
                self.create_recovery(&id, &relay)
            }
            "use" => {
                let Use { recovery, .. } = params(given)?;
                let recovery =
                    Recovery::parse(&recovery).map_err(|e| ApiError::new("recovery_malformed", e.to_string()))?;
                self.recover(recovery)
            }
            _ => Err(ApiError::new("unknown_method", format!("there is no verb recovery.{verb}"))),
        }
    }

    fn create_recovery(&mut self, id: &WorkspaceId, relays: &[String]) -> Result<Value, ApiError> {
        self.require(id, Role::Owner)?;
        let secret: [u8; 32] = random()?;
        let key = DeviceKey::from_seed(&secret).id();
        let mut relays = relays.to_vec();
        relays.extend(self.mailboxes_of(id).map(ToString::to_string));
        let addresses = self.addresses(&relays)?;
        let cap = self.cap(id)?;
        self.flush(id, u64::MAX);
        let grant = self.say(id, Body::SetRole { subject: key, role: Role::Owner, cap })?;
        let name = self.room(id)?.space.title().0;
        let recovery = Recovery::new(*id, &name, grant, secret, addresses);
        if let Err(error) = self.introduce(id, &recovery.key()) {
            tracing::warn!(%error, "the recovery key could not say what it is");
        }
        answer(RecoveryKey { recovery: recovery.to_text().to_string(), device: key.to_string() })
    }

    /// The key says what it is, so that all members see it in their lists as what it is.
    fn introduce(&mut self, id: &WorkspaceId, key: &DeviceKey) -> Result<(), ApiError> {
        let (me, seed) = (self.me, random()?);
        self.with(id, |space, store, _, effects| {
            let whose = space.person(&space.replica.person_of(&me)).0;
            let name = format!("Recovery key of {whose}").chars().take(80).collect();
            let mut session = LocalSession::new(&space.id(), key, seed);
            let (saying, mut out) = (Saying::Profile { name, color: KEY_COLOR.to_owned() }, Vec::new());
            let said = space.replica.author(key, &mut session, saying, now_ms(), &mut out);
            space.carry_out(&out, Some(0), store, effects);
            said.map(|_| ()).map_err(|e| ApiError::new(e.code(), e.to_string()))
        })
    }

    fn recover(&mut self, recovery: Recovery) -> Result<Value, ApiError> {
        let id = recovery.workspace;
        let role = self.rooms.get(&id).map_or(Role::None, |room| room.space.replica.role(&self.me));
        if role == Role::Owner {
            return answer(Joining::done(&id, role_name(role), false));
        }
        if self.recoveries.len() >= MAX_RECOVERIES {
            return Err(ApiError::new("too_many_joins", format!("at most {MAX_RECOVERIES} can be under way")));
        }
        let ops = recovery.ops(self.me, &random()?, now_ms());
        self.recoveries.insert(id, Recovering { ops, shown: BTreeMap::new(), due: 0 });
        self.await_history(&id, recovery.workspace_name.clone())?;
        self.room(&id)?.space.replica.open_also_for(&recovery.key());
        let addrs: Vec<Multiaddr> = recovery.addresses.iter().filter_map(|a| a.parse().ok()).collect();
        self.keep_relays(relays_in(&addrs));
        self.use_mailboxes(&id, relays_in(&addrs));
        for addr in addrs {
            if let Some(device) = crate::net::device_at(&addr) {
                self.command(NetCommand::Know { device, addrs: vec![addr] });
            }
        }
        answer(Joining::waits(&id, Some("owner"), None))
    }

    /// What makes this device an owner, while that is under way.
    pub(super) fn recovery_ops(&self, id: &WorkspaceId) -> Option<Vec<Arc<[u8]>>> {
        self.recoveries.get(id).map(|r| r.ops.iter().map(|op| Arc::clone(&op.bytes)).collect())
    }

    /// Shows a device that does not serve this one what makes it an owner. False if there is nothing to show.
    pub(super) fn show_recovery(&mut self, id: &WorkspaceId, device: DeviceId) -> bool {
        let now = self.now();
        let Some(ops) = self.recovery_ops(id) else { return false };
        let Some(recovering) = self.recoveries.get_mut(id) else { return false };
        if recovering.shown.get(&device).is_none_or(|at| at + AGAIN_AFTER_MS <= now) {
            recovering.shown.insert(device, now);
            self.request(device, Sent::Push(*id, false), &Request::Push { workspace: *id, ops });
        }
        true
    }

    pub(super) fn tick_recoveries(&mut self, now: u64) {
        let due = self.recoveries.iter_mut().filter(|(_, r)| r.due <= now);
        let due: Vec<WorkspaceId> = due
            .map(|(id, recovering)| {
                recovering.due = now + AGAIN_AFTER_MS;
                *id
            })
            .collect();
        for id in due {
            for device in self.peers.keys().copied().collect::<Vec<_>>() {
                self.sync_with(&id, device);
            }
        }
    }

    /// The log says that this device is a member; true if a recovery was under way.
    pub(super) fn end_recovery(&mut self, id: &WorkspaceId) -> bool {
        self.recoveries.remove(id).is_some()
    }
}
