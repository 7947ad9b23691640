//! What is inside an invitation's link. Deliberately absent: a promise about what is taken; a link has many spellings.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omniscope_tests::decoders::takes_link;

fuzz_target!(|bytes: &[u8]| {
    takes_link(bytes);
});
