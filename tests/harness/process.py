"""A child process whose output is read line by line. It never outlives its test."""

import os
import re
import signal
import subprocess
import threading
import time

from .scale import seconds

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_OURS = re.compile(r"^(SPORE|BORE|RUST)_|^COLUMNS$|^(?i:all|no)_(?i:proxy)$")

# All processes that the current test started; conftest shows their logs if the test fails.
started = []


def clean_environment(extra=None):
    """The environment of a child: ours, without variables that would configure it."""
    environment = {name: value for name, value in os.environ.items() if not _OURS.match(name)}
    environment["RUST_BACKTRACE"] = "0"
    environment["NO_COLOR"] = "1"
    environment.update(extra or {})
    return environment


class Process:
    """A process, started by the constructor. Leaving the context manager ends it.

    stdout and stderr are kept as lists of lines, without colours.
    """

    def __init__(
        self, argv, name=None, env=None, nofile=None, drop_capabilities=None, cwd=None, within=()
    ):
        self.name = name or os.path.basename(argv[0])
        self.argv = [str(part) for part in argv]
        # These exec, so the pid is the program's own. The child is killed if this process dies.
        wrapper = ["setpriv", "--pdeathsig", "KILL"]
        # Only root has capabilities, and only root may drop them.
        for capability in (drop_capabilities or ()) if os.geteuid() == 0 else ():
            wrapper += ["--inh-caps", f"-{capability}", "--bounding-set", f"-{capability}"]
        if nofile is not None:
            wrapper = ["prlimit", f"--nofile={nofile}:{nofile}", "--"] + wrapper
        wrapper = list(within) + wrapper
        self._output = {"stdout": [], "stderr": []}
        self._open = {"stdout", "stderr"}
        self._changed = threading.Condition()
        self._child = subprocess.Popen(
            wrapper + ["--"] + self.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=clean_environment(env),
            cwd=cwd,
        )
        self._readers = [
            threading.Thread(target=self._read, args=(stream, pipe), daemon=True)
            for stream, pipe in (("stdout", self._child.stdout), ("stderr", self._child.stderr))
        ]
        for reader in self._readers:
            reader.start()
        started.append(self)

    def _read(self, stream, pipe):
        with pipe:
            for raw in pipe:
                line = _ANSI.sub("", raw.decode("utf-8", "replace")).rstrip("\r\n")
                with self._changed:
                    self._output[stream].append(line)
                    self._changed.notify_all()
        with self._changed:
            self._open.discard(stream)
            self._changed.notify_all()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Kills the process if it still runs, and waits until its output ends."""
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait()
        for reader in self._readers:
            reader.join(timeout=5)

    @property
    def pid(self):
        return self._child.pid

    @property
    def status(self):
        """None while the process runs, then its exit status, or minus the signal that ended it."""
        return self._child.poll()

    @property
    def running(self):
        return self.status is None

    @property
    def stdout(self):
        with self._changed:
            return list(self._output["stdout"])

    @property
    def stderr(self):
        with self._changed:
            return list(self._output["stderr"])

    @property
    def lines(self):
        """All lines of stdout, then all lines of stderr."""
        return self.stdout + self.stderr

    def log(self):
        """All output and the state of the process, for the report of a failed test."""
        fate = "runs" if self.running else f"ended with {self.status}"
        parts = [f"$ {' '.join(self.argv)}   (pid {self.pid}, {fate})"]
        for stream in ("stdout", "stderr"):
            lines = self._output[stream]
            shown = (
                lines
                if len(lines) <= 120
                else lines[:60] + [f"... {len(lines) - 120} lines ..."] + lines[-60:]
            )
            parts += [f"{stream}: {line}" for line in shown]
        return "\n".join(parts)

    def wait_for(self, pattern, stream=None, timeout=10.0, times=1):
        """Waits for `times` lines that match the regular expression; returns the match of the last.

        Fails at once if the output ends before that.
        """
        wanted = re.compile(pattern)
        streams = (stream,) if stream else ("stdout", "stderr")
        deadline = time.monotonic() + seconds(timeout)
        with self._changed:
            while True:
                found = [
                    match
                    for each in streams
                    for match in map(wanted.search, self._output[each])
                    if match
                ]
                if len(found) >= times:
                    return found[times - 1]
                left = deadline - time.monotonic()
                if left <= 0 or not self._open.intersection(streams):
                    break
                self._changed.wait(left)
        if self._open.intersection(streams):
            reason = "no such line in time"
        else:
            reason = "the output ended"
        raise AssertionError(
            f"{self.name}: waited for {times} x {pattern!r}: {reason}\n{self.log()}"
        )

    def signal(self, number):
        self._child.send_signal(number)

    def terminate(self):
        self.signal(signal.SIGTERM)

    def wait(self, timeout=10.0):
        """Waits for the end and returns the exit status."""
        try:
            status = self._child.wait(seconds(timeout))
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"{self.name} still runs after {seconds(timeout):g} s\n{self.log()}"
            ) from None
        for reader in self._readers:
            reader.join(timeout=5)
        return status

    def ended_within(self, timeout):
        """Whether the process ends within `timeout` seconds. Unlike wait(), it does not fail."""
        try:
            self._child.wait(seconds(timeout))
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self, timeout=10.0):
        """Sends TERM and returns the exit status."""
        self.terminate()
        return self.wait(timeout)


def run(argv, timeout=10.0, **options):
    """Runs a program to its end; returns the finished Process."""
    with Process(argv, **options) as process:
        process.wait(timeout)
    return process
