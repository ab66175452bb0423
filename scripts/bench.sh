#!/usr/bin/env bash
# Prints how long get takes, warm, cold and many at once, as Markdown tables (see scripts/bench). BENCH_RUNS sets how
# many runs of each.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

for part in dbus-run-session gnome-keyring-daemon gdbus; do
	have "$part" || { loud "$part is not installed: run scripts/setup.sh first" && exit 1; }
done
# All anew: how a file came into the page cache makes a tenth of the time to start it.
rm -rf build/bench
mkdir -p build/bench
CGO_ENABLED=0 "$GO" build -trimpath -o build/bench/ . ./scripts/bench/...
PATH=$PATH:$PWD/build/venv/bin # for an AWS CLI that knows AWS_ENDPOINT_URL_STS, should there be no other
exec scripts/with-secret-service.sh build/bench/bench build/bench
