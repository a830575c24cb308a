"""Reloads under load: neither valid nor wrong ones affect a relay, and no resource is leaked.

SPORE_RELOADS in the environment sets the number of reloads.
"""

import contextlib
import itertools
import json
import os
import re

import pytest

from harness import procfs
from harness.flock import Flock
from harness.outside import build_door
from harness.peers import Client, is_sanitized, spore_binary
from harness.process import Process
from harness.reloading import Reloading
from harness.scale import KIB, count
from harness.services import Echo
from harness.visitors import connected, exchange_all, finish_all
from harness.waiting import wait_until

RELOADS = int(os.environ.get("SPORE_RELOADS") or count(100, least=20))
RELAYS, TUNNELS, CLIENTS = count(500, least=50), count(50, least=10), 5
PLUGIN = "/memfd:spore-plugin (deleted)"
HMAC = [{"use": "hmac", "secret": "one"}]
GOOD = [
    HMAC,
    [{"use": "multi_secret", "secrets": {"bob": "two", "alice": "one"}}],
    [{"use": "door", "build": "guest"}],
]
# Mistakes and their messages (a log escapes quotes). Each is found in a later step of the reload.
BAD = [
    ('{ "auth": [', r"error: expected"),
    (
        {"auth": HMAC, "limits": {"max_tunnels": "many"}},
        r"error: /limits/max_tunnels: expected a whole number",
    ),
    (
        {"auth": [{"use": "dor"}]},
        r"error: /auth/0/use: unknown auth plugin .*: did you mean .*door",
    ),
    (
        {"auth": [*HMAC, {"use": "hmac", "secret": {"file": "absent"}}]},
        r"error: /auth/1/secret.*absent",
    ),
    (
        {"auth": [*HMAC, {"use": "door", "build": "another"}]},
        r"error: /auth/1/build: this is the build .*guest",
    ),
]


@contextlib.contextmanager
def tunnels_of(server, service, number, folder):
    """A client with several tunnels, and their public ports."""
    config = {
        "client": {"to": server.control[0], "control_port": server.control[1], "workers": 1},
        "tunnels": [{"local": f"{service.host}:{service.port}"}] * number,
        "auth": HMAC,
    }
    folder.mkdir()
    path = folder / "client.json"
    path.write_text(json.dumps(config))
    with Client(
        "spore", Process([spore_binary(), "local", "--config", path], name="spore local")
    ) as client:
        client.process.wait_for("listening at", stream="stdout", times=number)
        yield [int(line.rpartition(":")[2]) for line in client.process.stdout]
        assert not any(
            "tunnel lost" in line for line in client.process.stderr
        ), client.process.log()


def visit_each(host, ports):
    """A new visitor through each tunnel, all at the same time."""
    with contextlib.ExitStack() as stack:
        visitors = [stack.enter_context(connected(host, port, 1))[0] for port in ports]
        exchange_all(visitors, length=256)
        finish_all(visitors)


class Swapping:
    """A server that is reloaded again and again, with three kinds of authentication in turn or a
    mistake."""

    def __init__(self, folder, address):
        build_door(folder / "auth_door.so", "guest")
        self.plugins = {"path": [str(folder)]}
        self.running = Reloading(folder, address, plugins=self.plugins, auth=HMAC)
        self.good, self.bad = itertools.cycle(GOOD), itertools.cycle(BAD)

    def swap(self):
        self.running.swap(plugins=self.plugins, auth=next(self.good))

    def refuse(self):
        config, what = next(self.bad)
        said = self.running.refuse(
            config if isinstance(config, str) else {"plugins": self.plugins, **config}
        )
        assert re.search(what, said), said


def load(swapping, folder, reloads):
    """Reloads while all relays run; every fifth reload is a wrong one."""
    running = swapping.running
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(Echo())
        ports = []
        for i in range(CLIENTS):
            ports += stack.enter_context(
                tunnels_of(running.server, service, TUNNELS // CLIENTS, folder / f"{i}")
            )
        flock = stack.enter_context(Flock(running.host, ports, RELAYS))
        for i in range(reloads):
            swapping.refuse() if i % 5 == 4 else swapping.swap()
            visit_each(running.host, ports)
            flock.check()
        flock.leave()
        assert flock.total >= RELAYS
        assert service.accepted == RELAYS + reloads * len(ports)


def held(server):
    """The descriptors except pipes: workers keep a few pipes for the next relay."""
    kinds = procfs.descriptors_by_kind(server.pid)
    del kinds["pipe"]
    return kinds


@pytest.mark.timeout(60 + RELOADS)
def test_swap_under_load(tmp_path, address):
    swapping = Swapping(tmp_path, address)
    with swapping.running.server as server:
        start = held(server)
        start[PLUGIN] += 2  # loaded by a reload; they stay loaded
        # Load before the measurement: an allocator keeps memory after many relays, also without
        # reloads.
        load(swapping, tmp_path / "first", 5 * len(BAD))
        wait_until(lambda: held(server) == start, "the descriptors of the start")
        before = procfs.anonymous_memory(server.pid)
        load(swapping, tmp_path / "measured", RELOADS)
        wait_until(lambda: held(server) == start, "the descriptors of the start")
        grown = procfs.anonymous_memory(server.pid) - before
        assert is_sanitized() or grown < 512 * KIB, f"{grown} bytes more after {RELOADS} reloads"
