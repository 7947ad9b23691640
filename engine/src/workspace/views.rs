//! What a workspace shows of itself, as JSON for verbs. Colours are in `colors`.

use std::collections::{BTreeMap, BTreeSet};

use omniscope_protocol::identity::{DeviceId, OpId};
use omniscope_protocol::judge::{Member, Role};
use omniscope_protocol::recovery::KEY_COLOR;
use omniscope_protocol::replica::Version;
use serde_json::{Value, json};

use super::{Workspace, colors};
use crate::answers;
use crate::api::rfc3339;
use crate::event::Person;

/// Characters of a workspace's name and description that lists show; the document may hold more.
const MAX_NAME_CHARS: usize = 256;
const MAX_DESCRIPTION_CHARS: usize = 4096;

/// What is kept of the document and of the members for showing.
#[derive(Debug, Default)]
pub(crate) struct Stated {
    pub(crate) meta: Option<(String, String)>,
    /// By member; see `recolor`.
    colors: BTreeMap<DeviceId, String>,
    /// Whose the devices are that are not their person's first.
    persons: BTreeMap<DeviceId, DeviceId>,
    /// Who is here now, this device included; see `set_present`.
    present: BTreeSet<DeviceId>,
}

/// What a device is called that has no name.
pub(crate) fn nameless(device: &DeviceId) -> String {
    format!("Device {}", device.fmt_short())
}

/// A role as people and JSON call it.
pub(crate) fn role_name(role: Role) -> &'static str {
    match role {
        Role::None => "none",
        Role::Viewer => "viewer",
        Role::Editor => "editor",
        Role::Owner => "owner",
    }
}

impl Workspace {
    /// The name and description in the document.
    pub(crate) fn title(&mut self) -> (String, String) {
        let document = &mut self.document;
        let meta = self.stated.meta.get_or_insert_with(|| {
            let meta = document.now().root_json("meta");
            let text = |key: &str, max: usize| {
                let text = meta.get(key).and_then(Value::as_str).unwrap_or_default();
                text.chars().take(max).collect::<String>()
            };
            (text("name", MAX_NAME_CHARS), text("description", MAX_DESCRIPTION_CHARS))
        });
        meta.clone()
    }

    /// A device's name and colour: as it calls itself, else as its person's first or another device does, else by its id.
    pub(crate) fn person(&self, device: &DeviceId) -> (String, String) {
        let chosen = |d: &DeviceId| Some(&self.replica.profile(d)?.name).filter(|name| **name != nameless(d));
        let persons = &self.stated.persons;
        let first = persons.get(device).unwrap_or(device);
        let others = || persons.iter().filter(|(_, person)| *person == first).find_map(|(other, _)| chosen(other));
        let name = chosen(device).or_else(|| chosen(first)).or_else(others);
        let color = self.replica.profile(device).map_or("", |profile| &profile.color);
        (name.cloned().unwrap_or_else(|| nameless(device)), self.color(device, color))
    }

    /// Whether an owner is no computer but a key that is kept offline, as it says itself.
    pub(crate) fn is_recovery_key(&self, device: &DeviceId) -> bool {
        let says = self.replica.profile(device).is_some_and(|profile| profile.color == KEY_COLOR);
        says && self.replica.role(device) == Role::Owner
    }

    fn color(&self, device: &DeviceId, chosen: &str) -> String {
        self.stated.colors.get(device).cloned().unwrap_or_else(|| colors::wished(chosen, device))
    }

    /// Notes who is here; whether anybody's colour is another for it, as only more members than colours can bring about.
    pub(crate) fn set_present(&mut self, present: BTreeSet<DeviceId>) -> bool {
        let before = std::mem::take(&mut self.stated.colors);
        self.stated.present = present;
        self.recolor();
        self.stated.colors != before
    }

    /// Gives every member a colour again, after somebody came, went or chose another.
    pub(crate) fn recolor(&mut self) {
        let replica = &self.replica;
        let all = replica.members();
        let later = all.iter().filter(|m| m.person != m.author);
        self.stated.persons = later.map(|m| (DeviceId(m.author), DeviceId(m.person))).collect();
        let mut members: Vec<(u32, DeviceId, String)> = all
            .iter()
            .map(|m| {
                let device = DeviceId(m.author);
                let chosen = replica.profile(&device).map(|p| p.color.clone()).unwrap_or_default();
                (replica.judge().causal().depth(m.grant), device, chosen)
            })
            .collect();
        // By what all peers agree on, whoever came first keeping what they have.
        members.sort_unstable();
        let order: Vec<DeviceId> = members.iter().map(|(_, device, _)| *device).collect();
        let mut given = colors::assign(members.into_iter().map(|(_, device, chosen)| (device, chosen)));
        let here = order.iter().filter(|device| self.stated.present.contains(device));
        let apart = colors::assign(here.map(|device| (*device, given[device].clone())));
        given.extend(apart);
        self.stated.colors = given;
    }

    /// Device, name and colour, for lists.
    pub(crate) fn shown_person(&self, device: &DeviceId) -> Person {
        let (name, color) = self.person(device);
        Person { device: device.to_string(), name, color }
    }

    /// The same as JSON, to which verbs add more.
    pub(crate) fn person_json(&self, device: &DeviceId) -> Value {
        json!(self.shown_person(device))
    }

    /// Whose edits count no more, how many and why, in a sentence or several.
    pub(crate) fn gone_words(&self, gone: &BTreeMap<DeviceId, usize>) -> String {
        let one = |(device, count): (&DeviceId, &usize)| {
            let (name, _) = self.person(device);
            let changes = if *count == 1 { "A change".to_owned() } else { format!("{count} changes") };
            let was = if *count == 1 { "was" } else { "were" };
            let why = match self.replica.role(device) {
                Role::None => format!("{name} had been removed before others could know of it"),
                Role::Viewer => format!("{name} had become a viewer before others could know of it"),
                Role::Editor | Role::Owner => format!("{name}'s computer said two different things at one place"),
            };
            format!("{changes} by {name} {was} taken out again: {why}.")
        };
        if gone.is_empty() {
            return "The document was put together anew.".to_owned();
        }
        gone.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    /// The senior owner, if anybody owns the workspace.
    pub(crate) fn owner(&self) -> Option<DeviceId> {
        self.replica.judge().owners().first().map(|a| DeviceId(*a))
    }

    /// The persons who are members, each by its first device, in the order in which they were first heard of.
    pub(crate) fn persons(&self) -> Vec<DeviceId> {
        let mut persons: Vec<DeviceId> = Vec::new();
        for member in self.members() {
            if !persons.contains(&DeviceId(member.person)) {
                persons.push(DeviceId(member.person));
            }
        }
        persons
    }

    /// Devices of members with roles, in the order in which they were first heard of.
    pub(crate) fn members(&self) -> Vec<Member> {
        self.replica.members()
    }

    /// All named versions.
    pub(crate) fn shown_versions(&self) -> Vec<answers::Version> {
        let shown = |version: Version| answers::Version {
            version: version.id.to_string(),
            name: version.name,
            author: self.shown_person(&version.author),
            created: rfc3339(version.time_ms as i64),
        };
        self.replica.versions().into_iter().map(shown).collect()
    }

    /// The version with this id, id prefix or unique name.
    pub(crate) fn find_version(&self, wanted: &str) -> Option<(OpId, String)> {
        let all = self.replica.versions();
        let by_id: Vec<_> = all.iter().filter(|v| wanted.len() >= 4 && v.id.to_string().starts_with(wanted)).collect();
        let by_name: Vec<_> = all.iter().filter(|v| v.name == wanted).collect();
        let found = if by_name.len() == 1 { by_name } else { by_id };
        match found.as_slice() {
            [one] => Some((one.id, one.name.clone())),
            _ => None,
        }
    }
}
