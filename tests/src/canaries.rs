//! Random strings that must not show, and the search for them in bytes of any kind.
//!
//! Each is looked for as it is, reversed, in UTF-16 (both orders), as hex (both cases, and with the nibbles of each byte
//! exchanged), and in base64 at each of its three alignments. Nothing that OmniScope sends or keeps is compressed, so
//! nothing is decompressed here.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use crate::dice::Dice;

/// Letters of one canary: more than chance brings about in any capture.
const LETTERS: usize = 16;
/// Bytes by which a place in the haystack is compared with all needles at once.
const PREFIX: usize = 8;

/// Some random strings.
pub fn canaries(dice: &mut Dice, count: usize) -> Vec<String> {
    let letters: Vec<char> = ('a'..='z').chain('A'..='Z').collect();
    (0..count).map(|_| (0..LETTERS).map(|_| *dice.pick(&letters)).collect()).collect()
}

/// Finds canaries in all their forms.
pub struct Search {
    /// By the first bytes: which canary, and the whole needle.
    needles: HashMap<[u8; PREFIX], Vec<(usize, Vec<u8>)>>,
    /// Whether any needle begins with these two bytes. Nearly all places in a large haystack end here.
    beginnings: Vec<bool>,
}

impl Search {
    /// A search for all of `canaries`.
    pub fn new(canaries: &[String]) -> Self {
        let mut needles: HashMap<[u8; PREFIX], Vec<(usize, Vec<u8>)>> = HashMap::new();
        let mut beginnings = vec![false; 1 << 16];
        for (n, canary) in canaries.iter().enumerate() {
            for form in forms(canary.as_bytes()) {
                let prefix: [u8; PREFIX] = form[..PREFIX].try_into().expect("forms are longer");
                beginnings[beginning(&prefix)] = true;
                needles.entry(prefix).or_default().push((n, form));
            }
        }
        Self { needles, beginnings }
    }

    /// Which canaries stand in `bytes`, by their numbers.
    pub fn found_in(&self, bytes: &[u8]) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        for (at, prefix) in bytes.windows(PREFIX).enumerate() {
            if !self.beginnings[beginning(prefix)] {
                continue;
            }
            let prefix: &[u8; PREFIX] = prefix.try_into().expect("a window has its size");
            let here = self.needles.get(prefix).into_iter().flatten();
            found.extend(here.filter(|(_, needle)| bytes[at..].starts_with(needle)).map(|(n, _)| *n));
        }
        found
    }

    /// Which canaries stand in the files below `folder`; and how many bytes were looked through.
    ///
    /// # Panics
    ///
    /// When a file cannot be read.
    pub fn found_below(&self, folder: &Path) -> (BTreeSet<usize>, usize) {
        let (mut found, mut bytes) = (BTreeSet::new(), 0);
        for entry in std::fs::read_dir(folder).expect("the folder is there").flatten() {
            let kind = entry.file_type().expect("an entry has a kind");
            if kind.is_dir() {
                let (inside, more) = self.found_below(&entry.path());
                found.extend(inside);
                bytes += more;
            } else if kind.is_file() {
                let content = std::fs::read(entry.path()).expect("the file can be read");
                found.extend(self.found_in(&content));
                found.extend(self.found_in(entry.file_name().as_encoded_bytes()));
                bytes += content.len();
            }
        }
        (found, bytes)
    }
}

fn beginning(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

/// All ways in which `text` may lie in bytes without being sealed.
pub fn forms(text: &[u8]) -> Vec<Vec<u8>> {
    let utf16 = |order: fn(u16) -> [u8; 2]| text.iter().flat_map(|byte| order(u16::from(*byte))).collect::<Vec<u8>>();
    let hex = |digits: &[u8; 16], exchanged: bool| {
        let pair = |byte: &u8| {
            let (high, low) = (digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]);
            if exchanged { [low, high] } else { [high, low] }
        };
        text.iter().flat_map(pair).collect::<Vec<u8>>()
    };
    let (lower, upper) = (b"0123456789abcdef", b"0123456789ABCDEF");
    let mut forms = vec![
        text.to_vec(),
        text.iter().rev().copied().collect(),
        utf16(u16::to_le_bytes),
        utf16(u16::to_be_bytes),
        hex(lower, false),
        hex(upper, false),
        hex(lower, true),
        hex(upper, true),
    ];
    // Letters never make the two digits in which the alphabets of base64 differ at every alignment; both are tried.
    for last in [b"+/", b"-_"] {
        forms.extend((0..3).map(|offset| base64_inside(text, offset, *last)));
    }
    forms.sort();
    forms.dedup();
    forms
}

/// The digits of base64 that depend on `text` alone, where it stands `offset` bytes after a multiple of three.
fn base64_inside(text: &[u8], offset: usize, last: [u8; 2]) -> Vec<u8> {
    let digits: Vec<u8> = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(last).collect();
    let bits: Vec<u8> = text.iter().flat_map(|byte| (0..8).rev().map(move |n| byte >> n & 1)).collect();
    // The first bit of the text that begins a digit.
    let skipped = (6 - offset * 8 % 6) % 6;
    let whole = bits[skipped..].chunks_exact(6);
    whole.map(|six| digits[six.iter().fold(0, |value, bit| value << 1 | usize::from(*bit))]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_found_wherever_it_stands() {
        let all = canaries(&mut Dice::new(1), 3);
        let search = Search::new(&all);
        for (n, canary) in all.iter().enumerate() {
            for form in forms(canary.as_bytes()) {
                let hay = [b"some bytes before, ".as_slice(), &form, b" and after"].concat();
                assert_eq!(search.found_in(&hay), BTreeSet::from([n]));
                assert_eq!(search.found_in(&hay[..hay.len() - 12]), BTreeSet::new());
            }
        }
    }

    #[test]
    fn base64_is_found_at_each_alignment() {
        // By the standard's own tables: "Man" is "TWFu", and what stands before moves the text within the digits.
        let search = Search::new(&["ManManManMan".to_owned()]);
        for whole in ["TWFuTWFuTWFuTWFu", "eE1hbk1hbk1hbk1hbg==", "eHhNYW5NYW5NYW5NYW4="] {
            assert_eq!(search.found_in(whole.as_bytes()).len(), 1, "{whole}");
        }
    }
}
