#!/usr/bin/env bash
# Sees to it that this machine can build and test OmniScope: tools, Debian packages, npm packages.
#
# Missing Debian packages are installed as root or when CI is set; otherwise the command to type is printed.
# `setup.sh system` looks at tools and Debian packages only, `setup.sh npm FOLDER` at one folder's npm packages.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

NODE_MAJOR=20
PACKAGES=(
    build-essential curl file openssl pkg-config python3
    libwebkit2gtk-4.1-dev libayatana-appindicator3-dev librsvg2-dev libsecret-1-dev
    webkit2gtk-driver xvfb xauth gnome-keyring dbus-x11
    iproute2 nftables tcpdump faketime
)

say() { printf 'setup: %s\n' "$*"; }

stop() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

tools() {
    if ! command -v cargo >/dev/null; then
        if [ -x "$HOME/.cargo/bin/cargo" ]; then
            stop "cargo is installed but not on the PATH; type: . \"$HOME/.cargo/env\""
        fi
        stop "cargo is missing; install Rust by rustup as https://rustup.rs says, then run this again"
    fi
    command -v node >/dev/null && command -v npm >/dev/null || stop "Node.js $NODE_MAJOR or newer, with npm, is missing"
    local major
    major=$(node -p 'process.versions.node.split(".")[0]')
    [ "$major" -ge "$NODE_MAJOR" ] || stop "Node.js $NODE_MAJOR or newer is needed; this is $(node --version)"
}

missing_packages() {
    local name
    for name in "${PACKAGES[@]}"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || printf '%s\n' "$name"
    done
}

system() {
    tools
    if ! command -v dpkg-query >/dev/null; then
        say "not a Debian system: taking for granted the equivalents of ${PACKAGES[*]}"
        return
    fi
    local missing
    mapfile -t missing < <(missing_packages)
    if [ "${#missing[@]}" -eq 0 ]; then
        say "cargo, Node.js and all ${#PACKAGES[@]} Debian packages are present"
        return
    fi
    say "missing Debian packages: ${missing[*]}"
    local root=()
    if [ "$(id -u)" -ne 0 ]; then
        if [ -n "${CI:-}" ] && sudo -n true 2>/dev/null; then
            root=(sudo -n)
        else
            stop "type: sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}"
        fi
    fi
    say "installing them"
    "${root[@]}" apt-get update -q
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" </dev/null
}

# Installs exactly what the folder's lockfile says, once per content of that lockfile.
npm_packages() {
    local folder=$1
    [ -f "$folder/package-lock.json" ] || return 0
    local stamp="$folder/node_modules/.installed" want
    want="$(node --version) $(cksum <"$folder/package-lock.json")"
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then
        return
    fi
    say "installing the npm packages of $folder"
    npm --prefix "$folder" ci --no-audit --no-fund --loglevel=error </dev/null
    printf '%s' "$want" >"$stamp"
}

case "${1:-all}" in
    system) system ;;
    npm) npm_packages "${2:?a folder}" ;;
    all)
        system
        npm_packages ui
        npm_packages tests/yjs
        npm_packages tests/js
        ;;
    *) stop "unknown argument $1" ;;
esac
