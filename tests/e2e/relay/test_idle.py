"""A thousand connections that do nothing."""

import pytest

from harness import procfs
from harness.peers import is_sanitized, spore_client
from harness.scale import KIB, count
from harness.services import Echo
from harness.visitors import connected, exchange_all, finish_all
from harness.waiting import wait_until

# Connections that wait for their next visitor: limits.max_ahead_per_tunnel.
KEPT = 256


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.over_tls_too
def test_a_thousand_idle_connections(secret_server):
    number = count(1000, least=100)
    with Echo() as service:
        with spore_client(secret_server.control, service.port, secret="s3cret") as client:
            with connected(secret_server.public_host, client.port, 10) as visitors:
                exchange_all(visitors)
            pids = (secret_server.pid, client.pid)
            wait_until(lambda: service.open == 0, "the first visitors to be gone")
            before = {pid: (procfs.descriptors(pid), procfs.anonymous_memory(pid)) for pid in pids}
            with connected(secret_server.public_host, client.port, number) as visitors:
                exchange_all(visitors, length=100)
                assert service.open == number
                if not is_sanitized():
                    for pid in pids:
                        each = (procfs.anonymous_memory(pid) - before[pid][1]) / number
                        assert each < 16 * KIB, f"{each:g} bytes of memory an idle connection"
                # All of them still work.
                exchange_all(visitors, length=100)
                finish_all(visitors)
            for pid in pids:
                wait_until(
                    lambda: procfs.descriptors(pid) <= before[pid][0] + KEPT,
                    "as few descriptors as before",
                )
