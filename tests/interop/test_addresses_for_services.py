"""nginx and haproxy behind a tunnel learn from a PROXY header who the visitor is.

visitor ── spore server ── client ── PROXY header, then the visitor's bytes ──▶ service
"""

import contextlib
import json

import pytest

from harness.admin import Admin
from harness.bulk import pattern_bytes
from harness.loopback import BORE_CONTROL_PORT, free_port, has_ipv6
from harness.peers import bore_client, bore_server, spore_client, spore_server
from harness.scale import MIB, size
from harness.services import Echo
from harness.sockets import connect
from harness.told import KINDS, get, told, what_it_is_told
from harness.visitors import one_exchange
from harness.waiting import wait_until

VISITORS = ["127.60.0.1", "127.60.0.2", "127.60.0.3"]


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(params=["v1", "v2"])
def version(request):
    return request.param


@pytest.fixture(params=["plain", "tls"])
def transport(request, authority, address):
    """The flags of the server and of the client."""
    if request.param == "plain":
        return [], []
    own = authority.issue(f"IP:{address.host}")
    server = ["--tls", "--certfile", own.path, "--keyfile", own.key]
    return server, ["--tls", "--cacertfile", authority.path]


@contextlib.contextmanager
def serve(address, folder, flags=(), **options):
    """A server, and a function that waits until it knows that the client wants addresses."""
    admin = Admin(folder / "admin.sock")
    with spore_server(address, extra=[*flags, *admin.flags], **options) as server:

        def wait_for_client(n=1):
            def has_extended():
                tunnels = admin.ask("tunnels")["tunnels"]
                return len(tunnels) == n and all(each["heartbeats"] for each in tunnels)

            wait_until(has_extended, "Extend")

        yield server, wait_for_client


def test_each_visitor_has_its_own_address(kind, version, transport, address, tmp_path):
    """Also on a connection that has carried another visitor before."""
    place = (address.host, address.free_port())
    with told(kind, tmp_path, place), serve(address, tmp_path, transport[0]) as (server, ready):
        flags = [*transport[1], "--send-proxy", version]
        with spore_client(server.control, place[1], local_host=place[0], extra=flags) as client:
            ready()
            for source in VISITORS * 2:
                found, true = what_it_is_told(address.host, client.port, source)
                assert found == true


@pytest.mark.skipif(not has_ipv6(), reason="NO IPv6 here: ::1 cannot be bound")
def test_a_visitor_over_ipv6(kind, version, address, tmp_path):
    """The client knows an IPv4 address of the server, which is written as IPv6."""
    place = (address.host, address.free_port())
    with told(kind, tmp_path, place):
        with serve(address, tmp_path, bind_tunnels="::1") as (server, ready):
            flags = ["--send-proxy", version]
            with spore_client(server.control, place[1], local_host=place[0], extra=flags) as client:
                ready()
                for _ in range(2):
                    found, true = what_it_is_told("::1", client.port)
                    assert found[:2] == true[:2]
                    assert found[2].lower() == f"::ffff:{address.host}"
                    assert found[3] == true[3]


@pytest.mark.skipif(not has_ipv6(), reason="NO IPv6 here: ::1 cannot be bound")
def test_a_server_at_an_ipv6_address(kind, version, address, tmp_path):
    """An IPv4 visitor has no IPv6 address beside it; an IPv6 visitor has the server's."""
    place = (address.host, address.free_port())
    control = free_port("::1")
    with told(kind, tmp_path, place):
        with serve("::1", tmp_path, control_port=control, bind_tunnels="::") as (server, ready):
            flags = ["--send-proxy", version]
            with spore_client(server.control, place[1], local_host=place[0], extra=flags) as client:
                ready()
                found, true = what_it_is_told(address.host, client.port, VISITORS[0])
                assert found == [*true[:2], "0.0.0.0", true[3]]
                found, true = what_it_is_told("::1", client.port)
                assert found == true


def test_large_answers_behind_the_header(version, address, tmp_path):
    """Bulk is spliced where it can be, and the next visitor still has its own address."""
    place = (address.host, address.free_port())
    data = pattern_bytes(size(8 * MIB))
    (tmp_path / "large").write_bytes(data)
    with told("nginx", tmp_path, place), serve(address, tmp_path) as (server, ready):
        flags = ["--send-proxy", version]
        with spore_client(server.control, place[1], local_host=place[0], extra=flags) as client:
            ready()
            for source in VISITORS:
                with connect(address.host, client.port, source=source) as visitor:
                    assert get(visitor, "/large") == data
                found, true = what_it_is_told(address.host, client.port, source)
                assert found == true


def test_a_service_on_a_unix_socket(kind, version, transport, address, tmp_path):
    place = str(tmp_path / "app.sock")
    with told(kind, tmp_path, place), serve(address, tmp_path, transport[0]) as (server, ready):
        flags = [f"unix:{place}", *transport[1], "--send-proxy", version]
        with spore_client(server.control, None, extra=flags) as client:
            ready()
            for source in VISITORS * 2:
                found, true = what_it_is_told(address.host, client.port, source)
                assert found == true


def test_a_bore_server_tells_no_addresses(kind, version, address, tmp_path):
    """The service sees the client's own address, and the log says so once."""
    place = (address.host, address.free_port())
    with told(kind, tmp_path, place), bore_server(address) as server:
        flags = ["--send-proxy", version]
        with spore_client(server.control, place[1], local_host=place[0], extra=flags) as client:
            for source in VISITORS:
                found, _ = what_it_is_told(address.host, client.port, source)
                assert found[0] == "127.0.0.1"
            log = client.process.log()
            assert log.count("the server has not told a visitor's address") == 1, log
            assert f"server={address.host}:{BORE_CONTROL_PORT}" in log


def test_ports_on_the_command_line_share_the_header(address, tmp_path):
    places = [(address.host, address.free_port()) for _ in range(2)]
    folders = [tmp_path / name for name in ("one", "two")]
    with contextlib.ExitStack() as stack:
        for folder, place in zip(folders, places):
            folder.mkdir()
            stack.enter_context(told("nginx", folder, place))
        server, ready = stack.enter_context(serve(address, tmp_path))
        flags = [str(places[1][1]), "--send-proxy", "v2"]
        client = stack.enter_context(
            spore_client(
                server.control, None, extra=[str(places[0][1]), *flags, "-l", address.host]
            )
        )
        ready(2)
        lines = [line for line in client.process.stdout if line.startswith("listening at")]
        for line in lines:
            found, true = what_it_is_told(address.host, int(line.rpartition(":")[2]), VISITORS[0])
            assert found == true


def test_one_tunnel_has_a_header_and_one_has_none(address, tmp_path):
    """The option belongs to a tunnel."""
    place = (address.host, address.free_port())
    plain = (address.host, address.free_port())
    config = tmp_path / "client.json"
    config.write_text(
        json.dumps(
            {
                "tunnels": [
                    {"local": f"{place[0]}:{place[1]}", "send_proxy": "v2", "port": 20001},
                    {"local": f"{plain[0]}:{plain[1]}", "port": 20002},
                ]
            }
        )
    )
    with told("haproxy", tmp_path, place), Echo(*plain), serve(address, tmp_path) as (
        server,
        ready,
    ):
        with spore_client(server.control, None, extra=["--config", str(config)]):
            ready(2)
            found, true = what_it_is_told(address.host, 20001, VISITORS[0])
            assert found == true
            assert one_exchange(address.host, 20002) == b"ping"


# The server sends the header


@contextlib.contextmanager
def announcing(address, folder, **options):
    """A server that sends the header on one port, and that port."""
    port = address.free_port()
    config = folder / "server.json"
    config.write_text(json.dumps({"server": {"send_proxy_ports": [port]}}))
    extra = ["--config", str(config)]
    with spore_server(address, control_port=BORE_CONTROL_PORT, extra=extra, **options) as server:
        yield server, port


def test_a_bore_client(kind, address, tmp_path):
    """It passes the header on to the service as it passes on all bytes."""
    place = (address.host, address.free_port())
    with told(kind, tmp_path, place), announcing(address, tmp_path) as (server, port):
        with bore_client(server.control, place[1], local_host=place[0], port=port):
            for source in VISITORS:
                found, true = what_it_is_told(address.host, port, source)
                assert found == true


@pytest.mark.skipif(not has_ipv6(), reason="NO IPv6 here: ::1 cannot be bound")
def test_a_bore_client_and_a_visitor_over_ipv6(kind, address, tmp_path):
    place = (address.host, address.free_port())
    with told(kind, tmp_path, place):
        with announcing(address, tmp_path, bind_tunnels="::") as (server, port):
            with bore_client(server.control, place[1], local_host=place[0], port=port):
                for host in ("::1", address.host):
                    found, true = what_it_is_told(host, port)
                    assert found == true


@pytest.mark.parametrize("ahead", ["0", "2"])
def test_a_spore_client_may_have_it_too(kind, ahead, address, tmp_path):
    """On each connection that carries one visitor after another."""
    place = (address.host, address.free_port())
    with told(kind, tmp_path, place), announcing(address, tmp_path) as (server, port):
        flags = ["--ahead", ahead]
        options = {"local_host": place[0], "port": port, "extra": flags}
        with spore_client(server.control, place[1], **options):
            for source in VISITORS * 3:
                found, true = what_it_is_told(address.host, port, source)
                assert found == true


def test_other_ports_have_none(address, tmp_path):
    with Echo() as service, announcing(address, tmp_path) as (server, _):
        with bore_client(server.control, service.port) as client:
            assert one_exchange(address.host, client.port) == b"ping"
