"""Each ALLOW for a control connection has exactly one session_end().

The plugin auth_ledger keeps a record of each ALLOW. It counts as wrong an end without an ALLOW, an
end on another worker, and an ALLOW that has not ended before worker_stop(). SPORE_SECONDS is the
time of the random lives, SPORE_SEED their random seed.
"""

import os
import random
import socket
import struct
import threading
import time
import uuid

import pytest

from harness.ledgers import Books, reload
from harness.scale import count, seconds
from harness.sockets import connect, reset
from harness.wire import Ended, encode

SEED = int(os.environ.get("SPORE_SEED") or random.SystemRandom().randrange(10**9))
SECONDS = float(os.environ.get("SPORE_SECONDS", "4"))
WAYS = {
    "returned": {"use": "ledger"},
    "completed": {"use": "ledger", "how": "ticket"},
    "offloaded": {"use": "ledger", "how": "work", "delay": "5ms"},
    "blocking": {"use": "auth_ledger:blocking", "delay": "5ms"},
    "blocking_completed": {"use": "auth_ledger:blocking", "how": "ticket", "delay": "5ms"},
}


@pytest.mark.parametrize("way", WAYS)
def test_a_client_that_leaves_without_a_tunnel(host, answering, way):
    """It goes after its answer, after the verdict, or is refused a port."""
    number = count(60, least=12)
    with host.server(auth=[WAYS[way]]) as server:
        for i in range(number):
            with answering.to(server) as wire:
                if i % 3 == 0:
                    wire.say("x", {"Hello": 1})
                    assert list(wire.receive()) == ["Error"]
                elif i % 3 == 1:
                    wire.say("x")
                    time.sleep(0.12 if i % 2 else 0)
                else:
                    wire.say("x", {"Hello": 0})
                    reset(wire.sock)
        assert server.stop() == 0
    books = Books(server.process)
    books.check()
    assert books.allows >= number // 3
    assert books.reasons["refused"] >= number // 3


@pytest.mark.parametrize("way", WAYS)
def test_tunnels_that_stand_at_the_end(host, answering, way):
    with host.server(auth=[WAYS[way]], workers=3) as server:
        wires = [answering.to(server).tunnel("x") for _ in range(9)]
        assert server.stop() == 0
        for wire in wires:
            wire.close()
    books = Books(server.process)
    books.check()
    assert books.reasons["shutdown"] == books.allows == 9


def test_one_that_says_yes_when_nobody_listens(host, answering):
    """The client leaves while a blocking verify() sleeps, which then returns ALLOW."""
    chain = [{"use": "auth_ledger:blocking", "delay": "300ms"}]
    with host.server(auth=chain) as server:
        for _ in range(6):
            wire = answering.to(server).say("x", {"Hello": 0})
            time.sleep(0.05)
            reset(wire.sock)
        time.sleep(seconds(0.4))
        assert server.stop() == 0
    books = Books(server.process)
    books.check()
    assert books.allows == 6


def test_a_reload_moves_the_allow(host, answering):
    with host.server(auth=[{"use": "ledger", "name": "old"}], workers=2) as server:
        wires = [answering.to(server).tunnel("x") for _ in range(5)]
        reload(host, server, [{"use": "ledger", "name": "new"}])
        server.process.wait_for(r"were authenticated again tunnels=5 allowed=5 denied=0 left=0")
        server.process.wait_for(
            r"ledger allows=5 ends=5 open=0 wrong=0 renewals=0 reasons=0,0,5,0,0,0,0 plugin=old"
        )
        wires[0].close()
        reload(host, server, [{"use": "ledger", "name": "none", "verdict": "deny"}], times=2)
        for wire in wires[1:]:
            wire.expect_error("access was revoked")
        assert server.stop() == 0
    books = Books(server.process)
    books.check()
    assert (books.allows, books.renewals) == (10, 9)
    assert books.reasons["revoked"] == 4


# ---- random lives ----


class Client(threading.Thread):
    """Opens control connections and leaves each in another state, until the time is up."""

    def __init__(self, server, answering, number, until):
        super().__init__(daemon=True)
        self.server, self.answering, self.until = server, answering, until
        self.dice = random.Random(f"{SEED} {number}")
        self.lives = 0
        self.failure = None

    def run(self):
        try:
            while time.monotonic() < self.until:
                self.live()
                self.lives += 1
        except BaseException as error:  # reported by the test
            self.failure = f"SPORE_SEED={SEED}: {error!r}"

    def live(self):
        try:
            wire = self.answering.to(self.server)
        except OSError:
            return  # refused while the server has no room, which is not the matter here
        try:
            self.step(wire)
        except (Ended, TimeoutError, OSError):
            pass
        finally:
            if self.dice.random() < 0.5:
                wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            wire.close()

    def step(self, wire):
        wire.receive()
        if self.dice.random() < 0.1:
            return
        behind = self.dice.choice(
            [
                [],
                [{"Hello": 0}],
                [{"Hello": 0}],
                [{"Hello": 0}],
                [{"Hello": 1}],
                [{"Accept": str(uuid.uuid4())}],
                [{"Nonsense": 1}],
            ]
        )
        wire.send({"Authenticate": "x"}, *behind)
        self.pause(0.15 if not behind else 0.02)
        if behind != [{"Hello": 0}] or self.dice.random() < 0.3:
            return
        if self.dice.random() < 0.2:
            wire.sock.shutdown(socket.SHUT_WR)
        message = wire.receive_but_heartbeats()
        if "Hello" in message:
            self.hold(wire, message["Hello"])

    def hold(self, wire, port):
        self.pause(0.5)
        if self.dice.random() < 0.5:
            return
        with connect(self.server.public_host, port):
            identity = wire.connection()
            with self.answering.to(self.server) as data:
                data.receive()
                data.send_bytes(encode({"Authenticate": "x"}) + encode({"Accept": identity}))
                self.pause(0.1)

    def pause(self, most):
        if self.dice.random() < 0.7:
            time.sleep(self.dice.random() * most)


@pytest.mark.timeout(90 + SECONDS)
def test_random_lives_and_reloads(host, answering):
    """Clients leave in every state, on every worker, while reloads change how verdicts come."""
    dice = random.Random(SEED)
    ways = list(WAYS.values()) + [
        {"use": "ledger", "rate": 3},
        {"use": "ledger", "verdict": "deny"},
        {"use": "ledger", "how": "never"},
    ]
    with host.server(auth=[WAYS["offloaded"]], workers=3, log={"level": "info"}) as server:
        until = time.monotonic() + SECONDS
        clients = [Client(server, answering, i, until) for i in range(8)]
        for client in clients:
            client.start()
        times = 0
        while time.monotonic() < until:
            time.sleep(dice.random() * 0.5)
            times += 1
            chain = dice.sample(ways, dice.choice((1, 1, 2)))
            reload(
                host,
                server,
                [{**each, "name": f"n{dice.randrange(3)}", "on_error": "next"} for each in chain],
                times=times,
            )
        for client in clients:
            client.join(seconds(30))
        failures = [client.failure for client in clients if client.failure]
        assert not failures, failures
        reload(host, server, [WAYS["offloaded"]], times=times + 1)
        standing = [answering.to(server).tunnel("x") for _ in range(4)]
        dying = [answering.to(server).say("x", {"Hello": 0}) for _ in range(4)]
        assert server.stop() == 0
        for wire in standing + dying:
            wire.close()
    books = Books(server.process)
    print(f"SPORE_SEED={SEED}: {sum(c.lives for c in clients)} lives, {vars(books)}")
    books.check()
    assert books.ledgers >= times
    assert books.allows >= 4
    assert books.reasons["shutdown"] >= 4
