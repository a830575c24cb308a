"""TLS above and below a difficult transport: no byte is lost, doubled or moved.

The XOR transport moves a byte at a time, holds some back, and returns "would block" from half of
its calls, for either direction.
"""

import contextlib
import time

import pytest

from harness.bulk import Sending, receive_pattern, send_pattern
from harness.scale import KIB, MIB, seconds, size
from harness.services import Echo, Inbox, Sink, Source
from harness.sockets import connect, end_writing, how_it_ends, read_exactly, read_to_end, reset
from harness.visitors import connected, exchange_all, finish_all, one_exchange
from harness.waiting import wait_until


def xor(**options):
    return {"use": "xor", **options}


# Bytes that each stack can carry in reasonable time.
WAYS = {
    "whole": ({}, 8 * MIB),
    "byte_by_byte": ({"chunk": 1}, 24 * KIB),
    "held": ({"hold": 64}, 1 * MIB),
    "stutter": ({"stutter": True}, 4 * MIB),
    "stutter_byte_by_byte": ({"chunk": 1, "stutter": True}, 24 * KIB),
    "all": ({"chunk": 3, "hold": 5, "stutter": True, "handshake": "thread"}, 32 * KIB),
}
ORDERS = ["below", "above", "both"]


@pytest.fixture
def tls(authority, address):
    """(entry of the server, entry of the client)."""
    certificate = authority.issue(f"IP:{address.host}")
    return (
        {"use": "tls", "certfile": certificate.path, "keyfile": certificate.key},
        {"use": "tls", "cacertfile": authority.path},
    )


def stack(entry, order, other):
    below = [other] if order in ("below", "both") else []
    above = [{**other, "key": 7}] if order in ("above", "both") else []
    return [*below, entry, *above]


@pytest.fixture(params=[(order, way) for order in ORDERS for way in WAYS], ids="-".join)
def way(request, tls):
    """(stack of the server, stack of the client, number of bytes to send)."""
    order, name = request.param
    options, total = WAYS[name]
    total = total // 2 if order == "both" else total
    return (
        stack(tls[0], order, xor(**options)),
        stack(tls[1], order, xor(**options)),
        size(total, least=8 * KIB),
    )


@contextlib.contextmanager
def tunnel(host, service, server_stack, client_stack, **options):
    with host.server(transport=server_stack, **options) as server:
        with host.client(server, service, transport=client_stack, workers=2) as client:
            yield client


def test_what_a_visitor_sends_arrives(host, way):
    *stacks, total = way
    with Sink() as service, tunnel(host, service, *stacks) as client, connect(
        client.host, client.port
    ) as visitor:
        visitor.settimeout(seconds(50))
        digest = send_pattern(visitor, total)
        end_writing(visitor)
        assert read_to_end(visitor) == f"{total} {digest}\n".encode()
        assert service.result() == (total, digest)


def test_what_a_service_sends_arrives(host, way):
    *stacks, total = way
    with Source(total) as service, tunnel(host, service, *stacks) as client:
        with connect(client.host, client.port) as visitor:
            visitor.settimeout(seconds(50))
            length, digest = receive_pattern(visitor)
            end_writing(visitor)
            sent, (back, _) = service.result()
            assert (length, digest, back) == (total, sent, 0)


def test_both_ways_at_once(host, way):
    *stacks, total = way
    with Echo() as service, tunnel(host, service, *stacks) as client, connect(
        client.host, client.port
    ) as visitor:
        visitor.settimeout(seconds(50))
        sending = Sending(visitor, total, end=True)
        assert receive_pattern(visitor) == (total, sending.result())


def test_half_close_in_both_directions(host, way):
    with Inbox() as service, tunnel(host, service, *way[:2]) as client:
        with connect(client.host, client.port) as visitor:
            visitor.sendall(b"question")
            end_writing(visitor)
            with service.take() as served:
                assert read_to_end(served) == b"question"
                served.sendall(b"answer")
                end_writing(served)
                assert read_to_end(visitor) == b"answer"


@pytest.mark.parametrize("who", ["visitor", "service"])
@pytest.mark.parametrize("order", ORDERS)
def test_a_reset_is_passed_on(host, tls, order, who):
    stacks = [stack(entry, order, xor(hold=64, stutter=True)) for entry in tls]
    with Inbox() as service, tunnel(host, service, *stacks) as client:
        with connect(client.host, client.port) as visitor:
            visitor.sendall(b"hello")
            served = service.take()
            assert read_exactly(served, 5) == b"hello"
            near, far = (visitor, served) if who == "visitor" else (served, visitor)
            reset(near)
            assert how_it_ends(far)[1] == "reset"


@pytest.mark.parametrize("order", ORDERS)
def test_back_pressure(host, tls, order):
    """A service that does not read stops the visitor; all arrives once it reads."""
    total = size(16 * MIB)
    stacks = [stack(entry, order, xor(hold=64)) for entry in tls]
    with Inbox(receive_buffer=65536) as service, tunnel(host, service, *stacks) as client:
        with connect(client.host, client.port) as visitor:
            visitor.settimeout(seconds(50))
            sending = Sending(visitor, total, end=True)
            with service.take() as served:
                time.sleep(seconds(0.5))
                served.settimeout(seconds(50))
                assert receive_pattern(served) == (total, sending.result())


@pytest.mark.parametrize("order", ORDERS)
def test_many_visitors_at_once(host, tls, order):
    other = xor(handshake="thread", chunk=100, hold=30, stutter=True)
    stacks = [stack(entry, order, other) for entry in tls]
    with Echo() as service, tunnel(host, service, *stacks) as client:
        with connected(client.host, client.port, 40) as visitors:
            exchange_all(visitors)
            finish_all(visitors)
        wait_until(lambda: service.open == 0, "the echoes to end")


def test_tls_in_tls(host, tls):
    with Echo() as service, tunnel(host, service, [tls[0], tls[0]], [tls[1], tls[1]]) as client:
        assert (
            one_exchange(client.host, client.port, b"wrapped twice" * 1000)
            == b"wrapped twice" * 1000
        )
