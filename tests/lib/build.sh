# shellcheck shell=bash
# Building with CMake into a folder of its own. To be sourced.

# build_spore SOURCE FOLDER [CMAKE OPTION]... - configures and builds. All output goes to standard
# output. If the folder belongs to another copy of the sources, it is configured from scratch.
build_spore() {
	local source=$1 folder=$2 fresh=()

	shift 2
	if [ -e "$folder" ] && [ ! -w "$folder" ]; then
		echo "$folder is not yours to write to:" \
			"remove it, or run this as $(stat -c %U "$folder")."
		return 1
	fi
	if [ -e "$folder/CMakeCache.txt" ] &&
		! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$source" "$folder/CMakeCache.txt"; then
		fresh=(--fresh)
	fi
	cmake "${fresh[@]}" -S "$source" -B "$folder" "$@" &&
		cmake --build "$folder" --parallel "$(nproc)"
}
