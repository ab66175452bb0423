#!/usr/bin/env bash
# release.sh [FLAG...]: builds the files of a release in dist/ with GoReleaser and publishes
# nothing. Without a tag on the commit, the version is that of the next patch with "-next".
# Flags are passed on to goreleaser release.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

GORELEASER=github.com/goreleaser/goreleaser/v2@v2.15.1 # as in release.yml
CYCLONEDX=github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0 # as in release.yml

# A release is built with the version of Go in go.mod, as in release.yml.
GOTOOLCHAIN=$(sed -n 's/^toolchain //p' go.mod)
export GOTOOLCHAIN
goreleaser=$(tool "$GORELEASER")
PATH=$(dirname "$(tool "$CYCLONEDX")"):$PATH
snapshot=()
[[ -n $(git tag --points-at HEAD --list 'v*') ]] || snapshot=(--snapshot)
# One job at a time: the winget manifest lists the archives in the order in which they were made.
"$goreleaser" release --parallelism 1 --clean --skip=announce,publish,sign \
	${snapshot[@]+"${snapshot[@]}"} "$@"
# The date of the commit in place of today's.
[[ ! -d dist/winget ]] || find dist/winget -name '*.installer.yaml' -exec \
	sed -i "s/^ReleaseDate: .*/ReleaseDate: \"$(git show -s --format=%cs)\"/" {} +
