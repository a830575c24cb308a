"""A service on a unix socket, whose part the test plays."""

import socket

from .services import Inbox


class UnixInbox(Inbox):
    """Hands every accepted socket to the test."""

    def __init__(self, path, backlog=128):
        self.path = str(path)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen(backlog)
        self.taken = []
