"""Memory of a peak is given back."""

import pytest

from harness import procfs
from harness.peers import is_sanitized, spore_client
from harness.scale import MIB, count
from harness.services import Echo
from harness.visitors import connected, exchange_all, finish_all
from harness.waiting import wait_until

# libev's tables have up to 32 bytes for each descriptor on each worker, so the number of workers
# must not depend on the machine. Besides them, malloc_trim leaves a page here and there.
WORKERS = ["--workers", "2"]
TABLES = 2 * MIB


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_memory_after_nine_thousand_connections(start_server):
    if is_sanitized():
        pytest.skip("a sanitizer keeps what was freed")
    number = count(9000)
    with Echo() as service, start_server(extra=WORKERS) as server, spore_client(
        server.control, service.port, extra=WORKERS
    ) as client:
        pids = (server.pid, client.pid)

        def peak(number):
            """The memory per connection during the peak."""
            with connected(server.public_host, client.port, number) as visitors:
                exchange_all(visitors, length=100)
                taken = {pid: procfs.memory(pid) for pid in pids}
                finish_all(visitors)
            return taken

        def falls_to(most):
            # Connections that wait for visitors end after 30 s without one.
            for pid in pids:
                wait_until(
                    lambda: procfs.memory(pid) <= most[pid], "memory to be given back", timeout=45
                )

        before = peak(10)
        highest = peak(number)
        falls_to({pid: before[pid] + TABLES for pid in pids})
        assert all(
            highest[pid] > before[pid] + 2 * TABLES for pid in pids
        ), "the peak is large enough to measure"
        settled = {pid: procfs.memory(pid) for pid in pids}
        peak(number)
        falls_to({pid: 1.1 * settled[pid] for pid in pids})
