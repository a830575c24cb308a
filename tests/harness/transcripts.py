"""Tables of commands and their expected output, as text that looks like a terminal.

    ==== a title, which names the test
    {"a": "file, if the command has one"}
    $ VARIABLE=value spore server --config FILE
    what it prints on standard error
    [the exit status]

Lines before the first title, and those that begin with "----", are remarks. If a title begins with
"bytes: ", its file contains Python's escapes (\\xff, \\n). Words in capitals stand for paths of the
test run: FILE is the file. DIR is its folder, where the command runs; good.key there holds a
secret, empty.key is empty, wrong.keys is a file of public keys with mistakes, locked.key is an
encrypted private key, gcm.key is one in OpenSSH's form whose cipher is AES-GCM, users is a file of
passwords of alice and bob, wrong.users is one with mistakes, and wrong.policy is a file of policies
with mistakes. PLUGINS is the folder of Spore's plugins, SEARCHED is that folder and the one where
they would be installed, TESTED is the folder of the tests' plugins. Secrets in a table begin with
"hunter".
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
WRONG_KEYS = """\
# a comment
no-pty ssh-ed25519 AAAA alice
life="0" ssh-ed25519 AAAA bob
ssh-rsa AAAA carol
ssh-ed25519 AAAA dan
-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
-----END OPENSSH PRIVATE KEY-----
"""
USERS = """\
alice:$2y$04$aK0rSKnXZxr5If.QLMU66eJpur3BSF2UcSoHfC6Uey5xeTlGtkYLK
bob:$2y$04$aK0rSKnXZxr5If.QLMU66eJpur3BSF2UcSoHfC6Uey5xeTlGtkYLK
"""
WRONG_USERS = """\
# a comment
alice:hunter2
bob:$apr1$VGP.1Zgn$QYloIbU0kOl/tP9UHuOH//
carol
dan:$2y$31$aK0rSKnXZxr5If.QLMU66eJpur3BSF2UcSoHfC6Uey5xeTlGtkYLK
eve:$2y$04$aK0rSKnXZxr5If.QLMU66eJpur3BSF2UcSoHfC6Uey5xeTlGtkYLK
eve:$2y$04$aK0rSKnXZxr5If
"""
WRONG_POLICY = '{"alice": {"ports": "0", "max_tunels": 5}, "bob": {"life": "long"}}'
LOCKED_KEY = """\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAj6nntaN0Bp7wICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEED3jOsOxrVVoR88Z459JcPoEQDQ8
BR6jzNKfXUQvuQ5SCoZP7/kqids84rdmTR3NJMlrB8sctaRn4uRw1heHJ+YPByRn
K7q0VITLoffrICF/HGM=
-----END ENCRYPTED PRIVATE KEY-----
"""
GCM_KEY = """\
-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAAFmFlczI1Ni1nY21Ab3BlbnNzaC5jb20AAAAGYmNyeXB0AA
AAGAAAABBFZ44T7BuRTRgx1IJZBq4NAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAA
IAuKLcCvpwj0bgLWAEew9xfUABGaiRTCZ1HqGh/V97JWAAAAkH6GcPIL47a3PcaHsrpHG+
tE26jzTmurO3ZP3MCLn8SMG5sW8E4IyyjCSx0J90/Itr4K+kLmgnLLF7fD32fH/3zs2C1q
3yzB9kPTA751ji5fup5ITmbMyGBqwYQnqJ2hVjD9kEtzm3HVuEBt6yOQgjtwYO63zYBnkZ
ngxW06J1FCx5F5PcfFEltiHWHBxe+ga8VOGzYhkjj39kHtjwKEzfs=
-----END OPENSSH PRIVATE KEY-----
"""
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
        "wrong.keys": WRONG_KEYS,
        "locked.key": LOCKED_KEY,
        "gcm.key": GCM_KEY,
        "users": USERS,
        "wrong.users": WRONG_USERS,
        "wrong.policy": WRONG_POLICY,
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
