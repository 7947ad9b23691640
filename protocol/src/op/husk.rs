//! Husks: what is left of an op when what it carried was dropped. Its place, its kind and what it names stay, so that a
//! relay which emptied the mailbox of a closed workspace comes to the same roles as before.
//!
//! A husk proves nothing: only who made it from the whole op knows that the id is right, so it is never sent.
//! Deliberately absent: when to make one (the relay's mailbox).

use super::{Body, Draft, KeyShare, Op, SIGNATURE_BYTES, Sealed};
use crate::identity::OpId;

/// What a husk begins with, where ops have their version.
const HUSK: u8 = 0xff;

impl Op {
    /// The op without what is sealed in it; none if it carries nothing of the kind.
    pub fn husk(&self) -> Option<Vec<u8>> {
        let bare = |sealed: &Sealed| Sealed { key: sealed.key, bytes: Vec::new() };
        let body = match &self.body {
            Body::Edit { adopts, part, update } => {
                Body::Edit { adopts: adopts.clone(), part: *part, update: bare(update) }
            }
            Body::Profile(text) => Body::Profile(bare(text)),
            Body::Version(text) => Body::Version(bare(text)),
            Body::KeyShare(share) => Body::KeyShare(KeyShare { key: share.key, seals: Vec::new(), older: Vec::new() }),
            _ => return None,
        };
        let Self { workspace, session, seq, prev, time_ms, .. } = *self;
        let draft = Draft { workspace, session, seq, prev, deps: self.deps.clone(), time_ms, body };
        let mut bytes = vec![HUSK];
        bytes.extend(draft.text(&self.author));
        bytes.extend([0; SIGNATURE_BYTES]);
        Some(bytes)
    }

    /// Reads a husk that was kept under the id of the op it was made from; none if it is none.
    pub fn from_husk(id: OpId, bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&[HUSK])?;
        let op = Self::decode_trusted(rest).ok()?;
        Some(Self { id, ..op })
    }
}
