//! Updates written by hand, byte by byte, as no library would write them.
//!
//! The numbers and kinds are lib0's and those of the v1 update format. Deliberately absent: reading (the gate does that).

/// Bytes in lib0's encoding.
#[derive(Clone, Debug, Default)]
pub struct Raw(pub Vec<u8>);

impl Raw {
    /// With a number.
    pub fn n(mut self, mut value: u64) -> Self {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    /// With bytes as they are.
    pub fn b(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// With a string behind its length.
    pub fn s(self, text: &str) -> Self {
        self.n(text.len() as u64).b(text.as_bytes())
    }
}

/// Nothing yet.
pub fn raw() -> Raw {
    Raw::default()
}

/// The beginning of an update with so many structs of one client.
pub fn structs(count: u64, client: u64, clock: u64) -> Raw {
    raw().n(1).n(count).n(client).n(clock)
}

/// What `other` wrote first: a node at clock 0, its notes at 1, "ab" in them at 2 and 3.
pub fn node_with_notes(other: u64) -> Vec<u8> {
    let node = raw().b(&[0x27, 1]).s("nodes").s("n1").n(1);
    let notes = raw().b(&[0x27, 0]).n(other).n(0).s("notes").n(2);
    let text = raw().b(&[0x04, 0]).n(other).n(1).s("ab");
    structs(3, other, 0).b(&node.0).b(&notes.0).b(&text.0).n(0).0
}
