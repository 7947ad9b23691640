//! A replica as bytes, and from them again: what was concluded from a log, so that opening it costs by what came since.
//!
//! Kept are verdicts, places in sessions, the gate's index, names; not kept are epoch keys, which are found again in
//! the few ops that share them, nor what peers hold, nor what waits. Whoever has the log can do without these bytes:
//! where anything about them is not as it was, the log is read from its beginning (`Unusable`).
//!
//! Deliberately absent: sealing and storing the bytes, and the check that the log still is the one they are about.

use std::collections::BTreeSet;

use super::{Known, Profile, Replica, Version};
use crate::causal::Node;
use crate::codec::{CodecError, Reader, Writer};
use crate::identity::{DeviceKey, KeyId, OpId, WorkspaceId};
use crate::kept::{Kept, RULES, WHAT};
use crate::op::{Body, Op};

kept!(Known { bytes, edit, sealed, time_ms, unread });
kept!(Version { id, name, renames, author, time_ms });
kept!(Profile { name, color, rank });

/// Why kept state is of no use. Nothing is lost by it but time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Another build wrote it, or it is cut short.
    #[error("it was written by another build of this program, or is damaged: {0}")]
    Form(#[from] CodecError),
    /// It is about something else.
    #[error("it is about another workspace")]
    OtherWorkspace,
    /// An op that shares keys cannot be read.
    #[error("the op {} that it rests on cannot be read", .0.fmt_short())]
    Missing(OpId),
    /// What could be read then is not what can be read now.
    #[error("it was made with other keys than the log holds for this device")]
    Keys,
}

impl Replica {
    /// All that this replica has concluded from its log, as bytes for `restore`. None while ops wait for their past.
    pub fn keep(&self) -> Option<Vec<u8>> {
        // Exhaustive, so that whoever adds a field decides here what becomes of it.
        let Self {
            workspace,
            judge,
            known,
            sessions,
            waiting,
            invites,
            grants,
            device_adds,
            profiles,
            versions,
            checkpoints,
            newer,
            committed: _,
            committed_heads: _,
            shared: _,
            keys,
            at_hand: _,
            shut,
        } = self;
        if waiting.len() > 0 {
            return None;
        }
        let mut w = Writer::new();
        w.str(RULES);
        workspace.keep(&mut w);
        judge.keep(&mut w);
        known.keep(&mut w);
        sessions.keep(&mut w);
        invites.keep(&mut w);
        grants.keep(&mut w);
        device_adds.keep(&mut w);
        profiles.keep(&mut w);
        versions.keep(&mut w);
        checkpoints.keep(&mut w);
        newer.keep(&mut w);
        shut.keep(&mut w);
        keys.known().keep(&mut w);
        keys.places().keep(&mut w);
        Some(w.into_bytes())
    }

    /// The replica that `keep` wrote down, of a log that is committed. `fetch` gives ops of that log by id.
    ///
    /// # Errors
    /// `Unusable`: the log has to be loaded from its beginning.
    pub fn restore(
        workspace: WorkspaceId,
        device: &DeviceKey,
        bytes: &[u8],
        mut fetch: impl FnMut(&OpId) -> Option<Op>,
    ) -> Result<Self, Unusable> {
        let mut r = Reader::new(bytes);
        if r.str(WHAT, RULES.len())? != RULES {
            return Err(CodecError::NotCanonical(WHAT).into());
        }
        if WorkspaceId::regain(&mut r)? != workspace {
            return Err(Unusable::OtherWorkspace);
        }
        let mut replica = Self::for_device(workspace, device);
        replica.judge = Kept::regain(&mut r)?;
        replica.known = Kept::regain(&mut r)?;
        replica.sessions = Kept::regain(&mut r)?;
        replica.invites = Kept::regain(&mut r)?;
        replica.grants = Kept::regain(&mut r)?;
        replica.device_adds = Kept::regain(&mut r)?;
        replica.profiles = Kept::regain(&mut r)?;
        replica.versions = Kept::regain(&mut r)?;
        replica.checkpoints = Kept::regain(&mut r)?;
        replica.newer = Kept::regain(&mut r)?;
        replica.shut = Kept::regain(&mut r)?;
        let could_read = BTreeSet::<KeyId>::regain(&mut r)?;
        let places = BTreeSet::<Node>::regain(&mut r)?;
        r.finish()?;
        for node in places {
            let id = OpId(*replica.judge.id(node));
            let op = fetch(&id).ok_or(Unusable::Missing(id))?;
            replica.note_keys(&op, node);
        }
        if replica.keys.known() != could_read {
            return Err(Unusable::Keys);
        }
        replica.note_committed(replica.known.len() as u32);
        Ok(replica)
    }

    /// Notes what an op of the log says about keys. True if a key became known by it.
    pub(super) fn note_keys(&mut self, op: &Op, node: Node) -> bool {
        match &op.body {
            Body::KeyShare(share) => self.keys.note(op, share, node, &self.judge),
            Body::Deposit { invite, key } => {
                self.keys.note_deposit(*key, *invite, node);
                false
            }
            _ => false,
        }
    }
}
