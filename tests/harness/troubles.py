"""What happens to connections and processes while visitors use them: cuts and kills."""

import asyncio
import collections
import contextlib
import math
import random
import signal
import time

from .lives import break_off
from .scale import seconds

# So much later a life may still end because of it.
AFTERMATH_S = 0.5


class Troubles:
    """When there was trouble. counts: how often, by kind."""

    def __init__(self):
        self.counts = collections.Counter()
        self._spans = []  # [begin, end]

    @contextlib.contextmanager
    def during(self, kind):
        self.counts[kind] += 1
        span = [time.monotonic(), math.inf]
        self._spans.append(span)
        try:
            yield
        finally:
            span[1] = time.monotonic() + seconds(AFTERMATH_S)

    def met(self, begin, end):
        """Whether there was trouble in this time."""
        return any(first <= end and begin <= last for first, last in self._spans)


class Cutter:
    """A proxy in front of a server that cuts one connection in `one_in`, when it is old enough.

    It spares the first connection, which is the control connection. An asynchronous context
    manager.
    """

    def __init__(self, server, one_in, troubles, seed=1):
        self.server, self.one_in, self.troubles = server, one_in, troubles
        self.rng = random.Random(seed)
        self.connections = 0
        self.port = None
        self._listening = None
        self._tasks = set()

    async def __aenter__(self):
        self._listening = await asyncio.start_server(self._pass, self.server[0], 0, backlog=1024)
        self.port = self._listening.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._listening.close()
        await _end(list(self._tasks))

    async def _pass(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
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
        try:
            if spared:
                await asyncio.gather(*pumps)
                back.close()
                writer.close()
            else:
                await self._cut(pumps, writer, back)
        except OSError:
            pass  # one of them has been reset
        finally:
            await _end(pumps)
            for each in (writer, back):
                if not each.is_closing():
                    break_off(each)

    async def _cut(self, pumps, *writers):
        how = self.rng.choice(("reset", "end", "silence", "deafness"))
        await asyncio.wait(pumps, timeout=0.1 + self.rng.random() * 2)
        with self.troubles.during(f"cuts by {how}"):
            # Of a deaf connection only one direction fails at first.
            await _end([self.rng.choice(pumps)] if how == "deafness" else pumps)
            if how in ("silence", "deafness"):
                await asyncio.sleep(2)
            await _end(pumps)
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


async def _end(tasks):
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Killer:
    """Kills the server and the client in turns, and starts them again on the same ports.

    start_server() returns a harness.peers.Server; start_client(server) a Client that has a tunnel.
    """

    def __init__(self, start_server, start_client, troubles, seed=1):
        self._start_server, self._start_client = start_server, start_client
        self.troubles = troubles
        self.rng = random.Random(seed)
        self.server = self.client = None

    def __enter__(self):
        self.server = self._start_server()
        try:
            self.client = self._start_client(self.server)
        except BaseException:
            self.server.process.close()
            raise
        return self

    def __exit__(self, *exception):
        try:
            self.client.__exit__(*exception)
        finally:
            self.server.__exit__(*exception)

    async def run(self, lasts_s):
        """Ends in peace: the last visitors come when both run."""
        ends = time.monotonic() + lasts_s
        turn = 0
        while turn < 2 or time.monotonic() < ends:
            await asyncio.sleep(self.rng.uniform(0.2, 1.5))
            which = ("client", "server")[turn % 2]
            turn += 1
            with self.troubles.during(f"kills of the {which}"):
                await asyncio.to_thread(getattr(self, f"_replace_{which}"))
        await asyncio.sleep(seconds(AFTERMATH_S) + 0.5)

    def _kill(self, half):
        half.process_was_ended = True
        half.process.signal(signal.SIGKILL)
        assert half.process.wait() == -signal.SIGKILL
        assert "Sanitizer" not in half.process.log(), half.process.log()
        time.sleep(self.rng.choice((0, 0, 0.3)))

    def _replace_client(self):
        self._kill(self.client)
        self.client = self._start_client(self.server)

    def _replace_server(self):
        log = self.client.process
        tunnels = sum("connected to server" in line for line in log.stderr)
        self._kill(self.server)
        self.server = self._start_server()
        log.wait_for("connected to server", stream="stderr", times=tunnels + 1, timeout=20)
