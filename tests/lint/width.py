"""No line of C, C++, Python or shell is wider than 100 columns, with tabs of eight.

usage: width.py [ROOT]

Exempt are lines with a URL, tables of C between "clang-format off" and "on", and Python statements
that end with "# fmt: skip".
"""

import re
import sys

import source

MAX_WIDTH = 100
_OFF = re.compile(r"/\* clang-format off \*/.*?/\* clang-format on \*/", re.DOTALL)


def check(root):
    for path in source.walk(root):
        language = source.language(path)
        if language not in ("c", "python", "shell"):
            continue
        text = path.read_text(encoding="utf-8")
        if language == "c":
            text = _OFF.sub(lambda table: "\n" * table.group().count("\n"), text)
        for number, line in enumerate(text.split("\n"), 1):
            width = len(line.expandtabs(8))
            if width > MAX_WIDTH and not _is_exempt(line, language):
                name = path.relative_to(root)
                yield f"{name}:{number}: {width} columns; expected at most {MAX_WIDTH}"


def _is_exempt(line, language):
    return "://" in line or (language == "python" and line.endswith("# fmt: skip"))


if __name__ == "__main__":
    sys.exit(
        source.report(list(check(sys.argv[1] if len(sys.argv) > 1 else source.REPOSITORY)), "width")
    )
