"""Access lists at the control port and at public ports."""

import contextlib
import re
import socket
import time

import pytest

from harness.loopback import Loopback
from harness.scale import seconds
from harness.services import Echo, Sink, Source
from harness.sockets import connect, end_writing, how_it_ends, read_to_end
from harness.visitors import one_exchange
from harness.waiting import wait_until
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


def test_a_refusal_names_the_instance_and_its_reason(host, stranger, tmp_path):
    acl = {
        **deny("control", stranger, name="gate", reason="not from\there"),
        **deny("public", stranger, name="door", reason="x" * 300),
    }
    exported = tmp_path / "metrics"
    metrics = [{"use": "file", "file": str(exported)}]
    with Echo() as service, host.server(acl=acl, metrics=metrics) as server:
        with host.client(server, service) as client:
            for target in (server.control, (client.host, client.port)):
                with come_from(stranger, target) as sock:
                    assert how_it_ends(sock)[0] == b""
        server.process.wait_for(
            rf"client refused by access list peer={stranger}:\d+ plugin=gate "
            r'reason="denied by the access list" detail="not from\\x09here"'
        )
        server.process.wait_for(
            rf'visitor refused peer={stranger}:\d+ port=\d+ reason="denied by the access list" '
            rf"tunnel=\d+ identity=\"\" plugin=door detail={'x' * 127}$"
        )
        wait_until(
            lambda: exported.exists()
            and re.search(
                r"^spore_acl_refusals_total{.*door.*xxx.*} 1$", exported.read_text(), re.M
            ),
            "the counted refusal",
        )


# ---- facts about the connection


@pytest.mark.parametrize(
    "fact, value, why",
    [
        ("tls.version", "TLSv1.3", None),
        ("tls.version", "TLSv1.9", "tls.version is TLSv1.3"),
        ("x509.subject", "anyone", "no x509.subject"),
    ],
)
def test_the_control_port_is_judged_by_what_tls_knows(host, authority, address, fact, value, why):
    """The list is asked when the connection is accepted, and again when TLS has opened."""
    certificate = authority.issue(f"IP:{address.host}")
    acl = {"control": [{"use": "facts", "fact": fact, "value": value}]}
    tls = [{"use": "tls", "certfile": certificate.path, "keyfile": certificate.key}]
    trust = [{"use": "tls", "cacertfile": authority.path}]
    with Echo() as service, host.server(acl=acl, transport=tls) as server:
        client = host.client(server, service, transport=trust, listening=why is None)
        with contextlib.closing(client.process):
            if why is None:
                assert one_exchange(client.host, client.port, b"hello") == b"hello"
            else:
                server.process.wait_for(
                    f'client refused by access list .*plugin=facts .*detail="{why}"'
                )
                assert client.process.wait() == 1


def test_without_transports_there_are_no_facts(host):
    acl = {"control": [{"use": "facts", "fact": "tls.version", "value": "TLSv1.3"}]}
    with host.server(acl=acl) as server:
        with come_from("127.0.0.1", server.control) as sock:
            assert how_it_ends(sock)[0] == b""
        server.process.wait_for('detail="no tls.version"')


def test_visitors_have_no_facts(host):
    acl = {"public": [{"use": "facts", "fact": "tls.version", "value": "TLSv1.3"}]}
    with Echo() as service, host.server(acl=acl) as server:
        with host.client(server, service) as client:
            assert one_exchange(client.host, client.port, b"hello") == b"hello"


# ---- the rate of a connection

RATE = 200_000  # bytes per second


def timed(action):
    began = time.monotonic()
    action()
    return time.monotonic() - began


def test_a_rate_limits_each_direction_of_a_visitor(host):
    """A tenth of a second passes at once. The upper bound is generous: machines are busy."""
    amount = RATE
    with Sink() as sink, Source(amount) as source:
        with host.server(acl=deny("public", rate=RATE)) as server:
            with host.client(server, source) as client:
                with connect(client.host, client.port) as sock:
                    took = timed(lambda: read_to_end(sock))
                assert 0.85 < took < seconds(6), took
        with host.server(acl=deny("public", rate=RATE)) as server:
            with host.client(server, sink) as client:
                with connect(client.host, client.port) as sock:

                    def send():
                        sock.sendall(b"x" * amount)
                        end_writing(sock)
                        read_to_end(sock)

                    took = timed(send)
                assert 0.85 < took < seconds(6), took


def test_visitors_do_not_share_a_rate(host):
    amount = RATE // 2
    with Source(amount) as source, host.server(acl=deny("public", rate=RATE)) as server:
        with host.client(server, source) as client:
            socks = [connect(client.host, client.port) for _ in range(4)]
            took = timed(lambda: [read_to_end(sock) for sock in socks])
            for sock in socks:
                sock.close()
        assert 0.35 < took < 1.9 * seconds(1), took


def test_without_a_rate_bulk_is_not_slowed(host):
    amount = 20_000_000
    with Source(amount) as source, host.server(acl=deny("public")) as server:
        with host.client(server, source) as client:
            with connect(client.host, client.port) as sock:
                assert timed(lambda: read_to_end(sock)) < seconds(10)
