"""How long an auth plugin may take for its verdict, and how long a client waits for it."""

import contextlib
import json
import signal
import time

import pytest

from harness.scale import seconds
from harness.services import Echo
from harness.visitors import one_exchange


def auth(**options):
    return [{"use": "timer", "answer": "sesame", **options}]


def refused_after(wire):
    began = time.monotonic()
    wire.say("sesame", {"Hello": 0})
    assert wire.expect_error("authentication timed out", timeout=seconds(10)) == "end"
    return time.monotonic() - began


def test_a_shorter_time(host, answering):
    with host.server(auth=auth(never=True), server={"auth_timeout": "400ms"}) as server:
        with answering.to(server) as wire:
            assert 0.35 < refused_after(wire) < 2.9
        server.process.wait_for("auth plugin gave no verdict in time plugin=timer")


def test_a_reload_changes_it(host, answering):
    """Also for the next connection, while an older one still has its longer time."""
    with host.server(auth=auth(never=True), server={"auth_timeout": "20s"}) as server:
        path = host.folder / f"server{server.control[1]}.json"
        config = json.loads(path.read_text())
        with answering.to(server) as old:
            old.say("sesame", {"Hello": 0})
            config["server"]["auth_timeout"] = "500ms"
            path.write_text(json.dumps(config))
            server.process.signal(signal.SIGHUP)
            server.process.wait_for("configuration reloaded")
            with answering.to(server) as wire:
                assert 0.45 < refused_after(wire) < seconds(6)
            old.send({"Hello": 0})  # it is still there


@pytest.mark.parametrize("ahead", [0, 1])
def test_a_client_that_waits_as_long_gets_a_late_verdict(host, ahead):
    """Longer than the 3 s of bore, for the tunnel and for a visitor."""
    with Echo() as service, host.server(
        auth=auth(delay="3.5s"), server={"auth_timeout": "8s"}
    ) as server:
        config = host.client_config(server, service, auth=auth(delay="1ms"))
        config["client"] |= {"answer_timeout": "9s", "ahead": ahead}
        with host.client(
            server, service, auth=auth(delay="1ms"), client=config["client"]
        ) as client:
            assert one_exchange(client.host, client.port, b"hello") == b"hello"


def test_a_client_gives_up_after_its_own_time(host):
    with Echo() as service, host.server(
        auth=auth(never=True), server={"auth_timeout": "20s"}
    ) as server:
        config = host.client_config(server, service)
        config["client"]["answer_timeout"] = "600ms"
        began = time.monotonic()
        client = host.client(
            server, service, auth=auth(delay="1ms"), client=config["client"], listening=False
        )
        with contextlib.closing(client.process):
            client.process.wait_for("timed out waiting for initial message", stream="stderr")
            assert 0.5 < time.monotonic() - began < 2.9 * seconds(1)


@pytest.mark.parametrize("value", ["10ms", "61s", "0", "soon"])
def test_wrong_values_are_refused(host, error_line, value):
    line = error_line(host.refused(auth=auth(), server={"auth_timeout": value}))
    assert "/server/auth_timeout: expected a duration" in line
