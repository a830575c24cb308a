"""A visitor that nobody accepts is closed after ten seconds."""

import time

import pytest

from harness import procfs
from harness.scale import seconds
from harness.sockets import end_writing, how_it_ends, read_exactly
from harness.waiting import wait_until
from harness.wire import Tunnel

pytestmark = [pytest.mark.slow, pytest.mark.bore_too]


@pytest.mark.parametrize("manner", ["silent", "talking", "half closed"])
def test_visitor_is_closed_and_named_in_the_log(server, manner):
    with Tunnel(server) as tunnel, tunnel.visit() as visitor:
        identity = tunnel.wire.connection()
        started = time.monotonic()
        if manner == "talking":
            visitor.sendall(b"hello?")
        if manner == "half closed":
            end_writing(visitor)
        assert how_it_ends(visitor, timeout=16)[0] == b""
        assert 9 < time.monotonic() - started < seconds(14)
        server.process.wait_for(rf"removed stale connection.*{identity}")
        with tunnel.dial() as late:
            late.send({"Accept": identity})
            late.expect_end(timeout=2)


def test_an_id_is_good_for_nine_seconds(server):
    with Tunnel(server) as tunnel, tunnel.visit() as visitor:
        identity = tunnel.wire.connection()
        ends = time.monotonic() + 8
        while time.monotonic() < ends:
            assert tunnel.wire.receive() == "Heartbeat"
        far = tunnel.accept(identity, b"in time")
        assert read_exactly(visitor, 7) == b"in time"
        # The deadline no longer applies to the relay.
        visitor.settimeout(4)
        with pytest.raises(TimeoutError):
            visitor.recv(1)
        far.sendall(b"!")
        assert read_exactly(visitor, 1) == b"!"


def test_many_that_expire_leave_no_descriptor(server):
    with Tunnel(server) as tunnel:
        visitors = [tunnel.visit() for _ in range(100)]
        for _ in visitors:
            tunnel.wire.connection()
        held = procfs.descriptors(server.pid)
        for visitor in visitors:
            assert how_it_ends(visitor, timeout=16)[0] == b""
            visitor.close()
        if server.kind == "spore":
            lines = [line for line in server.process.stderr if "removed stale" in line]
            assert 1 <= len(lines) <= 5, lines
        wait_until(
            lambda: procfs.descriptors(server.pid) <= held - 100,
            "a hundred descriptors to be closed",
        )
