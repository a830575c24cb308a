"""The real bore behind a TLS proxy on either end: inside TLS Spore speaks bore's protocol.

stunnel 5.68 drops unread data of a plain socket after both directions have ended ("Read socket
closed (HUP)" in its log), so half-close is tested with haproxy only.
"""

import json

import pytest

from harness import peers
from harness.bulk import Sending, receive_pattern
from harness.loopback import BORE_CONTROL_PORT, Loopback
from harness.scale import MIB, seconds, size
from harness.services import Echo, Sink
from harness.sockets import connect, end_writing, read_to_end
from harness.tls import proxies
from harness.visitors import connected, exchange_all, finish_all


@pytest.fixture(params=proxies.KINDS)
def kind(request):
    return request.param


@pytest.fixture
def elsewhere():
    with Loopback() as leased:
        yield leased


@pytest.fixture(params=[None, "off", "prefer"], ids=lambda binding: f"binding-{binding}")
def auth(request):
    """(the secret or None, the section "auth")."""
    if request.param is None:
        return None, []
    return "s3cret", [{"use": "hmac", "secret": "s3cret", "binding": request.param}]


def use(host, port):
    """Sends through a tunnel to an echo service everything that it must carry."""
    with connect(host, port) as visitor:
        visitor.settimeout(seconds(50))
        total = size(8 * MIB)
        sending = Sending(visitor, total, end=False)
        assert receive_pattern(visitor, total) == (total, sending.result())
    with connected(host, port, 50) as visitors:
        exchange_all(visitors)
        finish_all(visitors)


def test_bore_client_behind_a_proxy(kind, auth, authority, address, elsewhere, tmp_path):
    """bore ── plain ──▶ proxy ══ TLS ══▶ spore server"""
    secret, chain = auth
    own = authority.issue(f"IP:{address.host}")
    config = tmp_path / "server.json"
    entry = {"use": "tls", "certfile": own.path, "keyfile": own.key}
    config.write_text(json.dumps({"transport": [entry], "auth": chain}))
    front = (elsewhere.host, BORE_CONTROL_PORT)
    with peers.spore_server(address, extra=["--config", str(config)]) as server, Echo() as service:
        with proxies.begins_tls(kind, tmp_path, front, server.control, authority):
            with peers.bore_client(front, service.port, secret=secret) as client:
                use(server.public_host, client.port)


def test_bore_server_behind_a_proxy(kind, auth, authority, address, elsewhere, tmp_path):
    """spore local ══ TLS ══▶ proxy ── plain ──▶ bore"""
    secret, chain = auth
    config = tmp_path / "client.json"
    entry = {"use": "tls", "cacertfile": authority.path}
    config.write_text(json.dumps({"transport": [entry], "auth": chain}))
    front = (elsewhere.host, elsewhere.free_port())
    with peers.bore_server(address, secret=secret) as server, Echo() as service:
        with proxies.ends_tls(
            kind, tmp_path, front, server.control, authority.issue(f"IP:{elsewhere.host}")
        ):
            with peers.spore_client(front, service.port, extra=["--config", str(config)]) as client:
                use(server.public_host, client.port)


@pytest.mark.parametrize("ours", ["client", "server"])
def test_half_close_through_a_proxy(ours, authority, address, elsewhere, tmp_path):
    """Each side understands the end of the other side's TLS."""
    own = authority.issue(f"IP:{address.host}", f"IP:{elsewhere.host}")
    flags = ["--tls", "--cacertfile", authority.path]
    total = size(2 * MIB)
    with Sink() as service:
        if ours == "server":
            front = (elsewhere.host, elsewhere.free_port())
            with peers.spore_server(
                address, extra=["--tls", "--certfile", own.path, "--keyfile", own.key]
            ) as server:
                with proxies.begins_tls("haproxy", tmp_path, front, server.control, authority):
                    with peers.spore_client(front, service.port) as client:
                        _half_close(server.public_host, client.port, total)
        else:
            front = (elsewhere.host, elsewhere.free_port())
            with peers.spore_server(address) as server:
                with proxies.ends_tls("haproxy", tmp_path, front, server.control, own):
                    with peers.spore_client(front, service.port, extra=flags) as client:
                        _half_close(server.public_host, client.port, total)


def _half_close(host, port, total):
    with connect(host, port) as visitor:
        visitor.settimeout(seconds(30))
        digest = Sending(visitor, total, end=False).result()
        end_writing(visitor)
        assert read_to_end(visitor) == f"{total} {digest}\n".encode()
