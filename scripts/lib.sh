# shellcheck shell=bash
# Functions that the scripts share. Sourced from the root of the repository.

GO=${GO:-go}

# step prints a heading.
step() { printf '\n== %s\n' "$*"; }

# loud prints a line that is easy to see in a long log.
loud() { printf '\n!!!! %s\n\n' "$*" >&2; }

# fail prints a message and exits with 1.
fail() {
	printf '%s\n' "$*" >&2
	exit 1
}

# missing reports a part that is not installed: a failure in CI, a loud skip elsewhere.
missing() {
	if [[ ${CI:-} == true ]]; then
		loud "MISSING, and CI=true: $*"
		exit 1
	fi
	loud "SKIPPED: $*"
}

# have reports whether a command is installed.
have() { command -v "$1" >/dev/null 2>&1; }
