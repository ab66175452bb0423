#!/usr/bin/env bash
# Prints the size of the program as released, and the size of each dependency's code and data in it,
# as a Markdown table. The sizes are those of the symbols that go tool nm lists. What the linker makes
# of all packages together, such as line tables, is a row of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export CGO_ENABLED=0
"$GO" build -trimpath -ldflags "-s -w" -o "$dir/stripped" .
"$GO" build -trimpath -o "$dir/symbols" .
"$GO" list -deps -f '{{with .Module}}{{.Path}}{{else}}Go standard library{{end}} {{.ImportPath}}' . |
	awk '{ path = $NF; sub(/ [^ ]*$/, ""); print path "\t" $0 }' >"$dir/packages"
total=$(wc -c <"$dir/stripped")

"$GO" tool nm -size -sort address "$dir/symbols" | awk -v total="$total" -v packages="$dir/packages" '
	BEGIN {
		FS = "\t"
		while ((getline <packages) > 0) module[$1] = $2
		FS = " "
	}
	$4 == "runtime.edata" { ended = 1 } # what follows is not in the file
	!ended && $3 ~ /[TtRrDd]/ {
		name = $4
		sub(/^(type:|go:)[^A-Za-z]*/, "", name)
		sub(/\[.*/, "", name) # type arguments
		slash = match(name, /[^\/]*$/)
		dot = index(substr(name, slash), ".")
		package = substr(name, 1, slash + dot - 2)
		gsub(/%2e/, ".", package)
		size[package in module ? module[package] : "(linker)"] += $2
	}
	END {
		for (name in size) if (name != "(linker)") known += size[name]
		for (name in size) if (name != "(linker)")
			printf "%d\t%.1f\t%s\n", size[name] / 1024, 100 * size[name] / total, name
		printf "%d\t%.1f\tline tables, types and other data of the linker\n", (total - known) / 1024,
			100 * (total - known) / total
	}' | sort -rn | awk -F '\t' -v total="$total" '
	BEGIN { printf "The stripped program has %.1f MB:\n\n| KiB | %% | |\n|---|---|---|\n", total / 1e6 }
	{ printf "| %d | %.1f | %s |\n", $1, $2, $3 }'
