//! The signed op: one thing that one device said in one workspace, and what it had seen when it said so.
//!
//! Layout, in canonical form (`codec`): version, workspace, author, session, seq, prev, deps, time, kind, body,
//! signature. The id is the BLAKE3 hash of all these bytes. The signature covers everything before it under a domain
//! tag for the kind. Admissions and the genesis belong to no session: their session is all zeros, their seq is 0.
//! Everything up to the kind, the id and the signature are laid out alike in every version, now and later (Rule R20),
//! so that an op of a newer version can be checked, kept and passed on by a program that cannot read the rest.
//! What it says is of `body`. Deliberately absent: whether it counts (`judge`), and whether its place in a session is right (`replica`).

mod body;
mod husk;

use std::sync::Arc;

use crate::codec::{CodecError, Reader, Writer};
use crate::identity::{DeviceId, DeviceKey, OpId, Purpose, SIGNATURE_BYTES, WorkspaceId, verify};
use crate::judge::{Fact, FactKind, Role};
use crate::kept::Kept;

#[cfg(feature = "document")]
pub(crate) use body::sealed_kind;
pub use body::{
    Body, Checkpoint, Invite, KeyShare, MAX_ADOPTS, MAX_EDIT_BYTES, MAX_NAME_BYTES, MAX_PARTS, MAX_SEALS,
    MAX_STATE_PARTS, MAX_WRAPPED, Part, SEAL_BYTES, SEALING_BYTES, Seal, Sealed, WRAPPED_BYTES, Wrapped,
};
use body::{KEY_SHARE, sorted_ids};

/// The op version that this program writes. Version 0 had its payloads in the clear and is refused.
pub const OP_VERSION: u8 = 1;
/// Ops that one op may name, `prev` apart. An author with more heads first joins them.
pub const MAX_DEPS: usize = 64;
/// Bytes of a whole op.
pub const MAX_OP_BYTES: usize = MAX_EDIT_BYTES + 64 * 1024;

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

/// What a sealed payload is bound to besides its key: the place of its op. A payload copied elsewhere does not open.
pub fn place(workspace: &WorkspaceId, author: &DeviceId, session: &SessionId, seq: u64, kind: u8) -> Vec<u8> {
    [&workspace.0[..], &author.0, &session.0, &seq.to_le_bytes(), &[kind]].concat()
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
