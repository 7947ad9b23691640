//! Which kinds of content may stand where in the pipeline document.
//!
//! Deliberately absent: the meaning of values; whatever is JSON may be a label.

use crate::codec::{CodecError, Reader, Writer};
use crate::kept::{Kept, WHAT};

/// The shape of one shared map or text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Keys to plain values: `meta`, `extra`, an edge, the parameters of a node.
    Plain,
    /// Ids to maps of the given kind.
    Nodes,
    Stickies,
    Records,
    /// One node.
    Node,
    /// One sticky note: plain but for `text`.
    Sticky,
    /// Characters.
    Text,
}

/// What may stand at one key of a map, or in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    Value,
    Map(Place),
    Text,
    Characters,
}

kept_variant!(Place { Plain, Nodes, Stickies, Records, Node, Sticky, Text });

impl Kept for Rule {
    fn keep(&self, w: &mut Writer) {
        w.u8(match self {
            Self::Value => 0,
            Self::Text => 1,
            Self::Characters => 2,
            Self::Map(_) => 3,
        });
        if let Self::Map(place) = self {
            place.keep(w);
        }
    }

    fn regain(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(match r.u8(WHAT)? {
            0 => Self::Value,
            1 => Self::Text,
            2 => Self::Characters,
            3 => Self::Map(Kept::regain(r)?),
            other => return Err(CodecError::Unknown { what: WHAT, value: other.into() }),
        })
    }
}

/// The names of the roots, each with its shape.
pub(super) const ROOTS: [(&str, Place); 8] = [
    ("comments", Place::Records),
    ("data", Place::Records),
    ("edges", Place::Records),
    ("extra", Place::Plain),
    ("groups", Place::Records),
    ("meta", Place::Plain),
    ("nodes", Place::Nodes),
    ("stickies", Place::Stickies),
];

impl Place {
    /// What may stand at a key; nothing in a text.
    pub(super) fn rule(self, key: &str) -> Option<Rule> {
        Some(match self {
            Self::Plain => Rule::Value,
            Self::Nodes => Rule::Map(Self::Node),
            Self::Stickies => Rule::Map(Self::Sticky),
            Self::Records => Rule::Map(Self::Plain),
            Self::Node => match key {
                "params" | "promoted" | "extra" => Rule::Map(Self::Plain),
                "notes" => Rule::Text,
                _ => Rule::Value,
            },
            Self::Sticky => match key {
                "text" => Rule::Text,
                _ => Rule::Value,
            },
            Self::Text => return None,
        })
    }
}
