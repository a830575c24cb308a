"""auth_postgres while PostgreSQL stops, hangs, refuses and returns; and the ways to reach it."""

import contextlib
import shutil
import signal
import subprocess
import time

import pytest

from harness.peers import is_timed
from harness.postgres import (
    COLUMNS,
    PASSWORD,
    Postgres,
    pgbouncer,
    pgbouncer_version,
    postgres_server,
)
from harness.redis import dial
from harness.scale import count, seconds
from harness.stores import hears, results
from harness.waiting import wait_until
from harness.web_service import UNAVAILABLE, refusal

SOON = f"{round(seconds(300))}ms"
QUICK = {
    "timeout": SOON,
    "connect_timeout": SOON,
    "breaker_failures": 3,
    "breaker_pause": "100ms",
}


def test_the_queue_is_bounded(postgres, address, tmp_path):
    """Behind a query that takes long."""
    slow = f"select {COLUMNS} from spore_view, pg_sleep(1.2) where name = $1 or name = 'all'"
    postgres.put("all", secret="a")
    options = {"timeout": "5s", "max_waiting": 2, "query": slow}
    with postgres_server(postgres, address, tmp_path, workers=1, **options) as server:
        hears(server)
        wires = [dial(server, "x", "alice", {"Hello": 0}) for _ in range(3)]
        begin = time.monotonic()
        assert wires[2].receive_but_heartbeats() == {"Error": UNAVAILABLE}
        assert time.monotonic() - begin < seconds(1)
        for wire in wires[:2]:
            assert wire.receive_but_heartbeats() == {"Error": "invalid secret"}
        for wire in wires:
            wire.close()
        assert results(server) == {"replied": 2, "busy": 1}


def test_a_slow_query(postgres, address, tmp_path):
    """It is left after the time-out, with its connection, and nobody waits behind it."""
    slow = f"select {COLUMNS} from spore_view, pg_sleep(max_conns) where name = $1"
    postgres.put("alice", secret="a", max_conns=5)
    postgres.put("bob", secret="b", max_conns=0)
    with postgres_server(postgres, address, tmp_path, **QUICK, query=slow) as server:
        hears(server)
        begin = time.monotonic()
        assert refusal(server, "a", "alice") == UNAVAILABLE
        assert refusal(server, "b", "bob") is None
        assert time.monotonic() - begin < seconds(2)
        server.process.wait_for("it does not reply in time .timeout.")


def test_the_password_and_the_rights_change(postgres, address, tmp_path):
    """The password does not reach the log."""
    postgres.put("alice", secret="a")
    with postgres_server(postgres, address, tmp_path, **QUICK) as server:
        hears(server)
        assert refusal(server, "a", "alice") is None
        end = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'spore'"
        postgres(f"alter role spore password 'hunter2'; {end}")
        assert refusal(server, "a", "alice") == UNAVAILABLE
        server.process.wait_for('password authentication failed for user .*"spore')
        postgres(f"alter role spore password '{PASSWORD}'")
        wait_until(lambda: refusal(server, "a", "alice") is None, "the log-in")
        postgres("revoke select on spore_view from spore")
        # Before, a worker may still be without a connection.
        wait_until(
            lambda: refusal(server, "a", "alice") == UNAVAILABLE and "refused" in results(server),
            "the refusal",
        )
        server.process.wait_for("PostgreSQL gave no verdict: permission denied for view spore_view")
        assert not any("hunter" in line for line in server.process.lines)


def test_no_connection_for_changes(postgres, address, tmp_path):
    """Look-ups work: the log says once why changes are found by polling only."""
    postgres.put("alice", secret="a")
    options = {"poll_interval": "200ms"}
    with postgres_server(postgres, address, tmp_path, workers=1, **options) as server:
        hears(server)
        with dial(server, "a", "alice") as wire:
            wire.hello()
            postgres(
                "alter role spore connection limit 1; select pg_terminate_backend(pid)"
                " from pg_stat_activity where usename = 'spore' and query like 'LISTEN%'"
            )
            line = "look-ups work, but there is no connection for changes, .*: .*too many conn"
            server.process.wait_for(line)
            hears(server, "every poll_interval")
            postgres.remove("alice")
            assert "Error" in wire.receive_but_heartbeats()
        postgres("alter role spore connection limit 20")
        hears(server)
        assert sum("look-ups work, but" in each for each in server.process.lines) == 1


@contextlib.contextmanager
def slow_file(pid, path):
    """While the block runs, the process opens this file only after 700 ms."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    injected = ["-e", "trace=openat", "-e", "inject=openat:delay_enter=700000"]
    tracer = subprocess.Popen(
        ["strace", "-f", "-p", str(pid), "-o", "/dev/null", "-P", path, *injected],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said = tracer.stderr.read(1)
        while not said.endswith("\n"):
            said += tracer.stderr.read(1) or "\n"
        if "is not allowed" in said or "ptrace(" in said:
            pytest.skip(said.strip())
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=seconds(10))


@pytest.mark.skipif(not is_timed(), reason="measures time")
def test_a_password_file_on_a_slow_disk(postgres, address, tmp_path):
    """It is read for each connection, and no worker waits for it."""
    postgres.put("alice", secret="a")
    path = tmp_path / "pgpass"
    path.write_text(f"{postgres.host}:*:*:spore:{PASSWORD}\n", encoding="utf-8")
    path.chmod(0o600)
    conninfo = postgres.conninfo(f"sslmode=disable passfile={path}")
    options = {"conninfo": conninfo, "password": None, "connect_timeout": "5s", "timeout": "2.5s"}
    with postgres_server(postgres, address, tmp_path, **options) as server:
        hears(server)
        with slow_file(server.process.pid, path):
            postgres(
                "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'spore'"
            )
            begin = time.monotonic()
            assert refusal(server, "a", "alice") is None
            assert time.monotonic() - begin > 0.5
            assert max(server.exporter.page().find("spore_worker_lag_seconds")) < 0.4


def test_tls(postgres, address, authority, tmp_path):
    """The certificate is verified, with the name that was dialled."""
    postgres.put("c0", secret="s" * 200, ports="1024-65535")
    postgres(
        "insert into spore_clients (name, secret, ports) select 'n' || g, repeat('s', 200), '9999'"
        f" from generate_series(1, {count(200)}) g"
    )
    verified = f"sslmode=verify-full sslrootcert={authority.path}"
    names = "select name from spore_view"
    options = {**QUICK, "bore": True, "bore_query": names}
    conninfo = f"host=localhost hostaddr={postgres.host} port={postgres.port} dbname=postgres"
    conninfo += f" user=spore {verified}"
    with postgres_server(postgres, address, tmp_path, conninfo=conninfo, **options) as server:
        hears(server)
        assert refusal(server, "s" * 200, "c0") is None
        assert (
            postgres(
                "select bool_and(ssl) from pg_stat_ssl join pg_stat_activity using (pid)"
                " where usename = 'spore'"
            )
            == "t"
        )
        held = "spore_postgres_held_keys"
        wait_until(lambda: server.exporter.value(held) == count(200) + 1, "the keys")
    other = conninfo.replace("localhost", "tunnel.example")
    for wrong, why in (
        (other, "server certificate .* does not match host name"),
        (postgres.conninfo("sslmode=verify-full sslrootcert=/nowhere"), "root certificate file"),
    ):
        with postgres_server(postgres, address, tmp_path, conninfo=wrong, **QUICK) as server:
            assert refusal(server, "s" * 200, "c0") == UNAVAILABLE
            server.process.wait_for(why)


def test_a_service_a_socket_and_several_hosts(postgres, address, tmp_path, monkeypatch):
    """As libpq knows them. Names are looked up; the first host that answers is used."""
    postgres.put("alice", secret="a")
    path = tmp_path / "services"
    path.write_text(
        f"[clients]\nhost=/nowhere,{postgres.folder}\nport={postgres.port}\n"
        "dbname=postgres\nuser=spore\n"
    )
    monkeypatch.setenv("PGSERVICEFILE", str(path))
    several = f"host=localhost,{postgres.host} port=1,{postgres.port} dbname=postgres user=spore"
    for conninfo in "service=clients", several + " target_session_attrs=read-only":
        with postgres_server(postgres, address, tmp_path, conninfo=conninfo) as server:
            hears(server)
            with dial(server, "a", "alice") as wire:
                wire.hello()
                assert refusal(server, "x", "alice") == "invalid secret"


def test_a_pooler_in_transaction_mode(postgres, address, tmp_path):
    """With prepare false, clients get in and changes are found by polling, many side by side."""
    crowd = count(200)
    names = [f"c{number + 1}" for number in range(crowd)]
    postgres(
        "insert into spore_clients (name, secret)"
        f" select 'c' || g, 's' from generate_series(1, {crowd}) g"
    )
    with pgbouncer(postgres) as conninfo, contextlib.ExitStack() as stack:
        options = {"prepare": False, "channel": "", "poll_interval": "200ms", "bore": True}
        options["bore_query"] = "select name from spore_view where name in ('c1', 'c2')"
        with postgres_server(postgres, address, tmp_path, conninfo=conninfo, **options) as server:
            hears(server, "every poll_interval")
            wires = [stack.enter_context(dial(server, "s", name, {"Hello": 0})) for name in names]
            for wire in wires:
                assert "Hello" in wire.receive_but_heartbeats()
            assert refusal(server, "x", "c1") == "invalid secret"
            wait_until(lambda: refusal(server, "s") is None, "the keys")
            postgres("delete from spore_clients")
            for wire in wires:
                assert "Error" in wire.receive_but_heartbeats()


def test_a_pooler_and_what_does_not_work_there(postgres, address, tmp_path):
    """LISTEN hears nothing. Prepared statements fail before pgbouncer 1.21, and the log says so."""
    postgres.put("alice", secret="a")
    with pgbouncer(postgres, connections=1) as conninfo:
        options = {"conninfo": conninfo, "prepare": False, "poll_interval": "1d"}
        with postgres_server(postgres, address, tmp_path, **options) as server:
            hears(server)
            with dial(server, "a", "alice") as wire:
                wire.hello()
                postgres.put("alice", secret="b")
                with pytest.raises(TimeoutError):
                    wire.receive_but_heartbeats(timeout=1)
        version = pgbouncer_version()
        options = {"conninfo": conninfo, "channel": "", **QUICK}
        with postgres_server(postgres, address, tmp_path, **options) as server:
            if version < (1, 21):
                server.process.wait_for('prepared statement .*"spore_client.* (already|does not)')
            else:
                assert refusal(server, "b", "alice") is None


def test_a_pooler_in_session_mode(postgres, address, tmp_path):
    """All is as without it."""
    postgres.put("alice", secret="a")
    with pgbouncer(postgres, "session", 4) as conninfo:
        with postgres_server(postgres, address, tmp_path, conninfo=conninfo) as server:
            hears(server)
            with dial(server, "a", "alice") as wire:
                wire.hello()
                postgres.remove("alice")
                assert "Error" in wire.receive_but_heartbeats()


def test_a_replica(postgres, address, tmp_path):
    """It refuses LISTEN, so that changes are found by polling; a change arrives there, too."""
    postgres.put("alice", secret="a")
    replica = Postgres(source=postgres)
    try:
        options = {"conninfo": replica.conninfo(), "poll_interval": "200ms"}
        with postgres_server(postgres, address, tmp_path, **options) as server:
            hears(server, "every poll_interval")
            server.process.wait_for("PostgreSQL refuses to LISTEN, .*: cannot execute LISTEN")
            with dial(server, "a", "alice") as wire:
                wire.hello()
                postgres.remove("alice")
                assert "Error" in wire.receive_but_heartbeats()
    finally:
        replica.close()


def test_keys_that_may_be_old(postgres, address, tmp_path):
    """Clients without a name are not judged by them."""
    postgres.put("alice", secret="a")
    options = {"bore": True, "bore_query": "select name from spore_view", "channel": ""}
    with postgres_server(
        postgres, address, tmp_path, **QUICK, **options, poll_interval="200ms"
    ) as server:
        wait_until(lambda: refusal(server, "a") is None, "the keys")
        postgres.stop()
        wait_until(lambda: refusal(server, "a") == UNAVAILABLE, "the keys to be old", 3)
        postgres.start()
        wait_until(lambda: refusal(server, "a") is None, "the keys", 3)
