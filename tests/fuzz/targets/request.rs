//! What a peer asks. Deliberately absent: the promises, which stand in `omniscope_tests::decoders`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omniscope_tests::decoders::{request_holds, takes_request};

fuzz_target!(|bytes: &[u8]| {
    if takes_request(bytes) {
        request_holds(bytes);
    }
});
