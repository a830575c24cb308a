"""A whole tunnel: spore local with a spore server."""

import contextlib
import http.client
import time

import pytest

from harness.bulk import Sending, receive_pattern
from harness.loopback import port_is_free
from harness.peers import spore_client
from harness.scale import MIB, seconds, size
from harness.services import Echo, Http, Inbox
from harness.sockets import connect, end_writing, how_it_ends, read_exactly, read_to_end
from harness.visitors import one_exchange
from harness.waiting import wait_until


def test_prints_where_it_listens_and_nothing_else(server):
    """Scripts read the first line of standard output; logs go to standard error."""
    with Echo() as service, spore_client(server.control, service.port) as client:
        assert one_exchange(server.public_host, client.port) == b"ping"
        client.stop()
        assert client.process.stdout == [f"listening at {server.control[0]}:{client.port}"]


@pytest.mark.over_tls_too
def test_http(secret_server):
    with Http() as service, spore_client(
        secret_server.control, service.port, secret="s3cret"
    ) as client:
        web = http.client.HTTPConnection(
            secret_server.public_host, client.port, timeout=seconds(10)
        )
        with contextlib.closing(web):
            for path in ("/one", "/two"):
                web.request("GET", path)
                assert web.getresponse().read() == b"you asked for " + path.encode()
            web.request("POST", "/", body=b"x" * 300000)
            assert web.getresponse().read() == b"x" * 300000


@pytest.mark.over_tls_too
def test_service_that_speaks_first(server):
    with Inbox() as service, spore_client(server.control, service.port) as client:
        with connect(server.public_host, client.port) as visitor:
            service.take().sendall(b"220 hello\r\n")
            assert read_exactly(visitor, 11) == b"220 hello\r\n"


@pytest.mark.over_tls_too
def test_early_bytes_of_the_visitor(server):
    with Inbox() as service, spore_client(server.control, service.port) as client:
        with connect(server.public_host, client.port) as visitor:
            visitor.sendall(b"whole request")
            end_writing(visitor)
            near = service.take()
            assert read_to_end(near) == b"whole request"
            near.sendall(b"whole answer")
            end_writing(near)
            assert read_to_end(visitor) == b"whole answer"


@pytest.mark.over_tls_too
def test_bulk_both_ways_at_once(server):
    total = size(64 * MIB)
    with Echo() as service, spore_client(server.control, service.port) as client:
        with connect(server.public_host, client.port, timeout=60) as visitor:
            sending = Sending(visitor, total, end=True)
            assert receive_pattern(visitor) == (total, sending.result())


def test_wanted_port_and_its_end(server, address):
    wanted = address.free_port()
    with Echo() as service:
        for _ in range(3):
            with spore_client(server.control, service.port, port=wanted) as client:
                assert client.port == wanted
                assert one_exchange(server.public_host, wanted) == b"ping"
            wait_until(
                lambda: port_is_free(server.public_host, wanted), "the port to be free", timeout=5
            )


@pytest.mark.over_tls_too
def test_service_that_is_down(server, address):
    """The visitor soon sees a clean end; the client logs the reason and continues."""
    port = address.free_port()
    with spore_client(server.control, port, local_host=address.host) as client:
        for _ in range(3):
            with connect(server.public_host, client.port) as visitor:
                assert how_it_ends(visitor, timeout=2) == (b"", "end")
        client.process.wait_for(rf"{port}\b", stream="stderr")
        with Echo(address.host, port):
            assert one_exchange(server.public_host, client.port) == b"ping"


@pytest.mark.over_tls_too
def test_connections_that_a_client_gives_up(secret_server, address):
    """The client connects to the server while it finds out that its service is down. The server
    does not take it for a stranger."""
    server = secret_server
    with spore_client(server.control, address.free_port(), secret="s3cret") as client:
        for _ in range(12):
            with connect(server.public_host, client.port) as visitor:
                assert how_it_ends(visitor, timeout=2) == (b"", "end")
            time.sleep(0.01)
    assert not [line for line in server.process.stderr if " connection " in line]


@pytest.mark.over_tls_too
def test_service_that_is_down_and_a_visitor_that_talks(server, address):
    with spore_client(server.control, address.free_port(), local_host=address.host) as client:
        with connect(server.public_host, client.port) as visitor:
            visitor.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert how_it_ends(visitor, timeout=2)[0] == b""


@pytest.mark.over_tls_too
def test_service_that_ends_at_once(server):
    with Inbox() as service, spore_client(server.control, service.port) as client:
        with connect(server.public_host, client.port) as visitor:
            service.take().close()
            assert how_it_ends(visitor) == (b"", "end")


@pytest.mark.over_tls_too
def test_clients_of_one_server_do_not_mix(secret_server):
    with contextlib.ExitStack() as stack:
        tunnels = []
        for _ in range(5):
            service = stack.enter_context(Inbox())
            client = spore_client(secret_server.control, service.port, secret="s3cret")
            tunnels.append((service, stack.enter_context(client)))
        for index, (service, client) in enumerate(tunnels):
            visitor = stack.enter_context(connect(secret_server.public_host, client.port))
            visitor.sendall(b"%d" % index)
            assert read_exactly(service.take(), 1) == b"%d" % index


@pytest.mark.over_tls_too
def test_a_killed_client_harms_no_other(server):
    with Inbox() as service, spore_client(server.control, service.port) as client:
        with connect(server.public_host, client.port) as visitor:
            near = service.take()
            with Echo() as echo, spore_client(server.control, echo.port) as other:
                other.process_was_ended = True
                other.process.signal(9)
                other.process.wait()
            visitor.sendall(b"still here")
            assert read_exactly(near, 10) == b"still here"
