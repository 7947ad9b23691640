#!/usr/bin/env bash
# A Debian package of the relay, by cargo-deb. It is installed beside the build, where it is not there yet.
#
# `relay_package.sh` builds in release mode and packages that; `relay_package.sh debug` packages the debug binary that is
# there already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

CARGO_DEB=3.8.0
profile=${1:-release}
target=$(cargo metadata --locked --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
tools="$target/tools"

if [ "$("$tools/bin/cargo-deb" --version 2>/dev/null)" != "$CARGO_DEB" ]; then
    cargo install --quiet --locked --root "$tools" --target-dir "$target/tools/build" cargo-deb --version "$CARGO_DEB"
fi
case "$profile" in
    release) cargo build --locked --release -p omniscope-relay ;;
    debug)
        [ -x "$target/debug/omniscope-relay" ] || {
            echo "relay_package.sh: $target/debug/omniscope-relay is not there; run: cargo build --workspace --bins" >&2
            exit 1
        }
        ;;
    *)
        echo "relay_package.sh: expected release or debug, not $profile" >&2
        exit 2
        ;;
esac
built=$profile
[ "$built" = release ] || built=dev
"$tools/bin/cargo-deb" deb --quiet --no-build --strip --profile "$built" -p omniscope-relay --output "$target/package/" |
    sed 's/^/package: /'
