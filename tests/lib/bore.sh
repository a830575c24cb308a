# shellcheck shell=bash
# bore, the program whose protocol Spore speaks. It is built once and kept between runs. To be
# sourced after packages.sh.

BORE_VERSION=0.6.0
# Older versions cannot compile bore, or can read a registry only through git.
RUST_MINIMUM=1.70

# use_rust - puts a cargo that is new enough first in PATH: the installed one, or one from the
# distribution. The distribution's plain package may be too old while one with a version suffix is
# new enough.
use_rust() {
	local suffix

	rust_is_new_enough && return 0
	if may_install && command -v apt-get >/dev/null; then
		update_package_lists || return 1
	fi
	for suffix in "" -web $(rust_suffixes); do
		has_new_rust_package "$suffix" || continue
		install_packages "rustc$suffix" "cargo$suffix" gcc ca-certificates || return 1
		PATH=/usr/lib/rust${suffix}/bin:/usr/bin:$PATH
		hash -r
		rust_is_new_enough && return 0
	done
	echo "No cargo of Rust $RUST_MINIMUM or newer, neither in PATH nor as a package." >&2
	return 1
}

rust_is_new_enough() {
	command -v cargo >/dev/null &&
		version_is_at_least "$(rustc --version 2>/dev/null | cut -d ' ' -f 2)" \
			"$RUST_MINIMUM"
}

# "-1.80", "-1.75": the suffixes of versioned packages, newest first.
rust_suffixes() {
	apt-cache pkgnames cargo- 2>/dev/null | sed -n 's/^cargo\(-[0-9.]*\)$/\1/p' |
		sort --version-sort --reverse
}

has_new_rust_package() {
	version_is_at_least "$(package_version "rustc$1")" "$RUST_MINIMUM" &&
		[ -n "$(package_version "cargo$1")" ]
}

# install_bore - sets BORE to the executable and builds it if necessary. Keeps BORE if it is set.
install_bore() {
	local folder=${XDG_CACHE_HOME:-$HOME/.cache}/spore-peers/bore-$BORE_VERSION log status=0

	[ -z "${BORE:-}" ] || return 0
	if [ ! -x "$folder/bin/bore" ]; then
		echo "Building bore $BORE_VERSION, once, into $folder"
		log=$(mktemp)
		(use_rust && timeout --foreground 900 cargo install bore-cli \
			--version "$BORE_VERSION" --locked --root "$folder") >"$log" 2>&1 ||
			status=$?
		[ $status -eq 0 ] || cat "$log" >&2
		rm -f "$log"
		[ $status -eq 0 ] || return 1
	fi
	export BORE=$folder/bin/bore
}
