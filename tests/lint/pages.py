"""The generated parts of the pages are what this build's spore prints.

usage: pages.py BUILD --cmake COMMAND [--root FOLDER]

Every plugin has a page, and that page has the plugin's options. `cmake --build BUILD --target
pages` renews all pages.
"""

import argparse
import difflib
import pathlib
import subprocess
import sys
import tempfile

import source

FILL = source.REPOSITORY / "conf" / "fill.cmake"
MARK = "<!-- spore "


def plugin_folders(root):
    """The folders of plugins; others hold what plugins share."""
    return [
        folder
        for folder in sorted(root.glob("plugins/*"))
        if (folder / f"{folder.name}.c").is_file()
    ]


def pages(root):
    """Every page that has a generated part."""
    found = [*sorted(root.glob("conf/*.md")), *sorted(root.glob("plugins/*/README.md"))]
    return [page for page in found if MARK in page.read_text(encoding="utf-8")]


def check(cmake, build, root):
    for folder in plugin_folders(root):
        yield from _check_plugin(folder)
    found = pages(root)
    if not found:
        yield f"{root}: no page has a generated part"
    for page in found:
        yield from _check_page(cmake, build, page, page.relative_to(root))


def _check_plugin(folder):
    page = folder / "README.md"
    mark = f"{MARK}reference --plugin {folder.name} -->"
    if not page.is_file():
        yield f"plugins/{folder.name}: has no README.md"
    elif mark not in page.read_text(encoding="utf-8"):
        yield f"plugins/{folder.name}/README.md: lacks {mark}"


def _check_page(cmake, build, page, name):
    """The lines in which it differs from what would be generated."""
    there = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="spore pages ") as folder:
        made = pathlib.Path(folder, "page.md")
        spore = pathlib.Path(build, "spore").resolve()
        subprocess.run(
            [cmake, f"-DSPORE={spore}", f"-DFROM={page}", f"-DTO={made}", "-P", FILL], check=True
        )
        wanted = made.read_text(encoding="utf-8")
    for line in difflib.unified_diff(there.splitlines(), wanted.splitlines(), n=0, lineterm=""):
        if line[0] in "+-" and not line.startswith(("+++", "---")):
            yield f"{name}: {'lacks' if line[0] == '+' else 'has'}: {line[1:]}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--cmake", default="cmake")
    parser.add_argument("--root", type=pathlib.Path, default=source.REPOSITORY)
    arguments = parser.parse_args()
    sys.exit(source.report(list(check(arguments.cmake, arguments.build, arguments.root)), "pages"))
