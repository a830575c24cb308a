"""A Spore client with few descriptors at a bore server, which it cannot tell that it declines."""

import pytest

from harness.peers import bore_server, spore_client
from harness.scale import seconds
from harness.services import Echo
from harness.sockets import connect, how_it_ends, read_exactly
from harness.visitors import connected, exchange_all


@pytest.fixture
def crowded(address):
    """A server, its client, and the visitors of all that the client's descriptors allow."""
    with bore_server(address) as server, Echo() as service:
        with spore_client(server.control, service.port, nofile=60) as client:
            most = int(client.process.wait_for(r"too few file descriptors .*visitors=(\d+)")[1])
            with connected(server.public_host, client.port, most) as visitors:
                exchange_all(visitors)
                yield server, client, visitors


def test_a_visitor_waits_for_a_descriptor(crowded):
    server, client, visitors = crowded
    with connect(server.public_host, client.port) as visitor:
        visitor.sendall(b"ping")
        visitor.settimeout(seconds(1))
        with pytest.raises(TimeoutError):
            visitor.recv(1)
        visitor.settimeout(seconds(10))
        visitors[0].close()
        assert read_exactly(visitor, 4) == b"ping"
        assert not any("connection dropped" in line for line in client.process.stderr)


@pytest.mark.slow
def test_it_does_not_wait_without_end(crowded):
    server, client, visitors = crowded
    with connect(server.public_host, client.port) as visitor:
        client.process.wait_for(
            r'connection dropped .*error="it waited too long: no descriptor was free" others=0 '
            r'raise="ulimit -n, or LimitNOFILE=',
            timeout=15,
        )
        assert how_it_ends(visitor, timeout=15)[0] == b""
    exchange_all(visitors)
