"""Random lives of visitors and services, on connections that carry one after another.

SPORE_LIVES_S in the environment sets how many seconds each test lasts; 600 makes a long run. Each
test prints a line that begins with LIVES. Other transports: sdk/test_lives_of_stacks.py.
"""

import asyncio
import re

import pytest

from harness import procfs
from harness.lives import LASTS_S, Lives, Service, check
from harness.peers import spore_client, spore_server
from harness.troubles import Cutter, Killer, Troubles
from harness.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + 2 * LASTS_S)]


def lost(lives, service):
    """Visitors that have not reached the service, although nobody broke them on purpose."""
    return [number for number in lives.broken() if service.counts[number] == 0]


@pytest.mark.over_tls_too
def test_nothing_is_lost(secret_server, over):
    async def run():
        service = Service()
        async with await service.start():
            with spore_client(secret_server.control, service.port, secret="s3cret") as client:
                lives = Lives((secret_server.public_host, client.port))
                await lives.run_during(asyncio.sleep(LASTS_S))
                await service.finish()
                check(f"undisturbed over {over}", lives, service, Troubles())
                assert await_none_left(secret_server.pid, client.pid)

    asyncio.run(run())


def await_none_left(*pids):
    """Idle connections are closed after 30 s; at most 256 of them are kept."""
    return all(wait_until(lambda p=pid: procfs.descriptors(p) < 350, "an end") for pid in pids)


@pytest.mark.over_tls_too
def test_cut_connections(secret_server, over):
    """No visitor is served twice, and none is lost that the client has not taken."""
    troubles = Troubles()

    async def run():
        service, cutter = Service(), Cutter(secret_server.control, 8, troubles)
        async with await service.start(), cutter:
            control = (secret_server.control[0], cutter.port)
            starting = asyncio.to_thread(spore_client, control, service.port, secret="s3cret")
            with await starting as client:  # its connection needs this loop
                lives = Lives((secret_server.public_host, client.port))
                await lives.run_during(asyncio.sleep(LASTS_S))
                await service.finish()
                log = client.process.log()
        check(f"cut over {over}", lives, service, troubles)
        assert sum(troubles.counts.values()) > 0
        declined = len(re.findall(r"connection (failed|dropped)", log)) + sum(
            map(int, re.findall(r"others=(\d+)", log))
        )
        assert len(lost(lives, service)) <= service.headless + declined

    asyncio.run(run())


@pytest.mark.over_tls_too
def test_killed_halves(address, over):
    """Visitors that come after a kill are served as those before, and none is served twice."""
    control, public = address.free_port(), address.free_port()

    def start_client(server):
        return spore_client(server.control, service.port, secret="s3cret", port=public)

    async def run():
        troubles = Troubles()
        async with await service.start():
            with Killer(
                lambda: spore_server(address, secret="s3cret", control_port=control),
                start_client,
                troubles,
            ) as killer:
                lives = Lives((address.host, public))
                await lives.run_during(killer.run(LASTS_S))
                await service.finish()
                check(f"killed over {over}", lives, service, troubles)
                assert await_none_left(killer.server.pid, killer.client.pid)

    service = Service()
    asyncio.run(run())
