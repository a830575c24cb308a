"""The symbols that the executable and the plugins export.

usage: symbols.py BUILD [--sanitize NAMES]

A plugin exports one dynamic symbol, spore_plugin_v1. The executable exports none of its own; the
linker adds copies of data of shared libraries, which carry the library's version
(stderr@GLIBC_2.2.5).
"""

import argparse
import pathlib
import subprocess
import sys

import source

ENTRY_POINT = "spore_plugin_v1"


def exported(path):
    """Its defined dynamic symbols."""
    listing = subprocess.run(
        ["nm", "-D", "--defined-only", path],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    return sorted(line.split()[-1] for line in listing.stdout.splitlines())


def check(build):
    build = pathlib.Path(build)
    plugins = source.files(build / "plugins", ".so")
    if not plugins:
        yield f"{build}/plugins: there is no plugin"
    for path in plugins:
        symbols = exported(path)
        if symbols != [ENTRY_POINT]:
            yield f"{path}: exports {', '.join(symbols) or 'nothing'}; expected {ENTRY_POINT} alone"
    if not (build / "spore").is_file():
        yield f"{build}/spore: it is not there"
        return
    ours = [symbol for symbol in exported(build / "spore") if "@" not in symbol]
    if ours:
        yield f"{build}/spore: exports {', '.join(ours)}; expected none"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--sanitize", default="")
    arguments = parser.parse_args()
    if arguments.sanitize:
        sys.exit(source.skip(f"the sanitizers ({arguments.sanitize}) export symbols of their own"))
    sys.exit(source.report(list(check(arguments.build)), "symbols"))
