# shellcheck shell=bash
# Spore as it was before connections carried one visitor after another. It is built once, from the
# history of this repository, and kept between runs.

OLDER_SPORE=02a510c

# install_older_spore REPOSITORY - builds it if necessary.
install_older_spore() {
	local folder=${XDG_CACHE_HOME:-$HOME/.cache}/spore-peers/spore-$OLDER_SPORE

	[ ! -x "$folder/build/spore" ] || return 0
	echo "Building Spore of commit $OLDER_SPORE, once, in $folder"
	mkdir -p "$folder"
	git -C "$1" archive "$OLDER_SPORE" | tar -x -C "$folder" || return 1
	cmake -G Ninja -S "$folder" -B "$folder/build" -DCMAKE_BUILD_TYPE=RelWithDebInfo \
		-DSPORE_TESTS=OFF >/dev/null && cmake --build "$folder/build" >/dev/null
}
