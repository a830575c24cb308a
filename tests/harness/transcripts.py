"""Tables of commands and their expected output, as text that looks like a terminal.

    ==== a title, which names the test
    {"a": "file, if the command has one"}
    $ VARIABLE=value spore server --config FILE
    what it prints on standard error
    [the exit status]

Lines before the first title, and those that begin with "----", are remarks. If a title begins with
"bytes: ", its file contains Python's escapes (\\xff, \\n). Words in capitals stand for paths of the
test run: FILE is the file. DIR is its folder, where the command runs; good.key there holds a secret
and empty.key is empty. PLUGINS is the folder of Spore's plugins, SEARCHED is that folder and the
one where they would be installed, TESTED is the folder of the tests' plugins. Secrets in a table
begin with "hunter".
"""

import dataclasses
import pathlib
import re
import shlex

from .peers import spore_binary
from .process import run

_CASE = re.compile(
    r"(?P<file>.*?)^\$ (?P<command>[^\n]*)\n(?P<said>.*?)^\[(?P<status>\d+)\]\n",
    re.MULTILINE | re.DOTALL,
)
_VARIABLE = re.compile(r"([A-Z_]+)=(.*)", re.DOTALL)


@dataclasses.dataclass
class Transcript:
    title: str
    file: bytes  # content; empty if there is no file
    words: list  # the command line, beginning with the program
    variables: dict
    said: str
    status: int

    def __str__(self):
        return self.title


def read(path):
    """All transcripts of a table."""
    text = re.sub(r"^---- .*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    parts = re.split(r"^==== (.*)\n", text, flags=re.MULTILINE)[1:]
    return [_parse(title, body) for title, body in zip(parts[::2], parts[1::2])]


def _parse(title, body):
    found = _CASE.fullmatch(body.rstrip("\n") + "\n")
    assert found, f"{title}: not a transcript"
    words = shlex.split(found["command"])
    variables = {}
    while matched := _VARIABLE.fullmatch(words[0]):
        variables[matched[1]] = matched[2]
        words.pop(0)
    file = found["file"].encode()
    if title.startswith("bytes: "):
        file = found["file"].rstrip("\n").encode().decode("unicode_escape").encode("latin-1")
    return Transcript(title, file, words, variables, found["said"], int(found["status"]))


def check(case, folder):
    """Runs the command in the folder and compares its whole output."""
    build = pathlib.Path(spore_binary()).parent
    names = {"FILE": folder / "spore.json", "DIR": folder, "TESTED": build / "test-plugins"}
    for name, content in {
        "spore.json": _fill(case.file, names),
        "good.key": "hunter2\n",
        "empty.key": "",
    }.items():
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(0o600)
    words = [_fill(word, names) for word in case.words]
    variables = {name: _fill(value, names) for name, value in case.variables.items()}
    process = run([spore_binary(), *words[1:]], env=variables, cwd=folder)
    said = "".join(line + "\n" for line in process.stderr)
    said = re.sub(re.escape(f"{build}/plugins, ") + r"[^ ,]*/plugins", "SEARCHED", said)
    for name, meaning in [*names.items(), ("PLUGINS", build / "plugins")]:
        said = said.replace(str(meaning), name)
    assert said == case.said
    assert process.status == case.status
    assert process.stdout == []
    assert "hunter" not in said, "the output shows a secret"


def _fill(text, names):
    """Replaces each name that is a whole word by its meaning."""
    if isinstance(text, bytes):
        return _fill(text.decode("latin-1"), names).encode("latin-1")
    return re.sub(r"(?<![\w-])[A-Z]+(?!\w)", lambda found: str(names.get(found[0], found[0])), text)
