"""A real bore on one side, spore on the other, in both directions, over real sockets.

Each test runs once for each direction; `--directions bore-bore` runs the same with bore on both
sides, which proves the tests and not spore.
"""

import contextlib
import http.client

import pytest

from harness import peers
from harness.bulk import Sending, pattern_digest, receive_pattern, send_pattern
from harness.loopback import port_is_free
from harness.scale import GIB, MIB, seconds, size
from harness.services import Echo, Http, Inbox, Sink, Source
from harness.sockets import connect, end_writing, how_it_ends, listen, read_exactly, read_to_end
from harness.visitors import connected, exchange_all, finish_all, one_exchange
from harness.waiting import wait_until

AUTHENTICATION_REFUSED = {"bore": 1, "spore": 3}
PORT_REFUSED = {"bore": 1, "spore": 4}
SERVER_GONE = {"bore": 0, "spore": 1}

both_secrets = pytest.mark.parametrize("secret", [None, "s3cret"], ids=["open", "secret"])


@pytest.fixture
def client_kind(direction):
    return direction[0]


@pytest.fixture
def server_kind(direction):
    return direction[1]


@pytest.fixture(autouse=True)
def bore_is_there(direction):
    """Skips the test without bore, or fails if CI=true."""
    peers.bore_binary()


@pytest.fixture
def serve(server_kind, address):
    """Starts the server; keywords as for harness.peers."""
    return lambda **options: peers.start_server(server_kind, address, **options)


@pytest.fixture
def tunnel(direction, address):
    """A whole tunnel to a local service: `with tunnel(service, secret=...) as (server, client)`."""

    @contextlib.contextmanager
    def start(service, secret=None, **client_options):
        with peers.start_server(direction[1], address, secret=secret) as server:
            with peers.start_client(
                direction[0],
                server.control,
                service.port,
                local_host=service.host,
                secret=secret,
                **client_options,
            ) as client:
                yield server, client

    return start


def refused(client_kind, server, **options):
    """Runs a client that must end by itself: (exit status, output)."""
    with peers.start_client(client_kind, server.control, 9, listening=False, **options) as client:
        status = client.wait()
    return status, "\n".join(client.process.lines)


# Requests


@both_secrets
def test_http(tunnel, secret):
    with Http() as service, tunnel(service, secret=secret) as (server, client):
        web = http.client.HTTPConnection(server.public_host, client.port, timeout=seconds(10))
        with contextlib.closing(web):
            web.request("GET", "/a/path")
            assert web.getresponse().read() == b"you asked for /a/path"
            web.request("POST", "/", body=b"x" * 100000)
            assert web.getresponse().read() == b"x" * 100000


@both_secrets
def test_one_visitor_after_another(tunnel, secret):
    with Echo() as service, tunnel(service, secret=secret) as (server, client):
        for index in range(20):
            data = b"visit %d" % index
            assert one_exchange(server.public_host, client.port, data) == data


@both_secrets
def test_listening_at(tunnel, secret, address):
    with Echo() as service, tunnel(service, secret=secret) as (server, client):
        assert client.host == address.host
        assert 1024 <= client.port <= 65535
        assert not port_is_free(server.public_host, client.port)


@both_secrets
def test_service_that_speaks_first(tunnel, secret):
    with Inbox() as service, tunnel(service, secret=secret) as (server, client):
        with connect(server.public_host, client.port) as visitor:
            service.take().sendall(b"220 hello\r\n")
            assert read_exactly(visitor, 11) == b"220 hello\r\n"


# Secrets


def test_wrong_secret(serve, client_kind):
    with serve(secret="s3cret") as server:
        status, said = refused(client_kind, server, secret="another")
        assert "invalid secret" in said
        assert "listening at" not in said
        assert status == AUTHENTICATION_REFUSED[client_kind]


def test_secret_missing_on_the_client(serve, client_kind):
    with serve(secret="s3cret") as server:
        status, said = refused(client_kind, server)
        assert "server requires authentication, but no client secret was provided" in said
        assert status == AUTHENTICATION_REFUSED[client_kind]


def test_secret_missing_on_the_server(serve, client_kind):
    """The server waits for a frame, the client for a challenge. After three seconds one gives
    up."""
    with serve() as server:
        status, said = refused(client_kind, server, secret="s3cret")
        assert "listening at" not in said
        assert status in (1, AUTHENTICATION_REFUSED[client_kind])


@both_secrets
def test_right_secret_after_a_wrong_one(serve, client_kind, secret):
    with serve(secret="s3cret") as server, Echo() as service:
        refused(client_kind, server, secret="another")
        with peers.start_client(
            client_kind, server.control, service.port, secret="s3cret"
        ) as client:
            assert one_exchange(server.public_host, client.port) == b"ping"


# Ports


@both_secrets
def test_wanted_port(tunnel, secret, address):
    wanted = address.free_port()
    with Echo() as service, tunnel(service, secret=secret, port=wanted) as (server, client):
        assert client.port == wanted
        assert one_exchange(server.public_host, wanted) == b"ping"


def test_port_out_of_range(serve, client_kind):
    with serve(min_port=21000, max_port=21999) as server:
        for port in (20999, 22000):
            status, said = refused(client_kind, server, port=port)
            assert "client port number not in allowed range" in said
            assert status == PORT_REFUSED[client_kind]
        with Echo() as service, peers.start_client(
            client_kind, server.control, service.port
        ) as client:
            assert 21000 <= client.port <= 21999


def test_port_in_use(serve, client_kind, address):
    taken = address.free_port()
    with serve() as server, listen(address.host, taken):
        status, said = refused(client_kind, server, port=taken)
        assert "port already in use" in said
        assert status == PORT_REFUSED[client_kind]


def test_port_of_another_tunnel(serve, client_kind):
    with serve() as server, Echo() as service:
        with peers.start_client(client_kind, server.control, service.port) as first:
            status, said = refused(client_kind, server, port=first.port)
            assert "port already in use" in said
            assert status == PORT_REFUSED[client_kind]
            assert one_exchange(server.public_host, first.port) == b"ping"


def test_no_port_left(serve, client_kind, address):
    only = address.free_port()
    with serve(min_port=only, max_port=only) as server, Echo() as service:
        with peers.start_client(client_kind, server.control, service.port) as first:
            assert first.port == only
            status, said = refused(client_kind, server)
            assert "failed to find an available port" in said
            assert status == PORT_REFUSED[client_kind]


def test_port_is_free_after_the_client_left(serve, client_kind, address):
    wanted = address.free_port()
    with serve() as server, Echo() as service:
        for _ in range(2):
            with peers.start_client(client_kind, server.control, service.port, port=wanted):
                assert one_exchange(server.public_host, wanted) == b"ping"
            wait_until(lambda: port_is_free(server.public_host, wanted), "the port to be free")


# Many at once


@both_secrets
def test_200_visitors_at_once(tunnel, secret):
    with Echo() as service, tunnel(service, secret=secret) as (server, client):
        for _ in range(2):
            with connected(server.public_host, client.port, 200) as visitors:
                exchange_all(visitors)
                finish_all(visitors)
        assert service.accepted == 400


def test_five_tunnels_of_one_server(serve, client_kind):
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serve(secret="s3cret"))
        tunnels = []
        for _ in range(5):
            service = stack.enter_context(Inbox())
            client = stack.enter_context(
                peers.start_client(client_kind, server.control, service.port, secret="s3cret")
            )
            tunnels.append((service, client))
        for index, (service, client) in enumerate(tunnels):
            visitor = stack.enter_context(connect(server.public_host, client.port))
            visitor.sendall(b"tunnel %d" % index)
            assert read_exactly(service.take(), 8) == b"tunnel %d" % index


# Much data


@pytest.mark.slow
@pytest.mark.timeout(300)
@both_secrets
def test_one_gib_from_the_visitor(tunnel, secret):
    total = size(GIB)
    with Sink() as service, tunnel(service, secret=secret) as (server, client):
        with connect(server.public_host, client.port, timeout=60) as visitor:
            digest = send_pattern(visitor, total)
            end_writing(visitor)
            assert read_to_end(visitor) == f"{total} {digest}\n".encode()
        assert service.result() == (total, digest)


@pytest.mark.slow
@pytest.mark.timeout(300)
@both_secrets
def test_one_gib_to_the_visitor(tunnel, secret):
    total = size(GIB)
    with Source(total) as service, tunnel(service, secret=secret) as (server, client):
        with connect(server.public_host, client.port, timeout=60) as visitor:
            length, digest = receive_pattern(visitor)
            visitor.sendall(b"thanks")
        sent, (received, _) = service.result()
        assert (length, digest) == (total, sent)
        assert received == 6


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_much_data_both_ways_at_once(tunnel):
    total = size(128 * MIB)
    with Echo() as service, tunnel(service) as (server, client):
        with connect(server.public_host, client.port, timeout=60) as visitor:
            sending = Sending(visitor, total, end=True)
            length, digest = receive_pattern(visitor)
            assert (length, digest) == (total, sending.result())
    assert digest == pattern_digest(total)


# Half-close


@both_secrets
def test_visitor_ends_its_side_first(tunnel, secret):
    with Inbox() as service, tunnel(service, secret=secret) as (server, client):
        with connect(server.public_host, client.port) as visitor:
            visitor.sendall(b"request")
            end_writing(visitor)
            near = service.take()
            assert read_to_end(near) == b"request"
            sending = Sending(near, 10 * MIB, end=True)
            length, digest = receive_pattern(visitor)
            assert (length, digest) == (10 * MIB, sending.result())


@both_secrets
def test_service_ends_its_side_first(tunnel, secret):
    with Inbox() as service, tunnel(service, secret=secret) as (server, client):
        with connect(server.public_host, client.port) as visitor:
            near = service.take()
            near.sendall(b"all I have")
            end_writing(near)
            assert read_to_end(visitor) == b"all I have"
            sending = Sending(visitor, 10 * MIB, end=True)
            length, digest = receive_pattern(near)
            assert (length, digest) == (10 * MIB, sending.result())


def test_visitor_that_ends_at_once(tunnel):
    """The visitor sends nothing. The service sees a connection and its end, and can still
    answer."""
    with Inbox() as service, tunnel(service) as (server, client):
        with connect(server.public_host, client.port) as visitor:
            end_writing(visitor)
            near = service.take()
            assert read_to_end(near) == b""
            near.sendall(b"bye")
            near.close()
            assert read_to_end(visitor) == b"bye"


# Ends


def test_service_that_is_down(serve, client_kind, address):
    with serve() as server:
        port = address.free_port()
        with peers.start_client(
            client_kind, server.control, port, local_host=address.host
        ) as client:
            with connect(server.public_host, client.port) as visitor:
                assert how_it_ends(visitor) == (b"", "end")
            # When the service starts later, the same tunnel serves it.
            with Echo(address.host, port):
                assert one_exchange(server.public_host, client.port) == b"ping"


def test_server_that_goes_away(serve, client_kind):
    with serve() as server, Echo() as service:
        stays = {"extra": ["--no-reconnect"]} if client_kind == "spore" else {}
        with peers.start_client(client_kind, server.control, service.port, **stays) as client:
            server.stop()
            assert client.wait() == SERVER_GONE[client_kind]
