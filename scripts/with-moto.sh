#!/usr/bin/env bash
# with-moto.sh COMMAND [ARG...]: runs COMMAND with a moto server (an AWS mock) on a free loopback
# port, and stops the server afterwards. COMMAND gets its address in MOTO_URL. moto accepts the
# first MOTO_NO_AUTH calls unchecked (default 0), to create the first user. After that it checks
# signatures and policies.
set -euo pipefail
(($#)) || { echo "usage: with-moto.sh COMMAND [ARG...]" >&2 && exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)

log=$(mktemp)
INITIAL_NO_AUTH_ACTION_COUNT=${MOTO_NO_AUTH:-0} \
	"$root/build/venv/bin/python" -m moto.server -H 127.0.0.1 -p 0 </dev/null >"$log" 2>&1 &
pid=$!
trap 'kill "$pid" 2>/dev/null && wait "$pid" || true; rm -f "$log"' EXIT

deadline=$((SECONDS + 60))
until MOTO_URL=$(sed -n 's/.*Running on \(http:[^ ]*\).*/\1/p' "$log") && [[ -n $MOTO_URL ]]; do
	if ((SECONDS >= deadline)) || ! kill -0 "$pid" 2>/dev/null; then
		echo "with-moto.sh: moto did not start: $(<"$log")" >&2
		exit 1
	fi
	sleep 0.1
done

export MOTO_URL
"$@"
