"""Three seconds for a first frame and for an answer, counted from accept, not from each byte."""

import time

import pytest

from harness.scale import seconds
from harness.sockets import connect
from harness.wire import Tunnel, Wire

pytestmark = pytest.mark.bore_too


def assert_three_seconds(started):
    assert 2.5 < time.monotonic() - started < seconds(5)


def test_silence(server):
    started = time.monotonic()
    with Wire.connect(server.control) as wire:
        wire.expect_end(timeout=8)
    assert_three_seconds(started)


def test_silence_under_a_challenge(secret_server):
    started = time.monotonic()
    with Wire.connect(secret_server.control) as wire:
        wire.receive()
        wire.expect_error("timed out waiting for initial message", timeout=8)
    assert_three_seconds(started)


def test_silence_behind_a_right_tag(secret_server):
    with Wire.connect(secret_server.control) as wire:
        wire.authenticate("s3cret")
        started = time.monotonic()
        wire.expect_end(timeout=8)
    assert_three_seconds(started)


def test_bytes_that_trickle(server):
    started = time.monotonic()
    with Wire.connect(server.control) as wire:
        for _ in range(5):
            wire.send_bytes(b" ")
            with pytest.raises(TimeoutError):
                wire.frame(timeout=0.45 / seconds(1))
        wire.expect_end(timeout=8)
    assert_three_seconds(started)


def test_unfinished_frame_under_a_challenge(secret_server):
    started = time.monotonic()
    with Wire.connect(secret_server.control) as wire:
        wire.receive()
        wire.send_bytes(b'{"Authenticate":"')
        wire.expect_error("timed out waiting for initial message", timeout=8)
    assert_three_seconds(started)


def test_a_control_connection_has_no_deadline(server):
    """After Hello the server expects nothing from a client."""
    with Tunnel(server) as tunnel:
        ends = time.monotonic() + 4
        while time.monotonic() < ends:
            assert tunnel.wire.receive() == "Heartbeat"
        visitor, far = tunnel.join()
        visitor.close()
        far.close()


def test_a_relay_has_no_deadline(server):
    with Tunnel(server) as tunnel:
        visitor, far = tunnel.join()
        visitor.settimeout(4)
        with pytest.raises(TimeoutError):
            visitor.recv(1)
        far.sendall(b"x")
        assert visitor.recv(1) == b"x"


def test_a_hundred_silent_connections_hinder_nobody(server):
    silent = [connect(*server.control) for _ in range(100)]
    try:
        with Tunnel(server) as tunnel:
            visitor, far = tunnel.join()
            visitor.close()
            far.close()
    finally:
        for each in silent:
            each.close()
