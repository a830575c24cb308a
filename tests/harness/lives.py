"""Visitors and a service with random lives: sizes, pauses, half-closes and resets in any order.

Both ends of life N derive what they do and expect from N. Everything runs in one asyncio loop.
"""

import asyncio
import collections
import contextlib
import random
import socket
import struct

HEADER = struct.Struct(">Q")
PIECES = (0, 1, 3, 64, 64, 700, 5000, 5000, 40_000, 300_000)


class Plan:
    """up, down: the bytes of each direction, in pieces. breaker: "visitor" or "service" resets."""

    def __init__(self, number):
        rng = random.Random(number)
        self.number = number
        self.up = [rng.randbytes(rng.choice(PIECES)) for _ in range(rng.randrange(5))]
        self.down = [rng.randbytes(rng.choice(PIECES)) for _ in range(rng.randrange(5))]
        self.pauses = [rng.choice((0, 0, 0, 0.001, 0.02)) for _ in range(12)]
        self.breaker = rng.choice((None,) * 6 + ("visitor", "service"))
        # Whose end waits for that of the other side.
        self.waits = rng.choice((None, "visitor", "service"))
        self.splits_header = rng.random() < 0.1


class Broken(Exception):
    """The connection was reset, or what came is not what was sent."""


def break_off(writer):
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _send(writer, pieces, pauses):
    for piece, pause in zip(pieces, pauses):
        if pause:
            await asyncio.sleep(pause)
        writer.write(piece)
        await writer.drain()


async def _expect(reader, data):
    """Reads to the end. What comes must be the data, or the first part of it before a reset."""
    at = 0
    while True:
        try:
            got = await reader.read(65536)
        except OSError:
            raise Broken("reset") from None
        if not got:
            break
        assert data[at : at + len(got)] == got, "the bytes are others than were sent"
        at += len(got)
    if at < len(data):
        raise Broken(f"only {at} of {len(data)} bytes came before an orderly end")


async def live(plan, side, reader, writer, pieces, expected):
    """One side of a life. Raises Broken."""
    heard = asyncio.ensure_future(_expect(reader, b"".join(expected)))
    try:
        await _send(writer, pieces, plan.pauses[:6] if side == "visitor" else plan.pauses[6:])
        if plan.breaker == side:
            raise Broken("on purpose")
        if plan.waits == side:
            await heard
        writer.write_eof()
        await heard
    except OSError:
        raise Broken("reset") from None
    finally:
        heard.cancel()
        with contextlib.suppress(asyncio.CancelledError, Broken):
            await heard


class Service:
    """counts: how often each life has arrived. headless: connections that named no life."""

    def __init__(self):
        self.counts = collections.Counter()
        self.headless = 0
        self.failures = []
        self.port = None
        self.tasks = set()

    async def start(self):
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _serve(self, reader, writer):
        try:
            (number,) = HEADER.unpack(await reader.readexactly(HEADER.size))
        except (OSError, asyncio.IncompleteReadError):
            self.headless += 1
            break_off(writer)
            return
        self.counts[number] += 1
        plan = Plan(number)
        try:
            await live(plan, "service", reader, writer, plan.down, plan.up)
            writer.close()
        except Broken:
            break_off(writer)
        except AssertionError as wrong:
            self.failures.append(f"life {number} at the service: {wrong}")
            break_off(writer)


class Lives:
    """Runs visitors of a public port, so many at once, until it is told to stop."""

    def __init__(self, address, at_once=24, timeout=60.0):
        self.address, self.at_once, self.timeout = address, at_once, timeout
        self.next = 0
        self.whole = self.on_purpose = 0
        self.broken = []  # numbers
        self.failures = []

    async def run(self, lasts_s):
        ends = asyncio.get_running_loop().time() + lasts_s
        await asyncio.gather(*(self._visit_until(ends) for _ in range(self.at_once)))

    async def _visit_until(self, ends):
        while asyncio.get_running_loop().time() < ends:
            self.next += 1
            number = self.next
            try:
                await asyncio.wait_for(self._visit(Plan(number)), self.timeout)
            except asyncio.TimeoutError:  # an OSError, too
                self.failures.append(f"life {number} hangs")
            except (Broken, OSError):
                if Plan(number).breaker:
                    self.on_purpose += 1
                else:
                    self.broken.append(number)
            except AssertionError as wrong:
                self.failures.append(f"life {number} at the visitor: {wrong}")
            else:
                self.whole += 1

    async def _visit(self, plan):
        reader, writer = await asyncio.open_connection(*self.address)
        done = False
        try:
            header = HEADER.pack(plan.number)
            if plan.splits_header:
                writer.write(header[:3])
                await asyncio.sleep(0.005)
                header = header[3:]
            first, *rest = plan.up or [b""]
            writer.write(header + first)
            await live(plan, "visitor", reader, writer, rest, plan.down)
            done = True
        finally:
            if done:
                writer.close()
            else:
                break_off(writer)


class Cutter:
    """A proxy in front of a server that cuts one connection in `one_in`, when it is old enough.

    It spares the first connection, which is the control connection.
    """

    def __init__(self, server, one_in, seed=1):
        self.server, self.one_in = server, one_in
        self.rng = random.Random(seed)
        self.connections = 0
        self.cuts = collections.Counter()
        self.port = None

    async def start(self):
        server = await asyncio.start_server(self._pass, self.server[0], 0, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _pass(self, reader, writer):
        self.connections += 1
        spared = self.connections == 1 or self.rng.randrange(self.one_in)
        try:
            there, back = await asyncio.open_connection(*self.server)
        except OSError:
            break_off(writer)
            return
        pumps = [
            asyncio.ensure_future(self._pump(reader, back)),
            asyncio.ensure_future(self._pump(there, writer)),
        ]
        if not spared:
            await self._cut(pumps, writer, back)
            return
        try:
            await asyncio.gather(*pumps)
            back.close()
            writer.close()
        except OSError:
            for pump in pumps:
                pump.cancel()
            break_off(back)
            break_off(writer)

    async def _cut(self, pumps, *writers):
        how = self.rng.choice(("reset", "end", "silence"))
        await asyncio.wait(pumps, timeout=0.1 + self.rng.random() * 2)
        self.cuts[how] += 1
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        if how == "silence":
            await asyncio.sleep(2)
        for each in writers:
            if how == "end":
                each.close()
            else:
                break_off(each)

    async def _pump(self, reader, writer):
        while data := await reader.read(65536):
            if self.rng.random() < 0.3:  # so that cuts find a visitor on its way
                await asyncio.sleep(self.rng.random() * 0.03)
            writer.write(data)
            await writer.drain()
        writer.write_eof()
