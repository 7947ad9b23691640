//! Every message between peers, in canonical form behind a version byte.
//!
//! Gossip is a hint: ops, announcements of ops too large for it, heads and presence. Requests are the truth: the
//! exchange of heads (`Sync`), ops by id, ops pushed to a peer that lacks them, missing keys, and joining. A peer that meets a
//! newer version answers `Unsupported` with the one it speaks. Addresses, rooms and retries are the driver's.

mod note;
mod refusal;

use std::sync::Arc;

use crate::codec::{CodecError, Reader, Writer};
use crate::identity::{DeviceId, KeyId, OpId, WorkspaceId};
use crate::invitation::{MAX_ADDRESS_BYTES, Redemption};
use crate::op::{MAX_NAME_BYTES, MAX_OP_BYTES, MAX_STATE_PARTS, SEAL_BYTES};

pub use note::{MAX_NEAR, MAX_PRESENCE_BYTES, Note, NoteContent};
pub use refusal::Refusal;

/// The version of all messages here.
pub const WIRE_VERSION: u8 = 0;
/// Bytes of one gossip message; larger ops are announced and fetched.
pub const MAX_GOSSIP_BYTES: usize = 48 * 1024;
/// Heads in one message.
pub const MAX_HEADS: usize = 1024;
/// Older ops named in one exchange, to find what two peers have in common.
pub const MAX_HAVE: usize = 128;
/// Ops in one message.
pub const MAX_OPS: usize = 4096;
/// Bytes of ops in one answer; the first op may go beyond it.
pub const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// Bytes of ops in one push.
pub const MAX_PUSH_BYTES: usize = 512 * 1024;
/// Ops that somebody may push who is not known as a member: an admission, or what a recovery key says (Rule R32).
pub const MAX_SHOWN: usize = 2;
/// Keys in one request.
pub const MAX_KEYS: usize = 64;
/// Bytes of a token that lets its holder register a workspace at a relay.
pub const MAX_TOKEN_BYTES: usize = 256;
/// Requests to be let in that a relay keeps for one workspace, and gives in one answer.
pub const MAX_ASKED: usize = 64;
/// Members in one answer to a lookup.
pub const MAX_FOUND: usize = 1024;
/// Addresses of one found member.
pub const MAX_FOUND_ADDRESSES: usize = 16;
/// Notes in one request.
pub const MAX_NOTES: usize = 16;
/// Shares of keys in one answer about a state.
pub const MAX_STATE_SHARES: usize = 16;
/// The tag of `Request::Keys`.
const KEYS: u8 = 16;
/// The tag of `Request::Deposit`.
const DEPOSIT: u8 = 17;
/// The tag of `Request::Device`.
const DEVICE: u8 = 18;
/// The tag of `Request::Asked`.
const ASKED: u8 = 19;
/// The tag of `Request::State`.
const STATE: u8 = 20;
/// The tag of `Request::News`.
const NEWS: u8 = 21;
/// The tag of `Request::Notes`.
const NOTES: u8 = 22;

/// The gossip topic of a workspace: a hash, so that the name reveals nothing about the workspace.
pub fn topic(workspace: &WorkspaceId) -> [u8; 32] {
    blake3::derive_key("omniscope 2026 gossip topic", &workspace.0)
}

/// What travels on a workspace's topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gossip {
    /// Ops, whole.
    Ops(Vec<Arc<[u8]>>),
    /// Ops too large for gossip, to be fetched from whoever sent this.
    Announce(Vec<OpId>),
    /// A signed note that is never stored.
    Note(Note),
}

/// An epoch key sealed to the key of an invite: who redeems it can read, though no member is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deposit {
    /// The epoch key.
    pub key: KeyId,
    /// Its seal for the invite's key.
    pub seal: [u8; SEAL_BYTES],
}

impl Deposit {
    fn write(&self, w: &mut Writer) {
        w.array(&self.key.0).array(&self.seal);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self { key: KeyId(r.array("key id")?), seal: r.array("seal")? })
    }
}

/// What one peer asks another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// "These are my heads, and some older ops: send what I lack, and tell me yours."
    Sync { workspace: WorkspaceId, heads: Vec<OpId>, have: Vec<OpId> },
    /// "Send me these ops."
    Fetch { workspace: WorkspaceId, ids: Vec<OpId> },
    /// "Here are ops that you lack." Answered by a receipt, after commit.
    Push { workspace: WorkspaceId, ops: Vec<Arc<[u8]>> },
    /// "I cannot open what is sealed under these keys: seal them to me." Answered by a receipt; the seals come as ops.
    Keys { workspace: WorkspaceId, keys: Vec<KeyId> },
    /// "Keep this key for whoever redeems this invite, and forget it then." To the attester; answered by a receipt.
    Deposit { workspace: WorkspaceId, invite: OpId, deposit: Deposit },
    /// "Make me a device of yours by the device link with this key."
    Device { workspace: WorkspaceId, key: DeviceId, redemption: Redemption },
    /// "Admit me by this invite." To owners, for a link by request, with the name to show them, which proves nothing.
    Join { workspace: WorkspaceId, invite: Arc<[u8]>, redemption: Redemption, name: Option<String> },
    /// "Keep a mailbox for this workspace." To a relay; answered by a receipt, after commit.
    Register { workspace: WorkspaceId, genesis: Arc<[u8]>, token: Vec<u8> },
    /// "Who asked you to be let in by a link by request? These an owner declined." To a relay, by an owner.
    Asked { workspace: WorkspaceId, declined: Vec<(OpId, DeviceId)> },
    /// "Which members are connected with you, and where are they?" To a relay; for members.
    Lookup { workspace: WorkspaceId },
    /// "Show me the state that the newest checkpoint by this device vouches for, from this part on." To members.
    State { workspace: WorkspaceId, by: DeviceId, from: u32 },
    /// "This is committed here." From a relay to a member that is connected: the frontier, and what came last, where the
    /// member lacked what it was told before.
    News { workspace: WorkspaceId, heads: Vec<OpId>, ops: Vec<Arc<[u8]>> },
    /// "This is what I have told the others." From a device to one that has just come; what gossip would have the others hear
    /// once more.
    Notes { workspace: WorkspaceId, notes: Vec<Note> },
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// Ops in causal order; `heads` is the committed frontier of the one who answers; `more` asks to come again.
    Sync { ops: Vec<Arc<[u8]>>, heads: Vec<OpId>, more: bool },
    /// The ops asked for, as far as they are known.
    Ops(Vec<Arc<[u8]>>),
    /// The committed frontier after the push.
    Receipt { heads: Vec<OpId> },
    /// The admission is made; with it the key that was kept for whoever redeems the invite, if one was.
    Admitted { deposit: Option<Deposit> },
    /// A refusal.
    Refused(Refusal),
    /// The request is of a newer version than this one.
    Unsupported { version: u8 },
    /// Who asked to be let in, each with the link's invite.
    Asked(Vec<(OpId, Redemption)>),
    /// The asking device was a member until this op, and is served no more.
    Removed { by: Arc<[u8]> },
    /// The members who are connected, with the addresses that they tell, as multiaddrs.
    Found(Vec<(DeviceId, Vec<String>)>),
    /// A checkpoint, none if there is no such one here; the shares by which it can be read, with the first part; parts of
    /// its state, sealed as it vouches for them.
    State { checkpoint: Option<Arc<[u8]>>, shares: Vec<Arc<[u8]>>, parts: Vec<Arc<[u8]>> },
    /// News were heard, and whether any of it was unknown.
    Heard { new: bool },
}

fn ids<'w>(w: &'w mut Writer, ids: &[OpId]) -> &'w mut Writer {
    w.list(ids, |w, id| {
        w.array(&id.0);
    })
}

fn read_ids(r: &mut Reader<'_>, what: &'static str, max: usize) -> Result<Vec<OpId>, CodecError> {
    r.list(what, max, |r| Ok(OpId(r.array("op id")?)))
}

fn ops<'w>(w: &'w mut Writer, ops: &[Arc<[u8]>]) -> &'w mut Writer {
    w.list(ops, |w, op| {
        w.bytes(op);
    })
}

fn read_ops(r: &mut Reader<'_>) -> Result<Vec<Arc<[u8]>>, CodecError> {
    r.list("ops", MAX_OPS, |r| Ok(r.bytes("op", MAX_OP_BYTES)?.into()))
}

fn start() -> Writer {
    let mut w = Writer::new();
    w.u8(WIRE_VERSION);
    w
}

fn open<'a>(bytes: &'a [u8]) -> Result<Reader<'a>, CodecError> {
    let mut r = Reader::new(bytes);
    match r.u8("version")? {
        WIRE_VERSION => Ok(r),
        other => Err(CodecError::Unknown { what: "wire version", value: other.into() }),
    }
}

impl Gossip {
    /// Its canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = start();
        match self {
            Gossip::Ops(list) => ops(w.u8(0), list),
            Gossip::Announce(list) => ids(w.u8(1), list),
            Gossip::Note(note) => {
                note.write(w.u8(2));
                &mut w
            }
        };
        w.into_bytes()
    }

    /// Reads foreign bytes; notes are not verified here.
    ///
    /// # Errors
    /// When they are no message of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut r = open(bytes)?;
        let message = match r.u8("kind of gossip")? {
            0 => Gossip::Ops(read_ops(&mut r)?),
            1 => Gossip::Announce(read_ids(&mut r, "announced ops", MAX_OPS)?),
            2 => Gossip::Note(Note::read(&mut r)?),
            other => return Err(CodecError::Unknown { what: "kind of gossip", value: other.into() }),
        };
        r.finish()?;
        Ok(message)
    }
}

impl Request {
    /// The workspace that it is about.
    pub fn workspace(&self) -> WorkspaceId {
        match self {
            Request::Sync { workspace, .. }
            | Request::Fetch { workspace, .. }
            | Request::Push { workspace, .. }
            | Request::Join { workspace, .. }
            | Request::Register { workspace, .. }
            | Request::Keys { workspace, .. }
            | Request::Deposit { workspace, .. }
            | Request::Device { workspace, .. }
            | Request::Asked { workspace, .. }
            | Request::News { workspace, .. }
            | Request::Notes { workspace, .. }
            | Request::State { workspace, .. }
            | Request::Lookup { workspace } => *workspace,
        }
    }

    /// Its canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = start();
        match self {
            Request::Sync { workspace, heads, have } => ids(ids(w.u8(0).array(&workspace.0), heads), have),
            Request::Fetch { workspace, ids: list } => ids(w.u8(1).array(&workspace.0), list),
            Request::Push { workspace, ops: list } => ops(w.u8(2).array(&workspace.0), list),
            Request::Keys { workspace, keys } => w.u8(KEYS).array(&workspace.0).list(keys, |w, key| {
                w.array(&key.0);
            }),
            Request::Deposit { workspace, invite, deposit } => {
                deposit.write(w.u8(DEPOSIT).array(&workspace.0).array(&invite.0));
                &mut w
            }
            Request::Device { workspace, key, redemption } => {
                redemption.write(w.u8(DEVICE).array(&workspace.0).array(&key.0));
                &mut w
            }
            Request::Join { workspace, invite, redemption, name } => {
                redemption.write(w.u8(3).array(&workspace.0).bytes(invite));
                w.option(name.as_deref(), |w, name| {
                    w.str(name);
                })
            }
            Request::Register { workspace, genesis, token } => w.u8(4).array(&workspace.0).bytes(genesis).bytes(token),
            Request::Lookup { workspace } => w.u8(5).array(&workspace.0),
            Request::State { workspace, by, from } => {
                w.u8(STATE).array(&workspace.0).array(&by.0).varint((*from).into())
            }
            Request::News { workspace, heads, ops: list } => ops(ids(w.u8(NEWS).array(&workspace.0), heads), list),
            Request::Notes { workspace, notes } => w.u8(NOTES).array(&workspace.0).list(notes, |w, note| note.write(w)),
            Request::Asked { workspace, declined } => {
                w.u8(ASKED).array(&workspace.0).list(declined, |w, (invite, device)| {
                    w.array(&invite.0).array(&device.0);
                })
            }
        };
        w.into_bytes()
    }

    /// Reads foreign bytes.
    ///
    /// # Errors
    /// When they are no request of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut r = open(bytes)?;
        let tag = r.u8("kind of request")?;
        let workspace = WorkspaceId(r.array("workspace")?);
        let request = match tag {
            0 => Request::Sync {
                workspace,
                heads: read_ids(&mut r, "heads", MAX_HEADS)?,
                have: read_ids(&mut r, "have", MAX_HAVE)?,
            },
            1 => Request::Fetch { workspace, ids: read_ids(&mut r, "ids", MAX_OPS)? },
            2 => Request::Push { workspace, ops: read_ops(&mut r)? },
            DEVICE => Request::Device {
                workspace,
                key: DeviceId(r.array("link key")?),
                redemption: Redemption::read(&mut r)?,
            },
            3 => Request::Join {
                workspace,
                invite: r.bytes("invite", MAX_OP_BYTES)?.into(),
                redemption: Redemption::read(&mut r)?,
                name: r.option("name", |r| Ok(r.str("name", MAX_NAME_BYTES)?.to_owned()))?,
            },
            DEPOSIT => {
                let invite = OpId(r.array("invite")?);
                Request::Deposit { workspace, invite, deposit: Deposit::read(&mut r)? }
            }
            KEYS => {
                let keys = r.list("keys", MAX_KEYS, |r| Ok(KeyId(r.array("key id")?)))?;
                Request::Keys { workspace, keys }
            }
            4 => Request::Register {
                workspace,
                genesis: r.bytes("genesis", MAX_OP_BYTES)?.into(),
                token: r.bytes("token", MAX_TOKEN_BYTES)?.to_vec(),
            },
            5 => Request::Lookup { workspace },
            STATE => {
                let by = DeviceId(r.array("device")?);
                let from = r.varint("part")?;
                let from = u32::try_from(from).map_err(|_| CodecError::Unknown { what: "part", value: from })?;
                Request::State { workspace, by, from }
            }
            NEWS => Request::News { workspace, heads: read_ids(&mut r, "heads", MAX_HEADS)?, ops: read_ops(&mut r)? },
            NOTES => Request::Notes { workspace, notes: r.list("notes", MAX_NOTES, Note::read)? },
            ASKED => Request::Asked {
                workspace,
                declined: r
                    .list("declined", MAX_ASKED, |r| Ok((OpId(r.array("invite")?), DeviceId(r.array("device")?))))?,
            },
            other => return Err(CodecError::Unknown { what: "kind of request", value: other.into() }),
        };
        r.finish()?;
        Ok(request)
    }
}

impl Response {
    /// Its canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = start();
        match self {
            Response::Sync { ops: list, heads, more } => ids(ops(w.u8(0), list), heads).u8(u8::from(*more)),
            Response::Ops(list) => ops(w.u8(1), list),
            Response::Receipt { heads } => ids(w.u8(2), heads),
            Response::Admitted { deposit } => w.u8(3).option(*deposit, |w, deposit| deposit.write(w)),
            Response::Refused(refusal) => w.u8(4).u8(*refusal as u8),
            Response::Unsupported { version } => w.u8(5).u8(*version),
            Response::Removed { by } => w.u8(7).bytes(by),
            Response::State { checkpoint, shares, parts } => {
                let w = w.u8(9).option(checkpoint.as_deref(), |w, op| {
                    w.bytes(op);
                });
                ops(ops(w, shares), parts)
            }
            Response::Heard { new } => w.u8(10).u8(u8::from(*new)),
            Response::Asked(asked) => w.u8(8).list(asked, |w, (invite, redemption)| {
                redemption.write(w.array(&invite.0));
            }),
            Response::Found(members) => w.u8(6).list(members, |w, (device, addresses)| {
                w.array(&device.0).list(addresses, |w, address| {
                    w.str(address);
                });
            }),
        };
        w.into_bytes()
    }

    /// Reads foreign bytes.
    ///
    /// # Errors
    /// When they are no response of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut r = open(bytes)?;
        let response = match r.u8("kind of response")? {
            0 => Response::Sync {
                ops: read_ops(&mut r)?,
                heads: read_ids(&mut r, "heads", MAX_HEADS)?,
                more: r.option("more", |_| Ok(()))?.is_some(),
            },
            1 => Response::Ops(read_ops(&mut r)?),
            2 => Response::Receipt { heads: read_ids(&mut r, "heads", MAX_HEADS)? },
            3 => Response::Admitted { deposit: r.option("deposit", Deposit::read)? },
            4 => {
                let code = r.u8("refusal")?;
                let known = Refusal::ALL.get(code as usize).copied();
                Response::Refused(known.ok_or(CodecError::Unknown { what: "refusal", value: code.into() })?)
            }
            5 => Response::Unsupported { version: r.u8("version")? },
            6 => Response::Found(r.list("members", MAX_FOUND, |r| {
                let address = |r: &mut Reader<'_>| Ok(r.str("address", MAX_ADDRESS_BYTES)?.to_owned());
                Ok((DeviceId(r.array("device")?), r.list("addresses", MAX_FOUND_ADDRESSES, address)?))
            })?),
            8 => Response::Asked(
                r.list("requests", MAX_ASKED, |r| Ok((OpId(r.array("invite")?), Redemption::read(r)?)))?,
            ),
            7 => Response::Removed { by: r.bytes("op", MAX_OP_BYTES)?.into() },
            9 => Response::State {
                checkpoint: r.option("checkpoint", |r| Ok(r.bytes("op", MAX_OP_BYTES)?.into()))?,
                shares: r.list("shares", MAX_STATE_SHARES, |r| Ok(r.bytes("op", MAX_OP_BYTES)?.into()))?,
                parts: r.list("parts", MAX_STATE_PARTS, |r| Ok(r.bytes("part", MAX_OP_BYTES)?.into()))?,
            },
            10 => Response::Heard { new: r.option("new", |_| Ok(()))?.is_some() },
            other => return Err(CodecError::Unknown { what: "kind of response", value: other.into() }),
        };
        r.finish()?;
        Ok(response)
    }
}

#[cfg(test)]
mod tests;
