//! Ops of one's own: on what they build, and how a session goes on.
//!
//! An honest op names the whole trusted frontier (Rule R7: it builds on nothing void). A session ends for good when
//! its last op became void or lost a fork; the author then goes on in a new one.

use std::collections::BTreeSet;

use super::{Output, Replica, Unacceptable};
use crate::causal::Node;
use crate::identity::{DeviceKey, OpId, WorkspaceId};
use crate::op::{Body, Draft, MAX_DEPS, Op, SessionId, client_id};

/// A session of this device in this process. Never stored, never resumed.
#[derive(Clone, Debug)]
pub struct LocalSession {
    id: SessionId,
    client: u64,
    tip: Option<(OpId, u64)>,
}

impl LocalSession {
    /// A new session; `nonce` must be random. It opens with its first op.
    pub fn new(workspace: &WorkspaceId, key: &DeviceKey, nonce: [u8; 16]) -> Self {
        let id = SessionId(nonce);
        Self { id, client: client_id(workspace, &key.id(), &id), tip: None }
    }

    /// The client id that its document uses.
    pub fn client(&self) -> u64 {
        self.client
    }
}

/// Why an op of one's own cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorError {
    /// What the session wrote last does not count any more; go on in a new one.
    #[error("the session's last op does not count any more; a new session is needed")]
    SessionOver,
    /// The workspace is not known well enough yet.
    #[error("the workspace's history has not arrived yet")]
    NothingKnown,
    /// Members who may edit use a newer version: the workspace is read only here until this program is updated.
    #[error("this workspace is edited in version {0} of the protocol; update this program to go on editing")]
    Newer(u8),
    /// The op would be refused by everybody.
    #[error(transparent)]
    Unacceptable(#[from] Unacceptable),
}

impl AuthorError {
    /// A code that never changes meaning.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SessionOver => "session_over",
            Self::NothingKnown => "history_missing",
            Self::Newer(_) => "newer_version",
            Self::Unacceptable(_) => "not_acceptable",
        }
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
        let mut replica = Self::new(op.workspace());
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
        body: Body,
        now_ms: u64,
        out: &mut Vec<Output>,
    ) -> Result<OpId, AuthorError> {
        if self.is_empty() {
            return Err(AuthorError::NothingKnown);
        }
        if let Some(version) = self.newer_version().filter(|_| !self.takes_away(&body)) {
            return Err(AuthorError::Newer(version));
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
        self.append(key, session, body, now_ms, out)
    }

    /// What only takes rights away is safe without having read everything, and is how members who abuse version
    /// numbers are removed.
    fn takes_away(&self, body: &Body) -> bool {
        match body {
            Body::SetRole { subject, role, .. } => *role < self.role(subject),
            Body::RevokeInvite { .. } | Body::Leave => true,
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
            seq: session.tip.map_or(0, |(_, seq)| seq + 1),
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

    /// Signs an admission, which belongs to no session and names nothing but what it rests on (Rule R14).
    pub(super) fn sign_admission(
        &mut self,
        key: &DeviceKey,
        body: Body,
        deps: Vec<OpId>,
        now_ms: u64,
        out: &mut Vec<Output>,
    ) -> Result<OpId, AuthorError> {
        if let Some(version) = self.newer_version() {
            return Err(AuthorError::Newer(version));
        }
        let (workspace, session) = (self.workspace, SessionId::NONE);
        let op = Op::sign(Draft { workspace, session, seq: 0, prev: None, deps, time_ms: now_ms, body }, key);
        let id = op.id;
        self.insert(op, out)?;
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
    #[cfg(feature = "document")]
    pub fn check_own(&self, session: &LocalSession, update: &crate::gate::Update) -> Result<(), crate::gate::Refusal> {
        self.sessions.check(update, session.client, &self.tops(), &self.judge)
    }
}
