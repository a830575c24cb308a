"""A program on a real pseudo-terminal, and what its screen shows (by pyte)."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import threading
import time

import pytest

from .scale import seconds
from .waiting import wait_until

pyte = pytest.importorskip("pyte", reason="SKIPPED: python3-pyte is missing")


class Terminal:
    """The program is the leader of a session, whose terminal this is."""

    def __init__(self, argv, size=(24, 100), within=(), **environment):
        self._screen = pyte.Screen(size[1], size[0])
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self.bytes = b""
        self.status = None
        names = {"TERM": "linux", "LC_ALL": "C.UTF-8"} | environment
        base = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "LANG", "LC_CTYPE")}
        command = [str(word) for word in [*within, *argv]]
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
                env = {k: v for k, v in (base | names).items() if v is not None}
                os.execvpe(command[0], command, env)
            finally:
                os._exit(127)
        self.before = termios.tcgetattr(self.master)
        self._stop = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.status is None:
            os.kill(self.pid, signal.SIGCONT)
            os.kill(self.pid, signal.SIGTERM)
            try:
                self.wait(10)
            except AssertionError:
                os.kill(self.pid, signal.SIGKILL)
                self.wait(10)
        self.hang_up()

    def _read(self):
        while not self._stop:
            try:
                if not select.select([self.master], [], [], 0.1)[0]:
                    continue
                piece = os.read(self.master, 65536)
            except (OSError, ValueError):
                return
            with self._lock:
                self.bytes += piece
                self._stream.feed(piece)

    def hang_up(self):
        """The terminal is closed, as when an SSH session ends."""
        if self._stop:
            return
        self._stop = True
        self._thread.join()
        os.close(self.master)

    def type(self, keys):
        os.write(self.master, keys)

    def resize(self, lines, columns):
        with self._lock:
            self._screen.resize(lines, columns)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    @property
    def lines(self):
        with self._lock:
            return [line.rstrip() for line in self._screen.display]

    @property
    def text(self):
        return "\n".join(self.lines)

    def colours(self):
        """The colours that are on the screen."""
        with self._lock:
            rows = self._screen.buffer.values()
            return {cell.fg for row in rows for cell in row.values()} - {"default"}

    def wait_for(self, text, timeout=10):
        try:
            wait_until(lambda: text in self.text, f"{text!r} on the screen", timeout=timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text}") from None

    def mode(self):
        """The terminal's settings, without what the kernel notes there by itself."""
        return termios.tcgetattr(self.master)[:4]

    def wait(self, timeout=10):
        """The exit status."""
        end = time.monotonic() + seconds(timeout)
        while self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            assert time.monotonic() < end, f"still runs after {timeout} s:\n{self.text}"
            time.sleep(0.02)
        time.sleep(0.2)  # the last bytes
        return self.status
