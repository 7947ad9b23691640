#!/usr/bin/env bash
# Coverage-guided fuzzing (libFuzzer) of every decoder of foreign bytes, beginning from the golden vectors and the samples.
#
# FUZZ_SECONDS (60) for each of FUZZ_TARGETS (all). Needs a nightly toolchain; installs cargo-fuzz where it is missing. What was
# found interesting is kept in target/fuzz/corpus and gone on from; an input that breaks a promise is left in target/fuzz/artefacts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds="${FUZZ_SECONDS:-60}"
targets="${FUZZ_TARGETS:-op gossip request response link gate pipeline}"
work="${CARGO_TARGET_DIR:-$PWD/target}/fuzz"

rustup toolchain list | grep -q nightly || { echo "fuzz: needs a nightly toolchain: rustup toolchain install nightly" >&2; exit 1; }
command -v cargo-fuzz >/dev/null || { echo "fuzz: installing cargo-fuzz"; cargo install --locked cargo-fuzz; }

mkdir -p "$work/artefacts"
python3 .ci/fuzz_corpus.py "$work/corpus"
for target in $targets; do
    echo "fuzz: $target, $seconds s"
    # Memory safety is the compiler's part here (no `unsafe` in what is fuzzed), so no sanitizer slows it down.
    cargo +nightly fuzz run --fuzz-dir tests/fuzz --target-dir "$work/build" --sanitizer none "$target" "$work/corpus/$target" -- \
        -max_total_time="$seconds" -timeout=5 -malloc_limit_mb=256 -max_len=65536 -print_final_stats=1 \
        -artifact_prefix="$work/artefacts/$target-"
done
