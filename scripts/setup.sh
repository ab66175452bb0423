#!/usr/bin/env bash
# Installs what `make test` needs in addition to Go: Debian packages (as root), a Python environment
# in build/venv, and the AWS SDKs for JavaScript in build/js and for Java in build/java. Installed
# parts are left alone. A part that cannot be installed is an error with CI=true; otherwise it is
# named, and its tests skip.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
mkdir -p build

# has_cli2 reports whether AWS CLI v2 is installed where the tests look for it.
has_cli2() {
	local aws
	for aws in /usr/bin/aws /usr/local/bin/aws; do
		[[ $("$aws" --version 2>/dev/null) == aws-cli/2.* ]] && return
	done
	return 1
}

# has_node reports whether node and npm are installed and recent enough for the SDK.
has_node() {
	have npm && have node && (($(node -p 'process.versions.node.split(".")[0]') >= 20))
}

# has_venv reports whether python3 can create a virtual environment.
has_venv() { python3 -c 'import venv, ensurepip' 2>/dev/null; }

# has_wine reports whether Wine is installed. Debian's wine64 package puts it outside the PATH.
has_wine() { PATH=$PATH:/usr/lib/wine have wine64; }

debian() {
	local packages=()
	have gcc || packages+=(gcc libc6-dev) # go test -race needs cgo
	have dbus-run-session || packages+=(dbus)
	have gnome-keyring-daemon || packages+=(gnome-keyring)
	have secret-tool || packages+=(libsecret-tools)
	have xdg-dbus-proxy || packages+=(xdg-dbus-proxy)
	have bwrap || packages+=(bubblewrap)
	have gdbus || packages+=(libglib2.0-bin)
	have Xvfb || packages+=(xvfb fonts-dejavu-core)
	have zenity || packages+=(zenity)
	have strace || packages+=(strace)
	have xdotool || packages+=(xdotool)
	have kwalletd5 || packages+=(libkf5wallet-bin)
	have keepassxc || packages+=(keepassxc)
	have ip || packages+=(iproute2)
	have curl || packages+=(curl)
	have chromium-headless-shell || packages+=(chromium-headless-shell)
	have zsh || packages+=(zsh)
	have fish || packages+=(fish)
	[[ -f /usr/share/bash-completion/bash_completion ]] || packages+=(bash-completion)
	have groff || packages+=(groff-base)
	have man || packages+=(man-db)
	have rpm || packages+=(rpm)
	have zstd || packages+=(zstd)
	has_wine || packages+=(wine64)
	have x86_64-w64-mingw32-ld || packages+=(binutils-mingw-w64-x86-64)
	has_cli2 || packages+=(awscli)
	has_venv || packages+=(python3 python3-venv)
	have javac || packages+=(openjdk-17-jdk-headless)
	have mvn || packages+=(maven)
	((${#packages[@]})) || return 0

	if ! have apt-get || ((EUID != 0)); then
		loud "not installed (needs apt-get and root): ${packages[*]}"
		return
	fi
	step "apt-get install ${packages[*]}"
	export DEBIAN_FRONTEND=noninteractive
	timeout 300 apt-get -qq update || loud "apt-get update failed"
	# One at a time: a package that fails must not prevent the others.
	local package
	for package in "${packages[@]}"; do
		timeout 300 apt-get -qq -o=Dpkg::Use-Pty=0 install --no-install-recommends "$package" \
			>build/apt.log 2>&1 ||
			loud "apt-get install $package failed: $(tail -n 3 build/apt.log)"
	done
}

has_python_parts() { build/venv/bin/python -c 'import awscli, boto3, flask, flask_cors, moto.server' 2>/dev/null; }

python_parts() {
	cmp -s testdata/e2e/requirements.txt build/venv/installed.txt && has_python_parts && return
	has_venv || return 0
	step "Python: moto, boto3, AWS CLI v1"
	rm -rf build/venv
	python3 -m venv build/venv
	if timeout 400 build/venv/bin/python -m pip install --quiet --disable-pip-version-check \
		-r testdata/e2e/requirements.txt; then
		cp testdata/e2e/requirements.txt build/venv/installed.txt
		return
	fi
	loud "the pinned Python packages cannot be installed: trying the packages of this machine"
	rm -rf build/venv
	python3 -m venv --system-site-packages build/venv
}

# has_pyarrow reports whether the pinned version is installed.
has_pyarrow() {
	local version
	version=$(sed -n 's/^pyarrow==\([0-9.]*\).*/\1/p' testdata/e2e/requirements-pyarrow.txt)
	build/venv/bin/python -c "import pyarrow.fs; assert pyarrow.__version__ == '$version'" 2>/dev/null
}

pyarrow_part() {
	has_pyarrow && return
	step "Python: PyArrow"
	timeout 300 build/venv/bin/python -m pip install --quiet --disable-pip-version-check \
		-r testdata/e2e/requirements-pyarrow.txt || return 0
}

has_powershell_parser() { build/venv/bin/python -c 'import tree_sitter, tree_sitter_powershell' 2>/dev/null; }

powershell_parser() {
	has_powershell_parser && return
	step "Python: parser for PowerShell"
	timeout 300 build/venv/bin/python -m pip install --quiet --disable-pip-version-check \
		-r testdata/e2e/requirements-powershell.txt || return 0
}

js_parts() {
	cmp -s testdata/e2e/js/package-lock.json build/js/installed.json && build/js/node --version >/dev/null && return
	step "npm: AWS SDK for JavaScript v3"
	if ! has_node; then
		# Debian 12's node is too old. PyPI has a recent one, with npm.
		timeout 300 build/venv/bin/python -m pip install --quiet --disable-pip-version-check \
			-r testdata/e2e/requirements-node.txt || return 0
		PATH=$PWD/build/venv/bin:$PATH
	fi
	rm -rf build/js
	mkdir build/js
	ln -s "$(command -v node)" build/js/node # the tests use this link
	cp testdata/e2e/js/package.json testdata/e2e/js/package-lock.json build/js/
	if (cd build/js && timeout 300 npm ci --silent --no-audit --no-fund --ignore-scripts); then
		cp testdata/e2e/js/package-lock.json build/js/installed.json
	fi
}

has_java_parts() {
	cmp -s testdata/e2e/java/sha256sums.txt build/java/installed.txt &&
		cmp -s testdata/e2e/java/Whoami.java build/java/Whoami.java
}

java_parts() {
	has_java_parts && return
	have mvn && have javac || return 0
	step "Maven: AWS SDK for Java v2"
	rm -rf build/java
	mkdir build/java
	timeout 300 mvn -q -B -f testdata/e2e/java/pom.xml \
		org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies \
		-DincludeScope=runtime -DoutputDirectory="$PWD/build/java" || return 0
	(cd build/java && sha256sum --quiet --strict -c -) <testdata/e2e/java/sha256sums.txt || return 0
	javac -cp 'build/java/*' -d build/java testdata/e2e/java/Whoami.java || return 0
	cp testdata/e2e/java/Whoami.java build/java/
	cp testdata/e2e/java/sha256sums.txt build/java/installed.txt
}

debian
python_parts
pyarrow_part
powershell_parser
js_parts
java_parts

have gcc || missing "gcc: the race detector needs it"
for part in dbus-run-session gnome-keyring-daemon secret-tool gdbus xdg-dbus-proxy kwalletd5 \
	keepassxc; do
	have "$part" || missing "$part: the Secret Service tests"
done
have strace || missing "strace: the tests that trace where secrets go"
for part in Xvfb zenity xdotool; do
	have "$part" || missing "$part: the tests of the MFA window"
done
have chromium-headless-shell || missing "chromium-headless-shell: the tests of login and console"
for part in ip curl; do
	have "$part" || missing "$part: the tests of serve"
done
for part in zsh fish; do
	have "$part" || missing "$part: the tests of its completion script"
done
[[ -f /usr/share/bash-completion/bash_completion ]] || missing "bash-completion: a test of the bash completion script"
have groff || missing "groff: the tests of the manual pages"
for part in man rpm zstd; do
	have "$part" || missing "$part: the test of installation"
done
has_wine || missing "wine64: the tests of the Windows program"
have x86_64-w64-mingw32-ld || missing "x86_64-w64-mingw32-ld: the tests of the Windows program"
has_cli2 || missing "AWS CLI v2: the tests that run it"
has_python_parts || missing "moto, boto3 or AWS CLI v1 in build/venv: the tests that need moto"
has_pyarrow || missing "PyArrow: the test of the AWS SDK for C++"
[[ -f build/js/installed.json ]] || missing "AWS SDK for JavaScript: the tests that run it"
has_java_parts || missing "AWS SDK for Java: the tests that run it"
