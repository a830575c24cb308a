"""A server whose process is replaced again and again by `spore ctl upgrade`."""

import contextlib
import json
import os
import pathlib
import re
import signal

from .admin import Admin
from .peers import spore_binary
from .process import Process
from .procfs import runs
from .waiting import wait_until

OWN_VERSION = re.compile(rb"(?<![\d.])0\.1\.0(?![\d.])")
OTHER_VERSION = "0.1.9"

# Programs that are to take the place of a server and fail. Their check is good.
FAKE = """#!{python}
import json, os, socket, sys, time
channel = socket.socket(fileno=3)
def say(**what):
    channel.send(json.dumps(what).encode())
def hear(key):
    while key not in json.loads(socket.recv_fds(channel, 8192, 1)[0]):
        pass
say(protocol=1, version="0.0.1", visitors=True)
if "--check" in sys.argv:
    sys.exit(0)
hear("load")
{script}
"""


def change_version(path):
    """Gives the program of this file another version number."""
    code, n = OWN_VERSION.subn(OTHER_VERSION.encode(), path.read_bytes())
    assert n > 0, "the version number is not in the program"
    path.write_bytes(code)


def other_build(folder):
    """The program under test with another version number."""
    path = pathlib.Path(folder) / "spore"
    path.write_bytes(pathlib.Path(spore_binary()).read_bytes())
    path.chmod(0o755)
    change_version(path)
    return str(path)


def fake_program(folder, script):
    """A program that does this once it has got the listening sockets."""
    path = pathlib.Path(folder) / "fake"
    path.write_text(FAKE.format(python=os.path.realpath("/usr/bin/python3"), script=script))
    path.chmod(0o755)
    return str(path)


class Upgrades:
    """The server, a context manager.

    control, public_host, secret   as of peers.Server
    pids                           of all its processes so far; the last one serves
    """

    secret = None

    def __init__(
        self, folder, address, server=None, env=None, within=(), control_port=None, **sections
    ):
        folder = pathlib.Path(folder)
        self.admin = Admin(folder / "admin.sock")
        self.public_host = address.host
        self.control = (address.host, control_port or address.free_port())
        self.path = folder / "server.json"
        self.pids = []
        self._env, self._within = env, within
        config = {
            "server": {
                "bind_addr": address.host,
                "control_port": self.control[1],
                "drain_timeout": "60s",
                **(server or {}),
            },
            "admin": {"socket": self.admin.path},
            "plugins": {"path": [str(pathlib.Path(spore_binary()).parent / "plugins")]},
            **sections,
        }
        self.path.write_text(json.dumps(config))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        for pid in self.pids[1:]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.close()

    def start(self):
        self.process = Process(
            [spore_binary(), "server", "--config", self.path], env=self._env, within=self._within
        )
        self.pids.append(self.process.pid)
        self.process.wait_for("server listening")

    @property
    def pid(self):
        return self.pids[-1]

    def upgrade(self, program=None):
        """Returns what `spore ctl upgrade` says."""
        words = ["--json", "upgrade", *([program] if program else [])]
        answer = json.loads(self.admin.ctl(*words))
        self.pids.append(answer["pid"])
        return answer

    def upgrade_in_vain(self, program):
        """Returns the error."""
        before = self.admin.ask("status")["pid"]
        error = self.admin.ctl("upgrade", program, status=1)
        assert self.admin.ask("status")["pid"] == before == self.pid
        return error

    def await_end(self, pid):
        wait_until(lambda: not runs(pid), f"the end of the process {pid}", timeout=20)
