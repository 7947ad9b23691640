#!/usr/bin/env bash
# Packages of the window for this system: a deb and an rpm, by the Tauri bundler.
#
# `package.sh` builds in release mode and packages that; `package.sh debug` packages the debug binary that is there already, for
# the tests. Another list than deb and rpm: OMNISCOPE_BUNDLES=appimage .ci/package.sh (downloads what that bundle needs).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

profile=${1:-release}
bundles=${OMNISCOPE_BUNDLES:-deb,rpm}
target=$(cargo metadata --locked --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')

case "$profile" in
    release)
        .ci/setup.sh
        .ci/ui.sh build
        cargo build --locked --release --workspace --bin omniscope-desktop
        ;;
    debug)
        .ci/setup.sh npm ui
        [ -x "$target/debug/omniscope-desktop" ] || {
            echo "package: $target/debug/omniscope-desktop is not there; run: cargo build --workspace --bins" >&2
            exit 1
        }
        ;;
    *)
        echo "package.sh: expected release or debug, not $profile" >&2
        exit 2
        ;;
esac

# The bundler writes into the binary it packs, and packs its symbols too: it gets a copy without.
place="$target/package"
rm -rf "${place:?}/$profile"
mkdir -p "$place/$profile"
strip -o "$place/$profile/omniscope-desktop" "$target/$profile/omniscope-desktop"
flags=(--ci --bundles "$bundles")
[ "$profile" = release ] || flags+=(--debug)
(cd src-tauri && CARGO_TARGET_DIR=$place ../ui/node_modules/.bin/tauri bundle "${flags[@]}")
find "$place/$profile/bundle" -maxdepth 2 -type f \( -name '*.deb' -o -name '*.rpm' -o -name '*.AppImage' \) -printf 'package: %p, %k KiB\n'
