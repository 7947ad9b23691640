//! Canonical bytes: one encoding per value, hard limits, nothing read beyond what was given.
//!
//! Integers are unsigned LEB128 in their shortest form, fixed arrays stand bare, byte strings and lists carry
//! their length first. A reader refuses a longer form of the same number, a length beyond its limit or beyond the
//! bytes left, and anything behind the last field, so equal values have equal bytes and equal hashes.
//! There is no self-description and no derive: each format is spelled out where its type lives.

/// Why bytes are not the encoding of the value that was asked for. Always the sender's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes end inside a field.
    #[error("the bytes end inside {0}")]
    Truncated(&'static str),
    /// A length or count is above the limit of its field.
    #[error("{what} is {found} long, at most {max} are allowed")]
    TooLong {
        /// The field.
        what: &'static str,
        /// The length that the bytes claim.
        found: u64,
        /// The limit of the field.
        max: usize,
    },
    /// The value has a shorter or an ordered form, and only that one is accepted.
    #[error("{0} is not in its canonical form")]
    NotCanonical(&'static str),
    /// Bytes follow the last field.
    #[error("{0} bytes follow the last field")]
    Trailing(usize),
    /// A tag has no meaning in this version.
    #[error("{value} is no known {what}")]
    Unknown {
        /// The field.
        what: &'static str,
        /// The tag found.
        value: u64,
    },
}

/// Appends fields in canonical form.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes written so far.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// One byte, such as a version or a tag.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes.push(value);
        self
    }

    /// An integer as shortest LEB128, 1 to 10 bytes.
    pub fn varint(&mut self, mut value: u64) -> &mut Self {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
        self
    }

    /// Bytes whose length the format fixes.
    pub fn array(&mut self, value: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(value);
        self
    }

    /// A byte string behind its length.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.varint(value.len() as u64).array(value)
    }

    /// A UTF-8 string behind its length in bytes.
    pub fn str(&mut self, value: &str) -> &mut Self {
        self.bytes(value.as_bytes())
    }

    /// A presence byte, then the value if there is one.
    pub fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) -> &mut Self {
        self.u8(value.is_some() as u8);
        if let Some(value) = value {
            write(self, value);
        }
        self
    }

    /// A count, then each item.
    pub fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) -> &mut Self {
        self.varint(items.len() as u64);
        for item in items {
            write(self, item);
        }
        self
    }
}

/// Takes fields off the front of foreign bytes.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the front of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    fn take(&mut self, n: usize, what: &'static str) -> Result<&'a [u8], CodecError> {
        if n > self.rest.len() {
            return Err(CodecError::Truncated(what));
        }
        let (taken, rest) = self.rest.split_at(n);
        self.rest = rest;
        Ok(taken)
    }

    /// One byte.
    pub fn u8(&mut self, what: &'static str) -> Result<u8, CodecError> {
        Ok(self.take(1, what)?[0])
    }

    /// A shortest-form LEB128 integer.
    pub fn varint(&mut self, what: &'static str) -> Result<u64, CodecError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8(what)?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return Err(CodecError::NotCanonical(what));
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return if byte == 0 && shift > 0 { Err(CodecError::NotCanonical(what)) } else { Ok(value) };
            }
        }
        Err(CodecError::NotCanonical(what))
    }

    /// A length or count of at most `max`.
    pub fn length(&mut self, what: &'static str, max: usize) -> Result<usize, CodecError> {
        let found = self.varint(what)?;
        if found > max as u64 {
            return Err(CodecError::TooLong { what, found, max });
        }
        Ok(found as usize)
    }

    /// Exactly `N` bytes.
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], CodecError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N, what)?);
        Ok(out)
    }

    /// A byte string of at most `max` bytes.
    pub fn bytes(&mut self, what: &'static str, max: usize) -> Result<&'a [u8], CodecError> {
        let n = self.length(what, max)?;
        self.take(n, what)
    }

    /// A UTF-8 string of at most `max` bytes.
    pub fn str(&mut self, what: &'static str, max: usize) -> Result<&'a str, CodecError> {
        std::str::from_utf8(self.bytes(what, max)?).map_err(|_| CodecError::NotCanonical(what))
    }

    /// A value behind a presence byte of 0 or 1.
    pub fn option<T>(
        &mut self,
        what: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, CodecError>,
    ) -> Result<Option<T>, CodecError> {
        match self.u8(what)? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(CodecError::NotCanonical(what)),
        }
    }

    /// A list of at most `max` items. Memory grows with the bytes that are there, not with the count claimed.
    pub fn list<T>(
        &mut self,
        what: &'static str,
        max: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, CodecError>,
    ) -> Result<Vec<T>, CodecError> {
        let n = self.length(what, max)?;
        let mut items = Vec::with_capacity(n.min(self.rest.len()));
        for _ in 0..n {
            items.push(read(self)?);
        }
        Ok(items)
    }

    /// Ends the reading: everything that is left.
    pub fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Ends the reading: nothing may be left.
    pub fn finish(self) -> Result<(), CodecError> {
        if self.rest.is_empty() { Ok(()) } else { Err(CodecError::Trailing(self.rest.len())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_integer_has_one_form() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut w = Writer::new();
            w.varint(value);
            let bytes = w.into_bytes();
            let mut r = Reader::new(&bytes);
            assert_eq!(r.varint("value"), Ok(value));
            assert_eq!(r.finish(), Ok(()));
        }
        for longer in [&[0x80, 0x00][..], &[0xff, 0x80, 0x00], &[0xff; 11]] {
            assert_eq!(Reader::new(longer).varint("value"), Err(CodecError::NotCanonical("value")));
        }
    }

    #[test]
    fn a_length_beyond_the_bytes_is_refused_before_memory_is_taken() {
        let mut w = Writer::new();
        w.varint(1 << 20);
        let bytes = w.into_bytes();
        assert_eq!(Reader::new(&bytes).bytes("body", 1 << 30), Err(CodecError::Truncated("body")));
        assert!(matches!(Reader::new(&bytes).bytes("body", 10), Err(CodecError::TooLong { max: 10, .. })));
    }

    #[test]
    fn nothing_may_follow_the_last_field() {
        let mut r = Reader::new(&[1, 2]);
        assert_eq!(r.u8("tag"), Ok(1));
        assert_eq!(r.finish(), Err(CodecError::Trailing(1)));
    }
}
