"""Web sockets of the package python3-websockets: a server that sends each message back, and a
client."""

import asyncio
import importlib.util
import threading

from .peers import miss
from .scale import seconds


def _library():
    """If it is missing the test is skipped, or fails if CI=true."""
    if not importlib.util.find_spec("websockets"):
        miss("NO web sockets: install the package python3-websockets, or let tests/run do it")
    import websockets

    return websockets


class EchoSocket:
    """Listens at `place`, which is HOST:PORT."""

    def __init__(self, host):
        self._library = _library()
        self._host = host
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self.place = None

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(seconds(10)), "the web socket server does not start"
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    async def _echo(self, socket, *_):
        async for message in socket:
            await socket.send(message)

    async def _serve(self):
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        async with self._library.serve(self._echo, self._host, 0) as server:
            self.place = "%s:%d" % next(iter(server.sockets)).getsockname()[:2]
            self._ready.set()
            await self._end.wait()


def talk(uri, address, messages):
    """What comes back for each of the messages, from a server at this (host, port)."""
    library = _library()

    async def run():
        host, port = address
        async with library.connect(uri, host=host, port=port) as socket:
            answers = []
            for message in messages:
                await socket.send(message)
                answers.append(await asyncio.wait_for(socket.recv(), seconds(10)))
            return answers

    return asyncio.run(run())
