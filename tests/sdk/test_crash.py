"""A crash of the core or a plugin.

The log is flushed, a line names the signal, and the process ends with that signal.
"""

import os
import signal

import pytest

from harness.peers import spore_binary
from harness.process import Process

BAD = "test-plugins/bad"
LINES = 300

# Sanitizers handle these signals themselves.
_NO_HANDLERS = ":".join(
    f"handle_{each}=0" for each in ("segv", "sigbus", "sigfpe", "sigill", "abort", "sigtrap")
)
ENV = {
    name: f"{os.environ.get(name, '')}:{_NO_HANDLERS}" for name in ("ASAN_OPTIONS", "TSAN_OPTIONS")
}

DEATHS = {
    "segv": signal.SIGSEGV,
    "bus": signal.SIGBUS,
    "overflow": signal.SIGSEGV,
    "fpe": signal.SIGFPE,
    "ill": signal.SIGILL,
    "abort": signal.SIGABRT,
}


def crash(server, answering, how):
    """Makes the plugin crash; returns the exit status."""
    server.process_was_ended = True
    with answering.to(server) as wire:
        wire.say(how)
        return server.process.wait()


def last_words(server, number, thread):
    name = signal.Signals(number).name.removeprefix("SIG")
    return rf'^\S+Z error crashed signal={name} thread="?{thread}"? plugin=staff$'


@pytest.mark.parametrize("how", DEATHS)
def test_a_fault_in_a_worker(host, answering, how):
    auth = [{"use": "crash", "name": "staff", "lines": LINES}]
    with host.server(env=ENV, auth=auth, workers=2) as server:
        assert crash(server, answering, how) == -DEATHS[how], server.process.log()
        log = server.process.stderr
        assert [line.split("line=")[1] for line in log if "still alive" in line] == [
            str(i) for i in range(LINES)
        ]
        server.process.wait_for(last_words(server, DEATHS[how], r"worker [01]"), stream="stderr")
        assert "crashed" in log[-1], "the crash is the last line"


@pytest.mark.parametrize("how", ["segv", "overflow", "abort"])
def test_a_fault_in_a_thread_of_a_pool(host, answering, how):
    auth = [{"use": "auth_crash:crash_blocking", "name": "staff", "lines": LINES}]
    with host.server(env=ENV, auth=auth) as server:
        assert crash(server, answering, how) == -DEATHS[how], server.process.log()
        assert sum("still alive" in line for line in server.process.stderr) == LINES
        server.process.wait_for(last_words(server, DEATHS[how], "pool"), stream="stderr")


def test_an_instruction_that_traps(host, answering):
    """The signal depends on the machine."""
    with host.server(env=ENV, auth=[{"use": "crash", "name": "staff"}]) as server:
        status = -crash(server, answering, "trap")
        assert status in (signal.SIGILL, signal.SIGTRAP)
        server.process.wait_for(last_words(server, status, r"worker \d"), stream="stderr")


def test_in_json(host, answering):
    auth = [{"use": "crash", "name": "staff"}]
    with host.server(env=ENV, auth=auth, log={"format": "json"}) as server:
        crash(server, answering, "segv")
        assert (
            server.process.stderr[-1].endswith(
                '"level":"error","event":"crashed","signal":"SEGV",'
                '"thread":"worker 0","plugin":"staff"}'
            )
            or '"thread":"worker 1"' in server.process.stderr[-1]
        ), server.process.log()


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV], ids=["ABRT", "SEGV"])
def test_a_signal_from_outside(host, number):
    """A supervisor may send such a signal. The line names no plugin."""
    with host.server(env=ENV) as server:
        server.process_was_ended = True
        server.process.signal(number)
        assert server.process.wait() == -number
        name = number.name.removeprefix("SIG")
        server.process.wait_for(rf"^\S+Z error crashed signal={name} thread=main$", stream="stderr")


def test_a_constructor_that_traps(host, plugin_folder):
    """The line names the file that was being loaded."""
    config = host.server_config(folders=[plugin_folder(BAD)], auth=[{"use": "traps"}])
    with Process(
        [spore_binary(), "server", "--config", host.write(config, "traps.json")], env=ENV
    ) as process:
        assert process.wait() == -signal.SIGABRT, process.log()
        process.wait_for(
            r"error crashed signal=ABRT thread=main plugin=/.*/auth_traps\.so$", stream="stderr"
        )


def test_no_core_is_left(host):
    """A core file would contain the secrets."""
    with host.server() as server, open(f"/proc/{server.pid}/limits", encoding="ascii") as limits:
        (core,) = (line for line in limits if line.startswith("Max core file size"))
        assert core.split()[4:6] == ["0", "0"]
