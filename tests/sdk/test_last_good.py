""""on_error": "last_good" with auth_recall: what the plugin sees, and a back-end that is silent."""

import pytest

from harness.sockets import connect, read_exactly
from harness.waiting import wait_until


@pytest.fixture
def recalling(host):
    """A server whose back-end has the mood that .mood() sets."""

    def run(use="recall", **options):
        backend = host.folder / "backend"
        auth = {"use": use, "name": "staff", "backend": str(backend), "on_error": "last_good"}
        server = host.server(auth=[{**auth, **options}], server={"auth_timeout": "300ms"})
        server.mood = lambda text: backend.write_text(text, encoding="utf-8")
        server.count = lambda text: len([line for line in server.process.lines if text in line])
        return server

    return run


def refusal(server, answering, answer):
    with answering.to(server) as wire:
        return wire.say(answer, {"Hello": 0}).receive_but_heartbeats().get("Error")


@pytest.mark.parametrize("use", ["recall", "auth_recall:recall_blocking"])
def test_each_verdict_has_its_end(recalling, answering, use):
    """An earlier verdict, too; a recheck that finds nothing, or is about a denial, has none."""
    with recalling(use, max_tunnels=1) as server:
        assert refusal(server, answering, "alice=1") is None
        wait_until(lambda: server.count("ended") == 1, "the end of the first ALLOW")
        server.mood("fail")
        with answering.to(server) as wire:
            wire.tunnel("alice=1")
            assert refusal(server, answering, "alice=1") == "too many tunnels"
            wait_until(lambda: server.count("ended") == 2, "the end of the refused tunnel")
        wait_until(lambda: server.count("ended") == 3, "the end of the tunnel")
        assert refusal(server, answering, "alice=2") == "authentication is not available"
        assert refusal(server, answering, "bob=2") == "authentication is not available"
        server.mood("deny")
        assert refusal(server, answering, "alice=1") == "invalid secret"
        server.mood("fail")
        assert refusal(server, answering, "alice=1") == "authentication is not available"
        server.process.wait_for("rechecked plugin=staff tried=0", times=2)
        assert server.count("rechecked plugin=staff tried=1") == 3
        assert server.count("rechecked a denial plugin=staff tried=1") == 1
        assert server.count("ended") == 3


def test_a_silent_back_end(recalling, answering):
    """At the end of the time for a verdict, on control and data connections."""
    with recalling() as server:
        assert refusal(server, answering, "alice=1") is None
        server.mood("silent")
        assert refusal(server, answering, "alice=2") == "authentication timed out"
        with answering.to(server) as wire:
            wire.tunnel("alice=1")
            server.process.wait_for("auth plugin gave no verdict in time plugin=staff")
            server.process.wait_for(
                "client let in by an earlier verdict: .* plugin=staff .*identity=alice "
            )
            with connect(server.public_host, wire.port) as visitor, answering.to(server) as data:
                data.say("alice=1", {"Accept": wire.connection()})
                visitor.sendall(b"ping")
                assert read_exactly(data.stream(), 4) == b"ping"
            server.process.wait_for(
                "data connection let in by an earlier verdict: .* identity=alice "
            )


def test_the_plugins_limit(recalling, answering):
    """The verifier lives shorter than the operator allows."""
    with recalling(verifier_life="100ms") as server, answering.to(server) as wire:
        wire.tunnel("alice=1")
        server.mood("fail")
        wait_until(
            lambda: refusal(server, answering, "alice=1") == "authentication is not available",
            "the end of the verifier's life",
        )


def test_other_plugins_have_none(host):
    process = host.refused(auth=[{"use": "policy", "on_error": "last_good"}])
    assert any(
        "plugin policy cannot check an answer without its back-end" in line
        for line in process.stderr
    )
