"""accept() fails in every possible way: the server neither ends nor spins, and it recovers.

strace injects the failures into the running server. Without strace, or if it may not trace, the
test is skipped, or fails if CI=true.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time

import pytest

from harness.peers import spore_client
from harness.scale import seconds
from harness.services import Echo
from harness.sockets import connect
from harness.steady import Steady
from harness.visitors import one_exchange
from harness.waiting import wait_until
from harness.wire import Tunnel

CALLS_A_SECOND = 1000


def cannot(why):
    message = f"NO FAILURES INJECTED: {why}"
    if os.environ.get("CI") == "true":
        pytest.fail(message + " (CI=true: it must work)", pytrace=False)
    pytest.skip(message)


@contextlib.contextmanager
def failing(pid, error, log):
    """While the block runs, every accept() of the process fails; strace logs each failure."""
    if not shutil.which("strace"):
        cannot("strace is not installed")
    tracer = subprocess.Popen(
        [
            "strace",
            "-f",
            "-p",
            str(pid),
            "-o",
            log,
            "-e",
            "trace=accept4",
            "-e",
            f"inject=accept4:error={error}",
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said = tracer.stderr.readline()
        if "attached" not in said:
            cannot(f"strace: {said.strip()}")
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=seconds(10))


def calls(log):
    with open(log, encoding="utf-8") as lines:
        return sum("accept4(" in line for line in lines)


@pytest.mark.parametrize(
    "error", ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "ECONNABORTED", "EPERM"]
)
def test_survived(server, error, tmp_path):
    """At the control port and at a public port, while clients and visitors wait there."""
    log = tmp_path / "calls"
    with Echo() as service, spore_client(server.control, service.port) as client:
        with Steady(server.public_host, client.port) as relay:
            with failing(server.pid, error, log):
                waiting = [connect(*server.control), connect(server.public_host, client.port)]
                begun, before = time.monotonic(), relay.exchanges
                server.process.wait_for(r"cannot accept connections", stream="stderr", times=2)
                time.sleep(1.0)
                wait_until(lambda: relay.exchanges > before, "the running relay to continue")
                lasted = time.monotonic() - begun
            assert 2 <= calls(log) < CALLS_A_SECOND * (lasted + 1), "the server spins"
            for sock in waiting:
                sock.close()
            assert one_exchange(server.public_host, client.port) == b"ping"
            with Tunnel(server):
                pass
