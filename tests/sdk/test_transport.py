"""A whole tunnel through a transport that is as difficult as the rules allow."""

import contextlib
import socket
import time

import pytest

from harness.bulk import Sending, receive_pattern, send_pattern
from harness.loopback import Loopback
from harness.peers import spore_binary
from harness.process import Process
from harness.scale import KIB, MIB, seconds, size
from harness.services import Echo, Inbox, Sink, Source
from harness.sockets import connect, end_writing, how_it_ends, read_exactly, read_to_end, reset
from harness.visitors import connected, exchange_all, finish_all, one_exchange
from harness.waiting import wait_until
from harness.wire import Wire

# Bytes that each transport can carry in reasonable time.
WAYS = {
    "whole": ({}, 8 * MIB),
    "byte_by_byte": ({"chunk": 1}, 256 * KIB),
    "held": ({"hold": 64}, 1 * MIB),
    "held_byte_by_byte": ({"hold": 7, "chunk": 1}, 128 * KIB),
    "stutter": ({"stutter": True}, 4 * MIB),
    "stutter_byte_by_byte": ({"chunk": 1, "stutter": True}, 64 * KIB),
    "all": ({"chunk": 3, "hold": 5, "stutter": True, "handshake": "thread"}, 64 * KIB),
}


def xor(**options):
    return {"use": "xor", **options}


@pytest.fixture(params=WAYS)
def way(request):
    """(entry of the transport, number of bytes to send)."""
    options, total = WAYS[request.param]
    return xor(**options), size(total, least=32 * KIB)


@contextlib.contextmanager
def tunnel(host, service, *transports, **options):
    """A tunnel with these transports at both ends; options are sections of the server."""
    stack = list(transports)
    with host.server(transport=stack, **options) as server:
        with host.client(server, service, transport=stack, workers=2) as client:
            yield client


def test_what_a_visitor_sends_arrives(host, way):
    entry, total = way
    with Sink() as service, tunnel(host, service, entry) as client, connect(
        client.host, client.port
    ) as visitor:
        visitor.settimeout(seconds(50))
        digest = send_pattern(visitor, total)
        end_writing(visitor)
        assert read_to_end(visitor) == f"{total} {digest}\n".encode()
        assert service.result() == (total, digest)


def test_what_a_service_sends_arrives(host, way):
    entry, total = way
    with Source(total) as service, tunnel(host, service, entry) as client:
        with connect(client.host, client.port) as visitor:
            visitor.settimeout(seconds(50))
            length, digest = receive_pattern(visitor)
            end_writing(visitor)
            sent, (back, _) = service.result()
            assert (length, digest, back) == (total, sent, 0)


def test_both_ways_at_once(host, way):
    entry, total = way
    with Echo() as service, tunnel(host, service, entry) as client, connect(
        client.host, client.port
    ) as visitor:
        visitor.settimeout(seconds(50))
        sending = Sending(visitor, total, end=True)
        assert receive_pattern(visitor) == (total, sending.result())


@pytest.mark.parametrize("handshake", ["none", "byte", "thread"])
@pytest.mark.parametrize("stutter", [False, True])
def test_handshakes(host, handshake, stutter):
    entry = xor(handshake=handshake, stutter=stutter)
    with Echo() as service, tunnel(host, service, entry) as client:
        for _ in range(5):
            assert one_exchange(client.host, client.port, b"x" * 300) == b"x" * 300


def test_many_visitors_at_once(host):
    entry = xor(handshake="thread", chunk=100, hold=30, stutter=True)
    with Echo() as service, tunnel(host, service, entry) as client:
        with connected(client.host, client.port, 60) as visitors:
            exchange_all(visitors)
            finish_all(visitors)
        wait_until(lambda: service.open == 0, "the echoes to end")


@pytest.mark.parametrize("height", [2, 3])
@pytest.mark.parametrize("stutter", [False, True])
def test_transports_stack(host, height, stutter):
    stack = [
        xor(
            key=level + 1,
            handshake="thread" if level % 2 else "byte",
            hold=3 * (level + 1),
            chunk=5,
            stutter=stutter,
        )
        for level in range(height)
    ]
    with Echo() as service, tunnel(host, service, *stack) as client:
        assert (
            one_exchange(client.host, client.port, b"through all of it" * 100)
            == b"through all of it" * 100
        )


def test_a_stack_that_is_too_high_harms_nothing(host):
    """It is refused, at the start or at each connection. The process continues in either case."""
    config = host.server_config(transport=[xor(key=level + 1) for level in range(6)])
    with Process(
        [spore_binary(), "server", "--config", host.write(config, "high.json")]
    ) as process:
        try:
            process.wait_for("server listening", stream="stderr", timeout=5)
        except AssertionError:
            assert process.wait() == 1
            return
        for _ in range(3):
            with connect(config["server"]["bind_addr"], config["server"]["control_port"]) as sock:
                assert how_it_ends(sock)[0] == b""
        assert process.running
        assert process.stop() == 0


def test_half_close_in_both_directions(host, way):
    entry, _ = way
    with Inbox() as service, tunnel(host, service, entry) as client:
        with connect(client.host, client.port) as visitor:
            visitor.sendall(b"question")
            end_writing(visitor)
            with service.take() as served:
                assert read_to_end(served) == b"question"
                served.sendall(b"answer")
                end_writing(served)
                assert read_to_end(visitor) == b"answer"


@pytest.mark.parametrize("who", ["visitor", "service"])
def test_a_reset_is_passed_on(host, who, way):
    entry, _ = way
    with Inbox() as service, tunnel(host, service, entry) as client:
        with connect(client.host, client.port) as visitor:
            visitor.sendall(b"hello")
            served = service.take()
            assert read_exactly(served, 5) == b"hello"
            near, far = (visitor, served) if who == "visitor" else (served, visitor)
            reset(near)
            assert how_it_ends(far)[1] == "reset"


def test_back_pressure(host):
    """A service that does not read stops the visitor; all arrives once it reads."""
    total = size(32 * MIB)
    entry = xor(hold=64)
    with Inbox(receive_buffer=65536) as service, tunnel(host, service, entry) as client:
        with connect(client.host, client.port) as visitor:
            visitor.settimeout(seconds(50))
            sending = Sending(visitor, total, end=True)
            with service.take() as served:
                time.sleep(seconds(0.5))
                served.settimeout(seconds(50))
                assert receive_pattern(served) == (total, sending.result())


def test_an_error_text_reaches_the_refused_client(host, answering):
    """The last frame passes the transport, including the bytes that it holds back."""
    entry = xor(hold=64, chunk=7, stutter=True)
    chain = [{"use": "policy", "names": ["alice"]}]
    with Echo() as service, host.server(transport=[entry], auth=chain) as server:
        client = host.client(
            server,
            service,
            transport=[entry],
            auth=[{"use": "policy", "say": "mallory"}],
            listening=False,
        )
        with client.process:
            assert client.wait() == 3
            client.process.wait_for("server error: invalid secret")


def test_a_client_without_the_transport_is_told_why(host):
    with Echo() as service, host.server(transport=[xor(handshake="byte")]) as server:
        client = host.client(server, service, listening=False)
        with client.process:
            assert client.wait(15) == 1
        server.process.wait_for(
            "connection refused .*(expected the greeting X|handshake timed out)"
        )


def test_a_wrong_greeting_is_logged_with_the_transports_words(host):
    with host.server(transport=[xor(handshake="byte")]) as server:
        with connect(*server.control) as sock:
            sock.sendall(b"?")
            assert how_it_ends(sock)[0] in (b"", b"X")
        server.process.wait_for(r'connection refused peer=\S+ reason="expected the greeting X: ')


@pytest.mark.parametrize("handshake", ["byte", "thread"])
def test_whoever_leaves_during_the_handshake_leaves_nothing(host, handshake):
    with host.server(transport=[xor(handshake=handshake)]) as server:
        for round in range(20):
            sock = connect(*server.control)
            if round % 2:
                sock.sendall(b"X")
            reset(sock) if round % 3 else sock.close()
        with connect(*server.control) as sock:
            sock.sendall(b"X")
            assert read_exactly(sock, 1) == b"X"


def test_a_handshake_that_never_ends_is_ended(host):
    with host.server(transport=[xor(handshake="byte")]) as server:
        with connect(*server.control) as sock:
            assert how_it_ends(sock, timeout=8)[0] == b"X"
        server.process.wait_for("the transport's handshake timed out")


def test_a_wrap_that_fails_refuses_the_connection(host):
    with host.server(transport=[xor(refuse_wrap=True)]) as server:
        for _ in range(3):
            with connect(*server.control) as sock:
                assert how_it_ends(sock)[0] == b""
        server.process.wait_for(
            "transport xor returned no stream: its back-end failed .SPORE_EBACKEND."
        )


def test_a_stream_with_other_operations_is_not_used(host):
    with host.server(transport=[xor(other_ops=True)]) as server:
        with connect(*server.control) as sock:
            assert how_it_ends(sock)[0] == b""
        server.process.wait_for(
            "transport xor returned a stream whose ops are not its stream_ops: expected"
        )


def test_a_client_whose_wrap_fails_says_so(host):
    with Echo() as service, host.server() as server:
        client = host.client(server, service, transport=[xor(refuse_wrap=True)], listening=False)
        with client.process:
            assert client.wait() == 1
            client.process.wait_for("transport xor returned no stream")


def test_plain_below_and_above_changes_nothing(host):
    with Echo() as service, tunnel(
        host, service, {"use": "plain"}, xor(), {"use": "plain"}
    ) as client:
        assert one_exchange(client.host, client.port) == b"ping"


def test_accept_does_not_wait_for_a_slow_service(host):
    """A transport that writes a byte at a time must not leave half an Accept behind meanwhile.

    The service's backlog is full, so the client's dial to it hangs."""
    entry = xor(chunk=1)
    with Loopback() as elsewhere, socket.socket() as full:
        full.bind((elsewhere.host, 0))
        full.listen(0)

        class Service:
            host, port = full.getsockname()

        with contextlib.ExitStack() as stack:
            for _ in range(4):
                sock = stack.enter_context(socket.socket())
                sock.setblocking(False)
                sock.connect_ex(full.getsockname())
            with host.server(transport=[entry], log={"level": "debug"}) as server:
                with host.client(server, Service, transport=[entry]) as client:
                    with connect(client.host, client.port):
                        begun = time.monotonic()
                        server.process.wait_for("forwarding connection")
                        assert time.monotonic() - begun < 2.0


def test_a_stranger_who_speaks_plain_json_is_not_understood(host):
    with host.server(transport=[xor()]) as server, Wire.connect(server.control) as wire:
        wire.send({"Hello": 0})
        wire.sock.settimeout(seconds(6))
        assert how_it_ends(wire.sock, timeout=6)[0] != b'{"Hello":'
