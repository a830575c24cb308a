"""Idle connections outlast the memory of a NAT on any of their three legs."""

import json
import time

import pytest

from harness.network import NatNetwork
from harness.peers import spore_client, spore_server
from harness.services import Inbox
from harness.sockets import read_exactly

MEMORY_S = 3
QUICK = {"keepalive_data": "1s"}


@pytest.fixture
def network():
    with NatNetwork(MEMORY_S) as behind:
        yield behind


def write(folder, name, sections):
    path = folder / name
    path.write_text(json.dumps(sections), encoding="utf-8")
    return ["--config", str(path)]


def test_a_nat_on_all_three_legs(network, tmp_path):
    """Visitor and client are behind the NAT; server and service are in front of it."""
    server_file = write(tmp_path, "s.json", {"server": {**QUICK, "keepalive_visitors": "1s"}})
    client_file = write(tmp_path, "c.json", {"client": {**QUICK, "keepalive_services": "1s"}})
    with spore_server(network.here, control_port=7835, extra=server_file) as server, Inbox(
        network.here
    ) as service, spore_client(
        server.control,
        service.port,
        local_host=network.here,
        extra=client_file,
        within=network.within,
    ) as client:
        with network.connect(network.here, client.port) as visitor:
            near = service.take()
            # One without probes, which shows that the NAT forgets.
            with network.connect(network.here, service.port) as forgotten:
                other = service.take()
                for a, b in ((visitor, near), (forgotten, other)):
                    a.sendall(b"hello")
                    assert read_exactly(b, 5) == b"hello"
                assert near.getpeername()[0] == network.there
                time.sleep(1.5 * MEMORY_S)
                visitor.sendall(b"again")
                assert read_exactly(near, 5) == b"again"
                near.sendall(b"and back")
                assert read_exactly(visitor, 8) == b"and back"
                forgotten.sendall(b"again")
                other.settimeout(0.5)
                with pytest.raises(TimeoutError):
                    other.recv(5)
