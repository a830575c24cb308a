"""auth_redis while Redis stops, hangs, refuses, moves and returns; and the ways to reach it."""

import contextlib
import json
import signal
import threading
import time

import pytest

from harness.peers import spore_binary
from harness.process import run
from harness.redis import NOTICES, Redis, RedisError, client_context, dial, place_of, redis_server
from harness.scale import count, seconds
from harness.stores import hears, results
from harness.waiting import wait_until
from harness.web_service import UNAVAILABLE, refusal
from harness.wire import Ended

QUICK = {"timeout": "300ms", "connect_timeout": "300ms", "breaker_pause": "100ms"}


def hang(redis):
    redis.process.signal(signal.SIGSTOP)


def start_again(redis):
    if redis.process.running:
        redis.process.signal(signal.SIGCONT)
    else:
        redis.start()
        redis.put("alice", secret="a")
        redis.put("bob", secret="b")


def test_the_queue_is_bounded(address, tmp_path):
    with Redis(tmp_path, address.host, address.free_port(), *NOTICES) as redis:
        options = {**place_of(redis), "timeout": "2s", "max_waiting": 2}
        with redis_server(address, tmp_path, options, workers=1) as server:
            hears(server)
            hang(redis)
            wires = [dial(server, "x", "alice", {"Hello": 0}) for _ in range(3)]
            begin = time.monotonic()
            assert wires[2].receive_but_heartbeats() == {"Error": UNAVAILABLE}
            assert time.monotonic() - begin < seconds(1)
            start_again(redis)
            for wire in wires[:2]:
                assert wire.receive_but_heartbeats() == {"Error": "invalid secret"}
            for wire in wires:
                wire.close()
            assert results(server) == {"replied": 2, "busy": 1}


def test_the_password_changes(address, tmp_path):
    """Of a user of Redis who may do no more than is needed. The secret does not reach the log."""
    rights = [
        "on",
        ">hunter1",
        "resetchannels",
        "&__keyspace@0__:spore:client:*",
        "~spore:client:*",
    ]
    rights += ["+hgetall", "+ping", "+psubscribe", "+subscribe", "+config|get"]
    with Redis(tmp_path, address.host, address.free_port(), *NOTICES) as redis:
        redis.put("alice", secret="a")
        redis("ACL", "SETUSER", "spore", *rights)
        login = {"user": "spore", "password": "hunter1"}
        with redis_server(address, tmp_path, {**place_of(redis), **QUICK, **login}) as server:
            hears(server)
            assert refusal(server, "a", "alice") is None
            redis("ACL", "SETUSER", "spore", ">hunter2", "<hunter1")
            redis("CLIENT", "KILL", "USER", "spore")
            assert refusal(server, "a", "alice") == UNAVAILABLE
            server.process.wait_for("Redis refuses the log-in: WRONGPASS: the user or")
            redis("ACL", "SETUSER", "spore", ">hunter1")
            wait_until(lambda: refusal(server, "a", "alice") is None, "the log-in")
            redis("ACL", "SETUSER", "spore", "-hgetall")
            assert refusal(server, "a", "alice") == UNAVAILABLE
            server.process.wait_for("Redis gave no verdict: NOPERM")
            assert "refused" in results(server)
            assert not any("hunter" in line for line in server.process.lines)


def test_a_refusal_that_repeats_the_password(address, tmp_path):
    """A Redis without AUTH echoes it; the log explains the error in other words."""
    rename = ("--rename-command", "AUTH", "other")
    secret = "hunter1 is a long password"
    login = {"user": "hunter", "password": secret}
    with Redis(tmp_path, address.host, address.free_port(), *NOTICES, *rename) as redis:
        with pytest.raises(RedisError, match=secret):
            redis("AUTH", secret)
        with redis_server(address, tmp_path, {**place_of(redis), **QUICK, **login}) as server:
            assert refusal(server, "a", "alice") == UNAVAILABLE
            server.process.wait_for("Redis refuses the log-in: ERR: it does not know the command")
            assert not any("hunter" in line for line in server.process.lines)
    with Redis(tmp_path, address.host, address.free_port(), *NOTICES) as redis:
        options = {**place_of(redis), **QUICK, "password": secret}
        with redis_server(address, tmp_path, options) as server:
            server.process.wait_for("its default user has no password: leave the password out")
            assert not any("hunter" in line for line in server.process.lines)


def test_without_the_right_to_subscribe(address, tmp_path):
    """Changes are found by polling."""
    with Redis(tmp_path, address.host, address.free_port(), *NOTICES) as redis:
        redis.put("alice", secret="a")
        redis("ACL", "SETUSER", "spore", "on", ">pw", "~spore:*", "+hgetall", "+ping")
        login = {"user": "spore", "password": "pw", "poll_interval": "200ms"}
        with redis_server(address, tmp_path, {**place_of(redis), **login}) as server:
            server.process.wait_for("a change of a client is noticed only every poll_interval")
            with dial(server, "a", "alice") as wire:
                wire.hello()
                redis("DEL", "spore:client:alice")
                assert "Error" in wire.receive_but_heartbeats()


def test_no_connection_for_changes(address, tmp_path):
    """Look-ups work: the log says once why changes are found by polling only."""
    with Redis(tmp_path, address.host, address.free_port(), *NOTICES) as redis:
        redis.put("alice", secret="a")
        options = {**place_of(redis), "poll_interval": "200ms"}
        with redis_server(address, tmp_path, options, workers=1) as server, redis.connect() as own:
            hears(server)
            with dial(server, "a", "alice") as wire:
                wire.hello()
                own("CONFIG", "SET", "maxclients", 2)
                own("CLIENT", "KILL", "TYPE", "pubsub")
                line = "look-ups work, but there is no connection for changes, .*: .*max number of"
                server.process.wait_for(line)
                wait_until(lambda: "every poll_interval" in server.admin.ctl("status"), "the state")
                own("DEL", "spore:client:alice")
                assert "Error" in wire.receive_but_heartbeats()
            own("CONFIG", "SET", "maxclients", 100)
            hears(server)
            assert sum("look-ups work, but" in each for each in server.process.lines) == 1


def test_tls_and_a_client_certificate(address, authority, tmp_path):
    own = authority.issue(f"IP:{address.host}")
    tls = client_context(authority, own)
    files = ["--tls-cert-file", own.path, "--tls-key-file", own.key]
    files += ["--tls-ca-cert-file", authority.path]
    port = address.free_port()
    with Redis(tmp_path, address.host, port, *NOTICES, *files, tls=tls) as redis:
        for number in range(count(200)):
            redis.put(f"c{number}", secret="s" * 200, ports="1024-65535")
        given = {**place_of(redis), **QUICK, "tls": True, "cacertfile": authority.path}
        certificate = {"certfile": own.path, "keyfile": own.key}
        with redis_server(address, tmp_path, {**given, **certificate, "bore": True}) as server:
            hears(server)
            wires = [dial(server, "s" * 200, f"c{number}") for number in range(count(200))]
            for wire in wires:
                wire.hello()
            for wire in wires:
                wire.close()
        with redis_server(address, tmp_path, given) as server:
            assert refusal(server, "s" * 200, "c0") == UNAVAILABLE
        stranger = {**given, **certificate, "host": "localhost"}
        with Redis(tmp_path, "127.0.0.1", port, *files, tls=tls):
            with redis_server(address, tmp_path, stranger) as server:
                assert refusal(server, "s" * 200, "c0") == UNAVAILABLE
                server.process.wait_for("TLS failed: (hostname|IP address) mismatch")


@pytest.mark.parametrize("name", ["cacertfile", "certfile", "keyfile"])
def test_a_file_for_tls_without_tls(name, authority, tmp_path):
    """The operator expects TLS, so the file is not ignored."""
    own = authority.issue("IP:127.0.0.1")
    entry = {"use": "redis", "host": "127.0.0.1", name: own.key if name == "keyfile" else own.path}
    path = tmp_path / "server.json"
    path.write_text(json.dumps({"auth": [entry]}))
    made = run([spore_binary(), "server", "--check", "--config", path])
    assert made.status == 1, made.stderr
    assert "/auth/0/tls: expected true, since a file of a certificate" in str(made.stderr)


def test_a_unix_socket_and_a_database(address, tmp_path):
    path = tmp_path / "redis.sock"
    port = address.free_port()
    with Redis(tmp_path, address.host, port, *NOTICES, "--unixsocket", path) as redis:
        with redis.connect() as connection:
            connection("SELECT", 3)
            connection("HSET", "p[1]*:client:alice", "secret", "a")
            options = {"path": str(path), "database": 3, "prefix": "p[1]*", "bore": True}
            with redis_server(address, tmp_path, options) as server:
                hears(server)
                wait_until(lambda: refusal(server, "a") is None, "the keys")
                with dial(server, "a", "alice") as wire:
                    wire.hello()
                    connection("DEL", "p[1]*:client:alice")
                    assert "Error" in wire.receive_but_heartbeats()


# Sentinel


@contextlib.contextmanager
def sentinel_group(address, folder):
    """A primary, a replica and three Sentinels."""
    with contextlib.ExitStack() as stack:
        host, ports = address.host, [address.free_port() for _ in range(5)]
        of_primary = ["--replicaof", f"{host} {ports[0]}"]
        at_once = ["--repl-diskless-sync-delay", "0"]
        primary = stack.enter_context(Redis(folder, host, ports[0], *NOTICES, *at_once))
        replica = stack.enter_context(
            Redis(folder, host, ports[1], *NOTICES, *of_primary, "--replica-announce-ip", host)
        )
        lines = [
            f"sentinel monitor clients {host} {ports[0]} 2",
            "sentinel down-after-milliseconds clients 500",
            "sentinel failover-timeout clients 3000",
            f"sentinel announce-ip {host}",
        ]
        sentinels = [
            stack.enter_context(Redis(folder, host, port, *lines, sentinel=True))
            for port in ports[2:]
        ]
        wait_until(lambda: all(knows_all(each) for each in sentinels), "the Sentinels", 20)
        yield primary, replica, sentinels


def knows_all(sentinel):
    state = sentinel("SENTINEL", "master", "clients")
    state = dict(zip(state[::2], state[1::2]))
    return state["num-slaves"] == "1" and state["num-other-sentinels"] == "2"


class Load(threading.Thread):
    """New clients, one after the other: when each was let in, or what it was told."""

    def __init__(self, server):
        super().__init__()
        self.server, self.ends = server, []
        self.is_over = threading.Event()

    def run(self):
        while not self.is_over.is_set():
            with contextlib.suppress(OSError, Ended):
                error = refusal(self.server, "a", "alice")
                self.ends.append((time.monotonic(), error))

    def has_let_in_after(self, begin):
        """Waits a little."""
        time.sleep(0.1)
        return any(at > begin and error is None for at, error in self.ends)

    def longest_refusal(self):
        """The longest time in which nobody was let in."""
        times = [at for at, error in self.ends if error is None]
        return max(later - at for at, later in zip(times, times[1:]))


@pytest.mark.timeout(90)
def test_a_failover_under_load(address, tmp_path):
    """The primary dies: tunnels stay, and new clients soon get in by the new primary."""
    with sentinel_group(address, tmp_path) as (primary, replica, sentinels):
        primary.put("alice", secret="a")
        wait_until(lambda: replica("EXISTS", "spore:client:alice"), "the replica")
        places = ["{}:{}".format(*each.place) for each in sentinels]
        options = {"sentinels": places, "master": "clients", "timeout": "2s"}
        with redis_server(address, tmp_path, options) as server:
            hears(server)
            with dial(server, "a", "alice") as wire:
                wire.hello()
                load = Load(server)
                load.start()
                try:
                    wait_until(lambda: len(load.ends) > 20, "the load")
                    primary.process.signal(signal.SIGSTOP)
                    wait_until(lambda: is_primary(replica), "the failover", 20)
                    wait_until(lambda: load.has_let_in_after(time.monotonic()), "the load", 10)
                finally:
                    load.is_over.set()
                    load.join()
                # Sentinel itself needs about two seconds.
                assert load.longest_refusal() < seconds(5)
                hears(server)
                replica("DEL", "spore:client:alice")
                assert "Error" in wire.receive_but_heartbeats()  # and not before


def test_sentinels_with_passwords_and_tls(address, authority, tmp_path):
    """Each has a password of its own, and neither gets the other's."""
    own = authority.issue(f"IP:{address.host}")
    host, ports = address.host, [address.free_port() for _ in range(2)]
    files = {
        "tls-cert-file": own.path,
        "tls-key-file": own.key,
        "tls-ca-cert-file": authority.path,
        "tls-replication": "yes",
    }
    flags = [word for name, value in files.items() for word in (f"--{name}", value)]
    rights = ["on", ">hunter1", "resetchannels", "&__keyspace@0__:spore:client:*"]
    rights += ["~spore:client:*", "+hgetall", "+ping", "+psubscribe", "+subscribe"]
    rights += ["+config|get", "+role"]
    lines = [f"{name} {value}" for name, value in files.items()]
    lines += [f"sentinel monitor clients {host} {ports[0]} 1"]
    lines += ["requirepass hunter2", f"sentinel announce-ip {host}"]
    tls = client_context(authority, own)
    with Redis(tmp_path, host, ports[0], *NOTICES, *flags, tls=tls) as redis, Redis(
        tmp_path, host, ports[1], *lines, sentinel=True, tls=tls, login=("hunter2",)
    ):
        redis.put("alice", secret="a")
        redis("ACL", "SETUSER", "spore", *rights)
        options = {
            **QUICK,
            "sentinels": [f"{host}:{ports[1]}"],
            "master": "clients",
            "user": "spore",
            "password": "hunter1",
            "sentinel_password": "hunter2",
            "tls": True,
            "cacertfile": authority.path,
            "certfile": own.path,
            "keyfile": own.key,
        }
        with redis_server(address, tmp_path, options) as server:
            hears(server)
            with dial(server, "a", "alice") as wire:
                wire.hello()
                redis("DEL", "spore:client:alice")
                assert "Error" in wire.receive_but_heartbeats()
        for change, why in (
            ({"sentinel_password": "hunter1"}, "the Sentinel refuses the log-in: WRONGPASS"),
            ({"sentinel_password": None}, "the Sentinel refuses: NOAUTH"),
            ({"password": "hunter2"}, "Redis refuses the log-in: WRONGPASS"),
            ({"cacertfile": None}, "TLS failed: "),
        ):
            changed = {name: value for name, value in {**options, **change}.items() if value}
            with redis_server(address, tmp_path, changed) as server:
                server.process.wait_for(why)
                assert refusal(server, "a", "alice") == UNAVAILABLE
                assert not any("hunter" in line for line in server.process.lines)


def is_primary(redis):
    with contextlib.suppress(RedisError, OSError):
        return redis("ROLE")[0] == "master"
    return False
