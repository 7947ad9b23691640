//! Updates at the gate, and those that pass in yrs. Deliberately absent: Yjs, which `yjs_equal` compares with yrs.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use omniscope_tests::decoders::Gate;

static GATE: LazyLock<Gate> = LazyLock::new(Gate::default);

fuzz_target!(|bytes: &[u8]| {
    if GATE.takes(bytes) {
        GATE.holds(bytes);
    }
});
