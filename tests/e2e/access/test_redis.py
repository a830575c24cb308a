"""auth_redis: clients from Redis; who gets in, with which limits, and until when."""

import base64
import contextlib
import hashlib
import json
import signal
import time

import pytest

from harness.passwords import htpasswd, password_answer
from harness.peers import REPOSITORY, configured_server
from harness.redis import NOTICES, Redis, dial, place_of, redis_server
from harness.scale import seconds
from harness.signing import DATA, Signer, sign
from harness.sockets import connect, read_exactly
from harness.stores import carry, hears, reload, results, seconds_until_closed
from harness.waiting import wait_until
from harness.web_service import UNAVAILABLE, refusal
from harness.wire import Wire, answer

AWKWARD = [
    "a'b\"c\\",
    "*",
    ")(uid=*",
    "x:y",
    "[a-z]?",
    "\U0001f980" * 4,
    "a\r\nHGETALL",
    "%s%n",
    "é ü",
]


@pytest.fixture
def redis(address, tmp_path):
    with Redis(tmp_path, address.host, address.free_port(), *NOTICES) as running:
        yield running


@pytest.fixture
def serve(address, tmp_path, redis):
    """A server that asks the Redis of the test and hears of changes."""

    @contextlib.contextmanager
    def run(**options):
        with redis_server(address, tmp_path, {**place_of(redis), **options}) as server:
            hears(server)
            yield server

    return run


def test_right_wrong_and_unknown_clients(redis, serve):
    key = hashlib.sha256(b"b-secret").hexdigest()
    redis.put("alice", secret="a-secret")
    redis.put("bob", key=key, max_tunnels=3)
    redis.put("both", secret="b-secret", key=key)
    redis.put("none", ports="1024-65535")
    redis.put("odd", secret="x", exipres="tomorrow")
    redis("SET", "spore:client:text", "x")
    with serve() as server:
        assert refusal(server, "a-secret", "alice") is None
        assert refusal(server, "b-secret", "bob") is None
        assert refusal(server, "b-secret", "both") is None
        for secret, name in ("wrong", "alice"), ("a-secret", "bob"), ("x", "eve"), ("a-secret", ""):
            assert refusal(server, secret, name) == "invalid secret"
        for name in "none", "odd", "text":
            assert refusal(server, "x", name) == UNAVAILABLE
        server.process.wait_for("the record of none is wrong: expected secret, key, pubkey or")
        server.process.wait_for("the record of odd is wrong: the field exipres: unknown: expected")
        server.process.wait_for("the record of text is wrong: its key is not a hash")
        assert results(server) == {"replied": 6, "bad_record": 3}
        assert not any("-secret" in line for line in server.process.lines)


def test_names_of_every_kind(redis, serve):
    """They reach Redis as data. Names with control characters cannot be identities."""
    longest = "n" * 167
    for name in [*AWKWARD, longest]:
        redis.put(name, secret="right")
    with serve() as server:
        for name in [*AWKWARD, longest]:
            expected = "invalid secret" if "\n" in name else None
            with dial(server, "right", name) as wire:
                wire.send({"Hello": 0})
                assert wire.receive_but_heartbeats().get("Error") == expected, name
        with Wire.connect(server.control) as wire:
            tag = answer("right", wire.receive()["Challenge"])
            wire.send({"Authenticate": f"x%3Ay%00:{tag}"}, {"Hello": 0})
            assert wire.receive_but_heartbeats()["Error"] == "invalid secret"
        redis.put("*", secret="other")
        with dial(server, "right", "alice*") as wire:
            wire.send({"Hello": 0})
            assert wire.receive_but_heartbeats()["Error"] == "invalid secret"


# Changes


def revoke(redis, how):
    if how == "expired":
        redis("PEXPIRE", "spore:client:alice", 1)
    elif how == "no secret":
        redis("HDEL", "spore:client:alice", "secret")
    else:
        redis("HSET", "spore:client:alice", "exipres", "now")


@pytest.mark.parametrize("how", ["expired", "no secret", "not understood"])
def test_a_change_revokes(redis, serve, how):
    """Within a second, and nobody else's; what is not understood is no case for last_good."""
    redis.put("alice", secret="a", max_conns=7)
    redis.put("bob", secret="b")
    with serve(on_error="last_good") as server, dial(server, "a", "alice") as alice, dial(
        server, "b", "bob"
    ) as bob:
        alice.hello()
        port = bob.hello()
        begin = time.monotonic()
        revoke(redis, how)
        assert seconds_until_closed(alice, begin) < seconds(1)
        assert refusal(server, "a", "alice") in ("invalid secret", UNAVAILABLE)
        assert carry(server, bob, port, "b", "bob") is None
        value = server.exporter.value("spore_redis_changes_total", action="revoked")
        assert value == 1


def test_a_change_meets_who_has_no_tunnel_yet(redis, serve):
    """The client is let in, and has yet to ask for a port."""
    for name in "alice", "bob":
        redis.put(name, secret="s")
    with serve() as server, dial(server, "s", "alice") as alice, dial(server, "s", "bob") as bob:
        changes = lambda action: server.exporter.value("spore_redis_changes_total", action=action)
        wait_until(lambda: results(server).get("replied") == 2, "the look-ups")
        redis("DEL", "spore:client:alice")
        redis("HSET", "spore:client:bob", "max_tunnels", 0)
        wait_until(lambda: changes("revoked") == changes("renewed") == 1, "the changes", 1)
        assert alice.receive_but_heartbeats() == {"Error": "access was revoked"}
        bob.send({"Hello": 0})
        assert bob.receive_but_heartbeats() == {"Error": "too many tunnels"}


def test_a_channel_and_polling(redis, serve, address, tmp_path):
    """Without keyspace notifications: a message says what has changed, or time finds out."""
    redis("CONFIG", "SET", "notify-keyspace-events", "")
    for name in "alice", "bob", "carol":
        redis.put(name, secret="s")
    with serve(channel="changes", poll_interval="1d") as server:
        wires = [dial(server, "s", name) for name in ("alice", "bob")]
        for wire in wires:
            wire.hello()
        redis("DEL", "spore:client:alice", "spore:client:bob")
        begin = time.monotonic()
        assert redis("PUBLISH", "changes", "alice") == 1
        assert seconds_until_closed(wires[0], begin) < seconds(1)
        redis("PUBLISH", "changes", "")
        assert seconds_until_closed(wires[1], begin) < seconds(2)
    options = {**place_of(redis), "poll_interval": "200ms"}
    with redis_server(address, tmp_path, options) as server:
        server.process.wait_for("a change of a client is noticed only every poll_interval")
        with dial(server, "s", "carol") as wire:
            wire.hello()
            redis("DEL", "spore:client:carol")
            assert "Error" in wire.receive_but_heartbeats()


def test_a_change_while_nothing_was_heard(redis, serve):
    """The connections of the server are killed; what changes before they are back is noticed."""
    redis.put("alice", secret="a")
    with serve() as server, dial(server, "a", "alice") as wire:
        wire.hello()
        with redis.connect() as connection:
            connection("MULTI")
            connection("CLIENT", "KILL", "TYPE", "pubsub")
            connection("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            connection("DEL", "spore:client:alice")
            connection("EXEC")
        assert "Error" in wire.receive_but_heartbeats()


def test_a_reload_keeps_and_ends_tunnels(redis, serve):
    """Each is looked up again; only who is still there with the same secret stays."""
    redis.put("alice", secret="a")
    redis.put("bob", secret="b")
    redis("CONFIG", "SET", "notify-keyspace-events", "")
    with serve(channel="changes", poll_interval="1d") as server:
        with dial(server, "a", "alice") as alice, dial(server, "b", "bob") as bob:
            port = alice.hello()
            bob.hello()
            redis.put("bob", secret="other")
            reload(server, timeout="1.9s")
            assert "Error" in bob.receive_but_heartbeats()
            calls = redis.calls("hgetall")
            for _ in range(10):
                assert carry(server, alice, port, "a", "alice") is None
            assert carry(server, alice, port, "x", "alice") == "invalid secret"
            # The new instance has looked at who is in when it began to hear.
            assert redis.calls("hgetall") <= calls + 2


def test_the_example_configuration(redis, address, tmp_path):
    """conf/server-redis.json, with Redis at another address."""
    config = json.loads((REPOSITORY / "conf" / "server-redis.json").read_text(encoding="utf-8"))
    redis("ACL", "SETUSER", "spore", "on", ">pw", "~*", "&*", "+@all")
    redis.put("alice", secret="a")
    config["auth"][0] |= {**place_of(redis), "password": "pw"}
    with configured_server(address, tmp_path, **config) as server:
        assert refusal(server, "a", "alice") is None
        redis.close()
        assert refusal(server, "a", "alice") is None
        server.process.wait_for("client let in by an earlier verdict.* identity=alice ")
        short = [line for line in server.process.lines if "so short that it can be" in line]
        assert [line for line in short if "/auth/0/password" in line]
        assert not [line for line in short if "/auth/0/user" in line]


@pytest.mark.parametrize("reloads", [False, True], ids=["", "after a reload"])
@pytest.mark.parametrize("how", ["removed", "other secret"])
def test_who_has_left_and_is_revoked_stays_out(redis, serve, how, reloads):
    """last_good lets in whom Redis has let in, but nobody whom it has removed since."""
    for name in "alice", "bob":
        redis.put(name, secret="a")
    with serve(on_error="last_good", timeout="300ms") as server:
        for name in "alice", "bob":
            assert refusal(server, "a", name) is None
        wait_until(lambda: not server.exporter.value("spore_tunnels"), "the end of the tunnels")
        if reloads:
            reload(server, last_good_for="2h")
            listeners = lambda: redis("CLIENT", "LIST", "TYPE", "pubsub").count("\n")
            wait_until(lambda: listeners() == 1, "the end of the old instance")
        revoke(redis, how)
        wait_until(
            lambda: server.exporter.value("spore_redis_changes_total", action="revoked"),
            "the revocation",
        )
        redis.process.signal(signal.SIGSTOP)
        assert refusal(server, "a", "alice") == UNAVAILABLE
        assert refusal(server, "a", "bob") is None
        server.process.wait_for("client let in by an earlier verdict.* identity=bob ")


# Other proofs


def test_records_of_one_identity_are_apart(redis, serve, address, tmp_path):
    """Each has its own limits, and its own end."""
    signers = [Signer(tmp_path / f"{name}.pem") for name in ("one", "two")]
    keys = [f"spore:client:{fingerprint_of(signer)}" for signer in signers]
    for key, signer in zip(keys, signers):
        redis("HSET", key, "pubkey", signer.public + " carol", "max_tunnels", 1)
    redis.put("carol", secret="c")
    with serve(names=[address.host], on_error="last_good", timeout="300ms") as server:
        with contextlib.ExitStack() as stack:
            wires = [stack.enter_context(Wire.connect(server.control)) for _ in signers]
            for wire, signer in zip(wires, signers):
                sign(wire, signer, address.host)
                wire.hello()
            carol = stack.enter_context(dial(server, "c", "carol"))
            port = carol.hello()
            redis("HSET", keys[1], "max_conns", 0)
            count = lambda action: server.exporter.value("spore_redis_changes_total", action=action)
            wait_until(lambda: count("renewed") == 1, "the renewal")
            redis("DEL", keys[0])
            assert wires[0].receive_but_heartbeats() == {"Error": "access was revoked"}
            assert carry(server, carol, port, "c", "carol") is None
            with pytest.raises(TimeoutError):
                wires[1].receive_but_heartbeats(timeout=0.3)
            assert count("revoked") == 1
            redis.process.signal(signal.SIGSTOP)
            for signer, error in zip(signers, [UNAVAILABLE, "too many tunnels"]):
                with Wire.connect(server.control) as wire:
                    sign(wire, signer, address.host)
                    wire.send({"Hello": 0})
                    assert wire.receive_but_heartbeats() == {"Error": error}


def test_passwords_and_signatures(redis, serve, address, authority, tmp_path):
    """A password needs TLS and is hashed on a thread; a signature names its key."""
    signer = Signer(tmp_path / "key.pem")
    fingerprint = fingerprint_of(signer)
    redis.put("alice", password_hash=htpasswd("alice", "pass").partition(":")[2])
    redis.put(fingerprint, pubkey=signer.public + " carol", max_tunnels=1)
    with serve(names=[address.host], on_error="last_good", timeout="300ms") as server:
        with Wire.connect(server.control) as wire:
            wire.receive()
            wire.send({"Authenticate": password_answer("alice", "pass")}, {"Hello": 0})
            assert wire.receive_but_heartbeats() == {"Error": "invalid secret"}
        server.process.wait_for("refused: the password came over a connection that is not secure")
        with Wire.connect(server.control) as wire:
            sign(wire, signer, address.host)
            port = wire.hello()
            server.process.wait_for("new client .*identity=carol ")
            calls = redis.calls("hgetall")
            with connect(server.public_host, port) as visitor:
                number = wire.connection()
                with Wire.connect(server.control) as data:
                    sign(data, signer, address.host, DATA)
                    data.send({"Accept": number})
                    visitor.sendall(b"ping")
                    assert read_exactly(data.stream(), 4) == b"ping"
            assert redis.calls("hgetall") == calls
            # The answer is wiped, but the new instance finds the key's name.
            reload(server, last_good_for="2h")
            wait_until(lambda: redis.calls("hgetall") > calls, "the renewal")
            with pytest.raises(TimeoutError):
                wire.receive_but_heartbeats(timeout=0.3)
        redis.process.signal(signal.SIGSTOP)
        with Wire.connect(server.control) as wire:
            sign(wire, signer, address.host)
            wire.hello()
            redis.process.signal(signal.SIGCONT)
            hears(server)
            redis("DEL", f"spore:client:{fingerprint}")
            assert "Error" in wire.receive_but_heartbeats()
        with Wire.connect(server.control) as wire:
            sign(wire, signer, address.host)
            wire.send({"Hello": 0})
            assert wire.receive_but_heartbeats() == {"Error": "invalid secret"}


def fingerprint_of(signer):
    return "SHA256:" + base64.b64encode(signer.fingerprint).rstrip(b"=").decode()
