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


def test_an_allow_that_comes_too_late_denies(host, answering):
    """verify() itself takes too long, so the worker cannot look at the time meanwhile."""
    auth = [{"use": "slow", "name": "staff", "in": "verify", "lasts": "700ms", "answer": "stall"}]
    with host.server(auth=auth, workers=1, server={"auth_timeout": "200ms"}) as server:
        with answering.to(server) as wire:
            wire.say("stall", {"Hello": 0})
            assert wire.expect_error("authentication is not available", seconds(10)) == "end"
        server.process.wait_for("auth plugin could not decide plugin=staff .*it took too long")
        assert not any("new client" in line for line in server.process.stderr)


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
            client.process.wait_for(
                r"no answer from the server within 600ms \(client.answer_timeout, which must be "
                r"longer than the server's server.auth_timeout if its auth plugins are slow\)",
                stream="stderr",
            )
            assert 0.5 < time.monotonic() - began < 2.9 * seconds(1)


def test_by_default_a_client_learns_that_the_server_was_too_slow(host):
    """Both ends have their defaults: the client waits longer than the server."""
    with Echo() as service, host.server(auth=auth(never=True)) as server:
        client = host.client(server, service, auth=auth(delay="1ms"), listening=False)
        with contextlib.closing(client.process):
            client.process.wait_for(
                "server error: authentication timed out: its auth plugins took longer than its "
                "server.auth_timeout",
                stream="stderr",
                timeout=seconds(8),
            )
        server.process.wait_for(
            r"auth plugin gave no verdict in time plugin=timer after_ms=3\d\d\d "
            "limit=server.auth_timeout"
        )


def test_a_client_names_its_own_plugin_that_is_too_slow(host):
    with Echo() as service, host.server(auth=auth(delay="1ms")) as server:
        client = host.client(
            server,
            service,
            auth=auth(never=True),
            client={**host.client_config(server, service)["client"], "answer_timeout": "400ms"},
            listening=False,
        )
        with contextlib.closing(client.process):
            client.process.wait_for(
                "no answer to the server's Challenge from auth plugin timer within 400ms "
                r"\(client.answer_timeout; a server waits 3s for it\)",
                stream="stderr",
            )


def test_a_client_says_that_it_has_waited_for_a_challenge(host):
    """Its server has no secret, so it waits for Hello."""
    with Echo() as service, host.server() as server:
        client = host.client(
            server,
            service,
            auth=auth(delay="1ms"),
            client={**host.client_config(server, service)["client"], "answer_timeout": "400ms"},
            listening=False,
        )
        with contextlib.closing(client.process):
            client.process.wait_for(
                r"no Challenge from the server within 400ms \(client.answer_timeout\): is it",
                stream="stderr",
            )


@pytest.mark.parametrize("value", ["10ms", "61s", "0", "soon"])
def test_wrong_values_are_refused(host, error_line, value):
    line = error_line(host.refused(auth=auth(), server={"auth_timeout": value}))
    assert "/server/auth_timeout: expected a duration" in line
