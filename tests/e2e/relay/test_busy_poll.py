"""busy_poll_us: workers that poll before they sleep carry data, and sleep without traffic."""

import pytest

from harness import procfs
from harness.peers import spore_client, spore_server
from harness.services import Echo
from harness.visitors import connected, exchange_all, finish_all, one_exchange
from harness.waiting import wait_until

POLLING = ["--busy-poll-us", "10000"]


@pytest.mark.over_tls_too
def test_visitors_are_carried(address):
    with Echo() as service, spore_server(address, extra=POLLING) as server:
        with spore_client(server.control, service.port, extra=POLLING) as client:
            assert one_exchange(address.host, client.port) == b"ping"
            with connected(address.host, client.port, 20) as visitors:
                exchange_all(visitors)
                finish_all(visitors)


def test_idle_processes_sleep(address):
    """A visitor that sends nothing costs no CPU, except that workers poll briefly after
    heartbeats."""
    with Echo() as service, spore_server(address, extra=POLLING) as server:
        with spore_client(server.control, service.port, extra=POLLING) as client:
            with connected(address.host, client.port, 1) as visitors:
                exchange_all(visitors)
                for each in (server, client):
                    wait_until(
                        lambda: procfs.cpu_share(each.pid, 1.0) < 0.3,
                        "the process to be idle",
                        timeout=10,
                    )
