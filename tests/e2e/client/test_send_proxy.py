"""A client tells its service each visitor's address (send_proxy)."""

import contextlib
import json
import struct

import pytest

from harness.admin import Admin
from harness.bulk import Sending, receive_pattern
from harness.loopback import Loopback
from harness.peers import spore_client, spore_server
from harness.proxies import http_proxy
from harness.scale import MIB, size
from harness.services import Inbox
from harness.sockets import connect, end_writing, how_it_ends, read_exactly, read_to_end, reset
from harness.waiting import wait_until

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
VISITORS = ["127.60.0.1", "127.60.0.2", "127.60.0.3"]


@pytest.fixture(params=["v1", "v2"])
def version(request):
    return request.param


def expected(version, visitor):
    """The header of an IPv4 visitor."""
    own, other = visitor.getsockname(), visitor.getpeername()
    if version == "v1":
        return "PROXY TCP4 {} {} {} {}\r\n".format(own[0], other[0], own[1], other[1]).encode()
    ips = bytes(int(part) for host in (own[0], other[0]) for part in host.split("."))
    return SIGNATURE + b"\x21\x11\0\x0c" + ips + struct.pack(">HH", own[1], other[1])


@contextlib.contextmanager
def tunnel(address, folder, flags, server_flags=(), secret=None):
    """A tunnel whose client has told the server that it wants addresses."""
    admin = Admin(folder / "admin.sock")
    extra = [*admin.flags, *server_flags]
    with Inbox() as service, spore_server(address, secret=secret, extra=extra) as server:
        with spore_client(server.control, service.port, secret=secret, extra=flags) as client:
            wait_until(lambda: admin.ask("tunnels")["tunnels"][0]["heartbeats"], "Extend")
            yield client, service


@pytest.mark.parametrize("ahead", ["0", "2"])
@pytest.mark.parametrize("secret", [None, "s3cret"])
def test_a_service_that_speaks_first(version, ahead, secret, address, tmp_path):
    """The header does not wait for the visitor's first byte, on whichever connection it comes."""
    flags = ["--send-proxy", version, "--ahead", ahead]
    with tunnel(address, tmp_path, flags, secret=secret) as (client, service):
        for source in VISITORS * 2:
            with connect(address.host, client.port, source=source) as visitor:
                far = service.take()
                header = expected(version, visitor)
                assert read_exactly(far, len(header)) == header
                far.sendall(b"banner")
                assert read_exactly(visitor, 6) == b"banner"
                visitor.sendall(b"answer")
                end_writing(visitor)
                assert read_to_end(far) == b"answer"
                far.close()
                assert read_to_end(visitor) == b""


def test_visitors_at_once(version, address, tmp_path):
    flags = ["--send-proxy", version]
    with tunnel(address, tmp_path, flags) as (client, service), contextlib.ExitStack() as stack:
        visitors = [
            stack.enter_context(connect(address.host, client.port, source=VISITORS[number % 3]))
            for number in range(40)
        ]
        for visitor in visitors:
            end_writing(visitor)
        headers = sorted(expected(version, visitor) for visitor in visitors)
        assert sorted(read_to_end(service.take()) for _ in visitors) == headers


def test_a_visitor_that_ends_at_once(version, address, tmp_path):
    """The service gets the header and the end, and may still answer."""
    with tunnel(address, tmp_path, ["--send-proxy", version]) as (client, service):
        for _ in range(3):
            with connect(address.host, client.port) as visitor:
                end_writing(visitor)
                far = service.take()
                assert read_to_end(far) == expected(version, visitor)
                far.sendall(b"late")
                far.close()
                assert read_to_end(visitor) == b"late"


def test_bulk_in_both_directions(version, address, tmp_path):
    total = size(16 * MIB)
    with tunnel(address, tmp_path, ["--send-proxy", version]) as (client, service):
        for _ in range(2):
            with connect(address.host, client.port) as visitor:
                up = Sending(visitor, total, end=True)
                far = service.take()
                header = expected(version, visitor)
                assert read_exactly(far, len(header)) == header
                down = Sending(far, total, end=True)
                assert receive_pattern(far) == (total, up.result())
                assert receive_pattern(visitor) == (total, down.result())


def test_a_reset_is_passed_on(version, address, tmp_path):
    with tunnel(address, tmp_path, ["--send-proxy", version]) as (client, service):
        visitor = connect(address.host, client.port)
        far = service.take()
        header = expected(version, visitor)
        assert read_exactly(far, len(header)) == header
        reset(visitor)
        assert how_it_ends(far)[1] == "reset"


def test_the_header_is_no_byte_of_the_visitor(version, address, tmp_path):
    flags = ["--send-proxy", version, "--log-format", "json", "--log-visitors"]
    with tunnel(address, tmp_path, flags) as (client, service):
        with connect(address.host, client.port) as visitor:
            visitor.sendall(b"four")
            far = service.take()
            header = expected(version, visitor)
            assert read_exactly(far, len(header) + 4) == header + b"four"
            far.sendall(b"123456")
            far.close()
            assert read_to_end(visitor) == b"123456"

        def ended():
            lines = [json.loads(line) for line in client.process.stderr if line.startswith("{")]
            return [line for line in lines if line["event"] == "visitor ended"]

        wait_until(ended, "the visitor's line")
        assert (ended()[0]["bytes_up"], ended()[0]["bytes_down"]) == (4, 6)


def test_the_address_of_a_proxy_is_not_the_servers(address, tmp_path):
    """Through a proxy, the client does not know where the server is."""
    with Loopback() as other, http_proxy(other, tmp_path) as proxy:
        flags = ["--send-proxy", "v1", "--proxy", f"http://{proxy.place}"]
        with tunnel(address, tmp_path, flags) as (client, service):
            with connect(address.host, client.port) as visitor:
                far = service.take()
                own, port = visitor.getsockname(), visitor.getpeername()[1]
                header = f"PROXY TCP4 {own[0]} 0.0.0.0 {own[1]} {port}\r\n".encode()
                assert read_exactly(far, len(header)) == header
