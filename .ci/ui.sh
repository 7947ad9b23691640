#!/usr/bin/env bash
# The window's pages: `ui.sh build` makes ui/dist, which the desktop binary carries; `ui.sh test` checks and tests too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

.ci/setup.sh npm ui
run() { npm --prefix ui run --silent --if-present "$@" </dev/null; }

case "${1:?build or test}" in
    build) ;;
    test)
        echo "ui: types"
        run check
        echo "ui: lint"
        run lint
        echo "ui: tests"
        run test
        ;;
    *)
        echo "ui.sh: expected build or test, not $1" >&2
        exit 2
        ;;
esac
echo "ui: build"
run build
