"""server.io and client.io: visitors are carried by io_uring or by epoll, with the same result."""

import hashlib
import random
import threading

import pytest

from harness import procfs
from harness.peers import spore_client, spore_server
from harness.scale import count
from harness.services import Echo
from harness.sockets import read_exactly
from harness.visitors import connected, exchange_all, finish_all

EPOLL = ["--io", "epoll"]
RING = "anon_inode:[io_uring]"


def talk(visitor, seed, failures):
    """Sends messages of random lengths, mostly small ones, and compares what comes back."""
    rand = random.Random(seed)
    sent, got = hashlib.sha256(), hashlib.sha256()
    try:
        for _ in range(count(300)):
            message = rand.randbytes(rand.choice([1, 64, 64, 64, 900, 3000, 3000, 40000]))
            visitor.sendall(message)
            sent.update(message)
            got.update(read_exactly(visitor, len(message)))
        if sent.digest() != got.digest():
            failures.append("other bytes came back")
    except OSError as error:
        failures.append(str(error))


@pytest.mark.parametrize("extra", [[], EPOLL], ids=["auto", "epoll"])
def test_active_visitors_get_their_bytes(address, extra):
    with Echo() as service, spore_server(address, extra=extra) as server:
        with spore_client(server.control, service.port, extra=extra) as client:
            if extra:
                assert RING not in procfs.descriptors_by_kind(server.pid)
                assert RING not in procfs.descriptors_by_kind(client.pid)
            with connected(address.host, client.port, 32) as visitors:
                failures = []
                threads = [
                    threading.Thread(target=talk, args=(visitor, seed, failures))
                    for seed, visitor in enumerate(visitors)
                ]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                assert not failures
                exchange_all(visitors)
                finish_all(visitors)
