# shellcheck shell=bash
# An empty system of the machine's own release, in which packages of Spore are installed. It is made
# once and kept between runs. To be sourced after packages.sh.

# What the packages of Spore depend on: downloaded into the system, but not installed there.
ROOT_DOWNLOADS=(libcjson1 libcurl4 libev4 libhiredis0.14 libldap-2.5-0 libmicrohttpd12 libncursesw6
	libnghttp2-14 libpq5 libssh-4 libssl3 liburing2)

# install_root - sets DEBIAN_ROOT to the archive. Keeps it if it is set.
install_root() {
	local codename archive list

	[ -z "${DEBIAN_ROOT:-}" ] || return 0
	codename=$(distribution_codename)
	# Another list needs another archive.
	list=$(printf '%s\n' "${ROOT_DOWNLOADS[@]}" | cksum)
	archive=${XDG_CACHE_HOME:-$HOME/.cache}/spore-peers/root-$codename-${list%% *}.tar
	if [ ! -f "$archive" ]; then
		[ "$(id -u)" -eq 0 ] && command -v mmdebstrap >/dev/null || return 1
		echo "Making an empty $codename, once, in $archive"
		mkdir -p "${archive%/*}"
		make_root "$codename" "$archive" || return 1
	fi
	export DEBIAN_ROOT=$archive
}

# make_root CODENAME ARCHIVE - the archive has this machine's sources of the distribution.
make_root() {
	local log status=0 distribution_sources

	find_distribution_sources || return 1
	log=$(mktemp)
	# The list of downloads contains no blanks.
	mmdebstrap --format=tar --variant=apt --include=systemd --skip=cleanup/apt \
		--customize-hook="chroot \"\$1\" apt-get install --yes --no-install-recommends \
--download-only ${ROOT_DOWNLOADS[*]}" \
		"$1" "$2.new" "${distribution_sources[@]}" >"$log" 2>&1 &&
		mv "$2.new" "$2" || status=1
	[ $status -eq 0 ] || tail -n 40 "$log" >&2
	rm -f "$log" "$2.new"
	return $status
}
