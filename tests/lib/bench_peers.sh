# shellcheck shell=bash
# The programs that tests/bench compares: installed, unpacked or built once, kept between runs. To
# be sourced after packages.sh, bore.sh and prometheus.sh. A program that cannot be installed is
# reported and left out.

RATHOLE_VERSION=0.5.0
FRP_VERSION=0.61.0
GO_MINIMUM=1.22

peers_folder() {
	printf '%s/spore-peers' "${XDG_CACHE_HOME:-$HOME/.cache}"
}

install_bench_peers() {
	install_packages haproxy stunnel4 openssl libpcre2-8-0 ca-certificates || true
	unpack_nginx || echo "nginx is left out." >&2
	install_bore || echo "bore is left out." >&2
	install_rathole || echo "rathole is left out." >&2
	install_frp || echo "frp is left out." >&2
}

# The package is unpacked and not installed, because its installation would start a web server.
unpack_nginx() {
	local folder package

	folder=$(peers_folder)/nginx
	! command -v nginx >/dev/null && [ ! -x /usr/sbin/nginx ] &&
		[ ! -x "$folder/usr/sbin/nginx" ] || return 0
	! may_install || update_package_lists || return 1
	echo "Unpacking nginx, once, into $folder"
	for package in nginx libnginx-mod-stream; do
		(unpack_package "$package" "$folder.$package") || return 1
	done
	cp -a "$folder.libnginx-mod-stream/." "$folder.nginx/" &&
		rm -rf "$folder.libnginx-mod-stream" "$folder" &&
		mv "$folder.nginx" "$folder"
}

# The crates in rathole's lock file no longer compile, so newer versions are used. TLS is switched
# off: it needs more crates and is not measured.
install_rathole() {
	local folder

	folder=$(peers_folder)/rathole-$RATHOLE_VERSION
	[ ! -x "$folder/bin/rathole" ] || return 0
	echo "Building rathole $RATHOLE_VERSION, once, into $folder"
	# shellcheck disable=SC2016 # the inner shell expands these
	quietly bash -c '. "$1" && . "$2" && use_rust &&
		timeout --foreground 900 cargo install rathole \
		--version "$3" --no-default-features --features client,server --root "$4"' \
		- "${BASH_SOURCE[0]%/*}/packages.sh" "${BASH_SOURCE[0]%/*}/bore.sh" \
		"$RATHOLE_VERSION" "$folder"
}

install_frp() {
	local folder

	folder=$(peers_folder)/frp-$FRP_VERSION
	[ ! -x "$folder/bin/frpc" ] || return 0
	command -v go >/dev/null || install_packages golang-go || return 1
	if ! version_is_at_least "$(go env GOVERSION | sed 's/^go//')" "$GO_MINIMUM"; then
		echo "frp $FRP_VERSION needs Go $GO_MINIMUM or newer." >&2
		return 1
	fi
	echo "Building frp $FRP_VERSION, once, into $folder"
	quietly build_frp "$folder"
}

# frp's module has replace directives, so `go install` refuses it. A copy of its source is built.
build_frp() (
	scratch=$(mktemp -d) && trap 'chmod -R u+w "$scratch" && rm -rf "$scratch"' EXIT &&
		cd "$scratch" || exit 1
	source=$(go mod download -json "github.com/fatedier/frp@v$FRP_VERSION" |
		sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
	cp -r "$source" source && chmod -R u+w source && cd source && mkdir -p "$1/bin" || exit 1
	for half in frps frpc; do
		CGO_ENABLED=0 timeout --foreground 900 go build -trimpath -ldflags "-s -w" \
			-tags $half -o "$1/bin/$half" ./cmd/$half ||
			exit 1
	done
)

# Shows the output of the command only if it fails.
quietly() {
	local log status=0

	log=$(mktemp)
	"$@" >"$log" 2>&1 || status=$?
	[ $status -eq 0 ] || tail -n 40 "$log" >&2
	rm -f "$log"
	return $status
}
