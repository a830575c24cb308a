"""What both logs say while a client does not reach its service: little, but enough."""

import re

from harness.loopback import free_port
from harness.peers import spore_client, spore_server
from harness.services import Echo
from harness.sockets import connect
from harness.visitors import one_exchange
from harness.waiting import wait_until

NOT_REACHED = "local service not reached .*"
REACHED = "local service reached again .*"
UNSERVED = "a client does not reach its service .*"
SERVED = "a client reaches its service again .*"


def visit_in_vain(server, client):
    with connect(server.public_host, client.port) as visitor:
        assert visitor.recv(1) == b""


def matches(process, pattern):
    return [line for line in process.stderr if re.search(pattern, line)]


def test_each_log_says_it_once_and_again_when_it_is_back(address):
    """Only the first visitor has a line before ten seconds have passed."""
    port = free_port("127.0.0.1")
    with spore_server(address) as server:
        with spore_client(server.control, port, extra=["--tunnel-name", "web"]) as client:
            for _ in range(5):
                visit_in_vain(server, client)
            client.process.wait_for(NOT_REACHED)
            line = server.process.wait_for(UNSERVED).string
            assert f"port={client.port} " in line and "visitor=127." in line
            with Echo(port=port):
                assert one_exchange(server.public_host, client.port) == b"ping"
                ours = client.process.wait_for(REACHED).string
                theirs = server.process.wait_for(SERVED).string
                assert "tunnel=web " in ours and ours.rstrip().endswith("others=4")
                assert f"port={client.port} " in theirs and theirs.rstrip().endswith("others=4")
                for _ in range(3):
                    assert one_exchange(server.public_host, client.port) == b"ping"
            visit_in_vain(server, client)
            client.stop()
            wait_until(
                lambda: matches(client.process, "further lines were left out .*others=1"),
                "the line at the end",
            )
        assert server.stop() == 0
        for process, patterns in (
            (client.process, (NOT_REACHED, REACHED)),
            (server.process, (UNSERVED, SERVED)),
        ):
            assert [len(matches(process, pattern)) for pattern in patterns] == [1, 1]
