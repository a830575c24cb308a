"""What holds for every file of the tree.

usage: hygiene.py [ROOT]

No trailing white space, a newline at the end, no file over 500 kB, and no name of a host where
packages are kept: which mirror is used is a matter of the machine, never of this project. The inputs
of the fuzzers are bytes, not text: they may end as they like.
"""

import os
import pathlib
import re
import sys

import source

MAX_SIZE = 500_000
# What a build or a test run leaves behind; .gitignore names them.
NOT_SOURCE = re.compile(r"\.git|build.*|__pycache__|\.pytest_cache")

# Inputs of fuzzers, whole folders of them.
BYTES = pathlib.PurePath("tests/fuzz/corpus")

# Joined here, so that this file obeys its own rule.
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("crates", "io"),
        ("rustup", "rs"),
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("debian", "org"),
        ("ubuntu", "com"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("proxy", "golang", "org"),
        ("rubygems", "org"),
        ("docker", "io"),
        ("ghcr", "io"),
        ("quay", "io"),
    )
]
_REGISTRY = re.compile(
    rb"(?<![\w-])(?:[\w-]+\.)*(" + "|".join(map(re.escape, REGISTRIES)).encode() + rb")\b"
)


def check(root):
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(each for each in folders if not NOT_SOURCE.fullmatch(each))
        for name in sorted(names):
            path = pathlib.Path(folder, name)
            if not path.is_symlink():
                yield from _check_file(path, path.relative_to(root))


def _check_file(path, name):
    if path.stat().st_size > MAX_SIZE:
        yield f"{name}: {path.stat().st_size} bytes; expected at most {MAX_SIZE}"
        return
    data = path.read_bytes()
    if b"\0" in data or BYTES in name.parents:
        return
    lines = data.split(b"\n")
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            yield f"{name}:{number}: white space at the end of the line"
        for found in _REGISTRY.finditer(line):
            yield f"{name}:{number}: names the registry host {found.group().decode()}"
    if lines[-1]:
        yield f"{name}: no newline at the end"


if __name__ == "__main__":
    sys.exit(
        source.report(
            list(check(sys.argv[1] if len(sys.argv) > 1 else source.REPOSITORY)), "hygiene"
        )
    )
