"""The manual pages of the build are well-formed.

usage: manual.py BUILD

mandoc's lint checks them. Its warning about empty paragraphs does not count: scdoc always writes
some, and readers ignore them.
"""

import pathlib
import re
import shutil
import subprocess
import sys

import source

HARMLESS = re.compile(r"skipping paragraph macro")


def check(pages):
    for page in pages:
        done = subprocess.run(
            ["mandoc", "-T", "lint", "-W", "warning", page], stdout=subprocess.PIPE, text=True
        )
        for line in done.stdout.splitlines():
            if not HARMLESS.search(line):
                yield line.replace(f"{page.parent}/", "")


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1]) / "man"
    made = sorted(folder.glob("*.[1-8]"))
    if not made:
        sys.exit(source.skip("there are no manual pages: scdoc was missing", fatal_in_ci=True))
    if not shutil.which("mandoc"):
        sys.exit(source.skip("there is no mandoc", fatal_in_ci=True))
    sys.exit(source.report(list(check(made)), "manual"))
