#!/usr/bin/env bash
# Prints how long a warm get takes, as a Markdown table (see scripts/bench). BENCH_RUNS sets how many runs of each.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

for part in dbus-run-session gnome-keyring-daemon gdbus; do
	have "$part" || { loud "$part is not installed: run scripts/setup.sh first" && exit 1; }
done
mkdir -p build/bench
CGO_ENABLED=0 "$GO" build -trimpath -o build/bench/ . ./scripts/bench ./scripts/bench/hello ./scripts/bench/keyringget
exec scripts/with-secret-service.sh build/bench/bench build/bench
