"""How spore local ends on an error: one clear line, and an exit status for each kind of error.

0 a clean end, 1 an error at run time, 3 authentication refused, 4 port refused. The clients run
with --no-reconnect, because a client that was connected once reconnects for ever by default.
"""

import time
import uuid

import pytest

from harness import frames, peers
from harness.scale import seconds
from harness.services import Inbox
from harness.sockets import connect, end_writing, listen, read_exactly, reset
from harness.wire import answer

BATCHES = 4


def spore_client(control, local_port, **options):
    return peers.spore_client(control, local_port, extra=["--no-reconnect"], **options)


def fate(control, timeout=10.0, **options):
    """Runs a client that must end by itself; returns (exit status, standard error)."""
    with spore_client(control, 9, listening=False, **options) as client:
        status = client.wait(timeout)
    assert client.process.stdout == [], "standard output must be empty"
    return status, "\n".join(client.process.stderr)


# With a real server


def test_wrong_secret(secret_server):
    status, said = fate(secret_server.control, secret="wrong")
    assert status == 3
    assert "server error: invalid secret" in said


def test_no_secret_where_one_is_needed(secret_server):
    status, said = fate(secret_server.control)
    assert status == 3
    assert "server requires authentication, but no client secret was provided" in said


def test_secret_where_none_is_needed(server):
    """No challenge arrives: the client waits three seconds and prints a hint."""
    status, said = fate(server.control, secret="s3cret")
    assert status in (1, 3)
    assert "secret" in said


def test_port_out_of_range(start_server):
    with start_server(min_port=23000, max_port=23100) as server:
        status, said = fate(server.control, port=22999)
    assert status == 4
    assert "server error: client port number not in allowed range" in said


def test_port_in_use(server, address):
    taken = address.free_port()
    with listen(address.host, taken):
        status, said = fate(server.control, port=taken)
    assert status == 4
    assert "server error: port already in use" in said


def test_server_that_ends(server):
    with Inbox() as service, spore_client(server.control, service.port) as client:
        server.stop()
        assert client.wait() == 1
        assert client.process.stderr != []


# Connecting


def test_nobody_listens(address):
    port = address.free_port()
    status, said = fate((address.host, port))
    assert status == 1
    assert f"could not connect to {address.host}:{port}" in said


def test_nobody_answers(address):
    """A full backlog drops SYN packets: the client gives up after three seconds."""
    port = address.free_port()
    with listen(address.host, port, backlog=0), connect(address.host, port):
        started = time.monotonic()
        status, said = fate((address.host, port))
        assert 2.5 < time.monotonic() - started < seconds(6)
    assert status == 1
    assert f"could not connect to {address.host}:{port}" in said


@pytest.mark.parametrize("name", ["no..such..host", "x" * 300])
def test_name_that_does_not_resolve(name):
    """These two are not valid names, so no resolver is asked."""
    status, said = fate((name, 9), timeout=30)
    assert status == 1
    assert name[:50] in said


# With a server that misbehaves


@pytest.mark.parametrize("manner", ["end", "reset"])
def test_server_that_ends_before_hello(fake_server, manner):
    """The message lists the likely causes: wrong port, different secrets, TLS on one side."""
    with spore_client((fake_server.host, fake_server.port), 9, listening=False) as client:
        wire = fake_server.next_wire()
        assert wire.receive() == {"Hello": 0}
        if manner == "end":
            wire.close()
        else:
            reset(wire.sock)
        assert client.wait() == 1
    said = "\n".join(client.process.stderr)
    assert "secret" in said and "TLS" in said


@pytest.mark.parametrize("secret", [None, "s3cret"])
def test_server_that_says_nothing(fake_server, secret):
    started = time.monotonic()
    with spore_client(
        (fake_server.host, fake_server.port), 9, secret=secret, listening=False
    ) as client:
        fake_server.next_wire()
        assert client.wait(timeout=8) == 1
    assert 2.5 < time.monotonic() - started < seconds(6)


def test_server_that_says_nothing_behind_the_challenge(fake_server):
    with spore_client(
        (fake_server.host, fake_server.port), 9, secret="s3cret", listening=False
    ) as client:
        wire = fake_server.next_wire()
        challenge = str(uuid.uuid4())
        wire.send({"Challenge": challenge})
        assert wire.receive() == {"Authenticate": answer("s3cret", challenge)}
        started = time.monotonic()
        assert client.wait(timeout=8) == 1
    assert 2.5 < time.monotonic() - started < seconds(6)


@pytest.mark.parametrize(
    "text, status",
    [
        ("invalid secret", 3),
        ("server requires secret, but no secret was provided", 3),
        ("client port number not in allowed range", 4),
        ("port already in use", 4),
        ("permission denied", 4),
        ("failed to bind to port", 4),
        ("failed to find an available port", 4),
        ("something else", 1),
    ],
)
def test_errors_of_the_server(fake_server, text, status):
    with spore_client((fake_server.host, fake_server.port), 9, listening=False) as client:
        wire = fake_server.next_wire()
        assert wire.receive() == {"Hello": 0}
        wire.send({"Error": text})
        assert client.wait() == status
    assert any(f"server error: {text}" in line for line in client.process.stderr)


def test_hello_where_a_challenge_was_expected(fake_server):
    with spore_client(
        (fake_server.host, fake_server.port), 9, secret="s3cret", listening=False
    ) as client:
        fake_server.next_wire().send({"Hello": 12345})
        assert client.wait() in (1, 3)
    assert any(
        "expected authentication challenge, but no secret was required" in line
        for line in client.process.stderr
    )


@pytest.mark.timeout(120)
@pytest.mark.parametrize("batch", range(BATCHES))
def test_refused_frames_in_place_of_hello(fake_server, batch):
    wrong = []
    for entry in frames.load(frames.TO_CLIENT, accepted=False)[batch::BATCHES]:
        with spore_client((fake_server.host, fake_server.port), 9, listening=False) as client:
            with fake_server.next_wire() as wire:
                assert wire.receive() == {"Hello": 0}
                wire.send_bytes(frames.raw(entry) + b"\0")
                status = client.wait()
        if status != 1 or not client.process.stderr or client.process.stdout:
            wrong.append((entry, status, client.process.lines))
    assert not wrong


@pytest.mark.timeout(120)
def test_accepted_frames_in_place_of_hello(fake_server):
    wrong = []
    for entry in frames.load(frames.TO_CLIENT, accepted=True):
        with spore_client((fake_server.host, fake_server.port), 9, listening=False) as client:
            with fake_server.next_wire() as wire:
                assert wire.receive() == {"Hello": 0}
                wire.send_bytes(frames.raw(entry) + b"\0")
                end_writing(wire.sock)
                status = client.wait()
        if not _as_listed(entry, status, client.process):
            wrong.append((entry, status, client.process.lines))
    assert not wrong


def _as_listed(entry, status, process):
    said = "\n".join(process.stderr)
    if entry["variant"] == "Hello":
        return (
            bool(process.stdout)
            and process.stdout[0].endswith(f":{frames.value(entry)}")
            and status == 1
        )
    if process.stdout:
        return False
    if entry["variant"] == "Error":
        # The log escapes other characters, so only ASCII texts are compared.
        text = frames.value(entry)
        return (
            status == 1
            and "server error: " in said
            and (not (text.isascii() and text.isprintable()) or text in said)
        )
    if entry["variant"] == "Challenge":
        return (
            status == 3
            and "server requires authentication, but no client secret was provided" in said
        )
    return status == 1


@pytest.mark.parametrize(
    "data",
    [b'{"Nope":1}\0', b"\0", b"{\0", b"x" * 257, b'{"Connection":"x"}\0', b"\xff\xfe\0"],
    ids=["unknown", "empty", "unfinished", "long", "bad id", "no text"],
)
def test_garbage_on_the_control_connection(fake_server, data):
    with spore_client((fake_server.host, fake_server.port), 9, listening=False) as client:
        control = fake_server.welcome()
        client.wait_listening()
        before = len(client.process.stderr)
        control.send_bytes(data)
        assert client.wait() == 1
        assert len(client.process.stderr) > before


@pytest.mark.parametrize("manner", ["end", "reset"])
def test_control_connection_that_ends(fake_server, manner):
    with spore_client((fake_server.host, fake_server.port), 9, listening=False) as client:
        control = fake_server.welcome()
        client.wait_listening()
        if manner == "end":
            control.close()
        else:
            reset(control.sock)
        assert client.wait() == 1


@pytest.mark.parametrize(
    "message",
    [{"Hello": 1}, {"Challenge": str(uuid.UUID(int=7))}, {"Error": "odd"}, "Heartbeat"],
    ids=["hello", "challenge", "error", "heartbeat"],
)
def test_late_frames_that_are_tolerated(fake_server, message):
    """bore's client tolerates them too."""
    with Inbox() as service:
        with spore_client(
            (fake_server.host, fake_server.port), service.port, listening=False
        ) as client:
            control = fake_server.welcome()
            client.wait_listening()
            identity = str(uuid.uuid4())
            control.send(message, {"Connection": identity})
            accepted, wire = fake_server.accepted()
            assert accepted == identity
            wire.send_bytes(b"visitor")
            assert read_exactly(service.take(), 7) == b"visitor"


def test_server_that_refuses_the_data_connections(fake_server):
    """The visitor is lost, but the tunnel stays."""
    with Inbox() as service:
        with spore_client(
            (fake_server.host, fake_server.port), service.port, listening=False
        ) as client:
            control = fake_server.welcome()
            client.wait_listening()
            for _ in range(3):
                control.send({"Connection": str(uuid.uuid4())})
                fake_server.next_wire().close()
            identity = str(uuid.uuid4())
            control.send({"Connection": identity})
            assert fake_server.accepted()[0] == identity


def test_what_the_client_sends_is_what_bore_sends(fake_server):
    """The bytes on every connection equal those of bore's client, as a bore server expects."""
    with Inbox() as service:
        with spore_client(
            (fake_server.host, fake_server.port),
            service.port,
            secret="s3cret",
            port=4321,
            listening=False,
        ) as client:
            challenge = "00000000-0000-4000-8000-000000000000"
            tag = b'{"Authenticate":"%s"}' % answer("s3cret", challenge).encode()
            control = fake_server.next_wire()
            control.send({"Challenge": challenge})
            assert control.frame() == tag
            assert control.frame() == b'{"Hello":4321}'
            control.send({"Hello": 4321})
            client.wait_listening()
            identity = str(uuid.uuid4())
            control.send({"Connection": identity.upper()})
            wire = fake_server.next_wire()
            wire.send({"Challenge": challenge})
            assert wire.frame() == tag
            assert wire.frame() == b'{"Accept":"%s"}' % identity.encode()
            wire.send_bytes(b"visitor")
            near = service.take()
            assert read_exactly(near, 7) == b"visitor"
            near.sendall(b"service")
            assert read_exactly(wire.stream(), 7) == b"service"


def test_the_way_to_keep_trying_is_named(server):
    """The first attempt is the only one without --retry, also beside a client that hangs."""
    with spore_client(server.control, 9) as holder:
        with spore_client(server.control, 9, port=holder.port, listening=False) as late:
            assert late.wait() == 4
            late.process.wait_for(r'remedy="--retry \(client.retry\) keeps trying"')
    with spore_client(server.control, 9, port=server.control[1], listening=False) as never:
        assert never.wait() == 4
        assert "remedy" not in never.process.log()
