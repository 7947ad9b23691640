//! A parsed update: the structs of one client in a row, and what it deletes.
//!
//! The structs are kept as their canonical bytes, so that memory follows the input and encoding is a copy.
//! Deliberately absent: updates of several clients; the state of a whole document is never read from a peer.

use super::bytes::{Reader, number_len, put_number};
use super::structs::{Content, Id, Struct, utf16_len};
use super::{GateError, MAX_CLIENT, MAX_CLOCK, MAX_UPDATE_BYTES};

/// Clocks that one update deletes: client, first clock, end.
pub(super) type Deleted = (u64, u32, u32);

/// The structs of one client and a delete set.
#[derive(Debug, Clone, Default)]
pub struct Update {
    client: u64,
    start: u32,
    end: u32,
    structs: u32,
    /// The structs, canonically encoded, back to back.
    body: Vec<u8>,
    /// The last struct, if it is a text: its right origin, and how many bytes of text end `body`.
    tail: Option<(Option<Id>, usize)>,
    deletes: Vec<Deleted>,
    /// How many of `deletes` are known to be sorted and merged.
    sorted: usize,
    /// Something was appended that does not follow; no index lets such an update through.
    torn: bool,
}

impl Update {
    /// Parses one v1 update.
    ///
    /// Linear in the input; holds at most some bytes for each byte read.
    ///
    /// # Errors
    /// What was expected, and where. The verdict rests on the bytes alone.
    pub fn parse(bytes: &[u8]) -> Result<Self, GateError> {
        if bytes.len() > MAX_UPDATE_BYTES {
            return Err(GateError::TooLarge);
        }
        let mut reader = Reader::new(bytes);
        let mut update = Self::default();
        match reader.number()? {
            0 => {}
            1 => update.read_structs(&mut reader)?,
            many => return Err(GateError::Clients(many)),
        }
        update.read_deletes(&mut reader)?;
        if reader.left() > 0 { Err(GateError::Trailing(reader.at)) } else { Ok(update) }
    }

    fn read_structs(&mut self, reader: &mut Reader<'_>) -> Result<(), GateError> {
        let at = reader.at;
        let count = reader.count(3)?;
        let range = reader.at;
        let (client, start) = (reader.number()?, reader.number()?);
        if count == 0 {
            return Err(GateError::Count(at));
        }
        if client >= MAX_CLIENT || start >= MAX_CLOCK {
            return Err(GateError::Range(range));
        }
        let mut end = start;
        self.body.reserve_exact(reader.left());
        for _ in 0..count {
            let at = reader.at;
            let item = Struct::read(reader)?;
            end += u64::from(item.len);
            if end > MAX_CLOCK {
                return Err(GateError::Range(at));
            }
            self.tail = tail(&item);
            item.write(&mut self.body);
        }
        let narrow = |n: u64| u32::try_from(n).map_err(|_| GateError::Range(range));
        (self.client, self.start, self.end) = (client, narrow(start)?, narrow(end)?);
        self.structs = u32::try_from(count).map_err(|_| GateError::Count(at))?;
        Ok(())
    }

    fn read_deletes(&mut self, reader: &mut Reader<'_>) -> Result<(), GateError> {
        let clients = reader.count(4)?;
        for _ in 0..clients {
            let at = reader.at;
            let client = reader.number()?;
            let count = reader.count(2)?;
            if count == 0 {
                return Err(GateError::Deletes(at));
            }
            for _ in 0..count {
                let at = reader.at;
                let (start, len) = (reader.number()?, reader.number()?);
                let end = start + len;
                if len == 0 || end > MAX_CLOCK {
                    return Err(GateError::Deletes(at));
                }
                let narrow = |n: u64| u32::try_from(n).map_err(|_| GateError::Deletes(at));
                self.deletes.push((client, narrow(start)?, narrow(end)?));
            }
        }
        self.sort_deletes();
        Ok(())
    }

    fn sort_deletes(&mut self) {
        merge_ranges(&mut self.deletes);
        self.sorted = self.deletes.len();
    }

    /// Encodes the update in the one form that this gate writes; both yrs and Yjs read it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        if self.structs == 0 {
            out.push(0);
        } else {
            out.push(1);
            put_number(&mut out, self.structs.into());
            put_number(&mut out, self.client);
            put_number(&mut out, self.start.into());
            out.extend_from_slice(&self.body);
        }
        let merged;
        let mut deletes = &self.deletes;
        if self.sorted != deletes.len() {
            let mut copy = deletes.clone();
            merge_ranges(&mut copy);
            merged = copy;
            deletes = &merged;
        }
        let clients: Vec<&[Deleted]> = deletes.chunk_by(|a, b| a.0 == b.0).collect();
        put_number(&mut out, clients.len() as u64);
        for ranges in clients {
            put_number(&mut out, ranges[0].0);
            put_number(&mut out, ranges.len() as u64);
            for (_, start, end) in ranges {
                put_number(&mut out, (*start).into());
                put_number(&mut out, (end - start).into());
            }
        }
        out
    }

    /// Appends a later update of the same client, merging what was typed in one go.
    ///
    /// Costs follow the size of `later`. An update that does not follow leaves this one torn: [`super::Index::check`]
    /// then refuses it.
    pub fn append(&mut self, later: Self) {
        self.torn |= later.torn;
        if later.structs > 0 {
            if self.structs == 0 {
                (self.client, self.start, self.end) = (later.client, later.start, later.end);
                (self.structs, self.body, self.tail) = (later.structs, later.body, later.tail);
            } else if later.client == self.client && later.start == self.end {
                self.append_structs(&later);
            } else {
                self.torn = true;
            }
        }
        for range in later.deletes {
            self.append_delete(range);
        }
        if self.deletes.len() > 2 * self.sorted + 64 {
            self.sort_deletes();
        }
    }

    fn append_structs(&mut self, later: &Self) {
        let mut reader = Reader::new(&later.body);
        let first = Struct::read(&mut reader).ok();
        let mut from = 0;
        let mut added = later.structs;
        if let Some(Struct { origin, right, content: Content::Text(text), .. }) = first
            && origin == Some(Id { client: self.client, clock: self.end - 1 })
            && self.extend_tail(right, text)
        {
            from = reader.at;
            added -= 1;
        }
        if added > 0 {
            self.tail = later.tail;
            self.body.extend_from_slice(&later.body[from..]);
        }
        self.structs += added;
        self.end = later.end;
    }

    /// Adds characters to the last struct if it is a text before the same right neighbour.
    fn extend_tail(&mut self, right: Option<Id>, text: &str) -> bool {
        let Some((tail_right, len)) = self.tail else { return false };
        if tail_right != right {
            return false;
        }
        let (old, new) = (number_len(len as u64), number_len((len + text.len()) as u64));
        let at = self.body.len() - len - old;
        let mut number = Vec::with_capacity(new);
        put_number(&mut number, (len + text.len()) as u64);
        self.body.splice(at..at + old, number);
        self.body.extend_from_slice(text.as_bytes());
        self.tail = Some((right, len + text.len()));
        true
    }

    fn append_delete(&mut self, range: Deleted) {
        if let Some(last) = self.deletes.last_mut()
            && last.0 == range.0
            && range.1 <= last.2
            && last.1 <= range.2
        {
            (last.1, last.2) = (last.1.min(range.1), last.2.max(range.2));
            self.sorted = self.sorted.min(self.deletes.len() - 1);
        } else {
            self.deletes.push(range);
        }
    }

    /// Cuts the update into parts of at most about `max_bytes`, each valid after those before it.
    ///
    /// Cuts between structs, inside long texts (never inside a character) and between values; deletes come last. A
    /// single value that is larger than `max_bytes` stays whole, so a part may exceed it.
    #[must_use]
    pub fn split(self, max_bytes: usize) -> Vec<Self> {
        let max_bytes = max_bytes.max(128);
        let mut parts = Vec::new();
        let mut part = Self { client: self.client, start: self.start, end: self.start, ..Self::default() };
        for item in self.structs() {
            part.push_cut(item, max_bytes, &mut parts);
        }
        let mut deletes = self.deletes;
        merge_ranges(&mut deletes);
        for range in deletes {
            if part.encoded_len() + 24 > max_bytes && !part.is_empty() {
                parts.push(part.restart());
            }
            part.deletes.push(range);
            part.sorted += 1;
        }
        part.torn = self.torn;
        if !part.is_empty() || parts.is_empty() {
            parts.push(part);
        }
        parts
    }

    /// Takes what was gathered, leaving an empty update that continues it.
    fn restart(&mut self) -> Self {
        let next = Self { client: self.client, start: self.end, end: self.end, ..Self::default() };
        std::mem::replace(self, next)
    }

    fn push(&mut self, item: &Struct<'_>) {
        self.tail = tail(item);
        item.write(&mut self.body);
        self.structs += 1;
        self.end += item.len;
    }

    fn push_cut(&mut self, mut item: Struct<'_>, max_bytes: usize, parts: &mut Vec<Self>) {
        loop {
            let room = max_bytes.saturating_sub(self.encoded_len() + 64);
            match cut(&item, room) {
                Cut::Whole => return self.push(&item),
                Cut::At(pieces) => {
                    let (head, rest) = *pieces;
                    self.push(&head);
                    let origin = Some(Id { client: self.client, clock: self.end - 1 });
                    item = Struct { origin, parent: None, key: None, ..rest };
                }
                Cut::None if self.structs == 0 => return self.push(&item),
                Cut::None => {}
            }
            parts.push(self.restart());
        }
    }

    pub(super) fn structs(&self) -> impl Iterator<Item = Struct<'_>> {
        let mut reader = Reader::new(&self.body);
        std::iter::from_fn(move || if reader.left() > 0 { Struct::read(&mut reader).ok() } else { None })
    }

    pub(super) fn deletes(&self) -> &[Deleted] {
        &self.deletes
    }

    pub(super) const fn is_torn(&self) -> bool {
        self.torn
    }

    /// The client that made the structs; none in an update that only deletes.
    #[must_use]
    pub fn client(&self) -> Option<u64> {
        (self.structs > 0).then_some(self.client)
    }

    /// The first clock and the end of the structs; none in an update that only deletes.
    #[must_use]
    pub fn clock_range(&self) -> Option<(u64, u64)> {
        (self.structs > 0).then(|| (self.start.into(), self.end.into()))
    }

    /// Whether the update changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.structs == 0 && self.deletes.is_empty()
    }

    /// An upper bound of the encoded length in bytes, close when little is deleted. Constant time.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.body.len() + 24 + 20 * self.deletes.len()
    }
}

impl PartialEq for Update {
    fn eq(&self, other: &Self) -> bool {
        self.torn == other.torn && self.encode() == other.encode()
    }
}

impl Eq for Update {}

fn tail(item: &Struct<'_>) -> Option<(Option<Id>, usize)> {
    match item.content {
        Content::Text(text) => Some((item.right, text.len())),
        _ => None,
    }
}

#[allow(clippy::large_enum_variant, reason = "one value at a time, taken apart at once")]
enum Cut<'a> {
    Whole,
    At(Box<(Struct<'a>, Struct<'a>)>),
    None,
}

/// Cuts a struct so that the head's content takes at most `room` bytes.
fn cut<'a>(item: &Struct<'a>, room: usize) -> Cut<'a> {
    let names = item.key.map_or(0, str::len) + 64;
    match item.content {
        Content::Text(text) if text.len() > room => {
            let at = (0..=room).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
            if at == 0 {
                return Cut::None;
            }
            let (head, rest) = text.split_at(at);
            let piece = |text: &'a str| Struct { len: utf16_len(text) as u32, content: Content::Text(text), ..*item };
            Cut::At(Box::new((piece(head), piece(rest))))
        }
        Content::Any { count, bytes } if bytes.len() + names > room && count > 1 => {
            let mut reader = Reader::new(bytes);
            let (mut fits, mut at) = (0, 0);
            while fits + 1 < count && reader.value(0).is_ok() && reader.at + names <= room {
                (fits, at) = (fits + 1, reader.at);
            }
            if fits == 0 {
                return if room >= names { single(item, bytes, count) } else { Cut::None };
            }
            values(item, bytes, count, fits, at)
        }
        Content::Any { bytes, .. } if bytes.len() + names > room => Cut::None,
        Content::NewMap | Content::NewText if names > room => Cut::None,
        _ => Cut::Whole,
    }
}

/// Cuts off the first value, however large.
fn single<'a>(item: &Struct<'a>, bytes: &'a [u8], count: u32) -> Cut<'a> {
    let mut reader = Reader::new(bytes);
    if reader.value(0).is_err() {
        return Cut::None;
    }
    values(item, bytes, count, 1, reader.at)
}

fn values<'a>(item: &Struct<'a>, bytes: &'a [u8], count: u32, fits: u32, at: usize) -> Cut<'a> {
    let piece = |count, bytes| Struct { len: count, content: Content::Any { count, bytes }, ..*item };
    Cut::At(Box::new((piece(fits, &bytes[..at]), piece(count - fits, &bytes[at..]))))
}

/// Sorts by client, highest first, then by clock, and joins ranges that touch.
fn merge_ranges(ranges: &mut Vec<Deleted>) {
    ranges.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    ranges.dedup_by(|later, kept| {
        let touches = later.0 == kept.0 && later.1 <= kept.2;
        if touches {
            kept.2 = kept.2.max(later.2);
        }
        touches
    });
}
