"""bore's wire protocol: JSON frames, each ended by a NUL byte."""

import hashlib
import hmac
import json
import socket
import threading
import time
import uuid

from .scale import seconds
from .sockets import connect as tcp_connect

HEARTBEAT = "Heartbeat"
MAX_FRAME = 256


class Ended(Exception):
    """The connection is over; `how` is "end" or "reset", `rest` the bytes without a NUL."""

    def __init__(self, how, rest=b""):
        super().__init__(f"connection over by {how}" + (f", unfinished: {rest!r}" if rest else ""))
        self.how = how
        self.rest = rest


def encode(message):
    """A message as bore writes it: without spaces, followed by a NUL."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\0"


def answer(secret, challenge):
    """The value of Authenticate: HMAC-SHA256(SHA-256(secret), bytes of the UUID) in hex."""
    key = hashlib.sha256(secret.encode()).digest()
    return hmac.new(key, uuid.UUID(challenge).bytes, hashlib.sha256).hexdigest()


class Wire:
    """A connection that carries frames; a context manager."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = bytearray()
        self._writing = threading.Lock()

    @classmethod
    def connect(cls, address, timeout=10.0):
        sock = tcp_connect(*address, timeout=timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    # Sending

    def send(self, *messages):
        """Sends all messages in one segment."""
        self.send_bytes(b"".join(map(encode, messages)))

    def send_bytes(self, data, timeout=10.0):
        with self._writing:
            self.sock.settimeout(seconds(timeout))
            self.sock.sendall(data)

    # Receiving

    def frame(self, timeout=5.0):
        """The next frame as bytes, without its NUL. Raises Ended, or TimeoutError."""
        deadline = time.monotonic() + seconds(timeout)
        while True:
            end = self.buffer.find(b"\0")
            if end >= 0:
                found = bytes(self.buffer[:end])
                del self.buffer[: end + 1]
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(
                    f"no frame within {seconds(timeout):g} s; buffered: {bytes(self.buffer)!r}"
                )
            self.sock.settimeout(left)
            try:
                piece = self.sock.recv(65536)
            except (ConnectionResetError, BrokenPipeError):
                raise Ended("reset", bytes(self.buffer)) from None
            if not piece:
                raise Ended("end", bytes(self.buffer))
            self.buffer += piece

    def receive(self, timeout=5.0):
        """The next message, decoded."""
        return json.loads(self.frame(timeout))

    def receive_but_heartbeats(self, timeout=5.0):
        """The next message that is not a heartbeat."""
        deadline = time.monotonic() + seconds(timeout)
        while True:
            message = json.loads(self.frame((deadline - time.monotonic()) / seconds(1)))
            if message != HEARTBEAT:
                return message

    def connection(self, timeout=5.0):
        """The id of the next visitor."""
        message = self.receive_but_heartbeats(timeout)
        assert list(message) == ["Connection"], message
        return message["Connection"]

    def expect_end(self, timeout=5.0):
        """Expects only heartbeats until the connection is over; returns "end" or "reset"."""
        try:
            message = self.receive_but_heartbeats(timeout)
        except Ended as over:
            assert over.rest == b"", f"bytes before the end: {over.rest!r}"
            return over.how
        raise AssertionError(f"a frame came instead of the end: {message!r}")

    def expect_error(self, text, timeout=5.0):
        """Expects exactly Error(text), and then the end."""
        assert self.receive_but_heartbeats(timeout) == {"Error": text}
        return self.expect_end(timeout)

    # Steps of the exchange

    def authenticate(self, secret):
        """Reads the Challenge and answers it. Success has no reply."""
        message = self.receive()
        assert list(message) == ["Challenge"], message
        self.send({"Authenticate": answer(secret, message["Challenge"])})

    def hello(self, port=0):
        """Asks for a port; returns the granted port."""
        self.send({"Hello": port})
        message = self.receive()
        assert list(message) == ["Hello"], message
        return message["Hello"]

    def accept(self, identity, behind=b""):
        """Accepts a visitor on this connection; returns the socket of the byte stream."""
        self.send_bytes(encode({"Accept": str(identity)}) + behind)
        return self.stream()

    def stream(self):
        """The socket, for use as a byte stream after the last frame."""
        assert not self.buffer, f"bytes were read ahead: {bytes(self.buffer)!r}"
        self.sock.settimeout(seconds(10))
        return self.sock


class Tunnel:
    """A control connection with a granted port: a client that speaks frames directly."""

    def __init__(self, server, port=0, secret=None):
        """`server` has .control, .public_host and .secret; `secret` overrides the latter."""
        self.server = server
        self.secret = server.secret if secret is None else secret
        self.wire = Wire.connect(server.control)
        try:
            if self.secret is not None:
                self.wire.authenticate(self.secret)
            self.port = self.wire.hello(port)
        except BaseException:
            self.wire.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wire.close()

    def visit(self):
        """A visitor's socket."""
        return tcp_connect(self.server.public_host, self.port)

    def dial(self):
        """A new, authenticated connection to the control port."""
        wire = Wire.connect(self.server.control)
        try:
            if self.secret is not None:
                wire.authenticate(self.secret)
        except BaseException:
            wire.close()
            raise
        return wire

    def accept(self, identity, behind=b""):
        """Accepts a visitor on a new connection; returns the byte stream."""
        return self.dial().accept(identity, behind)

    def join(self):
        """A new visitor and the other end of its stream: two sockets."""
        visitor = self.visit()
        return visitor, self.accept(self.wire.connection())

    def announced(self, timeout=0.5):
        """The ids announced so far; reads until no more arrive for `timeout` seconds."""
        identities = []
        try:
            while True:
                identities.append(self.wire.connection(timeout))
        except TimeoutError:
            return identities
