"""Heartbeats: at once, and at most half a second apart."""

import time

import pytest

from harness.scale import seconds
from harness.wire import Tunnel

pytestmark = pytest.mark.bore_too


def test_first_comes_at_once(server):
    with Tunnel(server) as tunnel:
        started = time.monotonic()
        assert tunnel.wire.receive() == "Heartbeat"
        assert time.monotonic() - started < seconds(0.4)


def test_the_others_are_at_most_half_a_second_apart(server):
    with Tunnel(server) as tunnel:
        arrivals = []
        for _ in range(6):
            assert tunnel.wire.receive() == "Heartbeat"
            arrivals.append(time.monotonic())
    gaps = [after - before for before, after in zip(arrivals, arrivals[1:])]
    assert max(gaps) < seconds(0.9), gaps
    # There are not too many of them either.
    assert arrivals[-1] - arrivals[0] > 1, gaps


def test_they_go_on_while_visitors_come(server):
    with Tunnel(server) as tunnel:
        visitors = []
        last = time.monotonic()
        longest = 0
        ends = time.monotonic() + 2
        try:
            while time.monotonic() < ends:
                if len(visitors) < 50:
                    visitors.append(tunnel.visit())
                if tunnel.wire.receive() == "Heartbeat":
                    longest = max(longest, time.monotonic() - last)
                    last = time.monotonic()
        finally:
            for visitor in visitors:
                visitor.close()
    assert longest < seconds(0.9)


def test_each_tunnel_has_its_own(server):
    with Tunnel(server) as one, Tunnel(server) as two, Tunnel(server) as three:
        for _ in range(3):
            for tunnel in (one, two, three):
                assert tunnel.wire.receive() == "Heartbeat"
