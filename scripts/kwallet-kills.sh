#!/bin/bash
# Kills kwalletd5 at random times around `import` and `mfa add`, and reports lost secrets.
#
#   scripts/with-kwallet.sh scripts/kwallet-kills.sh PROGRAM COUNT
#
# It needs what with-kwallet.sh needs. A secret is lost if the command has not reported it and it is
# neither in the keyring, after a restart, nor in the credentials file or a kept copy of it.
set -euo pipefail

program=$(realpath "$1") count=$2
dir=$(mktemp -d)
trap 'kill "$daemon" 2>/dev/null || true; rm -rf "$dir"' EXIT
export HOME=$dir AWS_CONFIG_FILE=$dir/config AWS_SHARED_CREDENTIALS_FILE=$dir/credentials \
	AWS_CREDPROC_STATE_DIR=$dir/state AWS_CREDPROC_STORE=none AWS_CREDPROC_PROMPT=none
cp "$program" "$dir/aws-credproc"
PATH=$dir:$PATH
key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
serial=arn:aws:iam::123456789012:mfa/jill
service=org.freedesktop.secrets path=/org/freedesktop/secrets

call() { gdbus call --session -d "$service" -o "$1" -m "$2" "${@:3}"; }

pid() {
	gdbus call --session -d org.freedesktop.DBus -o / \
		-m org.freedesktop.DBus.GetConnectionUnixProcessID "$service" | grep -o '[0-9]*' | tail -1
}

# start starts kwalletd5, opens the wallet as a login does, and its collection as `refresh` does.
start() {
	kwalletd5 2>/dev/null & daemon=$!
	gdbus wait --session --timeout 10 org.kde.kwalletd5
	gdbus call --session -d org.kde.kwalletd5 -o /modules/kwalletd5 -m org.kde.KWallet.pamOpen \
		kdewallet "@ay $(python3 -c 'print([i + 1 for i in range(56)])')" 0 >/dev/null
	local collection prompt
	collection=$(call $path org.freedesktop.Secret.Service.ReadAlias default | grep -o "/org[^']*")
	prompt=$(call $path org.freedesktop.Secret.Service.Unlock "['$collection']" |
		grep -o "/org[^']*" | tail -1)
	[ -z "$prompt" ] || call "$prompt" org.freedesktop.Secret.Prompt.Prompt "" >/dev/null
	until call "$collection" org.freedesktop.DBus.Properties.Get \
		org.freedesktop.Secret.Collection Locked | grep -q false; do sleep 0.02; done
}

# interrupt runs a command and kills kwalletd5 after up to $1 seconds.
interrupt() {
	local wait=$1 run
	shift
	"$@" <&0 >"$dir/out" 2>&1 & run=$! # else the stdin would be /dev/null
	sleep "$(python3 -c "import random; print(random.random() * $wait)")"
	kill -9 "$daemon"
	wait "$daemon" 2>/dev/null || true
	wait "$run" || true
	start
}

# has_key reports whether the access key is in the keyring, the credentials file or a copy of it.
has_key() {
	grep -qs "$key" "$AWS_SHARED_CREDENTIALS_FILE" "$AWS_SHARED_CREDENTIALS_FILE".*bak ||
		aws-credproc get base 2>/dev/null | grep -q "$key"
}

# has_seed reports whether the keyring has the seed, and deletes it. An item without it may be left.
has_seed() {
	local found=0
	aws-credproc mfa list --json | grep -q '"seed": true' || found=1
	aws-credproc mfa remove "$serial" >/dev/null
	return $found
}

kill -9 "$(pid)"
start
lost=0
declare -A seeds=([reported]=0 [kept]=0)
for ((n = 0; n < count; n++)); do
	rm -rf "$AWS_CREDPROC_STATE_DIR" "$AWS_CONFIG_FILE"* "$AWS_SHARED_CREDENTIALS_FILE"*
	printf '[base]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = %s\n' \
		$key >"$AWS_SHARED_CREDENTIALS_FILE"
	printf '[profile mfa]\nmfa_serial = %s\n' $serial >"$AWS_CONFIG_FILE"
	interrupt $((n % 3 ? 1 : 7))e-1 aws-credproc import base --yes
	has_key || { lost=$((lost + 1)); echo "import lost the key:"; cat "$dir/out"; }

	# The second code, which the user needs, follows only if the seed is on disk.
	interrupt $((n % 3 ? 8 : 1)) aws-credproc mfa add $serial --timeout 1s \
		<<<GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ
	if ! grep -Eq 'no second code|second code: ' "$dir/out" || grep -q 'to disk later' "$dir/out"; then
		seeds[reported]=$((seeds[reported] + 1))
		has_seed || true
	elif has_seed; then
		seeds[kept]=$((seeds[kept] + 1))
	else
		lost=$((lost + 1)) && echo "mfa add lost the seed:" && cat "$dir/out"
	fi
done
echo "$((count * 2)) kills: $lost secrets lost; seeds: ${seeds[kept]} on disk," \
	"${seeds[reported]} reported"
[ $lost = 0 ]
