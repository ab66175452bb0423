# shellcheck shell=bash
# What the scripts share. Sourced from the root of the repository.

GO=${GO:-go}

# step says what comes next.
step() { printf '\n== %s\n' "$*"; }

# loud says something that must not be overlooked in a long log.
loud() { printf '\n!!!! %s\n\n' "$*" >&2; }

# missing reports a part that is not there: a failure in CI, a loud skip elsewhere.
missing() {
	if [[ ${CI:-} == true ]]; then
		loud "MISSING, and CI=true: $*"
		exit 1
	fi
	loud "SKIPPED: $*"
}

# have reports whether a command is installed.
have() { command -v "$1" >/dev/null 2>&1; }
