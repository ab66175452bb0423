#!/usr/bin/env bash
# Writes docs/demo.svg, the picture in the README, from the output of the demo.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

picture=$(mktemp)
trap 'rm -f "$picture"' EXIT
"$GO" run . demo | "$GO" run ./scripts/picture >"$picture"
cp "$picture" docs/demo.svg
