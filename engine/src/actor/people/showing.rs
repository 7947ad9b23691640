//! What this device shows of itself: to everybody by gossip, to who has just come directly.
//!
//! Deliberately absent: what others show (`people`).

use omniscope_protocol::identity::{DeviceId, WorkspaceId};
use omniscope_protocol::judge::Role;
use omniscope_protocol::wire::{MAX_NOTES, MAX_PRESENCE_BYTES, Note, NoteContent, Request};
use serde_json::{Value, json};

use super::super::network::Sent;
use super::super::{Actor, Room};
use super::{GONE_MS, HEARTBEAT_MS, Local, MIN_GAP_MS, OWN_INSTANCE};
use crate::api::ApiError;

/// How long those whom this device is to be shown to gather: they come with several signs of life each.
const SHOW_AFTER_MS: u64 = 50;

impl Actor {
    pub(in super::super) fn set_awareness(&mut self, document: u32, state: &Value) -> Result<(), ApiError> {
        let id = self.document(document)?;
        if state.is_null() {
            self.end_presence(&id, document);
            return Ok(());
        }
        self.set_presence(&id, &format!("window-{document}"), state)
    }

    /// Sets fields of this device's entry; those given as null are removed.
    pub(in super::super) fn set_own_presence(&mut self, id: &WorkspaceId, fields: &Value) -> Result<(), ApiError> {
        let room = self.room(id)?;
        let mut state = room.presence.local.get(OWN_INSTANCE).map(|l| l.state.clone()).unwrap_or_else(|| json!({}));
        if let (Some(state), Some(fields)) = (state.as_object_mut(), fields.as_object()) {
            for (key, value) in fields {
                if value.is_null() {
                    state.remove(key);
                } else {
                    state.insert(key.clone(), value.clone());
                }
            }
        }
        self.set_presence(id, OWN_INSTANCE, &state)
    }

    fn set_presence(&mut self, id: &WorkspaceId, instance: &str, state: &Value) -> Result<(), ApiError> {
        if !state.is_object() || state.to_string().len() > MAX_PRESENCE_BYTES / 2 {
            return Err(ApiError::params(format!("expected an object of at most {} bytes", MAX_PRESENCE_BYTES / 2)));
        }
        let now = self.now();
        let room = self.room(id)?;
        let local = room.presence.local.entry(instance.to_owned()).or_default();
        local.state = state.clone();
        local.dirty = true;
        self.send_presence(id, instance, now, false);
        Ok(())
    }

    pub(in super::super) fn end_presence(&mut self, id: &WorkspaceId, document: u32) {
        self.bid_farewell(id, &format!("window-{document}"));
    }

    /// Good-bye of all instances.
    pub(in super::super) fn leave_presence(&mut self, id: &WorkspaceId) {
        for instance in self.instances(id) {
            self.bid_farewell(id, &instance);
        }
    }

    /// Whatever shows something of this device: its windows, and itself.
    fn instances(&self, id: &WorkspaceId) -> Vec<String> {
        self.rooms.get(id).map(|room| room.presence.local.keys().cloned().collect()).unwrap_or_default()
    }

    fn bid_farewell(&mut self, id: &WorkspaceId, instance: &str) {
        self.say_gone(id, instance);
        if let Some(room) = self.rooms.get_mut(id) {
            room.presence.local.remove(instance);
        }
    }

    /// Tells others that this device is not reached for a while; it shows itself again when it meets somebody.
    pub(in super::super) fn pause_presence(&mut self, id: &WorkspaceId) {
        for instance in self.instances(id) {
            self.say_gone(id, &instance);
        }
    }

    fn say_gone(&mut self, id: &WorkspaceId, instance: &str) {
        let Some(local) = self.rooms.get_mut(id).and_then(|r| r.presence.local.get_mut(instance)) else { return };
        let body = json!({"instance": instance, "clock": local.next_clock(), "state": Value::Null});
        self.note_presence(id, &body);
    }

    fn note_presence(&mut self, id: &WorkspaceId, body: &Value) {
        if let Some(content) = self.sealed_presence(id, body) {
            self.note(id, content);
        }
    }

    /// Without a key nobody could read it; it is shown again when there is one.
    fn sealed_presence(&mut self, id: &WorkspaceId, body: &Value) -> Option<NoteContent> {
        let room = self.rooms.get_mut(id)?;
        let sealed = room.space.replica.seal_note(&self.me, body.to_string().as_bytes());
        room.presence.unsaid |= sealed.is_none();
        sealed.map(NoteContent::Presence)
    }

    /// Has what all instances show said again soon, to everybody.
    pub(in super::super) fn show_presence(&mut self, id: &WorkspaceId) {
        let now = self.now();
        if let Some(room) = self.rooms.get_mut(id) {
            room.presence.to_all = true;
            room.presence.show_due.get_or_insert(now + SHOW_AFTER_MS);
        }
    }

    /// The same if nobody could read it before; this device may have become a member, or there may be a key.
    pub(in super::super) fn show_presence_late(&mut self, id: &WorkspaceId) {
        let late = |room: &Room| room.presence.unsaid || room.presence.local.is_empty();
        if self.rooms.get(id).is_some_and(late) {
            self.show_presence(id);
        }
    }

    /// Has it said to somebody new: directly, if it is connected.
    pub(in super::super) fn greet(&mut self, id: &WorkspaceId, device: DeviceId) {
        let (now, connected) = (self.now(), self.peers.contains_key(&device));
        let Some(room) = self.rooms.get_mut(id) else { return };
        if !connected {
            return self.show_presence(id);
        }
        if !room.presence.greeted.contains(&device) {
            room.presence.newcomers.insert(device);
            room.presence.show_due.get_or_insert(now + SHOW_AFTER_MS);
        }
    }

    /// Says what all instances show: to everybody by gossip, or only to who has just come.
    pub(super) fn show_due(&mut self, id: &WorkspaceId, now: u64) {
        let Some(room) = self.rooms.get_mut(id) else { return };
        let presence = &mut room.presence;
        let newcomers = std::mem::take(&mut presence.newcomers);
        let to_all = std::mem::take(&mut presence.to_all) || newcomers.len() * 2 > self.peers.len();
        (presence.show_due, presence.unsaid) = (None, false);
        if presence.local.is_empty() && room.space.replica.role(&self.me) > Role::None {
            let state = json!({"status": "online"});
            presence.local.insert(OWN_INSTANCE.into(), Local { state, ..Local::default() });
        }
        let instances = self.instances(id);
        if to_all {
            for instance in &instances {
                self.send_presence(id, instance, now, true);
            }
        }
        for device in newcomers {
            self.tell_newcomer(id, device, if to_all { &[] } else { &instances });
        }
    }

    /// Tells a connected device what the others know: what this one shows, and whom it hears.
    fn tell_newcomer(&mut self, id: &WorkspaceId, device: DeviceId, instances: &[String]) {
        let mut contents = Vec::new();
        for instance in instances.iter().take(MAX_NOTES - 1) {
            let local = self.rooms.get_mut(id).and_then(|room| room.presence.local.get_mut(instance));
            let Some(body) = local.map(|local| local.body(instance)) else { continue };
            contents.extend(self.sealed_presence(id, &body));
        }
        let neighbours = self.neighbours(id);
        let Some(room) = self.rooms.get(id) else { return };
        contents.extend(room.near.for_newcomer(&device, &neighbours).map(NoteContent::Near));
        let notes: Vec<Note> = contents.into_iter().map(|content| Note::sign(id, content, &self.key)).collect();
        let told = notes.is_empty() || self.request(device, Sent::Notes, &Request::Notes { workspace: *id, notes });
        if let Some(room) = self.rooms.get_mut(id).filter(|room| told && !room.presence.unsaid) {
            room.presence.greeted.insert(device);
        }
    }

    pub(super) fn send_presence(&mut self, id: &WorkspaceId, instance: &str, now: u64, at_once: bool) {
        let Some(local) = self.rooms.get_mut(id).and_then(|r| r.presence.local.get_mut(instance)) else { return };
        if !at_once && local.sent + MIN_GAP_MS > now && local.sent > 0 {
            return;
        }
        local.sent = now;
        local.dirty = false;
        let body = local.body(instance);
        self.note_presence(id, &body);
    }

    pub(in super::super) fn tick_presence(&mut self, now: u64) {
        let shown = |room: &Room| room.presence.show_due.is_some_and(|at| at <= now);
        for id in self.rooms.iter().filter(|(_, room)| shown(room)).map(|(id, _)| *id).collect::<Vec<_>>() {
            self.show_due(&id, now);
        }
        let mut due = Vec::new();
        let mut gone = Vec::new();
        for (id, room) in &self.rooms {
            let beat = |l: &Local| l.sent + HEARTBEAT_MS <= now || l.dirty && l.sent + MIN_GAP_MS <= now;
            due.extend(room.presence.local.iter().filter(|(_, l)| beat(l)).map(|(i, _)| (*id, i.clone())));
            let silent = room.presence.others.iter().filter(|(_, e)| e.gone_at <= now);
            gone.extend(silent.map(|((device, instance), _)| (*id, *device, instance.clone())));
        }
        for room in self.rooms.values_mut() {
            room.presence.farewells.retain(|_, (_, at)| *at + GONE_MS > now);
            room.presence.early.retain(|_, (_, at)| *at + GONE_MS > now);
        }
        for (id, instance) in due {
            self.send_presence(&id, &instance, now, true);
        }
        for (id, device, instance) in gone {
            self.remove_presence(&id, device, &instance);
        }
    }
}
