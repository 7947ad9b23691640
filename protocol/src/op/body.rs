//! What an op says, kind by kind, and its canonical form.
//!
//! What people write is sealed (`sealing`); everything that roles are judged by is in the clear, so that a relay comes to
//! the same roles as a member. Deliberately absent: the header, the signature (`op`), and what any of it means (`judge`).

use crate::codec::{CodecError, Reader, Writer};
use crate::identity::{DeviceId, KeyId, OpId};
use crate::invitation::Redemption;
use crate::judge::Role;
use crate::kept::Kept;

use super::OP_VERSION;

/// Bytes of an update inside one edit; larger edits are split into a group.
pub const MAX_EDIT_BYTES: usize = 256 * 1024;
/// Parts of one group of edits.
pub const MAX_PARTS: usize = 1024;
/// Void edits that one edit may adopt.
pub const MAX_ADOPTS: usize = 1024;
/// Bytes of a name: of a person, a workspace or a version.
pub const MAX_NAME_BYTES: usize = 256;
/// What sealing adds to a text: nonce and tag.
pub const SEALING_BYTES: usize = 24 + 16;
/// Bytes of an epoch key sealed to a device: encapsulated key, key, tag.
pub const SEAL_BYTES: usize = 32 + 32 + 16;
/// Bytes of an epoch key wrapped under another one: nonce, key, tag.
pub const WRAPPED_BYTES: usize = 24 + 32 + 16;
/// Devices that one op seals a key to.
pub const MAX_SEALS: usize = 2048;
/// Older keys that one op wraps.
pub const MAX_WRAPPED: usize = 256;
/// Parts that the state of a document is cut into for a checkpoint; with the largest parts, 1 GiB.
pub const MAX_STATE_PARTS: usize = 4096;
/// Bytes of the sealed text of a checkpoint.
const MAX_CHECKPOINT_BYTES: usize = 32 * (MAX_STATE_PARTS + 1) + 8 + SEALING_BYTES;
/// Bytes of a sealed name with what belongs to it.
const MAX_SEALED_NAME_BYTES: usize = MAX_NAME_BYTES + 64 + SEALING_BYTES;

/// The kinds whose payload is sealed; the place that it is sealed for names the kind.
pub(crate) mod sealed_kind {
    pub(crate) const EDIT: u8 = 7;
    pub(crate) const PROFILE: u8 = 8;
    pub(crate) const VERSION: u8 = 9;
    pub(crate) const CHECKPOINT: u8 = 13;
}

/// The kind of `Body::KeyShare`.
pub(super) const KEY_SHARE: u8 = 11;

/// What an op says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Founds a workspace: the author becomes its owner. The nonce makes its id unique.
    Genesis { nonce: [u8; 16] },
    /// Opens a session; the only kind at seq 0.
    Open,
    /// Gives `subject` a role (none removes it) under the owner grant `cap`.
    SetRole { subject: DeviceId, role: Role, cap: OpId },
    /// A link; see `invitation`.
    Invite(Invite),
    /// Ends a link.
    RevokeInvite { invite: OpId, cap: OpId },
    /// Admits a device by a link; carries the joiner's redemption.
    Admit { invite: OpId, proof: Option<OpId>, redemption: Redemption },
    /// The author gives up its membership.
    Leave,
    /// Changes the document by a v1 update, sealed. Parts of a group are folded together, after the last.
    Edit { adopts: Vec<OpId>, part: Part, update: Sealed },
    /// How the author calls itself, sealed.
    Profile(Sealed),
    /// Names the state that the op had seen, sealed.
    Version(Sealed),
    /// Gives an epoch key to devices; the first to name a key begins its epoch.
    KeyShare(KeyShare),
    /// Says that a key lies sealed for whoever redeems an invite, at its attester.
    Deposit { invite: OpId, key: KeyId },
    /// Makes the device of `redemption` one of `person` (Rule R19): `under` is the add that made the author one, none for
    /// the first device; `key` is the public half of the link's key.
    AddDevice { person: DeviceId, under: Option<OpId>, key: DeviceId, redemption: Redemption },
    /// Ends a device of the author's person.
    RemoveDevice { device: DeviceId, under: Option<OpId> },
    /// Closes the workspace (Rule R36).
    Close { cap: OpId },
    /// Says what its past comes to (Rule R44).
    Checkpoint(Checkpoint),
    /// Says nothing; joins heads for an author who has seen more of them than one op may name.
    Join,
    /// Says what only a newer program can read. Kept and passed on; nothing that depends on it is folded (Rule R23).
    Newer { version: u8, kind: u8, rest: Vec<u8> },
}

/// What an owner says that everything before an op comes to, as far as that past tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// How many ops count: edits and membership ops.
    pub count: u64,
    /// The root of their ids (`checkpoint::root`).
    pub ops: [u8; 32],
    /// The digest of everybody's role (`checkpoint::roles_digest`).
    pub roles: [u8; 32],
    /// The digest of the document, and those of the parts of its state; sealed.
    pub document: Sealed,
}

/// A text that only those can read who have the key it names.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The epoch key that opens it.
    pub key: KeyId,
    /// Nonce, ciphertext and tag.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed({} bytes under {})", self.bytes.len(), self.key.fmt_short())
    }
}

impl Sealed {
    /// Appends its canonical form.
    pub fn write(&self, w: &mut Writer) {
        w.array(&self.key.0).bytes(&self.bytes);
    }

    /// Reads its canonical form; at most `max` bytes of ciphertext.
    ///
    /// # Errors
    /// When the bytes end early or are too many.
    pub fn read(r: &mut Reader<'_>, max: usize) -> Result<Self, CodecError> {
        Ok(Self { key: KeyId(r.array("key id")?), bytes: r.bytes("sealed text", max)?.to_vec() })
    }
}

/// An epoch key on its way: sealed to devices, and wrapping the keys of epochs before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyShare {
    /// The key.
    pub key: KeyId,
    /// Who gets it; sorted by device, without repeats.
    pub seals: Vec<Seal>,
    /// Older keys that whoever has it gets too; sorted by key, without repeats.
    pub older: Vec<Wrapped>,
}

/// An epoch key sealed to one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The device.
    pub device: DeviceId,
    /// HPKE: encapsulated key, ciphertext and tag.
    pub bytes: [u8; SEAL_BYTES],
}

/// An epoch key under another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wrapped {
    /// The wrapped key.
    pub key: KeyId,
    /// Nonce, ciphertext and tag.
    pub bytes: [u8; WRAPPED_BYTES],
}

impl KeyShare {
    fn write(&self, w: &mut Writer) {
        w.array(&self.key.0).list(&self.seals, |w, seal| {
            w.array(&seal.device.0).array(&seal.bytes);
        });
        w.list(&self.older, |w, wrapped| {
            w.array(&wrapped.key.0).array(&wrapped.bytes);
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let key = KeyId(r.array("key id")?);
        let seals = r.list("seals", MAX_SEALS, |r| {
            Ok(Seal { device: DeviceId(r.array("recipient")?), bytes: r.array("seal")? })
        })?;
        let older = r.list("older keys", MAX_WRAPPED, |r| {
            Ok(Wrapped { key: KeyId(r.array("older key")?), bytes: r.array("wrapped key")? })
        })?;
        let sorted = seals.is_sorted_by(|a, b| a.device < b.device) && older.is_sorted_by(|a, b| a.key < b.key);
        if sorted { Ok(Self { key, seals, older }) } else { Err(CodecError::NotCanonical("key share")) }
    }
}

/// Position of an edit in a group of edits that count together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// From 0.
    pub index: u16,
    /// At least 1.
    pub count: u16,
}

kept!(Part { index, count });

impl Part {
    /// An edit that stands alone.
    pub const WHOLE: Self = Self { index: 0, count: 1 };
}

/// What a link grants, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// Viewer or editor.
    pub role: Role,
    /// The owner grant it is issued under.
    pub cap: OpId,
    /// None: no limit, any member may admit.
    pub max_uses: Option<u32>,
    /// Who counts the uses; present exactly if there is a limit.
    pub attester: Option<DeviceId>,
    /// Unix seconds after which the attester refuses; none: never. No rule depends on it.
    pub expires: Option<u64>,
    /// Public half of the key that the link carries.
    pub key: DeviceId,
    /// The only device that may use it, if it is bound.
    pub bound_to: Option<DeviceId>,
    /// Its holder asks, and an owner lets in by a set role: no admission by it enters a log (Rule R26). Such a link has
    /// neither a limit nor an attester.
    pub approve: bool,
}

impl Body {
    /// The byte that stands for the kind, and its domain tag.
    pub fn tag(&self) -> u8 {
        match self {
            Body::Genesis { .. } => 0,
            Body::Open => 1,
            Body::SetRole { .. } => 2,
            Body::Invite(_) => 3,
            Body::RevokeInvite { .. } => 4,
            Body::Admit { .. } => 5,
            Body::Leave => 6,
            Body::Edit { .. } => sealed_kind::EDIT,
            Body::Profile(_) => sealed_kind::PROFILE,
            Body::Version(_) => sealed_kind::VERSION,
            Body::Join => 10,
            Body::KeyShare(_) => KEY_SHARE,
            Body::Deposit { .. } => 12,
            Body::Checkpoint(_) => sealed_kind::CHECKPOINT,
            Body::AddDevice { .. } => 14,
            Body::RemoveDevice { .. } => 15,
            Body::Close { .. } => 16,
            Body::Newer { kind, .. } => *kind,
        }
    }

    pub(super) fn version(&self) -> u8 {
        if let Body::Newer { version, .. } = self { *version } else { OP_VERSION }
    }

    pub(super) fn write(&self, w: &mut Writer) {
        match self {
            Body::Genesis { nonce } => {
                w.array(nonce);
            }
            Body::Open | Body::Leave | Body::Join => {}
            Body::SetRole { subject, role, cap } => {
                w.array(&subject.0).u8(*role as u8).array(&cap.0);
            }
            Body::Invite(invite) => invite.write(w),
            Body::RevokeInvite { invite, cap } => {
                w.array(&invite.0).array(&cap.0);
            }
            Body::Admit { invite, proof, redemption } => {
                w.array(&invite.0).option(*proof, |w, p| {
                    w.array(&p.0);
                });
                redemption.write(w);
            }
            Body::Edit { adopts, part, update } => {
                w.list(adopts, |w, id| {
                    w.array(&id.0);
                });
                w.varint(part.index.into()).varint(part.count.into());
                update.write(w);
            }
            Body::Profile(text) | Body::Version(text) => text.write(w),
            Body::KeyShare(share) => share.write(w),
            Body::Deposit { invite, key } => {
                w.array(&invite.0).array(&key.0);
            }
            Body::Checkpoint(said) => {
                w.varint(said.count).array(&said.ops).array(&said.roles);
                said.document.write(w);
            }
            Body::AddDevice { person, under, key, redemption } => {
                w.array(&person.0).option(*under, |w, add| {
                    w.array(&add.0);
                });
                redemption.write(w.array(&key.0));
            }
            Body::RemoveDevice { device, under } => {
                w.array(&device.0).option(*under, |w, add| {
                    w.array(&add.0);
                });
            }
            Body::Close { cap } => {
                w.array(&cap.0);
            }
            Body::Newer { rest, .. } => {
                w.array(rest);
            }
        }
    }

    pub(super) fn read(tag: u8, r: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(match tag {
            0 => Body::Genesis { nonce: r.array("nonce")? },
            1 => Body::Open,
            2 => Body::SetRole {
                subject: DeviceId(r.array("subject")?),
                role: read_role(r)?,
                cap: OpId(r.array("cap")?),
            },
            3 => Body::Invite(Invite::read(r)?),
            4 => Body::RevokeInvite { invite: OpId(r.array("invite")?), cap: OpId(r.array("cap")?) },
            5 => Body::Admit {
                invite: OpId(r.array("invite")?),
                proof: r.option("proof", |r| Ok(OpId(r.array("proof")?)))?,
                redemption: Redemption::read(r)?,
            },
            6 => Body::Leave,
            sealed_kind::EDIT => Body::Edit {
                adopts: sorted_ids(r.list("adopts", MAX_ADOPTS, |r| Ok(OpId(r.array("adopted op")?)))?, "adopts")?,
                part: read_part(r)?,
                update: Sealed::read(r, MAX_EDIT_BYTES + SEALING_BYTES)?,
            },
            sealed_kind::PROFILE => Body::Profile(Sealed::read(r, MAX_SEALED_NAME_BYTES)?),
            sealed_kind::VERSION => Body::Version(Sealed::read(r, MAX_SEALED_NAME_BYTES)?),
            10 => Body::Join,
            KEY_SHARE => Body::KeyShare(KeyShare::read(r)?),
            12 => Body::Deposit { invite: OpId(r.array("invite")?), key: KeyId(r.array("key id")?) },
            sealed_kind::CHECKPOINT => Body::Checkpoint(Checkpoint {
                count: r.varint("count")?,
                ops: r.array("root of ops")?,
                roles: r.array("digest of roles")?,
                document: Sealed::read(r, MAX_CHECKPOINT_BYTES)?,
            }),
            14 => Body::AddDevice {
                person: DeviceId(r.array("person")?),
                under: r.option("add", |r| Ok(OpId(r.array("add")?)))?,
                key: DeviceId(r.array("link key")?),
                redemption: Redemption::read(r)?,
            },
            15 => Body::RemoveDevice {
                device: DeviceId(r.array("device")?),
                under: r.option("add", |r| Ok(OpId(r.array("add")?)))?,
            },
            16 => Body::Close { cap: OpId(r.array("cap")?) },
            other => return Err(CodecError::Unknown { what: "kind of op", value: other.into() }),
        })
    }
}

impl Invite {
    fn write(&self, w: &mut Writer) {
        w.u8(self.role as u8).array(&self.cap.0);
        w.option(self.max_uses, |w, n| {
            w.varint(n.into());
        });
        w.option(self.attester, |w, d| {
            w.array(&d.0);
        });
        w.option(self.expires, |w, t| {
            w.varint(t);
        });
        w.array(&self.key.0).option(self.bound_to, |w, d| {
            w.array(&d.0);
        });
        w.u8(u8::from(self.approve));
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let invite = Self {
            role: read_role(r)?,
            cap: OpId(r.array("cap")?),
            max_uses: r.option("uses", |r| Ok(r.length("uses", u32::MAX as usize)? as u32))?,
            attester: r.option("attester", |r| Ok(DeviceId(r.array("attester")?)))?,
            expires: r.option("expiry", |r| r.varint("expiry"))?,
            key: DeviceId(r.array("invite key")?),
            bound_to: r.option("bound device", |r| Ok(DeviceId(r.array("bound device")?)))?,
            approve: r.option("approval", |_| Ok(()))?.is_some(),
        };
        let counted = invite.max_uses.is_some() || invite.attester.is_some();
        if invite.approve && counted { Err(CodecError::NotCanonical("invite by request")) } else { Ok(invite) }
    }
}

impl Kept for Invite {
    fn keep(&self, w: &mut Writer) {
        self.write(w);
    }

    fn regain(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        Self::read(r)
    }
}

fn read_role(r: &mut Reader<'_>) -> Result<Role, CodecError> {
    Ok(match r.u8("role")? {
        0 => Role::None,
        1 => Role::Viewer,
        2 => Role::Editor,
        3 => Role::Owner,
        other => return Err(CodecError::Unknown { what: "role", value: other.into() }),
    })
}

fn read_part(r: &mut Reader<'_>) -> Result<Part, CodecError> {
    let index = r.length("part", MAX_PARTS)? as u16;
    let count = r.length("parts", MAX_PARTS)? as u16;
    if index >= count {
        return Err(CodecError::NotCanonical("part"));
    }
    Ok(Part { index, count })
}

pub(super) fn sorted_ids(ids: Vec<OpId>, what: &'static str) -> Result<Vec<OpId>, CodecError> {
    if ids.is_sorted_by(|a, b| a < b) { Ok(ids) } else { Err(CodecError::NotCanonical(what)) }
}
