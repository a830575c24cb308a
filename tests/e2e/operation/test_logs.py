"""The server keeps running if the reader or file of its log fails, and logs how much was lost."""

import fcntl
import json
import os
import re
import subprocess

import pytest

from harness.peers import Server, spore_binary
from harness.process import Process, clean_environment, run
from harness.scale import seconds
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
    assert ["draining" in line for line in read_whole(log)[-2:]] == [True, False]
    assert "server stopped" in read_whole(log)[-1]


@pytest.mark.parametrize("redirection", ["2>log", "2>>log"])
def test_a_file_that_is_copied_and_cut_short(start, log, redirection):
    with start(redirection) as server:
        wait_until(lambda: log.exists() and "server listening" in log.read_text(), "the server")
        for _ in range(3):
            os.truncate(log, 0)
            tunnel_told_in(log, server)
            assert told(read_whole(log)) == 2
    assert ["draining" in line for line in read_whole(log)] == [False, False, True, False]


# ---- the form of the lines


def start_errors(tmp_path, address):
    """Command lines of starts that fail, in different places of the program."""
    wrong, taken = tmp_path / "wrong.json", address.free_port()
    wrong.write_text('{"server": {"min_port": 0}, "nonsense": 1}')
    wrong.chmod(0o600)
    return [
        ["server", "--bogus"],
        ["server", "--config", tmp_path / "none.json"],
        ["server", "--config", wrong],
        ["server", "--secret-file", tmp_path / "none.key"],
        ["server", "--bind-addr", "192.0.2.1", "--control-port", taken],
        ["server", "--admin-socket", tmp_path / "none" / "admin.sock"],
        ["local", "80"],
        ["local", "80", "--to", address.host, "--control-port", taken],
    ]


def test_start_errors_are_json_too(tmp_path, address):
    for arguments in start_errors(tmp_path, address):
        process = run([spore_binary(), *arguments, "--log-format", "json"])
        events = [json.loads(line) for line in process.stderr]
        assert process.status in (1, 2) and events, process.log()
        assert events[-1]["level"] == "error" and events[-1]["error"], process.log()


FLAG, FILE = ["--log-format", "json"], []
MISTAKES = {
    "no section": (FLAG, '{ "log": null }'),
    "another level": (FLAG, '{ "log": { "level": 5 } }'),
    "not JSON": (FLAG, '{ "log": { "format" "text" } }'),
    "in the file": (FILE, '{ "server": 5, "log": { "format": "json" } }'),
    "not JSON, in the file": (FILE, '{ "server" {}, "log": { "format": "json" } }'),
    "of a client, in the file": (FILE, '{ "client": {}, "log": { "format": "json" } }'),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_mistakes_in_the_file_are_json_too(tmp_path, kind):
    """Whatever is wrong in the file, and also if only the file says so."""
    flags, text = MISTAKES[kind]
    path = tmp_path / "server.json"
    path.write_text(text)
    process = run([spore_binary(), "server", "--check", "--config", path, *flags])
    events = [json.loads(line) for line in process.stderr]
    assert process.status == 1
    assert {event["event"] for event in events} == {"wrong configuration"}, process.log()


def test_lines_for_the_journal(tmp_path, address):
    """JOURNAL_STREAM names standard error: a priority, and no time of our own."""
    for arguments in start_errors(tmp_path, address):
        log = tmp_path / "log"
        with log.open("w") as file:
            where = os.fstat(file.fileno())
            environment = clean_environment({"JOURNAL_STREAM": f"{where.st_dev}:{where.st_ino}"})
            subprocess.run(
                [str(word) for word in (spore_binary(), *arguments)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=file,
                timeout=seconds(20),
                check=False,
            )
        lines = log.read_text(encoding="utf-8").splitlines()
        assert lines and all(re.match(r"<[3-7]>(?!\d{4}-)", line) for line in lines), lines
        assert [line for line in lines if line.startswith("<3>")], lines


def test_a_redirected_log_is_not_for_the_journal(tmp_path, address):
    process = run(
        [spore_binary(), "local", "80", "--to", address.host, "--control-port", 1],
        env=clean_environment({"JOURNAL_STREAM": "8:12345"}),
    )
    assert process.stderr and all(LINE.fullmatch(line) for line in process.stderr), process.log()
