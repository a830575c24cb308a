"""Two hundred visitors at the same moment."""

import pytest

from harness.peers import spore_client
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
    """Every visitor is announced once, and reaches the one that accepted its id."""
    with Tunnel(secret_server) as tunnel, connected(secret_server.public_host, tunnel.port, VISITORS) as visitors:
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
