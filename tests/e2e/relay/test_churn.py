"""Very many short connections leak no resource.

SPORE_VISITORS in the environment sets how many visitors the load generator plays; 1000000 makes a
long run.
"""

import concurrent.futures
import os

import pytest

from harness import load, procfs
from harness.peers import is_sanitized, spore_client
from harness.scale import MIB, count
from harness.services import Echo
from harness.sockets import connect, reset
from harness.visitors import one_exchange
from harness.waiting import wait_until
from harness.wire import Tunnel, Wire

AT_ONCE = 8
VISITORS = int(os.environ.get("SPORE_VISITORS") or 20_000)
LOAD_TIMEOUT_S = 120 + VISITORS / 200

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def churn(host, port, number):
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for answered in pool.map(
            lambda index: one_exchange(host, port, b"visit %d" % index), range(number)
        ):
            assert answered.startswith(b"visit ")


@pytest.mark.over_tls_too
def test_visitors(secret_server):
    with Echo() as service:
        with spore_client(secret_server.control, service.port, secret="s3cret") as client:
            pids = (secret_server.pid, client.pid)
            churn(secret_server.public_host, client.port, count(1000, least=200))
            descriptors = {pid: _settled(pid) for pid in pids}
            memory = {pid: procfs.anonymous_memory(pid) for pid in pids}
            churn(secret_server.public_host, client.port, count(1500, least=500))
            for pid in pids:
                # A connection of each visitor at the same time may be kept for the next one.
                wait_until(
                    lambda: procfs.descriptors(pid) <= descriptors[pid] + AT_ONCE,
                    f"as few descriptors as before ({descriptors[pid]})",
                )
                if not is_sanitized():
                    assert procfs.anonymous_memory(pid) - memory[pid] < 1 * MIB


@pytest.mark.timeout(60 + 2 * LOAD_TIMEOUT_S)
@pytest.mark.over_tls_too
def test_very_many_visitors(start_server, over):
    """They come one after another on a few connections between server and client."""
    if is_sanitized():
        pytest.skip("a sanitizer keeps what was freed, and is slow")
    with load.LoadService() as service, start_server(bind_tunnels="127.0.0.1") as server:
        with spore_client(server.control, service.port) as client:
            halves = {"server": server.pid, "client": client.pid}
            load.churn(client.port, max(VISITORS // 10, 2000), AT_ONCE, LOAD_TIMEOUT_S)
            before = {half: _usage(pid) for half, pid in halves.items()}
            rate = load.churn(client.port, VISITORS, AT_ONCE, LOAD_TIMEOUT_S)
            after = {half: _usage(pid) for half, pid in halves.items()}
    print(f"VISITORS {VISITORS} over {over}, {rate:.0f} a second")
    for half in halves:
        changes = (f"{name} {before[half][name]} to {after[half][name]}" for name in before[half])
        print(f"VISITORS {half}:", ", ".join(changes))
    for half, usage in after.items():
        assert usage["descriptors"] <= before[half]["descriptors"] + AT_ONCE
        assert usage["anonymous"] - before[half]["anonymous"] < 1 * MIB


def _usage(pid):
    return {
        "descriptors": _settled(pid),
        "anonymous": procfs.anonymous_memory(pid),
        "proportional": procfs.proportional_memory(pid),
    }


def _settled(pid):
    """The number of descriptors after finished relays were closed."""
    last = [None]

    def steady():
        now = procfs.descriptors(pid)
        same = now == last[0]
        last[0] = now
        return same and now

    return wait_until(steady, "a steady number of descriptors", interval=0.3)


def test_clients(secret_server):
    def one(_):
        with Tunnel(secret_server) as tunnel:
            visitor, far = tunnel.join()
            visitor.close()
            far.close()

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(count(200, least=50))))
        before = _settled(secret_server.pid)
        memory = procfs.anonymous_memory(secret_server.pid)
        list(pool.map(one, range(count(1000, least=100))))
    wait_until(
        lambda: procfs.descriptors(secret_server.pid) <= before,
        f"as few descriptors as before ({before})",
    )
    if not is_sanitized():
        assert procfs.anonymous_memory(secret_server.pid) - memory < 1 * MIB


def test_connect_and_reset(server):
    """Connections like those of a port scanner, on the control port and on a public port."""
    with Tunnel(server) as tunnel:
        before = _settled(server.pid)
        for _ in range(count(1000, least=100)):
            reset(connect(*server.control))
        for _ in range(count(100, least=20)):
            reset(tunnel.visit())
        # Visitors that have left may keep their ids for ten seconds.
        wait_until(
            lambda: procfs.descriptors(server.pid) <= before,
            "as few descriptors as before",
            timeout=20,
        )
        tunnel.announced()
        visitor, far = tunnel.join()
        visitor.sendall(b"ping")
        assert far.recv(4) == b"ping"


def test_refused_clients(secret_server):
    with Tunnel(secret_server):
        before = _settled(secret_server.pid)
        for _ in range(count(500, least=50)):
            with Wire.connect(secret_server.control) as wire:
                wire.receive()
                wire.send({"Hello": 0})
                wire.expect_error("server requires secret, but no secret was provided")
        wait_until(
            lambda: procfs.descriptors(secret_server.pid) <= before, "as few descriptors as before"
        )
