"""Refused ports, each with bore's exact text."""

import re

import pytest

from harness.admin import Admin
from harness.peers import configured_server, spore_client
from harness.sockets import listen
from harness.wire import Tunnel, Wire


def refusal(server, port):
    with Wire.connect(server.control) as wire:
        wire.send({"Hello": port})
        message = wire.receive()
        wire.expect_end()
    return message


@pytest.mark.bore_too
@pytest.mark.parametrize("port", [22999, 23101, 1, 65535])
def test_out_of_range(start_server, port):
    with start_server(min_port=23000, max_port=23100) as server:
        assert refusal(server, port) == {"Error": "client port number not in allowed range"}


def test_the_log_names_the_range(start_server):
    with start_server(min_port=23000, max_port=23100) as server:
        refusal(server, 22999)
        server.process.wait_for(
            'client refused .*reason="client port number not in allowed range" port=22999 .* '
            'range=23000-23100 from="server.min_port, server.max_port"'
        )


@pytest.mark.bore_too
@pytest.mark.parametrize("port", [23000, 23100])
def test_ends_of_the_range_belong_to_it(start_server, port):
    with start_server(min_port=23000, max_port=23100) as server, Tunnel(server, port) as tunnel:
        assert tunnel.port == port


@pytest.mark.bore_too
def test_in_use_by_a_stranger(server, address):
    taken = address.free_port()
    with listen(address.host, taken):
        assert refusal(server, taken) == {"Error": "port already in use"}


@pytest.mark.bore_too
def test_in_use_by_another_tunnel(server):
    with Tunnel(server) as tunnel:
        assert refusal(server, tunnel.port) == {"Error": "port already in use"}
        visitor, far = tunnel.join()
        visitor.close()
        far.close()


def test_the_log_says_who_has_the_port(server, address):
    """The client is told what bore's server says."""
    taken = address.free_port()
    with listen(address.host, taken), Tunnel(server) as tunnel:
        for port, who in (
            (taken, "another program on the server's machine has it"),
            (tunnel.port, "a client at 127.0.0.1 has had it for"),
        ):
            assert refusal(server, port) == {"Error": "port already in use"}
            server.process.wait_for(f'reason="port already in use: {who}')


@pytest.mark.bore_too
def test_the_servers_own_control_port(server):
    """In use or reserved: the server refuses the port and stays reachable."""
    message = refusal(server, server.control[1])
    assert message["Error"] in ("port already in use", "client port number not in allowed range")
    with Tunnel(server):
        pass


NOT_ALLOWED = "client port number not in allowed range"


@pytest.mark.parametrize("reserved", [23005, "23004-23006", "80,23005"])
def test_the_log_names_a_reservation(address, tmp_path, reserved):
    """The client is told what bore's server says. The operator is told why."""
    with configured_server(address, tmp_path, server={"reserved_ports": [reserved]}) as server:
        control = server.control[1]
        for port, why, limit in (
            (
                23005,
                r"it is reserved \(reserved_ports\)",
                f"range={reserved} from=server.reserved_ports",
            ),
            (control, "it is the control port", f"range={control} from=server.control_port"),
        ):
            assert refusal(server, port) == {"Error": NOT_ALLOWED}
            server.process.wait_for(f'reason="{NOT_ALLOWED}: {why}" .* {limit}')


def test_a_reserved_port_is_not_tried_again(address, tmp_path):
    """Waiting cannot change it: the client ends, even with --retry, and is told why."""
    with configured_server(
        address,
        tmp_path,
        auth=[{"use": "hmac", "secret": "s3cret"}],
        server={"reserved_ports": ["23004-23006"]},
    ) as server, spore_client(
        server.control, 9, secret="s3cret", port=23005, extra=["--retry"], listening=False
    ) as client:
        assert client.wait() == 4
        client.process.wait_for(f"{NOT_ALLOWED}: it is reserved")


@pytest.mark.bore_too
def test_no_port_left(start_server):
    with start_server(min_port=23000, max_port=23001) as server, Tunnel(server), Tunnel(server):
        assert refusal(server, 0) == {"Error": "failed to find an available port"}


@pytest.mark.bore_too
def test_a_single_free_port_of_a_small_range_is_found(start_server, address):
    with start_server(min_port=23000, max_port=23009) as server:
        busy = [listen(address.host, port) for port in range(23000, 23010) if port != 23007]
        try:
            with Tunnel(server) as tunnel:
                assert tunnel.port == 23007
        finally:
            for each in busy:
                each.close()


def skip_unless_forbidden():
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as first:
        if int(first.read()) < 1024:
            pytest.skip("this system lets everyone bind every port")


@pytest.mark.bore_too
def test_forbidden_by_the_system(start_server):
    skip_unless_forbidden()
    with start_server(min_port=1, drop_capabilities=["net_bind_service"]) as server:
        assert refusal(server, 81) == {"Error": "permission denied"}


@pytest.mark.bore_too
def test_any_port_is_one_that_the_system_allows(start_server):
    skip_unless_forbidden()
    with start_server(
        min_port=1000, max_port=1047, drop_capabilities=["net_bind_service"]
    ) as server:
        for _ in range(20):
            with Tunnel(server) as tunnel:
                assert tunnel.port >= 1024


@pytest.mark.bore_too
def test_address_for_tunnels_that_is_not_ours(start_server):
    with start_server(bind_tunnels="192.0.2.1") as server:
        assert refusal(server, 23000) == {"Error": "failed to bind to port"}
        assert refusal(server, 0) == {"Error": "failed to find an available port"}


def test_a_missing_address_is_named(start_server, tmp_path):
    """At the start, to the operator of a client that is refused, and who asks for the readiness."""
    missing = r"this host does not have the address.*192\.0\.2\.1"
    admin = Admin(tmp_path / "admin.sock")
    with start_server(bind_tunnels="192.0.2.1", extra=admin.flags) as server:
        status = admin.ask("status")
        assert not status["ready"] and re.search(missing, status["not_ready"])
        assert re.search(f"not ready +no tunnel can open: {missing}", admin.ctl("status"))
        server.process.wait_for(rf"no tunnel can open: {missing}", stream="stderr")
        refusal(server, 0)
        server.process.wait_for(rf"cannot open a public port: {missing}", stream="stderr")


@pytest.mark.bore_too
def test_refusals_with_a_secret(start_server):
    with start_server(secret="s3cret", min_port=23000, max_port=23100) as server:
        with Wire.connect(server.control) as wire:
            wire.authenticate("s3cret")
            wire.send({"Hello": 5})
            wire.expect_error("client port number not in allowed range")
