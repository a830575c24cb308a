"""A connection to the server is lost, or its bytes are, before the server has answered.

The client asks again on a new one. What the server says of its own never reaches the service."""

import contextlib
import socket
import threading
import time

import pytest

from harness.peers import configured_server, spore_client
from harness.scale import seconds
from harness.services import Echo
from harness.sockets import connect, how_it_ends, listen, reset
from harness.visitors import one_exchange
from harness.waiting import wait_until


class Link:
    """Between a client and a server. Spoils the first connections behind the control connection."""

    def __init__(self, control, how, number):
        self.control, self.how, self.left = control, how, number
        self.listener = listen("127.0.0.1", 0)
        self.port = self.listener.getsockname()[1]
        self.spoilt = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        n = 0
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                spoils = n > 0 and self.left > 0
                self.left -= spoils
                n += 1
                threading.Thread(target=self._run, args=(client, spoils), daemon=True).start()

    def _run(self, client, spoils):
        server = connect(*self.control)
        client.settimeout(None)
        server.settimeout(None)
        if spoils and self.how == "reset":
            client.recv(1)
            self.spoilt += 1
            reset(client)
            server.close()
            return
        threading.Thread(target=pump, args=(server, client), daemon=True).start()
        if spoils:
            self.spoilt += 1
            pump(client, None)
        else:
            pump(client, server)

    def close(self):
        self.listener.close()


def pump(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            if sink:
                sink.sendall(data)
        if sink:
            sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def tunnel(tmp_path, address, how, number, kept):
    config = {"limits": {"max_ahead_per_tunnel": 64 if kept else 0}}
    with configured_server(address, tmp_path, **config) as server, Echo() as service:
        with contextlib.closing(Link(server.control, how, number)) as link:
            with spore_client(("127.0.0.1", link.port), service.port) as client:
                wait_until(lambda: "connected" in client.process.log(), "the tunnel")
                time.sleep(seconds(0.2))  # until the server has said what it reads
                yield server, service, client, link


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("how", ["reset", "silence"])
def test_the_client_asks_again(tmp_path, address, how, kept):
    """After a reset at once, after silence when the server has given up the connection."""
    with tunnel(tmp_path, address, how, 1, kept) as (server, service, client, link):
        begin = time.monotonic()
        assert one_exchange(server.public_host, client.port, b"hello") == b"hello"
        assert link.spoilt == 1 and service.accepted == 1
        assert time.monotonic() - begin < seconds(8 if how == "silence" else 2)
        assert one_exchange(server.public_host, client.port, b"again") == b"again"


def test_twice_is_too_often(tmp_path, address):
    """Then the visitor ends at once, and the client says why."""
    with tunnel(tmp_path, address, "reset", 2, True) as (server, _, client, link):
        with connect(server.public_host, client.port) as visitor:
            begin = time.monotonic()
            assert how_it_ends(visitor)[0] == b""
            assert time.monotonic() - begin < seconds(2)
        assert link.spoilt == 2
        client.process.wait_for("connection failed .*error=", stream="stderr")
        assert one_exchange(server.public_host, client.port, b"again") == b"again"
