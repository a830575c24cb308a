"""Three real bore clients with different secrets: each gets what the policy of its name allows."""

import contextlib
import re
import signal
import socket
import threading

import pytest

from harness import peers
from harness.loopback import BORE_CONTROL_PORT
from harness.scale import seconds
from harness.services import Echo
from harness.sockets import connect, end_writing, how_it_ends, listen, read_exactly, read_to_end
from harness.visitors import one_exchange
from harness.waiting import wait_until
from harness.wire import Wire

SECRETS = {"alice": "correct horse", "bob": "battery,staple", "ci": "caf\u00e9 \u2603"}


@pytest.fixture(autouse=True)
def bore_is_there():
    """Skips the test without bore, or fails if CI=true."""
    peers.bore_binary()


@pytest.fixture
def ports(address):
    """A port for each name."""
    return {name: address.free_port() for name in SECRETS}


@pytest.fixture
def serve(address, tmp_path, ports):
    """Starts the server, by default on bore's control port."""

    def start(control_port=BORE_CONTROL_PORT, **bounds):
        policy = {
            name: {"ports": f"{port},{port + 10000}", **bounds} for name, port in ports.items()
        }
        auth = [{"use": "multi_secret", "secrets": SECRETS, "policy": policy}]
        return peers.configured_server(address, tmp_path, control_port=control_port, auth=auth)

    return start


def refused(server, name, **options):
    """The output of a bore client that must end by itself."""
    with peers.bore_client(
        server.control, 9, secret=SECRETS[name], listening=False, **options
    ) as client:
        assert client.wait() != 0
    assert not any("listening at" in line for line in client.process.lines)
    return "\n".join(client.process.lines)


def test_each_is_served_under_its_name(serve, ports):
    with contextlib.ExitStack() as stack:
        server, service = stack.enter_context(serve()), stack.enter_context(Echo())
        clients = {
            name: stack.enter_context(
                peers.bore_client(
                    server.control, service.port, secret=SECRETS[name], port=ports[name]
                )
            )
            for name in SECRETS
        }
        for name, client in clients.items():
            assert client.port == ports[name]
            server.process.wait_for(rf"new client .*port={client.port} identity={name} ")
            for index in range(3):
                data = f"{name} {index}".encode()
                assert one_exchange(server.public_host, client.port, data) == data


def test_the_servers_choice_is_one_of_theirs(serve, ports):
    with serve() as server, Echo() as service:
        for name in SECRETS:
            with peers.bore_client(server.control, service.port, secret=SECRETS[name]) as client:
                assert client.port in (ports[name], ports[name] + 10000)


def test_the_ports_of_others(serve, ports):
    with serve() as server:
        for name in SECRETS:
            for other in SECRETS.keys() - {name}:
                assert "client port number not in allowed range" in refused(
                    server, name, port=ports[other]
                )


@pytest.mark.parametrize("secret", ["battery", "staple", "Correct horse", "cafe"])
def test_secrets_of_nobody(serve, secret):
    with serve() as server, peers.bore_client(
        server.control, 9, secret=secret, listening=False
    ) as client:
        assert client.wait() != 0
        assert any("invalid secret" in line for line in client.process.lines)


def test_one_tunnel_too_many(serve):
    with contextlib.ExitStack() as stack:
        server, service = stack.enter_context(serve(max_tunnels=1)), stack.enter_context(Echo())
        for name in SECRETS:
            stack.enter_context(
                peers.bore_client(server.control, service.port, secret=SECRETS[name])
            )
        for name in SECRETS:
            assert "too many tunnels" in refused(server, name)


def test_one_visitor_too_many(serve):
    with serve(max_conns=2) as server, Echo() as service:
        with peers.bore_client(server.control, service.port, secret=SECRETS["bob"]) as client:
            with contextlib.ExitStack() as stack:
                for _ in range(2):
                    visitor = stack.enter_context(connect(server.public_host, client.port))
                    visitor.sendall(b"ping")
                    assert read_exactly(visitor, 4) == b"ping"
                with connect(server.public_host, client.port) as third:
                    assert how_it_ends(third)[0] == b""
            wait_until(lambda: service.open == 0, "both streams to end")
            wait_until(lambda: is_served(server, client), "room for another")


def is_served(server, client):
    try:
        return one_exchange(server.public_host, client.port) == b"ping"
    except OSError:
        return False


class Tap:
    """A proxy between a bore client and the server that records the traffic."""

    def __init__(self, host, server):
        self.server = server
        self.heard = b""
        self.listener = listen(host, BORE_CONTROL_PORT)
        self.sockets = [self.listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in self.sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = connect(*self.server.control, timeout=60)
                self.sockets += [near, far]
                for source, to in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(source, to), daemon=True).start()

    def _pass_on(self, source, to):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.heard += data
                to.sendall(data)
            end_writing(to)

    def identity(self):
        """The id of the last announced visitor, or None."""
        found = re.findall(rb'"Connection":"([^"]*)"', self.heard)
        return found[-1].decode() if found else None


def test_the_visitor_of_another(serve, address):
    """Bob learns the id of Alice's visitor while her client is stopped."""
    with serve(control_port=address.free_port()) as server, Echo() as service, Tap(
        address.host, server
    ) as tap:
        with peers.bore_client(
            (address.host, BORE_CONTROL_PORT), service.port, secret=SECRETS["alice"]
        ) as client:
            client.process.signal(signal.SIGSTOP)
            with connect(server.public_host, client.port) as visitor:
                visitor.sendall(b"for alice")
                identity = wait_until(tap.identity, "the visitor to be announced")
                for name in ("bob", "ci"):
                    with Wire.connect(server.control) as thief:
                        thief.authenticate(SECRETS[name])
                        thief.send({"Accept": identity})
                        thief.expect_error("invalid secret")
                visitor.settimeout(seconds(10))
                client.process.signal(signal.SIGCONT)
                end_writing(visitor)
                assert read_to_end(visitor) == b"for alice"
