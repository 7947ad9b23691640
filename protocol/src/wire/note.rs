//! Signed notes on a topic: what a device does, which heads it has committed, whom it hears directly.
//!
//! Deliberately absent: what a presence says inside its seal (`engine`).

use super::{MAX_HEADS, ids, read_ids};
use crate::codec::{CodecError, Reader, Writer};
use crate::identity::{DeviceId, DeviceKey, OpId, Purpose, SIGNATURE_BYTES, WorkspaceId, verify};
use crate::op::{SEALING_BYTES, Sealed};

/// Devices that one note may name as near.
pub const MAX_NEAR: usize = 256;
/// Bytes of one presence body before it is sealed.
pub const MAX_PRESENCE_BYTES: usize = 8 * 1024;

/// A signed note: what a device is doing, which heads it has committed, or whom it hears directly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Who says it.
    pub device: DeviceId,
    /// What it says.
    pub content: NoteContent,
    pub(super) signature: [u8; SIGNATURE_BYTES],
}

/// What a note says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoteContent {
    /// An encoded presence state, sealed.
    Presence(Sealed),
    /// The frontier that the device has committed: a receipt for all in its past.
    Heads(Vec<OpId>),
    /// The members that the device is connected with: what comes from them directly need not be handed on to it.
    Near(Vec<DeviceId>),
}

impl Note {
    /// Signs a note for one workspace.
    pub fn sign(workspace: &WorkspaceId, content: NoteContent, key: &DeviceKey) -> Self {
        let signature = key.sign(Purpose::Ephemeral, &content.text(workspace));
        Self { device: key.id(), content, signature }
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.array(&self.device.0);
        self.content.write(w);
        w.array(&self.signature);
    }

    /// Reads foreign bytes; the signature is not verified here.
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let device = DeviceId(r.array("device")?);
        Ok(Self { device, content: NoteContent::read(r)?, signature: r.array("signature")? })
    }

    /// Whether its device said it in this workspace.
    pub fn is_genuine(&self, workspace: &WorkspaceId) -> bool {
        verify(&self.device, Purpose::Ephemeral, &self.content.text(workspace), &self.signature)
    }
}

impl NoteContent {
    fn text(&self, workspace: &WorkspaceId) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(&workspace.0);
        self.write(&mut w);
        w.into_bytes()
    }

    pub(super) fn write(&self, w: &mut Writer) {
        match self {
            NoteContent::Presence(body) => {
                body.write(w.u8(0));
                w
            }
            NoteContent::Heads(heads) => ids(w.u8(1), heads),
            NoteContent::Near(devices) => w.u8(2).list(devices, |w, device| {
                w.array(&device.0);
            }),
        };
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(match r.u8("kind of note")? {
            0 => NoteContent::Presence(Sealed::read(r, MAX_PRESENCE_BYTES + SEALING_BYTES)?),
            1 => NoteContent::Heads(read_ids(r, "heads", MAX_HEADS)?),
            2 => NoteContent::Near(r.list("near devices", MAX_NEAR, |r| Ok(DeviceId(r.array("device")?)))?),
            other => return Err(CodecError::Unknown { what: "kind of note", value: other.into() }),
        })
    }
}
