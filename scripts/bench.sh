#!/usr/bin/env bash
# Prints how long `get` takes with a cached session, without one, and in many concurrent processes,
# as Markdown tables (see scripts/bench), and draws build/bench/warm.svg. BENCH_RUNS is the number of
# runs of each.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

for part in dbus-run-session gnome-keyring-daemon gdbus; do
	have "$part" || { loud "$part is not installed: run scripts/setup.sh first" && exit 1; }
done
# Rebuild everything, and copy it as an installation does: how a file got into the page cache changes
# its start-up time by a tenth.
rm -rf build/bench
mkdir -p build/bench/built
CGO_ENABLED=0 "$GO" build -trimpath -ldflags "-s -w" -o build/bench/built/ . ./scripts/bench/...
install build/bench/built/* build/bench
PATH=$PATH:$PWD/build/venv/bin # for an AWS CLI that supports AWS_ENDPOINT_URL_STS
exec scripts/with-secret-service.sh build/bench/bench build/bench
