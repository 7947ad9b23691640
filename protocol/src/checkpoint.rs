//! What a checkpoint says of its past, in digests: which ops count, who may what, what the document is.
//!
//! Deliberately absent: which past that is and what it comes to (`judge`, `replica`), and who believes it.

use crate::codec::{CodecError, Reader, Writer};
use crate::identity::OpId;
use crate::judge::{Author, Role};
use crate::op::MAX_STATE_PARTS;

const LEAF: &str = "omniscope 2026 checkpoint leaf";
const PAIR: &str = "omniscope 2026 checkpoint pair";
const ROLES: &str = "omniscope 2026 checkpoint roles";
const DOCUMENT: &str = "omniscope 2026 checkpoint document";

/// The Merkle root over ids, which are taken in ascending order (Rule R45). Of neighbours a pair is made, level by level;
/// who has no neighbour goes up as it is. Of no ids it is all zeros.
pub fn root(mut ids: Vec<OpId>) -> [u8; 32] {
    ids.sort_unstable();
    let mut level: Vec<[u8; 32]> = ids.iter().map(|id| blake3::derive_key(LEAF, &id.0)).collect();
    while level.len() > 1 {
        let pair = |pair: &[[u8; 32]]| match pair {
            [left, right] => blake3::derive_key(PAIR, &[*left, *right].concat()),
            alone => alone[0],
        };
        level = level.chunks(2).map(pair).collect();
    }
    level.pop().unwrap_or_default()
}

/// The digest of everybody's role, given in ascending order (Rule R45).
pub fn roles_digest(roles: &[(Author, Role)]) -> [u8; 32] {
    let mut w = Writer::new();
    w.list(roles, |w, (device, role)| {
        w.array(device).u8(*role as u8);
    });
    blake3::derive_key(ROLES, &w.into_bytes())
}

/// The digest of a document, by its canonical JSON (Rule R45).
pub fn document_digest(canonical_json: &str) -> [u8; 32] {
    blake3::derive_key(DOCUMENT, canonical_json.as_bytes())
}

/// What a checkpoint says to those who can read: the sealed text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The digest of the document.
    pub document: [u8; 32],
    /// The BLAKE3 hashes of the parts of its state, as they travel; none if nobody can fetch it.
    pub parts: Vec<[u8; 32]>,
}

impl Said {
    /// The text to be sealed.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(&self.document).list(&self.parts, |w, part| {
            w.array(part);
        });
        w.into_bytes()
    }

    /// Reads an opened text.
    ///
    /// # Errors
    /// When the bytes are none; their author is at fault.
    pub fn decode(text: &[u8]) -> Result<Self, CodecError> {
        let mut r = Reader::new(text);
        let said = Self {
            document: r.array("digest of the document")?,
            parts: r.list("parts", MAX_STATE_PARTS, |r| r.array("part"))?,
        };
        r.finish()?;
        Ok(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_of_the_set_and_changes_with_every_id() {
        let ids = |n: u8| (0..n).map(|i| OpId([i; 32])).collect::<Vec<_>>();
        let mut roots: Vec<[u8; 32]> = (0..40).map(|n| root(ids(n))).collect();
        assert_eq!(roots[0], [0; 32]);
        let mut backwards = ids(39);
        backwards.reverse();
        assert_eq!(root(backwards), roots[39], "the order is not said");
        roots.sort_unstable();
        roots.dedup();
        assert_eq!(roots.len(), 40);
        assert_ne!(root(vec![OpId([1; 32])]), [1; 32], "an id is no root");
    }

    #[test]
    fn what_is_said_has_one_form() {
        let said = Said { document: [1; 32], parts: vec![[2; 32], [3; 32]] };
        let text = said.encode();
        assert_eq!(Said::decode(&text), Ok(said));
        assert!(Said::decode(&text[..text.len() - 1]).is_err());
        assert!(Said::decode(&[text, vec![0]].concat()).is_err());
    }
}
