"""A process with 64 descriptors and hundreds of connections: it does not spin, existing relays
are not harmed, and it serves new ones as soon as the others leave."""

import time

import pytest

from harness.peers import is_timed, spore_client
from harness.procfs import cpu_share, descriptors
from harness.services import Echo
from harness.siege import Siege, sources
from harness.steady import Steady
from harness.visitors import connected, one_exchange
from harness.waiting import wait_until
from harness.wire import Ended, Tunnel

NOFILE = 64
MANY = 200
CPU_SHARE = 0.05
BACK_WITHIN = 1.0

pytestmark = pytest.mark.timeout(90)


def visit(host, port):
    try:
        return one_exchange(host, port) == b"ping"
    except OSError:
        return False


def join(server):
    """Whether a new client gets a port."""
    try:
        with Tunnel(server):
            return True
    except (OSError, Ended, AssertionError):
        return False


def serves_again(what, condition, left):
    """Waits until it serves again, within a second after the strangers have left."""
    wait_until(condition, f"{what} to be served again")
    if is_timed():
        assert (
            time.monotonic() - left < BACK_WITHIN
        ), f"{what}: served after {time.monotonic() - left:.2f} s"


def idles(pid):
    share = cpu_share(pid, 2.0)
    assert share < CPU_SHARE or not is_timed(), f"{share:.1%} of a CPU"


@pytest.mark.parametrize("secret", [None, "s3cret"], ids=["open", "secret"])
@pytest.mark.parametrize(
    "come_from", [sources(1), sources(50), ["127.0.0.1"]], ids=["one", "many", "client's own"]
)
def test_server(start_server, come_from, secret):
    """Idle strangers, strangers that are refused and reconnect, and visitors that send nothing."""
    with start_server(nofile=NOFILE, secret=secret) as server, Echo() as service:
        with spore_client(server.control, service.port, secret=secret) as client:
            with Steady(server.public_host, client.port) as relay:
                with (
                    connected(server.public_host, client.port, MANY),
                    Siege(server.control, idle=MANY, come_from=come_from) as idle,
                    Siege(
                        server.control,
                        idle=MANY,
                        come_from=come_from,
                        say=b"x\0",
                        stay=True,
                        again=0.5,
                    ) as refused,
                ):
                    idles(server.pid)
                    assert descriptors(server.pid) < NOFILE
                    before = relay.exchanges
                    wait_until(lambda: relay.exchanges > before, "the running relay to continue")
                    # On a busy machine we can lose our place among eight strangers before we have
                    # sent anything.
                    assert sum(join(server) for _ in range(10)) >= 5, "no new client got in"
                    idle.leave()
                    refused.leave()
                left = time.monotonic()
                serves_again("a visitor", lambda: visit(server.public_host, client.port), left)
                serves_again("a client", lambda: join(server), left)


def test_server_full_of_tunnels(start_server):
    """Without authentication strangers can take all tunnels. The server survives and recovers."""
    with start_server(nofile=NOFILE) as server, Echo() as service:
        with spore_client(server.control, service.port) as client, Steady(
            server.public_host, client.port
        ):
            with Siege(server.control, idle=MANY, say=b'{"Hello":0}\0') as siege:
                idles(server.pid)
                siege.leave()
            left = time.monotonic()
            serves_again("a client", lambda: join(server), left)
            serves_again("a visitor", lambda: visit(server.public_host, client.port), left)


def test_client(start_server):
    """Only the client has few descriptors; the server sends it all visitors."""
    with start_server() as server, Echo() as service:
        with spore_client(server.control, service.port, nofile=NOFILE) as client:
            with Steady(server.public_host, client.port) as relay:
                with connected(server.public_host, client.port, MANY):
                    wait_until(lambda: service.accepted > 5, "some visitors to be served")
                    idles(client.pid)
                    assert descriptors(client.pid) < NOFILE
                    relay.check()
                left = time.monotonic()
                serves_again("a visitor", lambda: visit(server.public_host, client.port), left)
