"""Reads facts about a process from /proc."""

import collections
import contextlib
import itertools
import os
import pathlib
import re
import resource
import time


def runs(pid):
    """Whether there is such a process that has not ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):  # the latter if it ends meanwhile
        return False


def descriptors(pid):
    """The number of open descriptors."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def descriptors_by_kind(pid):
    """The number of open descriptors by kind: "socket", "anon_inode:[eventpoll]", a path."""
    kinds = collections.Counter()
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            kinds[re.sub(r":\[\d+\]$", "", os.readlink(f"/proc/{pid}/fd/{number}"))] += 1
        except FileNotFoundError:
            pass  # closed in the meantime
    return kinds


def _status(pid, field):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        for line in status:
            name, _, value = line.partition(":")
            if name == field:
                return int(value.split()[0])
    raise KeyError(field)


def anonymous_memory(pid):
    """Resident anonymous memory in bytes: heap and stacks, without program text and page cache."""
    return _status(pid, "RssAnon") * 1024


def memory(pid):
    """Resident memory in bytes, including program text."""
    return _status(pid, "VmRSS") * 1024


def proportional_memory(pid):
    """The proportional set size in bytes: a page that n processes share counts as one n-th."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def cpu_seconds(pid):
    """User and system time of all threads, in steps of a clock tick (10 ms)."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_share(pid, window):
    """The part of one CPU that the process uses during the next seconds."""
    before, begun = cpu_seconds(pid), time.monotonic()
    time.sleep(window)
    return (cpu_seconds(pid) - before) / (time.monotonic() - begun)


def threads(pid):
    return _status(pid, "Threads")


def listening_ports(pid):
    """The TCP ports of its listening sockets, one entry per socket."""
    own = set()
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            own.add(os.readlink(f"/proc/{pid}/fd/{number}"))
        except FileNotFoundError:
            pass
    ports = []
    for table in ("tcp", "tcp6"):
        with open(f"/proc/{pid}/net/{table}", encoding="ascii") as lines:
            for fields in [line.split() for line in lines][1:]:
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in own:
                    ports.append(int(fields[1].rpartition(":")[2], 16))
    return ports


@contextlib.contextmanager
def few_descriptors(pid, spare):
    """For a while the process can open only so many more descriptors."""
    taken = {int(number) for number in os.listdir(f"/proc/{pid}/fd")}
    free = (number for number in itertools.count() if number not in taken)
    most = next(itertools.islice(free, spare, None))
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, limits[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)


def raise_open_file_limit():
    """Raises our soft limit to the hard limit, and returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def writable_memory(pid):
    """The contents of the process's memory that it may write, one mapping after the other."""
    maps = pathlib.Path(f"/proc/{pid}/maps").read_text(encoding="ascii").splitlines()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            place, rights = line.split()[:2]
            first, end = (int(part, 16) for part in place.split("-"))
            if rights.startswith("rw"):
                memory.seek(first)
                yield memory.read(end - first)
