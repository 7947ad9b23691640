//! What peers say to a whole topic. Deliberately absent: the promises, which stand in `omniscope_tests::decoders`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omniscope_tests::decoders::{gossip_holds, takes_gossip};

fuzz_target!(|bytes: &[u8]| {
    if takes_gossip(bytes) {
        gossip_holds(bytes);
    }
});
