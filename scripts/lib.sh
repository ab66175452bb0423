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

# tool builds a Go program, given as PACKAGE@VERSION, unless build/tools has it, and prints its path.
# The same version of Go builds the same bytes everywhere.
tool() {
	local dir=$PWD/build/tools/${1##*@} package=${1%@*}
	local name=${package##*/}
	[[ $name != v[0-9] ]] || name=$(basename "${package%/*}")
	[[ -x $dir/$name ]] ||
		CGO_ENABLED=0 GOBIN=$dir GOFLAGS=-mod=mod "$GO" install -trimpath "$1" >&2
	echo "$dir/$name"
}
