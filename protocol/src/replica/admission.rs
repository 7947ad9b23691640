//! Letting somebody in by a link, and what to tell who cannot come in.

use super::{Output, Replica, Unacceptable};
use crate::causal::Node;
use crate::identity::{DeviceId, DeviceKey, OpId};
use crate::invitation::Redemption;
use crate::judge::Role;
use crate::op::{Body, Draft, Op, SessionId};
use crate::wire::Refusal;

/// The answer to somebody who asks to be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinAnswer {
    /// The admission, new or made before, or what else made the asker a member of such a role.
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
    /// Judges a redemption and, where this device may, signs the admission. By a link by request nobody is let in: who
    /// asks for the first time is told by an owner's device that it awaits approval, and by others that they cannot help.
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
        if let Some(grant) = self.standing_grant(&redemption.device, &invite_op.id, invite.role) {
            return Ok(grant);
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
        if invite.approve {
            return self.hear_request(&me, &redemption.device);
        }
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

    /// By a link by request an owner lets in, with a set role; who is a member already need not be.
    fn hear_request(&self, me: &DeviceId, joiner: &DeviceId) -> Result<OpId, Refusal> {
        if let Some(member) = self.judge.members().into_iter().find(|m| m.author == joiner.0) {
            return Ok(OpId(*self.judge.id(member.grant)));
        }
        let owner = self.judge.live_cap(&me.0).is_some();
        Err(if owner { Refusal::AwaitsApproval } else { Refusal::NotAttester })
    }

    /// The open links that give more than `role` and that a person is known to have seen: in the past of what one of its
    /// devices said, was admitted by, or said that it holds. A link for another device is of no use to it.
    pub fn links_seen_by(&self, person: &DeviceId, role: Role) -> Vec<OpId> {
        let devices: Vec<DeviceId> = self.judge.devices(&person.0).into_iter().map(DeviceId).chain([*person]).collect();
        let mut tops: Vec<Node> =
            (0..self.len() as u32).map(Node).filter(|n| devices.contains(&DeviceId(self.judge.author(*n)))).collect();
        for device in &devices {
            let grants = self.grants.get(device).into_iter().flatten();
            tops.extend(grants.filter(|grant| self.judge.admit_index(**grant).is_some()));
            tops.extend(self.held_by(device).unwrap_or_default());
        }
        let tops = self.judge.causal().heads_of(&tops);
        let seen = |invite: Node| tops.iter().any(|top| *top == invite || self.judge.causal().saw(*top, invite));
        let of_use = self
            .invites
            .iter()
            .filter(|(_, invite)| invite.role > role && invite.bound_to.is_none_or(|device| devices.contains(&device)));
        let open = of_use.filter(|(id, _)| {
            let node = self.judge.node(&id.0);
            node.is_some_and(|n| self.judge.invite_state(n).is_some_and(|state| state.open()) && seen(n))
        });
        open.map(|(id, _)| *id).collect()
    }

    /// The op that counts and that ended a device's membership last.
    pub fn ended_by(&self, device: &DeviceId) -> Option<OpId> {
        self.judge.ended_by(&device.0).map(|node| OpId(*self.judge.id(node)))
    }

    /// Reads an op that is not known here yet, because who was removed is served no more, as news that the membership of
    /// the device `me` has ended: said by an owner, by `me`, or by another device of the same person, as far as this log
    /// tells who is one (Rule R32). Its id, if it says so.
    pub fn reads_as_end(&self, me: &DeviceId, bytes: &[u8]) -> Option<OpId> {
        let op = Op::decode(bytes).ok().filter(|op| op.workspace() == self.workspace && !self.knows(&op.id))?;
        let person = self.person_of(me);
        let ends = match op.body {
            Body::SetRole { subject, role: Role::None, .. } => {
                subject == person && self.role(&op.author) == Role::Owner
            }
            Body::Leave => op.author == person,
            Body::RemoveDevice { device, .. } => device == *me && self.person_of(&op.author) == person,
            _ => false,
        };
        ends.then_some(op.id)
    }

    /// Reads an op whose past is not known here, because a relay has dropped it with the mailbox, as news that an owner, as
    /// far as this log tells who is one, closed the workspace. Its id, if it says so.
    pub fn reads_as_close(&self, bytes: &[u8]) -> Option<OpId> {
        let op = Op::decode(bytes).ok().filter(|op| op.workspace() == self.workspace && !self.knows(&op.id))?;
        let closes = matches!(op.body, Body::Close { .. }) && self.role(&op.author) == Role::Owner;
        closes.then_some(op.id)
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

    /// The grant that stands for who is a member already: by this link, or with the role that it would give or a higher
    /// one by another. Only a link that gives more than a member has is used once more.
    fn standing_grant(&self, device: &DeviceId, invite: &OpId, gives: Role) -> Option<OpId> {
        let role = self.role(device);
        if role == Role::None {
            return None;
        }
        let invite = self.judge.node(&invite.0)?;
        let stands = |n: &&Node| self.judge.valid(**n) && (role >= gives || self.judge.causal().saw(**n, invite));
        let grant = self.grants.get(device)?.iter().find(stands)?;
        Some(OpId(*self.judge.id(*grant)))
    }
}
