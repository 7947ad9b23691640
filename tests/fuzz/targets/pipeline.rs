//! Files that somebody imports. Deliberately absent: the promises, which stand in `omniscope_tests::decoders`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omniscope_tests::decoders::{pipeline_holds, takes_pipeline};

fuzz_target!(|bytes: &[u8]| {
    if takes_pipeline(bytes) {
        pipeline_holds(bytes);
    }
});
