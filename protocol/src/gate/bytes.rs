//! Reading and writing lib0's numbers and strings, in their shortest form only.
//!
//! Deliberately absent: lib0 values with no JSON meaning (undefined, buffers, 64-bit integers that doubles cannot hold).

use super::{GateError, MAX_KEY_BYTES, MAX_VALUE_DEPTH};

/// A cursor over bytes that never reads past their end.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) const fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(super) fn since(&self, start: usize) -> &'a [u8] {
        &self.bytes[start..self.at]
    }

    pub(super) fn byte(&mut self) -> Result<u8, GateError> {
        let byte = *self.bytes.get(self.at).ok_or(GateError::Truncated(self.at))?;
        self.at += 1;
        Ok(byte)
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], GateError> {
        if count > self.left() {
            return Err(GateError::Truncated(self.at));
        }
        let taken = &self.bytes[self.at..self.at + count];
        self.at += count;
        Ok(taken)
    }

    /// Reads an unsigned number below 2^53.
    pub(super) fn number(&mut self) -> Result<u64, GateError> {
        let start = self.at;
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                let shortest = byte != 0 || shift == 0;
                return if shortest && value < super::MAX_CLIENT { Ok(value) } else { Err(GateError::Number(start)) };
            }
            shift += 7;
            if shift > 49 {
                return Err(GateError::Number(start));
            }
        }
    }

    /// Reads how many things follow, each of at least `each` bytes.
    pub(super) fn count(&mut self, each: usize) -> Result<usize, GateError> {
        let start = self.at;
        let count = usize::try_from(self.number()?).map_err(|_| GateError::Count(start))?;
        if count > self.left() / each { Err(GateError::Count(start)) } else { Ok(count) }
    }

    pub(super) fn text(&mut self) -> Result<&'a str, GateError> {
        let count = self.count(1)?;
        let start = self.at;
        std::str::from_utf8(self.take(count)?).map_err(|_| GateError::Text(start))
    }

    /// Reads a key of a map or object. `__proto__` is refused: a JavaScript object would swallow it.
    pub(super) fn key(&mut self) -> Result<&'a str, GateError> {
        let start = self.at;
        let key = self.text()?;
        if key.len() > MAX_KEY_BYTES || key == "__proto__" { Err(GateError::Key(start)) } else { Ok(key) }
    }

    /// Skips one value, checking it.
    pub(super) fn value(&mut self, depth: usize) -> Result<(), GateError> {
        let at = self.at;
        if depth > MAX_VALUE_DEPTH {
            return Err(GateError::Depth(at));
        }
        match self.byte()? {
            126 | 121 | 120 => {}
            125 => self.integer()?,
            kind @ 124 => {
                let bytes = self.take(4)?.try_into().map_err(|_| GateError::Truncated(at))?;
                if !f32::from_be_bytes(bytes).is_finite() {
                    return Err(GateError::Value { kind, at });
                }
            }
            kind @ 123 => {
                let bytes = self.take(8)?.try_into().map_err(|_| GateError::Truncated(at))?;
                if !f64::from_be_bytes(bytes).is_finite() {
                    return Err(GateError::Value { kind, at });
                }
            }
            119 => {
                self.text()?;
            }
            118 => {
                for _ in 0..self.count(2)? {
                    self.key()?;
                    self.value(depth + 1)?;
                }
            }
            117 => {
                for _ in 0..self.count(1)? {
                    self.value(depth + 1)?;
                }
            }
            kind => return Err(GateError::Value { kind, at }),
        }
        Ok(())
    }

    /// Skips a signed number of at most 31 bits, as both libraries write it. Minus zero is one of them.
    fn integer(&mut self) -> Result<(), GateError> {
        let start = self.at;
        let first = self.byte()?;
        let (mut value, mut shift, mut byte) = (u64::from(first & 0x3f), 6, first);
        while byte >= 0x80 {
            byte = self.byte()?;
            if shift > 27 || byte == 0 {
                return Err(GateError::Number(start));
            }
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
        }
        if value > 0x7fff_ffff { Err(GateError::Number(start)) } else { Ok(()) }
    }
}

/// Appends an unsigned number.
pub(super) fn put_number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many bytes a number takes.
pub(super) const fn number_len(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}
