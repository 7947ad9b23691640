//! The smallest single replacement that turns one text into another.
//!
//! Deliberately absent: a full diff. People change one place of a note at a time; common prefix and suffix find it, and
//! what stays outside of the replacement keeps its identity for concurrent editors.

use yrs::{GetString, Text, TextRef, TransactionMut};

use super::value::{TEXT_PIECE_BYTES, pieces};

/// Replace `removed` UTF-16 units at unit `at` by `inserted`.
#[derive(Debug, PartialEq, Eq)]
pub struct Replacement<'a> {
    pub at: u32,
    pub removed: u32,
    pub inserted: &'a str,
}

/// Finds the replacement between two texts, or `None` when they are equal. It never cuts a surrogate pair, because it
/// compares whole characters.
pub fn replacement<'a>(old: &str, new: &'a str) -> Option<Replacement<'a>> {
    if old == new {
        return None;
    }
    let prefix: usize = old.chars().zip(new.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let (old_rest, new_rest) = (&old[prefix..], &new[prefix..]);
    let suffix: usize =
        old_rest.chars().rev().zip(new_rest.chars().rev()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    Some(Replacement {
        at: units(&old[..prefix]),
        removed: units(&old_rest[..old_rest.len() - suffix]),
        inserted: &new_rest[..new_rest.len() - suffix],
    })
}

/// Brings a shared text to `new` and tells whether anything changed.
pub(crate) fn replace(text: &TextRef, txn: &mut TransactionMut, new: &str) -> bool {
    let old = text.get_string(txn);
    let Some(change) = replacement(&old, new) else { return false };
    // yrs panics on ranges outside of the text; the string just read is the text, yet clamp all the same.
    let length = text.len(txn);
    let at = change.at.min(length);
    let removed = change.removed.min(length - at);
    if removed > 0 {
        text.remove_range(txn, at, removed);
    }
    let mut place = at;
    for piece in pieces(change.inserted, TEXT_PIECE_BYTES) {
        text.insert(txn, place, piece);
        place += units(piece);
    }
    true
}

fn units(text: &str) -> u32 {
    text.encode_utf16().count() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_changed_middle_is_replaced() {
        let change = replacement("trim adapters, then align", "trim all adapters, then align");
        assert_eq!(change, Some(Replacement { at: 6, removed: 0, inserted: "ll a" }));
        assert_eq!(replacement("same", "same"), None);
        assert_eq!(replacement("aaa", "aa"), Some(Replacement { at: 2, removed: 1, inserted: "" }));
    }

    #[test]
    fn surrogate_pairs_stay_whole() {
        // The two faces share their first UTF-16 unit.
        let change = replacement("a😀b", "a😁b");
        assert_eq!(change, Some(Replacement { at: 1, removed: 2, inserted: "😁" }));
    }
}
