"""The frames around a visitor's bytes on a connection that carries one visitor after another."""

import struct

from .sockets import read_exactly

DATA, END, RAW = 1, 2, 3


def frame(kind, data=b""):
    return struct.pack(">I", kind << 24 | len(data)) + data


def take(wire, length):
    """So many bytes behind the messages."""
    have = bytes(wire.buffer[:length])
    del wire.buffer[:length]
    return have + read_exactly(wire.sock, length - len(have))


def read_frame(wire):
    """Its kind and its bytes."""
    (head,) = struct.unpack(">I", take(wire, 4))
    return head >> 24, take(wire, head & 0xFFFFFF)


def read_data(wire, length):
    """So many bytes of the visitor, from one frame or more."""
    data = b""
    while len(data) < length:
        kind, more = read_frame(wire)
        assert kind == DATA, kind
        data += more
    return data
