//! The verbs: one table for the command line, JSON-RPC, HTTP and the window.
//!
//! Each takes a JSON object and gives one; unknown fields are refused, so that a typing error is no silent default.

use std::collections::BTreeMap;

use omniscope_protocol::identity::{DeviceId, DeviceKey, OpId, WorkspaceId};
use omniscope_protocol::invitation::Link;
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::{Body, Invite, MAX_NAME_BYTES};
use omniscope_protocol::replica::Replica;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Actor, random, store_error, unix_ms};
use crate::api::{ApiError, params, rfc3339, seconds};
use crate::doc::diff::Diff;
use crate::doc::edit::{EditError, NewNode, NodeChange};
use crate::event::Event;
use crate::net::{NetCommand, Topic};
use crate::pipeline::{self, fresh_id};
use crate::store::{Batch, WorkspaceRow, WorkspaceState, Write};
use crate::workspace::{Workspace, role_name};

/// What a link is good for where nothing else is asked.
const DEFAULT_EXPIRY: &str = "7d";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfWorkspace {
    workspace: String,
    #[serde(default, rename = "wait_ms")]
    _wait_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    workspace: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfNode {
    workspace: String,
    node: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddNode {
    workspace: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    x: f64,
    #[serde(default)]
    y: f64,
    label: Option<String>,
    #[serde(default)]
    params: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetNode {
    workspace: String,
    node: String,
    label: Option<String>,
    x: Option<f64>,
    y: Option<f64>,
    disabled: Option<bool>,
    #[serde(default)]
    params: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddEdge {
    workspace: String,
    source: String,
    source_port: Option<String>,
    target: String,
    target_port: Option<String>,
}

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
}

fn viewer() -> String {
    "viewer".to_owned()
}

impl Actor {
    pub(super) fn call(&mut self, method: &str, given: Value) -> Result<Value, ApiError> {
        match method.split_once('.').map_or((method, ""), |(topic, verb)| (topic, verb)) {
            ("profile", "show") => Ok(self.profile_json()),
            ("profile", "set") => {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Profile {
                    name: Option<String>,
                    color: Option<String>,
                }
                let Profile { name, color } = params(given)?;
                self.set_profile(name, color)
            }
            ("workspace", verb) => self.call_workspace(verb, given),
            ("version", verb) => self.call_version(verb, given),
            ("invite", verb) => self.call_invite(verb, given),
            ("join", "") => {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Join {
                    link: String,
                    #[serde(default, rename = "wait_ms")]
                    _wait_ms: Option<u64>,
                }
                let Join { link, .. } = params(given)?;
                self.join(&link)
            }
            ("pipeline", verb) => self.call_pipeline(verb, given),
            ("node", verb) => self.call_node(verb, given),
            ("edge", verb) => self.call_edge(verb, given),
            ("cursor" | "selection" | "presence", _) => self.call_presence(method, given),
            ("sync", "request") => {
                let OfWorkspace { workspace, .. } = params(given)?;
                let id = self.find(&workspace)?;
                for device in self.peers.keys().copied().collect::<Vec<_>>() {
                    self.sync_with(&id, device);
                }
                Ok(json!({"asked": self.peers.len()}))
            }
            ("network", verb) => self.call_network(verb, given),
            ("catalogue", "") => Ok(pipeline::catalogue::as_json()),
            ("doctor", "") => Ok(self.doctor()),
            _ => Err(ApiError::new("unknown_method", format!("there is no verb {method}"))),
        }
    }

    /// A workspace by id, unique id prefix or unique name.
    pub(super) fn find(&self, wanted: &str) -> Result<WorkspaceId, ApiError> {
        if let Some(id) = WorkspaceId::parse_hex(wanted).filter(|id| self.rooms.contains_key(id)) {
            return Ok(id);
        }
        let named: Vec<_> = self.rooms.iter().filter(|(_, r)| r.row.name == wanted).map(|(id, _)| *id).collect();
        let prefixed: Vec<_> =
            self.rooms.keys().filter(|id| wanted.len() >= 4 && id.to_string().starts_with(wanted)).copied().collect();
        match (named.as_slice(), prefixed.as_slice()) {
            ([one], _) | ([], [one]) => Ok(*one),
            ([], []) => Err(ApiError::new("no_such_workspace", format!("there is no workspace {wanted:?} here"))),
            _ => Err(ApiError::new("ambiguous", format!("several workspaces are called {wanted:?}; use the id"))),
        }
    }

    fn call_workspace(&mut self, verb: &str, given: Value) -> Result<Value, ApiError> {
        match verb {
            "create" => return self.create_workspace(given),
            "list" => {
                let all: Vec<WorkspaceId> = self.rooms.keys().copied().collect();
                let list: Vec<Value> = all.iter().map(|id| self.summary(id)).collect::<Result<_, _>>()?;
                return Ok(json!({"workspaces": list}));
            }
            "update" | "rename" => return self.update_workspace(given),
            "delete" => return self.delete_workspace(given),
            _ => {}
        }
        let OfWorkspace { workspace, .. } = params(given)?;
        let id = self.find(&workspace)?;
        self.flush(&id, u64::MAX);
        match verb {
            "show" => self.show(&id),
            "leave" => self.leave(&id),
            "members" => self.members(&id),
            "state" => Ok(self.room(&id)?.space.document.to_json()),
            "persist" => {
                self.store.flush().map_err(store_error)?;
                Ok(json!({"saved": true, "ops": self.room(&id)?.space.replica.len()}))
            }
            "sync" => self.sync_report(&id),
            "presence" => Ok(json!({"presence": self.presence_json(&id)})),
            "online" => Ok(self.online_json(&id)),
            _ => Err(ApiError::new("unknown_method", format!("there is no verb workspace.{verb}"))),
        }
    }

    fn create_workspace(&mut self, given: Value) -> Result<Value, ApiError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Create {
            name: String,
            #[serde(default)]
            description: String,
        }
        let Create { name, description } = params(given)?;
        let name = check_name(&name)?;
        let mut out = Vec::new();
        let replica = Replica::found(&self.key, random()?, &mut out);
        let space = Workspace::new(replica, &self.key, random()?);
        let id = space.id();
        let now = unix_ms();
        let row = WorkspaceRow {
            id: id.0,
            name: name.clone(),
            description: description.clone(),
            created_ms: now,
            updated_ms: now,
            state: WorkspaceState::Member,
            summary: Vec::new(),
        };
        self.add_room(space, row.clone());
        self.commit(&id, vec![Write::Workspace(row)]);
        self.with(&id, |space, store, _, effects| {
            space.carry_out(&out, Some(0), store, effects);
            Ok(())
        })?;
        let fields = meta([("schemaVersion", json!(1)), ("name", json!(name)), ("description", json!(description))]);
        self.edit(&id, |space, _| Ok((vec![space.document.set_meta(&fields)], ())))?;
        self.say_profile(&id);
        self.flush(&id, u64::MAX);
        self.tell(Event::WorkspacesChanged {});
        Ok(json!({"workspace": id.to_string(), "name": name}))
    }

    fn update_workspace(&mut self, given: Value) -> Result<Value, ApiError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Update {
            workspace: String,
            name: Option<String>,
            description: Option<String>,
        }
        let Update { workspace, name, description } = params(given)?;
        let id = self.find(&workspace)?;
        self.require(&id, Role::Editor)?;
        let mut fields = Map::new();
        if let Some(name) = name {
            fields.insert("name".into(), json!(check_name(&name)?));
        }
        if let Some(description) = description {
            fields.insert("description".into(), json!(description));
        }
        self.edit(&id, |space, _| Ok((vec![space.document.set_meta(&fields)], ())))?;
        self.flush(&id, u64::MAX);
        self.keep_row(&id);
        self.summary(&id)
    }

    /// Removes the local copy; asked twice: the name has to be repeated.
    fn delete_workspace(&mut self, given: Value) -> Result<Value, ApiError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Delete {
            workspace: String,
            confirm: String,
        }
        let Delete { workspace, confirm } = params(given)?;
        let id = self.find(&workspace)?;
        let name = self.room(&id)?.row.name.clone();
        if confirm != name {
            let message = format!("to remove this workspace from this computer, repeat its name: {name}");
            return Err(ApiError::new("not_confirmed", message));
        }
        self.leave_presence(&id);
        self.command(NetCommand::Unsubscribe(Topic(omniscope_protocol::wire::topic(&id))));
        self.rooms.remove(&id);
        self.documents.retain(|_, w| *w != id);
        self.store.commit_wait(Batch::one(Write::DeleteWorkspace(id.0))).map_err(store_error)?;
        self.tell(Event::WorkspacesChanged {});
        Ok(json!({"removed": id.to_string()}))
    }

    fn leave(&mut self, id: &WorkspaceId) -> Result<Value, ApiError> {
        let me = self.me;
        match self.room(id)?.space.replica.role(&me) {
            Role::None => return Err(ApiError::new("not_member", "you are no member of this workspace")),
            Role::Owner => {
                let room = self.room(id)?;
                if room.space.replica.judge().owners().len() < 2 && room.space.members().len() > 1 {
                    let message = "you are the last owner: make somebody else an owner first";
                    return Err(ApiError::new("last_owner", message));
                }
                let judge = room.space.replica.judge();
                let cap = judge.live_cap(&me.0).map(|n| OpId(*judge.id(n)));
                let cap = cap.ok_or_else(|| ApiError::new("not_allowed", "your ownership does not count any more"))?;
                self.say(id, Body::SetRole { subject: me, role: Role::None, cap })?;
            }
            _ => {
                self.say(id, Body::Leave)?;
            }
        }
        self.leave_presence(id);
        Ok(json!({"left": id.to_string()}))
    }

    fn summary(&mut self, id: &WorkspaceId) -> Result<Value, ApiError> {
        let (online, ..) = self.presence_counts(id);
        let me = self.me;
        self.keep_row(id);
        let room = self.room(id)?;
        let role = room.space.replica.role(&me);
        let status = match room.row.state {
            WorkspaceState::Pending => "pending",
            WorkspaceState::Member => "member",
            WorkspaceState::Removed => "removed",
            WorkspaceState::Closed => "closed",
        };
        Ok(json!({
            "workspace": id.to_string(),
            "name": room.row.name,
            "description": room.row.description,
            "role": role_name(role),
            "owner": room.space.owner().map(|o| room.space.person_json(&o)),
            "created": rfc3339(room.row.created_ms),
            "updated": rfc3339(room.row.updated_ms),
            "members": room.space.members().len(),
            "online": online,
            "status": status,
            "unsent": room.space.replica.unsent(&me),
            "saved": room.space.is_saved(),
        }))
    }

    fn show(&mut self, id: &WorkspaceId) -> Result<Value, ApiError> {
        let mut shown = self.summary(id)?;
        let (online, idle, away) = self.presence_counts(id);
        let room = self.room(id)?;
        shown["statistics"] = json!({
            "members": room.space.members().len(),
            "online": online,
            "idle": idle,
            "away": away,
            "edits_today": room.edits_today.edits(unix_ms()),
        });
        let replica = &room.space.replica;
        shown["heads"] = replica.heads().iter().map(ToString::to_string).collect();
        shown["ops"] = json!(replica.len());
        shown["bytes"] = json!(replica.bytes());
        Ok(shown)
    }

    fn members(&mut self, id: &WorkspaceId) -> Result<Value, ApiError> {
        let me = self.me;
        let present = self.presence_json(id);
        let seen: BTreeMap<[u8; 32], i64> = self.store.last_seen(&id.0).map_err(store_error)?.into_iter().collect();
        let peers: BTreeMap<DeviceId, i64> = self.peers.iter().map(|(d, p)| (*d, p.heard_ms)).collect();
        let room = self.room(id)?;
        let member = |m: &omniscope_protocol::judge::Member| {
            let device = DeviceId(m.author);
            let mut entry = room.space.person_json(&device);
            let here = present.iter().find(|p| p["device"] == entry["device"]);
            let last = peers.get(&device).copied().into_iter().chain(seen.get(&device.0).copied()).max();
            entry["role"] = json!(role_name(m.role));
            entry["joined"] = json!(rfc3339(room.row.created_ms));
            entry["last_seen"] = json!(if device == me { Some(rfc3339(unix_ms())) } else { last.map(rfc3339) });
            entry["you"] = json!(device == me);
            entry["status"] = here.map_or(json!("offline"), |p| p["status"].clone());
            entry
        };
        let members: Vec<Value> = room.space.members().iter().map(member).collect();
        Ok(json!({"members": members}))
    }

    fn online_json(&self, id: &WorkspaceId) -> Value {
        let mut seen = std::collections::BTreeSet::new();
        let mut online = self.presence_json(id);
        online.retain(|p| seen.insert(p["device"].to_string()));
        json!({"online": online})
    }

    /// The peers of a workspace as the sync state shows them.
    pub(super) fn peers_json(&self, id: &WorkspaceId) -> Vec<Value> {
        let Some(room) = self.rooms.get(id) else { return Vec::new() };
        let replica = &room.space.replica;
        let members = self.peers.iter().filter(|(d, _)| replica.role(d) > Role::None);
        let peer = |(device, peer): (&DeviceId, &super::Peer)| {
            let mut entry = room.space.person_json(device);
            entry["path"] = json!(peer.path.as_str());
            entry["behind"] = json!(replica.behind(device).unwrap_or_else(|| replica.len()));
            entry["ahead"] = json!(replica.is_ahead(device));
            entry["latency_ms"] = json!(peer.rtt_ms);
            entry["last_heard"] = json!(rfc3339(peer.heard_ms));
            entry
        };
        members.map(peer).collect()
    }

    pub(super) fn tell_sync_state(&self, id: &WorkspaceId) {
        let Some(room) = self.rooms.get(id) else { return };
        self.tell(Event::SyncState {
            workspace: id.to_string(),
            saved: room.space.is_saved(),
            unsent: room.space.replica.unsent(&self.me),
            online: self.online,
            peers: self.peers_json(id),
        });
    }

    fn sync_report(&mut self, id: &WorkspaceId) -> Result<Value, ApiError> {
        for device in self.peers.keys().copied().collect::<Vec<_>>() {
            self.sync_with(id, device);
        }
        let peers = self.peers_json(id);
        let even = |p: &Value| p["behind"] == 0 && p["ahead"] == false;
        let waiting = self.room(id)?.space.replica.waiting();
        let converged = if peers.is_empty() { Value::Null } else { json!(waiting == 0 && peers.iter().all(even)) };
        Ok(json!({"converged": converged, "peers": peers}))
    }

    // ---- versions

    fn call_version(&mut self, verb: &str, given: Value) -> Result<Value, ApiError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct OfVersion {
            workspace: String,
            version: String,
        }
        match verb {
            "create" => {
                let Named { workspace, name } = params(given)?;
                let (id, name) = (self.find(&workspace)?, check_name(&name)?);
                self.require(&id, Role::Editor)?;
                self.flush(&id, u64::MAX);
                let version = self.say(&id, Body::Version { name: name.clone() })?;
                Ok(json!({"version": version.to_string(), "name": name}))
            }
            "list" => {
                let OfWorkspace { workspace, .. } = params(given)?;
                let id = self.find(&workspace)?;
                Ok(json!({"versions": self.room(&id)?.space.versions_json()}))
            }
            "show" | "restore" => {
                let OfVersion { workspace, version } = params(given)?;
                let id = self.find(&workspace)?;
                self.flush(&id, u64::MAX);
                let (at, name) = self.room(&id)?.space.find_version(&version).ok_or_else(|| {
                    ApiError::new("no_such_version", format!("there is no version {version:?} in this workspace"))
                })?;
                let state = self.with(&id, |space, store, _, _| space.at_version(store, &at))?.to_json();
                if verb == "show" {
                    let now = self.room(&id)?.space.document.to_json();
                    let since = serde_json::to_value(Diff::between(&state, &now)).unwrap_or_default();
                    return Ok(json!({"version": at.to_string(), "name": name, "state": state, "since": since}));
                }
                self.require(&id, Role::Editor)?;
                let changed = self.edit(&id, |space, _| {
                    let restored = space.document.restore(&state);
                    Ok((restored.updates, restored.changes))
                })?;
                self.flush(&id, u64::MAX);
                Ok(json!({"changed": changed}))
            }
            _ => Err(ApiError::new("unknown_method", format!("there is no verb version.{verb}"))),
        }
    }

    // ---- invitations

    fn call_invite(&mut self, verb: &str, given: Value) -> Result<Value, ApiError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct OfInvite {
            workspace: String,
            invite: String,
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
            _ => Err(ApiError::new("unknown_method", format!("there is no verb invite.{verb}"))),
        }
    }

    fn cap(&mut self, id: &WorkspaceId) -> Result<OpId, ApiError> {
        let me = self.me;
        let judge = self.room(id)?.space.replica.judge();
        let cap = judge.live_cap(&me.0).map(|n| OpId(*judge.id(n)));
        cap.ok_or_else(|| ApiError::new("not_allowed", "this needs the role owner"))
    }

    fn create_invite(&mut self, asked: CreateInvite) -> Result<Value, ApiError> {
        let id = self.find(&asked.workspace)?;
        self.require(&id, Role::Owner)?;
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
        let expires = (unix_ms() / 1000).max(0) as u64 + span;
        if asked.uses == Some(0) {
            return Err(ApiError::params("expected at least one use; unlimited links are asked for as such"));
        }
        let max_uses = if asked.unlimited { None } else { Some(asked.uses.unwrap_or(1)) };
        let secret: [u8; 32] = random()?;
        let invite = Invite {
            role,
            cap: self.cap(&id)?,
            max_uses,
            attester: max_uses.map(|_| self.me),
            expires: Some(expires),
            key: DeviceKey::from_seed(&secret).id(),
            bound_to,
        };
        self.flush(&id, u64::MAX);
        let op_id = self.say(&id, Body::Invite(invite))?;
        let addresses = self.addresses(&asked.relay)?;
        let key = self.key.clone();
        let inviter = self.profile.0.clone();
        let space = &mut self.room(&id)?.space;
        let name = space.title().0;
        let bytes = self.rooms[&id].space.op_bytes(&self.store, &[op_id]).pop();
        let op = bytes.and_then(|b| omniscope_protocol::op::Op::decode_trusted(&b).ok());
        let link = op.and_then(|op| Link::new(op, &key, secret, &name, &inviter, addresses));
        let link = link.ok_or_else(|| ApiError::new("log_damaged", "the invitation cannot be read back"))?;
        Ok(json!({
            "link": link.to_text().to_string(),
            "invite": op_id.to_string(),
            "role": role_name(role),
            "expires": rfc3339(expires as i64 * 1000),
        }))
    }

    /// Where this device can be found: what is asked for, circuits, then its own addresses.
    fn addresses(&self, relays: &[String]) -> Result<Vec<String>, ApiError> {
        let mut addresses = Vec::new();
        for relay in relays {
            let relay = relay.parse().map_err(|e| ApiError::params(format!("expected a multiaddr: {e}")))?;
            addresses.push(super::network::circuit_through(&relay, &self.me).to_string());
        }
        let configured = self.options.relays.iter().map(|r| super::network::circuit_through(r, &self.me).to_string());
        addresses.extend(configured);
        addresses.extend(self.listening.iter().map(ToString::to_string));
        let mut seen = std::collections::BTreeSet::new();
        addresses.retain(|a| seen.insert(a.clone()));
        addresses.truncate(omniscope_protocol::invitation::MAX_LINK_ADDRESSES);
        Ok(addresses)
    }

    fn list_invites(&mut self, id: &WorkspaceId) -> Result<Value, ApiError> {
        let now = unix_ms() / 1000;
        let replica = &self.room(id)?.space.replica;
        let judge = replica.judge();
        let invite = |(op, invite): (&OpId, &Invite)| {
            let state = judge.node(&op.0).and_then(|n| judge.invite_state(n));
            let expired = invite.expires.is_some_and(|at| at as i64 <= now);
            let word = match &state {
                Some(s) if s.revoked || !s.valid || !s.issuer_alive => "revoked",
                Some(s) if !s.open() => "used_up",
                Some(_) if expired => "expired",
                _ => "open",
            };
            json!({
                "invite": op.to_string(),
                "role": role_name(invite.role),
                "uses": invite.max_uses,
                "used": state.map_or(0, |s| s.used),
                "expires": invite.expires.map(|at| rfc3339(at as i64 * 1000)),
                "state": word,
            })
        };
        let invites: Vec<Value> = replica.invites().iter().map(invite).collect();
        Ok(json!({"invites": invites}))
    }

    fn inspect(&self, text: &str) -> Result<Value, ApiError> {
        let link = Link::parse(text).map_err(|e| ApiError::new(e.code(), e.to_string()))?;
        let expired = link.invite.expires.is_some_and(|at| at as i64 * 1000 <= unix_ms());
        let other = link.invite.bound_to.is_some_and(|d| d != self.me);
        let problem = match (expired, other) {
            (true, _) => json!({"code": "link_expired", "message": "This link has expired, by this computer's clock."}),
            (_, true) => json!({"code": "link_other_device", "message": "This link was made for another device."}),
            _ => Value::Null,
        };
        Ok(json!({
            "workspace": link.workspace().to_string(),
            "name": link.workspace_name,
            "role": role_name(link.invite.role),
            "inviter": {"device": link.op.author.to_string(), "name": link.inviter_name},
            "expires": link.invite.expires.map(|at| rfc3339(at as i64 * 1000)),
            "uses": link.invite.max_uses,
            "relays": link.addresses,
            "fingerprint": omniscope_protocol::identity::fingerprint(&link.op.author),
            "problem": problem,
        }))
    }

    // ---- the pipeline

    fn call_pipeline(&mut self, verb: &str, given: Value) -> Result<Value, ApiError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Import {
            workspace: String,
            content: String,
            #[serde(default)]
            filename: Option<String>,
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Export {
            workspace: String,
            #[serde(default)]
            format: Option<String>,
        }
        match verb {
            "import" => {
                let Import { workspace, content, filename } = params(given)?;
                let id = self.find(&workspace)?;
                self.require(&id, Role::Editor)?;
                let imported = self.edit(&id, |space, ids| {
                    let plans = pipeline::import::plan(&content, ids).map_err(|e| {
                        let name = filename.as_deref().unwrap_or("the file");
                        ApiError::new("not_a_pipeline", format!("{name}: {e}"))
                    })?;
                    let mut total = (0, 0, 0, Vec::new());
                    let mut updates = Vec::new();
                    for plan in plans {
                        let done = space.document.import(plan, ids);
                        updates.extend(done.updates);
                        total.0 += done.nodes;
                        total.1 += done.edges;
                        total.2 += done.stickies;
                        total.3.extend(done.warnings);
                    }
                    Ok((updates, total))
                })?;
                self.flush(&id, u64::MAX);
                let (nodes, edges, stickies, warnings) = imported;
                Ok(json!({"nodes": nodes, "edges": edges, "stickies": stickies, "warnings": warnings}))
            }
            "export" => {
                let Export { workspace, format } = params(given)?;
                let id = self.find(&workspace)?;
                self.flush(&id, u64::MAX);
                let document = &self.room(&id)?.space.document;
                let content = match format.as_deref().unwrap_or("json") {
                    "json" => document.canonical_json(),
                    "ga" => pipeline::export::to_galaxy(&document.to_json()),
                    other => return Err(ApiError::params(format!("expected the format json or ga, found {other:?}"))),
                };
                Ok(json!({"content": content}))
            }
            "validate" => {
                let OfWorkspace { workspace, .. } = params(given)?;
                let id = self.find(&workspace)?;
                self.flush(&id, u64::MAX);
                Ok(json!({"findings": pipeline::validate::validate(&self.room(&id)?.space.document.to_json())}))
            }
            _ => Err(ApiError::new("unknown_method", format!("there is no verb pipeline.{verb}"))),
        }
    }

    fn call_node(&mut self, verb: &str, given: Value) -> Result<Value, ApiError> {
        match verb {
            "add" => {
                let asked: AddNode = params(given)?;
                let id = self.editable(&asked.workspace)?;
                let descriptor = pipeline::catalogue::descriptor(&asked.kind);
                let label = asked.label.or_else(|| descriptor.map(|d| d.label.to_string()));
                let node = NewNode {
                    type_version: descriptor.map(|d| d.version.to_string()).unwrap_or_default(),
                    label: label.unwrap_or_else(|| asked.kind.clone()),
                    kind: asked.kind,
                    pos: [asked.x, asked.y],
                    params: asked.params,
                    ports: None,
                };
                let name = self.edit(&id, |space, ids| {
                    let name = fresh_id('n', ids);
                    Ok((vec![space.document.add_node(&name, node).map_err(edit_error)?], name))
                })?;
                Ok(json!({"node": name}))
            }
            "set" => {
                let asked: SetNode = params(given)?;
                let id = self.editable(&asked.workspace)?;
                let pos = match (asked.x, asked.y) {
                    (Some(x), Some(y)) => Some([x, y]),
                    (None, None) => None,
                    _ => return Err(ApiError::params("expected x and y together")),
                };
                let change = NodeChange { label: asked.label, pos, disabled: asked.disabled, params: asked.params };
                let node = asked.node;
                self.edit(&id, |space, _| Ok((vec![space.document.set_node(&node, change).map_err(edit_error)?], ())))?;
                Ok(json!({"node": node}))
            }
            "remove" => {
                let OfNode { workspace, node } = params(given)?;
                let id = self.editable(&workspace)?;
                self.edit(&id, |space, _| Ok((vec![space.document.remove_node(&node).map_err(edit_error)?], ())))?;
                Ok(json!({"node": node}))
            }
            "note" => {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Note {
                    workspace: String,
                    node: String,
                    text: String,
                }
                let Note { workspace, node, text } = params(given)?;
                let id = self.editable(&workspace)?;
                self.edit(&id, |space, _| Ok((vec![space.document.set_note(&node, &text).map_err(edit_error)?], ())))?;
                Ok(json!({"node": node}))
            }
            _ => Err(ApiError::new("unknown_method", format!("there is no verb node.{verb}"))),
        }
    }

    fn call_edge(&mut self, verb: &str, given: Value) -> Result<Value, ApiError> {
        match verb {
            "add" => {
                let AddEdge { workspace, source, source_port, target, target_port } = params(given)?;
                let id = self.editable(&workspace)?;
                let edge = self.edit(&id, |space, _| {
                    let (edge, update) = space
                        .document
                        .add_edge(&source, source_port.as_deref(), &target, target_port.as_deref())
                        .map_err(edit_error)?;
                    Ok((vec![update], edge))
                })?;
                Ok(json!({"edge": edge}))
            }
            "remove" => {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct OfEdge {
                    workspace: String,
                    edge: String,
                }
                let OfEdge { workspace, edge } = params(given)?;
                let id = self.editable(&workspace)?;
                self.edit(&id, |space, _| Ok((vec![space.document.remove_edge(&edge).map_err(edit_error)?], ())))?;
                Ok(json!({"edge": edge}))
            }
            _ => Err(ApiError::new("unknown_method", format!("there is no verb edge.{verb}"))),
        }
    }

    fn editable(&mut self, workspace: &str) -> Result<WorkspaceId, ApiError> {
        let id = self.find(workspace)?;
        self.require(&id, Role::Editor)?;
        Ok(id)
    }

    /// Edits the engine's own document and gathers the updates.
    fn edit<T>(
        &mut self,
        id: &WorkspaceId,
        change: impl FnOnce(&mut Workspace, &mut pipeline::IdSource<'_>) -> Result<(Vec<Vec<u8>>, T), ApiError>,
    ) -> Result<T, ApiError> {
        let (now, online) = (self.now(), self.has_company(id));
        let result = self.with(id, |space, _, _, _| {
            let mut failed = None;
            let mut ids = || {
                random().unwrap_or_else(|e| {
                    failed = Some(e);
                    [0; 16]
                })
            };
            let (updates, value) = change(space, &mut ids)?;
            if let Some(error) = failed {
                return Err(error);
            }
            for update in updates {
                space.push_own(&update, now, online)?;
            }
            Ok(value)
        });
        self.on_tick();
        result
    }

    // ---- presence and network

    fn call_presence(&mut self, method: &str, given: Value) -> Result<Value, ApiError> {
        let workspace = given["workspace"].as_str().ok_or_else(|| ApiError::params("missing field `workspace`"))?;
        let id = self.find(workspace)?;
        let fields = match method {
            "cursor.move" => match (given["x"].as_f64(), given["y"].as_f64()) {
                (Some(x), Some(y)) => json!({"pointer": {"x": x, "y": y}}),
                _ => return Err(ApiError::params("expected the numbers x and y")),
            },
            "selection.change" => json!({"selection": given["nodes"]}),
            "presence.set" => given["state"].clone(),
            "presence.list" => return Ok(json!({"presence": self.presence_json(&id)})),
            _ => return Err(ApiError::new("unknown_method", format!("there is no verb {method}"))),
        };
        self.set_own_presence(&id, &fields)?;
        Ok(json!({}))
    }

    fn call_network(&mut self, verb: &str, given: Value) -> Result<Value, ApiError> {
        if verb == "set" {
            #[derive(Deserialize)]
            #[serde(deny_unknown_fields)]
            struct Set {
                online: bool,
            }
            let Set { online } = params(given)?;
            if self.net.is_none() {
                return Err(ApiError::new("no_network", "this engine was started without a network"));
            }
            self.command(NetCommand::SetOnline(online));
            self.online = online;
            for id in self.rooms.keys().copied().collect::<Vec<_>>() {
                self.tell_sync_state(&id);
            }
        } else if verb != "status" {
            return Err(ApiError::new("unknown_method", format!("there is no verb network.{verb}")));
        }
        let up = |r: &libp2p::Multiaddr| self.circuits.contains_key(r);
        let relays = self.options.relays.iter();
        let relay = |r: &libp2p::Multiaddr| json!({"addr": r.to_string(), "state": if up(r) { "up" } else { "down" }});
        let peer = |(d, p): (&DeviceId, &super::Peer)| json!({"device": d.to_string(), "path": p.path.as_str(), "latency_ms": p.rtt_ms});
        Ok(json!({
            "online": self.online,
            "listening": self.listening.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "relays": relays.map(relay).collect::<Vec<_>>(),
            "peers": self.peers.iter().map(peer).collect::<Vec<_>>(),
        }))
    }

    fn doctor(&self) -> Value {
        let database = self.store.check();
        let detail = |r: &Result<(), _>| {
            r.as_ref().map_or_else(|e: &crate::store::StoreError| e.to_string(), |()| "whole".into())
        };
        let folder = self.options.data_dir.as_ref().map(|d| d.display().to_string());
        json!({"checks": [
            {"name": "database", "ok": database.is_ok(), "detail": detail(&database)},
            {"name": "folder", "ok": true, "detail": folder},
            {"name": "device", "ok": true, "detail": self.me.to_string()},
            {"name": "network", "ok": self.net.is_some(), "detail": format!("{} peers", self.peers.len())},
            {"name": "relays", "ok": self.circuits.len() == self.options.relays.len(),
             "detail": format!("{} of {} reachable", self.circuits.len(), self.options.relays.len())},
        ]})
    }
}

fn edit_error(error: EditError) -> ApiError {
    ApiError::new(error.code(), error.to_string())
}

fn check_name(name: &str) -> Result<String, ApiError> {
    let name = name.trim();
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
        let message = format!("expected a name of 1 to {MAX_NAME_BYTES} bytes, without control characters");
        return Err(ApiError::params(message));
    }
    Ok(name.to_owned())
}

fn meta<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
