"""Real proxies on a client's way to its server, and a faulty one."""

import contextlib
import threading

from .peers import installed_program
from .process import Process
from .sockets import connect, listen
from .waiting import wait_until


def _accepts(host, port):
    try:
        connect(host, port).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _running(argv, name, host, port):
    with Process(argv, name=name) as process:
        wait_until(lambda: _accepts(host, port), f"{name} to listen")
        process.place = f"{host}:{port}"
        yield process


def http_proxy(address, folder, user=None, password=None, ports=()):
    """tinyproxy, which allows CONNECT to these ports, or to all. Its log is its output."""
    program = installed_program("tinyproxy", "tinyproxy")
    port = address.free_port()
    lines = [f"Port {port}", f"Listen {address.host}", "Timeout 60", "LogLevel Connect"]
    lines += [f"BasicAuth {user} {password}"] if user else []
    lines += [f"ConnectPort {allowed}" for allowed in ports]
    path = folder / "tinyproxy.conf"
    path.write_text("\n".join(lines) + "\n")
    return _running([program, "-d", "-c", path], "tinyproxy", address.host, port)


def socks_proxy(address, user=None, password=None):
    """microsocks. It logs each connection."""
    program = installed_program("microsocks", "microsocks")
    port = address.free_port()
    argv = [program, "-i", address.host, "-p", port]
    argv += ["-u", user, "-P", password] if user else []
    return _running(argv, "microsocks", address.host, port)


class FaultyProxy:
    """Reads what a client sends first, and answers each connection with `reply`.

    `reply` is bytes, or a function that gets the socket. asked: what the clients have sent.
    """

    def __init__(self, host, reply):
        self.listener = listen(host)
        self.host, self.port = self.listener.getsockname()[:2]
        self.place = f"{self.host}:{self.port}"
        self.reply = reply
        self.asked = []
        self.socks = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.listener.close()
        for sock in self.socks:
            sock.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                self.socks.append(sock)
                threading.Thread(target=self._answer, args=(sock,), daemon=True).start()

    def _answer(self, sock):
        with contextlib.suppress(OSError):
            self.asked.append(sock.recv(4096))
            if callable(self.reply):
                self.reply(sock)
            else:
                sock.sendall(self.reply)
