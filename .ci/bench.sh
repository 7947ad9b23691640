#!/usr/bin/env bash
# OmniScope beside what people would use instead: the neutral harness, when it lies beside this folder.
#
# BENCH_ROUNDS, BENCH_SECS, BENCH_SYSTEMS and BENCH_SCENARIOS narrow or widen the run. Needs root: the harness makes a network
# namespace, so that byte counts are its own.
set -euo pipefail
cd "$(dirname "$0")/.."
# Members and relay on the cores of this machine; a thousand connections need their descriptors.
ulimit -n 20000 2>/dev/null || ulimit -n "$(ulimit -Hn)"
cargo build --locked --release -p omniscope-relay -p omniscope-tests --bin omniscope-relay --bin relay_load
"${CARGO_TARGET_DIR:-target}/release/relay_load"
harness="${OMNISCOPE_SHARED:-../shared}/bench"
trace="${OMNISCOPE_SHARED:-../shared}/data/traces/automerge-paper.json.gz"
if [ ! -d "$harness" ]; then
  echo "bench: no harness at $harness; only the benches of this workspace were run"
  exit 0
fi
if [ "$(id -u)" != 0 ]; then
  echo "bench: the harness needs root for its network namespace; run: sudo -E .ci/bench.sh" >&2
  exit 1
fi
target="${CARGO_TARGET_DIR:-target}"
cargo build --locked --release -p omniscope-tests --bin bench-adapter
OMNISCOPE_ADAPTER="$(cd "$target" && pwd)/release/bench-adapter"
export OMNISCOPE_ADAPTER
mkdir -p "$target/bench/data/results"
cp -R "$harness/." "$target/bench/"
chmod -R u+w "$target/bench"
BENCH_DIR="$(cd "$target/bench/data" && pwd)"
export BENCH_DIR
cp "$trace" "$BENCH_DIR/"
(cd "$target/bench/peers" && npm install --no-audit --no-fund)
systems="${BENCH_SYSTEMS:-omniscope,yws,hocuspocus,automerge}"
results="$BENCH_DIR/results/$(date -u +%Y%m%dT%H%M%SZ).jsonl"
cd "$target/bench"
# What `open` starts from is made once for each system; it is not timed against others.
for system in ${systems//,/ }; do
  [ -d "$BENCH_DIR/seeds/$system" ] || ./run.sh --systems "$system" --out "$results" seed
done
# shellcheck disable=SC2086 # scenarios are words
./run.sh --systems "$systems" --rounds "${BENCH_ROUNDS:-3}" --secs "${BENCH_SECS:-8}" --out "$results" \
  ${BENCH_SCENARIOS:-room:2 room:10 room:50 catchup open restart crash:50}
node report.mjs "$results"
