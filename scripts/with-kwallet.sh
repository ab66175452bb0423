#!/bin/bash
# Runs a command on a private session bus with KWallet as its Secret Service, and no display.
# The default wallet is open. Its Secret Service collection is locked, as after a login.
#
#   scripts/with-kwallet.sh COMMAND...
#
# Needs Debian's libkf5wallet-bin, dbus, libglib2.0-bin and python3. The command sees KWALLET_FILE,
# the wallet's file, which kwalletd5 writes about 5 seconds after a change.
set -euo pipefail

if [ "${1-}" != --in-bus ]; then
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
	mkdir -m 700 "$dir/config" "$dir/data" "$dir/run"
	cat > "$dir/config/kwalletrc" <<-'END'
		[Wallet]
		Enabled=true
		First Use=false
		Close When Idle=false
		Prompt on Open=false
		Use One Wallet=true
		Default Wallet=kdewallet
		[org.freedesktop.secrets]
		apiEnabled=true
	END
	unset DISPLAY WAYLAND_DISPLAY
	XDG_CONFIG_HOME=$dir/config XDG_DATA_HOME=$dir/data XDG_RUNTIME_DIR=$dir/run \
		KWALLET_FILE=$dir/data/kwalletd/kdewallet.kwl QT_QPA_PLATFORM=offscreen \
		dbus-run-session -- "$0" --in-bus "$@"
	exit
fi
shift

# start starts kwalletd5 and opens the wallet as pam_kwallet does, with a hash instead of a dialog.
start() {
	kwalletd5 2>"$XDG_RUNTIME_DIR/kwalletd5.log" &
	daemon=$!
	gdbus wait --session --timeout 10 org.kde.kwalletd5
	gdbus call --session -d org.kde.kwalletd5 -o /modules/kwalletd5 \
		-m org.kde.KWallet.pamOpen kdewallet \
		"@ay $(python3 -c 'print([i + 1 for i in range(56)])')" 0 >/dev/null
}

start # kwalletd5 has a collection only for a wallet that was there when it started
for ((i = 0; i < 100; i++)); do
	[ -s "$KWALLET_FILE" ] && break
	sleep 0.1
done
kill "$daemon" && wait "$daemon" || true
start
trap 'kill "$daemon" 2>/dev/null || true' EXIT # COMMAND may have killed it
"$@"
