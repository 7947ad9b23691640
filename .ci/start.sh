#!/usr/bin/env bash
# Sees to set-up, builds, and starts one thing: `demo` (two windows), `demo-headless` (the same story told without
# windows), `app` (the window on one's own data) or `relay`. Further arguments go to the program.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

what=${1:-}
shift || true

with_window() {
    .ci/setup.sh
    .ci/ui.sh build
}

# All members are named for every build, so that dependencies are built once, whatever is wanted of them.
build() {
    echo "start: building"
    local name bins=()
    for name in "$@"; do bins+=(--bin "$name"); done
    cargo build --locked --workspace "${bins[@]}"
    programs=$(cargo metadata --locked --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')/debug
}

case "$what" in
    demo)
        if [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
            echo "demo: there is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set), so no windows." >&2
            echo "demo: the same without windows, told step by step: make demo-headless" >&2
            exit 1
        fi
        with_window
        build demo omniscope omniscope-relay omniscope-desktop
        exec "$programs/demo" windows "$@"
        ;;
    demo-headless)
        .ci/setup.sh system
        build demo omniscope omniscope-relay
        exec "$programs/demo" headless "$@"
        ;;
    app)
        with_window
        build omniscope-desktop
        exec "$programs/omniscope-desktop" "$@"
        ;;
    relay)
        .ci/setup.sh system
        build omniscope-relay
        exec "$programs/omniscope-relay" "$@"
        ;;
    *)
        echo "start.sh: expected demo, demo-headless, app or relay, not $what" >&2
        exit 2
        ;;
esac
