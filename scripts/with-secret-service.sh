#!/usr/bin/env bash
# with-secret-service.sh COMMAND [ARG...]: runs COMMAND in a new D-Bus session with an empty,
# unlocked gnome-keyring, and stops both afterwards. The caller's own keyring is not used.
# GNOME_KEYRING_PID is the process ID of the daemon.
set -euo pipefail

if [[ ${1:-} != --inside ]]; then
	(($#)) || { echo "usage: with-secret-service.sh COMMAND [ARG...]" >&2 && exit 2; }
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
	mkdir -p "$dir/data/keyrings" "$dir/run"
	chmod 700 "$dir/run"
	# The bus logs to stderr, so COMMAND's stderr is passed on as descriptor 3.
	XDG_DATA_HOME=$dir/data XDG_RUNTIME_DIR=$dir/run dbus-run-session -- "$0" --inside "$@" 3>&2 2>"$dir/log"
	exit
fi
shift

# --foreground, so that $! is the daemon's process ID. The new keyring gets the password "password".
gnome-keyring-daemon --foreground --unlock --components=secrets < <(printf password) >/dev/null &
export GNOME_KEYRING_PID=$!
# SIGCONT, because COMMAND may have stopped the daemon with SIGSTOP.
trap 'kill "$GNOME_KEYRING_PID" && kill -CONT "$GNOME_KEYRING_PID" && wait "$GNOME_KEYRING_PID" || true' EXIT

# ready must not call the service before it owns its name: the bus would start a second daemon.
ready() {
	[[ $(gdbus call --session --dest org.freedesktop.DBus --object-path /org/freedesktop/DBus \
		--method org.freedesktop.DBus.NameHasOwner org.freedesktop.secrets) == '(true,)' ]] &&
		[[ $(gdbus call --session --dest org.freedesktop.secrets \
			--object-path /org/freedesktop/secrets/collection/login --method org.freedesktop.DBus.Properties.Get \
			org.freedesktop.Secret.Collection Locked) == '(<false>,)' ]]
}
deadline=$((SECONDS + 30))
until ready; do
	if ((SECONDS >= deadline)) || ! kill -0 "$GNOME_KEYRING_PID" 2>/dev/null; then
		{ echo "with-secret-service.sh: gnome-keyring-daemon did not start:" && cat "$XDG_RUNTIME_DIR/../log"; } >&3
		exit 1
	fi
	sleep 0.05
done

"$@" 2>&3 3>&-
