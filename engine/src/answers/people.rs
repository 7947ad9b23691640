//! What is said of people: oneself, members, devices, links and who asks to be let in.
//!
//! Times are RFC 3339 in UTC. Deliberately absent: what people are doing right now, which is presence (`event::Shown`).

use serde::Serialize;

use super::Reason;
use crate::event::Person;

/// This device as it calls itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Profile {
    /// Who it is. The name is empty until one was chosen.
    #[serde(flatten)]
    pub person: Person,
    /// Its id in groups that can be read out.
    pub fingerprint: String,
}

/// A person who is a member, under its first device.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Member {
    /// Who it is.
    #[serde(flatten)]
    pub person: Person,
    /// The person's role.
    #[cfg_attr(feature = "types", ts(type = "Role"))]
    pub role: &'static str,
    /// When the role was given first.
    pub joined: String,
    /// When a device of the person was last heard; `None` if never.
    pub last_seen: Option<String>,
    /// Whether this is whose device asks.
    pub you: bool,
    /// `online`, `idle`, `away` or `offline`.
    pub status: String,
    /// The ids of the person's devices.
    pub devices: Vec<String>,
    /// Whether it is a key that is kept offline.
    pub recovery: bool,
}

/// The members of a workspace.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Members {
    pub members: Vec<Member>,
}

/// One of a person's devices.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Device {
    /// Which it is.
    #[serde(flatten)]
    pub person: Person,
    /// Whether it is the one that gives up the person's role.
    pub first: bool,
    /// Whether it is the one that asks.
    pub you: bool,
}

/// One's own devices in a workspace.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Devices {
    /// The id of the person: its first device's.
    pub person: String,
    pub devices: Vec<Device>,
}

/// A link for another device of one's own.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct DeviceOffer {
    /// The link, which is a secret.
    pub link: String,
    /// Until when it is good.
    pub expires: String,
}

/// A recovery key.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct RecoveryKey {
    /// The text to keep, which is a secret.
    pub recovery: String,
    /// The id of the owner that it is.
    pub device: String,
}

/// Somebody who holds a link that lets nobody in by itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct JoinRequest {
    /// The link's id.
    pub invite: String,
    /// The device that asks.
    pub device: String,
    /// As it calls itself; anybody may call themselves anything.
    pub name: Option<String>,
    /// The role that the link gives.
    #[cfg_attr(feature = "types", ts(type = "Role"))]
    pub role: &'static str,
    /// When it was heard first.
    pub at: String,
}

/// Who waits for an owner.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct JoinRequests {
    pub requests: Vec<JoinRequest>,
}

/// A request that was approved.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Approved {
    /// Whose it was.
    pub device: String,
    /// The role that it has now.
    #[cfg_attr(feature = "types", ts(type = "Role"))]
    pub role: &'static str,
}

/// A request that was declined.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Declined {
    /// Whose it was.
    pub device: String,
}

/// A link that was made just now.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct MadeLink {
    /// The link, which is a secret.
    pub link: String,
    /// Its id.
    pub invite: String,
    /// The role that it gives.
    #[cfg_attr(feature = "types", ts(type = "Role"))]
    pub role: &'static str,
    /// Until when it is good.
    pub expires: String,
    /// Whether an owner lets in each who holds it.
    pub approve: bool,
}

/// A link of a workspace.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Invite {
    /// Its id.
    pub invite: String,
    /// The role that it gives.
    #[cfg_attr(feature = "types", ts(type = "Role"))]
    pub role: &'static str,
    /// How many may use it; `None` for as many as like.
    pub uses: Option<u32>,
    /// How many did.
    pub used: u32,
    /// Until when it is good; `None` for ever.
    pub expires: Option<String>,
    /// `open`, `used_up`, `expired` or `revoked`.
    #[cfg_attr(feature = "types", ts(type = "\"open\" | \"used_up\" | \"expired\" | \"revoked\""))]
    pub state: &'static str,
    /// Whether an owner lets in each who holds it.
    pub approve: bool,
}

/// The links of a workspace.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Invites {
    pub invites: Vec<Invite>,
}

/// Who made a link, as the link says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Inviter {
    /// The id.
    pub device: String,
    /// The name; anybody may call themselves anything.
    pub name: String,
}

/// What a link promises; what its kind does not say is `None`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Inspected {
    /// Which kind it is.
    #[cfg_attr(feature = "types", ts(type = "\"invitation\" | \"device\" | \"recovery\""))]
    pub kind: &'static str,
    /// The id of the workspace.
    pub workspace: String,
    /// The name of the workspace, as the link says.
    pub name: String,
    /// The role that it gives.
    #[cfg_attr(feature = "types", ts(type = "Role | null"))]
    pub role: Option<&'static str>,
    /// Who made it.
    pub inviter: Option<Inviter>,
    /// Until when it is good.
    pub expires: Option<String>,
    /// How many may use it.
    pub uses: Option<u32>,
    /// Whether an owner lets in each who holds it.
    pub approve: Option<bool>,
    /// The addresses at which somebody may be found who lets in.
    pub relays: Vec<String>,
    /// The id of who made it, in groups that can be read out.
    pub fingerprint: Option<String>,
    /// Why it cannot be used.
    pub problem: Option<Reason>,
}
