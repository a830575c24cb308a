"""A crash of the core or a plugin.

The log is flushed, a line names the signal and the plugin, and the process ends with that signal.
"""

import json
import os
import shutil
import subprocess
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


# A frame of the stack, for addr2line.
PLACE = r"[^ ]+\+0x[0-9a-f]+"
IN_PLUGIN = r"auth_crash\.so\+0x[0-9a-f]+"
# The innermost eight frames.
BACKTRACE = rf'(?:"{PLACE}(?: (?:{PLACE}|0x[0-9a-f]+)){{,7}}"|{PLACE})'


def last_words(number, thread, plugin="staff call=verify", trace=BACKTRACE):
    name = signal.Signals(number).name.removeprefix("SIG")
    return (
        rf'^\S+Z error crashed signal={name} thread="?{thread}"? plugin={plugin} version=1\.0\.0 '
        rf"at=({IN_PLUGIN}) backtrace=({trace})$"
    )


@pytest.mark.parametrize("how", DEATHS)
def test_a_fault_in_a_worker(host, answering, how):
    auth = [{"use": "crash", "name": "staff", "lines": LINES}]
    with host.server(env=ENV, auth=auth, workers=2) as server:
        assert crash(server, answering, how) == -DEATHS[how], server.process.log()
        log = server.process.stderr
        assert [line.split("line=")[1] for line in log if "still alive" in line] == [
            str(i) for i in range(LINES)
        ]
        server.process.wait_for(last_words(DEATHS[how], r"worker [01]"), stream="stderr")
        assert "crashed" in log[-1], "the crash is the last line"


@pytest.mark.parametrize("how", ["segv", "overflow", "abort"])
def test_a_fault_in_a_thread_of_a_pool(host, answering, how):
    auth = [{"use": "auth_crash:crash_blocking", "name": "staff", "lines": LINES}]
    with host.server(env=ENV, auth=auth) as server:
        assert crash(server, answering, how) == -DEATHS[how], server.process.log()
        assert sum("still alive" in line for line in server.process.stderr) == LINES
        server.process.wait_for(last_words(DEATHS[how], "pool"), stream="stderr")


@pytest.mark.parametrize("how", ["thread", "abort in a thread"])
def test_a_fault_in_a_thread_of_the_plugin(host, answering, plugin_folder, how):
    """The file is known by the addresses on the stack."""
    with host.server(env=ENV, auth=[{"use": "crash", "name": "staff"}]) as server:
        number = signal.SIGABRT if "abort" in how else signal.SIGSEGV
        assert crash(server, answering, how) == -number, server.process.log()
        path = f"{plugin_folder()}/auth_crash.so"
        server.process.wait_for(last_words(number, "unknown", path), stream="stderr")


def test_a_fault_in_a_library_that_the_plugin_calls(host, answering):
    """`at` is the place in the plugin; the backtrace begins in the library."""
    with host.server(env=ENV, auth=[{"use": "crash", "name": "staff"}]) as server:
        crash(server, answering, "copy")
        found = server.process.wait_for(last_words(signal.SIGSEGV, r"worker \d"), stream="stderr")
        assert found[1] in found[2] and not found[2].startswith(f'"{found[1]}')


def test_a_jump_to_a_wrong_address(host, answering):
    with host.server(env=ENV, auth=[{"use": "crash", "name": "staff"}]) as server:
        crash(server, answering, "jump")
        found = server.process.wait_for(
            last_words(signal.SIGSEGV, r"worker \d", trace=r'"0x10 .*"'), stream="stderr"
        )
        assert found[2].split()[1].strip('"') == found[1], "who has jumped"


def test_a_broken_stack(host, answering):
    """The line comes with as much of the stack as can be read."""
    with host.server(env=ENV, auth=[{"use": "crash", "name": "staff"}]) as server:
        assert crash(server, answering, "smash") == -signal.SIGSEGV, server.process.log()
        server.process.wait_for(
            last_words(signal.SIGSEGV, r"worker \d", trace=".*"), stream="stderr"
        )


def test_a_handler_that_returns_does_not_repeat_the_fault_for_ever(host, answering, plugin_folder):
    with host.server(env=ENV, auth=[{"use": "crash", "name": "staff"}]) as server:
        assert crash(server, answering, "ignored") == -signal.SIGSEGV, server.process.log()
        server.process.wait_for(
            "error handler of a fault was replaced, restored "
            rf"plugin={plugin_folder()}/auth_crash\.so signal=SEGV$",
            stream="stderr",
        )
        server.process.wait_for(last_words(signal.SIGSEGV, r"worker \d"), stream="stderr")


@pytest.mark.skipif(not shutil.which("addr2line"), reason="SKIPPED: addr2line is not installed")
def test_addr2line_finds_the_line(host, answering, plugin_folder):
    with host.server(env=ENV, auth=[{"use": "crash", "name": "staff"}]) as server:
        crash(server, answering, "segv")
        found = server.process.wait_for(last_words(signal.SIGSEGV, r"worker \d"), stream="stderr")
        offset = found[1].split("+")[1]
        said = subprocess.run(
            ["addr2line", "-f", "-e", f"{plugin_folder()}/auth_crash.so", offset],
            capture_output=True,
            text=True,
        ).stdout
        assert said.splitlines()[0] in ("touch_nothing", "die", "verify"), said


def test_an_instruction_that_traps(host, answering):
    """The signal depends on the machine."""
    with host.server(env=ENV, auth=[{"use": "crash", "name": "staff"}]) as server:
        status = -crash(server, answering, "trap")
        assert status in (signal.SIGILL, signal.SIGTRAP)
        server.process.wait_for(last_words(status, r"worker \d"), stream="stderr")


def test_in_json(host, answering):
    auth = [{"use": "crash", "name": "staff"}]
    with host.server(env=ENV, auth=auth, log={"format": "json"}) as server:
        crash(server, answering, "segv")
        line = json.loads(server.process.stderr[-1])
        assert list(line) == [
            "time", "level", "event", "signal", "thread", "plugin", "call", "version", "at",
            "backtrace",
        ]  # fmt: skip
        assert line["event"] == "crashed" and line["plugin"] == "staff", server.process.log()
        assert line["call"] == "verify" and line["version"] == "1.0.0"
        assert line["backtrace"].split()[0] == line["at"]


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
            r"error crashed signal=ABRT thread=\w+ plugin=/.*/auth_traps\.so call=load "
            rf"backtrace={BACKTRACE}$",
            stream="stderr",
        )


def test_no_core_is_left(host):
    """A core file would contain the secrets."""
    with host.server() as server, open(f"/proc/{server.pid}/limits", encoding="ascii") as limits:
        (core,) = (line for line in limits if line.startswith("Max core file size"))
        assert core.split()[4:6] == ["0", "0"]
