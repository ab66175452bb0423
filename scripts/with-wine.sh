#!/usr/bin/env bash
# with-wine.sh COMMAND [ARG...]: runs COMMAND with a new Wine prefix, without a display, and
# removes the prefix afterwards. WINE is a script that runs a Windows program in any environment;
# WINEPREFIX is the directory that holds drive C.
set -euo pipefail
(($#)) || { echo "usage: with-wine.sh COMMAND [ARG...]" >&2 && exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)

unset DISPLAY WAYLAND_DISPLAY
wine=$(PATH=/usr/lib/wine:$PATH command -v wine64) # Debian's wine64 package puts it outside the PATH
wineserver=$(PATH=/usr/lib/wine:$PATH command -v wineserver64 wineserver | head -n 1)
dir=$(mktemp -d)
mkdir "$dir/prefix"
# Wine's programs find their server by the prefix and the temporary directory.
export WINEPREFIX=$dir/prefix TMPDIR=$dir WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml,winemenubuilder.exe='
trap '"$wineserver" -k || true; rm -rf "$dir"' EXIT

# Windows programs share a page with the system at 0x7ffe0000. With address space randomization,
# Linux may place the heap there, and one program in some thousands exits with 1 without a
# message.
unmoved=(setarch -R)
"${unmoved[@]}" true 2>/dev/null || unmoved=() # a container may not allow it

"$wineserver" -p60 # the server stays for 60 s, so that the next program starts faster
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
