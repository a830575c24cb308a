"""Rules for every file of the tree.

usage: hygiene.py [ROOT]

A file has no trailing white space, a newline at its end and at most 500 kB. It does not name a
host of a package registry: which mirror to use is configured on the machine, not in this project.
Two headers of the core have different include guards, so that one file can include both.
The inputs of the fuzzers are bytes, not text, and exempt.
"""

import pathlib
import re
import sys

import source

MAX_SIZE = 500_000
# Folders with inputs of the fuzzers.
BYTES = pathlib.PurePath("tests/fuzz/corpus")

# In parts, so that this file obeys its own rule.
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


_GUARD = re.compile(r"^#ifndef (\w+)$", re.MULTILINE)


def check(root):
    for path in source.walk(root):
        yield from _check_file(path, path.relative_to(root))
    yield from _check_guards(root)


def _check_guards(root):
    first = {}
    for path in sorted(pathlib.Path(root, "core").rglob("*.h")):
        guard = _GUARD.search(path.read_text(encoding="utf-8"))
        name = path.relative_to(root)
        if guard and first.setdefault(guard.group(1), name) != name:
            yield f"{name}: has the include guard of {first[guard.group(1)]}"


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
