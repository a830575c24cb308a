"""A reset is passed on as a reset, so a truncated answer never looks complete."""

import pytest

from harness.peers import spore_client
from harness.services import Inbox
from harness.sockets import connect, end_writing, how_it_ends, read_exactly, read_to_end, reset
from harness.wire import Tunnel


def busy(one, other):
    """Exchanges bytes both ways, so the relay runs."""
    one.sendall(b"ping")
    assert read_exactly(other, 4) == b"ping"
    other.sendall(b"pong")
    assert read_exactly(one, 4) == b"pong"


@pytest.mark.parametrize("who", ["visitor", "client"])
def test_through_the_server(server, who):
    with Tunnel(server) as tunnel:
        visitor, far = tunnel.join()
        busy(visitor, far)
        resets, sees = (visitor, far) if who == "visitor" else (far, visitor)
        reset(resets)
        assert how_it_ends(sees) == (b"", "reset")


@pytest.mark.parametrize("who", ["visitor", "client"])
def test_behind_a_half_close(server, who):
    with Tunnel(server) as tunnel:
        visitor, far = tunnel.join()
        busy(visitor, far)
        resets, sees = (visitor, far) if who == "visitor" else (far, visitor)
        end_writing(sees)
        assert read_to_end(resets) == b""
        reset(resets)
        assert how_it_ends(sees) == (b"", "reset")


@pytest.mark.parametrize("who", ["visitor", "service"])
@pytest.mark.over_tls_too
def test_through_the_whole_tunnel(secret_server, who):
    with Inbox() as service:
        with spore_client(secret_server.control, service.port, secret="s3cret") as client:
            visitor = connect(secret_server.public_host, client.port)
            near = service.take()
            busy(visitor, near)
            resets, sees = (visitor, near) if who == "visitor" else (near, visitor)
            reset(resets)
            assert how_it_ends(sees) == (b"", "reset")
            visitor.close()
            # The tunnel serves the next visitor.
            with connect(secret_server.public_host, client.port) as visitor:
                busy(visitor, service.take())


@pytest.mark.bore_too
def test_visitor_that_resets_while_it_waits(server):
    with Tunnel(server) as tunnel:
        visitor = tunnel.visit()
        identity = tunnel.wire.connection()
        reset(visitor)
        with tunnel.dial() as wire:
            wire.send({"Accept": identity})
            assert how_it_ends(wire.stream())[0] == b""
        busy(*tunnel.join())


@pytest.mark.bore_too
def test_control_connection_that_resets(server):
    tunnel = Tunnel(server)
    visitor, far = tunnel.join()
    reset(tunnel.wire.sock)
    busy(visitor, far)
    with Tunnel(server) as other:
        busy(*other.join())
