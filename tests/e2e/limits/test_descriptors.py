"""Without free descriptors the server waits; it serves again when some are free."""

import contextlib
import json
import select

import pytest

from harness import procfs
from harness.peers import spore_client
from harness.scale import seconds
from harness.services import Echo
from harness.sockets import connect
from harness.visitors import one_exchange
from harness.waiting import wait_until
from harness.wire import Ended, Tunnel, Wire

NOFILE = 64


def serves(server, **options):
    """Whether a new client and its visitor are served now."""
    try:
        with Tunnel(server, **options) as tunnel:
            visitor, far = tunnel.join()
            with visitor, far:
                visitor.sendall(b"ping")
                return far.recv(4) == b"ping"
    except (OSError, Ended, AssertionError):
        # No connection, a connection that was cut, or a refusal for lack of a descriptor.
        return False


@pytest.mark.timeout(120)
@pytest.mark.parametrize("secret", [None, "s3cret"], ids=["open", "secret"])
def test_idle_control_connections(start_server, secret):
    with start_server(secret=secret, nofile=NOFILE) as server:
        before = procfs.descriptors(server.pid)
        idle = [connect(*server.control) for _ in range(3 * NOFILE)]
        wait_until(lambda: procfs.descriptors(server.pid) > before + 3, "the server to take some")
        assert server.process.running
        for each in idle:
            each.close()
        wait_until(lambda: serves(server), "the server to serve again", timeout=30, interval=0.2)


@pytest.mark.timeout(120)
def test_clients(start_server):
    """Clients with a tunnel each, until no more fit. The tunnels that fit work."""
    with start_server(nofile=NOFILE) as server:
        tunnels = []
        for _ in range(NOFILE):
            wire = Wire.connect(server.control)
            wire.send({"Hello": 0})
            try:
                message = wire.receive(timeout=1)
            except (Ended, TimeoutError):
                wire.close()
                break
            if list(message) != ["Hello"]:
                wire.close()
                break
            tunnels.append(wire)
        assert 5 < len(tunnels) < NOFILE
        assert server.process.running
        for wire in tunnels:
            wire.close()
        wait_until(lambda: serves(server), "the server to serve again", timeout=30, interval=0.2)


@pytest.mark.timeout(120)
def test_visitors(start_server):
    with start_server(nofile=NOFILE) as server, Tunnel(server) as tunnel:
        visitors = [tunnel.visit() for _ in range(NOFILE + 16)]
        tunnel.wire.connection()
        assert server.process.running
        for visitor in visitors:
            visitor.close()
        # Visitors that nobody accepts stay open for ten seconds.
        wait_until(lambda: serves(server), "the server to serve again", timeout=60, interval=0.5)
        assert server.process.running


@pytest.mark.timeout(120)
def test_client_out_of_descriptors(server):
    """The client loses visitors for which it has no descriptor, but continues."""
    with Echo() as service, spore_client(server.control, service.port, nofile=NOFILE) as client:
        visitors = [connect(server.public_host, client.port) for _ in range(2 * NOFILE)]
        wait_until(lambda: service.accepted > 5, "some visitors to be served")
        assert client.process.running
        for visitor in visitors:
            visitor.close()
        wait_until(
            lambda: _pings(server.public_host, client.port),
            "the client to serve again",
            timeout=40,
            interval=0.5,
        )
        assert client.process.running


def test_client_of_many_tunnels(server, tmp_path):
    """The limit accounts for control connections: excess visitors wait, and no visitor is lost."""
    n, most = 100, 4 * NOFILE
    with Echo() as service:
        config = tmp_path / "client.json"
        config.write_text(
            json.dumps({"tunnels": [{"local": f"127.0.0.1:{service.port}"} for _ in range(n)]})
        )
        with spore_client(
            server.control, service.port, nofile=most, extra=["--config", config], listening=False
        ) as client:
            client.process.wait_for(r"listening at .*:\d+", stream="stdout", times=n)
            ports = [
                int(line.rpartition(":")[2])
                for line in client.process.stdout
                if "listening" in line
            ]
            with contextlib.ExitStack() as stack:
                visitors = [
                    stack.enter_context(connect(server.public_host, port))
                    for port in ports + ports[: n // 2]
                ]
                for visitor in visitors:
                    visitor.sendall(b"x")
                wait_until(lambda: service.accepted > 50, "many visitors to be served")
                left = visitors
                while left:
                    ready, _, _ = select.select(left, [], [], seconds(10))
                    assert ready, f"{len(left)} visitors wait, and none of them is served"
                    for visitor in ready:
                        assert visitor.recv(1) == b"x"
                        visitor.close()
                    left = [visitor for visitor in left if visitor not in ready]
            assert not any(
                "dropped" in line or "Too many" in line for line in client.process.stderr
            )


def test_more_workers_than_descriptors_allow(start_server):
    """As on a machine with many CPUs: the server starts fewer workers, and they serve."""
    with start_server(secret="s3cret", nofile=NOFILE, extra=["--workers", "32"]) as server:
        server.process.wait_for(r"too few file descriptors.*asked=32 workers=2", stream="stderr")
        assert serves(server)


def _pings(host, port):
    try:
        return one_exchange(host, port) == b"ping"
    except OSError:
        return False
