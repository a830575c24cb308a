"""A server whose frames the test sends and reads itself, for tests of a client."""

import contextlib
import threading

from .scale import seconds
from .sockets import listen
from .wire import Wire


class FakeServer:
    """Listens for a client; the test performs every step of the exchange."""

    def __init__(self, host, port):
        self.host, self.port = host, port
        self.listener = listen(host, port)
        self.wires = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.listener.close()
        for wire in self.wires:
            wire.close()

    def next_wire(self, timeout=10.0):
        """The next connection from the client."""
        self.listener.settimeout(seconds(timeout))
        sock, _ = self.listener.accept()
        wire = Wire(sock)
        self.wires.append(wire)
        return wire

    def welcome(self, port=12345):
        """Accepts the client's first connection, answers its Hello, and returns the connection."""
        wire = self.next_wire()
        message = wire.receive()
        assert list(message) == ["Hello"], message
        wire.send({"Hello": port}, "Heartbeat")
        return wire

    def accepted(self, timeout=10.0):
        """The next connection, which must begin with Accept; returns (id, wire)."""
        wire = self.next_wire(timeout)
        message = wire.receive()
        assert list(message) == ["Accept"], message
        return message["Accept"], wire


@contextlib.contextmanager
def heartbeats(wire):
    """While the block runs, sends a heartbeat every half second, as a server does."""
    stop = threading.Event()

    def beat():
        while not stop.wait(0.5):
            try:
                wire.send("Heartbeat")
            except OSError:
                return

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
