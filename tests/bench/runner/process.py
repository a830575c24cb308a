"""Starts, ends and inspects process groups."""

import ctypes
import os
import shlex
import signal
import subprocess
import time
from pathlib import Path
from typing import Iterator, List, Optional

TICKS = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def set_up_child() -> None:
    """The child has a process group of its own, and ends if the runner is killed.

    It stays in the runner's session: Linux gives sessions equal shares of the CPUs, so that a
    priority of the runner would not hold for it."""
    os.setpgrp()
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Group:
    """A command and all its processes, in a separate process group."""

    def __init__(self, command: str, log: Optional[Path] = None, **options) -> None:
        self.command = command
        self.log = open(log, "ab") if log else None
        output = self.log or subprocess.DEVNULL
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", output)
        self.process = subprocess.Popen(
            shlex.split(command),
            stderr=output,
            preexec_fn=set_up_child,
            **options,
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def members(self) -> Iterator[int]:
        for entry in os.listdir("/proc"):
            if entry.isdigit() and stat_fields(int(entry))[2:3] == [str(self.pid)]:
                yield int(entry)

    def cpu_seconds(self) -> float:
        """User and system time of all threads and of finished children."""
        ticks = 0
        for pid in self.members():
            ticks += sum(int(value) for value in stat_fields(pid)[11:15])
        return ticks / TICKS

    def memory_kib(self) -> float:
        """Proportional set size: pages that processes of the group share count once."""
        return sum(read_pss(pid) for pid in self.members())

    def descriptors(self) -> int:
        return sum(count_descriptors(pid) for pid in self.members())

    def stop(self) -> None:
        for end in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.pid, end)
            except ProcessLookupError:
                break
            if self.wait_until_empty(3):
                break
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.log):
            if stream:
                stream.close()

    def wait_until_empty(self, seconds: float) -> bool:
        last = time.monotonic() + seconds
        while time.monotonic() < last:
            self.process.poll()
            if not any(True for _ in self.members()):
                return True
            time.sleep(0.01)
        return False


def stat_fields(pid: int) -> List[str]:
    """The fields of /proc/PID/stat after the name; empty if the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def read_pss(pid: int) -> float:
    """The PSS in KiB; 0 if the process is gone. Raises PermissionError if reading is not
    allowed."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return float(line.split()[1])
    return 0


def count_descriptors(pid: int) -> int:
    """The number of open descriptors; 0 and errors as for read_pss."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except (FileNotFoundError, ProcessLookupError):
        return 0
