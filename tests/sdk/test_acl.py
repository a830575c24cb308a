"""Access lists at the control port and at public ports."""

import socket

import pytest

from harness.loopback import Loopback
from harness.scale import seconds
from harness.services import Echo
from harness.sockets import end_writing, how_it_ends, read_to_end
from harness.wire import Wire


@pytest.fixture
def stranger():
    """Another address of this machine, from which a client connects."""
    with Loopback() as leased:
        yield leased.host


def come_from(source, target):
    sock = socket.socket()
    sock.settimeout(seconds(10))
    sock.bind((source, 0))
    sock.connect(target)
    return sock


def deny(point, *prefixes, **options):
    return {point: [{"use": "deny", "point": point, "deny": list(prefixes), **options}]}


def test_one_address_is_denied_at_the_control_port(host, stranger):
    with host.server(acl=deny("control", stranger)) as server:
        with come_from(stranger, server.control) as sock:
            assert how_it_ends(sock)[0] == b""
        server.process.wait_for("client refused by access list")
        with Wire.connect(server.control) as wire:
            assert wire.hello() > 0


def test_one_prefix_is_denied_at_public_ports(host, stranger):
    prefix = stranger.rsplit(".", 1)[0] + ".0/24"
    with Echo() as service, host.server(acl=deny("public", prefix)) as server:
        with host.client(server, service) as client:
            with come_from(stranger, (client.host, client.port)) as sock:
                assert how_it_ends(sock)[0] == b""
            server.process.wait_for("visitor refused .*access list")
            assert service.accepted == 0
            with come_from("127.0.0.1", (client.host, client.port)) as sock:
                sock.sendall(b"welcome")
                end_writing(sock)
                assert read_to_end(sock) == b"welcome"


def test_the_denied_client_may_still_visit(host, stranger):
    """The control port and the public ports have separate lists."""
    with Echo() as service, host.server(acl=deny("control", stranger)) as server:
        with host.client(server, service) as client, come_from(
            stranger, (client.host, client.port)
        ) as sock:
            sock.sendall(b"welcome")
            end_writing(sock)
            assert read_to_end(sock) == b"welcome"


def test_a_chain_ends_at_allow(host, stranger):
    first = deny("control", "192.0.2.0/24", otherwise="allow")["control"]
    with host.server(acl={"control": first + deny("control", "0.0.0.0/0")["control"]}) as server:
        with Wire(come_from(stranger, server.control)) as wire:
            assert wire.hello() > 0


def test_a_chain_goes_on_at_next(host, stranger):
    first = deny("control", "192.0.2.0/24")["control"]
    with host.server(acl={"control": first + deny("control", stranger)["control"]}) as server:
        with come_from(stranger, server.control) as sock:
            assert how_it_ends(sock)[0] == b""


def test_no_verdict_denies_and_is_logged(host):
    with host.server(acl=deny("control", otherwise="zero")) as server:
        with come_from("127.0.0.1", server.control) as sock:
            assert how_it_ends(sock)[0] == b""
        server.process.wait_for(
            r'returned no verdict, connection denied plugin=deny status=".* \(SPORE_OK\)"'
        )


@pytest.mark.parametrize("point, chain", [("control", "public"), ("public", "control")])
def test_an_instance_knows_its_chain_before_it_starts(host, error_line, point, chain):
    entry = deny(point)[point]
    assert error_line(host.refused(acl={chain: entry})).endswith(
        f"error: /acl/{chain}/0/point: it stands elsewhere"
    )
