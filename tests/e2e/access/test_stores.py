"""auth_redis and auth_postgres alike: what holds for clients, whichever store knows them."""

import contextlib
import json
import time

import pytest

from harness.passwords import htpasswd
from harness.peers import is_timed, spore_client
from harness.redis import dial
from harness.scale import count, seconds
from harness.services import Echo
from harness.stores import (
    carries,
    carry,
    changed,
    hears,
    reload,
    results,
    seconds_until_closed,
)
from harness.visitors import one_exchange
from harness.waiting import wait_until
from harness.web_service import UNAVAILABLE, refusal

SOON = f"{round(seconds(300))}ms"
QUICK = {"timeout": SOON, "connect_timeout": SOON, "breaker_failures": 3, "breaker_pause": "100ms"}


@pytest.fixture
def serve(store, address, tmp_path):
    """A server that asks the store and hears of changes."""

    @contextlib.contextmanager
    def run(limits=None, **options):
        sections = {"limits": limits} if limits else {}
        with store.server(address, tmp_path, options, **sections) as server:
            hears(server)
            yield server

    return run


# Who gets in, and with which limits


def test_a_policy_is_honoured(store, serve):
    store.put("alice", secret="a", max_tunnels=1, ports="1024-65535", life="300ms")
    store.put("none", secret="n", ports="")
    with serve() as server:
        with dial(server, "a", "alice") as wire:
            assert wire.hello() >= 1024
            assert refusal(server, "a", "alice") not in (None, "invalid secret", UNAVAILABLE)
            assert "Error" in wire.receive_but_heartbeats()  # its life is over
        assert refusal(server, "n", "none") not in (None, "invalid secret", UNAVAILABLE)


def test_round_trips(store, serve, tmp_path):
    """A control connection costs one look-up, a data connection none, among 10,000 clients."""
    crowd = count(10000)
    store.fill(crowd)
    with serve() as server, Echo() as echo:
        calls = store.calls()
        with contextlib.ExitStack() as stack:
            for number in range(1, crowd + 1, crowd // 100):
                name = f"c{number}"
                wire = stack.enter_context(dial(server, "s", name))
                port = wire.hello()
                assert carry(server, wire, port, "s", name) is None
                assert carry(server, wire, port, "x", name) == "invalid secret"
            n = len(range(1, crowd + 1, crowd // 100))
            assert store.calls() == calls + n
            assert results(server) == {"replied": n}
        path = tmp_path / "client.json"
        auth = {"use": "hmac", "secret": "s", "identity": f"c{crowd}"}
        path.write_text(json.dumps({"auth": [auth]}))
        with spore_client(server.control, echo.port, extra=["--config", path]) as client:
            for _ in range(10):
                assert one_exchange(client.host, client.port) == b"ping"
        assert store.calls() == calls + n + 1


def test_a_crowd(store, serve):
    """1,000 clients at once are all let in, without a lag of the workers."""
    crowd = count(1000)
    names = [f"c{number + 1}" for number in range(crowd)]
    store.fill(crowd)
    limits = {"max_unauthenticated_per_ip": 2 * crowd, "max_unauthenticated": 2 * crowd}
    with serve(limits) as server, contextlib.ExitStack() as stack:
        calls = store.calls()
        wires = [stack.enter_context(dial(server, "s", name, {"Hello": 0})) for name in names]
        for wire in wires:
            assert "Hello" in wire.receive_but_heartbeats()
        assert store.calls() == calls + crowd
        lags = server.exporter.page().find("spore_worker_lag_seconds")
        assert not is_timed() or max(lags) < 0.05
        store.empty()
        for wire in wires:
            assert "Error" in wire.receive_but_heartbeats()


# Changes


def change(store, how):
    if how == "removed":
        store.remove("alice")
    elif how == "other secret":
        store.put("alice", secret="new", max_conns=7)
    elif how == "no secret":
        store.put("alice", max_conns=7)
    elif how == "not understood":
        store.put("alice", secret="a", max_conns=7, life="long")


@pytest.mark.parametrize("how", ["removed", "other secret", "no secret", "not understood"])
def test_a_change_revokes(store, serve, how):
    """Within a second, and nobody else's; what is not understood is no case for last_good."""
    store.put("alice", secret="a", max_conns=7)
    store.put("bob", secret="b")
    with serve(on_error="last_good") as server, dial(server, "a", "alice") as alice, dial(
        server, "b", "bob"
    ) as bob:
        alice.hello()
        port = bob.hello()
        begin = time.monotonic()
        change(store, how)
        assert seconds_until_closed(alice, begin) < seconds(1)
        assert refusal(server, "a", "alice") in ("invalid secret", UNAVAILABLE)
        assert carry(server, bob, port, "b", "bob") is None
        assert changed(store, server, "revoked") == 1


def test_a_change_renews(store, serve):
    """The limits of an open tunnel change; it stays until its life is over."""
    store.put("alice", secret="a", max_conns=0)
    with serve() as server, dial(server, "a", "alice") as wire:
        port = wire.hello()
        store.put("alice", secret="a", max_conns=5)
        wait_until(lambda: changed(store, server, "renewed") == 1, "the renewal", 1)
        wait_until(lambda: carries(server, wire, port), "a visitor")
        store.put("alice", secret="a", max_conns=5, life="1ms")
        assert "Error" in wire.receive_but_heartbeats()


def test_answers_without_a_name(store, serve):
    """All keys are held, kept current, and few."""
    store.put("alice", secret="a")
    store.put("bob", secret="b", max_conns=7)
    with serve(bore=True, max_keys=3) as server:
        wait_until(lambda: refusal(server, "a") is None, "the keys")
        assert refusal(server, "wrong") == "invalid secret"
        calls = store.calls()
        with dial(server, "b") as wire:
            port = wire.hello()
            server.process.wait_for("new client .*identity=bob ")
            assert carry(server, wire, port, "b") is None
            assert carry(server, wire, port, "a") == "invalid secret"
            assert store.calls() == calls
            store.put("carol", secret="c")
            wait_until(lambda: refusal(server, "c") is None, "the new key", 1)
            store.remove("bob")
            assert "Error" in wire.receive_but_heartbeats()
            assert refusal(server, "b") == "invalid secret"
        store.put("dave", secret="d")
        store.put("eve", secret="e")
        server.process.wait_for("more clients than max_keys: eve")
        assert refusal(server, "e") == "invalid secret"
        assert refusal(server, "e", "eve") is None
        assert server.exporter.value(f"spore_{store.plugin}_held_keys") == 3


# Passwords


@contextlib.contextmanager
def password_client(server, echo, folder, authority, password, listening=True, name="alice"):
    """A client over TLS; with `listening` false, one that is refused."""
    path = folder / "client.json"
    auth = {"use": "password", "identity": name, "password": password}
    tls = {"use": "tls", "cacertfile": authority.path}
    path.write_text(json.dumps({"auth": [auth], "transport": [tls]}))
    extra = ["--config", path]
    with spore_client(server.control, echo.port, extra=extra, listening=listening) as client:
        yield client
        client.process_was_ended = True
        client.process.close()


def test_a_password_over_tls(store, address, authority, tmp_path):
    """The hash is computed once; data connections need none, also after a reload. Another hash ends
    the tunnel, and last_good knows who was in."""
    store.put("alice", password_hash=htpasswd("alice", "pass").partition(":")[2])
    own = authority.issue(f"IP:{address.host}")
    (tmp_path / "client").mkdir()
    transport = [{"use": "tls", "certfile": own.path, "keyfile": own.key}]
    options = {"on_error": "last_good"}
    with store.server(address, tmp_path, options, transport=transport) as server, Echo() as echo:
        hears(server)

        def client(password, listening=True, **more):
            folder = tmp_path / "client"
            return password_client(server, echo, folder, authority, password, listening, **more)

        with client("wrong", listening=False):
            server.process.wait_for("the answer of alice is refused: its password is wrong")
        # An unknown name costs a hash, too.
        with client("pass", listening=False, name="nobody"):
            server.process.wait_for("the answer of nobody is refused: the store does not know")
        with client("pass") as alice:
            calls = store.calls()
            assert one_exchange(alice.host, alice.port) == b"ping"
            assert store.calls() == calls
            reload(server, timeout="1s")
            wait_until(lambda: store.calls() > calls, "the renewal")
            assert one_exchange(alice.host, alice.port) == b"ping"
            store.hang()
            assert one_exchange(alice.host, alice.port) == b"ping"
        # The new instance has not been told the password: the answer was wiped.
        store.start_again()
        with client("pass"):
            pass
        store.hang()
        with client("pass"):
            server.process.wait_for("client let in by an earlier verdict.* identity=alice ")
        with client("wrong", listening=False) as alice:
            alice.process.wait_for(UNAVAILABLE)
        store.start_again()
        with client("pass"):
            hears(server)
            store.put("alice", password_hash=htpasswd("alice", "other").partition(":")[2])
            server.process.wait_for("access was revoked.* identity=alice")


# While the store fails


@pytest.mark.parametrize("fault", ["stop", "hang"])
@pytest.mark.parametrize("on_error", ["deny", "last_good"])
def test_the_store_stops_and_returns(store, serve, fault, on_error):
    """Nobody new gets in; with last_good, those who were in do. Tunnels stay and carry."""
    store.put("alice", secret="a")
    store.put("bob", secret="b")
    with serve(**QUICK, on_error=on_error) as server, dial(server, "a", "alice") as wire:
        wire.hello()
        getattr(store, fault)()
        expected = None if on_error == "last_good" else UNAVAILABLE
        assert refusal(server, "a", "alice") == expected
        for _ in range(6):
            assert refusal(server, "b", "bob") == UNAVAILABLE
        wait_until(lambda: "suspended" in results(server), "the breaker", 5)
        assert refusal(server, "a", "alice") == expected
        assert refusal(server, "wrong", "alice") == UNAVAILABLE
        store.start_again()
        store.put("alice", secret="a")
        store.put("bob", secret="b")
        begin = time.monotonic()
        wait_until(lambda: refusal(server, "b", "bob") is None, "the store to be asked", 5)
        assert time.monotonic() - begin < seconds(2)
        server.process.wait_for(f"{store.name} works again")
        # What happens from now on is noticed.
        hears(server)
        store.remove("alice")
        assert "Error" in wire.receive_but_heartbeats()
        assert refusal(server, "a", "alice") == "invalid secret"


def test_the_store_is_slow_for_five_seconds(store, serve):
    """Clients hear of a failure in time, and those who were in get in. All is well soon after."""
    store.put("alice", secret="a")
    store.put("bob", secret="b")
    with serve(timeout="1s", on_error="last_good") as server:
        with dial(server, "a", "alice") as wire:
            port = wire.hello()
            with store.pausing(5) as end:
                while time.monotonic() < end - 1.5:
                    begin = time.monotonic()
                    assert refusal(server, "b", "bob") == UNAVAILABLE
                    assert refusal(server, "a", "alice") is None
                    assert carry(server, wire, port, "a", "alice") is None
                    assert time.monotonic() - begin < 2 + seconds(1)
                assert "timeout" in results(server)
            begin = max(time.monotonic(), end)
            wait_until(lambda: refusal(server, "b", "bob") is None, "the store to be asked", 8)
            assert time.monotonic() - begin < seconds(2)
            assert carry(server, wire, port, "a", "alice") is None
            hears(server)
            store.remove("alice")
            assert "Error" in wire.receive_but_heartbeats()
