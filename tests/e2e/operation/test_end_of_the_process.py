"""TERM and INT: no new work, running relays continue to their end; a second signal ends at once."""

import contextlib
import signal
import time

import pytest

from harness.loopback import port_is_free
from harness.peers import spore_binary, spore_client
from harness.process import Process
from harness.scale import seconds
from harness.services import Inbox
from harness.sockets import connect, end_writing, how_it_ends, read_exactly, read_to_end
from harness.waiting import wait_until
from harness.wire import Tunnel

# Signals of one kind within this time count as one.
BURST = 0.6

both_signals = pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"]
)


@both_signals
def test_idle_server(server, number):
    server.process_was_ended = True
    server.process.signal(number)
    assert server.process.wait() == 0


@both_signals
def test_idle_client(server, number):
    with Inbox() as service, spore_client(server.control, service.port) as client:
        client.process_was_ended = True
        client.process.signal(number)
        assert client.process.wait() == 0


def test_server_with_tunnels_but_no_relay(server):
    """Tunnels without relays do not delay the end; their control connections end."""
    with Tunnel(server) as tunnel, Tunnel(server):
        assert server.stop(timeout=5) == 0
        tunnel.wire.expect_end()


def test_server_with_a_visitor_that_waits(server):
    """No client can accept the visitor any more."""
    with Tunnel(server) as tunnel, tunnel.visit() as visitor:
        tunnel.wire.connection()
        server.process_was_ended = True
        server.process.terminate()
        assert how_it_ends(visitor, timeout=15)[0] == b""
        assert server.process.wait(timeout=15) == 0


def test_server_with_a_relay(server):
    with Tunnel(server) as tunnel:
        visitor, far = tunnel.join()
        server.process_was_ended = True
        server.process.terminate()
        wait_until(
            lambda: port_is_free(server.public_host, tunnel.port), "the public port to close"
        )
        wait_until(lambda: _refuses(server.control), "the control port to close")
        for _ in range(10):
            visitor.sendall(b"question")
            assert read_exactly(far, 8) == b"question"
            far.sendall(b"answer")
            assert read_exactly(visitor, 6) == b"answer"
        assert server.process.running
        visitor.sendall(b"the last")
        end_writing(visitor)
        assert read_to_end(far) == b"the last"
        far.sendall(b"goodbye")
        end_writing(far)
        assert read_to_end(visitor) == b"goodbye"
        assert server.process.wait() == 0


def _refuses(control):
    try:
        connect(*control).close()
    except ConnectionRefusedError:
        return True
    return False


def test_client_with_a_relay(server):
    with Inbox() as service, spore_client(server.control, service.port) as client:
        with connect(server.public_host, client.port) as visitor:
            near = service.take()
            client.process_was_ended = True
            client.process.terminate()
            wait_until(
                lambda: port_is_free(server.public_host, client.port), "the public port to close"
            )
            visitor.sendall(b"question")
            assert read_exactly(near, 8) == b"question"
            near.sendall(b"answer")
            assert read_exactly(visitor, 6) == b"answer"
            assert client.process.running
            near.close()
            assert read_to_end(visitor) == b""
            visitor.close()
            assert client.process.wait() == 0


def test_second_signal_ends_the_server_at_once(server):
    with Tunnel(server) as tunnel:
        visitor, far = tunnel.join()
        server.process_was_ended = True
        server.process.terminate()
        wait_until(
            lambda: port_is_free(server.public_host, tunnel.port), "the public port to close"
        )
        assert server.process.running
        time.sleep(BURST)
        started = time.monotonic()
        server.process.terminate()
        assert server.process.wait() == 0
        assert time.monotonic() - started < seconds(3)
        assert how_it_ends(visitor)[0] == b""
        assert how_it_ends(far)[0] == b""


@both_signals
def test_a_burst_of_one_signal_drains(server, number):
    """Supervisors may signal the process and its group."""
    with Tunnel(server) as tunnel:
        visitor, far = tunnel.join()
        server.process_was_ended = True
        for _ in range(3):
            server.process.signal(number)
            time.sleep(0.02)
        wait_until(
            lambda: port_is_free(server.public_host, tunnel.port), "the public port to close"
        )
        visitor.sendall(b"still here")
        assert read_exactly(far, 10) == b"still here"
        end_writing(visitor)
        end_writing(far)
        assert server.process.wait() == 0
        assert not any("second signal" in line for line in server.process.stderr)


def test_hangup_does_not_end_a_client(server):
    """It reloads, also without a file."""
    with Inbox() as service, spore_client(server.control, service.port) as client:
        client.process.signal(signal.SIGHUP)
        client.process.wait_for("configuration reloaded changes=0")
        with connect(server.public_host, client.port) as visitor:
            near = service.take()
            visitor.sendall(b"question")
            assert read_exactly(near, 8) == b"question"
            near.close()
        assert client.process.running


def test_second_signal_ends_the_client_at_once(server):
    with Inbox() as service, spore_client(server.control, service.port) as client:
        with connect(server.public_host, client.port) as visitor:
            service.take()
            client.process_was_ended = True
            client.process.terminate()
            wait_until(
                lambda: port_is_free(server.public_host, client.port), "the public port to close"
            )
            assert client.process.running
            time.sleep(BURST)
            started = time.monotonic()
            client.process.terminate()
            assert client.process.wait() == 0
            assert time.monotonic() - started < seconds(3)
            assert how_it_ends(visitor)[0] == b""


def test_deadline_of_the_drain(start_server):
    with start_server(extra=["--drain-timeout", "1"]) as server, Tunnel(server) as tunnel:
        visitor, far = tunnel.join()
        started = time.monotonic()
        server.process_was_ended = True
        server.process.terminate()
        assert server.process.wait() == 0
        assert 0.7 < time.monotonic() - started < seconds(5)
        assert how_it_ends(visitor)[0] == b""
        assert how_it_ends(far)[0] == b""


def test_deadline_of_a_clients_drain(server):
    with Inbox() as service, spore_client(
        server.control, service.port, extra=["--drain-timeout", "1"]
    ) as client:
        with connect(server.public_host, client.port) as visitor:
            service.take()
            started = time.monotonic()
            client.process_was_ended = True
            client.process.terminate()
            assert client.process.wait() == 0
            assert 0.7 < time.monotonic() - started < seconds(5)
            assert how_it_ends(visitor)[0] == b""


def test_the_port_can_be_used_again_at_once(start_server, address):
    """A new server can listen although connections of the old one are in TIME_WAIT."""
    control = address.free_port()
    for _ in range(3):
        with start_server(control_port=control) as server:
            with Tunnel(server, 23456) as tunnel:
                visitor, far = tunnel.join()
                far.close()
                assert how_it_ends(visitor) == (b"", "end")
                visitor.close()
            assert server.stop() == 0


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_closed_standard_descriptors(address, closed):
    """No descriptor of the server gets the number of one that is closed."""
    control = address.free_port()
    flags = ["--bind-addr", address.host, "--control-port", str(control)]
    command = ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", spore_binary(), "server", *flags]
    with Process(command, name="spore server") as process:

        def answers():
            with contextlib.suppress(ConnectionRefusedError):
                with connect(address.host, control) as client:
                    client.sendall(b'{"Hello":0}\0')
                    return client.recv(8) == b'{"Hello"'

        wait_until(answers, "the server")
        assert process.stop() == 0
