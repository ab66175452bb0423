#!/usr/bin/env bash
# check.sh [CHECK]...: runs static checks; all of them by default:
#
#   format       gofmt
#   layout       main.go is the only Go file in the root, and short
#   words        none of the words in scripts/words.txt
#   vet          go build and go vet for each supported system
#   lint         golangci-lint (.golangci.yml) for each supported system
#   staticcheck  staticcheck
#   vuln         govulncheck
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

GOLANGCI_LINT=github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 # as in ci.yml
STATICCHECK=honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK=golang.org/x/vuln/cmd/govulncheck@v1.8.0

format() {
	step gofmt
	local unformatted
	unformatted=$(find . -path ./build -prune -o -name '*.go' -exec gofmt -l {} +)
	[[ -z $unformatted ]] || fail "run gofmt -w on: $unformatted"
}

layout() {
	step layout
	local files lines
	files=$(git ls-files -- ':(glob)*.go')
	[[ $files == main.go ]] || fail "the root must hold no Go file but main.go: ${files//$'\n'/ }"
	lines=$(wc -l <main.go)
	((lines <= 40)) || fail "main.go has $lines lines; at most 40"
}

# words searches the tracked files for each pattern of words.txt, as whole words in any case.
words() {
	step words
	local pattern instead found=0
	while IFS=$'\t' read -r pattern instead; do
		[[ -n $pattern && $pattern != '#'* ]] || continue
		if git grep -inwE -e "$pattern" -- '*.go' '*.md' '*.sh' '*.txtar'; then
			echo "    ^ \"$pattern\": $instead"
			found=1
		fi
	done <scripts/words.txt
	((!found)) || fail "words that are not plain English (scripts/words.txt)"
}

vet() {
	local system
	for system in linux darwin windows; do
		step "build and vet for $system"
		CGO_ENABLED=0 GOOS=$system "$GO" build -o /dev/null ./...
		CGO_ENABLED=0 GOOS=$system "$GO" vet ./...
	done
}

lint() {
	local system code=0
	for system in linux darwin windows; do
		step "golangci-lint for $system"
		"$GO" run -exec "env GOOS=$system" "$GOLANGCI_LINT" run ./... || code=$?
	done
	return "$code"
}

staticcheck() {
	step staticcheck
	"$GO" run "$STATICCHECK" ./...
}

# vuln fails on findings only. Its database is on the internet: if it cannot be reached, the check
# is skipped loudly, in CI too.
vuln() {
	step govulncheck
	local log code=0
	log=$(timeout 180 "$GO" run "$GOVULNCHECK" ./... 2>&1) || code=$?
	if ((code == 0)); then
		echo "$log"
	elif grep -q '^exit status 3$' <<<"$log"; then # how go run reports "vulnerabilities found"
		fail "$log"
	else
		loud "SKIPPED: govulncheck cannot reach its database: $(tail -n 2 <<<"$log" | tr '\n' ' ')"
	fi
}

(($#)) || set -- format layout words vet lint staticcheck vuln
for check; do
	case $check in
	format | layout | words | vet | lint | staticcheck | vuln) "$check" ;;
	*) echo "check.sh: unknown check: $check" >&2 && exit 2 ;;
	esac
done
