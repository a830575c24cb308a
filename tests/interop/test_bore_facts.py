"""The behaviour of the real bore 0.6.0 on the wire.

tests/e2e tests that Spore behaves like this; these tests verify the reference itself.
"""

import re
import signal
import time
import uuid

import pytest

from harness import loopback, peers
from harness.fake_server import FakeServer
from harness.loopback import BORE_CONTROL_PORT
from harness.process import run
from harness.scale import seconds
from harness.services import Inbox
from harness.sockets import (
    connect,
    end_writing,
    how_it_ends,
    listen,
    read_exactly,
    read_to_end,
    reset,
)
from harness.waiting import wait_until
from harness.wire import Tunnel, Wire, answer, encode

SECRET = "s3cret"
VECTOR_CHALLENGE = "00000000-0000-4000-8000-000000000000"
VECTOR_TAG = "c382894757a01aee49b8d2939502fde8056a7131fc392a344c036025880f8586"


@pytest.fixture
def bore(address):
    with peers.bore_server(address) as server:
        yield server


@pytest.fixture
def secret_bore(address):
    with peers.bore_server(address, secret=SECRET) as server:
        yield server


@pytest.fixture
def fake(address):
    with FakeServer(address.host, BORE_CONTROL_PORT) as server:
        yield server


def bore_client(fake, **options):
    """A bore client that dials the fake server."""
    return peers.bore_client((fake.host, fake.port), 9, listening=False, **options)


# The challenge and its answer


def test_harness_computes_the_vector():
    assert answer(SECRET, VECTOR_CHALLENGE) == VECTOR_TAG


def test_client_answers_the_vector_in_lower_case_and_sends_hello_behind_it(fake):
    with bore_client(fake, secret=SECRET) as client:
        wire = fake.next_wire()
        wire.send({"Challenge": VECTOR_CHALLENGE})
        assert wire.frame() == b'{"Authenticate":"%s"}' % VECTOR_TAG.encode()
        # The test does not answer Authenticate; the client sends Hello anyway.
        assert wire.frame() == b'{"Hello":0}'
        wire.close()
        client.wait()


def test_server_challenge_is_a_random_v4_uuid_in_canonical_form(secret_bore):
    seen = set()
    for _ in range(5):
        with Wire.connect(secret_bore.control) as wire:
            frame = wire.frame().decode()
        found = re.fullmatch(
            r'\{"Challenge":"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"\}', frame
        )
        assert found, frame
        assert uuid.UUID(found.group(1)).version == 4
        seen.add(found.group(1))
    assert len(seen) == 5


def test_server_without_a_secret_says_nothing_first(bore):
    with Wire.connect(bore.control) as wire:
        with pytest.raises(TimeoutError):
            wire.frame(timeout=0.3)


@pytest.mark.parametrize("form", ["lower", "upper", "escaped"])
def test_server_takes_the_tag_in_any_case_and_with_escapes(secret_bore, form):
    with Wire.connect(secret_bore.control) as wire:
        tag = answer(SECRET, wire.receive()["Challenge"])
        if form == "upper":
            tag = tag.upper()
        if form == "escaped":
            tag = "".join(f"\\u{ord(letter):04x}" for letter in tag[:20]) + tag[20:]
        wire.send_bytes(b'{"Authenticate":"%s"}\0' % tag.encode())
        assert 1024 <= wire.hello() <= 65535


@pytest.mark.parametrize("tag", ["0" * 64, "00", "", "not hex", "0" * 63])
def test_server_refuses_any_other_tag_as_invalid_secret(secret_bore, tag):
    with Wire.connect(secret_bore.control) as wire:
        wire.receive()
        wire.send({"Authenticate": tag})
        wire.expect_error("invalid secret")


@pytest.mark.parametrize(
    "frame",
    [b'{"Hello":0}', b'{"Accept":"%s"}' % VECTOR_CHALLENGE.encode(), b"null"],
    ids=["hello", "accept", "null"],
)
def test_server_with_a_secret_refuses_other_frames_first(secret_bore, frame):
    with Wire.connect(secret_bore.control) as wire:
        wire.receive()
        wire.send_bytes(frame + b"\0")
        wire.expect_error("server requires secret, but no secret was provided")


def test_end_of_stream_in_place_of_a_tag_reads_as_no_secret(secret_bore):
    with Wire.connect(secret_bore.control) as wire:
        wire.receive()
        end_writing(wire.sock)
        wire.expect_error("server requires secret, but no secret was provided")


# Frames


def padded_hello(length):
    return b'{"Hello":0}' + b" " * (length - len(b'{"Hello":0}'))


def test_server_takes_256_bytes_and_ends_on_257(bore):
    with Wire.connect(bore.control) as wire:
        wire.send_bytes(padded_hello(256) + b"\0")
        assert list(wire.receive()) == ["Hello"]
    with Wire.connect(bore.control) as wire:
        wire.send_bytes(padded_hello(257) + b"\0")
        wire.expect_end()


def test_257_bytes_end_the_connection_before_their_nul(bore):
    with Wire.connect(bore.control) as wire:
        wire.send_bytes(padded_hello(256))
        with pytest.raises(TimeoutError):
            wire.frame(timeout=0.3)
        wire.send_bytes(b" ")
        wire.expect_end(timeout=1)


def test_frame_errors_under_a_challenge_are_told(secret_bore):
    for data, text in (
        (b"x" * 257, "frame error, invalid byte length"),
        (b"{\0", "unable to parse message"),
    ):
        with Wire.connect(secret_bore.control) as wire:
            wire.receive()
            wire.send_bytes(data)
            wire.expect_error(text)


def test_frame_errors_behind_a_right_tag_are_not_told(secret_bore):
    for data in (b"x" * 257, b"{\0"):
        with Wire.connect(secret_bore.control) as wire:
            wire.authenticate(SECRET)
            wire.send_bytes(data)
            wire.expect_end()


def test_frame_split_at_every_byte(secret_bore):
    with Wire.connect(secret_bore.control) as wire:
        challenge = wire.receive()["Challenge"]
        for byte in encode({"Authenticate": answer(SECRET, challenge)}) + encode({"Hello": 0}):
            wire.send_bytes(bytes([byte]))
        assert list(wire.receive()) == ["Hello"]


def test_last_frame_may_lack_its_nul_when_the_stream_ends_behind_it(bore):
    with Wire.connect(bore.control) as wire:
        wire.send_bytes(b'{"Hello":0}')
        end_writing(wire.sock)
        assert list(wire.receive()) == ["Hello"]
        assert wire.receive() == "Heartbeat"


def test_hello_ex_ends_the_connection_without_a_frame(bore):
    with Wire.connect(bore.control) as wire:
        wire.send({"HelloEx": {"port": 0, "version": "spore/1", "features": []}})
        wire.expect_end()


def test_garbage_silence_and_authenticate_end_without_a_frame_where_there_is_no_secret(bore):
    for data in (b"\0", b"null\0", b"{}\0", b'{"Nope":1}\0', b'{"Authenticate":"00"}\0'):
        with Wire.connect(bore.control) as wire:
            wire.send_bytes(data)
            wire.expect_end(timeout=2)


def test_second_hello_in_one_segment_is_ignored(bore):
    with Wire.connect(bore.control) as wire:
        wire.send({"Hello": 0}, {"Hello": 0})
        assert list(wire.receive()) == ["Hello"]
        for _ in range(3):
            assert wire.receive() == "Heartbeat"


def test_nothing_that_follows_hello_is_ever_read(bore):
    """After an extra frame, garbage or much data the tunnel still serves."""
    with Tunnel(bore) as tunnel:
        tunnel.wire.send({"HelloEx": {"features": ["heartbeat"]}}, "Heartbeat")
        tunnel.wire.send_bytes(b"no frame at all" * 10000)
        for _ in range(3):
            assert tunnel.wire.receive() == "Heartbeat"
        visitor, far = tunnel.join()
        visitor.sendall(b"ping")
        assert read_exactly(far, 4) == b"ping"


def test_a_half_closed_control_connection_is_served_on(bore):
    with Tunnel(bore) as tunnel:
        end_writing(tunnel.wire.sock)
        for _ in range(3):
            assert tunnel.wire.receive() == "Heartbeat"
        visitor, far = tunnel.join()
        far.sendall(b"pong")
        assert read_exactly(visitor, 4) == b"pong"


# Time


def test_heartbeats_come_at_once_and_then_every_half_second(bore):
    with Tunnel(bore) as tunnel:
        arrivals = [time.monotonic()]
        for _ in range(4):
            assert tunnel.wire.receive() == "Heartbeat"
            arrivals.append(time.monotonic())
    gaps = [after - before for before, after in zip(arrivals, arrivals[1:])]
    assert gaps[0] < seconds(0.3)
    assert all(0.4 < gap < seconds(0.9) for gap in gaps[2:]), gaps


def test_a_heartbeat_follows_each_connection(bore):
    with Tunnel(bore) as tunnel:
        assert tunnel.wire.receive() == "Heartbeat"
        with tunnel.visit(), tunnel.visit(), tunnel.visit():
            names = []
            while names.count("Connection") < 3:
                message = tunnel.wire.receive()
                names.append(message if isinstance(message, str) else list(message)[0])
            assert tunnel.wire.receive() == "Heartbeat"
    after = [names[at + 1] for at, name in enumerate(names[:-1]) if name == "Connection"]
    assert after == ["Heartbeat"] * 2, names


def test_server_waits_three_seconds_for_a_first_frame(bore):
    started = time.monotonic()
    with Wire.connect(bore.control) as wire:
        wire.expect_end(timeout=6)
    assert 2.8 < time.monotonic() - started < seconds(4.5)


def test_server_waits_three_seconds_for_the_tag_and_says_so(secret_bore):
    started = time.monotonic()
    with Wire.connect(secret_bore.control) as wire:
        wire.receive()
        wire.expect_error("timed out waiting for initial message", timeout=6)
    assert 2.8 < time.monotonic() - started < seconds(4.5)


def test_trickled_bytes_do_not_lengthen_the_three_seconds(bore):
    started = time.monotonic()
    with Wire.connect(bore.control) as wire:
        for _ in range(5):
            wire.send_bytes(b" ")
            with pytest.raises(TimeoutError):
                wire.frame(timeout=0.5 / seconds(1))
        wire.expect_end(timeout=3)
    assert 2.8 < time.monotonic() - started < seconds(4.5)


def test_server_waits_three_more_seconds_behind_a_right_tag_and_says_nothing(secret_bore):
    with Wire.connect(secret_bore.control) as wire:
        wire.authenticate(SECRET)
        started = time.monotonic()
        wire.expect_end(timeout=6)
    assert 2.8 < time.monotonic() - started < seconds(4.5)


@pytest.mark.slow
def test_visitor_that_nobody_accepts_is_closed_after_ten_seconds(bore):
    with Tunnel(bore) as tunnel, tunnel.visit() as visitor:
        identity = tunnel.wire.connection()
        started = time.monotonic()
        seen, how = how_it_ends(visitor, timeout=15)
        assert (seen, how) == (b"", "end")
        assert 9.5 < time.monotonic() - started < seconds(12)
        bore.process.wait_for(rf"removed stale connection.*{identity}")
        with tunnel.dial() as late:
            late.send({"Accept": identity})
            late.expect_end()


def test_client_waits_three_seconds_for_a_challenge(fake):
    with bore_client(fake, secret=SECRET) as client:
        fake.next_wire()
        started = time.monotonic()
        assert client.wait(timeout=6) == 1
        assert 2.7 < time.monotonic() - started < seconds(4.5)
        assert "Error: timed out waiting for initial message" in client.process.stderr


def test_client_waits_three_seconds_for_hello(fake):
    with bore_client(fake) as client:
        assert fake.next_wire().receive() == {"Hello": 0}
        started = time.monotonic()
        assert client.wait(timeout=6) == 1
        assert 2.7 < time.monotonic() - started < seconds(4.5)
        assert "Error: timed out waiting for initial message" in client.process.stderr


def test_client_waits_three_seconds_for_connecting(address):
    """A listener with a full backlog drops SYN packets."""
    with listen(address.host, BORE_CONTROL_PORT, backlog=0) as full, connect(
        address.host, BORE_CONTROL_PORT
    ):
        assert full.fileno() >= 0
        client = peers.bore_client((address.host, BORE_CONTROL_PORT), 9, listening=False)
        with client:
            started = time.monotonic()
            assert client.wait(timeout=6) == 1
            assert 2.7 < time.monotonic() - started < seconds(4.5)
    assert (
        f"Error: could not connect to {address.host}:{BORE_CONTROL_PORT}" in client.process.stderr
    )
    assert "    timed out" in client.process.stderr


# Ports


def test_error_texts_about_ports(address):
    taken = address.free_port()
    with peers.bore_server(address, min_port=1024, max_port=60000) as server, listen(
        address.host, taken
    ):
        for port, text in (
            (60001, "client port number not in allowed range"),
            (1023, "client port number not in allowed range"),
            (taken, "port already in use"),
            (BORE_CONTROL_PORT, "port already in use"),
        ):
            with Wire.connect(server.control) as wire:
                wire.send({"Hello": port})
                wire.expect_error(text)


def test_no_port_left_in_a_range_of_one(address):
    taken = address.free_port()
    with peers.bore_server(address, min_port=taken, max_port=taken) as server, listen(
        address.host, taken
    ):
        with Wire.connect(server.control) as wire:
            wire.send({"Hello": 0})
            wire.expect_error("failed to find an available port")


def test_port_that_the_system_forbids(address):
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as first:
        if int(first.read()) < 100:
            pytest.skip("this system lets everyone bind every port")
    with peers.bore_server(address, min_port=1, drop_capabilities=["net_bind_service"]) as server:
        with Wire.connect(server.control) as wire:
            wire.send({"Hello": 81})
            wire.expect_error("permission denied")


def test_address_that_is_not_ours_for_tunnels(address):
    with peers.bore_server(address, bind_tunnels="192.0.2.1") as server:
        for port, text in (
            (20000, "failed to bind to port"),
            (0, "failed to find an available port"),
        ):
            with Wire.connect(server.control) as wire:
                wire.send({"Hello": port})
                wire.expect_error(text)


def test_port_is_free_again_after_the_control_connection_ended(bore):
    """The server never reads the control connection; it notices the end when a heartbeat fails."""
    tunnel = Tunnel(bore)
    tunnel.wire.close()
    wait_until(
        lambda: loopback.port_is_free(bore.public_host, tunnel.port),
        "the port to be free",
        timeout=3,
    )


# Visitors


@pytest.mark.parametrize("form", ["lower", "upper", "simple", "braces", "urn", "escaped"])
def test_id_forms(bore, form):
    with Tunnel(bore) as tunnel, tunnel.visit() as visitor:
        identity = tunnel.wire.connection()
        assert identity == str(uuid.UUID(identity)) and uuid.UUID(identity).version == 4
        wire = tunnel.dial()
        shape = {
            "lower": identity,
            "upper": identity.upper(),
            "simple": identity.replace("-", ""),
            "braces": "{%s}" % identity,
            "urn": f"urn:uuid:{identity}",
            "escaped": identity.replace("-", "\\u002d"),
        }[form]
        wire.send_bytes(b'{"Accept":"%s"}\0behind' % shape.encode())
        assert read_exactly(visitor, 6) == b"behind"


def test_an_id_works_once_and_an_unknown_one_never(bore):
    with Tunnel(bore) as tunnel, tunnel.visit() as visitor:
        identity = tunnel.wire.connection()
        far = tunnel.accept(identity, b"first")
        assert read_exactly(visitor, 5) == b"first"
        for each in (identity, VECTOR_CHALLENGE):
            with tunnel.dial() as wire:
                wire.send({"Accept": each})
                wire.expect_end()
        far.sendall(b"still here")
        assert read_exactly(visitor, 10) == b"still here"


@pytest.mark.parametrize("length", [1, 6000, 100000])
def test_bytes_behind_accept_belong_to_the_visitor(bore, length):
    data = bytes(at % 251 for at in range(length))
    with Tunnel(bore) as tunnel, tunnel.visit() as visitor:
        tunnel.accept(tunnel.wire.connection(), data)
        assert read_exactly(visitor, length) == data


def test_bytes_before_accept_belong_to_the_client(bore):
    with Tunnel(bore) as tunnel, tunnel.visit() as visitor:
        visitor.sendall(b"early")
        end_writing(visitor)
        far = tunnel.accept(tunnel.wire.connection())
        assert read_to_end(far) == b"early"
        far.sendall(b"late answer")
        end_writing(far)
        assert read_to_end(visitor) == b"late answer"


def test_authenticate_and_accept_in_one_segment(secret_bore):
    with Tunnel(secret_bore) as tunnel, tunnel.visit() as visitor, Wire.connect(
        secret_bore.control
    ) as wire:
        identity = tunnel.wire.connection()
        tag = answer(SECRET, wire.receive()["Challenge"])
        wire.send_bytes(encode({"Authenticate": tag}) + encode({"Accept": identity}) + b"behind")
        assert read_exactly(visitor, 6) == b"behind"


def test_any_connection_may_accept_any_id(secret_bore):
    with Tunnel(secret_bore) as one, Tunnel(secret_bore) as other, one.visit() as visitor:
        far = other.accept(one.wire.connection(), b"x")
        assert read_exactly(visitor, 1) == b"x"
        far.close()


def test_a_relay_outlives_its_control_connection(bore):
    with Tunnel(bore) as tunnel:
        visitor, far = tunnel.join()
    wait_until(
        lambda: loopback.port_is_free(bore.public_host, tunnel.port),
        "the port to be free",
        timeout=3,
    )
    visitor.sendall(b"ping")
    assert read_exactly(far, 4) == b"ping"
    far.sendall(b"pong")
    end_writing(far)
    assert read_to_end(visitor) == b"pong"


def test_too_many_descriptors_end_the_server(address):
    """An error of accept() is fatal. Spore must not have this fault."""
    server = peers.bore_server(address, nofile=40)
    idle = []
    with server:
        server.process_was_ended = True
        for _ in range(60):
            try:
                idle.append(connect(*server.control))
            except OSError:
                break
        assert server.process.wait() == 1
        assert any("Too many open files" in line for line in server.process.stderr)
    for sock in idle:
        sock.close()


# The client after Hello


def test_client_speaks_the_canonical_forms(fake):
    with Inbox() as service:
        with peers.bore_client(
            (fake.host, fake.port), service.port, port=4321, listening=False
        ) as client:
            control = fake.next_wire()
            assert control.frame() == b'{"Hello":4321}'
            control.send({"Hello": 12345})
            client.wait_listening()
            assert (client.host, client.port) == (fake.host, 12345)
            identity = str(uuid.uuid4())
            control.send({"Connection": identity.upper()})
            wire = fake.next_wire()
            assert wire.frame() == b'{"Accept":"%s"}' % identity.encode()
            wire.send_bytes(b"visitor")
            assert read_exactly(service.take(), 7) == b"visitor"


@pytest.mark.parametrize(
    "frame",
    [
        b'{"Heartbeat":null}',
        b' "Heartbeat" ',
        b'"Heartb\\u0065at"',
        b'{"Hello":1}',
        b'{"Challenge":"%s"}' % VECTOR_CHALLENGE.encode(),
        b'{"Error":"x"}',
    ],
)
def test_client_goes_on_after(fake, frame):
    with bore_client(fake) as client:
        control = fake.welcome()
        client.wait_listening()
        control.send_bytes(frame + b"\0")
        identity = str(uuid.uuid4())
        control.send({"Connection": identity})
        assert fake.accepted()[0] == identity


@pytest.mark.parametrize(
    "frame", [b'{"Nope":1}', b'"Nope"', b'{"HelloEx":{"port":1}}', b"", b"{", b" " * 257]
)
def test_client_ends_with_1_after(fake, frame):
    with bore_client(fake) as client:
        control = fake.welcome()
        client.wait_listening()
        control.send_bytes(frame + b"\0")
        assert client.wait() == 1
        expected = (
            "frame error, invalid byte length" if len(frame) > 256 else "unable to parse message"
        )
        assert f"Error: {expected}" in client.process.stderr


@pytest.mark.parametrize("ending, status", [("end", 0), ("null", 0), ("reset", 1)])
def test_client_exit_status_when_the_server_goes(fake, ending, status):
    with bore_client(fake) as client:
        control = fake.welcome()
        client.wait_listening()
        if ending == "end":
            control.close()
        elif ending == "null":
            control.send_bytes(b"null\0")
        else:
            reset(control.sock)
        assert client.wait() == status


def test_client_needs_no_heartbeats(fake):
    with bore_client(fake) as client:
        control = fake.welcome()
        client.wait_listening()
        assert client.process.running
        with pytest.raises(TimeoutError):
            control.frame(timeout=4 / seconds(1))
        identity = str(uuid.uuid4())
        control.send({"Connection": identity})
        assert fake.accepted()[0] == identity


def test_client_errors_before_hello(fake):
    for secret, frame, text in (
        (
            None,
            {"Challenge": VECTOR_CHALLENGE},
            "server requires authentication, but no client secret was provided",
        ),
        (None, {"Error": "some text"}, "server error: some text"),
        (None, "Heartbeat", "unexpected initial non-hello message"),
        (None, None, "unexpected EOF"),
        (SECRET, {"Hello": 1}, "expected authentication challenge, but no secret was required"),
        (SECRET, {"Error": "x"}, "expected authentication challenge, but no secret was required"),
        (SECRET, None, "expected authentication challenge, but no secret was required"),
    ):
        with bore_client(fake, secret=secret) as client:
            wire = fake.next_wire()
            if secret is None:
                wire.receive()
            if frame is None:
                end_writing(wire.sock)
            else:
                wire.send(frame)
            assert client.wait() == 1
            assert f"Error: {text}" in client.process.stderr


def test_client_shows_invalid_secret(secret_bore):
    """The error arrives in place of Hello."""
    with peers.bore_client(secret_bore.control, 9, secret="wrong", listening=False) as client:
        assert client.wait() == 1
        assert "Error: server error: invalid secret" in client.process.stderr


def test_a_client_with_a_secret_hangs_three_seconds_on_a_server_without(bore):
    with peers.bore_client(bore.control, 9, secret=SECRET, listening=False) as client:
        started = time.monotonic()
        assert client.wait(timeout=6) == 1
        assert time.monotonic() - started > 2.7
        # The server gives up after the same three seconds, and either side may be first.
        assert client.process.stderr[0] in (
            "Error: timed out waiting for initial message",
            "Error: expected authentication challenge, but no secret was required",
        )


def test_client_accepts_before_it_dials_and_ends_cleanly_when_the_service_is_down(bore, address):
    with peers.bore_client(bore.control, address.free_port(), local_host=address.host) as client:
        with connect(bore.public_host, client.port) as visitor:
            assert how_it_ends(visitor) == (b"", "end")
        with connect(bore.public_host, client.port) as visitor:
            visitor.sendall(b"some bytes that nobody reads")
            assert how_it_ends(visitor)[0] == b""


# The command line


def test_versions_and_options():
    version = run([peers.bore_binary(), "--version"])
    assert version.stdout == [f"bore-cli {peers.BORE_VERSION}"]
    text = "\n".join(run([peers.bore_binary(), "local", "--help"]).stdout)
    for option in (
        "-l, --local-host",
        "-t, --to",
        "-p, --port",
        "-s, --secret",
        "BORE_LOCAL_PORT",
        "BORE_SERVER",
    ):
        assert option in text
    assert "control" not in text
    text = "\n".join(run([peers.bore_binary(), "server", "--help"]).stdout)
    for option in (
        "--min-port",
        "--max-port",
        "-s, --secret",
        "--bind-addr",
        "--bind-tunnels",
        "BORE_MIN_PORT",
    ):
        assert option in text
    assert "control" not in text


def test_exit_statuses_of_the_command_line(address):
    bore = peers.bore_binary()
    assert run([bore, "local", "--bogus"]).status == 2
    assert run([bore, "local"]).status == 2
    assert run([bore, "local", "65536", "--to", address.host]).status == 2
    assert run([bore, "server", "--min-port", "10", "--max-port", "9"]).status == 2
    assert run([bore, "local", "1", "--to", address.host]).status == 1
    with peers.bore_server(address):
        assert run([bore, "server", "--bind-addr", address.host]).status == 1


def test_server_has_no_handler_for_term(address):
    with peers.bore_server(address) as server:
        assert server.stop() == -signal.SIGTERM


def test_log_goes_to_standard_output(bore):
    assert any("server listening" in line for line in bore.process.stdout)
    assert bore.process.stderr == []


def test_half_close_works_both_ways(bore):
    """bore 0.5.2 could not do this."""
    with Tunnel(bore) as tunnel:
        visitor, far = tunnel.join()
        visitor.sendall(b"request")
        end_writing(visitor)
        assert read_to_end(far) == b"request"
        far.sendall(b"x" * 1000000)
        end_writing(far)
        assert read_to_end(visitor) == b"x" * 1000000


def test_a_reset_reaches_the_other_side_as_a_plain_end(bore):
    """bore does not pass a reset on; spore does."""
    with Tunnel(bore) as tunnel:
        visitor, far = tunnel.join()
        far.sendall(b"x")
        assert read_exactly(visitor, 1) == b"x"
        reset(visitor)
        assert how_it_ends(far) == (b"", "end")
