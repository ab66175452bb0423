#!/usr/bin/env bash
# test.sh [unit|fuzz|e2e|install]...: runs the named kinds of tests; all of them by default.
# FUZZ_TIME is the value of go test -fuzztime. The default is a number of inputs, because go test
# sometimes reports the end of a duration as a failure. To minimize an input may take 60 s by
# default.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

race=(-race)
have gcc || race=()
# The race detector delays the exit of each process by a second by default; tests start thousands.
export GORACE=atexit_sleep_ms=0

unit() {
	step "go test"
	"$GO" list ./... | grep -v '/e2e$' | xargs "$GO" test ${race[@]+"${race[@]}"} -count=1 -timeout 20m
}

# fuzz runs each fuzz target for a short time, starting from its corpus.
fuzz() {
	local package target
	"$GO" test -list '^Fuzz' ./... |
		awk '/^Fuzz/ { targets[++n] = $1 } $1 == "ok" { for (i = 1; i <= n; i++) print $2, targets[i]; n = 0 }' |
		while read -r package target; do
			step "fuzz $package $target"
			"$GO" test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZ_TIME:-20000x}" \
				-fuzzminimizetime 2s "$package" </dev/null
		done
}

# e2e is verbose, so that the log shows which tests were run and which were skipped.
e2e() {
	step "end-to-end tests"
	"$GO" test ${race[@]+"${race[@]}"} -count=1 -v -timeout 20m ./e2e
}

# install tries the packages of a release.
install() { scripts/install-test.sh; }

(($#)) || set -- unit fuzz e2e install
for kind; do
	case $kind in
	unit | fuzz | e2e | install) "$kind" ;;
	*) echo "usage: test.sh [unit|fuzz|e2e|install]..." >&2 && exit 2 ;;
	esac
done
