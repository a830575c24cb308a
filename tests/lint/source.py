"""What the lints know about the tree and about C text."""

import os
import pathlib
import re

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = 77  # the exit status that CTest takes for a skip

_TOKEN = re.compile(
    r"""(?P<comment>//(?:[^\n\\]|\\.|\\\n)*|/\*.*?\*/)"""
    r"""|(?P<string>"(?:[^"\\\n]|\\.)*")"""
    r"""|(?P<character>'(?:[^'\\\n]|\\.)*')""",
    re.DOTALL | re.VERBOSE,
)
# What a build or a test run leaves behind; .gitignore names them.
_NOT_SOURCE = re.compile(r"\.git|build.*|__pycache__|\.pytest_cache")
_C_SUFFIXES = (".c", ".h", ".cc", ".cpp", ".hpp")
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]+)"|<([^>\n]+)>)', re.MULTILINE)


def files(folder, *suffixes):
    """Its files with these suffixes, sorted; none if the folder is not there."""
    return sorted(
        path
        for path in pathlib.Path(folder).rglob("*")
        if path.suffix in suffixes and path.is_file()
    )


def walk(root):
    """All files of a tree, in order, without links and without what a build leaves behind."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(each for each in folders if not _NOT_SOURCE.fullmatch(each))
        for name in sorted(names):
            path = pathlib.Path(folder, name)
            if not path.is_symlink():
                yield path


def language(path):
    """c (also for C++), python or shell, by the suffix or else by the first line; None: another."""
    if path.suffix:
        is_c = path.suffix in _C_SUFFIXES
        return "c" if is_c else {".py": "python", ".sh": "shell"}.get(path.suffix)
    with open(path, "rb") as file:
        first = file.readline(100)
    if not first.startswith(b"#!"):
        return None
    return "python" if b"python" in first else "shell" if first.rstrip().endswith(b"sh") else None


def read_code(path):
    """The text of a C file without its comments."""
    return without_comments(path.read_text(encoding="utf-8"))


def without_comments(text):
    """The same text with every comment blanked; line numbers stay."""
    return _TOKEN.sub(
        lambda found: re.sub(r"[^\n]", " ", found.group())
        if found.group("comment")
        else found.group(),
        text,
    )


def strings(text):
    """(line, content) of each string literal of a text without comments, includes left out."""
    code = _INCLUDE.sub("", text)
    return [
        (line_of(code, found.start()), found.group()[1:-1])
        for found in _TOKEN.finditer(code)
        if found.group("string")
    ]


def includes(text):
    """(line, path, is_quoted) of each include of a text without comments."""
    return [
        (line_of(text, found.start()), found.group(1) or found.group(2), found.group(1) is not None)
        for found in _INCLUDE.finditer(text)
    ]


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def report(violations, what):
    """Prints them and returns the exit status of the lint."""
    for violation in violations:
        print(violation)
    print(f"{what}: {len(violations)} violations" if violations else f"{what}: fine")
    return 1 if violations else 0


def skip(reason, fatal_in_ci=False):
    """Prints why a lint cannot run. Returns its exit status: a skip, or a fatal one in CI."""
    print(reason)
    if fatal_in_ci and os.environ.get("CI") == "true":
        print("CI=true: that is a failure")
        return 1
    return SKIPPED
