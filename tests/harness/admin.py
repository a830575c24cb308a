"""Access to a server's admin socket, directly and through `spore ctl`."""

import json
import os
import socket

from .peers import spore_binary
from .process import run
from .scale import seconds


class Admin:
    """The admin socket at a path; `flags` make a server create it there."""

    def __init__(self, path):
        self.path = str(path)
        self.flags = ["--admin-socket", self.path]

    def connect(self):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(seconds(15))
        sock.connect(self.path)
        return sock

    def say(self, line):
        """The whole answer to these bytes; a reset after it is not an error."""
        with self.connect() as sock:
            sock.sendall(line)
            return read_all(sock)

    def ask(self, *words):
        return json.loads(self.say((" ".join(map(str, words)) + "\n").encode()))

    def ctl(self, *words, status=0):
        """Runs `spore ctl`; returns its standard output, or its standard error if it must fail."""
        process = run([spore_binary(), "ctl", "--socket", self.path, *words], timeout=40)
        assert process.status == status, process.log()
        return "\n".join(process.stdout if status == 0 else process.stderr)

    def is_there(self):
        return os.path.lexists(self.path)


def read_all(sock):
    parts = []
    try:
        while part := sock.recv(1 << 20):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)
