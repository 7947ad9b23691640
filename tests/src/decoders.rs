//! F5: the decoders of foreign bytes, and what must hold of everything they take.
//!
//! `takes_*` says whether a decoder takes an input; `*_holds` panics if what was taken breaks a promise. Seeded mutations
//! (`scenarios/fuzz.rs`) and libFuzzer (`fuzz/`) feed both. Deliberately absent: bounds of time and memory, which whoever feeds
//! them measures.
#![allow(clippy::unwrap_used, reason = "a broken promise is a panic")]

use omniscope_engine::doc::Document;
use omniscope_engine::pipeline::import;
use omniscope_protocol::gate::{Index, Past, Update};
use omniscope_protocol::identity::{DeviceKey, hex};
use omniscope_protocol::invitation::{LINK_PREFIX, Link, LinkError};
use omniscope_protocol::op::{Draft, Op};
use omniscope_protocol::wire::{Gossip, Request, Response};

use crate::lib0::node_with_notes;

/// The author of the golden ops, whose key is known to all.
pub fn known_author() -> DeviceKey {
    DeviceKey::from_seed(&[1; 32])
}

/// The signature is the costly part: it is looked at where all else is in order.
pub fn takes_op(bytes: &[u8]) -> bool {
    Op::decode_trusted(bytes).is_ok()
}

/// An op has one encoding: signed anew, what was read is written as it was.
pub fn op_holds(bytes: &[u8]) {
    let op = Op::decode_trusted(bytes).unwrap();
    assert_eq!(&*op.bytes, bytes);
    let (workspace, genesis) = (op.workspace(), op.prev.is_none() && op.deps.is_empty());
    if Op::decode(bytes).is_err() && op.author == known_author().id() && !genesis {
        let Op { session, seq, prev, deps, time_ms, body, .. } = op;
        let draft = Draft { workspace, session, seq, prev, deps, time_ms, body };
        let again = Op::sign(draft, &known_author());
        assert_eq!(again.bytes[..again.bytes.len() - 64], bytes[..bytes.len() - 64]);
    }
}

/// What goes to a whole topic.
pub fn takes_gossip(bytes: &[u8]) -> bool {
    Gossip::decode(bytes).is_ok()
}

/// Gossip has one encoding.
pub fn gossip_holds(bytes: &[u8]) {
    assert_eq!(Gossip::decode(bytes).unwrap().encode(), bytes);
}

/// What one peer asks another.
pub fn takes_request(bytes: &[u8]) -> bool {
    Request::decode(bytes).is_ok()
}

/// A request has one encoding.
pub fn request_holds(bytes: &[u8]) {
    assert_eq!(Request::decode(bytes).unwrap().encode(), bytes);
}

/// What is answered.
pub fn takes_response(bytes: &[u8]) -> bool {
    Response::decode(bytes).is_ok()
}

/// A response has one encoding.
pub fn response_holds(bytes: &[u8]) {
    assert_eq!(Response::decode(bytes).unwrap().encode(), bytes);
}

/// A link around these bytes, its check in order, so that what is inside is reached.
pub fn link_of(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let whole = [bytes, &blake3::hash(bytes).as_bytes()[..4]].concat();
    let mut text = LINK_PREFIX.to_owned();
    for chunk in whole.chunks(3) {
        let bits = chunk.iter().fold(0u32, |bits, b| bits << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        text.extend((0..=chunk.len()).map(|i| DIGITS[(bits >> (18 - 6 * i)) as usize & 63] as char));
    }
    text
}

/// Taken is what leads to a verdict on the signatures.
pub fn takes_link(bytes: &[u8]) -> bool {
    matches!(Link::parse(&link_of(bytes)), Ok(_) | Err(LinkError::Forged))
}

/// A file of any kind that can be imported.
pub fn takes_pipeline(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| import::plan(text, &mut || [7; 16]).is_ok())
}

/// What is imported is one edit, or several, which the gate takes, and shows what was planned.
pub fn pipeline_holds(bytes: &[u8]) {
    let mut n = 0u128;
    let mut ids = || {
        n += 1;
        blake3::hash(&n.to_le_bytes()).as_bytes()[..16].try_into().unwrap()
    };
    for plan in import::plan(std::str::from_utf8(bytes).unwrap(), &mut ids).unwrap() {
        let (nodes, edges) = (plan.nodes(), plan.edges());
        let (mut document, mut index, mut next) = (Document::new(ME), Index::default(), 0);
        let imported = document.import(plan, &mut ids);
        assert_eq!((imported.nodes, imported.edges), (nodes, edges));
        for bytes in &imported.updates {
            let update = Update::parse(bytes).unwrap_or_else(|e| panic!("an import's own update: {e}"));
            let place =
                index.check(&update, ME, next, &Nobody).unwrap_or_else(|e| panic!("an import's own update: {e}"));
            index.insert(place);
            next = update.clock_range().map_or(next, |(_, end)| end);
        }
    }
}

/// The client whose updates are tried.
pub const ME: u64 = 7;
/// The client that wrote before.
pub const OTHER: u64 = 9;

struct Nobody;

impl Past for Nobody {
    fn end(&self, _: u64) -> u64 {
        0
    }
}

struct Reach;

impl Past for Reach {
    fn end(&self, client: u64) -> u64 {
        if client == OTHER { 4 } else { 0 }
    }
}

/// The gate, behind it a document in which [`node_with_notes`] of [`OTHER`] stands.
#[derive(Clone, Debug)]
pub struct Gate {
    before: Vec<u8>,
    index: Index,
}

impl Default for Gate {
    fn default() -> Self {
        let (before, mut index) = (node_with_notes(OTHER), Index::default());
        index.insert(index.check(&Update::parse(&before).unwrap(), OTHER, 0, &Reach).unwrap());
        Self { before, index }
    }
}

impl Gate {
    /// Whether an update of [`ME`] passes.
    pub fn takes(&self, bytes: &[u8]) -> bool {
        Update::parse(bytes).is_ok_and(|update| self.index.check(&update, ME, 0, &Reach).is_ok())
    }

    /// What passes is written as it was read, and yrs reads it, whole and in parts, with nothing pending and one result.
    pub fn holds(&self, bytes: &[u8]) {
        let update = Update::parse(bytes).unwrap();
        assert_eq!(Update::parse(&update.encode()).unwrap(), update);
        let mut index = self.index.clone();
        index.insert(index.check(&update, ME, 0, &Reach).unwrap());
        let (mut document, mut parts) = (Document::new(1), Document::new(1));
        document.apply(&self.before).unwrap();
        parts.apply(&self.before).unwrap();
        document.apply(&update.encode()).unwrap_or_else(|e| panic!("yrs: {e} on {}", hex(bytes)));
        for part in update.split(128) {
            parts.apply(&part.encode()).unwrap_or_else(|e| panic!("yrs: {e} on a part of {}", hex(bytes)));
        }
        assert_eq!(document.canonical_json(), parts.canonical_json(), "{}", hex(bytes));
    }
}
