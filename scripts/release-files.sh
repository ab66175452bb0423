#!/usr/bin/env bash
# Writes the files that a release contains in addition to the program to build/release: manual
# pages, completion scripts, and the licenses of the modules that are linked. GoReleaser runs it.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

OUT=build/release
rm -rf "$OUT"
mkdir -p "$OUT/completions"
CGO_ENABLED=0 "$GO" build -trimpath -buildvcs=true -o "$OUT/bin/" .
program=$OUT/bin/aws-credproc

"$program" man "$OUT/man"
gzip --best --no-name "$OUT"/man/*.1
"$program" completion bash >"$OUT/completions/aws-credproc.bash"
"$program" completion zsh >"$OUT/completions/_aws-credproc"
"$program" completion fish >"$OUT/completions/aws-credproc.fish"
"$program" completion powershell >"$OUT/completions/aws-credproc.ps1"
"$GO" run ./scripts/licenses >"$OUT/THIRD_PARTY_LICENSES.txt"
