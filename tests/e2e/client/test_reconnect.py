"""A client reconnects by itself, gets the same port again, and notices a silent server."""

import contextlib
import signal
import time

import pytest

from harness.loopback import Loopback
from harness.peers import is_timed, spore_client, spore_server
from harness.scale import seconds
from harness.services import Echo
from harness.sockets import connect, read_exactly
from harness.visitors import one_exchange
from harness.waiting import wait_until
from harness.wire import Tunnel, Wire


def reaches(host, port):
    try:
        return one_exchange(host, port) == b"ping"
    except OSError:
        return False


def restart(server, address, **options):
    """Starts another server at the same address and port."""
    server.process_was_ended = True
    server.process.signal(signal.SIGKILL)
    server.process.wait()
    return spore_server(address, control_port=server.control[1], **options)


@pytest.mark.parametrize("secret", [None, "s3cret"])
@pytest.mark.over_tls_too
def test_server_that_returns(address, secret):
    with Echo() as service, spore_server(address, secret=secret) as first:
        with spore_client(first.control, service.port, secret=secret) as client:
            port = client.port
            assert one_exchange(address.host, port) == b"ping"
            with restart(first, address, secret=secret):
                wait_until(
                    lambda: reaches(address.host, port), "the tunnel to work again", timeout=5
                )
            assert client.process.stdout == [
                f"listening at {address.host}:{port}"
            ], "the tunnel is announced only once"


@pytest.mark.parametrize("tries", [4, 8])
def test_server_that_is_away_for_a_while(address, tries):
    """After any number of failed attempts the client is back within two seconds, with its port."""
    with Echo() as service, spore_server(address) as first:
        with spore_client(first.control, service.port) as client:
            first.process_was_ended = True
            first.process.signal(signal.SIGKILL)
            first.process.wait()
            client.process.wait_for(f"tries={tries}", stream="stderr", timeout=30)
            with spore_server(address, control_port=first.control[1]):
                returned = time.monotonic()
                wait_until(
                    lambda: reaches(address.host, client.port),
                    "the tunnel to work again",
                    timeout=10,
                )
                assert time.monotonic() - returned < 2.0 or not is_timed()
            assert len(client.process.stdout) == 1, "the tunnel is announced only once"


@pytest.mark.over_tls_too
def test_relays_go_on_meanwhile(address):
    """The loss of the control connection ends no relay."""
    with Echo() as service, spore_server(address) as server:
        with spore_client(server.control, service.port) as client:
            with connect(address.host, client.port) as visitor:
                visitor.sendall(b"before")
                assert read_exactly(visitor, 6) == b"before"
                # The server ends a client that promised heartbeats and sends none; stopping it for
                # longer than that loses the control connection and nothing else.
                client.process.signal(signal.SIGSTOP)
                server.process.wait_for(
                    r"its heartbeats have stopped", stream="stderr", timeout=seconds(15)
                )
                client.process.signal(signal.SIGCONT)
                client.process.wait_for(r"tunnel lost", stream="stderr")
                visitor.sendall(b"after")
                assert read_exactly(visitor, 5) == b"after"
                wait_until(
                    lambda: reaches(address.host, client.port),
                    "the tunnel to work again",
                    timeout=10,
                )


@pytest.mark.over_tls_too
def test_port_of_a_silent_client_is_free_again(address):
    """The client's kernel still answers; only its heartbeats are missing."""
    with Echo() as service, spore_server(address) as server:
        with spore_client(server.control, service.port) as silent:
            # What it says first leaves with its first turn, perhaps after it announced itself.
            assert one_exchange(address.host, silent.port) == b"ping"
            silent.process.signal(signal.SIGSTOP)
            stopped = time.monotonic()
            with spore_client(
                server.control, service.port, port=silent.port, extra=["--retry"]
            ) as heir:
                assert heir.port == silent.port
                assert time.monotonic() - stopped < 10 or not is_timed()
                assert one_exchange(address.host, heir.port) == b"ping"
            silent.process.signal(signal.SIGCONT)


def test_port_of_a_live_client_is_never_taken(address):
    with Echo() as service, spore_server(address) as server:
        with spore_client(server.control, service.port) as owner:
            with spore_client(
                server.control, service.port, port=owner.port, extra=["--retry"], listening=False
            ) as other:
                other.process.wait_for(r"port already in use.*tries=4", stream="stderr")
                assert one_exchange(address.host, owner.port) == b"ping"
                assert other.process.stdout == []


def test_no_reconnect(address):
    with spore_server(address) as server:
        with spore_client(server.control, 9, extra=["--no-reconnect"]) as client:
            server.process_was_ended = True
            server.process.signal(signal.SIGKILL)
            assert client.wait() == 1


def test_a_failed_first_attempt_ends_the_client(address):
    with spore_client((address.host, address.free_port()), 9, listening=False) as client:
        assert client.wait() == 1
    assert "could not connect" in "\n".join(client.process.stderr)


def test_retry_and_no_reconnect(address):
    """The one is about the first connection, the other about those that were lost."""
    control_port = address.free_port()
    with spore_client(
        (address.host, control_port), 9, extra=["--retry", "--no-reconnect"], listening=False
    ) as client:
        client.process.wait_for(r"tries=2", stream="stderr")
        with spore_server(address, control_port=control_port):
            client.wait_listening()
        assert client.wait() == 1


def test_retry(address):
    """With --retry the first attempt may fail too."""
    control_port = address.free_port()
    with Echo() as service:
        with spore_client(
            (address.host, control_port), service.port, extra=["--retry"], listening=False
        ) as client:
            client.process.wait_for(r"tries=2", stream="stderr")
            with spore_server(address, control_port=control_port):
                client.wait_listening()
                assert one_exchange(address.host, client.port) == b"ping"


def test_secret_that_was_changed(address):
    """A permanent refusal ends the client."""
    with spore_server(address, secret="s3cret") as server:
        with spore_client(server.control, 9, secret="s3cret") as client:
            with restart(server, address, secret="another"):
                assert client.wait() == 3


def test_silent_server(fake_server):
    """After fifteen seconds without a heartbeat the client reconnects."""
    with spore_client((fake_server.host, fake_server.port), 9, listening=False) as client:
        with fake_server.next_wire() as wire:
            assert wire.receive() == {"Hello": 0}
            wire.send({"Hello": 1234})
            client.process.wait_for(
                r"the server has sent nothing for 15 s", stream="stderr", timeout=seconds(25)
            )
            with fake_server.next_wire() as again:
                assert again.receive() == {"Hello": 1234}


def test_extension_is_asked_for_once_and_never_used_unasked(fake_server):
    """After Hello the client sends Extend and nothing else until the answer.

    Then it says its version and sends heartbeats."""
    with spore_client((fake_server.host, fake_server.port), 9, listening=False):
        with fake_server.next_wire() as wire:
            assert wire.receive() == {"Hello": 0}
            wire.send({"Hello": 1234}, "Heartbeat")
            assert wire.receive() == {"Extend": {"heartbeat_ms": 4000, "wants": 62}}
            quiet_until = time.monotonic() + 3
            while time.monotonic() < quiet_until:
                wire.send("Heartbeat")
                time.sleep(0.3)
            wire.send({"Extended": {"heartbeat_ms": 1000}}, "Heartbeat")
            assert list(wire.receive()) == ["About"]
            assert wire.receive(timeout=seconds(5)) == "Heartbeat"


def test_server_answers_the_extension(server):
    with Tunnel(server) as tunnel:
        tunnel.wire.send({"Extend": {"heartbeat_ms": 4000, "later": [1, {"x": None}]}})
        assert tunnel.wire.receive_but_heartbeats() == {
            "Extended": {"heartbeat_ms": 4000, "offers": 23}
        }


def test_our_client_needs_few_heartbeats(server):
    """One heartbeat in nine seconds; those of many tunnels are spread over time."""
    with contextlib.ExitStack() as stack:
        tunnels = [stack.enter_context(Tunnel(server)) for _ in range(8)]
        for tunnel in tunnels:
            tunnel.wire.send({"Extend": {"heartbeat_ms": 4000}})
        for tunnel in tunnels:
            assert list(tunnel.wire.receive_but_heartbeats()) == ["Extended"]
        ends, arrivals = time.monotonic() + seconds(20), []
        while time.monotonic() < ends and {whose for _, whose in arrivals} != set(tunnels):
            for tunnel in tunnels:
                tunnel.wire.send("Heartbeat")
            for tunnel in tunnels:
                with contextlib.suppress(TimeoutError):
                    assert tunnel.wire.receive(timeout=0.1 / seconds(1)) == "Heartbeat"
                    arrivals.append((time.monotonic(), tunnel))
    assert len(arrivals) == len(tunnels), arrivals
    assert arrivals[-1][0] - arrivals[0][0] > 1, arrivals


@pytest.mark.parametrize(
    "data",
    [b"\0", b"{\0", b'{"Hello":0}\0', b'"Heartbeat"\0', b"x" * 5000],
    ids=["empty", "unfinished", "hello", "heartbeat", "long"],
)
def test_nothing_said_behind_hello_ends_a_tunnel(server, data):
    """bore's server does not read after Hello."""
    with Tunnel(server) as tunnel:
        tunnel.wire.send_bytes(data)
        visitor, far = tunnel.join()
        visitor.sendall(b"ping")
        assert read_exactly(far, 4) == b"ping"
