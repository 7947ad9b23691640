//! Letting somebody in by a link, and what to tell who cannot come in.

use super::{Output, Replica, Unacceptable};
use crate::identity::{DeviceKey, OpId};
use crate::invitation::Redemption;
use crate::judge::Role;
use crate::op::{Body, Draft, Op, SessionId};
use crate::wire::Refusal;

/// The answer to somebody who asks to be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinAnswer {
    /// The admission, new or made before.
    Admitted(OpId),
    /// Not by this link, not here, or not now.
    Refused(Refusal),
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
    /// There is no key that only members hold, and this device may not begin an epoch: an editor's has to.
    #[error("somebody left since the last key was made; an editor has to make the next one")]
    NoKey,
    /// Members who may edit use a newer version: the workspace is read only here until this program is updated.
    #[error("this workspace is edited in version {0} of the protocol; update this program to go on editing")]
    Newer(u8),
    /// An owner closed the workspace (Rule R36).
    #[error("this workspace is closed: it can be read, and nothing is written any more")]
    Closed,
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
            Self::NoKey => "no_key",
            Self::Newer(_) => "newer_version",
            Self::Closed => "workspace_closed",
            Self::Unacceptable(_) => "not_acceptable",
        }
    }
}

impl Replica {
    /// Judges a redemption and, where this device may, signs the admission.
    ///
    /// `now_ms` is this device's clock in Unix milliseconds; expiry is the attester's to keep, no rule rests on it.
    pub fn admit(
        &mut self,
        key: &DeviceKey,
        invite_op: &Op,
        redemption: &Redemption,
        now_ms: u64,
        out: &mut Vec<Output>,
    ) -> JoinAnswer {
        match self.try_admit(key, invite_op, redemption, now_ms, out) {
            Ok(id) => JoinAnswer::Admitted(id),
            Err(refusal) => JoinAnswer::Refused(refusal),
        }
    }

    fn try_admit(
        &mut self,
        key: &DeviceKey,
        invite_op: &Op,
        redemption: &Redemption,
        now_ms: u64,
        out: &mut Vec<Output>,
    ) -> Result<OpId, Refusal> {
        let Body::Invite(invite) = &invite_op.body else { return Err(Refusal::Malformed) };
        let node = self.judge.node(&invite_op.id.0).ok_or(Refusal::NotAttester)?;
        if invite.bound_to.is_some_and(|d| d != redemption.device) {
            return Err(Refusal::OtherDevice);
        }
        if !redemption.proves(&self.workspace, &invite_op.id, invite) {
            return Err(Refusal::Forged);
        }
        if let Some(admission) = self.standing_admission(redemption, &invite_op.id) {
            return Ok(admission);
        }
        let state = self.judge.invite_state(node).ok_or(Refusal::Malformed)?;
        if state.revoked || !state.valid || !state.issuer_alive {
            return Err(Refusal::Revoked);
        }
        if invite.expires.is_some_and(|at| at <= now_ms / 1000) {
            return Err(Refusal::Expired);
        }
        if !state.open() {
            return Err(Refusal::UsedUp);
        }
        let me = key.id();
        let proof = match invite.attester {
            Some(attester) if attester == me => None,
            Some(_) => return Err(Refusal::NotAttester),
            None => {
                let member = self.judge.members().into_iter().find(|m| m.author == me.0 && m.person == me.0);
                Some(member.ok_or(Refusal::NotAttester)?.grant)
            }
        };
        let deps = self.judge.next_admit_deps(&me.0, node, proof);
        let deps = deps.into_iter().map(|n| OpId(*self.judge.id(n))).collect();
        let proof = proof.map(|n| OpId(*self.judge.id(n)));
        let body = Body::Admit { invite: invite_op.id, proof, redemption: redemption.clone() };
        let admission = self.sign_admission(key, body, deps, now_ms, out).map_err(|e| match e {
            // Whether the link still holds may stand in what cannot be read here; somebody else may admit.
            AuthorError::Newer(_) => Refusal::NotAttester,
            _ => Refusal::Malformed,
        })?;
        // Rule R17: an older link brings no removed member back, so an admission may leave it outside.
        if self.role(&redemption.device) == Role::None { Err(Refusal::Revoked) } else { Ok(admission) }
    }

    /// Signs an admission, which belongs to no session and names nothing but what it rests on (Rule R14).
    fn sign_admission(
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

    /// Who is a member keeps the admission that it came in by, however often it asks.
    fn standing_admission(&self, redemption: &Redemption, invite: &OpId) -> Option<OpId> {
        if self.role(&redemption.device) == Role::None {
            return None;
        }
        let grants = self.grants.get(&redemption.device)?;
        let invite = self.judge.node(&invite.0)?;
        let by_invite = |n: &&crate::causal::Node| self.judge.causal().saw(**n, invite);
        let grant = grants.iter().find(|n| self.judge.valid(**n) && by_invite(n))?;
        Some(OpId(*self.judge.id(*grant)))
    }
}
