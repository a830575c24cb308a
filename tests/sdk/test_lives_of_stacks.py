"""Random lives through difficult transports, whose connections are cut, or whose ends are killed.

SPORE_LIVES_S is as for e2e/relay/test_lives.py.
"""

import asyncio

import pytest

from harness.lives import LASTS_S, Lives, Service, check
from harness.troubles import Cutter, Killer, Troubles

XOR = {"use": "xor", "chunk": 4000, "stutter": True}
TLS = "tls"
# From the socket up.
STACKS = {"xor": [XOR], "xor_below_tls": [XOR, TLS]}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + 2 * LASTS_S)]


@pytest.fixture(params=STACKS)
def stacks(request, authority, address):
    """Its name, and (transports of the server, transports of the client)."""
    own = authority.issue(f"IP:{address.host}")
    server = {"use": "tls", "certfile": own.path, "keyfile": own.key}
    client = {"use": "tls", "cacertfile": authority.path}
    return request.param, *(
        [half if each == TLS else each for each in STACKS[request.param]]
        for half in (server, client)
    )


class Behind:
    """A server whose control port is that of a proxy in front of it."""

    def __init__(self, server, port):
        self.control = (server.control[0], port)


def test_cut_connections(host, stacks):
    name, server_stack, client_stack = stacks
    troubles = Troubles()

    async def run(server):
        service, cutter = Service(), Cutter(server.control, 8, troubles)
        async with await service.start(), cutter:
            front = Behind(server, cutter.port)
            starting = asyncio.to_thread(host.client, front, service, transport=client_stack)
            with await starting as client:  # its connection needs this loop
                lives = Lives((client.host, client.port))
                await lives.run_during(asyncio.sleep(LASTS_S))
                await service.finish()
        check(f"cut over {name}", lives, service, troubles)
        assert sum(troubles.counts.values()) > 0

    with host.server(transport=server_stack) as server:
        asyncio.run(run(server))


def test_killed_halves(host, address, stacks):
    name, server_stack, client_stack = stacks
    ports, public = {"control_port": address.free_port()}, address.free_port()
    service, troubles = Service(), Troubles()

    async def run():
        async with await service.start():
            with Killer(
                lambda: host.server(server=ports, transport=server_stack),
                lambda server: host.client(server, service, port=public, transport=client_stack),
                troubles,
            ) as killer:
                lives = Lives((address.host, public))
                await lives.run_during(killer.run(LASTS_S))
                await service.finish()
                check(f"killed over {name}", lives, service, troubles)

    asyncio.run(run())
