//! What a device that has keys makes of sealed ops: edits for the gate, names of people and versions.
//!
//! Deliberately absent in programs without documents (feature `document`).

use std::collections::{BTreeSet, VecDeque};

use super::{Output, Profile, Replica, Version};
use crate::causal::Node;
use crate::codec::{CodecError, Reader, Writer};
use crate::gate::Update;
use crate::identity::{DeviceId, DeviceKey, KeyId, OpId, WorkspaceId};
use crate::op::{Body, KeyShare, MAX_NAME_BYTES, Op, Sealed};
use crate::sealing::EpochKey;

/// Devices whose profile is kept; others are shown by their id.
const MAX_PROFILES: usize = 4096;

/// Bytes of updates that wait for whoever folds them.
const MAX_AT_HAND_BYTES: usize = 512 * 1024;

/// Updates that passed the gate a moment ago, so that folding them opens and parses nothing again. Whoever does not take
/// them loses the oldest; they can always be had from their ops.
#[derive(Debug, Default)]
pub(super) struct AtHand {
    updates: VecDeque<(OpId, Update)>,
    bytes: usize,
}

impl AtHand {
    fn put(&mut self, id: OpId, update: Update) {
        self.bytes += update.encoded_len();
        self.updates.push_back((id, update));
        while self.bytes > MAX_AT_HAND_BYTES
            && let Some((_, oldest)) = self.updates.pop_front()
        {
            self.bytes -= oldest.encoded_len();
        }
    }

    fn take(&mut self, id: &OpId) -> Option<Update> {
        let at = self.updates.iter().position(|(known, _)| known == id)?;
        let (_, update) = self.updates.remove(at)?;
        self.bytes -= update.encoded_len();
        Some(update)
    }
}

/// The text of a profile op.
pub(super) fn write_profile(name: &str, color: &str) -> Vec<u8> {
    let mut w = Writer::new();
    w.str(name).str(color);
    w.into_bytes()
}

fn read_profile(text: &[u8]) -> Result<(String, String), CodecError> {
    let mut r = Reader::new(text);
    let profile = (r.str("name", MAX_NAME_BYTES)?.to_owned(), r.str("colour", 7)?.to_owned());
    r.finish()?;
    Ok(profile)
}

/// The text of a version op: a name, and behind a zero byte the version that is to be called so from now on.
pub(super) fn write_version(name: &str, renames: Option<&OpId>) -> Vec<u8> {
    match renames {
        None => name.as_bytes().to_vec(),
        Some(version) => [name.as_bytes(), &[0], &version.0].concat(),
    }
}

/// The name in the text of a version op, and the version that it is for if it is another one's; none if it is neither.
pub fn read_version(text: &[u8]) -> Option<(&str, Option<OpId>)> {
    let (name, renames) = match text.iter().position(|byte| *byte == 0) {
        None => (text, None),
        Some(end) => (&text[..end], Some(OpId(text[end + 1..].try_into().ok()?))),
    };
    let name = std::str::from_utf8(name).ok().filter(|name| name.len() <= MAX_NAME_BYTES)?;
    Some((name, renames))
}

/// What a note's sealed text is bound to.
fn note_place(workspace: &WorkspaceId, device: &DeviceId) -> Vec<u8> {
    [&workspace.0[..], &device.0, b"note"].concat()
}

impl Replica {
    /// A replica that knows nothing of `workspace` yet, on a device that opens what is sealed to it.
    pub fn for_device(workspace: WorkspaceId, device: &DeviceKey) -> Self {
        Self { keys: super::keys::Keys::of(device), ..Self::new(workspace) }
    }

    /// Takes the keys out of a share before its place in the log comes: what a log holds can be opened as it is loaded.
    pub fn learn(&mut self, author: &DeviceId, share: &KeyShare) {
        self.keys.learn(&self.workspace, author, share);
    }

    /// Opens from now on what is sealed to another key of the same person, too: one that was kept for recovery.
    pub fn open_also_for(&mut self, device: &DeviceKey) {
        self.keys.open_also_for(device);
    }

    /// The text of a sealed op; none while its key is not known here, or if it was sealed for another place.
    pub fn open(&self, op: &Op) -> Option<Vec<u8>> {
        self.keys.open(&op.place(), op.sealed()?)
    }

    /// The update of an edit that passed the gate a moment ago, if it is still at hand. It is handed out once.
    pub fn take_update(&mut self, id: &OpId) -> Option<Update> {
        self.at_hand.take(id)
    }

    /// The key that is sealed under now; none if there is none whose holders are all members.
    pub fn epoch_key(&mut self) -> Option<EpochKey> {
        self.keys.current(&self.judge).cloned()
    }

    /// The epoch: the key that is sealed under now, by all known ops.
    pub fn epoch(&self) -> Option<KeyId> {
        self.keys.look(&self.judge).current
    }

    /// Who was given a key, by all shares that count; none if nobody who could edit named it.
    pub fn key_holders(&self, key: &KeyId) -> Option<BTreeSet<DeviceId>> {
        self.keys.holders(key, &self.judge)
    }

    /// Takes in a key that came beside the log: deposited for a link, or from a backup of one's own.
    pub fn keep_key(&mut self, key: EpochKey) {
        self.keys.keep(key);
        self.keys.forget_care();
    }

    /// Whether the present key lies at the attester of an invite, as far as the log says; none if there is no key.
    pub fn is_deposited(&self, invite: &OpId) -> Option<bool> {
        self.epoch().map(|key| self.keys.is_deposited(&key, invite, &self.judge))
    }

    /// Whether everybody has the key that is sealed under now; if not, `share_keys` is due.
    pub fn keys_in_order(&mut self) -> bool {
        self.is_empty() || self.keys.in_order(&self.judge)
    }

    /// The keys that are not known here under which ops of the log are sealed.
    pub fn shut_keys(&self) -> &BTreeSet<KeyId> {
        &self.shut
    }

    /// Whether a key is known by now under which ops are sealed that were shut when they were read: `reopen` is due.
    pub fn is_unlocked(&self) -> bool {
        self.shut.iter().any(|key| self.keys.knows(key))
    }

    /// Whether what is sealed under a key can be opened here.
    pub fn has_key(&self, key: &KeyId) -> bool {
        self.keys.knows(key)
    }

    /// Seals what a note of this device says; none while there is no key.
    pub fn seal_note(&mut self, device: &DeviceId, text: &[u8]) -> Option<Sealed> {
        let place = note_place(&self.workspace, device);
        Some(self.keys.current(&self.judge)?.seal(&place, text))
    }

    /// Opens what a note of `device` says.
    pub fn open_note(&self, device: &DeviceId, sealed: &Sealed) -> Option<Vec<u8>> {
        self.keys.open(&note_place(&self.workspace, device), sealed)
    }

    /// Opens an op that was just taken into the log.
    pub(super) fn note_content(&mut self, op: &Op, node: Node, out: &mut Vec<Output>) {
        if self.known[node.index()].unread > 0 {
            return;
        }
        if self.note_keys(op, node) && self.is_unlocked() {
            out.push(Output::Reopen);
        }
        self.read_content(op, node, out);
    }

    /// Reads the whole log once more, now that there are keys for what was shut. `fetch` gives the bytes of an op.
    pub fn reopen(&mut self, mut fetch: impl FnMut(&OpId) -> Option<Op>, out: &mut Vec<Output>) {
        self.sessions.forget_content();
        self.shut.clear();
        self.versions.clear();
        for index in 0..self.known.len() {
            let node = Node(index as u32);
            if self.known[index].sealed
                && let Some(op) = fetch(&OpId(*self.judge.id(node)))
            {
                self.read_content(&op, node, out);
            }
        }
    }

    fn read_content(&mut self, op: &Op, node: Node, out: &mut Vec<Output>) {
        let Some(sealed) = op.sealed() else { return };
        let text = self.keys.open(&op.place(), sealed);
        if text.is_none() && !self.keys.knows(&sealed.key) {
            self.shut.insert(sealed.key);
        }
        let text = text.as_deref();
        match &op.body {
            // The gate (Rule R27). What it refuses, or cannot see, is inert; the session remembers it.
            Body::Edit { part, .. } if !self.sessions.is_lost(node) => {
                if let Some(update) = self.sessions.gate(op, node, *part, text, &self.judge) {
                    self.at_hand.put(op.id, update);
                }
            }
            Body::Profile(_) => {
                if let Some(Ok((name, color))) = text.map(read_profile) {
                    self.note_profile(op, node, name, color, out);
                }
            }
            Body::Version(_) => {
                if let Some((name, renames)) = text.and_then(read_version) {
                    let name = name.to_owned();
                    let version = Version { id: op.id, name, renames, author: op.author, time_ms: op.time_ms };
                    self.versions.push((node, version));
                    out.push(Output::VersionNamed(op.id));
                }
            }
            _ => {}
        }
    }

    fn note_profile(&mut self, op: &Op, node: Node, name: String, color: String, out: &mut Vec<Output>) {
        let rank = (self.judge.causal().depth(node), op.id);
        let newer = self.profiles.get(&op.author).is_none_or(|p| p.rank < rank);
        let room = self.profiles.len() < MAX_PROFILES || self.profiles.contains_key(&op.author);
        if newer && room {
            self.profiles.insert(op.author, Profile { name, color, rank });
            out.push(Output::ProfileChanged(op.author));
        }
    }
}
