"""A plugin that hangs does not prevent the end of the process.

The process ends at a deadline or at the second signal, with status 1 and a line that names the
plugin.
"""

import signal
import time

import pytest

from harness.services import Echo
from harness.visitors import one_exchange

LAST = r"^\S+Z error shutdown timed out, exiting$"


def hanging(where):
    return [{"use": "hang", "name": "staff", "in": where}]


def hang_in_verify(server, answering):
    """Makes one worker hang; returns the connection that caused it."""
    wire = answering.to(server).say("anything", {"Hello": 0})
    server.process.wait_for("hanging plugin=staff", stream="stderr")
    return wire


def expect_overdue(process, thread):
    assert process.wait(timeout=15) == 1, process.log()
    process.wait_for(
        rf'error plugin hangs plugin=staff call=\w+ thread="?{thread}"? duration_ms=\d+$',
        stream="stderr",
    )
    process.wait_for(LAST, stream="stderr")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_a_worker_that_hangs(host, answering, number):
    with host.server(server={"drain_timeout": "100ms"}, auth=hanging("verify")) as server:
        with hang_in_verify(server, answering):
            server.process_was_ended = True
            server.process.signal(number)
            expect_overdue(server.process, r"worker [01]")


def terminate_twice(process):
    """Sends TERM twice, with so much time in between that they do not count as one."""
    process.terminate()
    process.wait_for("draining signal=TERM", stream="stderr")
    time.sleep(0.6)
    process.terminate()


def test_the_second_signal_does_not_wait(host, answering):
    with host.server(server={"drain_timeout": "1h"}, auth=hanging("verify")) as server:
        with hang_in_verify(server, answering):
            server.process_was_ended = True
            server.process.terminate()
            assert not server.process.ended_within(0.5)
            server.process.terminate()
            expect_overdue(server.process, r"worker [01]")


def test_other_workers_serve_meanwhile(host, answering):
    """The kernel chooses the worker of a connection."""
    with host.server(workers=4, auth=hanging("verify")) as server:
        with hang_in_verify(server, answering):
            for _ in range(40):
                with answering.to(server) as wire:
                    try:
                        assert list(wire.receive(timeout=0.2)) == ["Challenge"]
                        break
                    except TimeoutError:
                        continue
            else:
                pytest.fail("none answers")
            server.process_was_ended = True
            terminate_twice(server.process)
            expect_overdue(server.process, r"worker [0-3]")


@pytest.mark.parametrize(
    "where, thread", [("drain", r"worker \d"), ("stop", r"worker \d"), ("destroy", "control")]
)
@pytest.mark.parametrize("signals", [1, 2])
def test_an_end_that_hangs(host, where, thread, signals):
    with host.server(auth=hanging(where)) as server:
        server.process_was_ended = True
        server.process.terminate()
        server.process.wait_for("hanging plugin=staff", stream="stderr")
        if signals == 2:
            time.sleep(0.6)
            server.process.terminate()
        expect_overdue(server.process, thread)


def test_an_exit_handler_that_hangs(host):
    """The log's thread has ended by then, so no line can name the plugin."""
    with host.server(auth=hanging("exit")) as server:
        server.process_was_ended = True
        server.process.terminate()
        assert server.process.wait(timeout=15) == 1
        server.process.wait_for(LAST, stream="stderr")


def test_a_client_that_hangs(host, answering):
    with host.server(auth=hanging("nowhere")) as server, Echo() as service:
        with host.client(server, service, listening=False, auth=hanging("answer")) as client:
            client.process.wait_for("hanging plugin=staff", stream="stderr")
            client.process_was_ended = True
            terminate_twice(client.process)
            expect_overdue(client.process, "worker 0")


def test_a_normal_end_does_not_wait(host, answering):
    """A normal end does not wait for the deadline."""
    with host.server(auth=hanging("nowhere")) as server, Echo() as service:
        with host.client(server, service, auth=hanging("nowhere")) as client:
            assert one_exchange(server.public_host, client.port) == b"ping"
            assert client.stop() == 0
        assert server.stop() == 0
        assert not any("too long" in line for line in server.process.stderr + client.process.stderr)
