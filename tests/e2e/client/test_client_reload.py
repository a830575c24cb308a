"""A client that reads its configuration again: tunnels that stay the same notice nothing, and the
others begin, end or change."""

import contextlib
import hashlib
import json
import os
import random
import re
import signal
import threading
import time

import pytest
from harness.admin import Admin
from harness.loopback import port_is_free
from harness.metrics import Exporter
from harness.peers import Client, spore_binary
from harness.process import Process
from harness.scale import seconds
from harness.services import Echo
from harness.sockets import connect, listen, read_exactly, read_to_end
from harness.waiting import wait_until

VISITORS = 20


class Reloaded:
    """A client with a configuration file and an admin socket."""

    def __init__(self, server, folder, tunnels, **sections):
        self.path = folder / "client.json"
        self.admin = Admin(folder / "client.sock")
        self.to = f"{server.control[0]}:{server.control[1]}"
        self.write(tunnels, **sections)
        argv = [spore_binary(), "local", "--config", self.path, *self.admin.flags]
        self.process = Process(argv, name="spore local")

    def __enter__(self):
        self.client = Client("spore", self.process).__enter__()
        self.process.wait_for("admin socket path=")
        return self

    def __exit__(self, *what):
        self.client.__exit__(*what)

    def write(self, tunnels, client=None, **sections):
        config = {"client": {"to": self.to, "workers": 2, **(client or {})}, **sections}
        self.write_text(json.dumps({**config, "tunnels": tunnels}))

    def write_text(self, text):
        """At once, since a reload may read the file at any time."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(text)
        fresh.chmod(0o600)
        os.replace(fresh, self.path)

    def reload(self, tunnels, **sections):
        self.write(tunnels, **sections)
        answer = self.admin.ask("reload")
        assert "error" not in answer, answer
        return answer

    def tunnels(self):
        return {row["name"]: row for row in self.admin.ask("tunnels")["tunnels"]}

    def wait_open(self, *names):
        """The public ports of these tunnels, which are all that there are."""

        def are_open():
            rows = self.tunnels()
            return set(rows) == set(names) and all(r["state"] == "open" for r in rows.values())

        wait_until(are_open, f"{names} to be open")
        return [self.tunnels()[name]["port"] for name in names]


class Talk(threading.Thread):
    """A visitor that sends bytes to an echo and checks each, until it is told to end."""

    def __init__(self, host, port, seed):
        super().__init__(daemon=True)
        self.sock = connect(host, port, timeout=seconds(30))
        self.random = random.Random(seed)
        self.ends = threading.Event()
        self.rounds = 0
        self.error = None
        self.digests = [hashlib.sha256(), hashlib.sha256()]
        self.start()

    def run(self):
        try:
            while not self.ends.is_set():
                piece = self.random.randbytes(self.random.randrange(1, 30000))
                self.sock.sendall(piece)
                self.digests[0].update(piece)
                self.digests[1].update(read_exactly(self.sock, len(piece)))
                self.rounds += 1
        except (OSError, AssertionError) as error:
            self.error = error

    def check(self):
        """It has gone on, and ends in order."""
        before = self.rounds
        wait_until(lambda: self.error or self.rounds > before + 2, "a visitor to go on")
        self.ends.set()
        self.join(seconds(30))
        assert self.error is None, repr(self.error)
        assert self.digests[0].digest() == self.digests[1].digest()
        self.sock.shutdown(1)
        assert self.sock.recv(1) == b""
        self.sock.close()


@pytest.fixture
def house(start_server, tmp_path):
    """A server with an admin socket, and an echo."""
    admin = Admin(tmp_path / "server.sock")
    with start_server(extra=admin.flags) as server, Echo() as service:
        server.admin = admin
        server.service = f"127.0.0.1:{service.port}"
        yield server


def says(server, port, text=b"hello"):
    """What comes back of the text."""
    with connect(server.public_host, port) as visitor:
        visitor.sendall(text)
        return read_exactly(visitor, len(text))


def id_at(server, port):
    return [t["id"] for t in server.admin.ask("tunnels")["tunnels"] if t["port"] == port]


class Greeter:
    """A service that greets each visitor with its name and closes."""

    def __init__(self, name):
        self.name = name
        self.listener = listen("127.0.0.1")
        self.local = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                sock.sendall(self.name)
                sock.close()


def greeting(server, port):
    with connect(server.public_host, port) as visitor:
        return read_to_end(visitor)


@pytest.mark.parametrize("ahead", [0, 3])
def test_visitors_of_an_unchanged_tunnel_notice_nothing(house, tmp_path, ahead):
    settings = {"ahead": ahead}
    kept = {"name": "kept", "local": house.service}
    first, second = Greeter(b"first"), Greeter(b"second")
    other = {"name": "other", "local": first.local}
    with Reloaded(house, tmp_path, [kept, other], client=settings) as client:
        port, _ = client.wait_open("kept", "other")
        tunnel = id_at(house, port)
        talks = [Talk(house.public_host, port, seed) for seed in range(VISITORS)]
        steps = [
            [{"name": "new", "local": first.local}, kept, other],
            [kept, {**other, "local": second.local}],
            [{**other, "port": 0, "tags": {"a": "b"}}, kept],
            [kept],
            [kept, other],
        ]
        for tunnels in steps:
            client.reload(tunnels, client=settings)
            client.wait_open(*[t["name"] for t in tunnels])
            for talk in talks:
                before = talk.rounds
                wait_until(lambda t=talk, b=before: t.error or t.rounds > b, "the visitors")
        assert id_at(house, port) == tunnel
        row = client.tunnels()["kept"]
        assert (row["port"], row["visitors"], row["visitors_all"]) == (port, VISITORS, VISITORS)
        for talk in talks:
            talk.check()
        assert client.process.log().count("tunnel=kept") == 1


def test_another_service_keeps_the_port_and_the_visitors(house, tmp_path):
    second = Greeter(b"second")
    tunnel = {"name": "web", "local": house.service}
    with Reloaded(house, tmp_path, [tunnel]) as client:
        (port,) = client.wait_open("web")
        before = id_at(house, port)
        old = Talk(house.public_host, port, 1)
        client.reload([{**tunnel, "local": second.local}])
        wait_until(lambda: client.tunnels()["web"]["local"] == second.local, "the new service")
        assert greeting(house, port) == b"second"
        old.check()
        assert id_at(house, port) == before
        assert says_nothing_of_a_loss(client)


def says_nothing_of_a_loss(client):
    return all(row["last_error"] is None for row in client.tunnels().values())


def test_an_unnamed_tunnel_is_found_by_its_port(house, address, tmp_path):
    port = address.free_port()
    one, other = Greeter(b"one"), Greeter(b"other")
    with Reloaded(house, tmp_path, [{"local": one.local, "port": port}]) as client:
        client.wait_open(one.local)
        before = id_at(house, port)
        client.reload([{"local": other.local, "port": port}])
        client.wait_open(other.local)
        assert greeting(house, port) == b"other"
        assert id_at(house, port) == before


def test_visitors_of_a_tunnel_that_ends_finish(house, tmp_path):
    kept, ends = ({"name": name, "local": house.service} for name in ("kept", "ends"))
    with Reloaded(house, tmp_path, [kept, ends]) as client:
        _, port = client.wait_open("kept", "ends")
        talks = [Talk(house.public_host, port, seed) for seed in range(4)]
        client.reload([kept])
        client.process.wait_for("tunnel closed: .* tunnel=ends")
        client.wait_open("kept")
        wait_until(lambda: not id_at(house, port), "the port to close")
        assert client.admin.ask("status")["visitors"] == 4
        for talk in talks:
            talk.check()
        wait_until(lambda: client.admin.ask("status")["visitors"] == 0, "the visitors to go")


def test_a_tunnel_that_tells_the_server_something_else_keeps_its_port(house, tmp_path):
    tunnel = {"name": "web", "local": house.service}
    with Reloaded(house, tmp_path, [tunnel]) as client:
        (port,) = client.wait_open("web")
        talk = Talk(house.public_host, port, 3)
        client.reload([{**tunnel, "tags": {"env": "test"}}])
        wait_until(
            lambda: [t["tags"] for t in house.admin.ask("tunnels")["tunnels"]] == [{"env": "test"}],
            "the new tags",
        )
        client.wait_open("web")
        assert client.tunnels()["web"]["port"] == port
        talk.check()
        assert says(house, port) == b"hello"


def test_a_new_port_that_is_taken_does_not_end_the_client(house, address, tmp_path):
    tunnel = {"name": "web", "local": house.service}
    taken = address.free_port()
    with contextlib.ExitStack() as held:
        held.enter_context(listen(address.host, taken))
        with Reloaded(house, tmp_path, [tunnel]) as client:
            client.wait_open("web")
            client.reload([{**tunnel, "port": taken}])
            client.process.wait_for("trying again tunnel=web")
            assert "already in use" in client.tunnels()["web"]["last_error"]["error"]
            held.close()
            assert client.wait_open("web") == [taken]
            assert says(house, taken) == b"hello"


def test_the_answer_names_tunnels_that_are_refused(house, address, tmp_path):
    tunnel = {"name": "web", "local": house.service}
    taken = address.free_port()
    with listen(address.host, taken), Reloaded(house, tmp_path, [tunnel]) as client:
        client.wait_open("web")
        others = [{**tunnel, "name": "new"}, {**tunnel, "name": "taken", "port": taken}]
        answer = client.reload([tunnel, *others])
        (refused,) = answer["tunnels_not_open"]
        assert refused["name"] == "taken" and "already in use" in refused["error"]
        assert answer["tunnels_open"] == 2
        client.write([tunnel, *others, {**tunnel, "name": "low", "port": 80}])
        said = client.admin.ctl("reload")
        for name, why in (
            ("taken", "port already in use"),
            ("low", "port number not in allowed range"),
        ):
            assert re.search(rf"^tunnel {name} is not open \(.*\): .*{why}", said, re.M), said
        assert "tunnel new" not in said
        assert client.reload([tunnel])["tunnels_not_open"] == []


def test_a_changed_tunnel_that_is_refused_is_closed(house, tmp_path):
    """Before the server refuses the port. It opens once the file has the old port again."""
    tunnel = {"name": "web", "local": house.service}
    other = {**tunnel, "name": "other"}
    with Reloaded(house, tmp_path, [tunnel, other]) as client:
        port, _ = client.wait_open("web", "other")
        (refused,) = client.reload([{**tunnel, "port": 80}, other])["tunnels_not_open"]
        assert refused["name"] == "web" and "not in allowed range" in refused["error"]
        wait_until(lambda: port_is_free(house.public_host, port), "the old tunnel to be closed")
        assert client.reload([{**tunnel, "port": port}, other])["tunnels_not_open"] == []
        assert client.wait_open("web", "other")[0] == port


def test_the_answer_does_not_wait_for_a_server_that_hangs(start_server, tmp_path):
    """For 5 s at most, and the admin socket answers others meanwhile."""
    with Echo() as service, start_server() as server:
        tunnel = {"name": "web", "local": f"127.0.0.1:{service.port}"}
        patience = {"answer_timeout": "60s"}
        with Reloaded(server, tmp_path, [tunnel], client=patience) as client:
            client.wait_open("web")
            os.kill(server.process.pid, signal.SIGSTOP)
            try:
                client.write([tunnel, {**tunnel, "name": "late"}], client=patience)
                begin = time.monotonic()
                said = []
                ask = threading.Thread(target=lambda: said.append(client.admin.ctl("reload")))
                ask.start()
                client.process.wait_for("configuration reloaded")
                assert client.tunnels()["late"]["state"] == "connecting"
                ask.join()
                assert time.monotonic() - begin < 8
            finally:
                os.kill(server.process.pid, signal.SIGCONT)
            assert "tunnel late is not open (connecting): no answer yet" in said[0]
            client.wait_open("web", "late")


def test_a_broken_file_changes_nothing(house, tmp_path):
    tunnel = {"name": "web", "local": house.service}
    with Reloaded(house, tmp_path, [tunnel]) as client:
        (port,) = client.wait_open("web")
        before = id_at(house, port)
        talk = Talk(house.public_host, port, 5)
        client.write([{**tunnel, "local_prot": 1}, {"local": "x"}])
        check = Process([spore_binary(), "local", "-c", client.path, "--check"], name="check")
        with check:
            check.wait()
        mistakes = [line for line in check.stderr if ": error: " in line]
        assert len(mistakes) >= 2, check.log()
        said = client.admin.ctl("reload", status=1)
        assert said.startswith("error: reload refused, configuration unchanged")
        for mistake in mistakes:
            assert mistake in said
        os.kill(client.process.pid, signal.SIGHUP)
        client.process.wait_for("reload refused", times=len(mistakes) + 1)
        last = client.admin.ask("status")["last_reload"]
        assert not last["successful"]
        assert client.tunnels()["web"]["port"] == port
        assert id_at(house, port) == before
        talk.check()
        client.reload([tunnel])


def test_what_needs_a_restart_is_told(house, tmp_path):
    tunnel = {"name": "web", "local": house.service}
    with Reloaded(house, tmp_path, [tunnel]) as client:
        client.wait_open("web")
        answer = client.reload([tunnel], client={"workers": 1, "ahead": 2, "max_dials": 7})
        holds = {change["key"]: change["holds"] for change in answer["changes"]}
        assert holds == {
            "/client/workers": "needs a restart",
            "/client/ahead": "new connections only",
            "/client/max_dials": "live",
        }


def test_another_secret_is_used_for_new_connections(secret_server, tmp_path):
    """The plugins are made anew, and the tunnel stays."""
    with Echo() as service:
        tunnel = {"name": "web", "local": f"127.0.0.1:{service.port}"}
        good = [{"use": "hmac", "secret": secret_server.secret}]
        wrong = [{"use": "hmac", "secret": "wrong"}]
        with Reloaded(secret_server, tmp_path, [tunnel], auth=good) as client:
            (port,) = client.wait_open("web")
            assert says(secret_server, port) == b"hello"
            client.reload([tunnel, {**tunnel, "name": "late"}], auth=wrong)
            client.process.wait_for("tunnel ended tunnel=late .*invalid secret")
            assert client.tunnels()["web"]["state"] == "open"
            assert client.tunnels()["late"]["state"] == "ended"
            client.reload([tunnel, {**tunnel, "name": "late"}], auth=good)
            client.wait_open("web", "late")
            assert client.tunnels()["web"]["port"] == port
            assert says(secret_server, port) == b"hello"


def test_hup_while_no_server_answers(start_server, address, tmp_path):
    with Echo() as service:
        web = {"name": "web", "local": f"127.0.0.1:{service.port}"}
        with start_server() as server:
            client = Reloaded(server, tmp_path, [web]).__enter__()
            (port,) = client.wait_open("web")
            control = server.control[1]
        try:
            client.process.wait_for("tunnel lost, trying again tunnel=web")
            client.write([web, {**web, "name": "more"}])
            os.kill(client.process.pid, signal.SIGHUP)
            client.process.wait_for("configuration reloaded")
            client.write([{**web, "name": "more"}])
            os.kill(client.process.pid, signal.SIGHUP)
            client.process.wait_for("configuration reloaded", times=2)
            with start_server(control_port=control) as server:
                (more,) = client.wait_open("more")
                assert says(server, more) == b"hello"
        finally:
            client.__exit__(None, None, None)


def test_a_storm_of_hups(house, tmp_path):
    web = {"name": "web", "local": house.service}
    with Reloaded(house, tmp_path, [web]) as client:
        (port,) = client.wait_open("web")
        before = id_at(house, port)
        talks = [Talk(house.public_host, port, seed) for seed in range(VISITORS)]
        for i in range(20):
            client.write([web] + [{**web, "name": f"n{k}"} for k in range(i % 3)])
            os.kill(client.process.pid, signal.SIGHUP)
            threading.Event().wait(0.05)
        client.write([web, {**web, "name": "last"}])
        os.kill(client.process.pid, signal.SIGHUP)
        client.wait_open("web", "last")
        for talk in talks:
            talk.check()
        assert id_at(house, port) == before
        assert "tunnel ended" not in client.process.log()


def test_a_reload_while_the_client_drains_is_refused(house, tmp_path):
    web = {"name": "web", "local": house.service}
    with Reloaded(house, tmp_path, [web]) as client:
        (port,) = client.wait_open("web")
        talk = Talk(house.public_host, port, 1)
        client.admin.ask("drain")
        wait_until(lambda: client.admin.ask("status")["state"] == "draining", "the drain")
        client.write([web, {**web, "name": "late"}])
        answer = client.admin.ask("reload")
        assert "the client is shutting down" in answer["mistakes"]
        os.kill(client.process.pid, signal.SIGHUP)
        client.process.wait_for("the client is shutting down", times=2)
        assert "late" not in client.tunnels()
        talk.check()
        assert client.client.wait() == 0


def test_a_drain_that_follows_a_reload(house, address, tmp_path):
    """The reload, which is given up, may still read the exporters that the drain ends. A sanitizer
    reports it if both happen at once."""
    web = {"name": "web", "local": house.service}
    ports = [address.free_port() for _ in range(4)]
    exporters = [{"use": "prometheus", "listen": f"{address.host}:{port}"} for port in ports]
    for i in range(30):
        folder = tmp_path / f"{i}"
        folder.mkdir()
        with Reloaded(house, folder, [web], metrics=exporters) as client:
            (port,) = client.wait_open("web")
            with connect(house.public_host, port) as visitor:
                visitor.sendall(b"stay")
                assert read_exactly(visitor, 4) == b"stay"
                os.kill(client.process.pid, signal.SIGHUP)
                time.sleep(seconds(0.0005) * i)
                os.kill(client.process.pid, signal.SIGTERM)
                client.process.wait_for("draining")
                for port in ports:
                    wait_until(
                        lambda port=port: port_is_free(address.host, port), "an exporter to close"
                    )
                visitor.sendall(b"still")
                assert read_exactly(visitor, 5) == b"still"
            assert client.client.wait() == 0


def test_metrics_leave_out_tunnels_that_are_gone(house, address, tmp_path):
    """Otherwise an alert would tell that they are down."""
    number = address.free_port()
    exporter = Exporter(address.host, number)
    metrics = [{"use": "prometheus", "listen": f"{address.host}:{number}"}]
    one, other = ({"name": name, "local": house.service} for name in ("one", "other"))

    def shown():
        lines = exporter.get("/metrics")[2].splitlines()
        return {line.split('"')[1] for line in lines if line.startswith("spore_client_tunnel_up{")}

    with Reloaded(house, tmp_path, [one, other], metrics=metrics) as client:
        client.wait_open("one", "other")
        assert shown() == {"one", "other"}
        client.reload([other], metrics=metrics)
        wait_until(lambda: shown() == {"other"}, "the metrics to follow")
        client.reload([other, one], metrics=metrics)
        wait_until(lambda: shown() == {"one", "other"}, "the metrics to follow")
