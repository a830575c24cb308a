"""The server keeps running if the reader or file of its log fails, and logs how much was lost."""

import fcntl
import os
import re

import pytest

from harness.peers import Server, spore_binary
from harness.process import Process
from harness.waiting import wait_until
from harness.wire import Tunnel

LINE = re.compile(r"\S+Z (trace|debug|info |warn |error) .+")
F_SETPIPE_SZ = 1031


class Reader:
    """The reading end of a named pipe, which a test reads when it wants."""

    def __init__(self, path, capacity=None):
        self.path = path
        self.open()
        if capacity:
            fcntl.fcntl(self.fd, F_SETPIPE_SZ, capacity)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def open(self):
        self.fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self._rest = ""

    def close(self):
        os.close(self.fd)

    def lines(self):
        """The complete lines that can be read now."""
        text = self._rest
        while True:
            try:
                part = os.read(self.fd, 65536)
            except BlockingIOError:
                break
            if not part:
                break
            text += part.decode()
        *lines, self._rest = text.split("\n")
        return lines


@pytest.fixture
def start(address, tmp_path):
    """Starts a server whose standard error a shell redirects; REDIRECTION names the file log."""

    def run(redirection, *arguments):
        control = address.free_port()
        command = f'exec "$@" {redirection}'
        server = [
            spore_binary(),
            "server",
            "--bind-addr",
            address.host,
            "--control-port",
            str(control),
            "--workers",
            "1",
        ]
        process = Process(
            ["sh", "-c", command, "sh", *server, *arguments], name="spore server", cwd=tmp_path
        )
        return Server("spore", process, (address.host, control), address.host, None)

    return run


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


@pytest.fixture
def pipe(log):
    os.mkfifo(log, 0o600)
    return log


def wait_for_line(reader, pattern):
    """Reads up to a line that matches; returns all lines read."""
    seen = []

    def found():
        seen.extend(reader.lines())
        return any(re.search(pattern, line) for line in seen)

    wait_until(found, f"a line with {pattern!r}")
    assert all(map(LINE.fullmatch, seen)), [line for line in seen if not LINE.fullmatch(line)]
    return seen


def dropped(lines):
    return sum(int(line.split("lines=")[1]) for line in lines if "log lines dropped" in line)


def told(lines):
    """Opens and closes a tunnel, which writes two log lines."""
    return sum("client" in line for line in lines)


def test_a_reader_that_died(start, pipe):
    with Reader(pipe) as reader, start("2>log") as server:
        wait_for_line(reader, "server listening")
        reader.close()
        for _ in range(20):
            with Tunnel(server):
                pass
        reader.open()
        with Tunnel(server) as tunnel:
            lines = wait_for_line(reader, f"port={tunnel.port}")
        lines += wait_for_line(reader, "client left")
        assert dropped(lines) > 0
        assert dropped(lines) + told(lines) == 42, lines


def test_a_reader_that_never_reads(start, pipe):
    """The pipe fills, then the ring of the worker; no thread blocks."""
    tunnels = 550
    with Reader(pipe, capacity=4096) as reader, start("2>log") as server:
        wait_for_line(reader, "server listening")
        for _ in range(tunnels):
            with Tunnel(server):
                pass
        lines = wait_for_line(reader, "log lines dropped")
        assert dropped(lines) > 0
        with Tunnel(server) as tunnel:
            lines += wait_for_line(reader, f"port={tunnel.port}")
        lines += wait_for_line(reader, "client left")
        assert dropped(lines) + told(lines) == 2 * tunnels + 2


def read_whole(log):
    data = log.read_bytes()
    assert b"\0" not in data, "a gap in the log"
    lines = data.decode().splitlines()
    assert all(map(LINE.fullmatch, lines)), lines
    return lines


def tunnel_told_in(log, server):
    before = told(read_whole(log))
    with Tunnel(server):
        pass
    wait_until(lambda: told(read_whole(log)) == before + 2, "the two lines")


@pytest.mark.parametrize("redirection", ["2>log", "2>>log"])
def test_a_file_that_is_renamed(start, log, redirection):
    """The server's lines go to the renamed file."""
    with start(redirection) as server:
        wait_until(lambda: log.exists() and "server listening" in log.read_text(), "the server")
        for round in range(3):
            tunnel_told_in(log, server)
            log = log.rename(log.with_name(f"log.{round}"))
    assert told(read_whole(log)) == 6
    assert "draining" in read_whole(log)[-1]


@pytest.mark.parametrize("redirection", ["2>log", "2>>log"])
def test_a_file_that_is_copied_and_cut_short(start, log, redirection):
    with start(redirection) as server:
        wait_until(lambda: log.exists() and "server listening" in log.read_text(), "the server")
        for _ in range(3):
            os.truncate(log, 0)
            tunnel_told_in(log, server)
            assert told(read_whole(log)) == 2
    assert ["draining" in line for line in read_whole(log)] == [False, False, True]
