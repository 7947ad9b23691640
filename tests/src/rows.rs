//! Op-like rows for tests of the store: numbered, of varying size, each id the hash of its bytes.

use std::sync::Arc;

use omniscope_engine::store::{Batch, Store, Write};

/// The workspace that these rows belong to.
pub const WORKSPACE: [u8; 32] = [42; 32];

/// A small seeded generator (splitmix64), so that a printed seed repeats a run.
#[derive(Debug, Clone)]
pub struct Rng(pub u64);

impl Rng {
    /// The seed in `SEED`, or one from the clock; printed either way.
    pub fn from_env(test: &str) -> Rng {
        let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let given = std::env::var("SEED").ok().and_then(|s| s.parse().ok());
        let seed = given.unwrap_or_else(|| clock.map_or(1, |d| d.as_nanos() as u64));
        println!("{test}: SEED={seed}");
        Rng(seed)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next_u64() % bound.max(1)
    }
}

/// `change` in the change tier, `full` with `OMNISCOPE_FULL=1`.
pub fn tier(change: u64, full: u64) -> u64 {
    if std::env::var_os("OMNISCOPE_FULL").is_some_and(|v| v == "1") { full } else { change }
}

/// Row `n`: its number, then filler of a size that depends on it.
pub fn row(n: u32) -> Batch {
    let mut bytes = n.to_le_bytes().to_vec();
    bytes.resize(100 + (n as usize * 977) % 9_000, n as u8);
    let bytes: Arc<[u8]> = bytes.into();
    Batch::one(Write::Op { workspace: WORKSPACE, id: *blake3::hash(&bytes).as_bytes(), bytes })
}

/// Whether `id` is the hash of `bytes`.
pub fn whole(id: &[u8; 32], bytes: &[u8]) -> bool {
    blake3::hash(bytes).as_bytes() == id
}

/// The numbers of all rows that are whole, in order.
pub fn numbers(store: &Store) -> anyhow::Result<Vec<u32>> {
    let mut found = Vec::new();
    store.for_each_op(&WORKSPACE, 0, |_, id, bytes| {
        if whole(&id, bytes)
            && let Some(n) = bytes.first_chunk::<4>()
        {
            found.push(u32::from_le_bytes(*n));
        }
        true
    })?;
    Ok(found)
}
