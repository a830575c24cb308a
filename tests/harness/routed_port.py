"""A server with a public port that several tunnels share, and the clients of these tunnels."""

import contextlib
import json
import signal
import ssl
import threading

from .metrics import Exporter
from .peers import configured_server, spore_client
from .scale import count
from .services import Greeter
from .sockets import connect, end_writing, read_to_end

SECRETS = {"alice": "a-secret", "bob": "b-secret"}
POLICY = {"alice": {"hosts": ["*.alice.example"]}, "bob": {"hosts": ["bob.example"]}}


def request(host):
    return f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


def client_hello(host):
    """The first message of TLS, which wants this host."""
    sent = ssl.MemoryBIO()
    context = ssl.create_default_context()
    tls = context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname=host)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return sent.read()
    raise AssertionError("a handshake without a server")


class Teller(Greeter):
    """Sends its name and the first bytes that it has got."""

    def serve(self, sock):
        sock.sendall(self.greeting + b" " + sock.recv(65536))
        end_writing(sock)
        while sock.recv(65536):
            pass


class Visits:
    """New visitors of each host, one every so many seconds. Leaving the context shows that the
    tunnel of its host has served each. hosts: the name of the service of each."""

    def __init__(self, where, hosts, first, wrap=contextlib.nullcontext, every=0.01):
        self._where, self._hosts, self._first = where, hosts, first
        self._wrap, self._every = wrap, every
        self._over, self._threads, self._failures = threading.Event(), [], []
        self._thread = threading.Thread(target=self._run)

    def _visit(self, host, name):
        try:
            with connect(*self._where, timeout=30) as sock, self._wrap(sock) as visitor:
                visitor.sendall(self._first(host))
                assert read_to_end(visitor) == name + b" " + self._first(host)
        except (OSError, AssertionError) as failure:
            self._failures.append(repr(failure))

    def _run(self):
        while not self._over.wait(self._every):
            for pair in self._hosts.items():
                self._threads.append(threading.Thread(target=self._visit, args=pair))
                self._threads[-1].start()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, exception_type, *_):
        self._over.set()
        for each in [self._thread, *self._threads]:
            each.join()
        if exception_type is None:
            assert not self._failures, f"{len(self._failures)} of {len(self._threads)}"
            assert len(self._threads) > count(20)


class RoutedPort:
    """A server whose only entry of "public" is the routed port `port`. Other sections may be given;
    `stack` ends all processes."""

    def __init__(self, address, folder, stack, entry, policy=None, **sections):
        self.port, self.folder, self.stack = address.free_port(), folder, stack
        self.host = address.host
        self.exporter = Exporter(address.host, address.free_port())
        listen = f"{self.exporter.host}:{self.exporter.port}"
        self.server = stack.enter_context(
            configured_server(
                address,
                folder,
                auth=[
                    {"use": "multi_secret", "secrets": SECRETS, "policy": policy or POLICY},
                ],
                public=[{"name": "web", "listen_port": self.port, **entry}],
                metrics=[{"use": "prometheus", "listen": listen}],
                **sections,
            )
        )

    def client(self, name, host, service=None, local=None, listening=True, **tunnel):
        """A client of this name, whose tunnel has this host name. It leads to `service`, to the
        place `local`, or to a Teller of the client's name."""
        if local is None:
            service = service or self.stack.enter_context(Teller(name.encode()))
            local = f"{service.host}:{service.port}"
        config = {
            "auth": [{"use": "hmac", "secret": SECRETS[name]}],
            "tunnels": [{"local": local, "hosts": [host], **tunnel}],
        }
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        path.chmod(0o600)
        return self.stack.enter_context(
            spore_client(self.server.control, None, extra=["--config", path], listening=listening)
        )

    def reload(self, result=r"configuration reloaded", times=1, policy=None, **changes):
        """Changes the entry of the routed port, and the policy if it is given, and waits until the
        server has the change."""
        path = self.folder / f"server{self.server.control[1]}.json"
        config = json.loads(path.read_text(encoding="utf-8"))
        config["public"][0].update(changes)
        if policy:
            config["auth"][0]["policy"] = policy
        path.write_text(json.dumps(config), encoding="utf-8")
        self.server.process.signal(signal.SIGHUP)
        self.server.process.wait_for(result, times=times)

    def connect(self, port=None):
        return self.stack.enter_context(connect(self.host, port or self.port))

    def ask(self, host, port=None, at=None):
        """What a request for this host is answered with. at: an address of the server."""
        with connect(at or self.host, port or self.port) as visitor:
            visitor.sendall(request(host))
            return read_to_end(visitor)

    def refuses(self, port=None):
        """Is the port closed?"""
        try:
            connect(self.host, port or self.port).close()
        except ConnectionRefusedError:
            return True
        return False

    def refused(self, reason):
        return self.exporter.value("spore_refusals_total", at="public", reason=reason)
