"""Visitors and a service with random lives: sizes, pauses, half-closes and resets in any order.

Both ends of life N derive what they do and expect from N, and compare every byte. Everything runs
in one asyncio loop.
"""

import asyncio
import collections
import contextlib
import os
import random
import socket
import struct
import time

from .scale import seconds

# So many seconds each test of lives lasts.
LASTS_S = float(os.environ.get("SPORE_LIVES_S") or 3)
HEADER = struct.Struct(">Q")
PIECES = (0, 1, 3, 64, 64, 700, 5000, 5000, 40_000, 300_000)


class Plan:
    """up, down: the bytes of each direction, in pieces. breaker: "visitor" or "service" resets.

    connected, heard: whether this end has its connection; the bytes that it has received.
    """

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
        self.heard = 0
        self.connected = False


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


async def _expect(plan, reader, data):
    """Reads to the end. What comes must be the data, or the first part of it before a reset."""
    while True:
        at = plan.heard
        try:
            got = await reader.read(65536)
        except OSError:
            raise Broken("reset") from None
        if not got:
            break
        assert data[at : at + len(got)] == got, "the bytes are others than were sent"
        plan.heard += len(got)
    if at < len(data):
        raise Broken(f"only {at} of {len(data)} bytes came before an orderly end")


async def live(plan, side, reader, writer, pieces, expected):
    """One side of a life. Raises Broken."""
    heard = asyncio.ensure_future(_expect(plan, reader, b"".join(expected)))
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


class End:
    """What one end of a life came to. how: "whole", "broken", "refused" or "wrong"."""

    __slots__ = ("how", "begin", "end", "breaker")

    def __init__(self, breaker):
        self.breaker = breaker
        self.how = None
        self.begin = self.end = time.monotonic()

    def has_come(self, how):
        self.how, self.end = how, time.monotonic()


class Side:
    """One end of all lives. ends: the End of each that has begun, by its number."""

    def __init__(self):
        self.ends = {}
        self.failures = []
        self.bytes = 0

    async def _live(self, plan, run):
        """Runs one end, and notes what came of it."""
        end = self.ends[plan.number] = End(plan.breaker)
        try:
            await run
            end.has_come("whole")
        except (asyncio.TimeoutError, AssertionError) as wrong:  # the first is an OSError, too
            self.failures.append(f"life {plan.number}, {type(self).__name__}: {wrong!r}")
            end.has_come("wrong")
        except (Broken, OSError):
            end.has_come("broken" if plan.connected else "refused")
        self.bytes += plan.heard


class Service(Side):
    """counts: how often each life has arrived. headless: connections that named no life."""

    host = "127.0.0.1"

    def __init__(self):
        super().__init__()
        self.counts = collections.Counter()
        self.headless = 0
        self.port = None
        self.living = 0

    async def start(self):
        server = await asyncio.start_server(self._serve, self.host, 0, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _serve(self, reader, writer):
        self.living += 1
        try:
            (number,) = HEADER.unpack(await reader.readexactly(HEADER.size))
            self.counts[number] += 1
            plan = Plan(number)
            plan.connected = True
            await self._live(plan, live(plan, "service", reader, writer, plan.down, plan.up))
            if self.ends[number].how == "whole":
                writer.close()
        except (OSError, asyncio.IncompleteReadError):
            self.headless += 1
        finally:
            self.living -= 1
            if not writer.is_closing():
                break_off(writer)

    async def finish(self):
        """Waits until no life is left."""
        ends = time.monotonic() + seconds(20)
        while self.living:
            assert time.monotonic() < ends, f"{self.living} lives do not end at the service"
            await asyncio.sleep(0.02)


class Lives(Side):
    """The visitors of a public port, so many at once."""

    def __init__(self, address, at_once=24, timeout=60.0):
        super().__init__()
        self.address, self.at_once, self.timeout = address, at_once, seconds(timeout)
        self.next = 0
        self.over = False

    async def run_during(self, awaitable):
        """New lives begin until the awaitable is done."""
        visitors = [asyncio.ensure_future(self._visit_on()) for _ in range(self.at_once)]
        try:
            await awaitable
        finally:
            self.over = True
            await asyncio.gather(*visitors)

    async def _visit_on(self):
        while not self.over:
            self.next += 1
            plan = Plan(self.next)
            await self._live(plan, asyncio.wait_for(self._visit(plan), self.timeout))
            if self.ends[plan.number].how == "refused":
                await asyncio.sleep(0.05)

    async def _visit(self, plan):
        reader, writer = await asyncio.open_connection(*self.address)
        plan.connected = True
        try:
            header = HEADER.pack(plan.number)
            if plan.splits_header:
                writer.write(header[:3])
                await asyncio.sleep(0.005)
                header = header[3:]
            first, *rest = plan.up or [b""]
            writer.write(header + first)
            await live(plan, "visitor", reader, writer, rest, plan.down)
            writer.close()
        finally:
            if not writer.is_closing():
                break_off(writer)

    def broken(self):
        """The numbers of the lives that broke at the visitor, but not on purpose."""
        return [n for n, end in self.ends.items() if end.how == "broken" and not end.breaker]

    def count(self, how):
        return sum(end.how == how for end in self.ends.values())


def disagreements(lives, service, troubles):
    """Lives that broke, or ended in order at one end only, although there was no trouble.

    One that breaks on purpose ends in order at neither end.
    """
    found = []
    for number, visitor in lives.ends.items():
        served = service.ends.get(number)
        ends = [visitor, served] if served else [visitor]
        hows = [end.how for end in ends]
        fits = set(hows) == {"broken"} if visitor.breaker else hows == ["whole", "whole"]
        if not fits and not troubles.met(visitor.begin, max(end.end for end in ends)):
            found.append((number, visitor.breaker, hows))
    return found


def check(name, lives, service, troubles):
    """Prints one line of figures, and fails if a life has broken a rule."""
    wrong = disagreements(lives, service, troubles)
    twice = [number for number, count in service.counts.items() if count > 1]
    failures = lives.failures + service.failures
    figures = {
        "lives": len(lives.ends) - lives.count("refused"),
        "whole": lives.count("whole"),
        "broken": len(lives.broken()),
        "refused": lives.count("refused"),
        **troubles.counts,
        "bytes": lives.bytes + service.bytes,
        "twice": len(twice),
        "failures": len(failures) + len(wrong),
    }
    print(f"LIVES {name}:", ", ".join(f"{key} {value}" for key, value in figures.items()))
    assert not failures, "\n".join(failures[:20])
    assert not twice, f"these visitors were served twice: {twice[:20]}"
    assert not wrong, f"there was no trouble, but these lives ended otherwise: {wrong[:20]}"
    assert lives.count("whole") > 5
