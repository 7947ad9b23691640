//! One workspace on one device: all decisions, none of the I/O.
//!
//! Ops come in (`receive`, `load`, `author`), what has to happen goes out as `Output`s in order: persist, fold, rebuild.
//! Gaps wait here, bounded, and never reach the document. What is folded is causally closed, so nothing is ever
//! pending in yrs. An edit that the gate refuses stays in its place and is inert, with the rest of its session; of two
//! ops at one position of a session the one with the lower hash counts, the other and what depends on it is inert.
//!
//! Deliberately absent: op bytes (the driver keeps them, asked by id), clocks, randomness, peers' connections.

mod admission;
mod authoring;
mod exchange;
mod sessions;
mod waiting;

use std::collections::BTreeMap;

pub use admission::JoinAnswer;
pub use authoring::{AuthorError, LocalSession};
pub use exchange::{Missing, Shared};

use crate::causal::Node;
use crate::identity::{DeviceId, OpId, WorkspaceId};
use crate::judge::{Judge, Member, Refused, Role};
use crate::op::{Body, Invite, Op, OpError};
use sessions::Sessions;
use waiting::Waiting;

/// Devices whose profile is kept; others are shown by their id.
const MAX_PROFILES: usize = 4096;

/// What the driver must do, in order.
#[allow(clippy::large_enum_variant, reason = "outputs are consumed at once; most of them carry an op")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Store this op; it is part of the log now.
    Persist(Op),
    /// Apply the update of this op, which is accepted, to the document.
    Fold(OpId),
    /// Edits became void: rebuild the document from `fold_order`. Earlier `Fold`s of this list are included.
    Rebuild,
    /// Roles, links or members may differ.
    MembershipChanged,
    /// A device calls itself differently.
    ProfileChanged(DeviceId),
    /// A version was named.
    VersionNamed(OpId),
}

/// What became of one received op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// It is in the log now, with all that waited for it.
    New,
    /// It was known.
    Known,
    /// Ops in its past are missing; it waits, and an exchange of heads is due.
    Waiting,
}

/// Why an op does not enter the log. The sender is at fault, except for `NewerVersion`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unacceptable {
    /// Not an op at all, or not signed by its author.
    #[error(transparent)]
    Op(#[from] OpError),
    /// It belongs to another workspace.
    #[error("the op belongs to another workspace")]
    OtherWorkspace,
    /// Nothing in its past makes its author a member, or the attester that it acts as.
    #[error("nothing that the op had seen makes its author a member")]
    Outsider,
    /// An admission whose redemption proves nothing.
    #[error("the admission rests on no proof of the joining device")]
    FalseProof,
    /// Its place in its session contradicts the session.
    #[error("the op does not follow the one it names as its session's previous")]
    OutOfSession,
    /// The judge cannot take it.
    #[error(transparent)]
    Judge(#[from] Refused),
}

/// What is kept of each op.
#[derive(Clone, Copy, Debug)]
struct Known {
    bytes: u32,
    inert: bool,
    edit: bool,
    /// As its author claims.
    time_ms: u64,
}

/// A named version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The op that names it.
    pub id: OpId,
    /// Its name.
    pub name: String,
    /// Who named it.
    pub author: DeviceId,
    /// When, by the author's clock, in Unix milliseconds.
    pub time_ms: u64,
}

/// The replica of one workspace.
#[derive(Debug)]
pub struct Replica {
    workspace: WorkspaceId,
    judge: Judge,
    known: Vec<Known>,
    sessions: Sessions,
    waiting: Waiting,
    invites: BTreeMap<OpId, Invite>,
    grants: BTreeMap<DeviceId, Vec<Node>>,
    profiles: BTreeMap<DeviceId, Profile>,
    versions: Vec<(Node, Version)>,
    committed: u32,
    committed_heads: Vec<Node>,
    shared: BTreeMap<DeviceId, Shared>,
}

/// How a device calls itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// As typed; to be shown as plain text only.
    pub name: String,
    /// As typed; to be parsed as `#rrggbb` or dropped.
    pub color: String,
    rank: (u32, OpId),
}

impl Replica {
    /// A replica that knows nothing of `workspace` yet, not even its genesis.
    pub fn new(workspace: WorkspaceId) -> Self {
        Self {
            workspace,
            judge: Judge::new(),
            known: Vec::new(),
            sessions: Sessions::default(),
            waiting: Waiting::default(),
            invites: BTreeMap::new(),
            grants: BTreeMap::new(),
            profiles: BTreeMap::new(),
            versions: Vec::new(),
            committed: 0,
            committed_heads: Vec::new(),
            shared: BTreeMap::new(),
        }
    }

    /// Takes in an op from the store, checked before it was stored. Parents come before children there.
    ///
    /// # Errors
    /// When the row is damaged or its past is gone: the log must be completed from peers.
    pub fn load(&mut self, op: &Op, out: &mut Vec<Output>) -> Result<(), Unacceptable> {
        self.admit_to_log(op, out)?;
        self.note_committed(self.known.len() as u32);
        Ok(())
    }

    /// Takes in foreign bytes. Whatever waited for them follows.
    ///
    /// # Errors
    /// `Unacceptable`, with the replica unchanged.
    pub fn receive(&mut self, bytes: &[u8], out: &mut Vec<Output>) -> Result<Received, Unacceptable> {
        let id = OpId(*blake3::hash(bytes).as_bytes());
        if self.knows(&id) {
            return Ok(Received::Known);
        }
        let op = Op::decode(bytes)?;
        if op.workspace() != self.workspace {
            return Err(Unacceptable::OtherWorkspace);
        }
        let missing: Vec<OpId> = op.seen().filter(|d| !self.knows(d)).collect();
        if !missing.is_empty() {
            self.waiting.add(op, missing);
            return Ok(Received::Waiting);
        }
        self.insert(op, out)?;
        Ok(Received::New)
    }

    /// Inserts an op whose past is known, and then all that waited for it. A waiting op that proves unacceptable is
    /// dropped without blame: who sent it may have been misled.
    fn insert(&mut self, op: Op, out: &mut Vec<Output>) -> Result<(), Unacceptable> {
        self.admit_to_log(&op, out)?;
        let mut done = vec![op.id];
        while let Some(id) = done.pop() {
            for ready in self.waiting.release(&id) {
                if self.admit_to_log(&ready, out).is_ok() {
                    done.push(ready.id);
                }
            }
        }
        Ok(())
    }

    fn admit_to_log(&mut self, op: &Op, out: &mut Vec<Output>) -> Result<(), Unacceptable> {
        if op.workspace() != self.workspace {
            return Err(Unacceptable::OtherWorkspace);
        }
        let deps: Vec<Node> = op.seen().filter_map(|d| self.judge.node(&d.0)).collect();
        self.check_author(op, &deps)?;
        self.sessions.check_place(op, &self.judge)?;
        let changes = self.judge.insert(&op.fact())?;
        let node = changes.node;
        let edit = matches!(op.body, Body::Edit { .. });
        self.known.push(Known { bytes: op.bytes.len() as u32, inert: false, edit, time_ms: op.time_ms });
        let forked = self.sessions.place(op, node);
        self.known[node.index()].inert = self.sessions.is_lost(node, &self.judge);
        self.check_content(op, node);
        self.note_body(op, node, out);
        out.push(Output::Persist(op.clone()));
        if forked {
            self.mark_lost();
        }
        if forked || !changes.edits_voided.is_empty() {
            out.push(Output::Rebuild);
        } else {
            let folds = changes.edits_accepted.iter().filter(|n| !self.known[n.index()].inert);
            out.extend(folds.map(|n| Output::Fold(OpId(*self.judge.id(*n)))));
        }
        if changes.membership_changed {
            out.push(Output::MembershipChanged);
        }
        Ok(())
    }

    /// Membership plausibility: something in the op's own past makes its author a member, or the attester of the
    /// invite that it admits by. A pure function of the op's past, so all honest logs agree.
    fn check_author(&self, op: &Op, deps: &[Node]) -> Result<(), Unacceptable> {
        let in_past = |n: &Node| deps.iter().any(|d| d == n || self.judge.causal().saw(*d, *n));
        match &op.body {
            Body::Genesis { .. } => return Ok(()),
            Body::Admit { invite, redemption, .. } => {
                let known = self.judge.node(&invite.0).filter(|n| in_past(n)).and(self.invites.get(invite));
                let invite_op = known.ok_or(Unacceptable::Outsider)?;
                if !redemption.proves(&self.workspace, invite, invite_op) {
                    return Err(Unacceptable::FalseProof);
                }
                if invite_op.attester == Some(op.author) {
                    return Ok(());
                }
            }
            _ => {}
        }
        let grants = self.grants.get(&op.author).map(Vec::as_slice).unwrap_or_default();
        if grants.iter().any(in_past) { Ok(()) } else { Err(Unacceptable::Outsider) }
    }

    /// The gate: what its verdict rests on, the update's bytes and the op's past, never changes.
    fn check_content(&mut self, op: &Op, node: Node) {
        #[cfg(feature = "document")]
        if let Body::Edit { update, .. } = &op.body
            && !self.known[node.index()].inert
            && self.sessions.gate(op, node, update, &self.judge).is_err()
        {
            self.known[node.index()].inert = true;
        }
        #[cfg(not(feature = "document"))]
        let _ = (op, node);
    }

    fn note_body(&mut self, op: &Op, node: Node, out: &mut Vec<Output>) {
        match &op.body {
            Body::Genesis { .. } => self.grants.entry(op.author).or_default().push(node),
            Body::SetRole { subject, role, .. } if *role > Role::None => {
                self.grants.entry(*subject).or_default().push(node);
            }
            Body::Admit { redemption, .. } => self.grants.entry(redemption.device).or_default().push(node),
            Body::Invite(invite) => {
                self.invites.insert(op.id, invite.clone());
            }
            Body::Profile { name, color } => {
                let rank = (self.judge.causal().depth(node), op.id);
                let newer = self.profiles.get(&op.author).is_none_or(|p| p.rank < rank);
                let room = self.profiles.len() < MAX_PROFILES || self.profiles.contains_key(&op.author);
                if newer && room {
                    let profile = Profile { name: name.clone(), color: color.clone(), rank };
                    self.profiles.insert(op.author, profile);
                    out.push(Output::ProfileChanged(op.author));
                }
            }
            Body::Version { name } => {
                let version = Version { id: op.id, name: name.clone(), author: op.author, time_ms: op.time_ms };
                self.versions.push((node, version));
                out.push(Output::VersionNamed(op.id));
            }
            _ => {}
        }
    }

    fn mark_lost(&mut self) {
        for index in 0..self.known.len() {
            if self.sessions.is_lost(Node(index as u32), &self.judge) {
                self.known[index].inert = true;
            }
        }
    }

    /// Whether an op is in the log.
    pub fn knows(&self, id: &OpId) -> bool {
        self.judge.node(&id.0).is_some()
    }

    /// How many ops the log holds.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether not even the genesis is known.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Bytes of all ops in the log.
    pub fn bytes(&self) -> u64 {
        self.known.iter().map(|k| u64::from(k.bytes)).sum()
    }

    /// When an op was made by its author's clock, in Unix milliseconds.
    ///
    /// # Panics
    /// For a node of another replica.
    pub fn time_ms(&self, node: Node) -> u64 {
        self.known[node.index()].time_ms
    }

    /// When the workspace was founded, by its founder's clock; none before the genesis is known.
    pub fn founded_ms(&self) -> Option<u64> {
        self.known.first().map(|k| k.time_ms)
    }

    /// The workspace.
    pub fn workspace(&self) -> WorkspaceId {
        self.workspace
    }

    /// The judge, for its queries.
    pub fn judge(&self) -> &Judge {
        &self.judge
    }

    /// The role of a device, all known ops considered.
    pub fn role(&self, device: &DeviceId) -> Role {
        self.judge.role(&device.0)
    }

    /// Everybody whose role is at least viewer.
    pub fn members(&self) -> Vec<Member> {
        self.judge.members()
    }

    /// Whether a device was ever granted a role here.
    pub fn was_member(&self, device: &DeviceId) -> bool {
        self.grants.contains_key(device)
    }

    /// How a device calls itself.
    pub fn profile(&self, device: &DeviceId) -> Option<&Profile> {
        self.profiles.get(device)
    }

    /// All invites that were ever made, by id.
    pub fn invites(&self) -> &BTreeMap<OpId, Invite> {
        &self.invites
    }

    /// The versions named by members who could edit, oldest first as they came in here.
    pub fn versions(&self) -> impl Iterator<Item = &Version> + '_ {
        let counts = |n: Node, v: &Version| self.judge.role_at(&v.author.0, n) >= Role::Editor;
        self.versions.iter().filter(move |(n, v)| counts(*n, v)).map(|(_, v)| v)
    }

    /// The accepted edits, in an order in which they can be folded.
    pub fn fold_order(&self) -> Vec<OpId> {
        let folded = self.judge.accepted_edits().filter(|n| !self.known[n.index()].inert);
        folded.map(|n| OpId(*self.judge.id(n))).collect()
    }

    /// The accepted edits that an op had seen, in an order in which they can be folded: the state of a version.
    pub fn fold_order_at(&self, id: &OpId) -> Vec<OpId> {
        let Some(at) = self.judge.node(&id.0) else { return Vec::new() };
        let past = self.judge.accepted_edits().filter(|n| self.judge.causal().saw(at, *n));
        past.filter(|n| !self.known[n.index()].inert).map(|n| OpId(*self.judge.id(n))).collect()
    }

    /// Whether an op is an edit that counts and is folded.
    pub fn is_folded(&self, id: &OpId) -> bool {
        self.judge.node(&id.0).is_some_and(|n| self.judge.accepted(n) && !self.known[n.index()].inert)
    }
}

#[cfg(test)]
mod tests;
