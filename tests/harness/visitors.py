"""Many visitors at the same time."""

import contextlib
import select
import socket

from .scale import seconds
from .sockets import connect, end_writing, read_exactly, read_to_end


@contextlib.contextmanager
def connected(host, port, number):
    """Opens `number` connections without waiting for each; closes them on exit."""
    with contextlib.ExitStack() as stack:
        visitors = []
        for _ in range(number):
            visitor = socket.socket(
                socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM
            )
            stack.callback(visitor.close)
            visitor.setblocking(False)
            visitor.connect_ex((host, port))
            visitors.append(visitor)
        for visitor in visitors:
            visitor.settimeout(seconds(30))
        yield visitors


def message_of(index, length=1024):
    """A message that no other visitor sends."""
    return (f"visitor {index} " * (length // 8))[:length].encode()


def send_when_connected(visitor, data):
    """Calls sendall on a socket that may still be connecting."""
    ready = select.poll()
    ready.register(visitor, select.POLLOUT)
    assert ready.poll(seconds(30) * 1000), "a visitor could not connect"
    visitor.sendall(data)


def exchange_all(visitors, length=1024):
    """Every visitor sends its own message to an echo service and checks the echo."""
    for index, visitor in enumerate(visitors):
        send_when_connected(visitor, message_of(index, length))
    for index, visitor in enumerate(visitors):
        assert read_exactly(visitor, length) == message_of(index, length), f"visitor {index}"


def finish_all(visitors):
    """Every visitor ends its side and waits for the end from the echo service."""
    for visitor in visitors:
        end_writing(visitor)
    for index, visitor in enumerate(visitors):
        assert read_to_end(visitor) == b"", f"visitor {index}"


def one_exchange(host, port, data=b"ping"):
    """Visits an echo service: connects, sends, ends its side; returns what it reads."""
    with connect(host, port) as visitor:
        visitor.sendall(data)
        end_writing(visitor)
        return read_to_end(visitor)
