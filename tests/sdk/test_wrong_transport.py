"""Transports that break a rule of spore/transport.h: only the connection that they spoil ends.

Each case has a good connection first, which must survive, then the wrong one, and then a client and
a visitor, who must be served. The log names the transport and what it did, and no worker spins.
"""

import contextlib
import time

import pytest

from harness import procfs
from harness.scale import seconds
from harness.services import Echo
from harness.sockets import connect, how_it_ends
from harness.visitors import one_exchange
from harness.waiting import wait_until
from harness.wire import Tunnel, Wire

BULK = b"x" * 20000


def contract(call, what):
    """The line about a broken contract."""
    return (
        r"error transport broke the contract of spore/transport\.h: its connection ends "
        rf'plugin=wrong call={call} error="{call}\(\) {what}'
    )


def refusal(reason):
    return rf'connection refused peer=\S+ reason="{reason}'


def spin(call):
    return contract(call, r"returned SPORE_EAGAIN in \d+ turns of \d+ ms, but no byte moved ")


# ---- what the peer does on the wrong connection. Each gets the good tunnel and the wrong wire.


def say_nothing(_, wire):
    """Waits for the server to end it."""
    assert how_it_ends(wire.sock, timeout=8)[0] == b""


def open_a_tunnel(_, wire):
    with contextlib.suppress(OSError):
        wire.send({"Hello": 0})
    how_it_ends(wire.sock, timeout=8)


def leave(_, wire):
    wire.close()


def carry_bulk(tunnel, wire):
    """It becomes the data connection of a visitor. Both ends send."""
    with tunnel.visit() as visitor:
        wire.send({"Accept": tunnel.wire.connection()})
        with contextlib.suppress(OSError):
            visitor.sendall(BULK)
            wire.sock.sendall(BULK)
        how_it_ends(wire.sock, timeout=8)
        how_it_ends(visitor, timeout=8)


def be_refused(_, wire):
    """The server sends a last message and then its end."""
    wire.send({"Hello": 1})
    how_it_ends(wire.sock, timeout=8)


LATE = {"over": 2000}

# name: (options, what the peer does, a line of the log or None)
CASES = {
    "hs_never": ({}, say_nothing, refusal(r"the transport's handshake timed out \(wrong\)")),
    "hs_other_ticket": ({}, say_nothing, refusal(r"the transport's handshake timed out \(wrong\)")),
    "hs_waits_for_nothing": ({}, say_nothing, contract("handshake", "returned SPORE_EAGAIN with")),
    "hs_positive": ({}, say_nothing, contract("handshake", "returned 5: expected")),
    "hs_spins": ({}, say_nothing, spin("handshake")),
    "hs_fails_mutely": ({}, say_nothing, refusal(r"transport wrong: handshake\(\) returned -11")),
    "rd_much": ({}, open_a_tunnel, contract("readv", r"returned 1000\d\d bytes: its buffers")),
    "rd_huge": ({}, open_a_tunnel, contract("readv", "returned 9223372036854775807 bytes")),
    "rd_unknown": ({}, open_a_tunnel, contract("readv", "returned -9999: expected")),
    "rd_pending": ({}, open_a_tunnel, contract("readv", "returned -2: expected")),
    "rd_waits_for_nothing": ({}, open_a_tunnel, contract("readv", r"returned SPORE_EAGAIN .* 0")),
    "rd_waits_unknown": ({}, open_a_tunnel, contract("readv", r"returned SPORE_EAGAIN .* 64")),
    "late rd_much": (LATE, carry_bulk, contract("readv", r"returned 1\d\d\d\d\d bytes")),
    "late rd_huge": (LATE, carry_bulk, contract("readv", "returned 9223372036854775807")),
    "late rd_unknown": (LATE, carry_bulk, contract("readv", "returned -9999: expected")),
    "rd_spins": ({}, open_a_tunnel, spin("readv")),
    "wr_much": ({}, open_a_tunnel, contract("writev", r"returned 1000\d\d bytes: its buffers")),
    "late wr_much": (LATE, carry_bulk, contract("writev", r"returned 1\d\d\d\d\d bytes: its")),
    "wr_nothing": ({}, open_a_tunnel, contract("writev", "returned 0: expected")),
    "fl_spins": ({}, open_a_tunnel, spin("flush")),
    "fl_positive": ({}, open_a_tunnel, contract("flush", "returned 1: expected")),
    "sh_positive": ({}, be_refused, contract("shutdown", "returned 2: expected")),
    "sh_pending": ({}, be_refused, contract("shutdown", "returned -2: expected")),
    "pending_one": ({}, open_a_tunnel, spin("readv")),
    "pending_huge": ({}, open_a_tunnel, spin("readv")),
    "wakes_itself": ({}, open_a_tunnel, spin("readv")),
    "raw_unknown": ({}, say_nothing, contract("raw", "returned 255: expected at most 3")),
    "close_leaks": ({}, leave, contract("close", "did not close the stream below")),
    "wrap_null": ({}, say_nothing, refusal(r"transport wrong returned no stream: wrap\(\) ret")),
    "wrap_fails": ({}, say_nothing, refusal("transport wrong returned no stream: unknown status")),
    "wrap_no_ops": ({}, say_nothing, refusal("transport wrong returned a stream whose ops are")),
}


def wrong(fault, **options):
    return {"use": "wrong", "fault": fault, **options}


def sockets(server):
    return procfs.descriptors_by_kind(server.process.pid)["socket"]


def serve_another(host, server):
    """A client with a plain transport, which reads and writes the same bytes, and its visitor."""
    with Echo() as service, host.client(server, service) as client:
        assert one_exchange(client.host, client.port) == b"ping"


@pytest.mark.parametrize("case", CASES)
def test_only_its_connection_ends(host, case):
    options, act, line = CASES[case]
    entry = wrong(case.removeprefix("late "), good=1, wrong=1, **options)
    with host.server(transport=[entry]) as server:
        with Tunnel(server) as tunnel:
            before = sockets(server)
            with contextlib.suppress(ConnectionResetError):  # perhaps while it connects
                with Wire.connect(server.control) as wire:
                    act(tunnel, wire)
            server.process.wait_for(line)
            assert procfs.cpu_share(server.process.pid, seconds(1)) < 0.3
            serve_another(host, server)
            wait_until(lambda: sockets(server) == before, "its socket to close")
            with tunnel.visit():
                tunnel.wire.connection()


def test_a_write_that_waits_for_input_harms_nobody(host):
    """This is allowed. The connection waits until it times out."""
    with host.server(transport=[wrong("wr_waits_to_read", wrong=1)]) as server:
        with Wire.connect(server.control) as wire:
            wire.send({"Hello": 0})
            assert procfs.cpu_share(server.process.pid, seconds(1)) < 0.3
            serve_another(host, server)


@pytest.mark.parametrize("order", ["below", "above"])
def test_the_wrong_one_of_a_stack_is_named(host, order):
    """Whatever the other transport makes of the result."""
    good, bad = {"use": "xor", "key": 7}, wrong("rd_huge")
    stack = [bad, good] if order == "below" else [good, bad]
    with host.server(transport=stack) as server, Wire.connect(server.control) as wire:
        wire.send_bytes(b"hello")
        how_it_ends(wire.sock, timeout=8)
        server.process.wait_for(contract("readv", "returned 9223372036854775807 bytes"))


@pytest.mark.parametrize("fault", ["attr_forever", "attr_null"])
def test_facts_without_end_and_without_bytes(host, fault):
    """A blocking auth plugin gets a copy of all facts."""
    auth = [{"use": "blocking", "answer": "s"}]
    with host.server(transport=[wrong(fault, wrong=1)], auth=auth) as server:
        with Wire.connect(server.control) as wire:
            wire.receive()
            wire.send({"Authenticate": "s"}, {"Hello": 0})
            how_it_ends(wire.sock, timeout=3) if fault == "attr_null" else wire.receive()
        if fault == "attr_null":
            server.process.wait_for(contract("attr", "returned a value of 1000 bytes at NULL"))


def test_many_faults_are_a_few_lines(host):
    with host.server(transport=[wrong("rd_huge")]) as server:
        begun = time.monotonic()
        for _ in range(200):
            with Wire.connect(server.control) as wire:
                wire.send({"Hello": 0})
                how_it_ends(wire.sock, timeout=8)
        lasted = time.monotonic() - begun
        line = contract("readv", "returned")
        server.process.wait_for(line)
        found = [text for text in server.process.stderr if "broke the contract" in text]
        assert len(found) <= lasted + 2
        assert lasted < 1 or any("withheld=0" not in text for text in found)


def test_a_client_whose_transport_is_wrong_says_so(host):
    with Echo() as service, host.server() as server:
        client = host.client(server, service, transport=[wrong("rd_much")], listening=False)
        with client.process:
            client.process.wait_for(contract("readv", r"returned 1000\d\d bytes"))
            assert client.process.ended_within(10)
