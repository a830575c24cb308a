"""Two hundred visitors at the same moment."""

import contextlib
import json

import pytest

from harness.peers import spore_binary, spore_client
from harness.process import Process
from harness.services import Echo
from harness.visitors import connected, exchange_all, finish_all
from harness.wire import Tunnel

VISITORS = 200


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.over_tls_too
def test_whole_tunnel(start_server, workers):
    extra = ["--workers", workers]
    with start_server(secret="s3cret", extra=extra) as server, Echo() as service:
        with spore_client(server.control, service.port, secret="s3cret", extra=extra) as client:
            for _ in range(3):
                with connected(server.public_host, client.port, VISITORS) as visitors:
                    exchange_all(visitors, length=4096)
                    finish_all(visitors)
            assert service.accepted == 3 * VISITORS


@pytest.mark.bore_too
def test_bare_hands(secret_server):
    """Every visitor is announced once, and is connected to the client that accepted its id."""
    with Tunnel(secret_server) as tunnel, connected(
        secret_server.public_host, tunnel.port, VISITORS
    ) as visitors:
        identities = [tunnel.wire.connection() for _ in range(VISITORS)]
        assert len(set(identities)) == VISITORS
        fars = [tunnel.accept(identity, identity.encode()) for identity in identities]
        seen = {visitor.recv(36).decode() for visitor in visitors}
        assert seen == set(identities)
        for far in fars:
            far.close()


def test_many_tunnels(start_server):
    with start_server(secret="s3cret") as server:
        tunnels = [Tunnel(server) for _ in range(100)]
        assert len({tunnel.port for tunnel in tunnels}) == 100
        for tunnel in tunnels:
            visitor, far = tunnel.join()
            visitor.sendall(b"x")
            assert far.recv(1) == b"x"
            visitor.close()
            far.close()
        for tunnel in tunnels:
            tunnel.wire.close()


@contextlib.contextmanager
def client_of_many(server, tmp_path, number, **options):
    """The process of one client with many tunnels."""
    path = tmp_path / "client.json"
    tunnels = [{"name": f"t{i}", "local": "127.0.0.1:9", "port": 0} for i in range(number)]
    host, port = server.control
    path.write_text(
        json.dumps(
            {
                "client": {"to": host, "control_port": port, **options},
                "tunnels": tunnels,
                "auth": [{"use": "hmac", "secret": "s3cret"}],
            }
        )
    )
    path.chmod(0o600)
    with Process([spore_binary(), "local", "--config", str(path)], name="spore local") as process:
        yield process
        process.stop()


def test_tunnels_of_one_client(start_server, tmp_path):
    """More connections than the server allows one source to have before they authenticate."""
    with start_server(secret="s3cret") as server, client_of_many(server, tmp_path, 400) as client:
        client.wait_for(r"listening at ", times=400, timeout=20)
        assert not [
            line for line in client.stderr if "tunnel lost" in line or "tunnel ended" in line
        ]


def test_tunnels_of_a_client_that_is_told_to_wait(start_server, tmp_path):
    """A delay by the limit of attempts is not a refusal."""
    config = tmp_path / "server.json"
    config.write_text(
        json.dumps({"limits": {"secret_rate": 10, "secret_burst": 5, "ban_exempt": []}})
    )
    config.chmod(0o600)
    with start_server(secret="s3cret", extra=["--config", str(config)]) as server:
        with client_of_many(server, tmp_path, 15) as client:
            client.wait_for(r"listening at ", times=15, timeout=20)
            assert any("too many tries, wait a little" in line for line in client.stderr)
