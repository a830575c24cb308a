"""No line of C, C++, Python or shell is wider than 100 columns, with tabs of eight.

usage: width.py [ROOT]

Exempt are lines with a URL, tables of C between "clang-format off" and "on", and Python statements
that end with "# fmt: skip".
"""

import io
import re
import sys
import tokenize

import source

MAX_WIDTH = 100
_OFF = re.compile(r"/\* clang-format off \*/.*?/\* clang-format on \*/", re.DOTALL)


def check(root):
    for path in source.walk(root):
        language = source.language(path)
        if language not in ("c", "python", "shell"):
            continue
        text = path.read_text(encoding="utf-8")
        exempt = _skipped_lines(text) if language == "python" else set()
        if language == "c":
            text = _OFF.sub(lambda table: "\n" * table.group().count("\n"), text)
        for number, line in enumerate(text.split("\n"), 1):
            width = len(line.expandtabs(8))
            if width > MAX_WIDTH and "://" not in line and number not in exempt:
                name = path.relative_to(root)
                yield f"{name}:{number}: {width} columns; expected at most {MAX_WIDTH}"


def _skipped_lines(text):
    """The numbers of the lines of all Python statements that black skips."""
    lines, first, skipped = set(), None, False
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if first is None and token.type not in (tokenize.NL, tokenize.COMMENT):
            first = token.start[0]
        skipped = (
            token.type == tokenize.COMMENT
            and token.string == "# fmt: skip"
            or (skipped and token.type == tokenize.NEWLINE)
        )
        if token.type == tokenize.NEWLINE:
            if skipped:
                lines.update(range(first, token.end[0] + 1))
            first, skipped = None, False
    return lines


if __name__ == "__main__":
    sys.exit(
        source.report(list(check(sys.argv[1] if len(sys.argv) > 1 else source.REPOSITORY)), "width")
    )
