#!/usr/bin/env bash
# Static checks: gofmt; vet and build for each system this runs on; staticcheck; govulncheck.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

STATICCHECK=honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK=golang.org/x/vuln/cmd/govulncheck@v1.8.0

step gofmt
unformatted=$(find . -path ./build -prune -o -name '*.go' -exec gofmt -l {} +)
if [[ -n $unformatted ]]; then
	echo "run gofmt -w on: $unformatted"
	exit 1
fi

for system in linux darwin windows; do
	step "build and vet for $system"
	CGO_ENABLED=0 GOOS=$system "$GO" build -o /dev/null ./...
	CGO_ENABLED=0 GOOS=$system "$GO" vet ./...
done

step staticcheck
"$GO" run "$STATICCHECK" ./...

# Its database is on the internet. Only findings fail; no answer within the limit is a loud skip, in CI too.
step govulncheck
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if timeout 180 "$GO" run "$GOVULNCHECK" ./... >"$log" 2>&1; then
	cat "$log"
elif grep -q '^exit status 3$' "$log"; then # go run's way of handing on "vulnerabilities found"
	cat "$log"
	exit 1
else
	loud "SKIPPED: govulncheck, whose database cannot be reached: $(tail -n 2 "$log" | tr '\n' ' ')"
fi
