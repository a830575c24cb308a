"""A server that floods its client with visitors cannot exhaust the client."""

import contextlib
import threading
import uuid

import pytest

from harness import procfs
from harness.fake_server import heartbeats
from harness.peers import spore_client
from harness.scale import count
from harness.services import Echo
from harness.sockets import read_exactly
from harness.waiting import wait_until
from harness.wire import Ended, encode

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]

# Far less than 20,000 visitors would need.
DESCRIPTORS = 1000


class Watch(threading.Thread):
    """Records the largest number of descriptors of a process."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak, self.over = pid, 0, threading.Event()

    def run(self):
        while not self.over.wait(0.05):
            self.peak = max(self.peak, procfs.descriptors(self.pid))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


class Taker(threading.Thread):
    """Accepts every connection of the client and closes it, except the one for the wanted id."""

    def __init__(self, fake, wanted):
        super().__init__(daemon=True)
        self.fake, self.wanted = fake, wanted
        self.found = threading.Event()
        self.wire = None
        self.start()

    def run(self):
        while not self.found.is_set():
            try:
                wire = self.fake.next_wire(timeout=60)
            except OSError:
                return
            self.fake.wires.remove(wire)
            try:
                message = wire.receive(timeout=2)
            except (Ended, OSError):
                message = None
            if message == {"Accept": self.wanted}:
                self.wire = wire
                self.found.set()
            else:
                wire.close()


def serves_again(control, taker, service):
    """During a flood the client may drop an id, so it is announced until it is accepted."""

    def offered():
        if not taker.found.is_set():
            control.send({"Connection": taker.wanted})
        return taker.found.wait(0.5)

    wait_until(offered, "the client to serve again", timeout=90, interval=0.5)
    with taker.wire as wire:
        wire.send_bytes(b"visitor")
        assert read_exactly(wire.stream(), 7) == b"visitor"
    return service.accepted > 0


@contextlib.contextmanager
def flooded(fake_server):
    """A watched client of the fake server: (control connection, client, service)."""
    with Echo() as service:
        with spore_client(
            (fake_server.host, fake_server.port), service.port, listening=False, nofile=DESCRIPTORS
        ) as client:
            control = fake_server.welcome()
            client.wait_listening()
            with heartbeats(control), Watch(client.pid) as watch:
                yield control, client, service
            assert client.process.running
            assert watch.peak < DESCRIPTORS
            assert "Too many open files" not in "\n".join(client.process.stderr)


def flood(number):
    return b"".join(encode({"Connection": str(uuid.uuid4())}) for _ in range(number))


def test_twenty_thousand_ids(fake_server):
    with flooded(fake_server) as (control, _, service):
        taker = Taker(fake_server, str(uuid.uuid4()))
        control.send_bytes(flood(count(20000, least=2000)), timeout=90)
        assert serves_again(control, taker, service)


def test_ids_whose_connections_nobody_takes(fake_server):
    """Each connection attempt of the client hangs for its three seconds."""
    with flooded(fake_server) as (control, _, service):
        sending = threading.Thread(
            target=control.send_bytes,
            args=(flood(count(3000, least=2000)),),
            kwargs={"timeout": 90},
            daemon=True,
        )
        sending.start()
        sending.join(3)
        taker = Taker(fake_server, str(uuid.uuid4()))
        sending.join(90)
        assert not sending.is_alive(), "the client no longer reads its control connection"
        assert serves_again(control, taker, service)


def test_the_same_id_again_and_again(fake_server):
    with flooded(fake_server) as (control, _, service):
        taker = Taker(fake_server, str(uuid.uuid4()))
        control.send_bytes(
            encode({"Connection": str(uuid.UUID(int=1))}) * count(2000, least=200), timeout=90
        )
        assert serves_again(control, taker, service)
