"""Between Spore's own ends, a connection carries one visitor after another.

The bytes of a visitor are framed, so that its end is not that of the connection.
"""

import contextlib
import threading

import pytest

from harness.admin import Admin
from harness.lanes import DATA, END, RAW, frame, read_frame
from harness.metrics import Exporter
from harness.peers import spore_client, spore_server
from harness.reloading import Reloading
from harness.services import Echo
from harness.sockets import connect, end_writing, how_it_ends, read_exactly, read_to_end, reset
from harness.visitors import connected, exchange_all, finish_all, one_exchange
from harness.waiting import wait_until
from harness.wire import Tunnel

CARRY = 4  # what the client wants
OFFERS_CARRY = 8
MOST = 256  # limits.max_ahead_per_tunnel


def ask(tunnel):
    """The pass that the server gives to a client which wants to carry several visitors."""
    tunnel.wire.send({"Extend": {"heartbeat_ms": 4000, "wants": CARRY}})
    extended = tunnel.wire.receive_but_heartbeats()["Extended"]
    assert extended["offers"] & OFFERS_CARRY and extended["ahead"] == MOST
    return extended["pass"]


def carry(tunnel, wire, identity):
    """Takes the next visitor on this connection."""
    wire.send({"Carry": {"id": tunnel.wire.connection(), "pass": identity}})
    assert wire.receive() == "Accepted"


@pytest.fixture
def reporting(configured_server, address):
    """Starts a server with these settings; gives it and its exporter."""

    @contextlib.contextmanager
    def start(**settings):
        port = address.free_port()
        metrics = {"use": "prometheus", "listen": f"{address.host}:{port}"}
        with configured_server(config={"metrics": [metrics], **settings}) as server:
            yield server, Exporter(address.host, port)

    return start


def connections(exporter):
    """Those to the control port so far."""
    return exporter.value("spore_control_connections_total")


def kept(exporter):
    return exporter.value("spore_connections_ahead")


# What the server sends and takes


@pytest.mark.parametrize("secret", [None, "s3cret"])
def test_the_frames(address, secret):
    """The second visitor comes on the same connection, whose client has nothing left to prove."""
    with spore_server(address, secret=secret) as server, Tunnel(server) as tunnel:
        identity = ask(tunnel)
        with tunnel.dial() as wire:
            for _ in range(3):
                with tunnel.visit() as visitor:
                    carry(tunnel, wire, identity)
                    visitor.sendall(b"question")
                    assert read_frame(wire) == (DATA, b"question")
                    wire.send_bytes(frame(DATA, b"an") + frame(DATA, b"swer") + frame(END))
                    assert read_to_end(visitor) == b"answer"
                    end_writing(visitor)
                    assert read_frame(wire) == (END, b"")


def test_a_visitor_may_end_first_and_say_nothing(server):
    with Tunnel(server) as tunnel:
        identity = ask(tunnel)
        with tunnel.dial() as wire:
            for _ in range(2):
                with tunnel.visit() as visitor:
                    carry(tunnel, wire, identity)
                    end_writing(visitor)
                    assert read_frame(wire) == (END, b"")
                    wire.send_bytes(frame(DATA, b"late") + frame(END))
                    assert read_to_end(visitor) == b"late"


def test_much_is_not_framed(server):
    """Such a connection has no other visitor, and ends as before."""
    with Tunnel(server) as tunnel:
        identity = ask(tunnel)
        with tunnel.dial() as wire, tunnel.visit() as visitor:
            carry(tunnel, wire, identity)
            total, framed = 4 * 1024 * 1024, 0
            sender = connect_sender(visitor, total)
            kind, data = read_frame(wire)
            while kind == DATA:
                framed += len(data)
                kind, data = read_frame(wire)
            assert kind == RAW and framed < total / 2
            assert len(read_to_end(wire.sock)) + len(wire.buffer) == total - framed
            sender.join()
            wire.send_bytes(frame(END))
            end_writing(wire.sock)
            assert read_to_end(visitor) == b""


def connect_sender(visitor, total):
    def send():
        visitor.sendall(bytes(total))
        end_writing(visitor)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


@pytest.mark.parametrize(
    "bad",
    [b"\0\0\0\1x", frame(4), b"\1\0\0\0", frame(END, b"x"), b'{"Accept"'],
    ids=["kind 0", "kind 4", "no data", "long end", "text"],
)
def test_a_wrong_frame_ends_the_visitor(server, bad):
    with Tunnel(server) as tunnel:
        identity = ask(tunnel)
        with tunnel.dial() as wire, tunnel.visit() as visitor:
            carry(tunnel, wire, identity)
            wire.send_bytes(frame(DATA, b"good"))
            assert read_exactly(visitor, 4) == b"good"
            wire.send_bytes(bad)
            assert how_it_ends(visitor)[1] == "reset"


@pytest.mark.parametrize("whole", [True, False])
def test_a_connection_that_ends_in_between(server, whole):
    """Behind a whole frame this is the client's end. Inside a frame bytes are missing."""
    with Tunnel(server) as tunnel:
        identity = ask(tunnel)
        with tunnel.dial() as wire, tunnel.visit() as visitor:
            carry(tunnel, wire, identity)
            wire.send_bytes(frame(DATA, b"good")[: None if whole else -1])
            end_writing(wire.sock)
            assert read_exactly(visitor, 3) == b"goo"
            if whole:
                assert read_to_end(visitor) == b"d"
            else:
                assert how_it_ends(visitor)[1] == "reset"


def test_a_reset_passes_through(server):
    with Tunnel(server) as tunnel:
        identity = ask(tunnel)
        with tunnel.dial() as wire, tunnel.visit() as visitor:
            carry(tunnel, wire, identity)
            visitor.sendall(b"x")
            assert read_frame(wire) == (DATA, b"x")
            reset(visitor)
            assert how_it_ends(wire.sock)[1] == "reset"


# Who may do so


def test_nobody_takes_the_visitors_of_others(configured_server):
    """On a connection that has carried its own visitor, either."""
    auth = [{"use": "multi_secret", "secrets": {"alice": "a", "bob": "b"}}]
    with configured_server(config={"auth": auth}) as server:
        with Tunnel(server, secret="a") as alice, Tunnel(server, secret="b") as bob:
            identity = ask(alice)
            with alice.dial() as wire:
                with alice.visit() as visitor:
                    carry(alice, wire, identity)
                    wire.send_bytes(frame(END))
                    end_writing(visitor)
                    assert read_frame(wire) == (END, b"")
                with bob.visit() as visitor:
                    wire.send({"Carry": {"id": bob.wire.connection(), "pass": identity}})
                    assert wire.expect_end() in ("end", "reset")
                    with pytest.raises(TimeoutError):
                        visitor.settimeout(0.3)
                        visitor.recv(1)


def test_without_its_pass_a_connection_is_not_kept(server):
    with Tunnel(server) as tunnel, tunnel.dial() as wire, tunnel.visit() as visitor:
        carry(tunnel, wire, "6fa459ea-ee8a-4ca4-894e-db77e160355e")
        wire.send_bytes(frame(END))
        end_writing(visitor)
        assert read_frame(wire) == (END, b"")
        assert wire.expect_end() == "end"


def test_the_end_of_a_tunnel_ends_its_connections(server):
    with Tunnel(server) as tunnel:
        identity = ask(tunnel)
        with tunnel.dial() as wire:
            with tunnel.visit() as visitor:
                carry(tunnel, wire, identity)
                tunnel.wire.close()
                wait_until(lambda: is_refused(server, tunnel), "the port to be closed")
                wire.send_bytes(frame(DATA, b"still") + frame(END))
                assert read_to_end(visitor) == b"still"
                end_writing(visitor)
                assert read_frame(wire) == (END, b"")
            assert wire.expect_end() == "end"


def is_refused(server, tunnel):
    try:
        connect(server.public_host, tunnel.port).close()
    except ConnectionRefusedError:
        return True
    return False


# Both ends


@pytest.mark.parametrize("secret", [None, "s3cret"])
def test_few_connections_carry_many_visitors(reporting, secret):
    auth = {"auth": [{"use": "hmac", "secret": secret}]} if secret else {}
    with reporting(**auth) as (server, exporter), Echo() as service:
        with spore_client(server.control, service.port, secret=secret) as client:
            for turn in range(50):
                data = b"%d" % turn * (turn * 20 + 1)
                assert one_exchange(server.public_host, client.port, data) == data
            assert connections(exporter) <= 1 + 4
            assert exporter.value("spore_connections_handed_total") >= 50 - 4
            with connected(server.public_host, client.port, 10) as visitors:
                exchange_all(visitors, length=1000)
                finish_all(visitors)
            before = connections(exporter)
            for _ in range(10):
                assert one_exchange(server.public_host, client.port, b"again") == b"again"
            assert connections(exporter) <= before + 1


def test_after_a_reload_visitors_have_new_connections(tmp_path, address):
    """The connection of a visitor that was there has transports of the configuration before."""
    port = address.free_port()
    metrics = [{"use": "prometheus", "listen": f"{address.host}:{port}"}]
    running = Reloading(tmp_path, address, metrics=metrics)
    exporter = Exporter(address.host, port)
    with running.server as server, Echo() as service:
        with spore_client(server.control, service.port) as client:
            wait_until(lambda: is_served(server, client) and kept(exporter) == 1, "the pass")
            with connected(server.public_host, client.port, 1) as visitors:
                running.swap(metrics=metrics, limits={"max_pending": 100})
                exchange_all(visitors)
                before = connections(exporter)
                finish_all(visitors)
            assert one_exchange(server.public_host, client.port) == b"ping"
            assert connections(exporter) == before + 1


def test_an_operator_can_turn_it_off(reporting):
    limits = {"max_ahead_per_tunnel": 0}
    with reporting(limits=limits) as (server, exporter), Echo() as service:
        with spore_client(server.control, service.port) as client:
            for _ in range(10):
                assert one_exchange(server.public_host, client.port, b"x") == b"x"
            assert connections(exporter) == 1 + 10


def test_a_service_that_is_down_ends_its_visitors_in_order(reporting):
    """Its connection is kept all the same, and the next visitors are served."""
    with reporting() as (server, exporter), Echo() as service:
        with spore_client(server.control, service.port) as client:
            assert one_exchange(server.public_host, client.port, b"x") == b"x"
            service.listener.close()
            for _ in range(3):
                with connect(server.public_host, client.port) as visitor:
                    assert how_it_ends(visitor) == (b"", "end")
            with Echo(port=service.port):
                wait_until(lambda: is_served(server, client), "the service")
            assert connections(exporter) <= 1 + 5


def is_served(server, client):
    try:
        return one_exchange(server.public_host, client.port, b"y") == b"y"
    except (AssertionError, EOFError, OSError):
        return False


def test_a_kick_ends_what_is_kept(tmp_path, reporting):
    path = tmp_path / "admin.sock"
    with reporting(admin={"socket": str(path)}) as (server, exporter), Echo() as service:
        with spore_client(server.control, service.port, extra=["--no-reconnect"]) as client:
            # Visitors that come before the client has its pass have connections of their own.
            wait_until(lambda: is_served(server, client) and kept(exporter) == 1, "the pass")
            with connected(server.public_host, client.port, 5) as visitors:
                exchange_all(visitors)
                finish_all(visitors)
            wait_until(lambda: kept(exporter) == 5, "five to be kept")
            Admin(path).ctl("kick", f"port={client.port}")
            wait_until(lambda: kept(exporter) == 0, "none to be kept")
            client.process_was_ended = True
