"""auth_postgres: clients from PostgreSQL; who gets in, with which limits, and until when."""

import base64
import contextlib
import hashlib
import json
import time

import pytest

from harness.peers import REPOSITORY, configured_server
from harness.postgres import QUERY, postgres_server
from harness.redis import dial
from harness.scale import count, seconds
from harness.signing import Signer, sign
from harness.stores import carry, hears, reload, results, seconds_until_closed
from harness.web_service import UNAVAILABLE, refusal
from harness.wire import Wire, answer

AWKWARD = [
    "a'b\"c\\",
    "'; drop table spore_clients; --",
    "$1",
    "%s%n",
    "x:y",
    "\U0001f980" * 4,
    "a\r\nb",
    "é ü",
    "\\x00",
]


@pytest.fixture
def serve(address, tmp_path, postgres):
    """A server that asks the PostgreSQL of the tests and hears of changes."""

    @contextlib.contextmanager
    def run(**options):
        with postgres_server(postgres, address, tmp_path, **options) as server:
            hears(server)
            yield server

    return run


def test_right_wrong_and_unknown_clients(postgres, serve):
    key = hashlib.sha256(b"b-secret").hexdigest()
    postgres.put("alice", secret="a-secret")
    postgres.put("bob", key=key, max_tunnels=3)
    postgres.put("both", secret="b-secret", key=key)
    postgres.put("none", ports="1024-65535")
    postgres.put("odd", secret="x", max_tunnels=-1)
    with serve() as server:
        assert refusal(server, "a-secret", "alice") is None
        assert refusal(server, "b-secret", "bob") is None
        assert refusal(server, "b-secret", "both") is None
        for secret, name in ("wrong", "alice"), ("a-secret", "bob"), ("x", "eve"), ("a-secret", ""):
            assert refusal(server, secret, name) == "invalid secret"
        for name in "none", "odd":
            assert refusal(server, "x", name) == UNAVAILABLE
        server.process.wait_for("the record of none is wrong: expected secret, key, pubkey or")
        server.process.wait_for("the record of odd is wrong: the column max_tunnels: expected")
        assert results(server) == {"replied": 6, "bad_record": 2}
        assert not any("-secret" in line for line in server.process.lines)


def test_queries_that_let_nobody_in(postgres, address, tmp_path):
    """The log says why. Nobody gets in by what was so before either, if a row is not understood."""
    postgres.put("alice", secret="a", max_tunnels=5)
    postgres.put("bob", secret="a", max_tunnels=5)
    for query, why in (
        ("select secret from spore_view", "expected .1, the name of the client, in query, found 0"),
        (
            "select secret from nowhere where name = $1",
            "the query is refused: relation .*nowhere.* does not exist",
        ),
        (
            "update spore_view set secret = 'b' where name = $1",
            "expected a query that gives rows with columns, such as a select, found one that",
        ),
        (
            "delete from spore_view where name = $1 returning secret",
            "permission denied|read-only transaction",
        ),
    ):
        options = {"query": query, "timeout": f"{round(seconds(300))}ms"}
        with postgres_server(postgres, address, tmp_path, workers=1, **options) as server:
            assert refusal(server, "a", "alice") == UNAVAILABLE
            server.process.wait_for(why)
    query = (
        "select secret, null as disabled from spore_view where max_tunnels = $1 and secret > '0'"
    )
    with postgres_server(postgres, address, tmp_path, query=query) as server:
        server.process.wait_for("the query gives the column disabled, which is unknown")
        assert refusal(server, "a", "alice") == UNAVAILABLE
        server.process.wait_for("record of alice is wrong: PostgreSQL refuses its name or its val")
        assert refusal(server, "a", "5") == UNAVAILABLE
        server.process.wait_for("the record of 5 is wrong: expected one row, found several")
        postgres.remove("bob")
        assert refusal(server, "a", "5") == UNAVAILABLE
        server.process.wait_for("the record of 5 is wrong: the column disabled: unknown")
        assert results(server) == {"bad_record": 3}


def test_a_list_that_is_no_list(postgres, address, tmp_path):
    """It is an error, and the look-ups on the same connection go on."""
    postgres.put("alice", secret="a")
    names = "update spore_view set secret = 'b'"
    postgres("alter role spore reset all; grant update on spore_view to spore")
    options = {"bore": True, "bore_query": names, "timeout": "5s"}
    with postgres_server(postgres, address, tmp_path, workers=1, **options) as server:
        server.process.wait_for("what it replies is not a list of rows: is the query a select?")
        assert refusal(server, "b", "alice") is None
        assert refusal(server, "b") == UNAVAILABLE
        assert "timeout" not in results(server)


def test_a_query_that_compares_loosely(postgres, serve):
    """The row is that of its own name only, and a change of it is found."""
    postgres.put("alice", secret="a")
    columns = "select name, secret from spore_view where"
    loosely = f"{columns} lower(name) = lower($1)"
    with serve(query=loosely, on_error="last_good", poll_interval="200ms") as server:
        with dial(server, "a", "alice") as wire:
            wire.hello()
            for name in "Alice", "ALICE":
                assert refusal(server, "a", name) == "invalid secret"
                server.process.wait_for(f"the query gives the row of another client for {name}, so")
            assert refusal(server, "a", "alice") is None
            postgres.put("ALICE", secret="b")  # two rows for each name
            assert "Error" in wire.receive_but_heartbeats()
        assert refusal(server, "a", "alice") == UNAVAILABLE
    postgres.remove("ALICE")
    with serve(query=f"{columns} name::char(20) = $1::char(20)") as server:
        assert refusal(server, "a", "alice ") == "invalid secret"
        with dial(server, "a", "alice") as wire:
            wire.hello()
            postgres.remove("alice")
            assert "Error" in wire.receive_but_heartbeats()


def test_names_of_every_kind(postgres, serve):
    """They reach PostgreSQL as data. Names with control characters cannot be identities."""
    names = [*AWKWARD, "n" * 167]
    for name in names:
        postgres.put(name, secret="right")
    with serve() as server:
        for name in names:
            expected = "invalid secret" if "\n" in name else None
            with dial(server, "right", name) as wire:
                wire.send({"Hello": 0})
                assert wire.receive_but_heartbeats().get("Error") == expected, name
        with Wire.connect(server.control) as wire:
            tag = answer("right", wire.receive()["Challenge"])
            wire.send({"Authenticate": f"x%3Ay%00:{tag}"}, {"Hello": 0})
            assert wire.receive_but_heartbeats()["Error"] == "invalid secret"
        assert refusal(server, "right", "%27%20or%20name%3D%27x%3Ay") == "invalid secret"
        assert "bad_record" not in results(server)


def change(postgres, how):
    if how == "disabled":
        postgres("update spore_clients set disabled = true where name = 'alice'")
    elif how == "renamed":
        postgres("update spore_clients set name = 'alicia' where name = 'alice'")


@pytest.mark.parametrize("how", ["disabled", "renamed"])
def test_a_change_revokes(postgres, serve, how):
    """Within a second, and nobody else's; what is not understood is no case for last_good."""
    postgres.put("alice", secret="a", max_conns=7)
    postgres.put("bob", secret="b")
    with serve(on_error="last_good") as server, dial(server, "a", "alice") as alice, dial(
        server, "b", "bob"
    ) as bob:
        alice.hello()
        port = bob.hello()
        begin = time.monotonic()
        change(postgres, how)
        assert seconds_until_closed(alice, begin) < seconds(1)
        assert refusal(server, "a", "alice") in ("invalid secret", UNAVAILABLE)
        assert carry(server, bob, port, "b", "bob") is None
        assert server.exporter.value("spore_postgres_changes_total", action="revoked") == 1


def test_truncation_and_polling(postgres, serve, address, tmp_path):
    """A message without a name is about all; without a channel, time finds out."""
    for name in "alice", "bob":
        postgres.put(name, secret="s")
    with serve(poll_interval="1d") as server:
        wires = [dial(server, "s", name) for name in ("alice", "bob")]
        for wire in wires:
            wire.hello()
        begin = time.monotonic()
        postgres("truncate spore_clients")
        for wire in wires:
            assert seconds_until_closed(wire, begin) < seconds(1)
    postgres.put("carol", secret="s")
    options = {"channel": "", "poll_interval": "200ms", "prepare": False}
    with postgres_server(postgres, address, tmp_path, **options) as server:
        hears(server, "every poll_interval")
        with dial(server, "s", "carol") as wire:
            wire.hello()
            postgres.remove("carol")
            assert "Error" in wire.receive_but_heartbeats()


def test_polls_that_take_longer_than_poll_interval(postgres, address, tmp_path):
    """The last clients of each poll have their turn, too."""
    crowd = count(200)
    names = [f"c{number + 1}" for number in range(crowd)]
    postgres(
        "insert into spore_clients (name, secret, max_conns)"
        f" select 'c' || g, 's', 0 from generate_series(1, {crowd}) g"
    )
    slow = QUERY.replace("spore_view", f"spore_view, pg_sleep(max_conns / {crowd * 5}.0)")
    options = {"channel": "", "poll_interval": "100ms", "query": slow}
    with postgres_server(postgres, address, tmp_path, **options) as server:
        with contextlib.ExitStack() as stack:
            wires = [stack.enter_context(dial(server, "s", name, {"Hello": 0})) for name in names]
            for wire in wires:
                assert "Hello" in wire.receive_but_heartbeats()
            postgres("update spore_clients set max_conns = 5")
            server.process.wait_for("to look up all clients takes longer than poll_interval")
            for name in names[:: crowd // 10]:
                postgres.remove(name)
            for wire in wires[:: crowd // 10]:
                assert "Error" in wire.receive_but_heartbeats(timeout=10)


def test_a_change_while_nothing_was_heard(postgres, serve):
    """The connections of the server are killed; what changes before they are back is noticed."""
    postgres.put("alice", secret="a")
    with serve() as server, dial(server, "a", "alice") as wire:
        wire.hello()
        postgres(
            "alter table spore_clients disable trigger user; delete from spore_clients;"
            "alter table spore_clients enable trigger user;"
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'spore'"
        )
        assert "Error" in wire.receive_but_heartbeats()


def test_a_signature_and_a_reload(postgres, serve, address, tmp_path):
    """A signature names its key. A reload looks everyone up again."""
    signer = Signer(tmp_path / "key.pem")
    fingerprint = "SHA256:" + base64.b64encode(signer.fingerprint).rstrip(b"=").decode()
    postgres.put(fingerprint, pubkey=signer.public + " carol", max_tunnels=1)
    postgres.put("bob", secret="b")
    with serve(names=[address.host], poll_interval="1d") as server:
        with Wire.connect(server.control) as carol, dial(server, "b", "bob") as bob:
            sign(carol, signer, address.host)
            carol.hello()
            server.process.wait_for("new client .*identity=carol ")
            bob.hello()
            postgres(
                "begin; alter table spore_clients disable trigger user;"
                "update spore_clients set secret = 'other' where name = 'bob';"
                "alter table spore_clients enable trigger user; commit"
            )
            reload(server, timeout="1.9s")
            assert "Error" in bob.receive_but_heartbeats()
            postgres.remove(fingerprint)
            assert "Error" in carol.receive_but_heartbeats()


def test_the_table_changes_under_the_query(postgres, serve):
    """What is prepared is not valid any more; it is prepared anew."""
    postgres("create table narrow (name text, secret text); grant select on narrow to spore;")
    postgres("insert into narrow values ('alice', 'a')")
    try:
        query = "select (n).* from (select secret from narrow where name = $1) n"
        with serve(query=query, prepare=True) as server:
            assert refusal(server, "a", "alice") is None
            postgres("alter table narrow alter column secret type varchar(20)")
            assert refusal(server, "a", "alice") is None
            assert results(server) == {"replied": 2}
            server.process.wait_for("cached plan must not change result type")
    finally:
        postgres("drop table narrow")


def test_the_example_configuration(postgres, address, tmp_path):
    """conf/server-postgres.json, with PostgreSQL at another address."""
    config = json.loads((REPOSITORY / "conf" / "server-postgres.json").read_text(encoding="utf-8"))
    assert config["auth"][0]["query"].endswith(QUERY.partition(" from ")[2])
    postgres.put("alice", secret="a")
    config["auth"][0] |= {"conninfo": postgres.conninfo(), "password": "hunter1"}
    with configured_server(address, tmp_path, **config) as server:
        assert refusal(server, "a", "alice") is None
        postgres.stop()
        assert refusal(server, "a", "alice") is None
        server.process.wait_for("client let in by an earlier verdict.* identity=alice ")
