//! Ops of one's own: on what they build, and how a session goes on.
//!
//! What people write is sealed under a key that all members hold and nobody else; where there is none, or somebody lacks
//! it, the shares that mend this go before. An honest op names the whole trusted frontier (Rule R7: it builds on nothing void). A session ends for good when
//! its last op became void or lost a fork; the author then goes on in a new one.

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use super::opening::{write_profile, write_version};
use super::{AuthorError, Output, Replica};
use crate::causal::Node;
use crate::identity::{DeviceId, DeviceKey, KeyId, OpId, WorkspaceId};
use crate::judge::{Judge, Role};
use crate::op::{Body, Checkpoint, Draft, KeyShare, MAX_DEPS, Op, Part, SessionId, client_id, place, sealed_kind};
use crate::sealing::EpochKey;

/// A session of this device in this process. Never stored, never resumed.
#[derive(Clone)]
pub struct LocalSession {
    id: SessionId,
    /// What the keys of its epochs and the randomness of its seals are made from.
    secret: Zeroizing<[u8; 32]>,
    client: u64,
    tip: Option<(OpId, u64)>,
}

impl std::fmt::Debug for LocalSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LocalSession({:?}, {:?})", self.id, self.tip)
    }
}

/// What is to be said: an op's body before its payload is sealed.
#[allow(clippy::large_enum_variant, reason = "sayings are consumed at once")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saying {
    /// A change of the document by a v1 update.
    Edit { adopts: Vec<OpId>, part: Part, update: Vec<u8> },
    /// How the author calls itself: name, colour as `#rrggbb`.
    Profile { name: String, color: String },
    /// A name for the state that the op has seen.
    Version { name: String },
    /// Another name for a version, given by the op that named it first.
    Rename { version: OpId, name: String },
    /// What everything before the op comes to; see `Replica::checkpoint`.
    Checkpoint { count: u64, ops: [u8; 32], roles: [u8; 32], document: Vec<u8> },
    /// What is not sealed.
    Plain(Body),
}

impl From<Body> for Saying {
    fn from(body: Body) -> Self {
        Self::Plain(body)
    }
}

impl Saying {
    /// Seals it under `key` for the place that an op of this kind with it will have (`op::place`).
    pub fn seal(self, key: &EpochKey, place: impl Fn(u8) -> Vec<u8>) -> Body {
        let seal = |kind, text: &[u8]| key.seal(&place(kind), text);
        match self {
            Self::Edit { adopts, part, update } => {
                Body::Edit { adopts, part, update: seal(sealed_kind::EDIT, &update) }
            }
            Self::Profile { name, color } => Body::Profile(seal(sealed_kind::PROFILE, &write_profile(&name, &color))),
            Self::Version { name } => Body::Version(seal(sealed_kind::VERSION, &write_version(&name, None))),
            Self::Rename { version, name } => {
                Body::Version(seal(sealed_kind::VERSION, &write_version(&name, Some(&version))))
            }
            Self::Checkpoint { count, ops, roles, document } => {
                Body::Checkpoint(Checkpoint { count, ops, roles, document: seal(sealed_kind::CHECKPOINT, &document) })
            }
            Self::Plain(body) => body,
        }
    }
}

impl LocalSession {
    /// A new session; `seed` must be random and secret. It opens with its first op.
    pub fn new(workspace: &WorkspaceId, key: &DeviceKey, seed: [u8; 32]) -> Self {
        let id = SessionId::from_seed(&seed);
        Self { id, secret: Zeroizing::new(seed), client: client_id(workspace, &key.id(), &id), tip: None }
    }

    fn next_seq(&self) -> u64 {
        self.tip.map_or(0, |(_, seq)| seq + 1)
    }

    /// A secret for what its next op needs.
    fn entropy(&self) -> [u8; 32] {
        *blake3::keyed_hash(&self.secret, &self.next_seq().to_le_bytes()).as_bytes()
    }

    /// The client id that its document uses.
    pub fn client(&self) -> u64 {
        self.client
    }
}

impl Replica {
    /// Founds a workspace: its genesis, in a replica of its own.
    pub fn found(key: &DeviceKey, nonce: [u8; 16], now_ms: u64, out: &mut Vec<Output>) -> Self {
        let draft = Draft {
            workspace: WorkspaceId([0; 32]),
            session: SessionId::NONE,
            seq: 0,
            prev: None,
            deps: Vec::new(),
            time_ms: now_ms,
            body: Body::Genesis { nonce },
        };
        let op = Op::sign(draft, key);
        let mut replica = Self::for_device(op.workspace(), key);
        replica.insert(op, out).expect("a genesis of one's own is in order");
        replica
    }

    /// Signs an op of this device in `session`, on top of all that is trusted, and takes it into the log. `now_ms` is
    /// this device's clock in Unix milliseconds.
    ///
    /// # Errors
    /// `AuthorError`; nothing is changed except that heads may have been joined.
    pub fn author(
        &mut self,
        key: &DeviceKey,
        session: &mut LocalSession,
        saying: impl Into<Saying>,
        now_ms: u64,
        out: &mut Vec<Output>,
    ) -> Result<OpId, AuthorError> {
        let saying = saying.into();
        if self.is_empty() {
            return Err(AuthorError::NothingKnown);
        }
        let takes_away = matches!(&saying, Saying::Plain(body) if self.takes_away(body));
        if let Some(version) = self.newer_version().filter(|_| !takes_away) {
            return Err(AuthorError::Newer(version));
        }
        if self.judge.closed() && matches!(saying, Saying::Edit { .. } | Saying::Plain(Body::Invite(_))) {
            return Err(AuthorError::Closed);
        }
        if let Some((tip, _)) = session.tip
            && !self.judge.node(&tip.0).is_some_and(|n| self.sound(n))
        {
            return Err(AuthorError::SessionOver);
        }
        if session.tip.is_none() {
            self.append(key, session, Body::Open, now_ms, out)?;
        }
        while self.tops().len() > MAX_DEPS {
            self.append(key, session, Body::Join, now_ms, out)?;
        }
        let body = match saying {
            Saying::Plain(body) => body,
            sealed => {
                self.append_shares(key, session, false, now_ms, out)?;
                let epoch_key = self.epoch_key().ok_or(AuthorError::NoKey)?;
                let here = (self.workspace, key.id(), session.id, session.next_seq());
                sealed.seal(&epoch_key, |kind| place(&here.0, &here.1, &here.2, here.3, kind))
            }
        };
        self.append(key, session, body, now_ms, out)
    }

    /// Signs the shares that are due so that every member, and nobody else, can read what is sealed from now on; none
    /// if all is in order or this device may not. `afresh` begins an epoch in any case.
    ///
    /// # Errors
    /// As `author`; `NoKey` if a key is missing that only an editor may make.
    pub fn share_keys(
        &mut self,
        key: &DeviceKey,
        session: &mut LocalSession,
        afresh: bool,
        now_ms: u64,
        out: &mut Vec<Output>,
    ) -> Result<(), AuthorError> {
        if !afresh && self.keys_in_order() || self.role(&key.id()) == Role::None {
            return Ok(());
        }
        if session.tip.is_none() || self.tops().len() > MAX_DEPS {
            self.author(key, session, Body::Join, now_ms, out)?;
        }
        self.append_shares(key, session, afresh, now_ms, out)?;
        self.epoch_key().map(|_| ()).ok_or(AuthorError::NoKey)
    }

    /// Signs a share that seals one key to a member once more: a seal that it was given may have been bad.
    ///
    /// # Errors
    /// As `author`; `NoKey` if the key is not known here, `to` is no member, or this device has sealed to too many.
    pub fn share_again(
        &mut self,
        key: &DeviceKey,
        session: &mut LocalSession,
        what: &KeyId,
        to: &DeviceId,
        now_ms: u64,
        out: &mut Vec<Output>,
    ) -> Result<(), AuthorError> {
        if self.role(to) == Role::None || self.keys.is_spent(&key.id()) {
            return Err(AuthorError::NoKey);
        }
        // The session may have to open first, and each op has its own entropy.
        self.author(key, session, Body::Join, now_ms, out)?;
        let seal = self.keys.seal_again(&self.workspace, what, to, &session.entropy()).ok_or(AuthorError::NoKey)?;
        let share = KeyShare { key: *what, seals: vec![seal], older: Vec::new() };
        self.author(key, session, Body::KeyShare(share), now_ms, out).map(|_| ())
    }

    fn append_shares(
        &mut self,
        key: &DeviceKey,
        session: &mut LocalSession,
        mut afresh: bool,
        now_ms: u64,
        out: &mut Vec<Output>,
    ) -> Result<(), AuthorError> {
        if !afresh && self.keys_in_order() {
            return Ok(());
        }
        let me = key.id();
        let role = self.role_ahead(key, session, now_ms, out)?;
        while let Some(due) = self.keys.due(&self.judge, &self.workspace, (&me, role), session.entropy(), afresh) {
            let nothing_new = due.share.seals.is_empty() && due.share.older.is_empty();
            if nothing_new {
                break;
            }
            self.keys.keep(due.key);
            self.append(key, session, Body::KeyShare(due.share), now_ms, out)?;
            afresh = false;
            if self.epoch_key().is_none() {
                // It counts for less than it should, and so would another.
                break;
            }
        }
        Ok(())
    }

    /// The role that a share of this device will have where it stands. It may be less than its role now: what gave it more
    /// may rest on ops that no op of its own may name.
    fn role_ahead(
        &mut self,
        key: &DeviceKey,
        session: &mut LocalSession,
        now_ms: u64,
        out: &mut Vec<Output>,
    ) -> Result<Role, AuthorError> {
        let me = key.id();
        let tip = |session: &LocalSession, judge: &Judge| session.tip.and_then(|(id, _)| judge.node(&id.0));
        let role_at = |judge: &Judge, at: Option<Node>| at.map_or(Role::None, |at| judge.role_at(&me.0, at));
        let at = tip(session, &self.judge);
        let now = self.role(&me);
        if role_at(&self.judge, at) < now && self.tops() != at.into_iter().collect::<Vec<_>>() {
            self.append(key, session, Body::Join, now_ms, out)?;
        }
        Ok(role_at(&self.judge, tip(session, &self.judge)).min(now))
    }

    /// What only takes rights away is safe without having read everything, and is how members who abuse version
    /// numbers are removed.
    fn takes_away(&self, body: &Body) -> bool {
        match body {
            Body::SetRole { subject, role, .. } => *role < self.role(subject),
            Body::RevokeInvite { .. } | Body::Leave | Body::RemoveDevice { .. } | Body::Close { .. } => true,
            _ => false,
        }
    }

    fn append(
        &mut self,
        key: &DeviceKey,
        session: &mut LocalSession,
        body: Body,
        now_ms: u64,
        out: &mut Vec<Output>,
    ) -> Result<OpId, AuthorError> {
        let prev = session.tip.map(|(id, _)| id);
        let heads = self.tops().into_iter().map(|n| OpId(*self.judge.id(n)));
        let draft = Draft {
            workspace: self.workspace,
            session: session.id,
            seq: session.next_seq(),
            prev,
            deps: heads.filter(|id| Some(*id) != prev).take(MAX_DEPS).collect(),
            time_ms: now_ms,
            body,
        };
        let op = Op::sign(draft, key);
        let (id, seq) = (op.id, op.seq);
        self.insert(op, out)?;
        session.tip = Some((id, seq));
        Ok(id)
    }

    /// The ops that one's next op names: the heads of what is trusted, can be read and lost no fork.
    pub(super) fn tops(&self) -> Vec<Node> {
        let mut tops: Vec<Node> = Vec::new();
        let mut waiting: BTreeSet<Node> = self.judge.frontier().collect();
        while let Some(node) = waiting.pop_last() {
            if tops.iter().any(|t| self.judge.causal().saw(*t, node)) {
                continue;
            }
            if self.sound(node) {
                tops.push(node);
            } else {
                waiting.extend(self.judge.causal().deps(node));
            }
        }
        tops.reverse();
        tops
    }

    fn sound(&self, node: Node) -> bool {
        self.judge.trusted(node) && self.known[node.index()].unread == 0 && !self.sessions.is_lost(node)
    }

    /// Judges an update before it is signed: one that anybody's gate would refuse must not become an op.
    ///
    /// # Errors
    /// The gate's reason.
    pub fn check_own(&self, session: &LocalSession, update: &crate::gate::Update) -> Result<(), crate::gate::Refusal> {
        self.sessions.check(update, session.client, &self.tops(), &self.judge).map(drop)
    }
}
