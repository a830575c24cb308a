"""Plain TCP sockets: connecting, reading to the end, resetting."""

import ctypes
import socket
import struct
import time

from .scale import seconds

SO_ATTACH_FILTER = 26


def connect(host, port, timeout=10.0, source=None):
    """A connected socket with a timeout; `source` is the address to connect from."""
    return socket.create_connection(
        (host, port), timeout=seconds(timeout), source_address=source and (source, 0)
    )


def listen(host, port=0, backlog=1024):
    """A listening socket; port 0 lets the kernel choose."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(backlog)
    return listener


def end_writing(sock):
    """Half-closes: the other side reads the end of the stream; we can still read."""
    sock.shutdown(socket.SHUT_WR)


def reset(sock):
    """Closes with a RST instead of a FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def vanish(sock):
    """From now on the host of this socket seems to be gone: its kernel drops what arrives."""
    drop = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # BPF: accept 0 bytes
    program = struct.pack("HP", 1, ctypes.addressof(drop))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


def read_exactly(sock, length):
    """Reads exactly `length` bytes; fails if the stream ends earlier."""
    data = bytearray()
    while len(data) < length:
        piece = sock.recv(min(65536, length - len(data)))
        if not piece:
            raise AssertionError(
                f"the stream ended after {len(data)} of {length} bytes: {bytes(data[:200])!r}"
            )
        data += piece
    return bytes(data)


def read_to_end(sock, limit=64 * 1024 * 1024):
    """Reads to a clean end of the stream. A reset raises ConnectionResetError."""
    data = bytearray()
    while len(data) <= limit:
        piece = sock.recv(65536)
        if not piece:
            return bytes(data)
        data += piece
    raise AssertionError(f"more than {limit} bytes came")


def how_it_ends(sock, timeout=5.0):
    """Reads until the connection is over; returns (bytes read, "end" or "reset")."""
    deadline = time.monotonic() + seconds(timeout)
    data = bytearray()
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise AssertionError(
                f"still open after {seconds(timeout):g} s; read {bytes(data[:200])!r}"
            )
        sock.settimeout(left)
        try:
            piece = sock.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            return bytes(data), "reset"
        except TimeoutError:
            continue
        if not piece:
            return bytes(data), "end"
        data += piece
