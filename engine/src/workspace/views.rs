//! What a workspace shows of itself, as JSON for verbs.

use omniscope_protocol::identity::{DeviceId, OpId};
use omniscope_protocol::judge::{Member, Role};
use serde_json::{Value, json};

use super::Workspace;

/// What was read from the document last; dropped whenever an edit is folded.
#[derive(Debug, Default)]
pub(crate) struct Stated {
    meta: Option<(String, String)>,
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
        let document = &self.document;
        let meta = self.stated.meta.get_or_insert_with(|| {
            let meta = document.root_json("meta");
            let text = |key: &str| meta.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            (text("name"), text("description"))
        });
        meta.clone()
    }

    /// A device's name and colour: as it calls itself, else by its id.
    pub(crate) fn person(&self, device: &DeviceId) -> (String, String) {
        match self.replica.profile(device) {
            Some(profile) => (profile.name.clone(), legible_color(&profile.color, device)),
            None => (format!("Device {}", device.fmt_short()), legible_color("", device)),
        }
    }

    /// Device and name, for lists.
    pub(crate) fn person_json(&self, device: &DeviceId) -> Value {
        let (name, color) = self.person(device);
        json!({"device": device.to_string(), "name": name, "color": color})
    }

    /// The senior owner, if anybody owns the workspace.
    pub(crate) fn owner(&self) -> Option<DeviceId> {
        self.replica.judge().owners().first().map(|a| DeviceId(*a))
    }

    /// Members with roles, in the order in which they were first heard of.
    pub(crate) fn members(&self) -> Vec<Member> {
        self.replica.members()
    }

    /// All named versions.
    pub(crate) fn versions_json(&self) -> Vec<Value> {
        let version = |v: &omniscope_protocol::replica::Version| json!({"version": v.id.to_string(), "name": v.name, "author": self.person_json(&v.author)});
        self.replica.versions().map(version).collect()
    }

    /// The version with this id, id prefix or unique name.
    pub(crate) fn find_version(&self, wanted: &str) -> Option<(OpId, String)> {
        let all: Vec<_> = self.replica.versions().collect();
        let by_id: Vec<_> = all.iter().filter(|v| wanted.len() >= 4 && v.id.to_string().starts_with(wanted)).collect();
        let by_name: Vec<_> = all.iter().filter(|v| v.name == wanted).collect();
        let found = if by_name.len() == 1 { by_name } else { by_id };
        match found.as_slice() {
            [one] => Some((one.id, one.name.clone())),
            _ => None,
        }
    }
}

/// Colours that read well on light and dark, for people who chose none.
const PALETTE: [&str; 16] = [
    "#2563eb", "#db2777", "#059669", "#d97706", "#7c3aed", "#0891b2", "#dc2626", "#4d7c0f", "#c026d3", "#0d9488",
    "#ea580c", "#4f46e5", "#be123c", "#15803d", "#a16207", "#0369a1",
];

/// Whether a text is a colour as `#rrggbb`.
pub(crate) fn is_color(text: &str) -> bool {
    text.len() == 7 && text.starts_with('#') && text[1..].chars().all(|c| c.is_ascii_hexdigit())
}

/// The colour that a device chose, or one of the palette by its id: the same on every screen.
pub(crate) fn legible_color(chosen: &str, device: &DeviceId) -> String {
    if is_color(chosen) {
        chosen.to_ascii_lowercase()
    } else {
        PALETTE[usize::from(device.0[0]) % PALETTE.len()].to_owned()
    }
}
