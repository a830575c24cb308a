"""Random lives of visitors and services, on connections that carry one after another.

SPORE_LIVES_S in the environment sets how many seconds each test lasts; 600 makes a long run.
"""

import asyncio
import os
import re

import pytest

from harness import procfs
from harness.lives import Cutter, Lives, Service
from harness.peers import spore_client
from harness.scale import seconds
from harness.waiting import wait_until

LASTS_S = float(os.environ.get("SPORE_LIVES_S") or 6)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + 2 * LASTS_S)]


def check(lives, service):
    assert lives.failures == [] and service.failures == []
    twice = [number for number, count in service.counts.items() if count > 1]
    assert twice == [], "these visitors were served twice"
    assert lives.whole > 20


def lost(lives, service):
    """Visitors that have not reached the service, although nobody broke them on purpose."""
    return [number for number in lives.broken if service.counts[number] == 0]


@pytest.mark.over_tls_too
def test_nothing_is_lost(secret_server):
    async def run():
        service = Service()
        async with await service.start():
            with spore_client(secret_server.control, service.port, secret="s3cret") as client:
                lives = Lives((secret_server.public_host, client.port))
                await lives.run(LASTS_S)
                check(lives, service)
                assert await_none_left(secret_server.pid, client.pid)
        # A service that breaks its connection may do so before its visitor has read everything.
        assert lives.broken == []

    asyncio.run(run())


def await_none_left(*pids):
    """Idle connections are closed after 30 s; at most 64 of them are kept."""
    return all(wait_until(lambda p=pid: procfs.descriptors(p) < 150, "an end") for pid in pids)


@pytest.mark.over_tls_too
def test_cut_connections(secret_server):
    """No visitor is served twice, and none is lost that the client has not taken."""

    async def run():
        service, cutter = Service(), Cutter(secret_server.control, one_in=8)
        async with await service.start(), await cutter.start():
            control = (secret_server.control[0], cutter.port)
            starting = asyncio.to_thread(spore_client, control, service.port, secret="s3cret")
            with await starting as client:  # its connection needs this loop
                lives = Lives((secret_server.public_host, client.port))
                await lives.run(LASTS_S)
                log = client.process.log()
        check(lives, service)
        assert sum(cutter.cuts.values()) > 0
        declined = len(re.findall(r"connection (failed|dropped)", log)) + sum(
            map(int, re.findall(r"others=(\d+)", log))
        )
        assert len(lost(lives, service)) <= service.headless + declined

    asyncio.run(run())
