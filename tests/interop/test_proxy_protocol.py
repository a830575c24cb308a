"""haproxy and nginx in front of Spore's control port tell it who the client is.

client (bore or spore) ── proxy ── PROXY header, then the client's bytes ──▶ spore server
"""

import contextlib
import re

import pytest

from harness import fronts
from harness.bulk import Sending, receive_pattern
from harness.loopback import BORE_CONTROL_PORT, Loopback, free_port, has_ipv6
from harness.metrics import Exporter
from harness.peers import configured_server, spore_client, start_client
from harness.scale import MIB, size
from harness.services import Echo
from harness.sockets import connect
from harness.visitors import one_exchange
from harness.waiting import wait_until
from harness.wire import Ended, Wire

HERE = "127.0.0.1"


@pytest.fixture(params=fronts.KINDS)
def kind(request):
    return request.param


class Place:
    """Where the server and the proxy are, and from where clients come."""

    def __init__(self, host, front_host, client):
        self.host = host
        self.front = (front_host, BORE_CONTROL_PORT)
        self.client = client

    def free_port(self):
        return free_port(self.host)


@pytest.fixture(params=["IPv4", "IPv6"])
def place(request):
    with contextlib.ExitStack() as stack:
        if request.param == "IPv4":
            leased = [stack.enter_context(Loopback()) for _ in range(2)]
            yield Place(leased[0].host, leased[1].host, HERE)
        elif has_ipv6():
            yield Place("::1", stack.enter_context(fronts.lease_of_ipv6()), "::1")
        else:
            pytest.skip("NO IPv6 here: ::1 cannot be bound")


@contextlib.contextmanager
def serve(place, kind, folder, above=(), options="", **sections):
    """A server behind a proxy, and the proxy."""
    entry = {"use": "proxy", "trusted": [place.front[0]]}
    sections = {"transport": [entry, *above], "log": {"level": "debug"}, **sections}
    with configured_server(place, folder, **sections) as server:
        with fronts.front(
            kind, folder, place.front, server.control, place.front[0], options
        ) as proxy:
            yield server, proxy


def host_of(address):
    return address.rsplit(":", 1)[0].strip("[]")


@pytest.mark.parametrize("client_kind", ["bore", "spore"])
def test_the_server_knows_the_client(kind, client_kind, place, tmp_path):
    auth = [{"use": "hmac", "secret": "s3cret"}]
    with serve(place, kind, tmp_path, auth=auth) as (server, _), Echo() as service:
        with start_client(client_kind, place.front, service.port, secret="s3cret") as client:
            for _ in range(3):
                assert one_exchange(place.host, client.port) == b"ping"
            found = server.process.wait_for(r"new client peer=(\S+) via=(\S+) ")
            assert host_of(found.group(1)) == place.client
            assert host_of(found.group(2)) == place.front[0]
            assert found.group(1) != found.group(2)


def test_tls_goes_through(kind, authority, place, tmp_path):
    """The header comes below TLS, which the proxy passes on, and bulk is still carried."""
    own = authority.issue(f"IP:{place.front[0]}")
    above = [{"use": "tls", "certfile": own.path, "keyfile": own.key}]
    flags = ["--tls", "--cacertfile", authority.path]
    with serve(place, kind, tmp_path, above=above) as (server, _), Echo() as service:
        with spore_client(place.front, service.port, extra=flags) as client:
            with connect(place.host, client.port) as visitor:
                total = size(4 * MIB)
                sending = Sending(visitor, total, end=False)
                assert receive_pattern(visitor, total) == (total, sending.result())
            found = server.process.wait_for(r"new client peer=(\S+) via=")
            assert host_of(found.group(1)) == place.client


def test_only_the_client_is_banned(kind, tmp_path):
    """Others behind the same proxy still get in."""
    with Loopback() as own, Loopback() as near, Loopback() as guesser, Loopback() as other:
        place = Place(own.host, near.host, guesser.host)
        with serve(
            place,
            kind,
            tmp_path,
            auth=[{"use": "hmac", "secret": "s3cret"}],
            limits={"ban_after": 2, "ban_time": "60s", "ban_exempt": []},
        ) as (server, _):

            def attempt(source, secret):
                with Wire(connect(*place.front, source=source)) as wire:
                    wire.authenticate(secret)
                    wire.send({"Hello": 0})
                    return wire.receive()

            for _ in range(2):
                assert attempt(guesser.host, "wrong") == {"Error": "invalid secret"}
            server.process.wait_for(f"source banned .* peer={guesser.host} ")
            with contextlib.suppress(Ended):
                assert "the source is banned" in attempt(guesser.host, "s3cret")["Error"]
            for source in (other.host, near.host):
                assert "Hello" in attempt(source, "s3cret")


CHECKS = {
    "plain": ("haproxy-v1", "check inter 200ms", False),
    "plain-v2": ("haproxy-v2", "check inter 200ms", False),
    "tls-closed-early": ("haproxy-v2", "check inter 200ms", True),
    "tls-v1": ("haproxy-v1", "check inter 200ms check-ssl verify none", True),
    "tls-v2": ("haproxy-v2", "check inter 200ms check-ssl verify none", True),
}


@pytest.mark.parametrize("check", CHECKS)
def test_health_checks_disturb_nobody(check, authority, tmp_path):
    """Not even where the access list lets nobody in from the proxy's own address."""
    kind, options, has_tls = CHECKS[check]
    own = authority.issue("DNS:tunnel.example")
    tls = [{"use": "tls", "certfile": own.path, "keyfile": own.key}]
    with Loopback() as far, Loopback() as near:
        place = Place(far.host, near.host, HERE)
        exporter = Exporter(far.host, far.free_port())
        with serve(
            place,
            kind,
            tmp_path,
            above=tls if has_tls else [],
            options=options,
            auth=[{"use": "hmac", "secret": "s3cret"}],
            limits={"ban_after": 1, "ban_exempt": []},
            acl={"control": [{"use": "cidr", "allow": [f"{HERE}/32"]}]},
            metrics=[{"use": "prometheus", "listen": f"{exporter.host}:{exporter.port}"}],
        ) as (server, proxy):
            wait_until(
                lambda: exporter.value("spore_control_connections_total") >= 10,
                "ten health checks",
            )
            assert sum(exporter.page().find("spore_refusals_total")) == 0
            assert sum(exporter.page().find("spore_proxy_refusals_total")) == 0
            assert exporter.value("spore_source_bans_total") == 0
            assert "is DOWN" not in proxy.log()
            log = server.process.log()
            assert not re.search(r" (warn|error) ", log), log
            assert not re.search(r" info +(connection|client) ", log), log
