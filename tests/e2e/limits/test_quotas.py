"""Quotas count exactly: after ten thousand endings of every kind the whole quota is free again.

Each round fills the quota of a name and ends everything in one way. If something stays counted, a
later round does not fit. If something is subtracted twice, the last check finds one too many. One
tunnel or stream stays open all the time, because a server forgets the counts of a name that holds
nothing.
"""

import hashlib
import hmac
import json
import re
import select
import signal
import socket
import time
import uuid

import pytest

from harness.peers import configured_server, spore_client
from harness.procfs import raise_open_file_limit
from harness.scale import count, seconds
from harness.sockets import end_writing, reset

CYCLES = count(10000)
FULL = 50
LOT = 100  # fewer than the unauthenticated connections that a server allows
BRIEF = CYCLES // 4
PATIENT = min(CYCLES, raise_open_file_limit() // 4)
LIFE = seconds(3)
SECRETS = {"alice": "a-secret", "bob": "b-secret", "brief": "c-secret", "patient": "d-secret"}
POLICY = {
    "*": {"ports": "21000-30999", "max_tunnels": FULL + 1, "max_conns": FULL},
    "brief": {"max_tunnels": BRIEF, "life": LIFE},
    "patient": {"max_conns": PATIENT},
}


@pytest.fixture
def server(address, tmp_path):
    auth = [{"use": "multi_secret", "secrets": SECRETS, "policy": POLICY}]
    # The tests are about the quota of a name, not about its limit of waiting visitors.
    limits = {"max_pending_per_tunnel": 0}
    with configured_server(
        address, tmp_path, server={"workers": 4}, auth=auth, limits=limits, log={"level": "error"}
    ) as running:
        yield running


def rounds(size, of=CYCLES):
    """The sizes of the rounds; their sum is the number of cycles."""
    return [min(size, of - done) for done in range(0, of, size)]


# Helpers for many connections at a time; those of the harness check too much per connection.


def dial(address):
    sock = socket.socket()
    sock.settimeout(seconds(20))
    sock.connect(address)
    return sock


def authenticate(challenge, name):
    """The frame that answers a frame with a Challenge."""
    key = hashlib.sha256(SECRETS[name].encode()).digest()
    identity = uuid.UUID(json.loads(challenge[:-1])["Challenge"])
    return b'{"Authenticate":"%s"}\0' % hmac.digest(key, identity.bytes, "sha256").hex().encode()


def knock(server, name, frames):
    """Opens an authenticated connection for each frame and sends the frame after the answer."""
    socks = [dial(server.control) for _ in frames]
    for sock, frame in zip(socks, frames):
        sock.sendall(authenticate(sock.recv(256), name) + frame)
    return socks


def close_all(socks):
    for sock in socks:
        sock.close()


def reset_all(socks):
    for sock in socks:
        reset(sock)


def wait_for_the_end(socks):
    """Waits until each connection is over, by an end or a reset."""
    for sock in socks:
        try:
            while sock.recv(4096):
                pass
        except ConnectionResetError:
            pass


# Tunnels


def try_tunnels(server, name, number, port=0):
    """Asks for `number` tunnels: [(socket, port)] of the granted ones, and the texts of
    refusals."""
    tunnels, refusals = [], []
    for sock in knock(server, name, [b'{"Hello":%d}\0' % port] * number):
        reply = json.loads(sock.recv(256).split(b"\0")[0])
        if "Hello" in reply:
            tunnels.append((sock, reply["Hello"]))
        else:
            refusals.append(reply["Error"])
            sock.close()
    return tunnels, refusals


def open_tunnels(server, name, number):
    """Opens `number` tunnels. Retries while the server has not yet noticed earlier endings."""
    deadline = time.monotonic() + seconds(10)
    tunnels = []
    while len(tunnels) < number:
        more, refusals = try_tunnels(server, name, min(LOT, number - len(tunnels)))
        tunnels += more
        assert set(refusals) <= {"too many tunnels"}
        assert time.monotonic() < deadline, f"only {len(tunnels)} of {number} tunnels fit"
        time.sleep(0.002 if refusals else 0)
    return [sock for sock, _ in tunnels]


def check_tunnels(server):
    """Exactly the quota fits, including the tunnel that is held."""
    tunnels = open_tunnels(server, "alice", FULL)
    assert try_tunnels(server, "alice", 3) == ([], ["too many tunnels"] * 3)
    close_all(tunnels)


@pytest.fixture
def held(server):
    """A tunnel of alice that stays open."""
    with Tunnel(server) as running:
        yield running


def half_close_all(socks):
    for sock in socks:
        end_writing(sock)
    wait_for_the_end(socks)
    close_all(socks)


def talk_nonsense(socks):
    """Sends nonsense and closes. The server does not read it, so the close ends the tunnel."""
    for sock in socks:
        sock.sendall(b"nonsense\0" * 10)
    close_all(socks)


@pytest.mark.parametrize("end", [close_all, reset_all, half_close_all, talk_nonsense])
def test_tunnels_that_clients_end(server, held, end):
    for number in rounds(FULL):
        end(open_tunnels(server, "alice", number))
    check_tunnels(server)


def test_tunnels_that_are_not_waited_for(server, held):
    """Clients reset before the server has opened the port, or while it opens it."""
    for number in rounds(FULL):
        reset_all(knock(server, "alice", [b'{"Hello":0}\0'] * number))
    check_tunnels(server)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_tunnels_whose_time_is_over(server):
    """Tunnels fill the quota and expire together, four times. A stream keeps the counts alive.

    On a loaded machine the first tunnels can expire before the last ones are open. Such a round
    says nothing about the quota and is repeated.
    """
    with Tunnel(server, "brief") as tunnel:
        stream = tunnel.join(1)
    checked = 0
    while checked < 4:
        begun = time.monotonic()
        tunnels = open_tunnels(server, "brief", BRIEF)
        more, refusals = try_tunnels(server, "brief", 3)
        if time.monotonic() - begun < LIFE:
            assert (more, refusals) == ([], ["too many tunnels"] * 3)
            checked += 1
        tunnels += [sock for sock, _ in more]
        wait_for_the_end(tunnels)
        close_all(tunnels)
    first_close(*stream)


def test_tunnels_that_are_refused(server, held):
    """Refusals: the port is in use, the port is not allowed, too many tunnels."""
    (taken, port), *_ = try_tunnels(server, "bob", 1)[0]
    for number in rounds(FULL):
        assert try_tunnels(server, "alice", number, port) == ([], ["port already in use"] * number)
    for number in rounds(FULL):
        assert try_tunnels(server, "alice", number, 20999) == (
            [],
            ["client port number not in allowed range"] * number,
        )
    all_of_them = open_tunnels(server, "alice", FULL)
    for number in rounds(FULL):
        assert try_tunnels(server, "alice", number) == ([], ["too many tunnels"] * number)
    close_all([taken, *all_of_them])
    check_tunnels(server)


def test_handshakes_that_are_abandoned(server, held):
    """Before the answer, after a wrong answer, after a right one, and within the next frame."""
    for number in rounds(4):
        socks = [dial(server.control) for _ in range(number)]
        answers = [authenticate(sock.recv(256), "alice") for sock in socks]
        for sock, frames in zip(
            socks, (b"", answers[0], *answers[2:3], *(each + b'{"Hel' for each in answers[3:]))
        ):
            sock.sendall(frames)
        close_all(socks)
    check_tunnels(server)


def test_clients_that_are_killed(server, held):
    """These are real clients, so there are fewer of them."""
    for _ in range(count(20)):
        with spore_client(server.control, 9, secret=SECRETS["alice"]) as client:
            client.process.signal(signal.SIGKILL)
            client.wait()
    check_tunnels(server)


# Visitors


class Tunnel:
    """A tunnel whose visitors arrive and are accepted in batches."""

    def __init__(self, server, name="alice"):
        self.server, self.name, self.buffer = server, name, b""
        ((self.control, self.port),) = try_tunnels(server, name, 1)[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.control.close()

    def _announced(self):
        """The ids announced since the last call."""
        *frames, self.buffer = (self.buffer + self.control.recv(65536)).split(b"\0")
        return re.findall(rb'\{"Connection":"([^"]*)"\}', b"\n".join(frames))

    def try_visitors(self, number):
        """Connects `number` visitors: (ids of the waiting ones, their sockets, number of refused
        ones)."""
        visitors = {
            sock.fileno(): sock
            for sock in (dial((self.server.public_host, self.port)) for _ in range(number))
        }
        identities, gone, poller = [], [], select.poll()
        for sock in (self.control, *visitors.values()):
            poller.register(sock, select.POLLIN)
        while len(identities) + len(gone) < number:
            ready = poller.poll(seconds(10) * 1000)
            assert (
                ready
            ), f"of {number} visitors {len(identities)} are announced, {len(gone)} turned away"
            for descriptor, _ in ready:
                if descriptor == self.control.fileno():
                    identities += self._announced()
                else:
                    poller.unregister(descriptor)
                    gone.append(visitors.pop(descriptor))
        wait_for_the_end(gone)
        close_all(gone)
        return identities, list(visitors.values()), len(gone)

    def invite(self, number):
        """Connects visitors until `number` of them wait: (ids, sockets)."""
        deadline = time.monotonic() + seconds(20)
        identities, visitors = [], []
        while len(visitors) < number:
            some, of_them, gone = self.try_visitors(min(number - len(visitors), LOT))
            identities += some
            visitors += of_them
            assert time.monotonic() < deadline, f"only {len(visitors)} of {number} visitors fit"
            time.sleep(0.002 if gone else 0)
        return identities, visitors

    def take(self, identities, name=None):
        """The client's ends of the visitors' streams, in any order."""
        frames = [b'{"Accept":"%s"}\0' % each for each in identities]
        return [
            sock
            for at in range(0, len(frames), LOT)
            for sock in knock(self.server, name or self.name, frames[at : at + LOT])
        ]

    def join(self, number):
        """Opens `number` streams and sends a byte through each: (visitors, client's ends)."""
        identities, visitors = self.invite(number)
        far = self.take(identities)
        for sock in visitors:
            sock.sendall(b"x")
        for sock in far:
            assert sock.recv(1) == b"x"
        return visitors, far

    def check_visitors(self, most=FULL):
        """Exactly the quota of visitors fits."""
        identities, visitors = self.invite(most)
        assert self.try_visitors(3)[2] == 3
        far = self.take(identities)
        close_all(visitors)
        wait_for_the_end(far)
        close_all(far)


def first_close(first, second):
    close_all(first)
    wait_for_the_end(second)
    close_all(second)


def first_reset(first, second):
    reset_all(first)
    wait_for_the_end(second)
    close_all(second)


def both_reset(first, second):
    for one, other in zip(first, second):
        reset(one)
        reset(other)


def half_closed(first, second):
    """Ends one direction and checks that the other direction still carries bytes."""
    for sock in first:
        end_writing(sock)
    for sock in second:
        assert sock.recv(1) == b""
        sock.sendall(b"y")
        end_writing(sock)
    for sock in first:
        assert sock.recv(1) == b"y"
        assert sock.recv(1) == b""
    close_all(first + second)


@pytest.mark.parametrize("end", [first_close, first_reset, both_reset, half_closed])
def test_streams_that_visitors_end(held, end):
    for number in rounds(FULL):
        end(*held.join(number))
    held.check_visitors()


@pytest.mark.parametrize("end", [first_close, first_reset, half_closed])
def test_streams_that_the_client_ends(held, end):
    for number in rounds(FULL):
        visitors, far = held.join(number)
        end(far, visitors)
    held.check_visitors()


def test_streams_that_outlive_their_tunnel(server, held):
    """They continue, and count against the owner's other tunnel until they end."""
    for number in rounds(FULL):
        with Tunnel(server) as tunnel:
            visitors, far = tunnel.join(number)
        first_close(visitors, far)
    with Tunnel(server) as tunnel:
        visitors, far = tunnel.join(FULL)
    assert held.try_visitors(3)[2] == 3
    first_close(visitors, far)
    held.check_visitors()
    check_tunnels(server)


def test_visitors_who_are_turned_away(held):
    left = rounds(FULL)
    while left:
        # The server gives up visitors that wait for ten seconds, so these leave before.
        identities, visitors = held.invite(FULL)
        until = time.monotonic() + 2
        while left and time.monotonic() < until:
            number = left.pop()
            assert held.try_visitors(number)[2] == number
        first_close(visitors, held.take(identities))
    held.check_visitors()


def test_visitors_who_leave_before_they_are_taken(held):
    for index, number in enumerate(rounds(FULL)):
        identities, visitors = held.invite(number)
        (close_all if index % 2 else reset_all)(visitors)
        far = held.take(identities)
        wait_for_the_end(far)
        close_all(far)
    held.check_visitors()


def test_visitors_whom_others_ask_for(held):
    """Connections with the wrong secret, without Accept and with half an Accept; then the right
    one."""
    for number in rounds(FULL):
        identities, visitors = held.invite(number)
        thieves = held.take(identities, "bob")
        abandoned = knock(held.server, "alice", [b"", b'{"Accept":"'] * (number // 2))
        close_all(abandoned)
        wait_for_the_end(thieves)
        close_all(thieves)
        first_close(visitors, held.take(identities))
    held.check_visitors()


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_visitors_who_are_never_taken(server):
    """After ten seconds the server closes them, also if their tunnel has ended.

    Twice, with as many visitors at once as descriptors allow."""
    with Tunnel(server, "patient") as one:
        for number in rounds(PATIENT)[:2]:
            with Tunnel(server, "patient") as two:
                visitors = one.invite(number // 2)[1] + two.invite(number - number // 2)[1]
            assert number < PATIENT or one.try_visitors(3)[2] == 3
            wait_for_the_end(visitors)
            close_all(visitors)
        one.check_visitors(PATIENT)
