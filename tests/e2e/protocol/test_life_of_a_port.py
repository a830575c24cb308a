"""The public port lives as long as the control connection; relays live longer."""

import pytest

from harness.loopback import port_is_free
from harness.sockets import connect, end_writing, read_exactly, read_to_end, reset
from harness.waiting import wait_until
from harness.wire import Tunnel

pytestmark = pytest.mark.bore_too


@pytest.mark.parametrize("manner", ["close", "reset"])
def test_port_is_free_again(server, manner):
    tunnel = Tunnel(server)
    if manner == "close":
        tunnel.wire.close()
    else:
        reset(tunnel.wire.sock)
    wait_until(
        lambda: port_is_free(server.public_host, tunnel.port), "the port to be free", timeout=5
    )
    with Tunnel(server, tunnel.port) as again:
        assert again.port == tunnel.port


def test_a_port_can_be_taken_again_while_old_relays_run(server):
    with Tunnel(server) as tunnel:
        visitor, far = tunnel.join()
    wait_until(
        lambda: port_is_free(server.public_host, tunnel.port), "the port to be free", timeout=5
    )
    with Tunnel(server, tunnel.port) as again:
        new_visitor, new_far = again.join()
        for one, other in ((visitor, far), (new_visitor, new_far)):
            one.sendall(b"ping")
            assert read_exactly(other, 4) == b"ping"


def test_relays_go_on(server):
    with Tunnel(server) as tunnel:
        pairs = [tunnel.join() for _ in range(5)]
    wait_until(
        lambda: port_is_free(server.public_host, tunnel.port), "the port to be free", timeout=5
    )
    with pytest.raises(ConnectionRefusedError):
        connect(server.public_host, tunnel.port)
    for visitor, far in pairs:
        visitor.sendall(b"question")
        assert read_exactly(far, 8) == b"question"
        far.sendall(b"answer")
        end_writing(far)
        assert read_to_end(visitor) == b"answer"


def test_many_clients_come_and_go(server):
    for _ in range(50):
        with Tunnel(server) as tunnel:
            assert tunnel.port
    with Tunnel(server) as tunnel:
        visitor, far = tunnel.join()
        far.sendall(b"x")
        assert read_exactly(visitor, 1) == b"x"
