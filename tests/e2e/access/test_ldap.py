"""auth_ldap with the real slapd: who gets in, under which name and with which limits, and over
which connections."""

import contextlib
import shutil

import pytest

from harness import tls
from harness.ldap import (
    BIND,
    GROUPS,
    SEARCH,
    SERVICE,
    UNAVAILABLE,
    Directory,
    carry,
    dial,
    directory_server,
    dn_of,
    group,
    person,
    refusal,
    results,
)
from harness.peers import is_sanitized
from harness.procfs import writable_memory
from harness.scale import count
from harness.waiting import wait_until

PASSWORD = "correct: horse = 100 %"


@pytest.fixture
def serve(address, tmp_path, authority, certificate):
    """Starts a directory with these entries and a server that asks it; without options it searches.
    `server.directory` is the directory; refuse(name, password) is what the server says."""

    @contextlib.contextmanager
    def start(entries, options=None, url="plain", **sections):
        with Directory(address, tmp_path / "slapd", entries, certificate) as directory:
            chosen = {"urls": [getattr(directory, url)], **(SEARCH if options is None else options)}
            with directory_server(address, tmp_path, certificate, chosen, **sections) as server:
                server.directory = directory
                server.refuse = lambda name, password=PASSWORD: refusal(
                    server, authority, name, password
                )
                yield server

    return start


ALICE = person("alice", PASSWORD)
MEMBERS = {"group_base": GROUPS, "group_filter": "(&(objectClass=groupOfNames)(member=%d))"}


# Who gets in


@pytest.mark.parametrize("way", [SEARCH, BIND], ids=["search", "bind"])
def test_right_wrong_and_unknown(serve, way):
    with serve(ALICE + person("bob", "b"), way) as server:
        assert server.refuse("alice") is None
        server.process.wait_for("new client .*identity=alice ")
        for name, password in [("alice", "b"), ("bob", PASSWORD), ("carol", PASSWORD)]:
            assert server.refuse(name, password) == "invalid secret"
            server.process.wait_for(f"the password of {name} is refused: ")
        assert results(server) == {"answered": 4}
        assert not any("horse" in line for line in server.process.lines)


@pytest.mark.parametrize("way", [SEARCH, BIND], ids=["search", "bind"])
def test_what_a_connection_costs(serve, authority, way):
    """A control connection: a bind, a search, and one for the group. A data connection: nothing."""
    options = {**way, **MEMBERS, "poll_interval": "1h"}
    with serve(ALICE + group("tunnels", "alice"), options) as server:
        log = server.directory
        found = [0, 0]

        def costs(binds, searches):
            """What has been added since the last call."""

            def seen():
                return log.operations("BIND", dn_of("alice")), log.operations("SRCH")

            found[0] += binds
            found[1] += searches
            wait_until(lambda: seen() == tuple(found), f"{found} binds and searches")

        assert server.refuse("alice") is None
        costs(1, 2)
        with dial(server, authority, "alice", PASSWORD) as wire:
            port = wire.hello()
            costs(1, 2)
            for _ in range(5):
                assert carry(server, authority, wire, port, "alice", PASSWORD) is None
            assert carry(server, authority, wire, port, "alice", "wrong") == "invalid secret"
            assert server.refuse("alice") is None
            costs(1, 2)
        assert log.operations("BIND", SERVICE) == (1 if way is SEARCH else 0)


def test_a_large_directory(serve, authority):
    """10,000 entries, all in one group: a client costs a bind, a search, and one for the group."""
    names = [f"client{n}" for n in range(10000)]
    entries = "".join(person(name, PASSWORD) for name in names) + group("tunnels", *names)
    options = {**SEARCH, **MEMBERS, "poll_interval": "1h"}
    limits = {"secret_rate": 1000000, "ban_after": 0}
    clients = names[:: 10000 // count(50, least=10)]
    with serve(entries, options, limits=limits) as server, contextlib.ExitStack() as stack:
        log = server.directory
        for name in clients:
            wire = stack.enter_context(dial(server, authority, name, PASSWORD))
            port = wire.hello()
            for _ in range(3):
                assert carry(server, authority, wire, port, name, PASSWORD) is None
        wait_until(lambda: log.operations("SRCH") == 2 * len(clients), "its searches")
        services = log.operations("BIND", SERVICE)
        assert 1 <= services <= 8
        assert log.operations("BIND") == len(clients) + services
        assert all(log.operations("BIND", dn_of(name)) == 1 for name in clients)
        assert results(server) == {"answered": len(clients)}


def test_an_empty_password_is_never_sent(serve, authority):
    """An unauthenticated bind (RFC 4513, 5.1.2) would succeed."""
    with serve(ALICE + person("bob"), BIND) as server:
        for name in ("alice", "bob"):
            with dial(server, authority, name, "") as wire:
                wire.send({"Hello": 0})
                wire.expect_error("invalid secret")
        assert server.directory.operations("BIND") == 0


@pytest.mark.skipif(is_sanitized(), reason="a sanitizer keeps what was freed, and much more")
@pytest.mark.parametrize("url", ["plain", "tls"])
def test_a_password_does_not_stay_in_memory(serve, authority, url):
    """Neither in the plugin nor in libldap. The answer of the client has it in another form."""
    options = {**SEARCH, "cacertfile": authority.path} if url == "tls" else SEARCH
    with serve(ALICE, options, url) as server, dial(server, authority, "alice", PASSWORD) as wire:
        wire.hello()
        mappings = list(writable_memory(server.process.pid))
        assert any(SERVICE.encode() in each for each in mappings)
        assert not any(PASSWORD.encode() in each for each in mappings)


AWKWARD = [
    "*",
    "al*",
    "a)(uid=*",
    "*)(objectClass=*",
    "a(b)c",
    "\\",
    "\\2a",
    "#lead",
    " blank ",
    "q\"uote's",
    "a,b+c;d<e>f=g",
    "%n%d%%",
    "uid=alice",
    "\N{GRINNING FACE}\N{LATIN SMALL LETTER E WITH ACUTE}",
    "x" * 227,
]


@pytest.mark.parametrize("way", [SEARCH, BIND], ids=["search", "bind"])
def test_awkward_names_are_data(serve, way):
    """Each finds its own entry, and no other."""
    there = [name for name in AWKWARD if name != "al*"]
    entries = ALICE + "".join(person(name, "p") for name in there)
    limits = {"ban_after": 0, "secret_rate": 1000000}
    with serve(entries, way, limits=limits) as server:
        for name in AWKWARD:
            refused = server.refuse(name, "p")
            assert refused == (None if name in there else "invalid secret"), name
            assert server.refuse(name, "q") == "invalid secret", name
        assert results(server) == {"answered": 2 * len(AWKWARD)}


def test_an_encoded_nul_and_wrong_utf8_are_not_sent(serve, authority):
    with serve(ALICE) as server:
        for name in ("alice%00", "%FF", "a%0Ab"):
            with tls.dial(server, authority) as wire:
                wire.receive()
                wire.send({"Authenticate": f"p1={name}:x"}, {"Hello": 0})
                wire.expect_error("invalid secret")
        assert results(server) == {} and server.directory.operations("BIND") == 0


@pytest.mark.parametrize("way", [SEARCH, BIND], ids=["search", "bind"])
def test_other_spellings_are_the_same_client(serve, authority, way):
    """The directory takes ALICE for alice. So do identities and limits."""
    options = {**way, "policy": {"*": {"max_tunnels": 1}}}
    with serve(ALICE, options) as server:
        with dial(server, authority, "ALICE", PASSWORD) as wire:
            wire.hello()
            server.process.wait_for("new client .*identity=alice ")
            assert server.refuse("alice") == "too many tunnels"
            assert server.refuse(" Alice") == "too many tunnels"


def test_several_entries_that_match(serve):
    options = {**SEARCH, "search_filter": "(|(uid=%n)(description=%n))"}
    with serve(ALICE + person("bob", "b", description="alice"), options) as server:
        assert server.refuse("alice") == "invalid secret"
        server.process.wait_for("alice is refused: more than one entry matches")
        assert server.refuse("bob", "b") is None


# Groups and limits


def test_groups(serve, authority, address):
    port = address.free_port()
    entries = "".join(person(name, PASSWORD) for name in ("alice", "bob", "carol", "dave"))
    entries += group("ops", "alice") + group("dev", "alice", "bob") + group("other", "carol")
    options = {
        **SEARCH,
        "group_base": GROUPS,
        "group_filter": "(&(objectClass=groupOfNames)(member=%d))",
        "policy": {
            f"CN=ops, {GROUPS}": {"ports": f"{port}"},
            f"cn=dev,{GROUPS}": {"max_tunnels": 1},
        },
    }
    with serve(entries, options) as server:
        with dial(server, authority, "alice", PASSWORD) as wire:
            assert wire.hello() == port
        with dial(server, authority, "bob", PASSWORD) as wire:
            wire.hello()
            assert server.refuse("bob") == "too many tunnels"
        assert server.refuse("carol") == "invalid secret"
        server.process.wait_for("carol is refused: it is in no group of the option policy")
        assert server.refuse("dave") == "invalid secret"
        server.process.wait_for("dave is refused: no group matches group_filter")


def test_limits_of_attributes(serve, authority, address):
    """They go before those of groups. One that is not understood lets nobody in."""
    port = address.free_port()
    entries = (
        person("alice", PASSWORD, employeeType=f"{port}", roomNumber="1h")
        + person("bob", PASSWORD, roomNumber="forever")
        + person("carol", PASSWORD, employeeType=["1", "2"])
        + person("dave", PASSWORD)
    )
    options = {
        **SEARCH,
        "attributes": {"ports": "employeeType", "life": "roomNumber"},
        "policy": {"*": {"max_tunnels": 1}},
        "breaker_failures": 1,
    }
    with serve(entries, options) as server:
        with dial(server, authority, "alice", PASSWORD) as wire:
            assert wire.hello() == port
            assert server.refuse("alice") == "too many tunnels"
        for name, said in [
            ("bob", "attribute roomNumber: expected at most 365 days, such as"),
            ("carol", "attribute employeeType: expected one value"),
        ]:
            assert server.refuse(name) == "invalid secret"
            server.process.wait_for(
                f"{name} is denied, since its entry is wrong: uid={name},.*{said}"
            )
        # The entry is wrong, not the directory.
        assert server.refuse("dave") is None
        assert results(server) == {"answered": 3, "bad_entry": 2}


def test_too_many_groups(serve):
    """The directory sends no more than it wants, and the group that counts may be missing."""
    names = [f"group{n}" for n in range(1001)]
    entries = ALICE + person("bob", PASSWORD)
    entries += "".join(group(name, "alice") for name in names) + group("one", "bob")
    options = {
        **SEARCH,
        "group_base": GROUPS,
        "group_filter": "(&(objectClass=groupOfNames)(member=%d))",
        "policy": {f"cn=one,{GROUPS}": {}, "*": {}},
        "breaker_failures": 1,
    }
    with serve(entries, options) as server:
        assert server.refuse("alice") == "invalid secret"
        server.process.wait_for("alice is denied, .*: it is in too many groups")
        assert server.refuse("bob") is None


# Connections


@pytest.mark.parametrize("url, more", [("tls", {}), ("plain", {"starttls": True}), ("unix", {})])
def test_ways_to_the_directory(serve, authority, url, more):
    if url != "unix":
        more = {**more, "cacertfile": authority.path}
    for way in (SEARCH, BIND):
        with serve(ALICE, {**way, **more}, url) as server:
            for _ in range(5):
                assert server.refuse("alice") is None
            assert server.refuse("alice", "wrong") == "invalid secret"
            # They are kept: one for the service account, and one for binds.
            assert server.directory.connections() == (2 if way is SEARCH else 1)
        shutil.rmtree(server.directory.folder)


@pytest.mark.parametrize("starttls", [False, True])
def test_the_certificate_is_verified(address, tmp_path, authority, certificate, starttls):
    """Neither another authority nor another name will do, and then nothing is sent."""
    other = authority.issue("DNS:other.example")
    with Directory(address, tmp_path / "slapd", ALICE, other) as directory:
        url = directory.plain if starttls else directory.tls
        for trust in ({}, {"cacertfile": authority.path}):
            options = {"urls": [url], "starttls": starttls, **BIND, **trust}
            with directory_server(address, tmp_path, certificate, options) as server:
                assert refusal(server, authority, "alice", PASSWORD) == UNAVAILABLE
                server.process.wait_for("the directory gave no verdict: .* certificate")
                assert results(server) == {"untrusted": 1}
        assert directory.operations("BIND") == 0


def test_a_directory_without_starttls(address, tmp_path, authority, certificate):
    with Directory(address, tmp_path / "slapd", ALICE) as directory:
        options = {"urls": [directory.plain], "starttls": True, **BIND}
        options["cacertfile"] = authority.path
        with directory_server(address, tmp_path, certificate, options) as server:
            assert refusal(server, authority, "alice", PASSWORD) == UNAVAILABLE
            server.process.wait_for("the directory gave no verdict: it does not begin TLS")
        assert directory.operations("BIND") == 0
