//! Who is there, how they call themselves, and what they are doing right now.
//!
//! Presence is signed, travels by gossip, and is never stored: an entry per device and instance, heard again every 15 s,
//! gone after 30 s of silence or at once on a good-bye. What this device shows of itself is in `showing`.

mod showing;

use std::collections::{BTreeMap, BTreeSet};

use omniscope_protocol::identity::{DeviceId, WorkspaceId, fingerprint};
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::Sealed;
use omniscope_protocol::replica::{Replica, Saying};
use serde_json::{Value, json};

use super::{Actor, store_error};
use crate::answers::{Profile, answer};
use crate::api::ApiError;
use crate::event::{Event, Person, Shown};
use crate::net::Verdict;
use crate::store::{Batch, Store, Write};
use crate::workspace::{DocumentMessage, nameless};

const DAY_MS: i64 = 86_400_000;
/// An entry is repeated this often.
const HEARTBEAT_MS: u64 = 15_000;
/// An entry not heard for this long is gone; one whose device was disconnected is gone when its next heartbeat fails.
const GONE_MS: u64 = 30_000;
/// Devices whose presence is held until the log tells that they are members.
const MAX_EARLY: usize = 256;
/// How late a heartbeat may be.
const GRACE_MS: u64 = 1_000;
/// Entries of one workspace.
const MAX_ENTRIES: usize = 1024;
/// Least time between two messages of one instance.
const MIN_GAP_MS: u64 = 16;
/// The instance that verbs speak for.
const OWN_INSTANCE: &str = "peer";

#[derive(Debug, Clone)]
struct Entry {
    state: Value,
    clock: u64,
    /// When it is gone unless it is heard again.
    gone_at: u64,
}

#[derive(Debug, Default)]
struct Local {
    state: Value,
    clock: u64,
    sent: u64,
    dirty: bool,
}

/// The presence of one workspace.
#[derive(Debug, Default)]
pub(super) struct Room {
    others: BTreeMap<(DeviceId, String), Entry>,
    local: BTreeMap<String, Local>,
    /// When all that this device shows is said again, to somebody new; whether to everybody.
    show_due: Option<u64>,
    to_all: bool,
    /// Connected devices that it is then said to, and those that it was said to.
    newcomers: BTreeSet<DeviceId>,
    greeted: BTreeSet<DeviceId>,
    /// It could not be said, because there was no key.
    unsaid: bool,
    /// Who said good-bye lately: its clock, and when. What it had said before may still arrive, and counts no more.
    farewells: BTreeMap<(DeviceId, String), (u64, u64)>,
    /// The last that devices said which are no members yet as far as the log here tells, and when.
    early: BTreeMap<DeviceId, (Sealed, u64)>,
}

impl Local {
    /// What is said of an instance; a new one each time.
    fn body(&mut self, instance: &str) -> Value {
        json!({"instance": instance, "clock": self.next_clock(), "state": self.state})
    }

    /// Grows with every message, over restarts too, whatever the system's clock does meanwhile.
    fn next_clock(&mut self) -> u64 {
        self.clock = (self.clock + 1).max(super::unix_ms().max(0) as u64 * 64);
        self.clock
    }
}

impl Room {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// A device is not connected any more: when it comes again it is shown everything again.
    pub(super) fn parted(&mut self, device: &DeviceId) {
        self.newcomers.remove(device);
        self.greeted.remove(device);
    }

    /// When an own entry that changed within the least gap may be sent, or all are to be shown.
    pub(super) fn next_due(&self) -> Option<u64> {
        let changed = self.local.values().filter(|l| l.dirty).map(|l| l.sent + MIN_GAP_MS);
        changed.chain(self.show_due).min()
    }
}

/// How many edits were folded on the present day, UTC.
#[derive(Debug, Default)]
pub(super) struct Today {
    day: i64,
    edits: usize,
}

impl Today {
    /// What the log says: edits that count, made today by their authors' clocks.
    pub(super) fn of(replica: &Replica, unix_ms: i64) -> Self {
        let day = unix_ms.div_euclid(DAY_MS);
        let today = |at: &u64| i64::try_from(*at).is_ok_and(|at| at.div_euclid(DAY_MS) == day);
        let edits = replica.judge().accepted_edits().map(|n| replica.time_ms(n)).filter(today).count();
        Self { day, edits }
    }

    pub(super) fn count(&mut self, unix_ms: i64, edits: usize) {
        let day = unix_ms.div_euclid(DAY_MS);
        if day != self.day {
            *self = Self { day, edits: 0 };
        }
        self.edits += edits;
    }

    pub(super) fn edits(&self, unix_ms: i64) -> usize {
        if unix_ms.div_euclid(DAY_MS) == self.day { self.edits } else { 0 }
    }
}

pub(super) fn load_profile(store: &Store, me: &DeviceId) -> (String, String) {
    let text = |key: &str| store.setting(key).ok().flatten().and_then(|v| String::from_utf8(v).ok());
    let name = text("name").unwrap_or_else(|| nameless(me));
    (name, text("color").unwrap_or_default())
}

impl Actor {
    /// This device's profile. The name is empty until one was chosen; others see a name made from the device's id.
    pub(super) fn shown_profile(&self) -> Profile {
        let chosen = self.store.setting("name").ok().flatten().is_some();
        let person = Person {
            device: self.me.to_string(),
            name: if chosen { self.profile.0.clone() } else { String::new() },
            color: crate::workspace::wished_color(&self.profile.1, &self.me),
        };
        Profile { person, fingerprint: fingerprint(&self.me) }
    }

    pub(super) fn set_profile(&mut self, name: Option<String>, color: Option<String>) -> Result<Value, ApiError> {
        if let Some(name) = name {
            let name = name.trim().to_owned();
            if name.is_empty() || name.chars().count() > 80 || name.chars().any(char::is_control) {
                return Err(ApiError::params("expected a name of 1 to 80 characters, without control characters"));
            }
            self.profile.0 = name;
        }
        if let Some(color) = color {
            if !crate::workspace::is_color(&color) {
                return Err(ApiError::params("expected a colour such as #2563eb"));
            }
            self.profile.1 = color;
        }
        let setting =
            |key: &str, value: &str| Write::Setting { key: key.into(), value: Some(value.as_bytes().to_vec()) };
        let writes = vec![setting("name", &self.profile.0), setting("color", &self.profile.1)];
        self.store.commit_wait(Batch { writes }).map_err(store_error)?;
        for id in self.rooms.keys().copied().collect::<Vec<_>>() {
            self.say_profile(&id);
        }
        answer(self.shown_profile())
    }

    /// Tells a workspace this device's name, if it says something else and there is a key to seal it under.
    pub(super) fn say_profile(&mut self, id: &WorkspaceId) {
        let (name, color) = self.profile.clone();
        let me = self.me;
        let Some(room) = self.rooms.get(id) else { return };
        let replica = &room.space.replica;
        let known = match replica.profile(&me) {
            Some(profile) => profile.name == name && profile.color == color,
            None => name == nameless(&me) && color.is_empty(),
        };
        if !known
            && replica.role(&me) > Role::None
            && self.rooms.get_mut(id).is_some_and(|r| r.space.replica.epoch_key().is_some())
            && let Err(error) = self.say(id, Saying::Profile { name, color })
        {
            tracing::warn!(%error, "the profile was not announced");
        }
    }

    /// Keeps what somebody said who is no member yet, or under a key that is not known: both may be on the way here.
    pub(super) fn hold_presence(&mut self, id: &WorkspaceId, device: DeviceId, body: Sealed) {
        let now = self.now();
        let Some(room) = self.rooms.get_mut(id) else { return };
        let early = &mut room.presence.early;
        if early.len() < MAX_EARLY || early.contains_key(&device) {
            early.insert(device, (body, now));
        }
    }

    /// Takes in what was held of those who are members now; what cannot be opened yet is held again.
    pub(super) fn release_presence(&mut self, id: &WorkspaceId) {
        let Some(room) = self.rooms.get_mut(id) else { return };
        let replica = &room.space.replica;
        let admitted = room.presence.early.keys().filter(|d| replica.role(d) > Role::None);
        let admitted: Vec<DeviceId> = admitted.copied().collect();
        let held: Vec<_> = admitted.iter().filter_map(|d| Some((*d, room.presence.early.remove(d)?.0))).collect();
        for (device, body) in held {
            self.on_presence(id, device, body);
        }
    }

    pub(super) fn on_presence(&mut self, id: &WorkspaceId, device: DeviceId, body: Sealed) -> Verdict {
        let opened = self.rooms.get(id).and_then(|room| room.space.replica.open_note(&device, &body));
        let Some(text) = opened else {
            self.hold_presence(id, device, body);
            return Verdict::Accept;
        };
        let Ok(value) = serde_json::from_slice::<Value>(&text) else { return Verdict::Reject };
        let (Some(instance), Some(clock)) = (value["instance"].as_str(), value["clock"].as_u64()) else {
            return Verdict::Reject;
        };
        if instance.len() > 64 || device == self.me {
            return Verdict::Ignore;
        }
        let state = value["state"].clone();
        let now = self.now();
        let Some(room) = self.rooms.get_mut(id) else { return Verdict::Ignore };
        let key = (device, instance.to_owned());
        if room.presence.farewells.get(&key).is_some_and(|(said, _)| *said >= clock) {
            return Verdict::Ignore;
        }
        if state.is_null() {
            let outdated = room.presence.others.get(&key).is_some_and(|e| e.clock >= clock);
            if outdated || room.presence.farewells.len() >= MAX_ENTRIES {
                return Verdict::Ignore;
            }
            room.presence.farewells.insert(key, (clock, now));
            self.remove_presence(id, device, instance);
            return Verdict::Accept;
        }
        let known_device = room.presence.others.keys().any(|(d, _)| *d == device);
        let before = room.presence.others.get(&key);
        if before.is_some_and(|e| e.clock >= clock) || before.is_none() && room.presence.others.len() >= MAX_ENTRIES {
            return Verdict::Ignore;
        }
        let old = before.map(|e| e.state.clone());
        room.presence.others.insert(key, Entry { state: state.clone(), clock, gone_at: now + GONE_MS });
        let workspace = id.to_string();
        if !known_device {
            self.note_company(id);
            let user = self.rooms[id].space.shown_person(&device);
            self.tell(Event::UserJoined { workspace: workspace.clone(), user });
            let presence = self.presence_json(id);
            self.tell(Event::PresenceList { workspace: workspace.clone(), presence });
            self.greet(id, device);
        }
        if old.as_ref() != Some(&state) {
            self.tell_presence(id, device, instance, old.as_ref(), &state);
        }
        Verdict::Accept
    }

    /// The last connection to a device is gone. Unless it is heard by way of others at its next heartbeat, it is too.
    pub(super) fn doubt_presence(&mut self, device: &DeviceId) {
        let by = self.now() + HEARTBEAT_MS + GRACE_MS;
        let entries = self.rooms.values_mut().flat_map(|r| &mut r.presence.others);
        for (_, entry) in entries.filter(|((d, _), _)| d == device) {
            entry.gone_at = entry.gone_at.min(by);
        }
    }

    fn tell_presence(&self, id: &WorkspaceId, device: DeviceId, instance: &str, old: Option<&Value>, state: &Value) {
        let entry = self.entry_json(id, &device, instance, state);
        self.tell_shown(id, &device, instance, Some(entry.clone()));
        if !self.is_watched() {
            return;
        }
        let (workspace, name) = (id.to_string(), device.to_string());
        let changed = |field: &str| old.map(|o| &o[field]) != Some(&state[field]) && !state[field].is_null();
        if changed("pointer") {
            let (workspace, device, pointer) = (workspace.clone(), name.clone(), state["pointer"].clone());
            self.tell(Event::CursorUpdated { workspace, device, instance: instance.to_owned(), pointer });
        }
        if changed("selection") {
            let (workspace, device, selection) = (workspace.clone(), name, state["selection"].clone());
            self.tell(Event::SelectionUpdated { workspace, device, instance: instance.to_owned(), selection });
        }
        self.tell(Event::PresenceUpdated { workspace, presence: entry });
    }

    fn remove_presence(&mut self, id: &WorkspaceId, device: DeviceId, instance: &str) {
        let Some(room) = self.rooms.get_mut(id) else { return };
        if room.presence.others.remove(&(device, instance.to_owned())).is_none() {
            return;
        }
        let left = !room.presence.others.keys().any(|(d, _)| *d == device);
        let user = room.space.shown_person(&device);
        if left {
            self.note_company(id);
        }
        self.tell_shown(id, &device, instance, None);
        if left {
            self.tell(Event::UserLeft { workspace: id.to_string(), user });
            let presence = self.presence_json(id);
            self.tell(Event::PresenceList { workspace: id.to_string(), presence });
        }
    }

    /// Takes note of a device that came or went; whoever has another colour for it is shown again.
    fn note_company(&mut self, id: &WorkspaceId) {
        let me = self.me;
        let Some(room) = self.rooms.get_mut(id) else { return };
        let present = room.presence.others.keys().map(|(device, _)| *device).chain([me]).collect();
        if room.space.set_present(present) {
            self.show_presence_to(id);
        }
    }

    /// Shows the windows of a workspace who is there.
    pub(super) fn show_presence_to(&self, id: &WorkspaceId) {
        let Some(room) = self.rooms.get(id) else { return };
        for ((device, instance), entry) in &room.presence.others {
            let state = self.entry_json(id, device, instance, &entry.state);
            self.tell_shown(id, device, instance, Some(state));
        }
    }

    fn tell_shown(&self, id: &WorkspaceId, device: &DeviceId, instance: &str, state: Option<Value>) {
        let shown = Shown { device: device.to_string(), instance: instance.to_owned(), state };
        self.tell_windows(id, &DocumentMessage::Awareness(shown));
    }

    fn entry_json(&self, id: &WorkspaceId, device: &DeviceId, instance: &str, state: &Value) -> Value {
        let mut entry = self.rooms.get(id).map(|r| r.space.person_json(device)).unwrap_or_else(|| json!({}));
        entry["instance"] = json!(instance);
        entry["status"] = match state["status"].as_str() {
            Some(status @ ("idle" | "away")) => json!(status),
            _ => json!("online"),
        };
        for field in ["pointer", "selection", "viewport", "editing", "dragging", "user", "cursor", "asks"] {
            if !state[field].is_null() {
                entry[field] = state[field].clone();
            }
        }
        entry
    }

    /// Everybody present, this device's own instances included.
    pub(super) fn presence_json(&self, id: &WorkspaceId) -> Vec<Value> {
        let Some(room) = self.rooms.get(id) else { return Vec::new() };
        let own = room.presence.local.iter().map(|(i, l)| self.entry_json(id, &self.me, i, &l.state));
        let others = room.presence.others.iter().map(|((d, i), e)| self.entry_json(id, d, i, &e.state));
        let mut present: Vec<Value> = own.chain(others).collect();
        // Alone, a device has told nobody yet that it is there.
        let unsaid = room.presence.local.is_empty() && self.net.is_some() && self.online;
        if unsaid && room.space.replica.role(&self.me) > Role::None {
            present.insert(0, self.entry_json(id, &self.me, OWN_INSTANCE, &json!({})));
        }
        present
    }

    /// How many devices are present, and how many of them idle or away.
    pub(super) fn presence_counts(&self, id: &WorkspaceId) -> (usize, usize, usize) {
        let mut best: BTreeMap<String, u8> = BTreeMap::new();
        for entry in self.presence_json(id) {
            let rank = match entry["status"].as_str() {
                Some("away") => 2,
                Some("idle") => 1,
                _ => 0,
            };
            let device = entry["device"].as_str().unwrap_or_default().to_owned();
            best.entry(device).and_modify(|b| *b = rank.min(*b)).or_insert(rank);
        }
        let count = |rank| best.values().filter(|r| **r == rank).count();
        (best.len(), count(1), count(2))
    }
}
