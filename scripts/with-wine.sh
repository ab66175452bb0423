#!/usr/bin/env bash
# with-wine.sh COMMAND [ARG...]: runs COMMAND beside a Wine of its own, a new and empty Windows without a display, and
# takes it away afterwards. COMMAND finds in WINE what runs a Windows program, in whatever environment, and in
# WINEPREFIX the folder with drive C.
set -euo pipefail
(($#)) || { echo "usage: with-wine.sh COMMAND [ARG...]" >&2 && exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)

unset DISPLAY WAYLAND_DISPLAY
wine=$(PATH=/usr/lib/wine:$PATH command -v wine64) # Debian's wine64 has it in no PATH
wineserver=$(PATH=/usr/lib/wine:$PATH command -v wineserver64 wineserver | head -n 1)
dir=$(mktemp -d)
mkdir "$dir/prefix"
# By prefix and temporary directory Wine's programs find the same server.
export WINEPREFIX=$dir/prefix TMPDIR=$dir WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml,winemenubuilder.exe='
trap '"$wineserver" -k || true; rm -rf "$dir"' EXIT

# Debian's Wine lies below the address where each Windows program has 4 KB that the system shares with it (0x7ffe0000).
# Linux may put the heap there, at random, and then one program in some thousands ends with 1 and without a word.
unmoved=(setarch -R)
"${unmoved[@]}" true 2>/dev/null || unmoved=() # a container may forbid it

"$wineserver" -p60 # it stays for the next program, which need not wait for its start then
if ! HOME=$dir timeout 120 "${unmoved[@]}" "$wine" wineboot --init >"$dir/log" 2>&1 </dev/null; then
	echo "with-wine.sh: Wine did not start: $(tail -n 5 "$dir/log")" >&2
	exit 1
fi
dll=$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll
[[ -e $dll ]] || x86_64-w64-mingw32-ld --shared -o "$dll" "$root/testdata/wine/bcryptprimitives.def"

export WINE=$dir/wine
cat >"$WINE" <<EOF
#!/usr/bin/env bash
unset DISPLAY WAYLAND_DISPLAY
$(export -p | grep -E '^declare -x (WINE[A-Z]*|TMPDIR)=')
exec ${unmoved[*]} ${wine@Q} "\$@"
EOF
chmod +x "$WINE"
"$@"
