"""Sends and receives large amounts of data and checks every byte, without holding it in memory.

The pattern is a fixed random block whose first eight bytes count up, so lost, doubled or
swapped bytes always change the digest.
"""

import hashlib
import random
import socket
import struct
import threading

CHUNK = 256 * 1024
_BLOCK = random.Random(20010911).randbytes(CHUNK)


def pattern(total):
    """The first `total` bytes of the pattern, in pieces; each piece is valid until the next."""
    block = bytearray(_BLOCK)
    view = memoryview(block)
    index = 0
    while total > 0:
        struct.pack_into(">Q", block, 0, index)
        length = min(CHUNK, total)
        yield view[:length]
        total -= length
        index += 1


def pattern_bytes(total):
    """The first `total` bytes of the pattern as one object, for small amounts."""
    return b"".join(bytes(piece) for piece in pattern(total))


def pattern_digest(total):
    digest = hashlib.sha256()
    for piece in pattern(total):
        digest.update(piece)
    return digest.hexdigest()


def send_pattern(sock, total):
    """Sends `total` bytes and returns their SHA-256. Does not end the stream."""
    digest = hashlib.sha256()
    for piece in pattern(total):
        sock.sendall(piece)
        digest.update(piece)
    return digest.hexdigest()


def receive_pattern(sock, total=None):
    """Reads `total` bytes, or to the end of the stream; returns (length, SHA-256)."""
    digest = hashlib.sha256()
    block = bytearray(CHUNK)
    view = memoryview(block)
    length = 0
    while total is None or length < total:
        wanted = CHUNK if total is None else min(CHUNK, total - length)
        got = sock.recv_into(view[:wanted])
        if not got:
            break
        digest.update(view[:got])
        length += got
    return length, digest.hexdigest()


def fill(sock, idle=1.0, limit=1 << 30):
    """Sends until nothing more fits for `idle` seconds; returns (bytes sent, SHA-256)."""
    digest = hashlib.sha256()
    sent = 0
    for piece in pattern(limit):
        rest = piece
        while rest:
            sock.settimeout(idle)
            try:
                got = sock.send(rest)
            except TimeoutError:
                return sent, digest.hexdigest()
            digest.update(rest[:got])
            rest = rest[got:]
            sent += got
    raise AssertionError(f"sent {limit} bytes that nobody reads: there is no back-pressure")


class Sending(threading.Thread):
    """Runs send_pattern on its own thread; sets `.digest`, or `.error` if it fails."""

    def __init__(self, sock, total, end=False):
        super().__init__(daemon=True)
        self.sock, self.total, self.end = sock, total, end
        self.digest = None
        self.error = None
        self.start()

    def run(self):
        try:
            self.digest = send_pattern(self.sock, self.total)
            if self.end:
                self.sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            self.error = error

    def result(self, timeout=60.0):
        self.join(timeout)
        assert not self.is_alive(), "still sending"
        assert self.error is None, f"sending failed: {self.error!r}"
        return self.digest
