"""Clients that cannot move, such as bore's, stay with the old process in an upgrade of the server.
Their data connections come to the new process, which sends them back."""

import contextlib
import hashlib
import os
import signal
import socket
import time
import uuid

import pytest

from harness.loopback import BORE_CONTROL_PORT, port_is_free
from harness.metrics import Exporter
from harness.peers import bore_client, spore_client
from harness.procfs import runs
from harness.scale import count, seconds
from harness.services import Echo
from harness.sockets import connect, read_exactly
from harness.tls import client_context
from harness.tls.certificates import Authority
from harness.upgrades import Upgrades
from harness.visitors import connected, exchange_all, finish_all, one_exchange
from harness.waiting import wait_until
from harness.wire import Ended, Tunnel, Wire

SECRET = "a secret of nobody"
HMAC = [{"use": "hmac", "secret": SECRET}]


class Served(Upgrades):
    """A server at bore's port, with metrics."""

    def __init__(self, folder, address, secret=None, **sections):
        self.secret = secret
        self._exporter = (address.host, address.free_port())
        metrics = [{"use": "prometheus", "listen": "%s:%d" % self._exporter}]
        auth = {"auth": HMAC} if secret == SECRET else {}
        super().__init__(
            folder,
            address,
            control_port=BORE_CONTROL_PORT,
            **{"metrics": metrics, **auth, **sections},
        )

    def metric(self, text):
        """Of the process that serves."""
        for line in Exporter(*self._exporter).get("/metrics")[2].splitlines():
            if line.startswith(text + " "):
                return int(float(line.split()[-1]))
        raise AssertionError(f"no metric {text}")

    def refused(self, reason):
        return self.metric(f'spore_refusals_total{{at="control",reason="{reason}"}}')

    def sent_back(self):
        return self.metric("spore_connections_sent_back_total")


@pytest.fixture
def server(tmp_path, address):
    with Served(tmp_path, address) as made:
        yield made


def visit(where, index):
    """A visitor of an echo service, whose bytes come back unchanged."""
    data = hashlib.sha256(str(index).encode()).digest() * 200
    with connect(*where) as visitor:
        visitor.sendall(data)
        back = read_exactly(visitor, len(data))
    assert hashlib.sha256(back).digest() == hashlib.sha256(data).digest()


def visit_often(where):
    for index in range(count(200, 20)):
        visit(where, index)
    with connected(*where, count(50, 20)) as visitors:
        exchange_all(visitors)
        finish_all(visitors)


# ---- bore's client


@pytest.mark.timeout(120)
@pytest.mark.parametrize("secret", [None, SECRET])
def test_a_bore_client_stays(tmp_path, address, secret):
    """It gets new visitors until it ends. Then the old process ends, and the next client can have
    its port."""
    with Served(tmp_path, address, secret) as server, Echo() as echo:
        with bore_client(server.control, echo.port, secret=secret) as client:
            where = (address.host, client.port)
            visit(where, 0)
            with connect(*where) as early:
                early.sendall(b"early")
                assert read_exactly(early, 5) == b"early"
                server.upgrade()
                visit_often(where)
                assert server.sent_back() == count(200, 20) + count(50, 20)
                assert server.refused("unknown_connection") == 0
                early.sendall(b"later")
                assert read_exactly(early, 5) == b"later"
            assert runs(server.pids[0])
            assert server.admin.ask("tunnels")["tunnels"] == []
        server.await_end(server.pids[0])
        assert port_is_free(*where)
        with bore_client(server.control, echo.port, secret=secret, port=where[1]):
            visit(where, 1)
            (tunnel,) = server.admin.ask("tunnels")["tunnels"]
            assert tunnel["port"] == where[1]


def test_at_the_deadline(tmp_path, address):
    """The client loses its connection, and finds the new process when it is started again."""
    settings = {"drain_timeout": "3s"}
    with Served(tmp_path, address, server=settings) as server, Echo() as echo:
        with bore_client(server.control, echo.port) as client:
            where = (address.host, client.port)
            server.upgrade()
            at = time.monotonic()
            while time.monotonic() - at < 2:
                visit(where, at)
            client.process_was_ended = True
            client.process.wait()
        server.await_end(server.pids[0])
        with bore_client(server.control, echo.port, port=where[1]):
            visit(where, 2)


@pytest.mark.timeout(120)
def test_two_upgrades(server):
    """The client of the oldest process is served while the one between them lives, and when that
    has ended."""
    with Echo() as echo, contextlib.ExitStack() as stack:
        oldest = stack.enter_context(bore_client(server.control, echo.port))
        server.upgrade()
        middle = bore_client(server.control, echo.port)
        with middle:
            server.upgrade()
            for index in range(count(50, 10)):
                visit((server.public_host, oldest.port), index)
                visit((server.public_host, middle.port), index)
            assert [runs(pid) for pid in server.pids] == [True, True, True]
        server.await_end(server.pids[1])
        for index in range(count(50, 10)):
            visit((server.public_host, oldest.port), index)
        server.upgrade()
        visit_often((server.public_host, oldest.port))
        server.await_end(server.pids[2])
        visit((server.public_host, oldest.port), 0)


def test_clients_of_both_kinds(tmp_path, address):
    """One moves and one stays. The port of the one that stays is not for others."""
    with Served(tmp_path, address, SECRET) as server, Echo() as echo:
        with bore_client(server.control, echo.port, secret=SECRET) as bore:
            with spore_client(server.control, echo.port, secret=SECRET) as spore:
                server.upgrade()
                server.process.wait_for(rf"new client .*port={spore.port}\b", times=2)
                for index in range(20):
                    visit((address.host, bore.port), index)
                    visit((address.host, spore.port), index)
                with Wire.connect(server.control) as wire:
                    wire.authenticate(SECRET)
                    wire.send({"Hello": bore.port})
                    assert wire.receive() == {"Error": "port already in use"}


# ---- processes that end


def test_the_old_process_is_killed(server):
    """The new one ends data connections of its clients, as those with any id that it does not
    know."""
    with Tunnel(server) as tunnel:
        server.upgrade()
        visitor, far = tunnel.join()
        with visitor, far:
            far.sendall(b"there")
            assert read_exactly(visitor, 5) == b"there"
        with tunnel.visit():
            identity = tunnel.wire.connection()
            os.kill(server.pids[0], signal.SIGKILL)
            server.process.wait()
            before = server.refused("unknown_connection")
            with tunnel.dial() as data:
                data.send({"Accept": identity})
                assert data.expect_end() == "end"
            assert server.refused("unknown_connection") == before + 1


def test_the_new_process_is_killed(server):
    """No data connection comes to the old one any more, so the ports of the clients that stay
    close, and it ends with its last visitor."""
    with Tunnel(server) as tunnel:
        visitor, far = tunnel.join()
        server.upgrade()
        os.kill(server.pid, signal.SIGKILL)
        wait_until(lambda: port_is_free(server.public_host, tunnel.port), "the port to close")
        visitor.sendall(b"still")
        assert read_exactly(far, 5) == b"still"
        visitor.close()
        far.close()
        assert server.process.ended_within(10)


def test_an_old_process_that_hangs(server):
    """The new one goes on, ends what does not fit into the channel, and counts it. What fits is
    served later."""
    with Tunnel(server) as tunnel, contextlib.ExitStack() as stack:
        server.upgrade()
        visitors = [stack.enter_context(tunnel.visit()) for _ in range(5)]
        ids = [tunnel.wire.connection() for _ in visitors]
        os.kill(server.pids[0], signal.SIGSTOP)
        stack.callback(os.kill, server.pids[0], signal.SIGCONT)
        far = [stack.enter_context(tunnel.dial()) for _ in ids]
        for data, identity in zip(far, ids):
            data.send({"Accept": identity})
        for _ in range(1000):
            data = stack.enter_context(tunnel.dial())
            data.send({"Accept": str(uuid.uuid4())})
            if server.refused("sending_back") > 0:
                break
        assert server.refused("sending_back") > 0
        with Tunnel(server) as other:
            one, two = other.join()
            one.sendall(b"works")
            assert read_exactly(two, 5) == b"works"
        os.kill(server.pids[0], signal.SIGCONT)
        for visitor, data in zip(visitors, far):
            visitor.sendall(b"works")
            assert read_exactly(data.stream(), 5) == b"works"


# ---- what a data connection says


def test_bytes_behind_the_accept(server):
    with Tunnel(server) as tunnel:
        server.upgrade()
        with tunnel.visit() as visitor:
            behind = os.urandom(900)
            far = tunnel.accept(tunnel.wire.connection(), behind)
            assert read_exactly(visitor, len(behind)) == behind
            visitor.sendall(behind)
            assert read_exactly(far, len(behind)) == behind


@pytest.mark.parametrize("secret", [None, SECRET])
@pytest.mark.parametrize("kind", ["Claim", "Carry"])
def test_other_messages_than_accept(tmp_path, address, secret, kind):
    with Served(tmp_path, address, secret) as server, Tunnel(server) as tunnel:
        server.upgrade()
        with tunnel.visit() as visitor, tunnel.dial() as data:
            identity = tunnel.wire.connection()
            what = {"id": identity, "pass": str(uuid.uuid4())} if kind == "Carry" else identity
            data.send({kind: what})
            assert data.receive() == "Accepted"
            if kind == "Claim":
                visitor.sendall(b"bytes")
                assert read_exactly(data.stream(), 5) == b"bytes"


def test_an_accept_that_comes_late(tmp_path, address):
    """Behind the verdict on the answer."""
    with Served(tmp_path, address, SECRET) as server, Tunnel(server) as tunnel:
        server.upgrade()
        with tunnel.visit() as visitor, tunnel.dial() as data:
            time.sleep(seconds(0.4))
            far = data.accept(tunnel.wire.connection())
            visitor.sendall(b"bytes")
            assert read_exactly(far, 5) == b"bytes"


def test_a_wrong_secret_sends_nothing_back(tmp_path, address):
    with Served(tmp_path, address, SECRET) as server, Tunnel(server) as tunnel:
        server.upgrade()
        with tunnel.visit() as visitor:
            identity = tunnel.wire.connection()
            with Wire.connect(server.control) as data:
                data.authenticate("another secret")
                data.send({"Accept": identity})
                data.expect_error("invalid secret")
            assert server.sent_back() == 0
            far = tunnel.accept(identity)
            visitor.sendall(b"bytes")
            assert read_exactly(far, 5) == b"bytes"


def test_a_visitor_of_another_client(tmp_path, address):
    secrets = {"alice": "a secret of alice", "bob": "a secret of bob"}
    auth = [{"use": "multi_secret", "secrets": secrets}]
    with Served(tmp_path, address, secrets["alice"], auth=auth) as server:
        with Tunnel(server) as tunnel:
            server.upgrade()
            with tunnel.visit() as visitor:
                identity = tunnel.wire.connection()
                with Wire.connect(server.control) as data:
                    data.authenticate(secrets["bob"])
                    data.send({"Accept": identity})
                    assert data.receive() == {"Error": "invalid secret"}
                far = tunnel.accept(identity)
                visitor.sendall(b"bytes")
                assert read_exactly(far, 5) == b"bytes"


def test_right_answers_are_no_tries(tmp_path, address):
    """Those of clients that stay do not use up the tries of their source."""
    limits = {"secret_rate": 1, "secret_burst": 5, "ban_exempt": []}
    with Served(tmp_path, address, SECRET, limits=limits) as server, Tunnel(server) as tunnel:
        server.upgrade()
        for _ in range(30):
            visitor, far = tunnel.join()
            with visitor, far:
                visitor.sendall(b"bytes")
                assert read_exactly(far, 5) == b"bytes"


# ---- limits of the client's address


def serve_visitors(tunnel, number):
    """Whose data connections are open at once before the first says anything."""
    with contextlib.ExitStack() as stack:
        visitors = [stack.enter_context(tunnel.visit()) for _ in range(number)]
        ids = [tunnel.wire.connection() for _ in visitors]
        far = [stack.enter_context(tunnel.dial()) for _ in ids]
        for data, identity in zip(far, ids):
            data.send({"Accept": identity})
        for visitor, data in zip(visitors, far):
            visitor.sendall(b"bytes")
            assert read_exactly(data.stream(), 5) == b"bytes"


def guess(server):
    """Returns what the server answers."""
    with Wire.connect(server.control) as wire:
        wire.authenticate("a guess")
        wire.send({"Accept": str(uuid.uuid4())})
        return wire.receive()


@pytest.mark.parametrize("upgrades", [1, 2])
def test_a_ban_does_not_concern_its_connections(tmp_path, address, upgrades):
    """Another host behind the same address is banned."""
    limits = {"ban_after": 3, "ban_time": "60s", "ban_exempt": []}
    with Served(tmp_path, address, SECRET, limits=limits) as server, Tunnel(server) as tunnel:
        for _ in range(upgrades):
            server.upgrade()
        for _ in range(3):
            assert guess(server) == {"Error": "invalid secret"}
        server.process.wait_for("source banned")
        for _ in range(12):
            visitor, far = tunnel.join()
            with visitor, far:
                visitor.sendall(b"bytes")
                assert read_exactly(far, 5) == b"bytes"
        for _ in range(5):  # no process judges them
            with pytest.raises(Ended):
                guess(server)
        assert server.admin.ask("bans")["bans"][0]["source"] == "127.0.0.1"


def test_many_connections_at_once(tmp_path, address):
    limits = {"max_unauthenticated_per_ip": 5}
    with Served(tmp_path, address, SECRET, limits=limits) as server, Tunnel(server) as tunnel:
        server.upgrade()
        serve_visitors(tunnel, 20)


def test_an_id_that_nobody_knows(server):
    with Tunnel(server) as tunnel:
        server.upgrade()
        with tunnel.dial() as data:
            data.send({"Accept": str(uuid.uuid4())})
            assert data.expect_end() == "end"


def test_a_client_that_leaves(server):
    """Its port closes, and nothing keeps the old process."""
    with Tunnel(server) as tunnel:
        server.upgrade()
        visitor, far = tunnel.join()
        visitor.close()
        far.close()
    server.await_end(server.pids[0])


# ---- transports


def test_a_client_behind_tls_does_not_stay(tmp_path, address):
    """A TLS session cannot go to another process. So its port closes, and its relays go on."""
    authority = Authority(tmp_path)
    certificate = authority.issue(f"IP:{address.host}")
    tls = {"use": "tls", "certfile": str(certificate.path), "keyfile": str(certificate.key)}
    with Served(tmp_path, address, transport=[tls]) as server:

        def dial():
            sock = socket.create_connection(server.control, timeout=seconds(10))
            return Wire(client_context(authority).wrap_socket(sock, server_hostname=address.host))

        with dial() as control:
            port = control.hello()
            with connect(address.host, port) as visitor, dial() as data:
                data.send({"Accept": control.connection()})
                visitor.sendall(b"early")
                assert read_exactly(data.sock, 5) == b"early"
                server.upgrade()
                wait_until(lambda: port_is_free(address.host, port), "the port to close")
                visitor.sendall(b"still")
                assert read_exactly(data.sock, 5) == b"still"
