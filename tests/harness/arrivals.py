"""Visitors that come one after another, whatever happens to their server."""

import threading
import uuid

from .scale import count
from .visitors import one_exchange
from .waiting import wait_until


class Arrivals:
    """A new visitor every so many seconds. Leaving the context shows that each was served."""

    def __init__(self, host, port, every=0.01):
        self._where, self._every = (host, port), every
        self._over = threading.Event()
        self._threads, self.failures = [], []
        self._thread = threading.Thread(target=self._run)

    def _visit(self):
        try:
            one_exchange(*self._where, data=uuid.uuid4().bytes * 64)
        except (OSError, AssertionError) as failure:
            self.failures.append(repr(failure))

    def _run(self):
        while not self._over.wait(self._every):
            self._threads.append(threading.Thread(target=self._visit))
            self._threads[-1].start()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, exception_type, *_):
        if exception_type is None:
            wait_until(lambda: len(self._threads) > count(20), "enough visitors")
        self._over.set()
        self._thread.join()
        for each in self._threads:
            each.join()
        if exception_type is None:
            assert not self.failures, f"{len(self.failures)} of {len(self._threads)}"
