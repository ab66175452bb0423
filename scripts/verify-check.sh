#!/usr/bin/env bash
# verify-check.sh DIST: runs the commands of docs/verify.md on the files of a release, which it
# signs with a throw-away key, and checks that they fail for a changed byte.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
(($# == 1)) || fail "usage: verify-check.sh DIST"

COSIGN=github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3 # as in release.yml

cosign=$(tool "$COSIGN")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$1"/checksums.txt "$1"/*_linux_amd64.tar.gz "$work/"
page=$PWD/docs/verify.md
cd "$work"
export COSIGN_PASSWORD=''
"$cosign" generate-key-pair >/dev/null 2>&1
"$cosign" sign-blob --key cosign.key --bundle checksums.txt.sigstore.json --yes \
	--use-signing-config=false --tlog-upload=false checksums.txt >/dev/null 2>&1

# The commands of the page's first block. It names the identity of the workflow, which only GitHub
# can prove; the key replaces it.
commands=$(awk '/^```console$/ { inside = 1; next } /^```$/ && inside { exit } inside { sub(/^\$ /, ""); print }' "$page" |
	sed -e "s/--certificate-identity-regexp [^ ]*/--key cosign.pub/" \
		-e 's/--certificate-oidc-issuer [^ ]*/--insecure-ignore-tlog/' -e "s|^cosign |$cosign |")
[[ $commands == *sha256sum* && $commands == *"--key cosign.pub"* ]] ||
	fail "docs/verify.md has no command to check"

# verify runs the page's commands as a user would, and stops at the first that fails.
verify() { bash -e -c "$commands" >log 2>&1; }

step "docs/verify.md on the built files"
verify || fail "$(<log)"
for file in *.tar.gz checksums.txt; do
	cp "$file" saved
	byte=$(dd if="$file" bs=1 skip=100 count=1 status=none | tr -d '\0')
	[[ $byte == x ]] && byte=y || byte=x
	printf '%s' "$byte" | dd of="$file" bs=1 seek=100 conv=notrunc status=none
	! verify || fail "$file: a changed byte is not found"
	echo "$file with a changed byte: $(tail -n 1 log)"
	mv saved "$file"
done
verify || fail "$(<log)"
