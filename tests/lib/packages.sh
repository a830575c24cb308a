# shellcheck shell=bash
# Finds and installs missing packages of Debian and Ubuntu. To be sourced.

# What a build of Spore needs. Each script that needs more has its own list.
# shellcheck disable=SC2034 # used by the scripts that source this file
BUILD_PACKAGES=(build-essential cmake pkg-config
	libev-dev libssl-dev libcjson-dev libmicrohttpd-dev libssh-dev libcrypt-dev
	libcurl4-openssl-dev libhiredis-dev libldap-dev libnghttp2-dev libpq-dev liburing-dev
	libncurses-dev)

# as_root COMMAND... - runs the command as root, if necessary through sudo.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

may_install() {
	[ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null
}

package_is_installed() {
	[ "$(dpkg-query --show --showformat '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# install_packages PACKAGE... - installs the missing packages. If it cannot install one, it fails
# and prints the reason to standard error.
install_packages() {
	local package missing=()

	if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
		echo "This is not Debian or Ubuntu, so nothing gets installed. Needed: $*" >&2
		return 0
	fi
	for package; do
		package_is_installed "$package" || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	if ! may_install; then
		echo "These packages are missing: ${missing[*]}" >&2
		echo "Installing them needs root, or sudo, which is not here. As root:" >&2
		echo "    apt-get update && apt-get install ${missing[*]}" >&2
		return 1
	fi
	echo "Installing: ${missing[*]}"
	update_package_lists &&
		apt_get install --yes --no-remove --no-install-recommends "${missing[@]}"
}

# The lists are updated once per run.
update_package_lists() {
	[ -z "${package_lists_are_new:-}" ] || return 0
	apt_get update && package_lists_are_new=1
}

# Runs apt-get without questions. Shows its output only if it fails.
apt_get() {
	local log status=0

	log=$(mktemp)
	as_root env DEBIAN_FRONTEND=noninteractive apt-get --quiet \
		-o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" </dev/null >"$log" 2>&1 ||
		status=$?
	if [ $status -ne 0 ]; then
		cat "$log" >&2
		echo "apt-get $* failed with status $status." >&2
	fi
	rm -f "$log"
	return $status
}

# package_version PACKAGE - prints the upstream version that apt would install, or nothing.
package_version() {
	apt-cache policy "$1" 2>/dev/null |
		sed -n 's/^  Candidate: //p' | sed -e '/(none)/d' -e 's/^[0-9]*://' -e 's/[-+~].*//'
}

# version_is_at_least VERSION MINIMUM
version_is_at_least() {
	[ -n "$1" ] && [ "$(printf '%s\n%s\n' "$2" "$1" | sort --version-sort | head -n 1)" = "$2" ]
}

# distribution_codename - prints the name of the machine's release.
distribution_codename() {
	sed -n 's/^VERSION_CODENAME=//p' /etc/os-release
}

# find_distribution_sources - sets the array distribution_sources to lines of sources.list, one for
# each part of the distribution that apt knows. Repositories of others are left out: they may be out
# of reach, and are not needed.
find_distribution_sources() {
	list_distribution_sources
	[ ${#distribution_sources[@]} -eq 0 ] || return 0
	update_package_lists
	list_distribution_sources
	[ ${#distribution_sources[@]} -gt 0 ] || {
		echo "apt has no list of packages of this distribution." >&2
		return 1
	}
}

list_distribution_sources() {
	local origin

	origin=$(sed -n 's/^NAME="\?\([A-Za-z]*\).*/\1/p' /etc/os-release)
	# shellcheck disable=SC2016 # these are variables of apt
	mapfile -t distribution_sources < <(apt-get indextargets \
		--format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
		'Created-By: Packages' "Origin: $origin" | sort -u)
}
