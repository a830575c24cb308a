"""auth_ldap while the directory is stopped, paused, replaced or refuses the service account."""

import contextlib
import time

import pytest

from harness import tls

from harness.ldap import (
    BIND,
    FAULTY,
    SEARCH,
    SERVICE,
    SUFFIX,
    UNAVAILABLE,
    Directory,
    carry,
    dial,
    directory_server,
    dn_of,
    entry,
    person,
    refusal,
    results,
)
from harness.passwords import password_answer
from harness.peers import is_timed
from harness.scale import count, seconds
from harness.waiting import wait_until

PEOPLE = person("alice", "a") + person("bob", "b")
QUICK = {"timeout": "300ms", "breaker_failures": 2, "breaker_pause": "100ms"}


@pytest.fixture
def directory(address, tmp_path):
    return Directory(address, tmp_path / "slapd", PEOPLE)


@pytest.fixture
def serve(address, tmp_path, certificate, directory):
    def start(options=SEARCH, **more):
        sections = {key: more.pop(key) for key in ("limits", "server") if key in more}
        chosen = {"urls": [directory.plain], **options, **more}
        return directory_server(address, tmp_path, certificate, chosen, **sections)

    return start


@pytest.fixture
def attempt(authority):
    return lambda server, name="alice", password="a": refusal(server, authority, name, password)


def is_asked(server):
    """What `spore ctl status` says of the instance."""
    (line,) = [each for each in server.admin.ctl("status").splitlines() if "auth ldap" in each]
    return line.removeprefix("auth ldap").strip()


@pytest.mark.parametrize("fault", ["stopped", "paused"])
@pytest.mark.parametrize("way", [SEARCH, BIND], ids=["search", "bind"])
def test_faults_and_recovery(serve, directory, attempt, authority, fault, way):
    """Nobody gets in, the log and the metrics say why, tunnels stay, and the directory is asked
    again soon after its return."""
    with directory, serve(way, **QUICK) as server:
        with dial(server, authority, "alice", "a") as wire:
            port = wire.hello()
            directory.stop() if fault == "stopped" else directory.pause()
            for _ in range(2):
                assert attempt(server) == UNAVAILABLE
            assert is_asked(server) != "the directory is asked"
            server.process.wait_for("the directory gave no verdict: ")
            server.process.wait_for("the directory fails: ")
            assert carry(server, authority, wire, port, "alice", "a") is None
            directory.start() if fault == "stopped" else directory.resume()
            began = time.monotonic()
            wait_until(lambda: attempt(server, "bob", "b") is None, "bob to get in", 2)
            assert time.monotonic() - began < seconds(2)
            wait_until(lambda: is_asked(server) == "the directory is asked", "the status")
            server.process.wait_for("the directory works again")
            assert carry(server, authority, wire, port, "alice", "a") is None
            kinds = results(server).keys()
            assert ("timeout" if fault == "paused" else "unreachable") in kinds, kinds


@pytest.mark.parametrize("starttls", [False, True])
def test_no_tls_in_time(address, tmp_path, certificate, attempt, authority, starttls):
    """The kernel accepts the connection, and then nothing comes."""
    directory = Directory(address, tmp_path / "slapd", PEOPLE, certificate)
    url = directory.plain if starttls else directory.tls
    options = {**BIND, **QUICK, "urls": [url], "starttls": starttls, "connect_timeout": "200ms"}
    options["cacertfile"] = authority.path
    with directory, directory_server(address, tmp_path, certificate, options) as server:
        directory.pause()
        began = time.monotonic()
        assert attempt(server) == UNAVAILABLE
        assert time.monotonic() - began < seconds(0.5)
        assert results(server) == {"timeout": 1}
        directory.resume()
        assert attempt(server) is None


def test_a_restart_is_not_noticed(serve, directory, attempt):
    """The connections that were kept are gone; new ones are opened at once."""
    with directory, serve(server={"workers": 1}) as server:
        assert attempt(server) is None
        directory.stop()
        directory.start()
        assert attempt(server) is None
        assert attempt(server, "alice", "b") == "invalid secret"
        assert results(server) == {"answered": 3}


def test_the_next_url(address, tmp_path, certificate, attempt, directory):
    """It is asked when one fails, also while that one only does not answer."""
    second = Directory(address, tmp_path / "second", PEOPLE)
    options = {**SEARCH, "urls": [directory.plain, second.plain], "timeout": "1s"}
    with directory, second, directory_server(address, tmp_path, certificate, options) as server:
        assert attempt(server) is None
        assert second.operations("BIND") == 0
        directory.pause()
        assert attempt(server) is None
        wait_until(lambda: second.operations("BIND", dn_of("alice")) == 1, "its bind")
        began = time.monotonic()
        assert attempt(server) is None
        assert time.monotonic() - began < seconds(0.5)
        second.stop()
        directory.resume()
        assert attempt(server) is None
        assert results(server) == {"answered": 4}


def test_the_password_of_the_service_account(serve, directory, attempt, tmp_path):
    """It is changed in the directory, and then in the server's file."""
    (tmp_path / "password").write_text(SEARCH["password"])
    with directory, serve(password={"file": "password"}, **QUICK) as server:
        assert attempt(server) is None
        directory.change(SERVICE, userPassword="new")
        directory.stop()
        directory.start()
        assert attempt(server) == UNAVAILABLE
        server.process.wait_for("it refuses the service account .user.: Invalid credentials")
        assert results(server)["refused"] == 1
        (tmp_path / "password").write_text("new")
        wait_until(lambda: attempt(server) is None, "the new password to be used")


def test_last_good(serve, directory, attempt, authority):
    """Whoever was in gets in again. Somebody looks at them when the directory works again."""
    options = {"on_error": "last_good", **QUICK}
    with directory, serve(**options) as server:
        assert attempt(server) is None
        directory.stop()
        with dial(server, authority, "alice", "a") as wire:
            port = wire.hello()
            server.process.wait_for("client let in by an earlier verdict.* identity=alice ")
            assert carry(server, authority, wire, port, "alice", "a") is None
            assert attempt(server, "alice", "b") == UNAVAILABLE
            assert attempt(server, "bob", "b") == UNAVAILABLE
            directory.start()
            directory.remove(dn_of("alice"))
            assert "access was revoked" in wire.receive_but_heartbeats(timeout=5)["Error"]
            assert attempt(server) == "invalid secret"
            directory.stop()
            assert attempt(server) == UNAVAILABLE


def test_last_good_after_a_wrong_entry(serve, directory, attempt):
    """What is not understood could be a restriction, so it is a denial."""
    options = {"on_error": "last_good", "attributes": {"max_conns": "roomNumber"}, **QUICK}
    with directory, serve(**options) as server:
        for name in ("alice", "bob"):
            assert attempt(server, name, name[0]) is None
        directory.change(dn_of("alice"), roomNumber="many")
        assert attempt(server) == "invalid secret"
        server.process.wait_for("alice is denied, since its entry is wrong: ")
        directory.stop()
        assert attempt(server) == UNAVAILABLE
        assert attempt(server, "bob", "b") is None


# How an operation on one entry may end. Of a bind, all that is about the client is a denial; of a
# search as the client itself, that it may not read its entry.
BINDS = {
    "invalid secret": [10, 19, 32, 34, 48, 49, 50, 53],
    UNAVAILABLE: [1, 3, 8, 11, 13, 51, 52, 80],
}
SEARCHES = {"invalid secret": [32, 34, 50], UNAVAILABLE: [1, 3, 11, 51, 52, 53, 80]}
PATIENT = {"breaker_failures": 1000}


def test_results_of_a_bind(serve, directory, attempt):
    """Which are a denial, and which a failure of the directory."""
    codes = [code for codes in BINDS.values() for code in codes]
    items = [f'retcode-item "uid=code{code}" {code} op=bind' for code in codes]
    items[codes.index(10)] += " ref=ldap://127.0.0.9/dc=x"
    directory.overlay("retcode", f"retcode-parent ou=codes,{SUFFIX}", *items)
    options = {"bind_dn": f"uid=%n,ou=codes,{SUFFIX}", **PATIENT}
    with directory, serve(options, limits={"ban_after": 0}) as server:
        for text, codes in BINDS.items():
            for code in codes:
                assert attempt(server, f"code{code}") == text, code
        assert results(server) == {"answered": 8, "error": 8}


def test_results_of_a_search(address, tmp_path, certificate, attempt):
    """The same, of the entry of a client that reads it itself."""
    codes = [code for codes in SEARCHES.values() for code in codes]
    entries = [person(f"code{code}", "a", objectClass=FAULTY, errCode=code) for code in codes]
    directory = Directory(address, tmp_path / "other", "".join(entries))
    directory.fail_by_entries()
    options = {"urls": [directory.plain], **BIND, **PATIENT}
    limits = {"ban_after": 0}
    with directory:
        with directory_server(address, tmp_path, certificate, options, limits=limits) as server:
            for text, codes in SEARCHES.items():
                for code in codes:
                    assert attempt(server, f"code{code}") == text, code
            assert results(server) == {"bad_entry": 3, "error": 7}


def test_a_password_policy(address, tmp_path, certificate, attempt):
    """A locked account, one whose password has expired, and one that must change it."""
    policy = f"cn=policy,{SUFFIX}"
    past = "20200101000000Z"
    entries = (
        entry(
            policy,
            objectClass=["organizationalRole", "pwdPolicy"],
            pwdAttribute="userPassword",
            pwdLockout="TRUE",
            pwdMustChange="TRUE",
            pwdMaxAge="86400",
        )
        + person("locked", "a", pwdAccountLockedTime="000001010000Z")
        + person("expired", "a", pwdChangedTime=past)
        + person("reset", "a", pwdReset="TRUE")
        + person("good", "a")
    )
    directory = Directory(address, tmp_path / "slapd", entries)
    directory.overlay("ppolicy", f"ppolicy_default {policy}")
    for way, of_reset in ((SEARCH, None), (BIND, "invalid secret")):
        options = {**way, "urls": [directory.plain], "breaker_failures": 1}
        with directory, directory_server(address, tmp_path, certificate, options) as server:
            for name in ("locked", "expired"):
                assert attempt(server, name) == "invalid secret"
                server.process.wait_for(f"the password of {name} is refused: Invalid credentials")
            assert attempt(server, "reset") == of_reset
            assert attempt(server, "good") is None


def test_bases_that_do_not_exist(serve, directory, attempt):
    """A mistake of the configuration says nothing about a client."""
    nowhere = f"ou=nowhere,{SUFFIX}"
    groups = {"group_base": nowhere, "group_filter": "(member=%d)"}
    for options, name in [({"search_base": nowhere}, "search_base"), (groups, "group_base")]:
        with directory, serve(**options) as server:
            assert attempt(server) == UNAVAILABLE
            server.process.wait_for(f"the directory gave no verdict: {name}: No such object")
            assert results(server) == {"error": 1}


@pytest.mark.parametrize("state", ["works", "paused"])
def test_a_crowd(serve, directory, authority, state):
    """Many clients answer at once, and have their verdicts soon. No worker waits for the
    directory, or passes on all verdicts in one turn."""
    n = count(300, least=50)
    limits = {"ban_after": 0, "secret_rate": 1000000}
    limits |= {"max_unauthenticated": 5000, "max_unauthenticated_per_ip": 5000}
    with contextlib.ExitStack() as stack:
        stack.enter_context(directory)
        server = stack.enter_context(serve(limits=limits, timeout="500ms"))
        context = tls.client_context(authority)
        wires = [stack.enter_context(tls.dial_with(server, context)) for _ in range(n)]
        for wire in wires:
            wire.receive()
        if state == "paused":
            directory.pause()
        for wire in wires:
            wire.send({"Authenticate": password_answer("alice", "a")}, {"Hello": 0})
        said = [wire.receive_but_heartbeats(timeout=10).get("Error") for wire in wires]
        assert set(said) == {None if state == "works" else UNAVAILABLE}
        lag = max(server.exporter.page().find("spore_worker_lag_seconds"))
        print(f"greatest lag of a worker: {lag * 1000:.1f} ms; {results(server)}")
        # Less than one question takes that is never answered.
        assert lag < 0.4 or not is_timed()


def test_a_slow_directory(serve, directory, attempt):
    """Each answer takes 5 s, longer than any client waits."""
    with directory, serve(timeout="500ms", breaker_failures=2) as server:
        assert attempt(server) is None
        directory.stop()
        directory.delay(5)
        directory.start()
        began = time.monotonic()
        for _ in range(3):
            assert attempt(server) == UNAVAILABLE
        assert time.monotonic() - began < seconds(3)
        assert results(server) == {"answered": 1, "timeout": 2, "suspended": 1}
        directory.kill()
        directory.delay(0)
        directory.start()
        began = time.monotonic()
        wait_until(lambda: attempt(server) is None, "a client to get in", 2)
