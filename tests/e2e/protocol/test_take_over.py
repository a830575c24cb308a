"""A client takes over its own port from a silent connection, and the port stays open meanwhile."""

import contextlib
import re
import signal
import socket
import threading
import time

import pytest

from harness.loopback import BORE_CONTROL_PORT
from harness.network import FarNetwork
from harness.peers import spore_client, spore_server, start_client
from harness.scale import seconds
from harness.services import Echo
from harness.slow_network import SlowNetwork
from harness.visitors import one_exchange
from harness.waiting import wait_until
from harness.wire import Tunnel, Wire

MOVED = r"client left.*it no longer answers; its port moves to the new connection"


@pytest.fixture
def network():
    with FarNetwork() as far:
        yield far


class Knocking:
    """Connects to a port continuously and counts refused connections."""

    def __init__(self, host, port):
        self._target = (host, port)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.accepted = self.refused = 0

    def _run(self):
        while not self._over.wait(0.02):
            try:
                with socket.create_connection(self._target, timeout=seconds(5)):
                    self.accepted += 1
            except ConnectionRefusedError:
                self.refused += 1

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


def test_from_a_stopped_client(address):
    """The old client's kernel answers, but its heartbeats are missing. The port is open all the
    time."""
    with Echo() as service, spore_server(address, secret="s3cret") as server:
        with spore_client(server.control, service.port, secret="s3cret") as silent:
            assert one_exchange(address.host, silent.port) == b"ping"
            silent.process.signal(signal.SIGSTOP)
            with spore_client(
                server.control,
                service.port,
                secret="s3cret",
                port=silent.port,
                extra=["--retry"],
                listening=False,
            ) as heir:
                with Knocking(address.host, silent.port) as visitors:
                    heir.wait_listening()
                    assert heir.port == silent.port
                    assert one_exchange(address.host, heir.port) == b"ping"
            server.process.wait_for(MOVED, stream="stderr")
            assert (visitors.refused, visitors.accepted > 20) == (0, True)
            silent.process.signal(signal.SIGCONT)


@pytest.mark.parametrize("kind", ["spore", "bore"])
def test_from_a_client_whose_network_is_gone(network, kind):
    """The old client is bore, which promises no heartbeats. Only the silence of its kernel shows
    the loss."""
    with Echo() as service, spore_server(network.here, control_port=BORE_CONTROL_PORT) as server:
        with start_client(kind, server.control, 9, within=network.within) as lost:
            network.cut()
            with spore_client(
                server.control, service.port, port=lost.port, extra=["--retry"]
            ) as heir:
                assert heir.port == lost.port
                server.process.wait_for(MOVED, stream="stderr")
                assert one_exchange(network.here, heir.port) == b"ping"
            lost.process_was_ended = True


def ask_again(server, port):
    """The connection of a new client that got the port, or None."""
    wire = Wire.connect(server.control)
    wire.send({"Hello": port})
    if wire.receive() == {"Hello": port}:
        return wire
    wire.close()
    return None


def test_across_workers(address):
    """Mostly the old and the new connection are on different threads."""
    with spore_server(address, extra=["--workers", "4"]) as server, contextlib.ExitStack() as stack:
        silent = [stack.enter_context(Tunnel(server)) for _ in range(12)]
        for each in silent:
            each.wire.send({"Extend": {"heartbeat_ms": 4000}})
        for each in silent:
            heir = wait_until(
                lambda port=each.port: ask_again(server, port), "the port", timeout=15
            )
            stack.callback(heir.close)
        gone = server.process.wait_for(
            rf"{MOVED}|its heartbeats have stopped", stream="stderr", times=12
        )
        assert gone and any(re.search(MOVED, line) for line in server.process.stderr)


def test_never_from_one_that_answers(address):
    """A client without heartbeats whose kernel answers keeps its port, even if it sends nothing."""
    with spore_server(address) as server, Tunnel(server) as quiet:
        until = time.monotonic() + 6
        while time.monotonic() < until:
            assert ask_again(server, quiet.port) is None
            time.sleep(0.2)


class LosesForAWhile:
    """Drops what the server sends to one port, from the first packet on, for some seconds."""

    def __init__(self, port, for_s):
        self._port, self._for_s, self._began = port, for_s, None
        self.lost = 0

    def __call__(self, packet):
        if not packet.outbound or packet.target != self._port or packet.size == 0:
            return False
        self._began = self._began or time.monotonic()
        is_lost = time.monotonic() - self._began < self._for_s
        self.lost += is_lost
        return is_lost


def test_never_from_a_clone_on_a_slow_link():
    """Two clients have one configuration, and a heartbeat to the first one has to be repeated.

    The first one was heard long before this heartbeat, which is no silence.
    """
    with SlowNetwork(delay=0.1) as network, spore_server(
        network.here, "s3cret", control_port=BORE_CONTROL_PORT
    ) as server:
        options = {"within": network.within, "secret": "s3cret"}
        with spore_client(server.control, 9, extra=["--tunnel-name", "web"], **options) as first:
            time.sleep(2.2)
            network.drops = LosesForAWhile(network.far_ports[0], for_s=1.2)
            with spore_client(
                server.control, 9, port=first.port, extra=["--retry"], listening=False, **options
            ) as second:
                second.process.wait_for(
                    f"port already in use: the tunnel .*web.* of a client at {network.there} "
                    "has had it for [2-9] s",
                    stream="stderr",
                )
                second.process.wait_for("trying again.*tries=4", stream="stderr")
                assert network.drops.lost >= 2
                assert not re.search("client left", "\n".join(server.process.stderr))
                assert second.process.stdout == []
            refused = [line for line in server.process.stderr if "client refused" in line]
            assert len(refused) == 1 and f"port={first.port} " in refused[0], refused
