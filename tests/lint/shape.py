"""Folders and functions are small, and modules have unit tests.

usage: shape.py [ROOT]

- A folder of core/, plugins/, tests/unit/ and tests/e2e/ holds at most 25 files.
- A function of core/ and plugins/ has at most 50 lines between its braces. clang-format puts these
  into the first column.
- Each module core/FOLDER/NAME.c has a unit test, tests/unit/FOLDER/test_NAME.c.
"""

import pathlib
import sys

import source

MAX_FILES = 25
MAX_LINES = 50


def check(root):
    root = pathlib.Path(root)
    for name in ("core", "plugins", "tests/unit", "tests/e2e"):
        yield from _folders(root, root / name)
    for name in ("core", "plugins"):
        yield from _functions(root, root / name)
    yield from _unit_tests(root)


def _folders(root, top):
    counts = {}
    for path in source.walk(top):
        counts[path.parent] = counts.get(path.parent, 0) + 1
    for folder, count in sorted(counts.items()):
        if count > MAX_FILES:
            yield f"{folder.relative_to(root)}: {count} files; expected at most {MAX_FILES}"


def _functions(root, top):
    for path in source.files(top, ".c", ".h", ".cc", ".cpp"):
        begin = None
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line == "{":
                begin = number
            elif line == "}" and begin:
                length = number - begin - 1
                if length > MAX_LINES:
                    where = f"{path.relative_to(root)}:{begin}"
                    yield f"{where}: a function of {length} lines; expected at most {MAX_LINES}"
                begin = None


def _unit_tests(root):
    for path in source.files(root / "core", ".c"):
        folder = path.parent.relative_to(root / "core")
        test = root / "tests" / "unit" / folder / f"test_{path.name}"
        if folder.parts and not test.is_file():
            yield f"{path.relative_to(root)}: has no unit test {test.relative_to(root)}"


if __name__ == "__main__":
    sys.exit(
        source.report(list(check(sys.argv[1] if len(sys.argv) > 1 else source.REPOSITORY)), "shape")
    )
