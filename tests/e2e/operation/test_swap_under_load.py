"""Reloads under load: neither valid nor wrong ones affect a relay, and no resource is leaked.

SPORE_RELOADS in the environment sets the number of reloads.
"""

import contextlib
import itertools
import json
import os
import pathlib
import re

import pytest

from harness import procfs
from harness.flock import Flock
from harness.outside import build_door
from harness.passwords import htpasswd
from harness.peers import Client, is_sanitized, spore_binary
from harness.process import Process
from harness.reloading import Reloading
from harness.scale import KIB, count
from harness.services import Echo
from harness.signing import ssh_keygen
from harness.visitors import connected, exchange_all, finish_all
from harness.waiting import wait_until
from harness.web_service import SECRETS, WebService, judge, key_of

RELOADS = int(os.environ.get("SPORE_RELOADS") or count(100, least=20))
RELAYS, TUNNELS, CLIENTS = count(500, least=50), count(50, least=10), 5
WORKERS = 2
MAY_GROW = 512 * KIB  # during RELOADS reloads
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
def tunnels_of(server, service, number, folder, **sections):
    """A client with several tunnels, and their public ports."""
    config = {
        "client": {"to": server.control[0], "control_port": server.control[1], "workers": 1},
        "tunnels": [{"local": f"{service.host}:{service.port}"}] * number,
        **sections,
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
    mistake. One client has a password, whose instance is the first of each chain; one has a key,
    and a web service knows the secret of another: their instances are the last of each chain. The
    others have a secret."""

    def __init__(self, folder, address, web):
        build_door(folder / "auth_door.so", "guest")
        build = pathlib.Path(spore_binary()).parent
        self.common = {
            "plugins": {"path": [str(folder), str(build / "test-plugins")]},
            "transport": [{"use": "trusted"}],
        }
        (folder / "users").write_text(htpasswd("alice", "correct horse"))
        (folder / "team").write_text(ssh_keygen(folder / "key"))
        self.passwords = [{"use": "htpasswd", "file": "users"}]
        self.keys = [{"use": "pubkey", "authorized_keys": ["team"], "names": [address.host]}]
        url = f"http://{address.host}:{web.port}/"
        self.keys.append({"use": "http", "url": url})
        self.clients = [
            [{"use": "pubkey", "keyfile": str(folder / "key")}],
            [{"use": "password", "identity": "alice", "password": "correct horse"}],
            [{"use": "hmac", "secret": SECRETS["alice"]}],
            *[HMAC] * (CLIENTS - 3),
        ]
        self.running = Reloading(
            folder,
            address,
            extra=["--workers", str(WORKERS)],
            auth=self.chain(HMAC),
            **self.common,
        )
        self.good, self.bad = itertools.cycle(GOOD), itertools.cycle(BAD)

    def chain(self, auth):
        return self.passwords + auth + self.keys

    def swap(self):
        self.running.swap(auth=self.chain(next(self.good)), **self.common)

    def refuse(self):
        config, what = next(self.bad)
        said = self.running.refuse(config if isinstance(config, str) else {**self.common, **config})
        assert re.search(what, said), said


def load(swapping, folder, reloads):
    """Reloads while all relays run; every fifth reload is a wrong one."""
    running = swapping.running
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(Echo())
        ports = []
        for i, auth in enumerate(swapping.clients):
            client = tunnels_of(
                running.server,
                service,
                TUNNELS // CLIENTS,
                folder / f"{i}",
                auth=auth,
                **swapping.common,
            )
            ports += stack.enter_context(client)
        flock = stack.enter_context(Flock(running.host, ports, RELAYS))
        for i in range(reloads):
            swapping.refuse() if i % 5 == 4 else swapping.swap()
            visit_each(running.host, ports)
            flock.check()
        flock.leave()
        assert flock.total >= RELAYS
        assert service.accepted == RELAYS + reloads * len(ports)


def held(server):
    """The descriptors except pipes, since workers keep a few for the next relay, and except those
    of epoll, since a worker gets one when an instance first watches a descriptor there."""
    kinds = procfs.descriptors_by_kind(server.pid)
    del kinds["pipe"], kinds["anon_inode:[eventpoll]"]
    return kinds


def find_growth(swapping, server, folder):
    """The bytes by which reloads under load make the server's memory grow.

    A worker touches the buffers of its io_uring, 1 MiB, when several connections are ready in one
    turn for the first time. The load of the machine decides when that is. So the memory may grow
    once for each worker, but a leak grows each time."""
    start = held(server)
    for i in range(WORKERS + 1):
        before = procfs.anonymous_memory(server.pid)
        load(swapping, folder / f"measured-{i}", RELOADS)
        wait_until(lambda: held(server) == start, "the descriptors of the start")
        grown = procfs.anonymous_memory(server.pid) - before
        if grown < MAY_GROW or is_sanitized():
            return grown
    return grown


@pytest.mark.timeout((WORKERS + 1) * (60 + RELOADS))
def test_swap_under_load(tmp_path, address):
    reply = judge(key=key_of(SECRETS["alice"]))
    with contextlib.ExitStack() as stack:
        web = stack.enter_context(WebService((address.host, 0), reply, keep=False))
        swapping = Swapping(tmp_path, address, web)
        server = stack.enter_context(swapping.running.server)
        start = held(server)
        # Load before the measurement: an allocator keeps memory after many relays, also without
        # reloads.
        load(swapping, tmp_path / "first", 5 * len(BAD))
        wait_until(lambda: held(server) == start, "the descriptors of the start")
        grown = find_growth(swapping, server, tmp_path)
        assert is_sanitized() or grown < MAY_GROW, f"{grown} bytes more after {RELOADS} reloads"
