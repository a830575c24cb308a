"""IPv6, host names, and host names with addresses of both families."""

import json
import signal
import socket

import pytest

from harness.loopback import free_port, has_ipv6
from harness.peers import configured_server, spore_client, spore_server
from harness.services import Echo
from harness.sockets import connect, how_it_ends, read_exactly
from harness.visitors import one_exchange
from harness.wire import Tunnel

needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 loopback here")


def families_of_localhost():
    return {found[0] for found in socket.getaddrinfo("localhost", 1, type=socket.SOCK_STREAM)}


needs_both_families = pytest.mark.skipif(
    families_of_localhost() != {socket.AF_INET, socket.AF_INET6},
    reason="localhost has one family here",
)


@pytest.fixture
def server6():
    with spore_server("::1", control_port=free_port("::1"), secret="s3cret") as running:
        yield running


@needs_ipv6
def test_server_and_visitor_over_ipv6(server6):
    with Tunnel(server6) as tunnel:
        visitor, far = tunnel.join()
        assert visitor.family == socket.AF_INET6
        visitor.sendall(b"six")
        assert read_exactly(far, 3) == b"six"


@needs_ipv6
def test_everything_over_ipv6(server6):
    with Echo("::1") as service:
        with spore_client(
            server6.control, service.port, local_host="::1", secret="s3cret"
        ) as client:
            assert client.host in ("::1", "[::1]")
            assert one_exchange("::1", client.port) == b"ping"


@needs_ipv6
def test_control_over_ipv4_and_tunnels_over_ipv6(start_server):
    with start_server(bind_tunnels="::1") as server, Echo() as service:
        with spore_client(server.control, service.port) as client:
            assert one_exchange("::1", client.port) == b"ping"


def add_address(path, host):
    config = json.loads(path.read_text())
    config["server"]["bind_addr"].append(host)
    path.write_text(json.dumps(config))


@needs_ipv6
def test_several_addresses(address, tmp_path):
    """The control port and each public port are open at all addresses of the lists. A reload adds
    an address."""
    lists = {"bind_addr": [address.host], "bind_tunnels": [address.host, "::1"]}
    with configured_server(address, tmp_path, server=lists) as server, Echo() as service:
        with spore_client(server.control, service.port) as client:
            for host in (address.host, "::1"):
                assert one_exchange(host, client.port) == b"ping"
        add_address(tmp_path / f"server{server.control[1]}.json", "::1")
        server.process.signal(signal.SIGHUP)
        server.process.wait_for("configuration reloaded", stream="stderr")
        for control in (server.control, ("::1", server.control[1])):
            with spore_client(control, service.port) as client:
                assert one_exchange(address.host, client.port) == b"ping"


@needs_ipv6
def test_both_wildcards():
    """Beside an address of IPv4, `::` is for IPv6 alone, so both can have one port."""
    control_port = free_port("::1")
    with spore_server("0.0.0.0,::", control_port=control_port) as server, Echo() as service:
        for host in ("127.0.0.1", "::1"):
            with spore_client((host, control_port), service.port) as client:
                assert one_exchange(host, client.port) == b"ping"


@needs_ipv6
def test_service_over_ipv6(server):
    with Echo("::1") as service, spore_client(
        server.control, service.port, local_host="::1"
    ) as client:
        assert one_exchange(server.public_host, client.port) == b"ping"


@needs_ipv6
def test_wildcard_of_ipv6():
    """A server on :: accepts at least IPv6."""
    with spore_server("::", control_port=free_port("::1")) as server:
        server.control, server.public_host = ("::1", server.control[1]), "::1"
        with Tunnel(server) as tunnel:
            visitor, far = tunnel.join()
            far.sendall(b"x")
            assert read_exactly(visitor, 1) == b"x"


def test_names(server):
    """A service is given by a name that has only an IPv4 address."""
    with Echo("127.0.0.1") as service, spore_client(
        server.control, service.port, local_host="localhost"
    ) as client:
        assert one_exchange(server.public_host, client.port) == b"ping"


def test_local_host_is_localhost_by_default(server):
    with Echo("127.0.0.1") as service, spore_client(
        server.control, service.port, local_host=None
    ) as client:
        assert one_exchange(server.public_host, client.port) == b"ping"


def test_server_by_name():
    with spore_server(
        "127.0.0.1", control_port=free_port("127.0.0.1")
    ) as server, Echo() as service:
        with spore_client(("localhost", server.control[1]), service.port) as client:
            assert client.host == "localhost"
            assert one_exchange("127.0.0.1", client.port) == b"ping"


@needs_ipv6
@needs_both_families
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_name_with_both_families_and_a_service_on_one(server, host):
    with Echo(host) as service, spore_client(
        server.control, service.port, local_host="localhost"
    ) as client:
        assert one_exchange(server.public_host, client.port) == b"ping"


@needs_ipv6
@needs_both_families
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_server_name_with_both_families_and_a_server_on_one(host):
    with spore_server(host, control_port=free_port(host)) as server, Echo() as service:
        with spore_client(("localhost", server.control[1]), service.port) as client:
            assert one_exchange(host, client.port) == b"ping"


def test_local_name_that_does_not_resolve(server):
    """Visitors see the end of the stream; the client continues and logs the name."""
    with spore_client(server.control, 9, local_host="no..such..host", listening=False) as client:
        if not client.process.ended_within(1):
            client.wait_listening()
            with connect(server.public_host, client.port) as visitor:
                assert how_it_ends(visitor, timeout=15)[0] == b""
            client.process.wait_for(r"no\.\.such\.\.host", stream="stderr")
        else:
            # It may also refuse the name at the start.
            assert client.wait() in (1, 2)
            client.process.wait_for(r"no\.\.such\.\.host", stream="stderr")
