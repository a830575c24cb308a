"""What visitors that do not read cost in the memory of both ends, and the key that bounds it."""

import json
import select
import socket

import pytest

from harness import procfs
from harness.peers import is_sanitized, spore_client, spore_server
from harness.scale import seconds
from harness.services import Inbox

VISITORS = 50
# What a relay needs without any bytes, and the allocator.
BESIDE = 8 * 1024
# Fixed buffers of the sockets. Few descriptors, so few pipes: the bytes wait in the process.
BUFFERS = ["--sndbuf", 65536, "--recbuf", 1048576]
FEW = 512


def flood(services):
    """Sends to all until none of them takes a byte for a while."""
    piece = bytes(64 * 1024)
    for service in services:
        service.setblocking(False)
    poll = select.poll()
    for service in services:
        poll.register(service, select.POLLOUT)
    by_number = {service.fileno(): service for service in services}
    while ready := poll.poll(seconds(0.3) * 1000):
        for number, _ in ready:
            try:
                by_number[number].send(piece)
            except BlockingIOError:
                pass


def stalled_memory(address, configs):
    """How much memory each stalled visitor takes: {"server": bytes, "client": bytes}."""
    options = {"nofile": FEW}
    with spore_server(
        address, extra=BUFFERS + configs["server"], **options
    ) as server, Inbox() as service, spore_client(
        server.control, service.port, extra=BUFFERS + configs["client"], **options
    ) as client:
        before = {each: procfs.anonymous_memory(each.pid) for each in (server, client)}
        visitors = []
        try:
            for _ in range(VISITORS):
                visitor = socket.socket()
                visitors.append(visitor)
                visitor.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                visitor.connect((server.public_host, client.port))
                service.take()
            flood(service.taken)
            after = {each: procfs.anonymous_memory(each.pid) for each in (server, client)}
        finally:
            for visitor in visitors:
                visitor.close()
    return {
        "server": (after[server] - before[server]) / VISITORS,
        "client": (after[client] - before[client]) / VISITORS,
    }


def test_relay_buffer_bounds_what_stalled_visitors_cost(address, tmp_path):
    if is_sanitized():
        pytest.skip("a sanitizer's allocator takes more than the relays")
    configs = {}
    for section in ("server", "client"):
        path = tmp_path / f"{section}.json"
        path.write_text(json.dumps({section: {"relay_buffer": "8k"}}))
        configs[section] = ["--config", path]
    free = stalled_memory(address, {"server": [], "client": []})
    bound = stalled_memory(address, configs)
    print(f"per stalled visitor: {free}, with relay_buffer 8k: {bound}")
    for end in ("server", "client"):
        assert bound[end] <= 8 * 1024 + BESIDE
    assert sum(free.values()) >= 2 * sum(bound.values()), "enough has stalled to measure"
