"""System calls of a relay: bulk is spliced; a small message is one read and one write per hop,
or less with io_uring.

So are the answer to a visitor that was handed over and the client's word that it has the visitor.

strace counts the calls, so the speed of the machine does not matter. Without strace, or if it may
not trace, the tests are skipped, or fail if CI=true.
"""

import collections
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest

from harness import procfs
from harness.bulk import Sending, receive_pattern
from harness.peers import configured_server, is_sanitized, spore_client, spore_server
from harness.scale import MIB, count, seconds, size
from harness.services import Echo, Inbox
from harness.sockets import connect, read_exactly

CALLS = (
    "accept4,read,readv,recvfrom,write,writev,sendto,splice,"
    "epoll_ctl,epoll_wait,epoll_pwait,epoll_pwait2"
)
READS, WRITES = ("read", "readv", "recvfrom"), ("write", "writev", "sendto")
MESSAGE = 64
RING = "anon_inode:[io_uring]"
CALL = re.compile(r"^(\w+)\((\d+),.* = (-?\d+)")


def cannot(why):
    message = f"NO SYSTEM CALLS COUNTED: {why}"
    if os.environ.get("CI") == "true":
        pytest.fail(message + " (CI=true: it must work)", pytrace=False)
    pytest.skip(message)


class Trace:
    """The calls of one process during the trace: [(name, first descriptor, result)]."""

    def __init__(self, pid, folder):
        self.folder = pathlib.Path(folder) / str(pid)
        self.folder.mkdir()
        self.tracer = subprocess.Popen(
            [
                "strace",
                "-ff",
                "-p",
                str(pid),
                "-o",
                self.folder / "calls",
                "-e",
                f"trace={CALLS}",
                "-s",
                "0",
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        said = self.tracer.stderr.readline()
        if "attached" not in said:
            self.tracer.communicate()
            cannot(f"strace: {said.strip()}")

    def stop(self):
        self.tracer.send_signal(signal.SIGINT)
        self.tracer.communicate(timeout=seconds(10))
        lines = [line for path in self.folder.iterdir() for line in path.read_text().splitlines()]
        found = [CALL.match(line) for line in lines]
        self.calls = [(each[1], int(each[2]), int(each[3])) for each in found if each]

    def bytes_of(self, names):
        return sum(result for name, _, result in self.calls if name in names and result > 0)

    def count_of(self, names, length):
        """Calls that moved so many bytes."""
        return sum(name in names and result == length for name, _, result in self.calls)

    def count(self, *names):
        return sum(name in names for name, _, _ in self.calls)


@contextlib.contextmanager
def traced(processes, folder):
    """Traces all processes while the block runs."""
    if not shutil.which("strace"):
        cannot("strace is not installed")
    traces = []
    try:
        for each in processes:
            traces.append(Trace(each.pid, folder))
        yield traces
    finally:
        for trace in traces:
            trace.stop()


@pytest.mark.parametrize("sender", ["visitor", "service"])
def test_bulk_is_spliced(server, tmp_path, sender):
    total = size(96 * MIB, least=16 * MIB)
    with Inbox() as service, spore_client(server.control, service.port) as client:
        with connect(server.public_host, client.port) as visitor, service.take() as served:
            near, far = (visitor, served) if sender == "visitor" else (served, visitor)
            with traced((server, client), tmp_path) as traces:
                sending = Sending(near, total, end=True)
                assert receive_pattern(far) == (total, sending.result())
    for trace in traces:
        # Each byte goes into a pipe and out of it.
        spliced, copied = trace.bytes_of(("splice",)) / 2, trace.bytes_of(READS)
        print(f"{spliced:.0f} bytes spliced in {trace.count('splice')} calls, {copied} read")
        assert spliced >= 0.99 * total
        assert copied <= 0.01 * total


@pytest.mark.parametrize("limited", ["server", "client"])
def test_bulk_of_a_limited_identity_is_spliced(address, tmp_path, limited):
    """The limit is high, so that the test is short."""
    total, rate = size(32 * MIB, least=8 * MIB), 10_000_000
    config = {"limits": {"rate_down": rate}} if limited == "server" else {}
    at_client = tmp_path / "client.json"
    with Inbox() as service:
        tunnel = {"local": f"127.0.0.1:{service.port}"}
        if limited == "client":
            tunnel["rate_down"] = rate
        at_client.write_text(json.dumps({"tunnels": [tunnel]}))
        with configured_server(address, tmp_path, **config) as server, spore_client(
            server.control, None, extra=["--config", str(at_client)]
        ) as client:
            with connect(server.public_host, client.port) as visitor, service.take() as served:
                visitor.settimeout(seconds(60))
                with traced((server, client), tmp_path) as traces:
                    sending = Sending(served, total, end=True)
                    assert receive_pattern(visitor) == (total, sending.result())
    trace = traces[0] if limited == "server" else traces[1]
    spliced, copied = trace.bytes_of(("splice",)) / 2, trace.bytes_of(READS)
    print(f"{spliced:.0f} bytes spliced in {trace.count('splice')} calls, {copied} read")
    assert spliced >= 0.9 * total


def trace_exchanges(address, folder, extra, visitors, rounds):
    """The traces of server and client while each visitor exchanges so many messages. None: they
    have no io_uring, although they may."""
    message = b"m" * MESSAGE
    with Echo() as service, spore_server(address, extra=extra) as server, spore_client(
        server.control, service.port, extra=extra
    ) as client, contextlib.ExitStack() as stack:
        if not extra and RING not in procfs.descriptors_by_kind(server.pid):
            return None
        socks = [
            stack.enter_context(connect(server.public_host, client.port)) for _ in range(visitors)
        ]

        def exchange():
            for sock in socks:
                sock.sendall(message)
            for sock in socks:
                assert read_exactly(sock, MESSAGE) == message

        for _ in range(100):
            exchange()
        with traced((server, client), folder) as traces:
            for _ in range(rounds):
                exchange()
    return traces


@pytest.mark.skipif(is_sanitized(), reason="a sanitizer's own threads and delays are counted, too")
def test_many_small_messages_share_system_calls(address, tmp_path):
    visitors, rounds = 64, count(50)
    traces = trace_exchanges(address, tmp_path, [], visitors, rounds)
    if not traces:
        cannot("this system has no io_uring, or Spore was built without it")
    for trace in traces:
        copies = sum(
            name in READS + WRITES and result == MESSAGE for name, _, result in trace.calls
        )
        print(f"{2 * rounds * visitors} messages: {copies} reads and writes")
        assert copies <= rounds * visitors / 10


@pytest.mark.skipif(is_sanitized(), reason="a sanitizer's own threads and delays are counted, too")
@pytest.mark.parametrize("visitors", [1, 8])
def test_a_small_message_is_one_read_and_one_write(address, tmp_path, visitors):
    rounds = count(200)
    traces = trace_exchanges(address, tmp_path, ["--io", "epoll"], visitors, rounds)
    messages = 2 * rounds * visitors  # messages through a hop, both ways
    for trace in traces:
        carriers = {
            fd for name, fd, result in trace.calls if name in READS + WRITES and result == MESSAGE
        }
        kinds = collections.Counter()
        for name, fd, _ in trace.calls:
            kinds["read" if name in READS else "write" if name in WRITES else name] += (
                fd in carriers or name not in READS + WRITES
            )
        print(f"{messages} messages: {dict(kinds)}")
        assert (kinds["read"], kinds["write"]) == (messages, messages)
        assert kinds["splice"] == 0
        # Timers and heartbeats cause one or two a second; messages cause none.
        assert kinds["epoll_ctl"] <= messages / 100
        assert trace.count("epoll_wait", "epoll_pwait", "epoll_pwait2") <= 1.25 * messages


@pytest.mark.skipif(is_sanitized(), reason="it is too slow for a wait of a few milliseconds")
@pytest.mark.parametrize("answer", [MESSAGE, 8000])
def test_the_answer_to_a_visitor_leaves_with_the_clients_own(server, tmp_path, answer):
    """The client says that it has taken the visitor in the same write. It does not wait for a slow
    service, and on a busy machine each may be slow: then the test tries again."""
    own, header = len(b'"Opened"\0'), 4
    visitors = count(40)
    with Inbox() as service, spore_client(server.control, service.port) as client:
        visit(server, client, service, answer, at_once=4)  # then connections wait for the others
        for turn in range(10):
            folder = tmp_path / str(turn)
            folder.mkdir()
            with traced((server, client), folder) as (at_server, at_client):
                for _ in range(visitors):
                    visit(server, client, service, answer)
            alone = at_client.count_of(WRITES, own)
            joint = sum(
                # The service's end leaves with them, too, if it comes at once.
                at_client.count_of(WRITES, own + header + answer + end)
                for end in (0, header)
            )
            whole = at_server.count_of(WRITES, answer)
            print(
                f"{visitors} visitors: Opened alone {alone}, joint {joint}; whole answers {whole}"
            )
            if joint >= visitors / 4 and whole >= 0.9 * visitors:
                return
    pytest.fail("Opened leaves alone, or the server writes an answer in parts")


@pytest.mark.skipif(is_sanitized(), reason="a sanitizer's delays let visitors come together")
def test_a_visitor_that_comes_alone_costs_one_accept(server, tmp_path):
    """On a busy machine the server may find visitors in one turn after the other, and expects more
    of them: then the test tries again."""
    visitors = count(100)
    with Inbox() as service, spore_client(server.control, service.port) as client:
        for turn in range(10):
            folder = tmp_path / str(turn)
            folder.mkdir()
            with traced((server,), folder) as (at_server,):
                for _ in range(visitors):
                    visit(server, client, service, MESSAGE)
            accepts = at_server.count("accept4")
            print(f"{visitors} visitors: accept4 called {accepts} times")
            assert accepts >= visitors
            if accepts <= 1.3 * visitors:  # a few connections come to the control port, too
                return
    pytest.fail("each visitor costs more than one call of accept4")


def visit(server, client, service, answer, at_once=1):
    with contextlib.ExitStack() as stack:
        socks = [
            stack.enter_context(connect(server.public_host, client.port)) for _ in range(at_once)
        ]
        for sock in socks:
            sock.sendall(b"q" * MESSAGE)
        for _ in socks:
            with service.take() as served:
                assert read_exactly(served, MESSAGE) == b"q" * MESSAGE
                served.sendall(b"a" * answer)
        for sock in socks:
            assert read_exactly(sock, answer) == b"a" * answer
            assert sock.recv(1) == b""
