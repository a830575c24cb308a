# shellcheck shell=bash
# Building with CMake into a folder of its own. To be sourced.

# configure_spore SOURCE FOLDER [CMAKE OPTION]... - configures. All output goes to standard output.
# If the folder belongs to another copy of the sources, it is configured from scratch. Ninja is used
# where it is installed: it starts hundreds of small targets faster than make.
configure_spore() {
	local source=$1 folder=$2 new=()

	shift 2
	if [ -e "$folder" ] && [ ! -w "$folder" ]; then
		echo "$folder is not yours to write to:" \
			"remove it, or run this as $(stat -c %U "$folder")."
		return 1
	fi
	if ! grep -qxFs "CMAKE_HOME_DIRECTORY:INTERNAL=$source" "$folder/CMakeCache.txt"; then
		new=(--fresh)
		! command -v ninja >/dev/null || new+=(-G Ninja)
	fi
	cmake "${new[@]}" -S "$source" -B "$folder" "$@"
}

# build_spore SOURCE FOLDER [CMAKE OPTION]... - configures and builds.
build_spore() {
	configure_spore "$@" && cmake --build "$2" --parallel "$(nproc)"
}
