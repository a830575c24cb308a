"""The README's reference is what this build's spore prints.

usage: readme.py BUILD --cmake COMMAND [--readme FILE]

`cmake --build BUILD --target readme` renews it.
"""

import argparse
import difflib
import pathlib
import subprocess
import sys
import tempfile

import source

FILL = source.REPOSITORY / "conf" / "fill.cmake"


def check(cmake, build, readme):
    """The lines in which it differs."""
    there = readme.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="spore readme ") as folder:
        made = pathlib.Path(folder, "README.md")
        spore = pathlib.Path(build, "spore").resolve()
        subprocess.run(
            [cmake, f"-DSPORE={spore}", f"-DFROM={readme}", f"-DTO={made}", "-P", FILL], check=True
        )
        wanted = made.read_text(encoding="utf-8")
    if "<!-- spore reference" not in there:
        yield f"{readme.name}: there is no reference in it"
    for line in difflib.unified_diff(there.splitlines(), wanted.splitlines(), n=0, lineterm=""):
        if line[0] in "+-" and not line.startswith(("+++", "---")):
            yield f"{readme.name}: {'lacks' if line[0] == '+' else 'has'}: {line[1:]}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--cmake", default="cmake")
    parser.add_argument("--readme", type=pathlib.Path, default=source.REPOSITORY / "README.md")
    arguments = parser.parse_args()
    sys.exit(
        source.report(list(check(arguments.cmake, arguments.build, arguments.readme)), "readme")
    )
