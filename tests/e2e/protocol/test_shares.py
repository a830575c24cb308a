"""Tunnels that share a port: which of them is told of a visitor, and what becomes of one that is
not taken. The clients of these tests speak frames directly."""

import contextlib
import random
import threading
import time

import pytest

from harness import fronts
from harness.fake_server import heartbeats
from harness.lanes import DATA, END, frame, read_data, read_frame
from harness.metrics import Exporter
from harness.peers import configured_server
from harness.scale import count, seconds
from harness.sockets import connect, end_writing, how_it_ends, read_exactly, read_to_end
from harness.waiting import wait_until
from harness.wire import Ended, Tunnel, Wire

SECRET = "s3cret"
SHARED, READY = 32, 16


class Member(Tunnel):
    """A tunnel that shares its port."""

    def __init__(self, server, port, by="load", wants=0):
        self.server, self.secret, self.port = server, SECRET, port
        self.wire = Wire.connect(server.control)
        self.wire.authenticate(SECRET)
        self.wire.send({"About": f"share={by}"})
        self.port = self.wire.hello(port)
        self.wire.send({"Extend": {"heartbeat_ms": 4000, "wants": wants}})
        self.early = []  # visitors that it was told of before
        while "Extended" not in (message := self.wire.receive_but_heartbeats()):
            self.early.append(message["Connection"])
        self.extended = message["Extended"]
        assert self.extended["offers"] & SHARED
        self._beats = heartbeats(self.wire)
        self._beats.__enter__()

    def __exit__(self, *what):
        self._beats.__exit__(None, None, None)
        super().__exit__(*what)


@pytest.fixture
def server(address, tmp_path):
    with configured_server(
        address,
        tmp_path,
        server={"share": True, "workers": 2},
        auth=[{"use": "hmac", "secret": SECRET}],
    ) as running:
        running.secret = SECRET
        yield running


@pytest.fixture
def port(address):
    return address.free_port()


def other(members, one):
    return members[1 - members.index(one)]


def take(members):
    """The member that is told of a visitor, and the id."""
    for _ in range(100):
        for member in members:
            with contextlib.suppress(TimeoutError):
                return member, member.wire.connection(0.05)
    raise AssertionError("nobody was told of the visitor")


@pytest.fixture
def two(server, port):
    with Member(server, port) as first, Member(server, port) as second:
        yield [first, second]


def is_quiet(member):
    return member.announced(0.3) == []


def test_each_visitor_is_told_to_one(two):
    with two[0].visit(), two[0].visit():
        ids = [each.announced(0.3) for each in two]
        assert [len(each) for each in ids] == [1, 1]


@pytest.mark.parametrize("answer", ["Decline", "Unserved"])
def test_a_visitor_that_is_declined_goes_to_the_other(two, answer):
    """Under another id: the first client gets nothing any more with the old one."""
    with two[0].visit() as visitor:
        visitor.sendall(b"hello")
        first, old = take(two)
        first.wire.send({answer: old})
        second = other(two, first)
        new = second.wire.connection()
        assert new != old
        with first.dial() as late:
            late.send({"Accept": old})
            late.expect_end()
        with second.accept(new) as stream:
            assert read_exactly(stream, 5) == b"hello"
            stream.sendall(b"world")
            assert read_exactly(visitor, 5) == b"world"
        assert is_quiet(first)


def test_each_client_gets_a_visitor_once(two):
    """Then the visitor ends as at a port of one client."""
    with two[0].visit() as visitor:
        first, old = take(two)
        first.wire.send({"Unserved": old})
        second = other(two, first)
        second.wire.send({"Unserved": second.wire.connection()})
        assert how_it_ends(visitor)[1] == "end"
        assert is_quiet(first)


def test_a_client_declines_for_another_share(server, address, two):
    """It may, for its owner. Where it is in its own share does not matter for the visitor."""
    with Member(server, address.free_port()) as third, two[0].visit(), two[0].visit():
        for told in [each.wire.connection() for each in two]:
            third.wire.send({"Decline": told})
        for each in two:
            each.wire.connection()


def test_a_client_that_returns_gets_a_visitor_once(server, port, two):
    """It is told of the visitor that has waited for it, and declines it."""
    two[1].wire.send({"Ready": {"ready": False}})
    time.sleep(0.2)
    with two[0].visit() as visitor:
        old = two[0].wire.connection()
        two[0].wire.close()
        time.sleep(0.2)
        with Member(server, port) as again:
            assert (again.early or [again.wire.connection()]) == [old]
            again.wire.send({"Unserved": old})
            two[1].wire.send({"Unserved": two[1].wire.connection()})
            assert how_it_ends(visitor)[1] == "end"
            assert is_quiet(again)


def test_the_visitors_of_a_client_that_dies_go_to_the_other(two):
    with contextlib.ExitStack() as stack:
        visitors = [stack.enter_context(two[0].visit()) for _ in range(6)]
        ids = [each.announced(0.3) for each in two]
        assert [len(each) for each in ids] == [3, 3]
        two[0].wire.close()
        more = two[1].announced(0.5)
        assert len(more) == 3 and not set(more) & set(ids[0])
        for identity in ids[1] + more:
            stream = stack.enter_context(two[1].accept(identity))
            stream.sendall(b"x")
        for visitor in visitors:
            assert read_exactly(visitor, 1) == b"x"


def test_a_client_that_leaves_serves_what_it_has(two):
    """Moved: visitors that wait go to the other; the connection ends when nothing is left."""
    with two[0].visit(), two[0].visit():
        ids = [each.announced(0.3) for each in two]
        assert [len(each) for each in ids] == [1, 1]
        two[0].wire.send("Moved")
        assert two[0].wire.expect_end() == "end"
        assert len(two[1].announced(0.3)) == 1
        with two[1].visit():
            assert len(two[1].announced(0.3)) == 1


def test_a_client_that_is_not_ready_gets_no_visitors(two):
    with contextlib.ExitStack() as stack:
        stack.enter_context(two[0].visit())
        stack.enter_context(two[0].visit())
        assert [len(each.announced(0.3)) for each in two] == [1, 1]
        assert two[0].extended["offers"] & READY
        two[0].wire.send({"Ready": {"ready": False, "why": "connection refused"}})
        assert len(two[1].announced(0.3)) == 1  # which waited there
        for _ in range(3):
            stack.enter_context(two[0].visit())
        assert (two[0].announced(0.3), len(two[1].announced(0.3))) == ([], 3)
        two[0].wire.send({"Ready": {"ready": True}})
        time.sleep(0.1)
        for _ in range(2):
            stack.enter_context(two[0].visit())
        assert len(two[0].announced(0.3)) == 2  # it has the fewest


def test_no_client_is_ready(two):
    """The port is open unless one wants it to be closed."""
    for member in two:
        member.wire.send({"Ready": {"ready": False, "close": False}})
    time.sleep(0.2)
    with two[0].visit():
        take(two)
    two[1].wire.send({"Ready": {"ready": False, "close": True}})

    def is_refused():
        try:
            two[0].visit().close()
        except ConnectionRefusedError:
            return True
        return False

    wait_until(is_refused, "the port to close")
    two[1].wire.send({"Ready": {"ready": True}})
    wait_until(lambda: not is_refused(), "the port to open")


# ---- visitors that are handed over


def end_both(wire, visitor):
    wire.send_bytes(frame(END))
    end_writing(visitor)
    assert read_frame(wire) == (END, b"")
    assert read_to_end(visitor) == b""


@contextlib.contextmanager
def with_lane(server, port):
    """A member with a connection that waits for its next visitor."""
    with Member(server, port, wants=4 | 8) as member, member.dial() as lane:
        with member.visit() as visitor:
            lane.send({"Carry": {"id": member.wire.connection(), "pass": member.extended["pass"]}})
            assert lane.receive() == "Accepted"
            end_both(lane, visitor)
        yield member, lane


def test_a_visitor_that_was_handed_over_goes_to_the_other(server, port):
    """The connection is lost before Opened; the client says that it has not taken the visitor."""
    with with_lane(server, port) as (first, lane), Member(server, port) as second:
        with first.visit() as b, first.visit() as a:
            opened = lane.receive()["Open"]["id"]
            own = second.wire.connection()
            lane.close()
            again = first.wire.receive_but_heartbeats()["Again"]["id"]
            assert again == opened
            first.wire.send({"Unserved": again})
            new = second.wire.connection()
            assert new not in (own, opened)
            with second.accept(own) as one, second.accept(new) as two:
                for stream in (one, two):
                    stream.sendall(b"x")
                assert (read_exactly(a, 1), read_exactly(b, 1)) == (b"x", b"x")


def test_a_visitor_that_was_taken_goes_to_nobody_else(server, port):
    """Its bytes may have reached the service."""
    with with_lane(server, port) as (first, lane), Member(server, port) as second:
        with first.visit(), first.visit() as a:
            second.wire.connection()  # the first of the two
            opened = lane.receive()["Open"]["id"]
            lane.close()
            assert first.wire.receive_but_heartbeats()["Again"]["id"] == opened
            first.wire.send({"Taken": opened})
            assert how_it_ends(a)[1] in ("end", "reset")
            assert is_quiet(second)


def test_a_visitor_in_the_hands_of_a_client_that_dies_ends(server, port):
    with with_lane(server, port) as (first, lane), Member(server, port) as second:
        with first.visit(), first.visit() as a:
            second.wire.connection()  # the first of the two
            lane.receive()
            first.wire.close()
            lane.close()
            assert how_it_ends(a)[1] in ("end", "reset")
            assert is_quiet(second)


def test_a_late_answer_on_a_lane_gets_nothing(server, port):
    """The client has declined the visitor, which another one has. Opened comes all the same."""
    with with_lane(server, port) as (first, lane), Member(server, port) as second:
        with first.visit(), first.visit() as a:
            second.wire.connection()  # the first of the two
            opened = lane.receive()["Open"]["id"]
            assert first.wire.receive_but_heartbeats()["Again"]["id"] == opened
            first.wire.send({"Decline": opened})
            new = second.wire.connection()
            lane.send("Opened")
            with second.accept(new) as stream:
                stream.sendall(b"x")
                assert read_exactly(a, 1) == b"x"
                lane.expect_end()
                stream.sendall(b"y")
                assert read_exactly(a, 1) == b"y"


# ---- who may


def test_without_a_share_the_port_is_taken(server, port, two):
    with Wire.connect(server.control) as wire:
        wire.authenticate(SECRET)
        wire.send({"Hello": port})
        wire.expect_error("port already in use")


def test_a_shared_port_needs_a_number(server):
    with Wire.connect(server.control) as wire:
        wire.authenticate(SECRET)
        wire.send({"About": "share=load"}, {"Hello": 0})
        wire.expect_error("this client may not share a port: a shared port needs a number")


def test_an_unknown_way_to_share_is_refused(server, port):
    with Wire.connect(server.control) as wire:
        wire.authenticate(SECRET)
        wire.send({"About": "share=luck"}, {"Hello": port})
        wire.expect_end()


def test_at_most_64_share_a_port(server, port):
    with contextlib.ExitStack() as stack:
        for _ in range(64):
            stack.enter_context(Member(server, port))
        with Wire.connect(server.control) as wire:
            wire.authenticate(SECRET)
            wire.send({"About": "share=load"}, {"Hello": port})
            assert "too many tunnels" in wire.receive_but_heartbeats()["Error"]


def test_waiting_visitors_are_limited_for_each_of_them(address, tmp_path, port):
    """As at other ports, further visitors wait in the kernel."""
    with configured_server(
        address,
        tmp_path,
        server={"share": True},
        limits={"max_pending_per_tunnel": 2},
        auth=[{"use": "hmac", "secret": SECRET}],
    ) as server, contextlib.ExitStack() as stack:
        members = [stack.enter_context(Member(server, port)) for _ in range(2)]
        visitors = [stack.enter_context(connect(server.public_host, port)) for _ in range(7)]
        ids = [each.announced(0.4) for each in members]
        assert [len(each) for each in ids] == [2, 2]
        stack.enter_context(members[0].accept(ids[0][0]))
        assert len(members[0].announced(0.4)) == 1
        third = stack.enter_context(Member(server, port))
        assert len(third.early + third.announced(0.4)) == 2
        assert len(visitors) == 7


def test_there_may_be_no_room_after_a_handshake(address, tmp_path, port):
    """Visitors in their handshake do not count as waiting. One that finds no room then ends."""
    proxy = {"use": "proxy", "trusted": ["127.0.0.1"]}
    with configured_server(
        address,
        tmp_path,
        server={"share": True},
        limits={"max_pending_per_tunnel": 1},
        auth=[{"use": "hmac", "secret": SECRET}],
        public=[{"ports": "1-65535", "transport": [proxy]}],
    ) as server, contextlib.ExitStack() as stack:
        members = [stack.enter_context(Member(server, port)) for _ in range(2)]
        visitors = [stack.enter_context(connect(server.public_host, port)) for _ in range(3)]
        time.sleep(0.3)
        for visitor in visitors[:2]:
            visitor.sendall(fronts.line("192.0.2.7"))
        ids = [each.wire.connection() for each in members]
        visitors[2].sendall(fronts.line("192.0.2.7"))
        assert how_it_ends(visitors[2])[0] == b""
        server.process.wait_for("visitor refused")
        for member, identity in zip(members, ids):
            stack.enter_context(member.accept(identity)).sendall(b"x")
        assert [read_exactly(visitor, 1) for visitor in visitors[:2]] == [b"x"] * 2


# ---- all counts come back


class Churn:
    """Members that come and go, and do anything with their visitors, while others visit them."""

    def __init__(self, server, port):
        self._server, self._port = server, port
        self._over = threading.Event()
        self.accepted = 0

    def run(self, lives):
        visitors = [threading.Thread(target=self._visit) for _ in range(12)]
        members = [
            threading.Thread(target=self._live, args=(random.Random(seed), lives))
            for seed in range(5)
        ]
        for thread in visitors + members:
            thread.start()
        for thread in members:
            thread.join()
        self._over.set()
        for thread in visitors:
            thread.join()

    def _visit(self):
        while not self._over.is_set():
            with contextlib.suppress(OSError), connect(self._server.public_host, self._port) as one:
                one.settimeout(0.3)
                one.sendall(b"x")
                one.recv(1)
            time.sleep(0.002)

    def _live(self, chance, lives):
        for _ in range(lives):
            with contextlib.suppress(OSError, TimeoutError, Ended, AssertionError):
                way, wants = chance.choice(["load", "source"]), chance.choice([0, 4 | 8])
                with Member(self._server, self._port, way, wants) as member:
                    self._serve(member, chance)

    def _serve(self, member, chance):
        for _ in range(chance.randrange(1, 12)):
            identity = member.early.pop() if member.early else member.wire.connection(0.1)
            what = chance.choice(["accept", "accept", "Decline", "Unserved", "ready", "nothing"])
            if what == "accept":
                with member.accept(identity) as stream:
                    stream.sendall(b"y")
                self.accepted += 1
            elif what == "ready":
                ready = {"ready": chance.random() < 0.5, "close": chance.random() < 0.5}
                member.wire.send({"Ready": ready})
            elif what != "nothing":
                member.wire.send({what: identity})
        if chance.random() < 0.5:
            member.wire.send("Moved")
            member.wire.expect_end()


def test_all_counts_come_back(address, tmp_path, port):
    """However members and visitors have ended, the next ones have all the room that there is."""
    metrics = Exporter(address.host, address.free_port())
    with configured_server(
        address,
        tmp_path,
        server={"share": True, "workers": 4},
        limits={"max_pending_per_tunnel": 2, "max_visitors_per_ip": 8, "max_relays": 8},
        auth=[{"use": "hmac", "secret": SECRET}],
        metrics=[{"use": "prometheus", "listen": f"{metrics.host}:{metrics.port}"}],
    ) as server:
        server.secret = SECRET
        churn = Churn(server, port)
        churn.run(count(50, least=10))
        assert churn.accepted > 0

        def is_calm():
            page = metrics.page()
            return not any(
                page.value(f"spore_{name}") for name in ("connections_pending", "relays", "tunnels")
            )

        wait_until(is_calm, "the last visitor to end", timeout=20)
        with contextlib.ExitStack() as stack:
            members = [stack.enter_context(Member(server, port)) for _ in range(4)]
            for _ in range(8):
                stack.enter_context(connect(server.public_host, port))
            ids = [each.wire.connection() for each in members for _ in range(2)]
            assert len(set(ids)) == 8
