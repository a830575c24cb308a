"""5,000 idle strangers and 5,000 that send a byte a second: honest clients are still served."""

import time

import pytest

from harness.loopback import Loopback
from harness.peers import is_timed, spore_client, spore_server
from harness.procfs import cpu_seconds, raise_open_file_limit
from harness.scale import count
from harness.services import Echo
from harness.siege import Siege, sources
from harness.steady import Steady
from harness.visitors import one_exchange
from harness.waiting import wait_until
from harness.wire import Tunnel

CPU_SHARE = 0.05
P99 = 0.1
BACK_WITHIN = 1.0
HANDSHAKES = 120

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def handshake(server):
    """The time from connect to the server's Hello."""
    begun = time.monotonic()
    with Tunnel(server):
        return time.monotonic() - begun


def percentile(times, part):
    return sorted(times)[int(len(times) * part)]


def visit(host, port):
    try:
        return one_exchange(host, port) == b"ping"
    except OSError:
        return False


def measured(server, undisturbed):
    """Honest handshakes, and the server's CPU time for them and for the strangers.

    The same handshakes go to an undisturbed server: a slow machine delays those too.
    """
    times, at_peace = [], []
    cpu, begun = cpu_seconds(server.pid), time.monotonic()
    for _ in range(HANDSHAKES):
        times.append(handshake(server))
        at_peace.append(handshake(undisturbed))
        time.sleep(0.03)
    share = (cpu_seconds(server.pid) - cpu) / (time.monotonic() - begun)
    if is_timed():
        assert share < CPU_SHARE, f"{share:.1%} of a CPU"
        assert percentile(times, 0.99) < max(P99, 3 * percentile(at_peace, 0.99))


@pytest.mark.parametrize(
    "come_from", [sources(1), sources(200), ["127.0.0.1"]], ids=["one", "many", "client's own"]
)
def test_honest_ones_are_served(secret_server, come_from):
    server, secret = secret_server, "s3cret"
    each = min(count(5000, least=500), (raise_open_file_limit() - 1000) // 2)
    with (
        Loopback() as elsewhere,
        spore_server(elsewhere, secret=secret) as undisturbed,
        Echo() as service,
        spore_client(server.control, service.port, secret=secret) as client,
        Steady(server.public_host, client.port) as relay,
    ):
        with Siege(server.control, idle=each, drip=each, come_from=come_from) as siege:
            measured(server, undisturbed)
            relay.check()
            siege.leave()
        left = time.monotonic()
        wait_until(lambda: visit(server.public_host, client.port), "a visitor to be served")
        handshake(server)
        assert time.monotonic() - left < BACK_WITHIN or not is_timed()
