//! Ops, as they come from peers and from disk. Deliberately absent: the promises, which stand in `omniscope_tests::decoders`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omniscope_tests::decoders::{op_holds, takes_op};

fuzz_target!(|bytes: &[u8]| {
    if takes_op(bytes) {
        op_holds(bytes);
    }
});
