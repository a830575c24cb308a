"""auth_password and auth_htpasswd: real files, what never leaves a client, what a reload costs."""

import base64
import contextlib
import json
import pathlib
import signal
import ssl
import statistics
import time
import urllib.parse

import pytest

from harness import tls
from harness.capture import Capture
from harness.passwords import htpasswd, mkpasswd, password_answer
from harness.peers import spore_binary, spore_client
from harness.process import run
from harness.procfs import cpu_seconds
from harness.services import Echo
from harness.sockets import connect, read_exactly
from harness.visitors import one_exchange
from harness.wire import Wire

PASSWORD = "correct: horse = 100 % battery"
# A transport that could be secure, but is not: plaintext.
DOUBTED = {"use": "doubted"}
PLUGINS = {"path": [str(pathlib.Path(spore_binary()).parent / "test-plugins")]}


@pytest.fixture
def serve(tls_server, tmp_path):
    """Starts a TLS server whose file of passwords has these lines."""

    def start(*lines, more=(), auth=None, **config):
        (tmp_path / "users").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        instance = {"use": "htpasswd", "file": "users", **(auth or {})}
        return tls_server(config={"auth": [instance, *more], **config})

    return start


@pytest.fixture
def client(authority, tmp_path):
    """Starts a client with a password; `listening` is False if it is refused."""

    def start(
        server, name, password=PASSWORD, service=None, listening=True, transport=None, **more
    ):
        entry = {"use": "tls", "cacertfile": authority.path} if transport is None else transport
        config = {
            "plugins": PLUGINS,
            "transport": [entry] if entry else [],
            "auth": [{"use": "password", "identity": name, "password": password}],
            **more,
        }
        path = tmp_path / "client.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        control = getattr(server, "control", None) or (server.host, server.port)
        return spore_client(
            control,
            service.port if service else 9,
            extra=["--config", str(path), "--no-reconnect"],
            listening=listening,
        )

    return start


@pytest.fixture
def attempt(authority):
    """What the server says to this name and password: None, or the text of the error."""

    def ask(server, name, password):
        with tls.dial(server, authority) as wire:
            wire.receive()
            wire.send({"Authenticate": password_answer(name, password)}, {"Hello": 0})
            return wire.receive_but_heartbeats().get("Error")

    return ask


# Passwords


def test_hashes_of_htpasswd_and_mkpasswd(serve, client):
    lines = [
        htpasswd("bcrypt", PASSWORD),
        htpasswd("apache's sha512", PASSWORD, "-5", "-r", "1000"),
        mkpasswd("yescrypt", PASSWORD, "yescrypt", 1),
        mkpasswd("sha512", PASSWORD, "sha-512", 1000),
        mkpasswd("mkpasswd's bcrypt", PASSWORD, "bcrypt", 4),
    ]
    names = [line.rpartition(":")[0] for line in lines]
    with Echo() as service, serve(*lines) as server:
        for name in names:
            with client(server, name, service=service) as running:
                server.process.wait_for(f'new client .*identity="?{name}"? ')
                assert one_exchange(running.host, running.port) == b"ping"
            with client(server, name, "wrong", listening=False) as running:
                assert running.wait() == 3
                running.process.wait_for("invalid secret")
            server.process.wait_for(f"the password of {name} is refused: it is wrong")


def test_unknown_names_and_wrong_passwords(serve, attempt):
    with serve(htpasswd("alice", PASSWORD)) as server:
        assert attempt(server, "alice", PASSWORD) is None
        for name, password, why in [
            ("bob", PASSWORD, "bob is refused: the file has no such name"),
            ("Alice", PASSWORD, "Alice is refused: the file has no such name"),
            ("alice", PASSWORD + " ", "alice is refused: it is wrong"),
        ]:
            assert attempt(server, name, password) == "invalid secret"
            server.process.wait_for(f"the password of {why}")
        assert not any("battery" in line for line in server.process.stderr)


def test_a_flood_of_wrong_passwords_does_not_flood_the_log(serve, attempt):
    limits = {"ban_after": 0, "secret_rate": 1000000}
    with serve(htpasswd("alice", PASSWORD), limits=limits) as server:
        for _ in range(25):
            assert attempt(server, "alice", "wrong") == "invalid secret"
        said = [line for line in server.process.stderr if "the password of alice" in line]
        assert 10 <= len(said) < 20


def test_unknown_and_locked_names_take_as_long_as_a_known_one(serve, attempt):
    """The hash takes about 50 ms here, and everything else far less."""
    limits = {"ban_after": 0, "secret_rate": 1000000}
    with serve(htpasswd("alice", PASSWORD, "-B", "-C", "10"), "bob:!", limits=limits) as server:

        def median(name):
            taken = []
            for _ in range(7):
                before = time.monotonic()
                assert attempt(server, name, "wrong") == "invalid secret"
                taken.append(time.monotonic() - before)
            return statistics.median(taken)

        known, unknown, locked = median("alice"), median("nobody"), median("bob")
        assert 0.5 < known / unknown < 2, (known, unknown)
        assert 0.5 < known / locked < 2, (known, locked)


# What never leaves a client


def expect_no_answer(wire, running):
    """The server offers everything, and the client sends no byte to it."""
    wire.send({"Challenge": "00000000-0000-8fff-8000-000000000000"})
    assert wire.expect_end()
    assert running.wait() == 1
    running.process.wait_for("no answer given: this connection is not secure")
    assert "remedy" not in running.process.log()  # another attempt would not help


def test_without_a_secure_transport_nothing_starts(fake_server, client, tmp_path):
    """The client does not even connect. The server could accept no password."""
    with client(fake_server, "alice", listening=False, transport={}) as running:
        assert running.wait() == 1
        running.process.wait_for("/auth/0: expected a secure transport, such as tls that verifies")
    fake_server.listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        fake_server.listener.accept()
    (tmp_path / "users").write_text(htpasswd("alice", PASSWORD))
    path = tmp_path / "server.json"
    path.write_text(json.dumps({"auth": [{"use": "htpasswd", "file": "users"}]}))
    for flags in ([], ["--check"]):
        made = run([spore_binary(), "server", "--config", str(path), *flags])
        assert made.status == 1
        assert "/auth/0: expected a secure transport, such as tls, found none" in made.log()


def test_without_security_no_password_is_sent(fake_server, client):
    """The transport could be secure, but is not on this connection."""
    with client(fake_server, "alice", listening=False, transport=DOUBTED) as running:
        expect_no_answer(fake_server.next_wire(), running)


def test_to_an_unverified_server_no_password_is_sent(fake_server, client, certificate):
    """The client does not even connect, since nothing would verify the server. A pin does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.path, certificate.key)
    transport = {"use": "tls", "insecure": True}
    pinned = {**transport, "pins": [certificate.pin()]}
    with client(fake_server, "alice", listening=False, transport=pinned):
        wire = fake_server.next_wire()
        wire.sock = context.wrap_socket(wire.sock, server_side=True)
        wire.send({"Challenge": "00000000-0000-8fff-8000-000000000000"})
        assert wire.receive() == {"Authenticate": password_answer("alice", PASSWORD)}
    with client(fake_server, "alice", listening=False, transport=transport) as running:
        assert running.wait() == 1
        running.process.wait_for("/auth/0: expected a secure transport, such as tls that verifies")
    fake_server.listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        fake_server.listener.accept()


def test_a_server_that_does_not_ask_gets_no_password(tls_server, client):
    with tls_server(config={"auth": [{"use": "hmac", "secret": "s"}]}) as server:
        with client(server, "alice", listening=False) as running:
            assert running.wait() == 1
            running.process.wait_for("no answer given: the server does not accept passwords")


@pytest.fixture
def doubted_server(configured_server, tmp_path):
    """A server of passwords on whose connections, in plaintext, they are not secure."""
    (tmp_path / "users").write_text(htpasswd("alice", PASSWORD))
    auth = [{"use": "htpasswd", "file": "users"}]
    return configured_server(config={"plugins": PLUGINS, "transport": [DOUBTED], "auth": auth})


def test_a_server_without_security_refuses_passwords(doubted_server):
    with doubted_server as server:
        with Wire.connect(server.control) as wire:
            assert wire.receive()["Challenge"][14:18] == "8002"
            wire.send({"Authenticate": password_answer("alice", PASSWORD)}, {"Hello": 0})
            wire.expect_error("invalid secret")
        server.process.wait_for("the password of alice is refused: it came over a connection")


@pytest.mark.parametrize("over", ["plain", "verified"])
def test_on_the_wire(request, serve, client, address, over):
    """What is captured between a client and a real server contains no password, however it would
    be encoded. The rest of the conversation is there."""
    transport = {"plain": DOUBTED, "verified": None}
    with contextlib.ExitStack() as stack:
        if over == "plain":
            server = stack.enter_context(request.getfixturevalue("doubted_server"))
        else:
            server = stack.enter_context(serve(htpasswd("alice", PASSWORD)))
        with Capture(address.host) as wire:
            good = over == "verified"
            with client(server, "alice", transport=transport[over], listening=good) as running:
                assert good or running.wait() == 1
    assert (b"Challenge" if over == "plain" else b"\x16\x03\x03") in wire.bytes
    quoted = urllib.parse.quote(PASSWORD, safe="-._~@+")
    for form in (PASSWORD, quoted, base64.b64encode(PASSWORD.encode()).decode(), "p1=", "alice"):
        assert form.encode() not in wire.bytes


# Data connections, limits and reloads


def test_a_data_connection_is_of_the_tunnels_name(serve, authority):
    lines = [htpasswd("alice", PASSWORD), htpasswd("bob", PASSWORD)]
    with serve(*lines) as server, tls.dial(server, authority) as alice:
        alice.receive()
        alice.send({"Authenticate": password_answer("alice", PASSWORD)})
        port = alice.hello()
        with connect(server.public_host, port) as visitor:
            identity = alice.connection()
            for name, password in [("bob", PASSWORD), ("alice", "wrong"), ("carol", PASSWORD)]:
                with tls.dial(server, authority) as wire:
                    wire.receive()
                    wire.send({"Authenticate": password_answer(name, password)})
                    wire.send({"Accept": identity})
                    wire.expect_error("invalid secret")
            with tls.dial(server, authority) as wire:
                wire.receive()
                wire.send({"Authenticate": password_answer("alice", PASSWORD)})
                wire.accept(identity, b"for alice")
                assert read_exactly(visitor, 9) == b"for alice"


def test_limits_of_a_name(serve, attempt, authority, address, tmp_path):
    port = address.free_port()
    (tmp_path / "limits").write_text(
        json.dumps({"alice": {"ports": f"{port}"}, "*": {"max_tunnels": 1}})
    )
    with serve(htpasswd("alice", PASSWORD), auth={"policy_file": "limits"}) as server:
        with tls.dial(server, authority) as wire:
            wire.receive()
            wire.send({"Authenticate": password_answer("alice", PASSWORD)})
            assert wire.hello() == port
            assert attempt(server, "alice", PASSWORD) == "too many tunnels"


def test_a_reload_and_data_connections_cost_no_hash(serve, client):
    """One hash of this cost takes most of a second of CPU time."""
    line = htpasswd("alice", PASSWORD, "-B", "-C", "13")
    patient = {"auth_timeout": "30s"}, {"answer_timeout": "30s"}
    with Echo() as service, serve(line, htpasswd("bob", PASSWORD), server=patient[0]) as server:
        started = cpu_seconds(server.pid)
        with client(server, "alice", service=service, client=patient[1]) as running:
            hash_cost = cpu_seconds(server.pid) - started
            before = cpu_seconds(server.pid)
            for _ in range(20):
                assert one_exchange(running.host, running.port) == b"ping"
            server.process.signal(signal.SIGHUP)
            server.process.wait_for("authenticated again .*allowed=1 ")
            for _ in range(20):
                assert one_exchange(running.host, running.port) == b"ping"
            assert cpu_seconds(server.pid) - before < hash_cost / 2 + 0.2


def test_a_reload_ends_the_tunnels_of_names_that_are_gone(serve, client, tmp_path):
    lines = {name: htpasswd(name, PASSWORD) for name in ("alice", "bob", "carol")}
    with Echo() as service, serve(*lines.values()) as server:
        with client(server, "alice", service=service) as stays:
            with client(server, "bob") as gone, client(server, "carol") as changed:
                lines["carol"] = htpasswd("carol", "another")
                del lines["bob"]
                (tmp_path / "users").write_text("".join(f"{line}\n" for line in lines.values()))
                server.process.signal(signal.SIGHUP)
                for each in (gone, changed):
                    assert each.wait() != 0
                    each.process.wait_for("access was revoked")
            assert one_exchange(stays.host, stays.port) == b"ping"


def test_a_file_with_a_mistake_leaves_the_old_one_in_use(serve, attempt, tmp_path):
    with serve(htpasswd("alice", PASSWORD)) as server:
        with (tmp_path / "users").open("a") as file:
            file.write("bob:hunter2\n")
        server.process.signal(signal.SIGHUP)
        server.process.wait_for("users:2:5: expected a hash of bcrypt, yescrypt or SHA-512")
        assert attempt(server, "alice", PASSWORD) is None


@pytest.fixture
def tunnel(authority):
    """Opens a tunnel of this name; a context manager."""

    @contextlib.contextmanager
    def start(server, name):
        with tls.dial(server, authority) as wire:
            wire.receive()
            wire.send({"Authenticate": password_answer(name, PASSWORD)})
            wire.hello()
            yield wire

    return start


def test_the_last_name_and_those_with_policies_of_their_own(serve, tunnel, attempt, tmp_path):
    """A line is all that must go. What it leaves behind is warned of."""
    (tmp_path / "limits").write_text('{"bob": {"max_tunnels": 5}, "*": {"max_conns": 50}}')
    options = {"policy": {"carol": {"life": "1h"}}, "policy_file": "limits"}
    lines = [htpasswd(name, PASSWORD) for name in ("alice", "bob", "carol")]
    with serve(*lines, auth=options) as server:
        with tunnel(server, "alice") as last, tunnel(server, "bob") as bob:
            with tunnel(server, "carol") as carol:
                (tmp_path / "users").write_text(f"{lines[0]}\n")
                for wire in (bob, carol):
                    wire.expect_error("access was revoked")
            users = tmp_path / "users"
            for policy in ("/policy/carol", f"{tmp_path}/limits: /bob"):
                name = policy.rpartition("/")[2]
                server.process.wait_for(f"{policy} applies to nobody: {users} has no name {name} ")
            (tmp_path / "users").write_text("")
            last.expect_error("access was revoked")
            server.process.wait_for("nobody can log in by this instance: .*/users has no names")
        server.process.wait_for("a changed file is in use", stream="stderr", times=2)
        assert attempt(server, "alice", PASSWORD) == "invalid secret"
        server.process.wait_for("the password of alice is refused: the file has no such name")


def test_a_locked_name(serve, tunnel, attempt, tmp_path):
    """Its tunnel ends; its name is known, and no password fits until it is unlocked."""
    alice, bob = htpasswd("alice", PASSWORD), htpasswd("bob", PASSWORD)
    locked = alice.replace(":", ":!", 1)
    with serve(alice, bob, auth={"policy": {"alice": {"max_tunnels": 5}}}) as server:
        with tunnel(server, "alice") as wire:
            (tmp_path / "users").write_text(f"{locked}\n{bob}\n")
            wire.expect_error("access was revoked")
        server.process.wait_for("a changed file is in use", stream="stderr")
        assert attempt(server, "alice", PASSWORD) == "invalid secret"
        server.process.wait_for("the password of alice is refused: the name is locked")
        assert attempt(server, "bob", PASSWORD) is None
        assert not any("applies to nobody" in line for line in server.process.stderr)
        (tmp_path / "users").write_text(f"{alice}\n")
        server.process.wait_for("a changed file is in use", stream="stderr", times=2)
        assert attempt(server, "alice", PASSWORD) is None


# Beside other instances


def test_beside_other_forms(serve, client, authority, tmp_path):
    """Each instance leaves the answers of other forms to the next one."""
    more = [{"use": "multi_secret", "secrets": {"bob": "b-secret"}}]
    flags = ["--tls", "--cacertfile", authority.path]
    with serve(htpasswd("alice", PASSWORD), more=more) as server:
        with client(server, "alice"):
            server.process.wait_for("new client .*identity=alice ")
        with spore_client(server.control, 9, secret="b-secret", extra=flags):
            server.process.wait_for("new client .*identity=bob ")
        with spore_client(server.control, 9, secret="wrong", extra=flags, listening=False) as wrong:
            assert wrong.wait() == 3
        assert not any("the password of" in line for line in server.process.stderr)
