//! Verbs about a workspace as a whole: its life, its members, how far others are.

use std::collections::BTreeMap;

use omniscope_protocol::identity::{DeviceId, OpId, WorkspaceId};
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::Body;
use omniscope_protocol::replica::Replica;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::{Actor, Peer, STATE_EVERY_MS, now_ms, random, store_error, unix_ms};
use super::{OfWorkspace, check_name};
use crate::answers::{Details, Made, Member, Members, Statistics, Status, Summary, SyncReport, Workspaces, answer};
use crate::api::{ApiError, params, rfc3339};
use crate::event::{self, Event};
use crate::net::{NetCommand, Topic};
use crate::store::{Batch, WorkspaceRow, WorkspaceState, Write};
use crate::workspace::{Workspace, role_name};

impl Actor {
    pub(super) fn call_workspace(&mut self, verb: &str, given: Value) -> Result<Value, ApiError> {
        match verb {
            "create" => return self.create_workspace(given),
            "list" => {
                let all: Vec<WorkspaceId> = self.rooms.keys().copied().collect();
                let mut list: Vec<Summary> = all.iter().map(|id| self.summary(id)).collect::<Result<_, _>>()?;
                self.list_waiting(&mut list);
                return answer(Workspaces { workspaces: list });
            }
            "update" | "rename" => return self.update_workspace(given),
            "delete" => return self.delete_workspace(given),
            "close" => return self.close_workspace(given),
            _ => {}
        }
        let OfWorkspace { workspace, .. } = params(given)?;
        let id = self.find(&workspace)?;
        self.flush(&id, u64::MAX);
        match verb {
            "show" => self.show(&id),
            "leave" => self.leave(&id),
            "rotate" => {
                self.require(&id, Role::Editor)?;
                self.begin_epoch(&id, true)?;
                Ok(json!({"rotated": true}))
            }
            "checkpoint" => self.checkpoint(&id),
            "audit" => self.audit(&id),
            "members" => self.members(&id),
            "state" => Ok(self.room(&id)?.space.document().to_json()),
            "persist" => {
                self.save(&id)?;
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
        let replica = Replica::found(&self.key, random()?, now_ms(), &mut out);
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
            looked: Vec::new(),
        };
        self.add_room(space, row.clone());
        self.commit(&id, vec![Write::Workspace(row)]);
        self.with(&id, |space, store, _, effects| {
            space.carry_out(&out, Some(0), store, effects);
            Ok(())
        })?;
        let fields = meta([("schemaVersion", json!(1)), ("name", json!(name)), ("description", json!(description))]);
        self.edit(&id, |space, _| Ok((vec![space.document().set_meta(&fields)], ())))?;
        self.say_profile(&id);
        self.flush(&id, u64::MAX);
        self.tell(Event::WorkspacesChanged {});
        answer(Made { workspace: id.to_string(), name })
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
        self.edit(&id, |space, _| Ok((vec![space.document().set_meta(&fields)], ())))?;
        self.flush(&id, u64::MAX);
        self.keep_row(&id);
        answer(self.summary(&id)?)
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
        let id = match self.find(&workspace) {
            Ok(id) => id,
            Err(unknown) => return self.delete_waiting(&workspace, unknown),
        };
        let name = self.room(&id)?.row.name.clone();
        if confirm != name {
            let message = format!("to remove this workspace from this computer, repeat its name: {name}");
            return Err(ApiError::new("not_confirmed", message));
        }
        self.give_up_joins(&id);
        self.forget_workspace(&id)?;
        self.tell(Event::WorkspacesChanged {});
        Ok(json!({"removed": id.to_string()}))
    }

    /// Removes a workspace from this computer; others hear nothing of it.
    pub(in crate::actor) fn forget_workspace(&mut self, id: &WorkspaceId) -> Result<(), ApiError> {
        self.leave_presence(id);
        self.command(NetCommand::Unsubscribe(Topic(omniscope_protocol::wire::topic(id))));
        self.rooms.remove(id);
        self.documents.retain(|_, w| w != id);
        self.store.commit_wait(Batch::one(Write::DeleteWorkspace(id.0))).map(|_| ()).map_err(store_error)
    }

    fn leave(&mut self, id: &WorkspaceId) -> Result<Value, ApiError> {
        let me = self.me;
        let replica = &self.room(id)?.space.replica;
        let (person, closed) = (replica.person_of(&me), replica.judge().closed());
        match replica.role(&me) {
            Role::None => return Err(ApiError::new("not_member", "you are no member of this workspace")),
            // The person stays, with its other devices.
            _ if person != me => {
                let under = replica.standing_add(&person, &me).flatten();
                self.say(id, Body::RemoveDevice { device: me, under })?;
            }
            Role::Owner => {
                let room = self.room(id)?;
                if !closed && room.space.replica.judge().owners().len() < 2 && room.space.persons().len() > 1 {
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

    fn summary(&mut self, id: &WorkspaceId) -> Result<Summary, ApiError> {
        let (online, ..) = self.presence_counts(id);
        let me = self.me;
        self.keep_row(id);
        let room = self.room(id)?;
        let removed = room.row.state == WorkspaceState::Removed;
        let role = if removed { Role::None } else { room.space.replica.role(&me) };
        let status = match room.row.state {
            WorkspaceState::Pending | WorkspaceState::Member if room.space.is_looked_at() => Status::Arriving,
            WorkspaceState::Pending => Status::Pending,
            WorkspaceState::Member if room.is_closed() => Status::Closed,
            WorkspaceState::Member => Status::Member,
            WorkspaceState::Removed => Status::Removed,
            WorkspaceState::Closed => Status::Closed,
        };
        let replica = &room.space.replica;
        Ok(Summary {
            workspace: id.to_string(),
            name: room.row.name.clone(),
            description: room.row.description.clone(),
            role: role_name(role),
            owner: room.space.owner().map(|owner| room.space.shown_person(&owner)),
            created: Some(rfc3339(replica.founded_ms().map_or(room.row.created_ms, |at| at as i64))),
            updated: Some(rfc3339(room.row.updated_ms)),
            members: room.space.persons().len(),
            online,
            status,
            unsent: replica.unsent(&me),
            saved: room.space.is_saved(),
            unread: room.unread(&me),
            bytes: replica.bytes(),
            newer_version: replica.newer_version(),
            waits: None,
        })
    }

    fn show(&mut self, id: &WorkspaceId) -> Result<Value, ApiError> {
        let summary = self.summary(id)?;
        let (online, idle, away) = self.presence_counts(id);
        let room = self.room(id)?;
        let (members, edits_today) = (summary.members, room.edits_today.edits(unix_ms()));
        let replica = &room.space.replica;
        answer(Details {
            summary,
            statistics: Statistics { members, online, idle, away, edits_today },
            heads: replica.heads().iter().map(ToString::to_string).collect(),
            ops: replica.len(),
            missing_keys: replica.shut_keys().len(),
        })
    }

    fn members(&mut self, id: &WorkspaceId) -> Result<Value, ApiError> {
        let me = self.me;
        let present = self.presence_json(id);
        let seen: BTreeMap<[u8; 32], i64> = self.store.last_seen(&id.0).map_err(store_error)?.into_iter().collect();
        let peers: BTreeMap<DeviceId, i64> = self.peers.iter().map(|(d, p)| (*d, p.heard_ms)).collect();
        let room = self.room(id)?;
        let all = room.space.members();
        let member = |person: DeviceId| {
            let devices: Vec<_> = all.iter().filter(|m| m.person == person.0).collect();
            let ids: Vec<String> = devices.iter().map(|m| DeviceId(m.author).to_string()).collect();
            let of = |p: &&Value| p["device"].as_str().is_some_and(|d| ids.iter().any(|id| id == d));
            let last = |m: &&omniscope_protocol::judge::Member| {
                let device = DeviceId(m.author);
                peers.get(&device).copied().into_iter().chain(seen.get(&device.0).copied()).max()
            };
            let you = devices.iter().any(|m| m.author == me.0);
            let last = devices.iter().filter_map(last).max();
            let status = present.iter().find(of).and_then(|p| p["status"].as_str()).unwrap_or("offline").to_owned();
            let first = devices.first()?;
            Some(Member {
                person: room.space.shown_person(&person),
                role: role_name(first.role),
                joined: rfc3339(room.space.replica.time_ms(first.grant) as i64),
                last_seen: if you { Some(rfc3339(unix_ms())) } else { last.map(rfc3339) },
                you,
                status,
                devices: ids,
                recovery: room.space.is_recovery_key(&person),
            })
        };
        answer(Members { members: room.space.persons().into_iter().filter_map(member).collect() })
    }

    fn online_json(&self, id: &WorkspaceId) -> Value {
        let mut seen = std::collections::BTreeSet::new();
        let mut online = self.presence_json(id);
        online.retain(|p| seen.insert(p["device"].to_string()));
        json!({"online": online})
    }

    /// The peers of a workspace as the sync state shows them.
    pub(in super::super) fn shown_peers(&self, id: &WorkspaceId) -> Vec<event::Peer> {
        let Some(room) = self.rooms.get(id) else { return Vec::new() };
        let replica = &room.space.replica;
        let members = self.peers.iter().filter(|(d, _)| replica.role(d) > Role::None);
        let peer = |(device, peer): (&DeviceId, &Peer)| event::Peer {
            person: room.space.shown_person(device),
            path: peer.path.as_str().to_owned(),
            behind: replica.behind(device).unwrap_or_else(|| replica.len()),
            ahead: replica.is_ahead(device),
            latency_ms: peer.rtt_ms,
            last_heard: rfc3339(peer.heard_ms),
        };
        members.map(peer).collect()
    }

    /// Has the sync state told soon: at once after a quiet while, else with the changes that follow.
    pub(in super::super) fn sync_state_changed(&mut self, id: &WorkspaceId) {
        let now = self.now();
        // What is told costs by peers.
        let every = STATE_EVERY_MS.max(STATE_EVERY_MS * self.peers.len() as u64 / 3);
        if let Some(room) = self.rooms.get_mut(id) {
            room.state_due.get_or_insert((room.state_told + every).max(now));
        }
    }

    pub(in super::super) fn tell_sync_state(&mut self, id: &WorkspaceId, now: u64) {
        if let Some(room) = self.rooms.get_mut(id) {
            (room.state_due, room.state_told) = (None, now);
        }
        if !self.is_watched() {
            return;
        }
        let Some(room) = self.rooms.get(id) else { return };
        self.tell(Event::SyncState {
            workspace: id.to_string(),
            saved: room.space.is_saved(),
            unsent: room.space.replica.unsent(&self.me),
            online: self.online,
            peers: self.shown_peers(id),
        });
    }

    fn sync_report(&mut self, id: &WorkspaceId) -> Result<Value, ApiError> {
        for device in self.peers.keys().copied().collect::<Vec<_>>() {
            self.sync_with(id, device);
        }
        let peers = self.shown_peers(id);
        let even = |p: &event::Peer| p.behind == 0 && !p.ahead;
        let waiting = self.room(id)?.space.replica.waiting();
        let in_step = waiting == 0 && self.all_answered(id) && peers.iter().all(even);
        let converged = (!peers.is_empty()).then_some(in_step);
        answer(SyncReport { converged, peers, relays: self.shown_mailboxes(id) })
    }
}

fn meta<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
