"""A client without a free local port declines visitors, which end at once; its log stays short."""

import contextlib
import time

from harness.loopback import BORE_CONTROL_PORT
from harness.network import FarNetwork
from harness.peers import spore_client, spore_server
from harness.scale import seconds
from harness.services import Echo
from harness.sockets import connect, how_it_ends
from harness.visitors import connected, exchange_all

PORTS = 4  # of the client's network, for one address and port


def test_visitors_end_at_once():
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(FarNetwork())
        service = stack.enter_context(Echo(network.here))
        server = stack.enter_context(spore_server(network.here, control_port=BORE_CONTROL_PORT))
        network.set("net.ipv4.ip_local_port_range", f"40000 {40000 + PORTS - 1}")
        client = stack.enter_context(
            spore_client(
                server.control, service.port, local_host=network.here, within=network.within
            )
        )
        # The control connection has one port, and each visitor another one.
        visitors = stack.enter_context(connected(network.here, client.port, PORTS - 1))
        exchange_all(visitors)
        began = time.monotonic()
        for _ in range(20):
            with connect(network.here, client.port) as visitor:
                assert how_it_ends(visitor, timeout=5)[0] == b""
        lasted = time.monotonic() - began
        assert lasted < seconds(3)
        told = client.process.wait_for("connection failed .*no free local port", stream="stderr")
        assert told
        lines = [line for line in client.process.stderr if "connection failed" in line]
        assert len(lines) <= 2 + lasted, lines
        exchange_all(visitors)
