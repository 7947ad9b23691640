//! One workspace on one device: all decisions, none of the I/O.
//!
//! Ops come in (`receive`, `load`, `author`), what has to happen goes out as `Output`s in order: persist, fold, rebuild.
//! Gaps wait here, bounded, and never reach the document. What is folded is causally closed, so nothing is ever
//! pending in yrs. An edit that the gate refuses stays in its place and is inert, with the rest of its session; of
//! several ops at one position of a session one counts, the others and what depends on them are inert; the
//! parts of a group are folded with its last one; what depends on an op of a newer version waits for a newer program.
//! An edit whose epoch key is not known here is **shut**: it stays in its place, and when the key comes the driver hands
//! over the log once more (`reopen`), as it does when the judge says something else of rivals. All of it is a function of the set of known ops, in whatever order they came.
//!
//! Deliberately absent: op bytes (the driver keeps them, asked by id), clocks, randomness, peers' connections.

mod admission;
#[cfg(feature = "document")]
mod authoring;
mod checkpoints;
mod exchange;
#[cfg(feature = "document")]
mod folding;
#[cfg(feature = "document")]
mod kept;
#[cfg(feature = "document")]
mod keys;
#[cfg(feature = "document")]
mod opening;
mod sessions;
mod tail;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};

pub use admission::AuthorError;
pub use admission::JoinAnswer;
#[cfg(feature = "document")]
pub use authoring::{LocalSession, Saying};
pub use exchange::{Missing, Shared};
#[cfg(feature = "document")]
pub use kept::Unusable;
#[cfg(feature = "document")]
pub use opening::read_version;
pub use tail::{Tail, Unsure};

use crate::causal::Node;
use crate::identity::{DeviceId, OpId, WorkspaceId};
use crate::judge::{FactKind, Judge, Member, Refused, Role};
use crate::op::{Body, Invite, Op, OpError, SessionId};
use sessions::Sessions;
use waiting::Waiting;

/// What the driver must do, in order.
#[allow(clippy::large_enum_variant, reason = "outputs are consumed at once; most of them carry an op")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Store this op; it is part of the log now.
    Persist(Op),
    /// Apply the update of this op, which is accepted, to the document. Parts of a group follow one another, at once.
    Fold(OpId),
    /// These edits count no more: rebuild the document from `fold_order`. All `Fold`s of this list are included.
    Rebuild(Vec<OpId>),
    /// Roles, links or members may differ.
    MembershipChanged,
    /// A device calls itself differently.
    ProfileChanged(DeviceId),
    /// A version was named.
    VersionNamed(OpId),
    /// What ops say has to be read once more: keys came in for some that were shut, or other branches of forks count now.
    /// After everything else of the list, hand the log to `reopen` and rebuild.
    Reopen,
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

/// Why an op does not enter the log. The sender is at fault, except where `is_fault` says otherwise.
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
    /// The same, but it had seen ops of this newer version, which may say otherwise.
    #[error("whether the op's author is a member stands in ops of version {0}, which this program cannot read")]
    Unread(u8),
    /// An admission whose redemption proves nothing, or by a link that lets nobody in by itself.
    #[error("the admission rests on no proof of the joining device")]
    FalseProof,
    /// Its place in its session contradicts the session.
    #[error("the op does not follow the one it names as its session's previous")]
    OutOfSession,
    /// The judge cannot take it.
    #[error(transparent)]
    Judge(#[from] Refused),
}

impl Unacceptable {
    /// Whether whoever made or sent the op misbehaved; otherwise this program is too old for it.
    pub fn is_fault(&self) -> bool {
        !matches!(self, Unacceptable::Unread(_) | Unacceptable::Op(OpError::Version(_)))
    }
}

/// What is kept of each op.
#[derive(Clone, Copy, Debug)]
struct Known {
    bytes: u32,
    /// An edit of a version that this program can read.
    edit: bool,
    /// Its payload is sealed, and of such a version.
    #[cfg(feature = "document")]
    sealed: bool,
    /// As its author claims.
    time_ms: u64,
    /// The highest newer version among the op and its past; 0 if all of it can be read.
    unread: u8,
}

/// A named version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The op that names it.
    pub id: OpId,
    /// Its name.
    pub name: String,
    /// The version of another op whose name this is from then on; none in what `Replica::versions` gives.
    pub renames: Option<OpId>,
    /// Who named it first.
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
    /// What could make a device's ops plausible: grants, admissions, adds of it as a device.
    grants: BTreeMap<DeviceId, Vec<Node>>,
    /// For whom each op that adds a device does so.
    device_adds: BTreeMap<OpId, DeviceId>,
    profiles: BTreeMap<DeviceId, Profile>,
    versions: Vec<(Node, Version)>,
    /// Ops that say what their pasts come to, whoever says so.
    checkpoints: Vec<Node>,
    /// The highest version of each author's ops that cannot be read or that had seen one which cannot.
    newer: BTreeMap<DeviceId, u8>,
    committed: u32,
    committed_heads: BTreeSet<Node>,
    shared: BTreeMap<DeviceId, Shared>,
    #[cfg(feature = "document")]
    keys: keys::Keys,
    #[cfg(feature = "document")]
    at_hand: opening::AtHand,
    /// Keys that are not known here, of ops that are.
    #[cfg(feature = "document")]
    shut: BTreeSet<crate::identity::KeyId>,
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
    /// A replica that knows nothing of `workspace` yet, not even its genesis, and can open nothing: a relay's.
    pub fn new(workspace: WorkspaceId) -> Self {
        Self {
            workspace,
            judge: Judge::new(),
            known: Vec::new(),
            sessions: Sessions::default(),
            waiting: Waiting::default(),
            invites: BTreeMap::new(),
            grants: BTreeMap::new(),
            device_adds: BTreeMap::new(),
            profiles: BTreeMap::new(),
            versions: Vec::new(),
            checkpoints: Vec::new(),
            newer: BTreeMap::new(),
            committed: 0,
            committed_heads: BTreeSet::new(),
            shared: BTreeMap::new(),
            #[cfg(feature = "document")]
            keys: keys::Keys::default(),
            #[cfg(feature = "document")]
            at_hand: opening::AtHand::default(),
            #[cfg(feature = "document")]
            shut: BTreeSet::new(),
        }
    }

    /// Takes in an op from the store, checked before it was stored. Parents come before children there, unless a
    /// damaged database lost some: then the op waits for them as a received one does, and keeps its row.
    ///
    /// # Errors
    /// When the row is damaged.
    pub fn load(&mut self, op: &Op, out: &mut Vec<Output>) -> Result<Received, Unacceptable> {
        if let Err(error) = self.admit_to_log(op, out) {
            let missing: Vec<OpId> = op.seen().filter(|d| !self.knows(d)).collect();
            if missing.is_empty() || op.workspace() != self.workspace {
                return Err(error);
            }
            self.waiting.add(op.clone(), missing);
            return Ok(Received::Waiting);
        }
        self.release_waiting(op.id, out);
        self.note_committed(self.known.len() as u32);
        Ok(Received::New)
    }

    /// Takes in foreign bytes. Whatever waited for them follows.
    ///
    /// # Errors
    /// `Unacceptable`, with the replica unchanged.
    pub fn receive(&mut self, bytes: &[u8], out: &mut Vec<Output>) -> Result<Received, Unacceptable> {
        match self.read(bytes)? {
            Some(op) => self.receive_op(op, out),
            None => Ok(Received::Known),
        }
    }

    /// Reads and checks foreign bytes as far as this needs nothing of the log, for `receive_op`; none if the op is known.
    /// Signatures are checked here, so that whoever has many ops can read them side by side.
    ///
    /// # Errors
    /// `Unacceptable::Op`.
    pub fn read(&self, bytes: &[u8]) -> Result<Option<Op>, Unacceptable> {
        let id = OpId(*blake3::hash(bytes).as_bytes());
        if self.knows(&id) { Ok(None) } else { Ok(Some(Op::decode(bytes)?)) }
    }

    /// Takes in an op that `read` gave. Whatever waited for it follows.
    ///
    /// # Errors
    /// `Unacceptable`, with the replica unchanged.
    pub fn receive_op(&mut self, op: Op, out: &mut Vec<Output>) -> Result<Received, Unacceptable> {
        if self.knows(&op.id) {
            return Ok(Received::Known);
        }
        if op.workspace() != self.workspace {
            return Err(Unacceptable::OtherWorkspace);
        }
        let missing: Vec<OpId> = op.seen().filter(|d| !self.knows(d)).collect();
        if !missing.is_empty() {
            // A stranger's op takes no room here: if it is in order, it comes back with its past.
            if self.was_member(&op.author) || self.attests(&op.author, |_| true) {
                self.waiting.add(op, missing);
            }
            return Ok(Received::Waiting);
        }
        self.insert(op, out)?;
        Ok(Received::New)
    }

    /// Inserts an op whose past is known, and then all that waited for it. A waiting op that proves unacceptable is
    /// dropped without blame: who sent it may have been misled.
    fn insert(&mut self, op: Op, out: &mut Vec<Output>) -> Result<(), Unacceptable> {
        self.admit_to_log(&op, out)?;
        self.release_waiting(op.id, out);
        Ok(())
    }

    fn release_waiting(&mut self, id: OpId, out: &mut Vec<Output>) {
        if self.waiting.len() == 0 {
            return;
        }
        let mut done = vec![id];
        while let Some(id) = done.pop() {
            for ready in self.waiting.release(&id) {
                if self.admit_to_log(&ready, out).is_ok() {
                    done.push(ready.id);
                }
            }
        }
    }

    fn admit_to_log(&mut self, op: &Op, out: &mut Vec<Output>) -> Result<(), Unacceptable> {
        if op.workspace() != self.workspace {
            return Err(Unacceptable::OtherWorkspace);
        }
        let deps: Vec<Node> = op.seen().filter_map(|d| self.judge.node(&d.0)).collect();
        let behind = deps.iter().map(|d| self.known[d.index()].unread).max().unwrap_or(0);
        self.check_author(op, &deps, behind)?;
        self.sessions.check_place(op, &self.judge)?;
        let mut fact = op.fact();
        let unread = if let Body::Newer { version, .. } = op.body { behind.max(version) } else { behind };
        if unread > 0 {
            // Rule R23: it carries causality, and nothing else until it can be judged with all of its past.
            fact.kind = FactKind::Plain;
        }
        let changes = self.judge.insert(&fact)?;
        let node = changes.node;
        let edit = unread == 0 && matches!(op.body, Body::Edit { .. });
        self.known.push(Known {
            bytes: op.bytes.len() as u32,
            edit,
            #[cfg(feature = "document")]
            sealed: unread == 0 && op.sealed().is_some(),
            unread,
            time_ms: op.time_ms,
        });
        let mut gone = self.sessions.place(op, node, &self.judge);
        let settled_anew = self.sessions.review(&changes, &self.judge);
        let turned = settled_anew.is_some();
        gone.extend(settled_anew.unwrap_or_default());
        gone.retain(|lost| self.known[lost.index()].edit && self.judge.accepted(*lost));
        gone.extend_from_slice(&changes.edits_voided);
        self.note_body(op, node);
        out.push(Output::Persist(op.clone()));
        #[cfg(feature = "document")]
        self.note_content(op, node, out);
        if turned {
            out.push(Output::Reopen);
        }
        if turned || !gone.is_empty() {
            out.push(Output::Rebuild(gone.into_iter().map(|n| OpId(*self.judge.id(n))).collect()));
        } else {
            #[cfg(feature = "document")]
            out.extend(self.folds(changes.edits_accepted.iter().copied()).map(Output::Fold));
        }
        if changes.membership_changed {
            #[cfg(feature = "document")]
            self.keys.forget_care();
            out.push(Output::MembershipChanged);
        }
        Ok(())
    }

    /// Membership plausibility (Rule R26): something in the op's own past makes its author a member, or the attester
    /// of an invite. A pure function of the op's past, so all honest logs agree. `behind` is the newest version in that past
    /// that cannot be read, if any.
    fn check_author(&self, op: &Op, deps: &[Node], behind: u8) -> Result<(), Unacceptable> {
        let in_past = |n: &Node| deps.iter().any(|d| d == n || self.judge.causal().saw(*d, *n));
        let stranger = if behind > 0 { Unacceptable::Unread(behind) } else { Unacceptable::Outsider };
        match &op.body {
            Body::Genesis { .. } => return Ok(()),
            Body::Admit { invite, redemption, .. } => {
                let known = self.judge.node(&invite.0).filter(|n| in_past(n)).and(self.invites.get(invite));
                let Some(invite_op) = known else { return Err(stranger) };
                if invite_op.approve || !redemption.proves(&self.workspace, invite, invite_op) {
                    return Err(Unacceptable::FalseProof);
                }
                if invite_op.attester == Some(op.author) {
                    return Ok(());
                }
            }
            Body::AddDevice { person, under, key, redemption } => {
                let own = match under {
                    None => *person == op.author,
                    Some(add) => self.device_adds.get(add) == Some(person),
                };
                if !own || !redemption.proves_offer(&self.workspace, person, key) {
                    return Err(Unacceptable::FalseProof);
                }
            }
            // What an attester says in a newer version may be an admission.
            Body::Newer { .. } if op.session == SessionId::NONE && self.attests(&op.author, in_past) => return Ok(()),
            _ => {}
        }
        let grants = self.grants.get(&op.author).map(Vec::as_slice).unwrap_or_default();
        if grants.iter().any(in_past) { Ok(()) } else { Err(stranger) }
    }

    /// Whether an invite, of those that `of` picks, names a device as its attester.
    fn attests(&self, device: &DeviceId, of: impl Fn(&Node) -> bool) -> bool {
        let node = |id: &OpId| self.judge.node(&id.0);
        self.invites.iter().any(|(id, i)| i.attester == Some(*device) && node(id).is_some_and(|n| of(&n)))
    }

    fn note_body(&mut self, op: &Op, node: Node) {
        let unread = self.known[node.index()].unread;
        if unread > 0 {
            let version = self.newer.entry(op.author).or_default();
            *version = unread.max(*version);
        }
        match &op.body {
            Body::Genesis { .. } => self.grants.entry(op.author).or_default().push(node),
            Body::SetRole { subject, role, .. } if *role > Role::None => {
                self.grants.entry(*subject).or_default().push(node);
            }
            Body::Admit { redemption, .. } | Body::AddDevice { redemption, .. } => {
                self.grants.entry(redemption.device).or_default().push(node);
            }
            // Of what cannot be judged yet, only who might be a member is noted.
            _ if unread > 0 => {}
            Body::Invite(invite) => {
                self.invites.insert(op.id, invite.clone());
            }
            Body::Checkpoint(_) => self.checkpoints.push(node),
            _ => {}
        }
        if let Body::AddDevice { person, .. } = &op.body {
            self.device_adds.insert(op.id, *person);
        }
    }

    /// The newest version of which this workspace holds ops by members who may edit, if this program cannot read it:
    /// until it is updated, the workspace is to be read only (Rule R23). What others say in such versions is kept too,
    /// but hinders nobody.
    pub fn newer_version(&self) -> Option<u8> {
        let editors = self.newer.iter().filter(|(device, _)| self.role(device) >= Role::Editor);
        editors.map(|(_, version)| *version).max()
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

    /// Whose device it is, by the name of the person's first device; itself if it is nobody else's.
    pub fn person_of(&self, device: &DeviceId) -> DeviceId {
        let member = self.members().into_iter().find(|m| m.author == device.0);
        member.map_or(*device, |m| DeviceId(m.person))
    }

    /// The add that a device has to name when it adds or removes one (Rule R19): none inside for a first device.
    ///
    /// None if it is no live device of the person.
    pub fn standing_add(&self, person: &DeviceId, device: &DeviceId) -> Option<Option<OpId>> {
        let add = self.judge.standing_add(&person.0, &device.0)?;
        Some(add.map(|node| OpId(*self.judge.id(node))))
    }

    /// Every device whose role is at least viewer.
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

    /// The versions named by members who could edit, oldest first as they came in here, each under the name that such
    /// a member gave it last (Rule R49).
    pub fn versions(&self) -> Vec<Version> {
        let mut versions = Vec::new();
        let mut names: BTreeMap<OpId, ((u32, OpId), &str)> = BTreeMap::new();
        for (node, version) in &self.versions {
            if self.judge.role_at(&version.author.0, *node) < Role::Editor {
                continue;
            }
            let Some(renamed) = version.renames else {
                versions.push(version.clone());
                continue;
            };
            let given = ((self.judge.causal().depth(*node), version.id), version.name.as_str());
            names.entry(renamed).and_modify(|known| *known = given.max(*known)).or_insert(given);
        }
        for version in &mut versions {
            if let Some((_, name)) = names.get(&version.id) {
                version.name = (*name).to_owned();
            }
        }
        versions
    }

    /// Whether an op is known to have lost a fork, or to have seen one that did.
    pub fn is_lost(&self, id: &OpId) -> bool {
        self.judge.node(&id.0).is_some_and(|n| self.sessions.is_lost(n))
    }
}

#[cfg(all(test, feature = "document"))]
mod tests;
