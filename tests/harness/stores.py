"""The stores that know clients, as one table: what the tests of Redis and of PostgreSQL share."""

import contextlib
import json
import pathlib
import signal
import threading
import time

from .postgres import postgres_server
from .redis import dial, place_of, redis_server
from .sockets import connect, read_exactly
from .waiting import wait_until
from .wire import Ended


class RedisStore:
    """A Redis of one test."""

    plugin, name = "redis", "Redis"

    def __init__(self, redis):
        self.redis = redis
        self.put = redis.put

    def server(self, address, folder, options, **sections):
        """A server of Spore that asks it, with these options."""
        place = {**place_of(self.redis), **options}
        return redis_server(address, folder, place, **sections)

    def remove(self, *names):
        self.redis("DEL", *(f"spore:client:{name}" for name in names))

    def fill(self, n):
        """Clients c1 to cN with the secret s."""
        script = (
            "for i = 1, ARGV[1] do redis.call('HSET', 'spore:client:c' .. i, 'secret', 's') end"
        )
        self.redis("EVAL", script, 0, n)

    def empty(self):
        """Redis tells of each key, but not of FLUSHALL."""
        self.redis("DEL", *self.redis("KEYS", "spore:client:*"))

    def calls(self):
        """How many look-ups there were."""
        return self.redis.calls("hgetall")

    def stop(self):
        self.redis.process.close()

    def hang(self):
        self.redis.process.signal(signal.SIGSTOP)

    def start_again(self):
        if self.redis.process.running:
            self.redis.process.signal(signal.SIGCONT)
        else:
            self.redis.start()

    @contextlib.contextmanager
    def pausing(self, duration):
        """It takes commands, and replies when the time is over."""
        self.redis("CLIENT", "PAUSE", round(duration * 1000))
        yield time.monotonic() + duration


class PostgresStore:
    """The PostgreSQL of all tests of this process."""

    plugin, name = "postgres", "PostgreSQL"

    def __init__(self, postgres):
        self.postgres = postgres
        self.put, self.calls = postgres.put, postgres.calls
        self.stop, self.hang = postgres.stop, postgres.hang

    def server(self, address, folder, options, **sections):
        query = "select name from spore_view order by name"
        lists = {"bore_query": query} if options.get("bore") else {}
        return postgres_server(
            self.postgres, address, folder, sections=sections, **lists, **options
        )

    def remove(self, *names):
        for name in names:
            self.postgres.remove(name)

    def fill(self, n):
        self.postgres(
            "insert into spore_clients (name, secret)"
            f" select 'c' || g, 's' from generate_series(1, {n}) g"
        )

    def empty(self):
        self.postgres("delete from spore_clients")

    def start_again(self):
        if self.postgres.child.poll() is None:
            self.postgres.resume()
        else:
            self.postgres.start()

    @contextlib.contextmanager
    def pausing(self, duration):
        lock = f"begin; lock table spore_clients; select pg_sleep({duration}); commit"
        thread = threading.Thread(target=self.postgres, args=(lock,))
        waits = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'"
        thread.start()
        try:
            wait_until(lambda: self.postgres(waits) == "1", "the lock")
            yield time.monotonic() + duration
        finally:
            thread.join()


def results(server):
    """How many look-ups have ended in which way."""
    return {
        labels["result"]: value
        for name, labels, value in server.exporter.page().samples
        if name in ("spore_redis_requests_total", "spore_postgres_requests_total") and value
    }


def changed(store, server, action):
    return server.exporter.value(f"spore_{store.plugin}_changes_total", action=action)


def hears(server, how="at once"):
    """Waits until the server notices changes."""
    wait_until(
        lambda: f"changes are noticed {how}" in server.admin.ctl("status"), "changes to be heard"
    )


def carry(server, wire, port, secret, name=""):
    """A visitor whose data connection has this secret and name: the text of its refusal."""
    with connect(server.public_host, port) as visitor:
        number = wire.connection()
        with dial(server, secret, name) as data:
            data.send({"Accept": number})
            visitor.sendall(b"ping")
            if (head := read_exactly(data.stream(), 4)) != b"ping":
                data.buffer += head
                return data.receive_but_heartbeats()["Error"]
    return None


def carries(server, wire, port):
    """Whether a visitor gets as far as the client."""
    with connect(server.public_host, port) as visitor, contextlib.suppress(TimeoutError):
        wire.connection(timeout=0.2)
        visitor.sendall(b"x")
        return True
    return False


def seconds_until_closed(wire, begin):
    """Until the client's connection is closed, with an error."""
    assert "Error" in wire.receive_but_heartbeats()
    with contextlib.suppress(Ended):
        wire.receive_but_heartbeats()
    return time.monotonic() - begin


def reload(server, **options):
    """Changes options of the first auth plugin, and reloads."""
    path = pathlib.Path(server.process.argv[-1])
    config = json.loads(path.read_text(encoding="utf-8"))
    config["auth"][0].update(options)
    path.write_text(json.dumps(config), encoding="utf-8")
    server.process.signal(signal.SIGHUP)
    server.process.wait_for("configuration reloaded")
