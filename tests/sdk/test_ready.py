"""A worker_start that returns SPORE_EPENDING: start, check and reload wait until the instance says
that it is ready, but not for ever."""

import json
import time

import pytest

from harness.admin import Admin
from harness.peers import spore_binary
from harness.process import Process, run
from harness.scale import seconds


def late(outcome="ready", **options):
    return [{"use": "ready", "name": "staff", "outcome": outcome, **options}]


def impatient(host):
    return {**host.plugins(), "start_timeout": "700ms"}


def lines(process, text):
    return [line for line in process.stderr if text in line]


def test_a_start_waits_for_all_workers(host, answering):
    """They become ready side by side."""
    begun = time.monotonic()
    with host.server(workers=3, auth=late(after="600ms")) as server:
        assert 0.6 <= time.monotonic() - begun < seconds(1.7)
        order = [
            "listening" if "server listening" in line else "ready"
            for line in server.process.stderr
            if "server listening" in line or "is ready" in line
        ]
        assert order == ["ready"] * 3 + ["listening"]
        assert len(lines(server.process, "repeated plugin=staff status=-3")) == 3
        with answering.to(server) as wire:
            wire.tunnel("anything")
        assert server.stop() == 0
        assert len(lines(server.process, "drained plugin=staff")) == 3
        assert not lines(server.process, "before")


def test_a_check_waits(host):
    config = host.write(host.server_config(auth=late()), "check.json")
    process = run([spore_binary(), "server", "--check", "--config", config])
    assert process.status == 0, process.log()
    assert len(lines(process, "is ready")) == 2


@pytest.mark.parametrize("check", [False, True], ids=["start", "check"])
def test_one_that_is_never_ready(host, check):
    """It is stopped with a stale ticket. Its worker is named."""
    auth = late("never", worker=1)
    config = host.write(host.server_config(plugins=impatient(host), auth=auth), "never.json")
    arguments = ["--check"] if check else []
    process = run([spore_binary(), "server", *arguments, "--config", config])
    assert process.status == 1, process.log()
    process.wait_for(
        r"^error: plugin staff is not ready on worker 1: expected complete_start\(\) within "
        r"plugins.start_timeout$",
        stream="stderr",
    )
    assert lines(process, "stopped before it was ready plugin=staff status=-3")
    assert len(lines(process, "drained plugin=staff")) == 1


def test_one_that_fails_later(host):
    process = host.refused(auth=late("fails"))
    process.wait_for(
        r"^error: cannot start plugin staff on worker \d: its back-end failed \(SPORE_EBACKEND\)$",
        stream="stderr",
    )


def test_a_signal_ends_the_wait(host):
    config = host.write(host.server_config(auth=late("never")), "never.json")
    with Process([spore_binary(), "server", "--config", config]) as process:
        process.wait_for("is not ready yet plugin=staff", stream="stderr", times=2)
        process.terminate()
        assert process.wait() == 1, process.log()
        process.wait_for("^error: the start was interrupted by a signal", stream="stderr")


@pytest.mark.parametrize(
    "outcome, mistake",
    [
        ("never", "error: plugin staff is not ready on worker 0: expected complete_start()"),
        ("fails", "error: cannot start plugin staff on worker 0: its back-end failed"),
    ],
)
def test_a_reload_is_refused(host, answering, tmp_path, outcome, mistake):
    """The old configuration serves on, and the next reload works at once."""
    admin = Admin(tmp_path / "admin.sock")
    with host.server(plugins=impatient(host), admin={"socket": admin.path}) as server:
        path = host.folder / f"server{server.control[1]}.json"
        config = json.loads(path.read_text())
        path.write_text(json.dumps({**config, "auth": late(outcome)}))
        answer = admin.ask("reload")
        assert mistake in answer["mistakes"]
        assert answer["generation"] == 1
        path.write_text(json.dumps({**config, "auth": late()}))
        assert admin.ask("reload")["generation"] == 2
        with answering.to(server) as wire:
            wire.tunnel("anything")
        assert server.stop() == 0
        assert not lines(server.process, "verify before")
