"""A service manager that keeps descriptors from one start of a service to the next."""

import os
import socket
import sys
import threading

# Gets the sockets and their names from the manager, then becomes the program of its arguments.
STARTER = """
import os, socket, sys
with socket.socket(socket.AF_UNIX) as manager:
    manager.connect(sys.argv[1])
    text, fds, _, _ = socket.recv_fds(manager, 65536, 250)
high = [os.dup2(fd, 300 + i) for i, fd in enumerate(fds)]
for fd in fds:
    os.close(fd)
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i, inheritable=True)
    os.close(fd)
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = str(len(high))
os.environ["LISTEN_FDNAMES"] = text.decode()
os.execvp(sys.argv[2], sys.argv[2:])
"""


class Store:
    """The manager's sockets, as a context manager; `control` is its socket at the control port.

    kept     lists of descriptors by their names
    dropped  the names that the service did not need any more
    """

    def __init__(self, folder, control):
        self.kept, self.dropped = {}, []
        self._control = socket.create_server(control, backlog=64)
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(folder / "notify"))
        self._start = socket.socket(socket.AF_UNIX)
        self._start.bind(str(folder / "start"))
        self._start.listen()
        self._threads = [
            threading.Thread(target=each, daemon=True) for each in (self._listen, self._pass_on)
        ]
        self.env = {"NOTIFY_SOCKET": str(folder / "notify")}
        self.within = [sys.executable, "-c", STARTER, str(folder / "start")]

    def __enter__(self):
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_):
        self.forget()
        for each in (self._control, self._notify, self._start):
            each.close()

    def forget(self):
        """As when the service is stopped for good."""
        while self.kept:
            self._close(self.kept.popitem()[1])

    @staticmethod
    def _close(fds):
        for fd in fds:
            os.close(fd)

    def _listen(self):
        while True:
            try:
                text, fds, _, _ = socket.recv_fds(self._notify, 4096, 1)
            except OSError:
                return
            lines = dict(line.split("=", 1) for line in text.decode().split("\n"))
            if lines.get("FDSTORE") == "1":
                self.kept.setdefault(lines["FDNAME"], []).extend(fds)
            elif lines.get("FDSTOREREMOVE") == "1":
                self.dropped.append(lines["FDNAME"])
                self._close(self.kept.pop(lines["FDNAME"], []))
            else:
                self._close(fds)  # of BARRIER=1

    def _pass_on(self):
        while True:
            try:
                starter, _ = self._start.accept()
            except OSError:
                return
            kept = [(name, fd) for name, fds in self.kept.items() for fd in fds]
            names = ["control", *(name for name, _ in kept)]
            fds = [self._control.fileno(), *(fd for _, fd in kept)]
            with starter:
                socket.send_fds(starter, [":".join(names).encode()], fds)
