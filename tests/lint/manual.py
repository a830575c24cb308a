"""The manual pages of the build are well-formed, and fit a terminal of 80 columns.

usage: manual.py BUILD

mandoc's lint checks them. Its warning about empty paragraphs does not count: scdoc always writes
some, and readers ignore them. A line that is a single word may be longer.
"""

import pathlib
import re
import shutil
import subprocess
import sys

import source

COLUMNS = 80
HARMLESS = re.compile(r"skipping paragraph macro")


def check(pages):
    for page in pages:
        done = subprocess.run(
            ["mandoc", "-T", "lint", "-W", "warning", page], stdout=subprocess.PIPE, text=True
        )
        for line in done.stdout.splitlines():
            if not HARMLESS.search(line):
                yield line.replace(f"{page.parent}/", "")
        yield from too_wide(page)


def too_wide(page):
    """mandoc prints a bold letter as the letter, a backspace, and the letter."""
    command = ["mandoc", "-T", "utf8", "-O", f"width={COLUMNS - 2}", page]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    for line in re.sub(".\\x08", "", done.stdout).splitlines():
        if len(line) > COLUMNS and len(line.split()) > 1:
            yield f"{page.name}: expected at most {COLUMNS} columns: {line.strip()}"


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1]) / "man"
    made = sorted(folder.glob("*.[1-8]"))
    if not made:
        sys.exit(source.skip("there are no manual pages: scdoc was missing", fatal_in_ci=True))
    if not shutil.which("mandoc"):
        sys.exit(source.skip("there is no mandoc", fatal_in_ci=True))
    sys.exit(source.report(list(check(made)), "manual"))
