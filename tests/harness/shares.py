"""Clients that share a public port, their services, and visitors who count how they end."""

import contextlib
import json
import socket
import threading

from .admin import Admin
from .peers import Client, configured_server, spore_binary
from .process import Process
from .sockets import connect, read_exactly
from .waiting import wait_until

SECRET = "s3cret"


class Named:
    """A service that says its name to each connection, then sends back what it reads."""

    def __init__(self, name, path):
        self.local = f"unix:{path}"
        self._name, self._path = name, path
        self.open = 0
        self._listeners = []

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        for listener in self._listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def start(self):
        """Also after stop()."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self._path))
        listener.listen(512)
        self._listeners.append(listener)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        self.open += 1
        with sock, contextlib.suppress(OSError):
            sock.sendall(self._name.encode())
            while data := sock.recv(65536):
                sock.sendall(data)
        self.open -= 1

    def stop(self):
        """Nobody can connect from now on. Nothing happens to connections that stand already, also
        to those that wait in the kernel's queue."""
        self._path.unlink()


@contextlib.contextmanager
def named_services(folder, names):
    """Running services by their names."""
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(Named(name, folder / f"{name}.service")) for name in names}


@contextlib.contextmanager
def sharing_server(address, folder, share=True, **sections):
    """A server with a port for clients that share it; `options` are more of "server"."""
    port = address.free_port()
    auth = sections.pop("auth", [{"use": "hmac", "secret": SECRET}])
    options = {"control_port": address.free_port(), **sections.pop("options", {})}
    with configured_server(
        address,
        folder,
        control_port=options.pop("control_port"),
        server={"share": share, "workers": 3, **options},
        auth=auth,
        **sections,
    ) as server:
        server.secret = SECRET
        server.port = port
        yield server


def start(server, folder, service, name, by="load", listening=True, **keys):
    """A client with its admin socket, which shares the port of the server."""
    path = folder / f"{name}.json"
    tunnel = {
        "name": name,
        "local": getattr(service, "local", service),
        "port": server.port,
        "share": True,
        "share_by": by,
    }
    tunnel.update(keys.pop("tunnel", {}))
    config = {
        "client": {"to": server.control[0], "control_port": server.control[1], "workers": 2},
        "tunnels": [tunnel],
        "auth": [{"use": "hmac", "secret": server.secret}],
        **keys,
    }
    path.write_text(json.dumps(config))
    admin = Admin(folder / f"{name}.sock")
    process = Process(
        [spore_binary(), "local", "--config", str(path), *admin.flags], name=f"client {name}"
    )
    client = Client("spore", process)
    client.admin = admin
    if listening:
        try:
            client.wait_listening()
        except BaseException:
            process.close()
            raise
    return client


class Load:
    """Visitors one after another on several threads; counts how each of them ended."""

    def __init__(self, host, port, threads=8, wrap=contextlib.nullcontext):
        """wrap: of the connected socket, a context manager that gives what to send on."""
        self.host, self.port, self.wrap = host, port, wrap
        self.served = {}
        self.failures = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def count(self):
        with self._lock:
            return sum(self.served.values())

    def _run(self):
        while not self._stop.is_set():
            name = ""
            try:
                with connect(self.host, self.port) as sock, self.wrap(sock) as visitor:
                    name = read_exactly(visitor, 1).decode()
                    visitor.sendall(b"x" * 2000)
                    assert read_exactly(visitor, 2000) == b"x" * 2000
            except (OSError, AssertionError, EOFError) as failure:
                with self._lock:
                    self.failures.append((name, repr(failure)))
                continue
            with self._lock:
                self.served[name] = self.served.get(name, 0) + 1

    def go_on(self, number=150):
        """Waits for so many more visitors."""
        before = self.count()
        wait_until(lambda: self.count() >= before + number, "more visitors", timeout=20)


def visit(server, host=None):
    """The name of the service that a visitor gets."""
    with connect(host or server.public_host, server.port) as visitor:
        return read_exactly(visitor, 1).decode()
