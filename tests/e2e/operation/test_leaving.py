"""A server that drains tells its Spore clients, so that they move to the server that takes over."""

import contextlib
import json
import re
import time

import pytest

from harness.admin import Admin
from harness.bulk import fill
from harness.fake_server import FakeServer
from harness.loopback import Loopback, port_is_free
from harness.metrics import Exporter
from harness.names import Names
from harness.peers import spore_binary, spore_client, spore_server
from harness.process import Process
from harness.services import Echo
from harness.sockets import connect, how_it_ends, read_exactly
from harness.steady import Steady
from harness.store import Store
from harness.visitors import one_exchange
from harness.waiting import wait_until
from harness.wire import Tunnel

LEAVING, TICKET = 2, 16
ENDED = re.compile(r'visitor ended visitor=\S+:(\d+) .* reason="([^"]*)"')
EXTEND = {"Extend": {"heartbeat_ms": 4000, "wants": LEAVING}}


@pytest.fixture
def lasting(start_server, tmp_path):
    """A server that keeps the public ports of clients that can move open for 20 s."""
    path = tmp_path / "server.json"
    path.write_text(json.dumps({"server": {"drain_grace": "20s", "drain_timeout": "30s"}}))
    with start_server(extra=["--config", str(path)]) as server:
        yield server


def begin_drain(server):
    server.process_was_ended = True
    server.process.terminate()


def extend(tunnel):
    tunnel.wire.send(EXTEND)
    assert "Extended" in tunnel.wire.receive_but_heartbeats()


# ---- what a server does


def test_the_port_stays_open_until_the_client_has_moved(lasting):
    """Also for visitors that come after TERM, up to those in the kernel's queue at the end."""
    with Tunnel(lasting) as tunnel:
        extend(tunnel)
        begin_drain(lasting)
        assert tunnel.wire.receive_but_heartbeats() == "Leaving"
        visitor, far = tunnel.join()
        visitor.sendall(b"late")
        assert read_exactly(far, 4) == b"late"
        with contextlib.ExitStack() as last:
            visitors = [last.enter_context(tunnel.visit()) for _ in range(20)]
            tunnel.wire.send("Moved")
            for each in visitors:
                each.sendall(b"x")
                stream = last.enter_context(tunnel.accept(tunnel.wire.connection()))
                assert read_exactly(stream, 1) == b"x"
            assert tunnel.wire.expect_end() == "end"
            assert port_is_free(lasting.public_host, tunnel.port)
        far.close()
        visitor.close()
        assert lasting.process.wait() == 0
    lasting.process.wait_for('client left .*reason="it has moved to another server"')


def test_the_time_to_move_is_limited(start_server, tmp_path):
    path = tmp_path / "server.json"
    path.write_text(json.dumps({"server": {"drain_grace": "500ms"}}))
    with start_server(extra=["--config", str(path)]) as server, Tunnel(server) as tunnel:
        extend(tunnel)
        begun = time.monotonic()
        begin_drain(server)
        assert tunnel.wire.receive_but_heartbeats() == "Leaving"
        assert server.process.wait() == 0
        assert time.monotonic() - begun > 0.4
        assert tunnel.wire.expect_end() == "end"


def test_others_are_not_told(lasting):
    """bore's client and an older Spore client would not understand it; their ports close."""
    with Tunnel(lasting) as of_bore, Tunnel(lasting) as older, Tunnel(lasting) as newer:
        older.wire.send({"Extend": {"heartbeat_ms": 4000}})
        assert "Extended" in older.wire.receive_but_heartbeats()
        extend(newer)
        begin_drain(lasting)
        assert newer.wire.receive_but_heartbeats() == "Leaving"
        for each in (of_bore, older):
            wait_until(lambda: port_is_free(lasting.public_host, each.port), "the port to close")
        assert not port_is_free(lasting.public_host, newer.port)
        newer.wire.send("Moved")
        assert newer.wire.expect_end() == "end"
        assert lasting.process.wait() == 0
        assert of_bore.wire.expect_end() == "end"
        assert older.wire.expect_end() == "end"


def test_moved_means_nothing_to_a_server_that_stays(server):
    with Tunnel(server) as tunnel:
        extend(tunnel)
        tunnel.wire.send("Moved")
        visitor, far = tunnel.join()
        visitor.close()
        far.close()


def test_a_quiet_visitor_is_not_reset(start_server):
    """At the end of the drain, its connection is closed in order; a busy one is reset.

    So is a download that the visitor has paused. The log tells who was cut off."""
    flags = ["--drain-timeout", "1.7s", "--log-visitors"]
    with start_server(extra=flags) as server, Tunnel(server) as tunnel:
        quiet, far = tunnel.join()
        paused, download = tunnel.join()
        fill(download, idle=0.2)
        busy, source = tunnel.join()
        source.settimeout(None)
        begin_drain(server)
        with contextlib.suppress(OSError):
            while True:
                source.sendall(b"x" * 1000)
                read_exactly(busy, 1000)
                time.sleep(0.005)
        assert server.process.wait() == 0
        assert how_it_ends(quiet) == (b"", "end")
        assert how_it_ends(far) == (b"", "end")
        assert how_it_ends(download)[1] == "reset"
        reasons = {
            int(found[1]): found[2] for found in map(ENDED.search, server.process.stderr) if found
        }
        cut_off = "cut off: the server ends"
        assert reasons[quiet.getsockname()[1]] == "the server ends"
        assert reasons[busy.getsockname()[1]] == reasons[paused.getsockname()[1]] == cut_off


# ---- what a client does


def test_a_client_moves_while_the_old_server_serves(address):
    """It tells the old server, and still takes the visitors that this one has announced."""
    with FakeServer(address.host, address.free_port()) as fake, Echo() as service:
        with spore_client((fake.host, fake.port), service.port, listening=False) as client:
            old = fake.welcome(12345)
            extended = old.receive()["Extend"]
            assert extended["wants"] & LEAVING
            old.send({"Extended": {"heartbeat_ms": 4000}}, "Leaving")
            new = fake.next_wire()
            assert new.receive() == {"Hello": 12345}
            new.send({"Error": "server is shutting down"})
            new = fake.next_wire()  # it goes on trying
            assert new.receive() == {"Hello": 12345}
            identity = "00000000-0000-4000-8000-00000000000a"
            old.send({"Connection": identity})
            accepted, data = fake.accepted()
            assert accepted == identity
            new.send({"Hello": 12345})
            assert "Extend" in new.receive()
            while (message := old.receive()) != "Moved":
                assert message in ("Heartbeat",) or "About" in message, message
            old.send({"Connection": identity})
            assert fake.accepted()[0] == identity
            old.close()
            stream = data.stream()
            stream.sendall(b"still")
            assert read_exactly(stream, 5) == b"still"
            new.send({"Extended": {"heartbeat_ms": 4000}}, "Leaving")
            newest = fake.next_wire()  # and once more
            assert newest.receive() == {"Hello": 12345}
            client.process_was_ended = True
        assert client.process.stdout == [f"listening at {fake.host}:12345"]


def test_a_client_shows_its_ticket(address):
    """Until it gets the port, or until servers seem not to understand it."""
    ticket = "00000000-0000-4000-8000-00000000000b"
    shown = {"HelloEx": {"port": 12345, "ticket": ticket}}
    with FakeServer(address.host, address.free_port()) as fake, Echo() as service:
        with spore_client((fake.host, fake.port), service.port, listening=False) as client:
            old = fake.welcome(12345)
            assert old.receive()["Extend"]["wants"] & TICKET
            old.send({"Extended": {"heartbeat_ms": 4000}}, {"Ticket": ticket}, "Leaving")
            new = fake.next_wire()
            assert new.receive() == shown
            new.send({"Error": "server is shutting down"})
            old.close()
            for _ in range(3):
                new = fake.next_wire()
                assert new.receive() == shown
                new.close()
            new = fake.next_wire()
            assert new.receive() == {"Hello": 12345}
            client.process_was_ended = True


BANNED = {"Error": "the source is banned: wrong secrets came from this address; try again in 50 s"}


def test_a_server_that_leaves_cannot_ask_for_patience(address):
    """Its ban is not another server's. The next attempt follows soon, and so does the next."""
    with FakeServer(address.host, address.free_port()) as fake, Echo() as service:
        with spore_client((fake.host, fake.port), service.port, listening=False) as client:
            old = fake.welcome(12345)
            old.receive()
            old.send({"Extended": {"heartbeat_ms": 4000}}, "Leaving")
            for _ in range(2):
                new = fake.next_wire(timeout=3)
                assert new.receive() == {"Hello": 12345}
                new.send(BANNED)
                new.close()
            old.close()
            new = fake.next_wire(timeout=3)
            assert new.receive() == {"Hello": 12345}
            client.process_was_ended = True


def test_all_tunnels_hear_that_a_server_leaves(address, tmp_path):
    """Also one that has no connection, since it waits for the end of this server's ban."""
    path = tmp_path / "client.json"
    with FakeServer(address.host, address.free_port()) as fake:
        tunnels = [{"local": "127.0.0.1:9", "port": port} for port in (12345, 12346)]
        client = {"to": f"{fake.host}:{fake.port}"}
        path.write_text(json.dumps({"client": client, "tunnels": tunnels}))
        with Process([spore_binary(), "local", "--config", path], name="spore local") as client:
            wires = {}
            for _ in tunnels:
                wire = fake.next_wire()
                wires[wire.receive()["Hello"]] = wire
            wires[12346].send(BANNED)
            client.wait_for("tries=1")
            wires[12345].send({"Hello": 12345})
            wires[12345].receive()
            wires[12345].send({"Extended": {"heartbeat_ms": 4000}}, "Leaving")
            asked = {fake.next_wire(timeout=3).receive()["Hello"] for _ in tunnels}
            assert asked == {12345, 12346}


def test_a_client_releases_its_port(address):
    """The new server cannot open the port, since the old one has it: the client says Moved."""
    with FakeServer(address.host, address.free_port()) as fake, Echo() as service:
        with spore_client((fake.host, fake.port), service.port, listening=False) as client:
            old = fake.welcome(12345)
            old.receive()
            old.send({"Extended": {"heartbeat_ms": 4000}}, "Leaving")
            new = fake.next_wire()
            assert new.receive() == {"Hello": 12345}
            new.send({"Error": "port already in use"})
            while (message := old.receive()) != "Moved":
                assert message == "Heartbeat" or "About" in message, message
            old.close()
            new = fake.next_wire()
            assert new.receive() == {"Hello": 12345}
            client.process_was_ended = True


def test_a_client_that_cannot_move_stays(address):
    """A refusal for good by another server does not end a tunnel that stands."""
    with FakeServer(address.host, address.free_port()) as fake, Echo() as service:
        with spore_client((fake.host, fake.port), service.port, listening=False) as client:
            old = fake.welcome(12345)
            old.receive()
            old.send({"Extended": {"heartbeat_ms": 4000}}, "Leaving")
            new = fake.next_wire()
            assert new.receive() == {"Hello": 12345}
            new.send({"Error": "invalid secret"})
            client.process.wait_for("tunnel not moved .*invalid secret")
            identity = "00000000-0000-4000-8000-00000000000a"
            old.send({"Connection": identity})
            assert fake.accepted()[0] == identity
            old.close()  # now it is an ordinary loss
            assert fake.next_wire().receive() == {"Hello": 12345}
            client.process_was_ended = True


# ---- both


def test_a_name_that_leads_elsewhere_ends_the_patience(address, far, tmp_path):
    """The ban was the old server's."""
    port = address.free_port()
    with Loopback() as resolver, Names(resolver.host, tmp_path) as names:
        names.publish(srv=address.host)
        with FakeServer(address.host, port) as old, FakeServer(far.host, port) as new:
            with spore_client(
                ("srv.test", port), 9, listening=False, extra=["--retry"], within=names.within
            ) as client:
                wire = old.next_wire()
                assert wire.receive() == {"Hello": 0}
                wire.send(BANNED)
                client.process.wait_for("tries=1")
                names.publish(srv=far.host)
                assert new.next_wire(timeout=6).receive() == {"Hello": 0}
                client.process_was_ended = True


@pytest.fixture
def far():
    """The address of the server that takes over."""
    with Loopback() as address:
        yield address


def test_the_name_leads_to_another_server(lasting, far, tmp_path):
    """The client follows the name. Until it has moved, the old server serves every visitor."""
    with Loopback() as resolver, Names(resolver.host, tmp_path) as names, Echo() as service:
        names.publish(srv=lasting.public_host)
        with spore_server(far, control_port=lasting.control[1]) as taker, spore_client(
            ("srv.test", lasting.control[1]), service.port, within=names.within
        ) as client:
            names.publish(srv=far.host)
            time.sleep(2.1)
            # The name alone moves nothing: data connections go to the server of the tunnel.
            assert one_exchange(lasting.public_host, client.port) == b"ping"
            begin_drain(lasting)
            while "new client" not in " ".join(taker.process.stderr):
                with contextlib.suppress(ConnectionRefusedError):  # it has just moved
                    assert one_exchange(lasting.public_host, client.port) == b"ping"
            assert one_exchange(far.host, client.port) == b"ping"
            assert lasting.process.wait() == 0
            assert client.process.stdout == [f"listening at srv.test:{client.port}"]
            client.process_was_ended = True
            client.process.terminate()
            assert client.process.wait() == 0


def test_another_server_takes_the_port_over(server, start_server):
    """The next server of this machine has the tunnel while the old one still serves a visitor."""
    with Echo() as service, spore_client(server.control, service.port) as client:
        with Steady(server.public_host, client.port) as steady:
            begin_drain(server)
            client.process.wait_for("the server is going away")
            wait_until(lambda: port_is_free(*server.control), "the control port to close")
            with start_server(control_port=server.control[1]) as next_server:
                next_server.process.wait_for(f"new client .*port={client.port} ")
                assert one_exchange(server.public_host, client.port) == b"ping"
                before = steady.exchanges
                wait_until(lambda: steady.exchanges > before + 5, "the old visitor")
                assert server.process.running
                client.process_was_ended = True
                client.process.terminate()
    assert server.process.wait() == 0
    assert len(client.process.stdout) == 1


# ---- the next server on the same machine


class Pair:
    """A server, and the next one with the same configuration file."""

    def __init__(self, start_server, address, folder):
        self.admin = Admin(folder / "admin.sock")
        self.exporter = Exporter(address.host, address.free_port())
        self.path = folder / "server.json"
        listen = f"{self.exporter.host}:{self.exporter.port}"
        self.path.write_text(
            json.dumps(
                {
                    "server": {"drain_timeout": "30s", "drain_grace": "1.2s"},
                    "admin": {"socket": self.admin.path},
                    "metrics": [{"use": "prometheus", "listen": listen}],
                }
            )
        )
        self._start_server = start_server

    def start(self, **options):
        self.old = self._start_server(extra=["--config", str(self.path)], **options)
        return self.old

    def start_next(self):
        return Process(self.old.process.argv, name="next server")

    def tunnels(self):
        return self.exporter.page().value("spore_tunnels")


@pytest.fixture
def pair(start_server, address, tmp_path):
    return Pair(start_server, address, tmp_path)


def test_the_next_server_has_the_same_configuration(pair):
    """It waits for the old one, and gets its control port, admin socket and metrics port."""
    with pair.start() as old, Tunnel(old) as tunnel:
        extend(tunnel)
        visitor, far = tunnel.join()
        old.process_was_ended = True
        pair.admin.ctl("drain")
        with pair.start_next() as taker:
            taker.wait_for(f"waiting for the server that drains to hand over .*pid={old.pid}")
            # Until then the old server can be watched.
            assert pair.admin.ask("status")["state"] == "draining"
            assert pair.tunnels() == 1
            taker.wait_for("server listening")
            old.process.wait_for("handed over")
            assert pair.admin.ask("status")["pid"] == taker.pid
            assert pair.tunnels() == 0
            visitor.sendall(b"still")
            assert read_exactly(far, 5) == b"still"
            visitor.close()
            far.close()
            assert old.process.wait() == 0
            assert pair.admin.ask("status")["pid"] == taker.pid  # the old one leaves it alone
            assert taker.stop() == 0


@pytest.mark.parametrize("when", ["at once", "later"])
def test_a_service_manager_has_the_routed_port(pair, address, tmp_path, when):
    """The next server gets nothing of it, so the old one has it drop the sockets first."""
    port, kept = address.free_port(), "tunnel-routed-1"
    config = json.loads(pair.path.read_text())
    config["public"] = [{"listen_port": port, "route": [{"use": "http"}]}]
    pair.path.write_text(json.dumps(config))
    elsewhere = (address.host, address.free_port())
    with Store(tmp_path, elsewhere) as store, pair.start(env=store.env) as old:
        with Tunnel(old) as tunnel:
            visitor, far = tunnel.join()
            begin_drain(old)
            if when == "later":
                wait_until(lambda: kept in store.kept, "the manager to have the sockets")
            with pair.start_next() as taker:
                taker.wait_for("server listening")
                old.process.wait_for("handed over")
                assert kept not in store.kept and kept in store.dropped
                connect(old.public_host, port).close()
                visitor.close()
                far.close()
                assert old.process.wait() == 0
                assert kept not in store.kept
                assert taker.stop() == 0


def test_the_old_server_ends_meanwhile(pair):
    with pair.start() as old:
        begin_drain(old)
        with pair.start_next() as taker:
            taker.wait_for("server listening")
            assert old.process.wait() == 0
            assert pair.admin.ask("status")["pid"] == taker.pid
            assert taker.stop() == 0


def test_nothing_is_taken_from_a_server_that_stays(pair):
    with pair.start() as old, pair.start_next() as taker:
        assert taker.wait() == 1
        assert "another server or client is listening on it" in "".join(taker.stderr)
        assert pair.admin.ask("status")["pid"] == old.pid
        assert pair.tunnels() == 0
