//! Inputs for decoders: changed copies of good ones, by somebody who knows lengths, counts and LEB128.

use crate::dice::Dice;

/// Good inputs kept at one time; found ones replace others.
const MAX_CORPUS: usize = 400;
/// Bytes of one input.
const MAX_INPUT_BYTES: usize = 64 * 1024;
const NUMBERS: [u64; 14] =
    [0, 1, 2, 63, 64, 127, 128, 255, 1 << 14, (1 << 31) - 1, 1 << 32, (1 << 53) - 1, 1 << 53, !0];

/// Makes inputs from a corpus of good ones; the same seed makes the same ones.
#[derive(Debug)]
pub struct Mutator {
    dice: Dice,
    corpus: Vec<Vec<u8>>,
}

impl Mutator {
    /// A mutator that begins with these inputs, at least one.
    pub fn new(seed: u64, corpus: Vec<Vec<u8>>) -> Self {
        assert!(!corpus.is_empty(), "a corpus has inputs");
        Self { dice: Dice::new(seed), corpus }
    }

    /// Remembers an input that a decoder took, to change it further.
    pub fn keep(&mut self, input: Vec<u8>) {
        if self.corpus.len() < MAX_CORPUS {
            self.corpus.push(input);
        } else if self.dice.one_in(8) {
            let at = self.dice.below(self.corpus.len());
            self.corpus[at] = input;
        }
    }

    /// The next input.
    pub fn input(&mut self) -> Vec<u8> {
        let at = self.dice.below(self.corpus.len());
        let mut bytes = self.corpus[at].clone();
        for _ in 0..1 + self.dice.below(4) {
            self.change(&mut bytes);
        }
        bytes.truncate(MAX_INPUT_BYTES);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return bytes.push(self.dice.any() as u8);
        }
        let at = self.dice.below(bytes.len());
        match self.dice.below(11) {
            0 => bytes[at] ^= 1 << self.dice.below(8),
            1 => bytes[at] = self.dice.any() as u8,
            2 => bytes.insert(at, self.dice.any() as u8),
            3 => drop(bytes.remove(at)),
            4 => bytes.truncate(at),
            5 => self.splice(bytes, at),
            6 => self.repeat(bytes, at),
            7 | 8 => self.renumber(bytes, at),
            9 => self.resize(bytes, at),
            _ => {
                let end = at + self.dice.below(bytes.len() - at + 1);
                drop(bytes.drain(at..end));
            }
        }
    }

    /// A piece of another good input in place of what stands here.
    fn splice(&mut self, bytes: &mut Vec<u8>, at: usize) {
        let from = self.dice.below(self.corpus.len());
        let from = &self.corpus[from];
        if from.is_empty() {
            return;
        }
        let start = self.dice.below(from.len());
        let end = start + self.dice.below(from.len() - start + 1);
        let until = at + self.dice.below(bytes.len() - at + 1);
        bytes.splice(at..until, from[start..end].iter().copied());
    }

    /// The same piece again and again: what nests or lists without end.
    fn repeat(&mut self, bytes: &mut Vec<u8>, at: usize) {
        let len = 1 + self.dice.below((bytes.len() - at).min(16));
        let piece = bytes[at..at + len].to_vec();
        let times = 1 << self.dice.below(10);
        bytes.splice(at..at, piece.repeat(times));
    }

    /// Another number in place of one, in its shortest form or a longer one.
    fn renumber(&mut self, bytes: &mut Vec<u8>, at: usize) {
        let (value, len) = number(&bytes[at..]);
        let left = (bytes.len() - at) as u64;
        let value = match self.dice.below(6) {
            0 => value.wrapping_add(1),
            1 => value.wrapping_sub(1),
            2 => left,
            3 => value.wrapping_mul(2),
            _ => *self.dice.pick(&NUMBERS),
        };
        let mut new = leb(value);
        if self.dice.one_in(8)
            && let Some(last) = new.last_mut()
        {
            *last |= 0x80;
            new.push(0);
        }
        bytes.splice(at..at + len, new);
    }

    /// Takes a number for the length of what follows, and changes both.
    fn resize(&mut self, bytes: &mut Vec<u8>, at: usize) {
        let (value, len) = number(&bytes[at..]);
        let Some(end) = usize::try_from(value).ok().and_then(|v| v.checked_add(at + len)) else { return };
        if end > bytes.len() {
            return;
        }
        let size = self.dice.below(40);
        let mut content = bytes[at + len..end].to_vec();
        let filler = *self.dice.pick(&[0, b'a', 0xf0, 0xff]);
        content.resize(size, filler);
        let mut new = leb(size as u64);
        new.extend(content);
        bytes.splice(at..end, new);
    }
}

/// The number in LEB128 at the start of `bytes`, and how many bytes it takes.
fn number(bytes: &[u8]) -> (u64, usize) {
    let mut value = 0;
    for (i, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(7 * i as u32).unwrap_or(0);
        if byte & 0x80 == 0 {
            return (value, i + 1);
        }
    }
    (value, bytes.len().min(10))
}

fn leb(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}
