# shellcheck shell=bash
# What the scripts that make packages and images ask about a source tree. To be sourced.

# tree_is_in_git TREE - does git know its files? It may also lie in another repository, which does
# not.
tree_is_in_git() {
	git -C "$1" ls-files --error-unmatch CMakeLists.txt >/dev/null 2>&1
}

# tree_time TREE - the time of the last commit. Without git: that of the changelog.
tree_time() {
	if ! tree_is_in_git "$1" || ! git -C "$1" log -1 --format=%ct; then
		stat --format=%Y "$1/CHANGELOG.md"
	fi
}

# tree_version TREE - the version that CMakeLists.txt gives.
tree_version() {
	sed -n 's/^project(spore VERSION \([0-9.]*\) .*/\1/p' "$1/CMakeLists.txt"
}
