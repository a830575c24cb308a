"""Connections that a client opens ahead of visitors.

They wait, their number is limited, and a broken one loses no visitor.
"""

import signal
import time
import uuid

import pytest

from harness.loopback import BORE_CONTROL_PORT
from harness.metrics import Exporter
from harness.peers import bore_client, bore_server, configured_server, spore_client, spore_server
from harness.reloading import Reloading
from harness.scale import count, seconds
from harness.services import Echo, Inbox
from harness.slow_network import SlowNetwork
from harness.sockets import end_writing, read_exactly, read_to_end, reset
from harness.visitors import connected, exchange_all, finish_all, one_exchange
from harness.waiting import wait_until
from harness.wire import Ended, Tunnel, Wire

ID = "6fa459ea-ee8a-4ca4-894e-db77e160355e"
PASS = "16fd2706-8baf-433b-82eb-8c7fada847da"


def ask(tunnel, number):
    """The server's grant: {"ahead": N, "pass": UUID}, or {}."""
    tunnel.wire.send({"Extend": {"heartbeat_ms": 4000, "ahead": number}})
    answer = tunnel.wire.receive_but_heartbeats()["Extended"]
    assert answer.pop("heartbeat_ms") == 4000
    assert answer.pop("offers") == 23
    return answer


def wait_under(tunnel, identity):
    wire = tunnel.dial()
    wire.send({"Ahead": identity})
    return wire


def is_open(wire, for_s=0.3):
    try:
        wire.frame(for_s / seconds(1))
    except TimeoutError:
        return True
    except Ended:
        return False
    raise AssertionError("a frame came")


# The server's side


@pytest.mark.parametrize("secret", [None, "s3cret"])
def test_a_connection_waits_for_its_visitor(address, secret):
    """It may wait longer than the deadline of a first frame.

    After Accept the server sends an answer and then the visitor's bytes.
    """
    with spore_server(address, secret=secret) as server, Tunnel(server) as tunnel:
        granted = ask(tunnel, 2)
        assert granted["ahead"] == 2
        with wait_under(tunnel, granted["pass"]) as wire:
            assert is_open(wire, for_s=3.5)
            with tunnel.visit() as visitor:
                visitor.sendall(b"first words")
                wire.send({"Accept": tunnel.wire.connection()})
                assert wire.receive() == "Accepted"
                assert (
                    wire.buffer + read_exactly(wire.sock, 11 - len(wire.buffer)) == b"first words"
                )
                wire.sock.sendall(b"answer")
                assert read_exactly(visitor, 6) == b"answer"
                end_writing(visitor)
                assert read_to_end(wire.sock) == b""


def test_a_silent_visitor_is_answered_for_at_once(server):
    with Tunnel(server) as tunnel:
        with wait_under(tunnel, ask(tunnel, 1)["pass"]) as wire, tunnel.visit() as visitor:
            wire.send({"Accept": tunnel.wire.connection()})
            assert wire.receive(timeout=1) == "Accepted"
            wire.sock.sendall(b"banner")
            assert read_exactly(visitor, 6) == b"banner"


def test_the_answer_is_not_counted_as_bytes(address, tmp_path):
    port = address.free_port()
    metrics = [{"use": "prometheus", "listen": f"{address.host}:{port}"}]
    with configured_server(address, tmp_path, metrics=metrics) as server:
        with Tunnel(server) as tunnel, wait_under(
            tunnel, ask(tunnel, 1)["pass"]
        ) as wire, tunnel.visit() as visitor:
            exporter = Exporter(address.host, port)
            wait_until(
                lambda: exporter.value("spore_connections_ahead") == 1, "the connection to wait"
            )
            visitor.sendall(b"12345")
            wire.send({"Accept": tunnel.wire.connection()})
            assert wire.receive() == "Accepted"
            wait_until(
                lambda: exporter.value("spore_bytes_proxied_total") == 5, "five bytes to be counted"
            )
            assert exporter.value("spore_connections_ahead") == 0


@pytest.mark.parametrize("identity", [PASS, str(uuid.UUID(int=0))])
def test_a_connection_without_a_pass_is_closed(server, identity):
    with Tunnel(server) as tunnel:
        ask(tunnel, 4)
        with wait_under(tunnel, identity) as wire:
            assert wire.expect_end(timeout=1) in ("end", "reset")


def test_no_more_than_twice_what_was_granted(address, tmp_path):
    """Twice, because a used connection may still be counted when its replacement arrives."""
    with configured_server(address, tmp_path, limits={"max_ahead_per_tunnel": 2}) as server:
        with Tunnel(server) as tunnel, Tunnel(server) as other:
            granted = ask(tunnel, 50)
            assert granted["ahead"] == 2
            wires = [wait_under(tunnel, granted["pass"]) for _ in range(5)]
            assert sum(is_open(wire) for wire in wires) == 4
            with wait_under(other, ask(other, 1)["pass"]) as wire:
                assert is_open(wire), "each tunnel has its own limit"
            wires.pop().close()
            wires.pop().close()
            wait_until(lambda: _gets_in(tunnel, granted["pass"]), "a place to be free again")
            for wire in wires:
                wire.close()


def _gets_in(tunnel, identity):
    with wait_under(tunnel, identity) as wire:
        return is_open(wire)


def test_a_server_that_allows_no_connection_ahead(address, tmp_path):
    with configured_server(address, tmp_path, limits={"max_ahead_per_tunnel": 0}) as server:
        with Tunnel(server) as tunnel:
            assert ask(tunnel, 4) == {}


def test_connections_ahead_end_with_their_tunnel(server):
    with Tunnel(server) as tunnel:
        wire = wait_under(tunnel, ask(tunnel, 1)["pass"])
        assert is_open(wire)
    with wire:
        assert wire.expect_end(timeout=2) == "end"


@pytest.mark.parametrize(
    "frame", [{"Hello": 0}, "Heartbeat", {"Ahead": PASS}, {"Authenticate": "00"}, {"Accept": ID}]
)
@pytest.mark.parametrize("secret", [None, "s3cret"])
def test_nothing_but_a_visitors_accept_may_follow(address, secret, frame):
    with spore_server(address, secret=secret) as server, Tunnel(server) as tunnel:
        with wait_under(tunnel, ask(tunnel, 1)["pass"]) as wire:
            wire.send(frame)
            assert wire.expect_end(timeout=2) in ("end", "reset")


def test_a_wrong_secret_waits_for_nothing(address):
    """The server checks its answer with the secret of the tunnel."""
    with spore_server(address, secret="s3cret") as server, Tunnel(server) as tunnel:
        granted = ask(tunnel, 1)
        tunnel.secret = "guess"
        with wait_under(tunnel, granted["pass"]) as wire, tunnel.visit() as visitor:
            wire.send({"Accept": tunnel.wire.connection()})
            wire.expect_error("invalid secret")
            assert visitor.fileno() >= 0
            tunnel.secret = "s3cret"


# The client's side


class Ahead:
    """A server played by the test that allows connections to be opened ahead."""

    def __init__(self, fake, number, offers=0):
        self.control = fake.next_wire()
        assert self.control.receive() == {"Hello": 0}
        self.control.send({"Hello": 1234}, "Heartbeat")
        assert self.control.receive() == {
            "Extend": {"heartbeat_ms": 4000, "ahead": number, "wants": 62}
        }
        granted = {"heartbeat_ms": 60000, "ahead": number, "pass": PASS, "offers": offers}
        self.control.send({"Extended": granted})
        self.fake = fake
        self.waiting = [self.next() for _ in range(number)]

    def next(self):
        wire = self.fake.next_wire()
        assert wire.receive() == {"Ahead": PASS}
        return wire

    def visit(self):
        """Announces a visitor; returns the connection that the client used for it."""
        self.control.send({"Connection": ID})
        new = self.next()
        for wire in self.waiting:
            try:
                message = wire.receive(timeout=0.2)
            except TimeoutError:
                continue
            assert message == {"Accept": ID}
            self.waiting.remove(wire)
            self.waiting.append(new)
            return wire
        raise AssertionError("the client used none of the waiting connections")


@pytest.fixture
def inbox():
    with Inbox() as service:
        yield service


def ahead_client(fake, service, number):
    return spore_client(
        (fake.host, fake.port), service.port, extra=["--ahead", str(number)], listening=False
    )


@pytest.mark.parametrize("number", [1, 3])
def test_the_client_uses_one_and_opens_another(fake_server, inbox, number):
    with ahead_client(fake_server, inbox, number):
        server = Ahead(fake_server, number)
        for turn in range(2 * number):
            wire = server.visit()
            wire.send_bytes(b'"Accepted"\0hello')
            with inbox.take() as local:
                assert read_exactly(local, 5) == b"hello"
                local.sendall(b"answer")
                assert read_exactly(wire.sock, 6) == b"answer", turn
            wire.close()


@pytest.mark.parametrize("how", ["end", "reset", "silence", "garbage", "error"])
def test_a_broken_connection_loses_no_visitor(fake_server, inbox, how):
    """If the connection breaks before the server's answer, the client dials with the same id."""
    with ahead_client(fake_server, inbox, 1):
        server = Ahead(fake_server, 1)
        wire = server.visit()
        if how == "end":
            wire.close()
        elif how == "reset":
            reset(wire.sock)
        elif how == "garbage":
            wire.send_bytes(b"garbage\0")
        elif how == "error":
            wire.send({"Error": "no"})
        identity, dialled = fake_server.accepted(timeout=6)
        assert identity == ID
        dialled.send_bytes(b"hello")
        with inbox.take() as local:
            assert read_exactly(local, 5) == b"hello"


def test_a_dead_connection_holds_a_visitor_up_for_a_quarter_of_a_second(fake_server, inbox):
    """The client dials another connection beside it, and the server's answer decides."""
    with ahead_client(fake_server, inbox, 1):
        server = Ahead(fake_server, 1, offers=1)
        server.visit()
        began = time.monotonic()
        dialled = fake_server.next_wire(timeout=2)
        assert dialled.receive() == {"Claim": ID}
        assert time.monotonic() - began < seconds(1)
        dialled.send_bytes(b'"Accepted"\0hello')
        with inbox.take() as local:
            assert read_exactly(local, 5) == b"hello"


def test_a_connection_that_breaks_while_it_waits_is_replaced(fake_server, inbox):
    with ahead_client(fake_server, inbox, 2):
        server = Ahead(fake_server, 2)
        reset(server.waiting.pop().sock)
        server.waiting.append(server.next())
        server.visit().send_bytes(b'"Accepted"\0')
        inbox.take().close()


def test_it_is_reopened_with_growing_delays(fake_server, inbox):
    """If a server closes them at once, the client waits longer before each attempt."""
    with ahead_client(fake_server, inbox, 1):
        server = Ahead(fake_server, 1)
        server.waiting.pop().close()
        ends = time.monotonic() + 2
        dialled = 0
        while (left := ends - time.monotonic()) > 0:
            try:
                fake_server.next_wire(timeout=left / seconds(1)).close()
                dialled += 1
            except TimeoutError:
                break
        assert 1 <= dialled <= 5


def test_nothing_is_opened_unless_both_sides_want_it(fake_server, inbox):
    """One server grants connections to a client that did not ask; another does not grant any."""
    for extra, extended in ([], {"ahead": 4, "pass": PASS}), (["--ahead", "4"], {}):
        with spore_client(
            (fake_server.host, fake_server.port), inbox.port, extra=extra, listening=False
        ):
            wire = fake_server.next_wire()
            assert wire.receive() == {"Hello": 0}
            wire.send({"Hello": 1234}, "Heartbeat")
            assert "Extend" in wire.receive()
            wire.send({"Extended": {"heartbeat_ms": 60000, **extended}})
            with pytest.raises(TimeoutError):
                fake_server.next_wire(timeout=0.5)


# Both ends


def visit_all(host, port, number):
    with connected(host, port, number) as visitors:
        exchange_all(visitors)
        finish_all(visitors)


@pytest.mark.parametrize("secret", [None, "s3cret"])
@pytest.mark.over_tls_too
def test_more_visitors_than_wait(address, secret):
    with Echo() as service, spore_server(address, secret=secret) as server:
        with spore_client(
            server.control, service.port, secret=secret, extra=["--ahead", "5"]
        ) as client:
            for _ in range(3):
                visit_all(address.host, client.port, count(60))
                assert one_exchange(address.host, client.port) == b"ping"


def test_a_server_that_returns(address):
    with Echo() as service, spore_server(address) as first:
        with spore_client(first.control, service.port, extra=["--ahead", "4"]) as client:
            assert one_exchange(address.host, client.port) == b"ping"
            first.process_was_ended = True
            first.process.signal(signal.SIGKILL)
            first.process.wait()
            with spore_server(address, control_port=first.control[1]):
                client.process.wait_for("connected to server", stream="stderr", times=2)
                visit_all(address.host, client.port, 10)


def test_a_reload_closes_waiting_connections(address, tmp_path):
    """They belong to the old configuration. The client opens new ones and no visitor is lost."""
    port = address.free_port()
    config = {
        "metrics": [{"use": "prometheus", "listen": f"{address.host}:{port}"}],
        "log": {"level": "debug"},
    }
    running = Reloading(tmp_path, address, **config)
    with running.server, Echo() as service:
        with spore_client(running.server.control, service.port, extra=["--ahead", "3"]) as client:
            exporter = Exporter(address.host, port)
            for turn in range(3):
                wait_until(lambda: exporter.value("spore_connections_ahead") >= 3, "three to wait")
                before = exporter.value("spore_control_connections_total")
                running.swap(**config, limits={"max_pending": 100 + turn})
                # Until then the old exporter may accept scrapes that it never answers.
                running.process.wait_for(
                    "plugin instance ended plugin=prometheus", stream="stderr", times=turn + 1
                )
                visit_all(running.host, client.port, 5)
                assert exporter.value("spore_control_connections_total") >= before + 3


def test_connections_that_a_nat_has_forgotten():
    """They are dead at both ends, which do not know it. Each holds one visitor up for 250 ms."""
    with SlowNetwork() as network, Echo(network.here) as service, spore_server(
        network.here, control_port=BORE_CONTROL_PORT
    ) as server:
        with spore_client(
            server.control,
            service.port,
            local_host=network.here,
            extra=["--ahead", "3"],
            within=network.within,
        ) as client:
            wait_until(lambda: len(network.far_ports) == 4, "three connections ahead")
            time.sleep(0.1)  # until the server has them
            network.forget(network.far_ports[1:])
            for _ in range(3):
                began = time.monotonic()
                assert one_exchange(network.here, client.port) == b"ping"
                assert time.monotonic() - began < seconds(1.5)


def test_bore_on_either_end(address):
    with Echo() as service, bore_server(address) as server:
        with spore_client(server.control, service.port, extra=["--ahead", "4"]) as client:
            assert one_exchange(address.host, client.port) == b"ping"
    with Echo() as service, spore_server(address, control_port=7835) as server:
        with bore_client(server.control, service.port) as client:
            assert one_exchange(address.host, client.port) == b"ping"
