#!/bin/sh
# The real servers that the tests start: Debian packages, one npm folder, one Python environment of its own.
# Runs as root on a fresh machine; elsewhere it says what an administrator must install. Nothing is left running.
set -eu
cd "$(dirname "$0")"
here=$(pwd)
venv=${1:?usage: install.sh VENV}

missing=""
need() { # need PACKAGE COMMAND...: the package unless one of the commands is there
    package=$1; shift
    for command in "$@"; do
        if command -v "$command" >/dev/null 2>&1 || [ -x "$command" ]; then return 0; fi
    done
    missing="$missing $package"
}
need softhsm2 softhsm2-util
need postgresql $(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null || echo initdb)
need golang-go go /usr/lib/go/bin/go
need strace strace
need nodejs node
need npm npm
need chromium chromium chromium-browser google-chrome

if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        echo "The tests start real servers. Install these packages first:$missing" >&2
        exit 1
    fi
    echo "Installing for the tests:$missing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # A database that the package would start by itself is not wanted: the tests start their own.
    apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

if [ -f package-lock.json ]; then
    npm ci --silent --no-audit --no-fund
fi
for lock in *.lock; do # each server written in Python has an environment of its own
    [ -f "$lock" ] || continue
    name=${lock%.lock}
    [ -x "$venv/$name/bin/python" ] || "$venv/bin/python" -m venv "$venv/$name"
    "$venv/$name/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check --require-hashes -r "$here/$lock"
done
