"""auth_ldap: what happens to tunnels when entries of the directory or options change."""

import contextlib
import json
import pathlib
import signal
import time

import pytest

from harness.ldap import (
    BIND,
    FAULTY,
    GROUPS,
    PEOPLE,
    SEARCH,
    SERVICE,
    SERVICE_PASSWORD,
    Directory,
    carry,
    dial,
    directory_server,
    dn_of,
    entry,
    group,
    person,
    refusal,
    results,
)
from harness.scale import seconds
from harness.sockets import connect, how_it_ends
from harness.waiting import wait_until

NAMES = ("alice", "bob", "carol")
SERVICE_ACCOUNT = {"user": SERVICE, "password": SERVICE_PASSWORD}
MEMBERS = {"group_base": GROUPS, "group_filter": "(&(objectClass=groupOfNames)(member=%d))"}


@pytest.fixture
def directory(address, tmp_path):
    entries = "".join(person(name, name) for name in NAMES) + group("tunnels", *NAMES)
    with Directory(address, tmp_path / "slapd", entries) as running:
        yield running


@pytest.fixture
def serve(address, tmp_path, certificate, directory):
    return lambda **options: directory_server(
        address, tmp_path, certificate, {"urls": [directory.plain], **options}
    )


def entry_with(**attributes):
    """An entry of a client whose DN does not follow from its name."""
    return entry(f"cn=x,{PEOPLE}", objectClass="inetOrgPerson", cn="x", sn="x", **attributes)


def ended(wire):
    return wire.receive_but_heartbeats(timeout=5)["Error"]


def reload(server, **options):
    path = pathlib.Path(server.process.argv[-1])
    config = json.loads(path.read_text(encoding="utf-8"))
    config["auth"][0].update(options)
    path.write_text(json.dumps(config), encoding="utf-8")
    times = len([line for line in server.process.lines if "configuration reloaded" in line])
    server.process.signal(signal.SIGHUP)
    server.process.wait_for("configuration reloaded", times=times + 1)


@pytest.mark.parametrize("way", [SEARCH, {**BIND, **SERVICE_ACCOUNT}], ids=["search", "bind"])
def test_a_revocation_takes_less_than_a_second(serve, authority, directory, way):
    """An entry that is gone, and one that is in no group any more. Others stay."""
    with serve(**way, **MEMBERS) as server:
        wires = {name: dial(server, authority, name, name) for name in NAMES}
        ports = {name: wire.hello() for name, wire in wires.items()}
        wait_until(lambda: results(server, "looks_total").get("same", 0) >= 3, "a look at each")
        directory.remove(dn_of("alice"))
        began = time.monotonic()
        assert "access was revoked" in ended(wires["alice"])
        assert time.monotonic() - began < seconds(1)
        server.process.wait_for("the access of alice has ended: its entry is gone")
        directory.change(f"cn=tunnels,{GROUPS}", member=dn_of("carol"))
        began = time.monotonic()
        assert "access was revoked" in ended(wires["bob"])
        assert time.monotonic() - began < seconds(1)
        server.process.wait_for("the access of bob has ended: no group matches")
        assert carry(server, authority, wires["carol"], ports["carol"], "carol", "carol") is None
        for wire in wires.values():
            wire.close()


def test_changed_limits_hold_for_open_tunnels(serve, authority, directory):
    options = {**SEARCH, "attributes": {"max_conns": "roomNumber"}}
    with serve(**options) as server, dial(server, authority, "alice", "alice") as wire:
        port = wire.hello()
        assert carry(server, authority, wire, port, "alice", "alice") is None
        directory.change(dn_of("alice"), roomNumber="0")
        wait_until(lambda: results(server, "looks_total").get("changed"), "a look at the entry")
        with connect(server.public_host, port) as visitor:
            assert how_it_ends(visitor)
        # What is not understood could be a restriction.
        directory.change(dn_of("alice"), roomNumber="many")
        assert "access was revoked" in ended(wire)
        server.process.wait_for(
            "alice is denied, .*: attribute roomNumber: expected a whole number"
        )
        assert refusal(server, authority, "alice", "alice") == "invalid secret"
        assert results(server, "looks_total")["ended"] == 1


def test_an_entry_with_several_names(address, tmp_path, certificate, authority):
    """It is one client with several identities. Each has tunnels, which end."""
    entries = entry_with(uid=["alice", "al"], userPassword="a")
    options = {**SEARCH, "poll_interval": "100ms"}
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(Directory(address, tmp_path / "other", entries))
        options["urls"] = [directory.plain]
        server = stack.enter_context(directory_server(address, tmp_path, certificate, options))
        wires = [
            stack.enter_context(dial(server, authority, name, "a")) for name in ("alice", "al")
        ]
        for wire in wires:
            wire.hello()
        wait_until(lambda: results(server, "looks_total").get("same", 0) >= 4, "looks at both")
        directory.remove(f"cn=x,{PEOPLE}")
        for wire in wires:
            assert "access was revoked" in ended(wire)


def test_a_name_that_has_no_tunnel_is_not_looked_at(serve, authority, directory):
    with serve(**SEARCH, poll_interval="100ms") as server:
        with dial(server, authority, "alice", "alice") as wire:
            wire.hello()
            wait_until(lambda: results(server, "looks_total").get("same", 0) > 1, "looks")
        server.process.wait_for("client left")
        assert refusal(server, authority, "bob", "bob") is None
        looked = [-1]

        def is_over():
            now = directory.operations("SRCH")
            over, looked[0] = now == looked[0], now
            return over

        wait_until(is_over, "the looks to end", interval=0.3)


def test_a_reload_asks_about_tunnels(serve, authority, directory):
    """By the service account, since the passwords are gone; they still serve data connections."""
    with serve(**SEARCH, poll_interval="1h") as server:
        wires = {name: dial(server, authority, name, name) for name in ("alice", "bob")}
        ports = {name: wire.hello() for name, wire in wires.items()}
        directory.remove(dn_of("bob"))
        binds = directory.operations("BIND", dn_of("alice"))
        reload(server, timeout="1.9s")
        assert "access was revoked" in ended(wires["bob"])
        server.process.wait_for("authenticated again .*allowed=1 ")
        assert carry(server, authority, wires["alice"], ports["alice"], "alice", "alice") is None
        assert carry(server, authority, wires["alice"], ports["alice"], "alice", "x") is not None
        assert directory.operations("BIND", dn_of("alice")) == binds
        for wire in wires.values():
            wire.close()


@pytest.fixture
def crowded(address, tmp_path, certificate, authority):
    """Starts a server, with these options, on which `n` clients have a tunnel each; gives it, its
    directory and the clients' names."""

    @contextlib.contextmanager
    def start(n, **options):
        names = [f"client{i}" for i in range(n)]
        entries = "".join(person(name, "a") for name in names)
        with contextlib.ExitStack() as stack:
            directory = stack.enter_context(Directory(address, tmp_path / "crowded", entries))
            options = {"urls": [directory.plain], **SEARCH, **options}
            server = stack.enter_context(
                directory_server(
                    address, tmp_path, certificate, options, limits={"secret_rate": 1000}
                )
            )
            for name in names:
                stack.enter_context(dial(server, authority, name, "a")).hello()
            yield server, directory, names

    return start


def test_a_reload_during_a_look(crowded, address, tmp_path):
    """The look of the old instance ends after that has been drained."""
    options = {"poll_interval": "100ms", "timeout": "1s", "breaker_failures": 1000}
    ends = "the directory gave no verdict: .*: Timed out"
    with contextlib.ExitStack() as stack:
        server, directory, names = stack.enter_context(crowded(40, **options))
        entries = "".join(person(name, "a") for name in names)
        other = stack.enter_context(Directory(address, tmp_path / "other", entries))
        directory.pause()
        # The first look may be at few of them. The next one is at as many as fit into one.
        server.process.wait_for(ends)
        time.sleep(seconds(0.2))  # until the next one has begun
        reload(server, urls=[other.plain])
        server.process.wait_for(f"authenticated again .*allowed={len(names)} ")
        server.process.wait_for(ends, times=2)
        looked = other.operations("SRCH")
        wait_until(lambda: other.operations("SRCH") > looked + len(names), "looks of the new one")
        assert not [line for line in server.process.lines if "stale" in line]


def test_looks_that_take_longer_than_the_interval(crowded):
    """Each client gets its turn, and one line says that changes are noticed later."""
    options = {"poll_interval": "100ms", "timeout": "20s", "breaker_failures": 1000}
    with crowded(40, **options) as (server, directory, names):
        directory.stop()
        directory.delay(1)
        directory.start()
        wait_until(
            lambda: all(directory.operations("SRCH", dn_of(name)) for name in names),
            "a look at each",
            timeout=40,
        )
        behind = [line for line in server.process.lines if "take longer than 100 ms" in line]
        assert len(behind) == 1, behind
        directory.kill()


def test_one_look_that_is_not_answered(crowded):
    """Looks at others, sent with it, are answered all the same."""
    options = {"poll_interval": "100ms", "timeout": "600ms", "breaker_failures": 3}
    with crowded(3, **options) as (server, directory, names):
        directory.stop()
        directory.fail_by_entries()
        directory.start()
        wait_until(lambda: results(server, "looks_total").get("same", 0) >= 3, "looks at each")
        directory.change(dn_of(names[0]), objectClass=FAULTY, errCode="80", errOp="search")
        wait_until(lambda: results(server, "looks_total").get("failed", 0) >= 4, "failed looks")
        directory.change(dn_of(names[1]), objectClass=FAULTY, errCode="0", errSleepTime="2")
        before = results(server, "looks_total")["failed"]
        wait_until(lambda: results(server, "looks_total")["failed"] >= before + 8, "failed looks")
        directory.remove(dn_of(names[2]))
        server.process.wait_for(f"the access of {names[2]} has ended: its entry is gone")
        assert "the directory fails" not in "\n".join(server.process.lines)


def test_without_a_service_account(serve, authority, directory):
    """Nobody can look at a client again. Its tunnel stays with the old instance, for its life."""
    with serve(**BIND, policy={"*": {"life": "2s"}}) as server:
        server.process.wait_for("without a service account")
        with dial(server, authority, "alice", "alice") as wire:
            port = wire.hello()
            directory.remove(dn_of("alice"))
            reload(server, timeout="1.9s")
            assert carry(server, authority, wire, port, "alice", "alice") is None
            assert refusal(server, authority, "alice", "alice") == "invalid secret"
            assert "Error" in wire.receive_but_heartbeats(timeout=10)
