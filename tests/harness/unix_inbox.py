"""A service on a unix socket, whose part the test plays."""

import socket

from .scale import seconds


class UnixInbox:
    """Hands every accepted socket to the test, like services.Inbox."""

    def __init__(self, path, backlog=128):
        self.path = str(path)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen(backlog)
        self.taken = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        for sock in self.taken:
            sock.close()

    def take(self, timeout=10.0):
        """The next connection."""
        self.listener.settimeout(seconds(timeout))
        sock, _ = self.listener.accept()
        sock.settimeout(seconds(10))
        self.taken.append(sock)
        return sock
