"""A file that nobody can open for a while, as on a file system that does not answer."""

import contextlib
import fcntl
import os
import signal


@contextlib.contextmanager
def leased(path, text):
    """Writes the file. While the block runs, whoever opens it waits: this process has a lease."""
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    path.write_text(text)
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        yield
    finally:
        os.close(descriptor)
        signal.signal(signal.SIGIO, before)
