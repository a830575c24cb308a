"""Connections with random behaviour of both ends: sizes, pauses, slow reads, half-closes, resets.

They run through every kind of transport stack, so that relays copy, splice, or do one of both in
each direction. Each end knows what the other end sends and compares every byte. SPORE_SECONDS is
the time for all stacks together (600 for a long run by hand), SPORE_SEED the random seed.
"""

import contextlib
import os
import random
import select
import socket
import struct
import threading
import time

import pytest

from harness import procfs
from harness.bulk import CHUNK
from harness.scale import KIB, MIB, seconds
from harness.sockets import connect, listen, read_exactly, reset
from harness.waiting import wait_until

SEED = int(os.environ.get("SPORE_SEED") or random.SystemRandom().randrange(10**9))
SECONDS = float(os.environ.get("SPORE_SECONDS", "8"))
AT_ONCE = 12
# A length that is not a multiple of a buffer's, so lost or repeated bytes are detected.
_BLOCK = random.Random(20010911).randbytes(1_048_573)
_TWICE = memoryview(_BLOCK * 2)
# The first bytes of a visitor: the number of its connection.
NUMBER = struct.Struct(">Q")

TLS = "tls"
XOR = {"use": "xor", "chunk": 1000, "hold": 30, "stutter": True}
UP, DOWN = {"use": "xor", "clear": "up"}, {"use": "xor", "clear": "down"}
# The transports from the socket up, and the most bytes that one end of a life sends.
STACKS = {
    "plain": ([{"use": "plain"}], 4 * MIB),
    "tls": ([TLS], 2 * MIB),
    "xor": ([XOR], 128 * KIB),
    "byte_by_byte": (
        [{"use": "xor", "chunk": 1, "stutter": True, "handshake": "thread"}],
        16 * KIB,
    ),
    "up_is_raw": ([UP], 2 * MIB),
    "down_is_raw": ([DOWN], 2 * MIB),
    "tls_over_xor": ([XOR, TLS], 128 * KIB),
    "tls_over_tls": ([TLS, TLS], 1 * MIB),
    "xor_over_tls": ([TLS, XOR], 128 * KIB),
    "up_is_raw_over_tls": ([TLS, UP], 1 * MIB),
}


class Part:
    """What one end of a life does.

    start      where in the block its bytes begin
    pieces     [(length, pause before it)]
    answers    it ends its direction only after the other end
    reset_at   it resets after so many bytes, or None
    dies_late  it resets so many seconds after it ended its sending, or None
    reads      most bytes of one read; read_pause follows each read
    """

    def __init__(self, dice, most):
        self.start = dice.randrange(len(_BLOCK))
        # As many small lengths as large ones.
        total = int(most ** dice.random()) if dice.random() < 0.9 else 0
        self.pieces = []
        while total > 0:
            length = min(total, int(most ** dice.random()) or 1)
            self.pieces.append((length, dice.choice((0, 0, 0, 0, 0.001, 0.02))))
            if len(self.pieces) == 50:
                break
            total -= length
        self.total = sum(length for length, _ in self.pieces)
        self.answers = False
        self.reset_at = self.dies_late = None
        self.reads = int(most ** (0.5 + dice.random() / 2))
        self.read_pause = 0 if dice.random() < 0.8 else 0.5 * self.reads / most
        # With less than two segments of the loopback interface the kernel's timers make it very
        # slow.
        self.receive_buffer = dice.choice((None, None, 256 * KIB))


class Life:
    """The behaviour of both ends of connection `number`; both ends compute the same."""

    def __init__(self, stack, number, most):
        self.number = number
        dice = random.Random(f"{SEED} {stack} {number}")
        self.visitor, self.service = Part(dice, most), Part(dice, most)
        dice.choice((self.visitor, self.service)).answers = dice.random() < 0.5
        one = dice.choice((self.visitor, self.service))
        kind = dice.random()
        if kind < 0.2:
            one.reset_at = dice.randrange(one.total + 1)
        elif kind < 0.3:
            one.dies_late = dice.random() * 0.05


class End:
    """One end of a life, run by one thread."""

    def __init__(self, sock, own, other):
        self.sock, self.own, self.other = sock, own, other
        self.sent = self.heard = 0
        self.pieces = iter(own.pieces)
        self.left = 0  # bytes left of the current piece
        self.ended = self.heard_end = False
        self.send_after = self.read_after = 0.0
        self.died_at = None

    def live(self, already_sent=b""):
        """Runs to the end: "end", "reset" (by the other end), or "died" (it reset the
        connection)."""
        if already_sent:
            self.sock.sendall(already_sent)
        self.sock.setblocking(False)
        limit = time.monotonic() + seconds(30)
        self.next_piece(time.monotonic())
        try:
            while not (self.ended and self.heard_end):
                now = time.monotonic()
                assert now < limit, (
                    f"no end in sight: sent {self.sent} of {self.own.total}, heard "
                    f"{self.heard} of {self.other.total}"
                )
                if self.must_die(now):
                    reset(self.sock)
                    return "died"
                self.turn(now)
        except (ConnectionResetError, BrokenPipeError):
            return "reset"
        return "end"

    def must_die(self, now):
        if self.died_at is not None and now >= self.died_at:
            return True
        return self.own.reset_at is not None and self.sent >= self.own.reset_at

    def turn(self, now):
        """Waits until it can read, send or must act, and does that."""
        times = [self.read_after] if not self.heard_end else []
        times += [self.send_after] if self.left else []
        times += [self.died_at] if self.died_at is not None else []
        wanted = (select.POLLIN if not self.heard_end and now >= self.read_after else 0) | (
            select.POLLOUT if self.left and now >= self.send_after else 0
        )
        waiting = [each - now for each in times if each > now]
        poll = select.poll()
        poll.register(self.sock, wanted)
        for _, events in poll.poll(max(1, 1000 * min([*waiting, 1.0]))):
            if events & wanted & select.POLLOUT:
                self.send(now)
            if events & (select.POLLIN | select.POLLHUP | select.POLLERR) and not self.heard_end:
                self.read(now)
            elif events & select.POLLERR:
                raise ConnectionResetError
        self.end_if_due(now)

    def next_piece(self, now):
        self.left, pause = next(self.pieces, (0, 0))
        self.send_after = now + pause

    def send(self, now):
        most = self.left
        if self.own.reset_at is not None:
            most = min(most, self.own.reset_at - self.sent)
        at = (self.own.start + self.sent) % len(_BLOCK)
        with contextlib.suppress(BlockingIOError):
            n = self.sock.send(_TWICE[at : at + min(most, len(_BLOCK))])
            self.sent += n
            self.left -= n
        if self.left == 0:
            self.next_piece(now)

    def read(self, now):
        try:
            data = self.sock.recv(min(self.own.reads, CHUNK))
        except BlockingIOError:
            return
        self.heard_end = not data
        at = (self.other.start + self.heard) % len(_BLOCK)
        assert (
            data == _TWICE[at : at + len(data)]
        ), f"other bytes than were sent, from {self.heard} on"
        self.heard += len(data)
        assert self.heard <= self.other.total, "more bytes than were sent"
        self.read_after = now + self.own.read_pause

    def end_if_due(self, now):
        if (
            self.ended
            or self.left
            or self.sent < self.own.total
            or (self.own.answers and not self.heard_end)
        ):
            return
        if self.own.reset_at is not None:
            return
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            # The reset of the other end came first; shutdown() has consumed the error.
            raise ConnectionResetError from error
        self.ended = True
        if self.own.dies_late is not None:
            self.died_at = now + self.own.dies_late

    def check(self, ending):
        """Fails if this ending does not fit the behaviour of the other end."""
        if ending == "end":
            assert self.other.reset_at is None, (
                f"a reset became an end: sent {self.sent} of {self.own.total}, heard {self.heard}, "
                f"reset at {self.other.reset_at} of {self.other.total}"
            )
            assert (
                self.heard == self.other.total
            ), f"the end came after {self.heard} of {self.other.total} bytes"
        elif ending == "reset":
            hurt = self.other.reset_at is not None or self.other.dies_late is not None
            assert hurt, (
                f"reset by nobody: sent {self.sent} of {self.own.total}, heard {self.heard} of "
                f"{self.other.total}"
            )


class Lives:
    """Runs lives through one tunnel, as visitors and as services, until the time is up."""

    def __init__(self, stack, most):
        self.stack, self.most = stack, most
        self.listener = listen("127.0.0.1")
        self.host, self.port = self.listener.getsockname()[:2]
        self.number = 0
        self.lock = threading.Lock()
        self.endings = {}
        self.failures = []
        self.serving = []

    def __enter__(self):
        self.accepting = threading.Thread(target=self.accept, daemon=True)
        self.accepting.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.accepting.join()
        self.listener.close()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self.serve, args=(sock,), daemon=True)
            thread.start()
            self.serving.append(thread)

    def note(self, who, ending, failure=None):
        with self.lock:
            self.endings[who, ending] = self.endings.get((who, ending), 0) + 1
            if failure:
                self.failures.append(failure)

    def run_end(self, who, end, life, *already_sent):
        """Runs one end and checks its ending."""
        try:
            ending = end.live(*already_sent)
            end.check(ending)
            self.note(who, ending)
        except (AssertionError, OSError) as error:
            self.note(who, "failed", f"SPORE_SEED={SEED}, life {life.number}, {who}: {error!r}")

    def serve(self, sock):
        with sock:
            sock.settimeout(seconds(30))
            try:
                first = read_exactly(sock, NUMBER.size)
            except (AssertionError, OSError):
                self.note("service", "stillborn")  # checked at the end
                return
            life = Life(self.stack, NUMBER.unpack(first)[0], self.most)
            self.run_end("service", End(sock, life.service, life.visitor), life)

    def visit(self, host, port, until):
        while time.monotonic() < until and not self.failures:
            with self.lock:
                self.number += 1
                life = Life(self.stack, self.number, self.most)
            with connect(host, port) as sock:
                if life.visitor.receive_buffer:
                    sock.setsockopt(
                        socket.SOL_SOCKET, socket.SO_RCVBUF, life.visitor.receive_buffer
                    )
                self.run_end(
                    "visitor", End(sock, life.visitor, life.service), life, NUMBER.pack(life.number)
                )

    def run(self, host, port, lasting):
        until = time.monotonic() + lasting
        visitors = [
            threading.Thread(target=self.visit, args=(host, port, until), daemon=True)
            for _ in range(AT_ONCE)
        ]
        for thread in visitors:
            thread.start()
        for thread in visitors:
            thread.join()
        wait_until(
            lambda: not any(thread.is_alive() for thread in self.serving),
            "all services to end",
            timeout=35,
        )

    def count(self, who, ending):
        return self.endings.get((who, ending), 0)


def stacks_of(stack, authority, address):
    """(transports of the server, transports of the client)."""
    own = authority.issue(f"IP:{address.host}")
    server = {"use": "tls", "certfile": own.path, "keyfile": own.key}
    client = {"use": "tls", "cacertfile": authority.path}
    return [server if each == TLS else each for each in stack], [
        client if each == TLS else each for each in stack
    ]


@pytest.mark.timeout(60 + SECONDS)
@pytest.mark.parametrize("name", STACKS)
def test_every_byte_and_every_end_arrives(host, authority, address, name):
    stack, most = STACKS[name]
    server_stack, client_stack = stacks_of(stack, authority, address)
    with Lives(name, most) as lives, host.server(transport=server_stack) as server:
        with host.client(server, lives, transport=client_stack, workers=2) as client:
            open_before = [procfs.descriptors(pid) for pid in (server.pid, client.pid)]
            lives.run(client.host, client.port, SECONDS / len(STACKS))
            print(f"SPORE_SEED={SEED}: {lives.number} lives: {lives.endings}")
            assert not lives.failures, "\n".join(lives.failures)
            assert lives.count("service", "stillborn") <= lives.count("visitor", "died")
            met = sum(lives.count("service", ending) for ending in ("end", "reset", "died"))
            assert met >= lives.number - lives.count(
                "visitor", "died"
            ), "a visitor never came to the service"
            # Workers keep a few pipes for a while.
            wait_until(
                lambda: all(
                    procfs.descriptors(pid) <= before + 2 * 2 * AT_ONCE
                    for pid, before in zip((server.pid, client.pid), open_before)
                ),
                "descriptors to be given back",
            )
