# shellcheck shell=bash
# Prometheus and promtool from the distribution's package. The package is unpacked and not
# installed, because its installation would start a service that listens on all addresses. The
# programs are kept between runs. To be sourced after packages.sh.

# install_prometheus - sets PROMETHEUS_BIN to the folder of both programs. Keeps it if it is set.
install_prometheus() {
	local folder=${XDG_CACHE_HOME:-$HOME/.cache}/spore-peers/prometheus status=0

	[ -z "${PROMETHEUS_BIN:-}" ] || return 0
	if [ ! -x "$folder/usr/bin/prometheus" ]; then
		command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
		! may_install || update_package_lists || return 1
		echo "Unpacking prometheus, once, into $folder"
		(unpack_package prometheus "$folder") || status=$?
		[ $status -eq 0 ] || return $status
	fi
	export PROMETHEUS_BIN=$folder/usr/bin
}

# unpack_package NAME FOLDER - unpacks a package of the distribution into a folder. Call it in a
# subshell: it changes the working directory and sets a trap.
unpack_package() {
	local log

	# Not local: the trap runs after the function has returned.
	scratch=$(mktemp -d) && trap 'rm -rf "$scratch"' EXIT && cd "$scratch" || return 1
	log=$scratch/log
	if ! apt-get --quiet download "$1" >"$log" 2>&1 ||
		! dpkg-deb --extract ./*.deb "$scratch/root" >>"$log" 2>&1; then
		cat "$log" >&2
		return 1
	fi
	mkdir -p "$(dirname "$2")" && rm -rf "$2" && mv "$scratch/root" "$2"
}
