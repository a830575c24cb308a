# shellcheck shell=bash
# collectd from the distribution's package. It receives statsd and is kept between runs. To be
# sourced after packages.sh.

# install_collectd - sets COLLECTD to the executable. The package is unpacked and not installed,
# because its installation would start a service. Keeps COLLECTD if it is set.
install_collectd() {
	local folder=${XDG_CACHE_HOME:-$HOME/.cache}/spore-peers/collectd work

	[ -z "${COLLECTD:-}" ] || return 0
	if [ ! -x "$folder/usr/sbin/collectd" ]; then
		[ -n "$(package_version collectd-core)" ] ||
			{ may_install && update_package_lists; }
		work=$(mktemp -d)
		(cd "$work" && apt-get --quiet download collectd-core &&
			dpkg-deb --extract collectd-core_*.deb new &&
			mkdir -p "${folder%/*}" && rm -rf "$folder" &&
			mv new "$folder") >"$work/log" 2>&1 || cat "$work/log" >&2
		rm -rf "$work"
		[ -x "$folder/usr/sbin/collectd" ] || return 1
	fi
	export COLLECTD=$folder/usr/sbin/collectd
}
