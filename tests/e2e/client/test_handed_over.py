"""The server hands a visitor to the client on a connection that has carried another one.

The visitor is not announced, and its first bytes come with it. If the connection is lost before the
client has answered, the visitor is announced, and loses nothing.
"""

import contextlib
import time

import pytest

from harness.lanes import DATA, END, RAW, frame, read_data, read_frame
from harness.loopback import BORE_CONTROL_PORT
from harness.peers import spore_client, spore_server
from harness.scale import seconds
from harness.services import Echo, Inbox
from harness.slow_network import SlowNetwork
from harness.sockets import connect, end_writing, how_it_ends, read_exactly, read_to_end, reset
from harness.waiting import wait_until
from harness.wire import Ended, Tunnel

WANTS = 4 | 8  # Carry and Open
ID = "6fa459ea-ee8a-4ca4-894e-db77e160355e"
OTHER_ID = "7fa459ea-ee8a-4ca4-894e-db77e160355e"
PASS = "16fd2706-8baf-433b-82eb-8c7fada847da"
FIRST_MOST = 16 * 1024  # of a visitor's bytes, before the client has answered


def ask(tunnel, wants=WANTS):
    """The pass."""
    tunnel.wire.send({"Extend": {"heartbeat_ms": 4000, "wants": wants}})
    return tunnel.wire.receive_but_heartbeats()["Extended"]["pass"]


def end_both(wire, visitor):
    """The visitor is over, and its connection has the next one."""
    wire.send_bytes(frame(END))
    end_writing(visitor)
    assert read_frame(wire) == (END, b"")
    assert read_to_end(visitor) == b""


def use_once(tunnel, wire, identity):
    """A first visitor, which the client asks for."""
    with tunnel.visit() as visitor:
        wire.send({"Carry": {"id": tunnel.wire.connection(), "pass": identity}})
        assert wire.receive() == "Accepted"
        end_both(wire, visitor)


@contextlib.contextmanager
def idle(tunnel):
    """A connection that waits for its next visitor, and the pass."""
    identity = ask(tunnel)
    with tunnel.dial() as wire:
        use_once(tunnel, wire, identity)
        yield wire, identity


def opened(wire):
    """The id of the visitor that was handed over."""
    return wire.receive()["Open"]["id"]


def again(tunnel, timeout=5.0):
    """The id of a visitor that is announced after it was handed over."""
    return tunnel.wire.receive_but_heartbeats(timeout)["Again"]["id"]


def is_silent(wire, for_s=0.3):
    try:
        wire.receive_but_heartbeats(for_s / seconds(1))
    except TimeoutError:
        return True
    return False


@pytest.fixture(params=[None, "s3cret"])
def tunnel(request, address):
    with spore_server(address, secret=request.param) as server, Tunnel(server) as open_tunnel:
        yield open_tunnel


# The server's side


def test_a_visitor_comes_with_its_first_bytes(tunnel):
    with idle(tunnel) as (wire, _):
        for turn in range(3):
            with tunnel.visit() as visitor:
                visitor.sendall(b"question %d" % turn)
                assert opened(wire)
                assert read_data(wire, 10) == b"question %d" % turn
                wire.send_bytes(b'"Opened"\0' + frame(DATA, b"answer"))
                assert read_exactly(visitor, 6) == b"answer"
                visitor.sendall(b"more")
                assert read_frame(wire) == (DATA, b"more")
                end_both(wire, visitor)
        assert is_silent(tunnel.wire), "the visitors were announced, too"


def test_a_visitor_that_waits_for_the_service_to_speak(tunnel):
    with idle(tunnel) as (wire, _), tunnel.visit() as visitor:
        assert opened(wire)
        wire.send_bytes(b'"Opened"\0' + frame(DATA, b"banner"))
        assert read_exactly(visitor, 6) == b"banner"
        visitor.sendall(b"hello")
        assert read_frame(wire) == (DATA, b"hello")
        end_both(wire, visitor)


def test_many_first_bytes_wait_for_the_answer(tunnel):
    data = bytes(range(256)) * 1024
    with idle(tunnel) as (wire, _), tunnel.visit() as visitor:
        visitor.sendall(data[:100_000])
        assert opened(wire)
        kind, first = read_frame(wire)
        assert kind == DATA and 0 < len(first) <= FIRST_MOST
        time.sleep(0.2)
        assert is_silent(wire), "more bytes came before the answer"
        wire.send_bytes(b'"Opened"\0')
        visitor.sendall(data[100_000:])
        end_writing(visitor)
        rest = b""
        while (got := read_frame(wire))[0] == DATA:
            rest += got[1]
        assert got[0] in (END, RAW)
        if got[0] == RAW:
            rest += bytes(wire.buffer) + read_to_end(wire.sock)
        assert first + rest == data


def test_a_visitor_that_has_left_before_the_answer(tunnel):
    with idle(tunnel) as (wire, _):
        with tunnel.visit() as visitor:
            visitor.sendall(b"last words")
            end_writing(visitor)
            assert opened(wire)
            assert read_data(wire, 10) == b"last words"
            wire.send_bytes(b'"Opened"\0')
            assert read_frame(wire) == (END, b"")
            wire.send_bytes(frame(END))
            assert read_to_end(visitor) == b""
        with tunnel.visit():
            assert opened(wire)


def test_a_reset_before_the_answer_passes_through(tunnel):
    with idle(tunnel) as (wire, _):
        visitor = tunnel.visit()
        visitor.sendall(b"x")
        assert opened(wire)
        assert read_frame(wire) == (DATA, b"x")
        reset(visitor)
        time.sleep(0.1)
        wire.send_bytes(b'"Opened"\0')
        assert how_it_ends(wire.sock)[1] == "reset"


@pytest.mark.parametrize("how", ["end", "reset", "garbage"])
def test_a_lost_connection_loses_no_visitor(tunnel, how):
    """It is announced with the same id, and with all of its bytes."""
    with idle(tunnel) as (wire, identity), tunnel.visit() as visitor:
        visitor.sendall(b"question")
        lost = opened(wire)
        assert read_data(wire, 8) == b"question"
        if how == "end":
            wire.close()
        elif how == "reset":
            reset(wire.sock)
        else:
            wire.send_bytes(b"garbage\0")
        assert again(tunnel) == lost
        with tunnel.dial() as other:
            other.send({"Carry": {"id": lost, "pass": identity}})
            assert other.receive() == "Accepted"
            assert read_data(other, 8) == b"question"
            other.send_bytes(frame(DATA, b"answer"))
            assert read_exactly(visitor, 6) == b"answer"


def test_a_slow_answer_still_counts(tunnel):
    """The visitor is announced meanwhile. Whoever comes first has it."""
    with idle(tunnel) as (wire, _), tunnel.visit() as visitor:
        visitor.sendall(b"question")
        handed = opened(wire)
        assert again(tunnel) == handed
        tunnel.wire.send({"Taken": handed})
        wire.send_bytes(b'"Opened"\0' + frame(DATA, b"answer"))
        assert read_data(wire, 8) == b"question"
        assert read_exactly(visitor, 6) == b"answer"
        end_both(wire, visitor)


def test_a_silent_connection_loses_its_visitor_to_another(tunnel):
    with idle(tunnel) as (wire, _), tunnel.visit() as visitor:
        visitor.sendall(b"question")
        handed = opened(wire)
        assert read_data(wire, 8) == b"question"
        assert again(tunnel) == handed
        stream = tunnel.accept(handed)
        assert read_exactly(stream, 8) == b"question"
        with contextlib.suppress(OSError):
            wire.send_bytes(b'"Opened"\0')
        assert how_it_ends(wire.sock)[1] == "reset"
        stream.sendall(b"answer")
        assert read_exactly(visitor, 6) == b"answer"
        stream.close()


def test_a_visitor_whose_connection_was_lost_after_the_client_took_it(tunnel):
    """It may have reached the service, so it ends. The other visitors go on."""
    with idle(tunnel) as (wire, _), tunnel.visit() as visitor:
        visitor.sendall(b"question")
        handed = opened(wire)
        wire.close()
        assert again(tunnel) == handed
        began = time.monotonic()
        tunnel.wire.send({"Taken": handed})
        assert how_it_ends(visitor)[1] == "reset"
        assert time.monotonic() - began < seconds(3)
        with tunnel.visit() as other:
            stream = tunnel.accept(tunnel.wire.connection())
            stream.sendall(b"fine")
            assert read_exactly(other, 4) == b"fine"
            stream.close()


def test_the_clients_question_crosses_the_servers_visitor(tunnel):
    """The client asks for a visitor elsewhere, and takes the one that it was handed."""
    with idle(tunnel) as (wire, identity):
        with tunnel.visit() as first, tunnel.visit() as second:
            assert opened(wire)
            wire.send({"Carry": {"id": tunnel.wire.connection(), "pass": identity}})
            wire.send_bytes(b'"Opened"\0' + frame(DATA, b"one"))
            assert read_exactly(first, 3) == b"one"
            second.settimeout(0.2)
            with pytest.raises(TimeoutError):
                second.recv(1)
            end_both(wire, first)


def test_without_its_control_connection_a_lost_visitor_ends(tunnel):
    with idle(tunnel) as (wire, _), tunnel.visit() as visitor:
        visitor.sendall(b"x")
        opened(wire)
        tunnel.wire.close()
        time.sleep(seconds(1))  # a busy server sees that end first
        wire.close()
        assert how_it_ends(visitor)[1] == "reset"


def test_a_client_that_does_not_want_it(tunnel):
    identity = ask(tunnel, wants=4)
    with tunnel.dial() as wire:
        use_once(tunnel, wire, identity)
        with tunnel.visit():
            assert tunnel.wire.connection()
            assert is_silent(wire)


def test_a_connection_opened_ahead_is_handed_its_first_visitor(tunnel):
    identity = ask(tunnel)
    with tunnel.dial() as wire:
        wire.send({"Ahead": identity})
        time.sleep(seconds(0.5))  # until the server has judged it
        with tunnel.visit() as visitor:
            visitor.sendall(b"x")
            assert opened(wire)
            assert read_data(wire, 1) == b"x"
            wire.send_bytes(b'"Opened"\0')
            end_both(wire, visitor)


def test_a_connection_opened_ahead_with_a_wrong_secret(address):
    """It is refused when it shows its pass, before any visitor comes."""
    with spore_server(address, secret="s3cret") as server, Tunnel(server) as tunnel:
        identity = ask(tunnel)
        tunnel.secret = "guess"
        with tunnel.dial() as wire:
            wire.send({"Ahead": identity})
            wire.expect_error("invalid secret")
        tunnel.secret = "s3cret"


def test_nobody_is_handed_the_visitors_of_others(configured_server):
    """Not even with a pass that has become known."""
    auth = [{"use": "multi_secret", "secrets": {"alice": "a", "bob": "b"}}]
    with configured_server(config={"auth": auth}) as server:
        with Tunnel(server, secret="a") as alice, Tunnel(server, secret="b") as bob:
            of_alice = ask(alice)
            ask(bob)
            with bob.dial() as wire:
                use_once(bob, wire, of_alice)  # bob's visitor, under alice's pass
                with alice.visit():
                    assert alice.wire.connection()
                    assert gets_nothing(wire)
            with bob.dial() as wire:
                wire.send({"Ahead": of_alice})
                with alice.visit():
                    assert alice.wire.connection()
                    assert gets_nothing(wire)


def gets_nothing(wire):
    try:
        return "Open" not in wire.receive_but_heartbeats(0.3 / seconds(1))
    except (Ended, TimeoutError):
        return True


# The client's side


class Handing:
    """A server played by the test that hands visitors over."""

    def __init__(self, fake):
        self.control = fake.next_wire()
        assert self.control.receive() == {"Hello": 0}
        self.control.send({"Hello": 1234}, "Heartbeat")
        assert self.control.receive()["Extend"]["wants"] & WANTS == WANTS
        granted = {"heartbeat_ms": 60000, "ahead": 8, "pass": PASS, "offers": 1 | 8}
        self.control.send({"Extended": granted})
        self.fake = fake

    def dialled(self, identity, kind="Connection", **more):
        """The connection on which the client asks for the visitor that is announced."""
        told = {"id": identity, "from": "", **more} if kind == "Again" else identity
        self.control.send({kind: told})
        wire = self.fake.next_wire()
        assert wire.receive() == {"Carry": {"id": identity, "pass": PASS}}
        wire.send("Accepted")
        return wire

    def told(self):
        """The next message on the control connection that is not about the client itself."""
        while "About" in (message := self.control.receive_but_heartbeats()):
            pass
        return message

    def idle(self, inbox):
        """A connection that has carried a visitor."""
        wire = self.dialled("5fa459ea-ee8a-4ca4-894e-db77e160355e")
        with inbox.take() as local:
            wire.send_bytes(frame(END))
            end_writing(local)
            assert read_frame(wire) == (END, b"")
        return wire


@pytest.fixture
def inbox():
    with Inbox() as service:
        yield service


@pytest.fixture
def handing(fake_server, inbox):
    with spore_client((fake_server.host, fake_server.port), inbox.port, listening=False):
        yield Handing(fake_server)


def open_frame(identity, data=b""):
    message = b'{"Open":{"id":"%s","from":""}}\0' % identity.encode()
    return message + (frame(DATA, data) if data else b"")


def test_the_client_answers_and_serves(handing, inbox):
    wire = handing.idle(inbox)
    for identity in ID, OTHER_ID:
        wire.send_bytes(open_frame(identity, b"question"))
        assert wire.receive() == "Opened"
        with inbox.take() as local:
            assert read_exactly(local, 8) == b"question"
            local.sendall(b"answer")
            assert read_frame(wire) == (DATA, b"answer")
            end_writing(local)
            assert read_frame(wire) == (END, b"")
            wire.send_bytes(frame(END))
            assert read_to_end(local) == b""


def test_a_visitor_that_was_taken_is_not_taken_again(handing, inbox):
    """Its connection is lost, so the server announces it: the client knows better."""
    wire = handing.idle(inbox)
    wire.send_bytes(open_frame(ID, b"question"))
    assert wire.receive() == "Opened"
    with inbox.take() as local:
        assert read_exactly(local, 8) == b"question"
        reset(wire.sock)
        handing.control.send({"Again": {"id": ID, "from": ""}})
        assert handing.told() == {"Taken": ID}
        assert how_it_ends(local)[1] == "reset"
    assert_no_visitor(inbox)


def test_a_visitor_that_was_announced_is_not_taken_late(handing, inbox):
    """The connection on which it was handed over was slow, and the client has it already."""
    slow = handing.idle(inbox)
    handing.control.send({"Again": {"id": ID, "from": ""}})
    assert slow.receive() == {"Carry": {"id": ID, "pass": PASS}}
    slow.send_bytes(open_frame(ID, b"question"))
    assert slow.expect_end() in ("end", "reset")
    wire = handing.fake.next_wire()
    assert wire.receive() == {"Carry": {"id": ID, "pass": PASS}}
    wire.send("Accepted")
    wire.send_bytes(frame(DATA, b"question"))
    with inbox.take() as local:
        assert read_exactly(local, 8) == b"question"
        assert_no_visitor(inbox)


def test_a_visitor_whose_handing_over_was_lost(handing, inbox):
    """The client has not heard of it before, so it asks for it."""
    wire = handing.idle(inbox)
    wire.close()
    wire = handing.dialled(ID, "Again")
    wire.send_bytes(frame(DATA, b"question"))
    with inbox.take() as local:
        assert read_exactly(local, 8) == b"question"


def test_both_visitors_of_a_crossing_are_served(handing, inbox):
    wire = handing.idle(inbox)
    handing.control.send({"Connection": OTHER_ID})
    assert wire.receive() == {"Carry": {"id": OTHER_ID, "pass": PASS}}
    wire.send_bytes(open_frame(ID, b"one"))
    assert wire.receive() == "Opened"
    other = handing.fake.next_wire()
    assert other.receive() == {"Carry": {"id": OTHER_ID, "pass": PASS}}
    other.send("Accepted")
    other.send_bytes(frame(DATA, b"two"))
    with inbox.take() as first, inbox.take() as second:
        assert {read_exactly(first, 3), read_exactly(second, 3)} == {b"one", b"two"}


def test_a_client_whose_service_is_down_takes_no_visitor(handing, inbox):
    """It closes the connection. The server announces the visitor, and the client says why not."""
    wire = handing.idle(inbox)
    inbox.listener.close()
    wire.send_bytes(open_frame(ID, b"x"))
    assert wire.expect_end() in ("end", "reset")


def assert_no_visitor(inbox):
    with pytest.raises(TimeoutError):
        inbox.take(timeout=0.3)


# Both ends


@pytest.mark.over_tls_too
def test_an_answer_takes_one_round_trip():
    """From a visitor's first byte to the service's answer, between halves that are far apart."""
    round_trip = 0.3
    with SlowNetwork(delay=round_trip / 2) as network, network.make(Echo) as service, spore_server(
        network.here, control_port=BORE_CONTROL_PORT
    ) as server:
        with spore_client(server.control, service.port, within=network.within) as client:
            wait_until(lambda: takes(network.here, client.port) < 1.6 * round_trip, "an answer")
            for _ in range(3):
                assert takes(network.here, client.port) < 1.6 * round_trip


def takes(host, port):
    with connect(host, port) as visitor:
        began = time.monotonic()
        visitor.sendall(b"ping")
        assert read_exactly(visitor, 4) == b"ping"
        taken = time.monotonic() - began
    time.sleep(1)  # until the connection waits for its next visitor at both ends
    return taken
