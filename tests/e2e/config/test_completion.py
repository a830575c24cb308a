"""Real shells complete command lines of spore with the scripts that the build has made."""

import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import time

import pytest

from harness.peers import spore_binary
from harness.process import clean_environment
from harness.scale import seconds

SCRIPTS = pathlib.Path(spore_binary()).parent / "completion"
PROMPT = "ready> "
# A function in place of the program shows the words of a completed line.
SHOW = "spore() { printf '<%s>' \"$@\"; echo; }\n"

# What is typed before the tabulator, and the words of the line after it.
LINES = [
    ("spore serv", ["server"]),
    ("spore ctl sta", ["ctl", "status"]),
    ("spore ctl log-level de", ["ctl", "log-level", "debug"]),
    ("spore ctl --socket here sta", ["ctl", "--socket", "here", "status"]),
    ("spore server --control-p", ["server", "--control-port"]),
    ("spore server --log-format js", ["server", "--log-format", "json"]),
    ("spore server --log-format=js", ["server", "--log-format=json"]),
    ("spore local --config conf", ["local", "--config", "config.json"]),
    ("spore local -c conf", ["local", "-c", "config.json"]),
    ("spore local 80 --retr", ["local", "80", "--retry"]),
    ("spore reference --role loc", ["reference", "--role", "local"]),
    ("spore plugin info some", ["plugin", "info", "some.so"]),
    ("spore plugin list --plugin-p", ["plugin", "list", "--plugin-path"]),
    ("spore plugin info --plugin-p", ["plugin", "info", "--plugin-p"]),
    ("spore completion fi", ["completion", "fish"]),
]


def demand(program, package, path=None):
    """Skips the test without the program or file; fails it if CI=true."""
    if path.exists() if path else shutil.which(program):
        return
    message = f"SKIPPED: NO {program}: install the package {package}"
    if os.environ.get("CI") == "true":
        pytest.fail(message + " (CI=true: it must be there)", pytrace=False)
    pytest.skip(message)


class Terminal:
    """A shell on a terminal of its own."""

    def __init__(self, argv, folder):
        self.output = ""
        environment = clean_environment({"TERM": "dumb", "HOME": str(folder), "PS1": PROMPT})
        main, side = pty.openpty()
        self.shell = subprocess.Popen(
            argv, stdin=side, stdout=side, stderr=side, cwd=folder, env=environment,
            start_new_session=True,
        )  # fmt: skip
        os.close(side)
        self.descriptor = main

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shell.kill()
        self.shell.wait()
        os.close(self.descriptor)

    def type(self, text):
        os.write(self.descriptor, text.encode())

    def wait_for(self, pattern):
        """The match; the output up to its end is dropped."""
        end = time.monotonic() + seconds(15)
        while not (found := re.search(pattern, self.output)):
            assert time.monotonic() < end, f"expected {pattern!r}, found {self.output!r}"
            if select.select([self.descriptor], [], [], 0.1)[0]:
                self.output += os.read(self.descriptor, 4096).decode(errors="replace")
        self.output = self.output[found.end() :]
        return found


def complete(terminal, typed):
    """The words of the line after a tabulator; a shell may wait for more, and rings if it finds
    nothing."""
    terminal.type(typed + "\t")
    terminal.wait_for(re.escape(typed.split()[-1][-2:]))
    terminal.type("\n")
    shown = terminal.wait_for(r"\r\n((?:<[^>\r\n]*>)+)\r?\n").group(1)
    terminal.wait_for(re.escape(PROMPT))
    return re.findall("<([^>]*)>", shown)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "some.so").write_text("")
    return tmp_path


def check(terminal):
    for typed, words in LINES:
        assert complete(terminal, typed) == words, typed


def test_bash(folder):
    """bash-completion loads the script from its folder when spore is completed first."""
    loader = pathlib.Path("/usr/share/bash-completion/bash_completion")
    demand("bash-completion", "bash-completion", loader)
    scripts = folder / "data/bash-completion/completions"
    scripts.mkdir(parents=True)
    shutil.copy(SCRIPTS / "bash", scripts / "spore")
    (folder / "rc").write_text(
        f"export XDG_DATA_HOME={folder}/data\n. {loader}\n{SHOW}PS1='{PROMPT}'\n"
        "bind 'set enable-bracketed-paste off'\nbind 'set bell-style none'\n"
    )
    with Terminal(["bash", "--rcfile", folder / "rc", "-i"], folder) as terminal:
        terminal.wait_for(re.escape(PROMPT))
        check(terminal)


def test_zsh(folder):
    demand("zsh", "zsh")
    (folder / "functions").mkdir()
    shutil.copy(SCRIPTS / "zsh", folder / "functions/_spore")
    (folder / ".zshrc").write_text(
        f"fpath=({folder}/functions $fpath)\nautoload -Uz compinit\ncompinit -u -D\n"
        f"{SHOW}PS1='{PROMPT}'\nunset zle_bracketed_paste\n"
        "unsetopt prompt_cr prompt_sp beep auto_list\n"
    )
    with Terminal(["zsh", "--no-globalrcs", "-i"], folder) as terminal:
        terminal.wait_for(re.escape(PROMPT))
        check(terminal)


def fish(folder, typed):
    """What the shell offers for the last word."""
    done = subprocess.run(
        ["fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]", SCRIPTS / "fish"]
        + [typed],
        capture_output=True, text=True, cwd=folder, env=clean_environment({"HOME": str(folder)}),
        timeout=seconds(30), check=False,
    )  # fmt: skip
    assert done.returncode == 0 and not done.stderr, done.stderr
    return [line.split("\t")[0] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("typed, words", LINES)
def test_fish(folder, typed, words):
    demand("fish", "fish")
    offered = fish(folder, typed)
    assert offered == ([words[-1]] if not typed.endswith(words[-1]) else [])


def test_everything_is_offered(folder):
    """Each subcommand and each flag that its help lists."""
    demand("fish", "fish")

    def help_of(*command):
        argv = [spore_binary(), *command, "--help"]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout

    commands = re.findall(r"^  ([a-z]+) ", help_of(), re.MULTILINE)
    assert sorted(fish(folder, "spore ")) == sorted(commands)
    for command in commands:
        flags = re.findall(r"^  (?:-\w,|   ) (--[a-z-]+)", help_of(command), re.MULTILINE)
        assert "--help" in flags
        assert sorted(fish(folder, f"spore {command} --")) == sorted(flags), command
