//! Verbs about invitations: made, listed, looked into, ended. Joining by one is in `joins`.

use omniscope_protocol::identity::{DeviceId, DeviceKey, OpId, WorkspaceId};
use omniscope_protocol::invitation::Link;
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::{Body, Invite, Op};
use omniscope_protocol::replica::AuthorError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::{Actor, random, unix_ms};
use super::OfWorkspace;
use crate::answers::{self, Invites, MadeLink, answer};
use crate::api::{ApiError, millis, params, rfc3339, seconds};
use crate::workspace::role_name;

/// Longest life of a link: a hundred years.
const MAX_EXPIRY_SECONDS: u64 = 100 * 365 * 86_400;
/// What a link is good for where nothing else is asked.
const DEFAULT_EXPIRY: &str = "7d";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateInvite {
    workspace: String,
    #[serde(default = "viewer")]
    role: String,
    uses: Option<u32>,
    #[serde(default)]
    unlimited: bool,
    expires: Option<String>,
    #[serde(default)]
    relay: Vec<String>,
    #[serde(rename = "for")]
    bound_to: Option<String>,
    #[serde(default)]
    attester: Option<Attester>,
    /// Nobody comes in by the link itself: its holder asks, and an owner says yes or no.
    #[serde(default)]
    approve: bool,
}

/// Who lets in those who hold a link, and counts them.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Attester {
    /// This device, while it is there.
    Me,
    /// The workspace's relay, also while no member is there.
    Relay,
}

fn viewer() -> String {
    "viewer".to_owned()
}

impl Actor {
    pub(super) fn call_invite(&mut self, verb: &str, given: Value) -> Result<Value, ApiError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct OfInvite {
            workspace: String,
            invite: String,
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct OfDevice {
            workspace: String,
            device: String,
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct OfLink {
            link: String,
        }
        match verb {
            "create" => self.create_invite(params(given)?),
            "list" => {
                let OfWorkspace { workspace, .. } = params(given)?;
                let id = self.find(&workspace)?;
                self.list_invites(&id)
            }
            "inspect" => {
                let OfLink { link } = params(given)?;
                self.inspect(&link)
            }
            "revoke" => {
                let OfInvite { workspace, invite } = params(given)?;
                let id = self.find(&workspace)?;
                self.require(&id, Role::Owner)?;
                let cap = self.cap(&id)?;
                let known = self.room(&id)?.space.replica.invites();
                let mut found = known.keys().filter(|i| invite.len() >= 4 && i.to_string().starts_with(&invite));
                let (Some(invite), None) = (found.next().copied(), found.next()) else {
                    return Err(ApiError::new("no_such_invite", "there is no such invitation in this workspace"));
                };
                self.say(&id, Body::RevokeInvite { invite, cap })?;
                Ok(json!({"revoked": invite.to_string()}))
            }
            "requests" => {
                let OfWorkspace { workspace, .. } = params(given)?;
                let id = self.find(&workspace)?;
                self.list_requests(&id)
            }
            "approve" | "decline" => {
                let OfDevice { workspace, device } = params(given)?;
                let id = self.find(&workspace)?;
                if verb == "approve" { self.approve_request(&id, &device) } else { self.decline_request(&id, &device) }
            }
            _ => Err(ApiError::new("unknown_method", format!("there is no verb invite.{verb}"))),
        }
    }

    pub(in super::super) fn cap(&mut self, id: &WorkspaceId) -> Result<OpId, ApiError> {
        let me = self.me;
        let judge = self.room(id)?.space.replica.judge();
        let cap = judge.live_cap(&me.0).map(|n| OpId(*judge.id(n)));
        cap.ok_or_else(|| ApiError::new("not_allowed", "this needs the role owner"))
    }

    fn create_invite(&mut self, asked: CreateInvite) -> Result<Value, ApiError> {
        let id = self.find(&asked.workspace)?;
        self.require(&id, Role::Owner)?;
        if self.room(&id)?.is_closed() {
            return Err(ApiError::new(AuthorError::Closed.code(), AuthorError::Closed.to_string()));
        }
        let role = match asked.role.as_str() {
            "viewer" => Role::Viewer,
            "editor" => Role::Editor,
            other => return Err(ApiError::params(format!("expected the role viewer or editor, found {other:?}"))),
        };
        let bound_to = match asked.bound_to.as_deref().map(DeviceId::parse_hex) {
            Some(None) => return Err(ApiError::params("expected a device id of 64 hex digits")),
            Some(device) => device,
            None => None,
        };
        let span = seconds(asked.expires.as_deref().unwrap_or(DEFAULT_EXPIRY))?;
        let expires = ((unix_ms() / 1000).max(0) as u64).saturating_add(span.min(MAX_EXPIRY_SECONDS));
        if asked.uses == Some(0) {
            return Err(ApiError::params("expected at least one use; unlimited links are asked for as such"));
        }
        if asked.approve && (asked.uses.is_some() || asked.unlimited || asked.attester == Some(Attester::Relay)) {
            return Err(ApiError::params(
                "by a link with approval an owner lets in each by hand; uses are not counted",
            ));
        }
        let max_uses = if asked.unlimited || asked.approve { None } else { Some(asked.uses.unwrap_or(1)) };
        let by_relay = asked.attester == Some(Attester::Relay);
        if by_relay && max_uses.is_none() {
            return Err(ApiError::params("an unlimited link names no attester; give it a number of uses"));
        }
        let relay = if by_relay { Some(self.attesting_relay(&id)?) } else { None };
        let relay_device = relay.as_ref().and_then(crate::net::device_at);
        let secret: [u8; 32] = random()?;
        let invite = Invite {
            role,
            cap: self.cap(&id)?,
            max_uses,
            attester: max_uses.map(|_| relay_device.unwrap_or(self.me)),
            expires: Some(expires),
            key: DeviceKey::from_seed(&secret).id(),
            bound_to,
            approve: asked.approve,
        };
        self.flush(&id, u64::MAX);
        // Before the link, so that whoever comes in by it has the checkpoint's past before it is a member.
        self.tend_checkpoint(&id);
        let op_id = self.say(&id, Body::Invite(invite))?;
        if let Some(device) = relay_device {
            self.deposit_key(id, op_id, device)?;
        }
        let attested = relay.map(|relay| super::super::places::circuit_through(&relay, &self.me).to_string());
        let mut addresses = self.addresses(&asked.relay)?;
        addresses.retain(|addr| Some(addr) != attested.as_ref());
        addresses.splice(0..0, attested);
        addresses.truncate(omniscope_protocol::invitation::MAX_LINK_ADDRESSES);
        let link = self.link_to(&id, op_id, secret, addresses)?;
        answer(MadeLink {
            link: link.to_text().to_string(),
            invite: op_id.to_string(),
            role: role_name(role),
            expires: rfc3339(millis(expires)),
            approve: asked.approve,
        })
    }

    /// The link of an invitation that this device just made.
    fn link_to(
        &mut self,
        id: &WorkspaceId,
        invite: OpId,
        secret: [u8; 32],
        addresses: Vec<String>,
    ) -> Result<Link, ApiError> {
        let name = self.room(id)?.space.title().0;
        let bytes = self.rooms[id].space.op_bytes(&self.store, &[invite]).pop();
        let op = bytes.and_then(|bytes| Op::decode_trusted(&bytes).ok());
        let link = op.and_then(|op| Link::new(op, &self.key, secret, &name, &self.profile.0, addresses));
        link.ok_or_else(|| ApiError::new("log_damaged", "the invitation cannot be read back"))
    }

    /// Where this device can be found: what is asked for, circuits, then its own addresses.
    pub(in super::super) fn addresses(&self, relays: &[String]) -> Result<Vec<String>, ApiError> {
        let mut addresses = Vec::new();
        for relay in relays {
            let relay = relay.parse().map_err(|e| ApiError::params(format!("expected a multiaddr: {e}")))?;
            addresses.push(super::super::places::circuit_through(&relay, &self.me).to_string());
        }
        let configured = self.relays().map(|r| super::super::places::circuit_through(r, &self.me).to_string());
        addresses.extend(configured);
        addresses.extend(self.listening.iter().map(ToString::to_string));
        let mut seen = std::collections::BTreeSet::new();
        addresses.retain(|a| seen.insert(a.clone()));
        addresses.truncate(omniscope_protocol::invitation::MAX_LINK_ADDRESSES);
        Ok(addresses)
    }

    fn list_invites(&mut self, id: &WorkspaceId) -> Result<Value, ApiError> {
        let now = unix_ms();
        let replica = &self.room(id)?.space.replica;
        let judge = replica.judge();
        let invite = |(op, invite): (&OpId, &Invite)| {
            let state = judge.node(&op.0).and_then(|n| judge.invite_state(n));
            let expired = invite.expires.is_some_and(|at| millis(at) <= now);
            let word = match &state {
                Some(s) if s.revoked || !s.valid || !s.issuer_alive => "revoked",
                Some(s) if !s.open() => "used_up",
                Some(_) if expired => "expired",
                _ => "open",
            };
            answers::Invite {
                invite: op.to_string(),
                role: role_name(invite.role),
                uses: invite.max_uses,
                used: state.map_or(0, |s| s.used),
                expires: invite.expires.map(|at| rfc3339(millis(at))),
                state: word,
                approve: invite.approve,
            }
        };
        answer(Invites { invites: replica.invites().iter().map(invite).collect() })
    }
}
