"""Host names that clients ask for: who may have which, and what happens if two want the same."""

import pytest

from harness.peers import configured_server
from harness.waiting import wait_until
from harness.wire import Wire, answer

SECRETS = {"alice": "a-secret", "bob": "b-secret", "carol": "c-secret"}
POLICY = {
    "alice": {"hosts": ["app.example", "*.alice.example"]},
    "bob": {"hosts": ["*"], "max_tunnels": 2},
}


@pytest.fixture
def server(address, tmp_path):
    auth = [{"use": "multi_secret", "secrets": SECRETS, "policy": POLICY}]
    with configured_server(address, tmp_path, auth=auth) as server:
        yield server


def ask(server, name, *hosts):
    """A connection of the client, and the answer to its Hello."""
    wire = Wire.connect(server.control)
    tag = answer(SECRETS[name], wire.receive()["Challenge"])
    items = [{"About": f"host={host}"} for host in hosts]
    wire.send({"Authenticate": tag}, *items, {"Hello": 0})
    return wire, wire.receive_but_heartbeats()


def refused(server, name, *hosts):
    wire, message = ask(server, name, *hosts)
    with wire:
        assert list(message) == ["Error"], message
        return message["Error"]


def test_a_policy_says_which_names_a_client_may_have(server):
    wire, message = ask(server, "alice", "App.Example", "x.alice.example", "*.y.alice.example")
    with wire:
        assert "Hello" in message
        assert refused(server, "alice", "alice.example") == "host name not allowed: alice.example"
        server.process.wait_for(
            r"client refused .*host name not allowed: alice.example.* identity=alice "
            r".*range=\S*\*\.alice\.example\S* from=hosts plugin=multi_secret"
        )


def test_a_name_is_taken_and_only_the_log_says_by_whom(server):
    wire, message = ask(server, "alice", "app.example")
    with wire:
        assert "Hello" in message
        assert refused(server, "bob", "b.example", "APP.example") == (
            "the host name is taken: app.example"
        )
        server.process.wait_for(
            r"the host name is taken: app.example.* identity=bob .*holder=alice"
        )
        other, message = ask(server, "bob", "b.example")
        other.close()
        assert "Hello" in message


def test_a_name_is_free_when_its_tunnel_ends(server):
    wire, message = ask(server, "alice", "app.example")
    assert "Hello" in message
    wire.close()

    def is_free():
        fresh, message = ask(server, "bob", "app.example")
        fresh.close()
        return "Hello" in message

    wait_until(is_free, "the name is free")


def test_a_client_that_comes_back_gets_its_name(server):
    """Its old connection may still look alive to the server."""
    old, message = ask(server, "alice", "app.example")
    with old:
        assert "Hello" in message
        fresh, message = ask(server, "alice", "app.example")
        with fresh:
            assert "Hello" in message


def test_a_policy_without_hosts_allows_no_name(server):
    assert refused(server, "carol", "app.example") == "host name not allowed: app.example"
    server.process.wait_for(
        r"client refused .*host name not allowed: app.example.* identity=carol .*"
        "range=none from=hosts"
    )
    wire, message = ask(server, "carol")
    with wire:
        assert "Hello" in message


def test_without_an_identity_a_warning_says_that_there_are_no_names(address, tmp_path):
    auth = [{"use": "hmac", "secret": SECRETS["alice"]}]
    with configured_server(address, tmp_path, auth=auth) as server:
        wire, message = ask(server, "alice", "app.example")
        wire.close()
        assert "Hello" in message
        server.process.wait_for(r"the client asks for host names, .*host=app.example .*remedy=")
