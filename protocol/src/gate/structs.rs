//! One struct of an update: where it stands and what it holds.
//!
//! Deliberately absent: GC and Skip structs, and Deleted, JSON, binary, embed, format and subdocument content: with
//! garbage collection off neither yrs nor Yjs makes them of this document.

use super::bytes::{Reader, put_number};
use super::{GateError, MAX_CLIENT, MAX_CLOCK};

const HAS_ORIGIN: u8 = 0x80;
const HAS_RIGHT: u8 = 0x40;
const HAS_KEY: u8 = 0x20;
const STRING: u8 = 4;
const TYPE: u8 = 7;
const ANY: u8 = 8;
const MAP: u8 = 1;
const TEXT: u8 = 2;

/// One position in a client's clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    pub(super) client: u64,
    pub(super) clock: u32,
}

kept!(Id { client, clock });

/// What a struct without origins names as its parent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Parent<'a> {
    Root(&'a str),
    Type(Id),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Content<'a> {
    /// Characters of a text; never empty.
    Text(&'a str),
    /// `count` values, encoded; never none.
    Any {
        count: u32,
        bytes: &'a [u8],
    },
    NewMap,
    NewText,
}

/// A struct, borrowed from its bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Struct<'a> {
    pub(super) len: u32,
    pub(super) origin: Option<Id>,
    pub(super) right: Option<Id>,
    /// Present exactly when there is neither origin.
    pub(super) parent: Option<Parent<'a>>,
    pub(super) key: Option<&'a str>,
    pub(super) content: Content<'a>,
}

pub(super) fn utf16_len(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().map(char::len_utf16).sum() }
}

fn read_id(reader: &mut Reader<'_>) -> Result<Id, GateError> {
    let at = reader.at;
    let (client, clock) = (reader.number()?, reader.number()?);
    if client >= MAX_CLIENT || clock >= MAX_CLOCK {
        return Err(GateError::Range(at));
    }
    let clock = u32::try_from(clock).map_err(|_| GateError::Range(at))?;
    Ok(Id { client, clock })
}

fn read_content<'a>(reader: &mut Reader<'a>, kind: u8, at: usize) -> Result<(Content<'a>, usize), GateError> {
    match kind {
        STRING => {
            let text = reader.text()?;
            if text.is_empty() {
                return Err(GateError::Count(at));
            }
            Ok((Content::Text(text), utf16_len(text)))
        }
        ANY => {
            let count = reader.count(1)?;
            if count == 0 {
                return Err(GateError::Count(at));
            }
            let start = reader.at;
            for _ in 0..count {
                reader.value(0)?;
            }
            let count32 = u32::try_from(count).map_err(|_| GateError::Count(at))?;
            Ok((Content::Any { count: count32, bytes: reader.since(start) }, count))
        }
        TYPE => match reader.byte()? {
            MAP => Ok((Content::NewMap, 1)),
            TEXT => Ok((Content::NewText, 1)),
            kind => Err(GateError::Kind { kind, at }),
        },
        kind => Err(GateError::Kind { kind, at }),
    }
}

impl<'a> Struct<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, GateError> {
        let at = reader.at;
        let info = reader.byte()?;
        let origin = if info & HAS_ORIGIN != 0 { Some(read_id(reader)?) } else { None };
        let right = if info & HAS_RIGHT != 0 { Some(read_id(reader)?) } else { None };
        let (mut parent, mut key) = (None, None);
        if origin.is_none() && right.is_none() {
            parent = Some(match reader.number()? {
                1 => Parent::Root(reader.text()?),
                0 => Parent::Type(read_id(reader)?),
                _ => return Err(GateError::Kind { kind: info, at }),
            });
            if info & HAS_KEY != 0 {
                key = Some(reader.key()?);
            }
        }
        let kind = info & 0x1f;
        // Characters stand in texts and have no key; all else stands in maps.
        if kind == STRING && info & HAS_KEY != 0 || kind != STRING && parent.is_some() && key.is_none() {
            return Err(GateError::Kind { kind, at });
        }
        let (content, len) = read_content(reader, kind, at)?;
        let len = u32::try_from(len).map_err(|_| GateError::Count(at))?;
        Ok(Self { len, origin, right, parent, key, content })
    }

    pub(super) const fn is_text(&self) -> bool {
        matches!(self.content, Content::Text(_))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let kind = match self.content {
            Content::Text(_) => STRING,
            Content::Any { .. } => ANY,
            Content::NewMap | Content::NewText => TYPE,
        };
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        let keyed = flag(!self.is_text(), HAS_KEY);
        out.push(kind | flag(self.origin.is_some(), HAS_ORIGIN) | flag(self.right.is_some(), HAS_RIGHT) | keyed);
        for id in [self.origin, self.right].into_iter().flatten() {
            put_number(out, id.client);
            put_number(out, id.clock.into());
        }
        match self.parent {
            Some(Parent::Root(name)) => {
                out.push(1);
                put_text(out, name);
            }
            Some(Parent::Type(id)) => {
                out.push(0);
                put_number(out, id.client);
                put_number(out, id.clock.into());
            }
            None => {}
        }
        if let Some(key) = self.key {
            put_text(out, key);
        }
        match self.content {
            Content::Text(text) => put_text(out, text),
            Content::Any { count, bytes } => {
                put_number(out, count.into());
                out.extend_from_slice(bytes);
            }
            Content::NewMap => out.push(MAP),
            Content::NewText => out.push(TEXT),
        }
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}
