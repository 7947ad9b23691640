//! The signed op: one thing that one device said in one workspace, and what it had seen when it said so.
//!
//! Layout, in canonical form (`codec`): version, workspace, author, session, seq, prev, deps, time, kind, body,
//! signature. The id is the BLAKE3 hash of all these bytes. The signature covers everything before it under a domain
//! tag for the kind. Admissions and the genesis belong to no session: their session is all zeros, their seq is 0.
//! Everything up to the kind, the id and the signature are laid out alike in every version, now and later (Rule R20),
//! so that an op of a newer version can be checked, kept and passed on by a program that cannot read the rest.
//! What people write is sealed (`sealing`); everything that roles are judged by is in the clear, so that a relay comes to
//! the same roles as a member.
//! Whether an op counts is not told here (`judge`), nor whether its place in a session is right (`replica`).

mod husk;

use std::sync::Arc;

use crate::codec::{CodecError, Reader, Writer};
use crate::identity::{DeviceId, DeviceKey, KeyId, OpId, Purpose, SIGNATURE_BYTES, WorkspaceId, verify};
use crate::invitation::Redemption;
use crate::judge::{Fact, FactKind, Role};
use crate::kept::Kept;

/// The op version that this program writes. Version 0 had its payloads in the clear and is refused.
pub const OP_VERSION: u8 = 1;
/// Ops that one op may name, `prev` apart. An author with more heads first joins them.
pub const MAX_DEPS: usize = 64;
/// Bytes of an update inside one edit; larger edits are split into a group.
pub const MAX_EDIT_BYTES: usize = 256 * 1024;
/// Bytes of a whole op.
pub const MAX_OP_BYTES: usize = MAX_EDIT_BYTES + 64 * 1024;
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
const KEY_SHARE: u8 = 11;

/// Distinguishes the sessions of one device: random, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub [u8; 16]);

impl Kept for SessionId {
    fn keep(&self, w: &mut Writer) {
        self.0.keep(w);
    }

    fn regain(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        Kept::regain(r).map(Self)
    }
}

impl SessionId {
    /// What ops outside any session carry.
    pub const NONE: Self = Self([0; 16]);

    /// The session that a secret seed stands for.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let mut id = Self::NONE;
        id.0.copy_from_slice(&blake3::derive_key("omniscope 2026 session id", seed)[..16]);
        id
    }
}

/// The yrs and Yjs client id that all structs of a session carry: the low 53 bits of a hash of workspace and session,
/// and never 0.
pub fn client_id(workspace: &WorkspaceId, author: &DeviceId, session: &SessionId) -> u64 {
    let mut hasher = blake3::Hasher::new_derive_key("omniscope 2026 session client id");
    hasher.update(&workspace.0).update(&author.0).update(&session.0);
    let mut low = [0; 8];
    low.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    (u64::from_le_bytes(low) & ((1 << 53) - 1)).max(1)
}

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

/// What a sealed payload is bound to besides its key: the place of its op. A payload copied elsewhere does not open.
pub fn place(workspace: &WorkspaceId, author: &DeviceId, session: &SessionId, seq: u64, kind: u8) -> Vec<u8> {
    [&workspace.0[..], &author.0, &session.0, &seq.to_le_bytes(), &[kind]].concat()
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

    fn version(&self) -> u8 {
        if let Body::Newer { version, .. } = self { *version } else { OP_VERSION }
    }

    fn write(&self, w: &mut Writer) {
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

    fn read(tag: u8, r: &mut Reader<'_>) -> Result<Self, CodecError> {
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

fn sorted_ids(ids: Vec<OpId>, what: &'static str) -> Result<Vec<OpId>, CodecError> {
    if ids.is_sorted_by(|a, b| a < b) { Ok(ids) } else { Err(CodecError::NotCanonical(what)) }
}

/// The fields that an author fills in; `Op::sign` makes an op of them.
#[derive(Clone, Debug)]
pub struct Draft {
    /// All zeros for the genesis.
    pub workspace: WorkspaceId,
    /// `SessionId::NONE` outside sessions.
    pub session: SessionId,
    /// Position in the session, 0 for its opening.
    pub seq: u64,
    /// The op of the session before this one; present exactly if `seq` is above 0.
    pub prev: Option<OpId>,
    /// Other heads that the author had seen; sorted when signed.
    pub deps: Vec<OpId>,
    /// What the author's clock says, in Unix milliseconds. Shown to people; no rule depends on it.
    pub time_ms: u64,
    /// What it says.
    pub body: Body,
}

impl Draft {
    /// What its author signs, in canonical form. Deps are in order.
    fn text(&self, author: &DeviceId) -> Vec<u8> {
        let mut w = Writer::new();
        w.u8(self.body.version()).array(&self.workspace.0).array(&author.0).array(&self.session.0).varint(self.seq);
        w.option(self.prev, |w, id| {
            w.array(&id.0);
        });
        w.list(&self.deps, |w, id| {
            w.array(&id.0);
        });
        w.varint(self.time_ms).u8(self.body.tag());
        self.body.write(&mut w);
        w.into_bytes()
    }
}

/// A signed op, its bytes beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// Hash of `bytes`.
    pub id: OpId,
    /// All zeros for the genesis; `workspace()` gives the real one.
    workspace: WorkspaceId,
    /// Who says it.
    pub author: DeviceId,
    /// The session it belongs to.
    pub session: SessionId,
    /// Position in the session.
    pub seq: u64,
    /// The op of the session before this one.
    pub prev: Option<OpId>,
    /// What else the author had seen, sorted.
    pub deps: Vec<OpId>,
    /// When it was said by the author's own clock, in Unix milliseconds; a claim, on which no rule depends.
    pub time_ms: u64,
    /// What it says.
    pub body: Body,
    /// The canonical bytes, signature included.
    pub bytes: Arc<[u8]>,
}

/// Why bytes are no op.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpError {
    /// They are no canonical encoding.
    #[error("not an op: {0}")]
    Codec(#[from] CodecError),
    /// They are longer than any op may be.
    #[error("an op of {0} bytes; at most {MAX_OP_BYTES} are allowed")]
    TooLong(usize),
    /// The genesis of a workspace that a newer program founded: nothing can be made of it here.
    #[error("a workspace founded by version {0}; this program reads version {OP_VERSION}")]
    Version(u8),
    /// Its payload would be in the clear.
    #[error("an op of version 0, whose payload is not encrypted; this program reads version {OP_VERSION}")]
    Clear,
    /// The fields contradict each other.
    #[error("not an op: {0}")]
    Shape(&'static str),
    /// The signature is not its author's.
    #[error("the signature is not the author's")]
    Signature,
}

impl Op {
    /// Signs a draft.
    pub fn sign(draft: Draft, key: &DeviceKey) -> Self {
        let mut draft = draft;
        draft.deps.sort_unstable();
        draft.deps.dedup();
        let author = key.id();
        let mut bytes = draft.text(&author);
        let signature = key.sign(Purpose::Op(draft.body.tag()), &bytes);
        bytes.extend_from_slice(&signature);
        let id = OpId(*blake3::hash(&bytes).as_bytes());
        let Draft { workspace, session, seq, prev, deps, time_ms, body } = draft;
        Self { id, workspace, author, session, seq, prev, deps, time_ms, body, bytes: bytes.into() }
    }

    /// Reads and checks foreign bytes: size, form, signature, in this order (Rules R20 to R22). Of a newer version the
    /// body is kept unread.
    ///
    /// # Errors
    /// Says what is wrong; the sender is at fault, except for `OpError::Version`.
    pub fn decode(bytes: &[u8]) -> Result<Self, OpError> {
        let op = Self::decode_trusted(bytes)?;
        let (signed, signature) = bytes.split_at(bytes.len() - SIGNATURE_BYTES);
        let signature = signature.try_into().map_err(|_| OpError::Signature)?;
        if !verify(&op.author, Purpose::Op(op.body.tag()), signed, signature) {
            return Err(OpError::Signature);
        }
        Ok(op)
    }

    /// Who an op claims to be by, read from its beginning; for what no rule depends on.
    pub fn claimed_author(bytes: &[u8]) -> Option<DeviceId> {
        let author = bytes.get(33..65)?;
        Some(DeviceId(author.try_into().ok()?))
    }

    /// Whether bytes could be a key share; cheap, for sifting a log that was checked before.
    pub fn may_share_keys(bytes: &[u8]) -> bool {
        let kind = || {
            let mut r = Reader::new(bytes.get(81..)?);
            r.varint("seq").ok()?;
            r.option("prev", |r| r.array::<32>("prev")).ok()?;
            r.list("deps", MAX_DEPS, |r| r.array::<32>("dep")).ok()?;
            r.varint("time").ok()?;
            r.u8("kind").ok()
        };
        kind() == Some(KEY_SHARE)
    }

    /// Reads bytes whose signature was checked before they were stored under their hash.
    ///
    /// # Errors
    /// As `decode`, the signature apart.
    pub fn decode_trusted(bytes: &[u8]) -> Result<Self, OpError> {
        if bytes.len() > MAX_OP_BYTES {
            return Err(OpError::TooLong(bytes.len()));
        }
        let Some(signed) = bytes.len().checked_sub(SIGNATURE_BYTES).map(|n| &bytes[..n]) else {
            return Err(CodecError::Truncated("op").into());
        };
        let mut r = Reader::new(signed);
        let version = r.u8("version")?;
        let workspace = WorkspaceId(r.array("workspace")?);
        let author = DeviceId(r.array("author")?);
        let session = SessionId(r.array("session")?);
        let seq = r.varint("seq")?;
        let prev = r.option("prev", |r| Ok(OpId(r.array("prev")?)))?;
        let deps = sorted_ids(r.list("deps", MAX_DEPS, |r| Ok(OpId(r.array("dep")?)))?, "deps")?;
        let time_ms = r.varint("time")?;
        let kind = r.u8("kind")?;
        let body = if version > OP_VERSION {
            Body::Newer { version, kind, rest: r.rest().to_vec() }
        } else {
            if version < OP_VERSION {
                return Err(OpError::Clear);
            }
            let body = Body::read(kind, &mut r)?;
            r.finish()?;
            body
        };
        let id = OpId(*blake3::hash(bytes).as_bytes());
        let op = Self { id, workspace, author, session, seq, prev, deps, time_ms, body, bytes: bytes.into() };
        op.check_shape()?;
        Ok(op)
    }

    /// Rules on the header that need nothing but the op (Rule R22).
    fn check_shape(&self) -> Result<(), OpError> {
        let shape = |ok: bool, what| if ok { Ok(()) } else { Err(OpError::Shape(what)) };
        let founds = self.workspace.0 == [0; 32];
        let outside = self.session == SessionId::NONE;
        match &self.body {
            Body::Newer { version, .. } if founds => return Err(OpError::Version(*version)),
            Body::Newer { .. } => {}
            body => {
                let genesis = matches!(body, Body::Genesis { .. });
                let opens = matches!(body, Body::Open);
                let bare = genesis || matches!(body, Body::Admit { .. });
                shape(genesis == founds, "the genesis, and only it, names no workspace")?;
                shape(bare == outside, "the genesis and admissions, and only they, belong to no session")?;
                shape(bare || opens == (self.seq == 0), "a session opens at seq 0, and only there")?;
            }
        }
        shape(founds == (self.prev.is_none() && self.deps.is_empty()), "the genesis, and only it, has no deps")?;
        shape(!outside || self.seq == 0, "seq is of sessions only")?;
        shape(self.prev.is_some() == (self.seq > 0), "prev is there exactly after seq 0")?;
        shape(self.prev.is_none_or(|p| self.deps.binary_search(&p).is_err()), "deps repeat prev")
    }

    /// The workspace it belongs to.
    pub fn workspace(&self) -> WorkspaceId {
        if let Body::Genesis { .. } = self.body { WorkspaceId(self.id.0) } else { self.workspace }
    }

    /// What its sealed payload is bound to.
    pub fn place(&self) -> Vec<u8> {
        place(&self.workspace, &self.author, &self.session, self.seq, self.body.tag())
    }

    /// The sealed payload, of an edit, a profile, a version or a checkpoint.
    pub fn sealed(&self) -> Option<&Sealed> {
        match &self.body {
            Body::Edit { update, .. } => Some(update),
            Body::Profile(text) | Body::Version(text) => Some(text),
            Body::Checkpoint(said) => Some(&said.document),
            _ => None,
        }
    }

    /// The client id of its session.
    pub fn client(&self) -> u64 {
        client_id(&self.workspace, &self.author, &self.session)
    }

    /// Everything it names as seen: prev, then deps.
    pub fn seen(&self) -> impl Iterator<Item = OpId> + '_ {
        self.prev.into_iter().chain(self.deps.iter().copied())
    }

    /// What the judge needs to know of it.
    pub fn fact(&self) -> Fact {
        let kind = match &self.body {
            Body::Genesis { .. } => FactKind::SetRole { subject: self.author.0, role: Role::Owner, cap: None },
            Body::SetRole { subject, role, cap } => {
                FactKind::SetRole { subject: subject.0, role: *role, cap: Some(cap.0) }
            }
            Body::Invite(i) => FactKind::Invite {
                role: i.role,
                cap: Some(i.cap.0),
                max_uses: i.max_uses,
                attester: i.attester.map(|d| d.0),
            },
            Body::RevokeInvite { invite, cap } => FactKind::RevokeInvite { invite: invite.0, cap: Some(cap.0) },
            Body::Admit { invite, proof, redemption } => {
                FactKind::Admit { invite: invite.0, subject: redemption.device.0, proof: proof.map(|p| p.0) }
            }
            Body::Edit { adopts, .. } => FactKind::Edit { adopts: adopts.iter().map(|a| a.0).collect() },
            Body::Leave => FactKind::Leave,
            Body::AddDevice { under, redemption, .. } => {
                FactKind::AddDevice { subject: redemption.device.0, under: under.map(|add| add.0) }
            }
            Body::RemoveDevice { device, under } => {
                FactKind::RemoveDevice { subject: device.0, under: under.map(|add| add.0) }
            }
            Body::Close { cap } => FactKind::Close { cap: Some(cap.0) },
            Body::Open
            | Body::Profile(_)
            | Body::Version(_)
            | Body::KeyShare(_)
            | Body::Deposit { .. }
            | Body::Checkpoint(_)
            | Body::Join
            | Body::Newer { .. } => FactKind::Plain,
        };
        Fact { id: self.id.0, author: self.author.0, deps: self.seen().map(|d| d.0).collect(), kind }
    }
}

#[cfg(test)]
mod tests;
