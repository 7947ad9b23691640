//! What a peer answers. Deliberately absent: the promises, which stand in `omniscope_tests::decoders`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omniscope_tests::decoders::{response_holds, takes_response};

fuzz_target!(|bytes: &[u8]| {
    if takes_response(bytes) {
        response_holds(bytes);
    }
});
