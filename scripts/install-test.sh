#!/usr/bin/env bash
# install-test.sh: builds the release files for linux/amd64 and tries them as a user would: the
# Debian package is installed with apt, used, upgraded from an older version with a cached session,
# and removed; the other packages are listed; the archive is installed by the lines of README.md.
# Needs root, Debian, and moto (scripts/setup.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

if ((EUID != 0)) || ! have apt-get || [[ ! -d build/venv ]]; then
	missing "root, apt-get and moto: the test of installation"
	exit
fi
if [[ ${MOTO_URL:-} == '' ]]; then
	MOTO_NO_AUTH=1000 exec scripts/with-moto.sh "$0"
fi

work=$(mktemp -d)
user=credproc$$
cleanup() {
	apt-get -qq purge aws-credproc >/dev/null 2>&1 || true
	userdel -r "$user" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT
chmod 755 "$work"

step "release files for linux/amd64"
sed -E '/^      - (darwin|windows|linux_(arm|386))/d' .goreleaser.yaml >"$work/goreleaser.yaml"
scripts/release.sh --config "$work/goreleaser.yaml" --skip=sbom,homebrew,scoop,winget \
	>"$work/log" 2>&1 || fail "$(tail -n 20 "$work/log")"
deb=$(echo "$PWD"/dist/*_linux_amd64.deb)
cp "$deb" "$work/new.deb"

# The same package with a lower version.
dpkg-deb -R "$deb" "$work/old"
sed -i 's/^Version: .*/Version: 0.0.0~1/' "$work/old/DEBIAN/control"
dpkg-deb --root-owner-group -b "$work/old" "$work/old.deb" >/dev/null

useradd -m -s /bin/bash "$user"
home=$(getent passwd "$user" | cut -d: -f6)
mkdir "$home/.aws"
cat >"$home/.aws/config" <<EOF
[profile dev-role]
role_arn = arn:aws:iam::123456789012:role/Dev
source_profile = base
region = eu-west-1
EOF
cat >"$home/.aws/credentials" <<'EOF'
[base]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
EOF
chown -R "$user:" "$home/.aws"

# as_user COMMAND: runs a shell command in a login shell of the user.
as_user() { su - "$user" -c "export AWS_CREDPROC_STORE=file AWS_ENDPOINT_URL_STS=$MOTO_URL; $1"; }

# install_deb FILE: installs a package with apt.
install_deb() {
	apt-get -qq -o=Dpkg::Use-Pty=0 install -y "$1" >"$work/log" 2>&1 || fail "$(<"$work/log")"
}

key_of() { sed -n 's/.*"AccessKeyId":"\([^"]*\)".*/\1/p'; }

step "Debian package"
install_deb "$work/old.deb"
version=$(as_user "aws-credproc --version")
echo "$version"
[[ $version == 'aws-credproc version v'* ]]
as_user "man -w aws-credproc-get" >/dev/null
as_user 'bash -ic "source /usr/share/bash-completion/bash_completion
	_completion_loader aws-credproc; complete -p aws-credproc"' 2>/dev/null | grep -q _aws_credproc
as_user "aws-credproc demo" | tail -n 3
before=$(as_user "aws-credproc get dev-role" | key_of)
[[ -n $before ]] || fail "get printed no access key ID"

step "upgrade with a cached session"
install_deb "$work/new.deb"
[[ $(dpkg-query -W -f '${Version}' aws-credproc) != 0.0.0* ]] || fail "the package was not upgraded"
after=$(as_user "aws-credproc get dev-role" | key_of)
[[ $after == "$before" ]] || fail "the session was not kept: $before before, $after after the upgrade"

step "removal"
dpkg -L aws-credproc | while read -r path; do [[ -d $path ]] || echo "$path"; done >"$work/files"
apt-get -qq -o=Dpkg::Use-Pty=0 purge -y aws-credproc >"$work/log" 2>&1 || fail "$(<"$work/log")"
while read -r path; do [[ ! -e $path ]] || fail "$path is left"; done <"$work/files"
[[ $(wc -l <"$work/files") -gt 20 ]] || fail "the package has too few files"
left=$(find /etc /opt /usr /var -xdev -name '*aws-credproc*')
[[ -z $left ]] || fail "left: $left"
[[ -d $home/.local/state/aws-credproc ]] || fail "the user's sessions were removed"

step "archive, by the lines of README.md"
archive=$(basename dist/*_linux_amd64.tar.gz)
version=${archive#aws-credproc_}
version=${version%_linux_amd64.tar.gz}
lines=$(sed -nE 's/^\$ ((tar|mkdir|install) .*)/\1/p' README.md | sed "s/0\.1\.0/$version/g")
[[ $lines == tar*install* ]] || fail "README.md has no lines that install the archive"
install -o "$user" dist/"$archive" "$home/"
as_user "$lines"
as_user ".local/bin/aws-credproc --version"
as_user "cd aws-credproc_${version}_linux_amd64 && ls . man completions" | tr '\n' ' '

step "other packages"
for package in dist/*_linux_amd64.{rpm,apk,pkg.tar.zst}; do
	case $package in
	*.rpm) rpm -qlp "$package" ;;
	*) tar -tf "$package" ;;
	esac >"$work/list" 2>/dev/null
	for path in usr/bin/aws-credproc usr/share/man/man1/aws-credproc-get.1.gz \
		usr/share/bash-completion/completions/aws-credproc \
		usr/share/zsh/site-functions/_aws-credproc \
		usr/share/doc/aws-credproc/THIRD_PARTY_LICENSES.txt; do
		grep -q "^/\?$path\$" "$work/list" || fail "$package has no $path"
	done
	echo "$(basename "$package"): $(wc -l <"$work/list") entries"
done
