"""A visitor that exchanges small messages with an echo service and checks every byte."""

import hashlib
import random
import threading

from .sockets import connect, end_writing, read_exactly, read_to_end


class Steady:
    """A running relay with a hash of its bytes. Leaving the context manager checks the hash.

    exchanges  number of exchanges so far
    """

    PIECE = 4096
    PAUSE = 0.02

    def __init__(self, host, port):
        self.exchanges = 0
        self._visitor = connect(host, port)
        self._sent, self._read = hashlib.sha256(), hashlib.sha256()
        self._stop = threading.Event()
        self._failure = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._exchange()
        self._thread.start()
        return self

    def __exit__(self, exception_type, *_):
        self._stop.set()
        self._thread.join()
        with self._visitor:
            if exception_type is None:
                self.check()
                end_writing(self._visitor)
                assert read_to_end(self._visitor) == b""

    def check(self):
        """Fails if the relay has failed so far. Leaving checks it to the last byte."""
        assert (
            self._failure is None
        ), f"the running relay was harmed after {self.exchanges} exchanges: {self._failure!r}"

    def _exchange(self):
        data = random.randbytes(self.PIECE)
        self._visitor.sendall(data)
        self._sent.update(data)
        self._read.update(read_exactly(self._visitor, self.PIECE))
        assert self._read.digest() == self._sent.digest()
        self.exchanges += 1

    def _run(self):
        try:
            while not self._stop.is_set():
                self._exchange()
                self._stop.wait(self.PAUSE)
        except (OSError, AssertionError) as failure:
            self._failure = failure
