#!/usr/bin/env bash
# release-check.sh: builds the release of the current commit twice and compares all files. The
# second build is in another directory, with another time zone, umask and build cache and, as root,
# by another user. Then it checks docs/verify.md with a throw-away key (scripts/verify-check.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

git diff --quiet HEAD || fail "commit first: a release is built from a commit"
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
chmod 755 "$work"

# clone DIRECTORY: clones the commit, with GoReleaser if it is built. The tool that makes the SBOMs is
# built again, since they have its hash.
clone() {
	mkdir -p "$(dirname "$1")"
	git clone -q --no-hardlinks . "$1"
	git -C "$1" remote set-url origin https://github.com/aws-credproc/aws-credproc
	mkdir "$1/build"
	mkdir "$1/build/tools"
	local goreleaser
	for goreleaser in build/tools/*/goreleaser; do
		[[ ! -x $goreleaser ]] || cp -r --parents "$goreleaser" "$1"
	done
}

# hashes DIRECTORY: prints the hash of each file that a release publishes, and of the programs.
hashes() {
	(cd "$1/dist" && find . -type f ! -name artifacts.json ! -name config.yaml ! -name metadata.json \
		-exec sha256sum {} + | sort -k 2)
}

first=$work/first second=$work/other/place/second
step "first build"
clone "$first"
(cd "$first" && scripts/release.sh) >"$work/log" 2>&1 || fail "$(tail -n 20 "$work/log")"
mkdir -p build/tools
cp -r "$first/build/tools/." build/tools/

step "second build"
clone "$second"
environment=(HOME="$work/home" GOCACHE="$work/home/cache" GOMODCACHE="$work/home/mod"
	GOPROXY="file://$work/home/proxy,$("$GO" env GOPROXY)" TZ=Asia/Kathmandu)
mkdir -p "$work/home/proxy"
cp -r "$("$GO" env GOMODCACHE)/cache/download/." "$work/home/proxy"
become=()
if ((EUID == 0)); then
	chown -R nobody "$work/home" "$work/other"
	become=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
else
	loud "not root: both builds are by the same user"
fi
(cd "$second" && umask 077 &&
	${become[@]+"${become[@]}"} env "${environment[@]}" scripts/release.sh) >"$work/log" 2>&1 ||
	fail "$(tail -n 20 "$work/log")"

step "comparison"
hashes "$first" | tee "$work/hashes"
if ! diff "$work/hashes" <(hashes "$second"); then
	trap - EXIT
	fail "the two builds differ: compare $first/dist and $second/dist"
fi
echo "$(wc -l <"$work/hashes") files are equal"

scripts/verify-check.sh "$first/dist"
rm -rf dist
cp -r "$first/dist" dist
