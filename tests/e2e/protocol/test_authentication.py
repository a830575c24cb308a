"""The challenge, its answer, and the verdict."""

import re
import uuid

import pytest

from harness.scale import seconds
from harness.sockets import end_writing, read_exactly
from harness.wire import Ended, Tunnel, Wire, answer, encode

NO_SECRET = "server requires secret, but no secret was provided"
UNKNOWN_ID = "0f6a4b6e-3c1d-4f0e-9d53-6c6f7b1f3f27"


@pytest.mark.bore_too
def test_right_secret(secret_server):
    with Tunnel(secret_server) as tunnel:
        visitor, far = tunnel.join()
        visitor.sendall(b"ping")
        assert read_exactly(far, 4) == b"ping"


@pytest.mark.bore_too
def test_challenges_are_random_uuids_in_canonical_form(secret_server, against):
    """bore's are of version 4. Spore's are of version 8, and offer "about"."""
    seen = set()
    for _ in range(5):
        with Wire.connect(secret_server.control) as wire:
            frame = wire.frame().decode()
        found = re.fullmatch(
            r'\{"Challenge":"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"\}', frame
        )
        assert found, frame
        assert found.group(1)[14] == "4" if against == "bore" else found.group(1)[14:18] == "8002"
        assert uuid.UUID(found.group(1)).variant == uuid.RFC_4122
        seen.add(found.group(1))
    assert len(seen) == 5


@pytest.mark.bore_too
def test_tag_in_upper_case(secret_server):
    with Wire.connect(secret_server.control) as wire:
        wire.send({"Authenticate": answer("s3cret", wire.receive()["Challenge"]).upper()})
        assert wire.hello() >= 1024


@pytest.mark.bore_too
def test_hello_pipelined_behind_authenticate(secret_server):
    with Wire.connect(secret_server.control) as wire:
        wire.send({"Authenticate": answer("s3cret", wire.receive()["Challenge"])}, {"Hello": 0})
        assert list(wire.receive()) == ["Hello"]


@pytest.mark.bore_too
def test_accept_pipelined_behind_authenticate_with_bytes_behind_it(secret_server):
    with Tunnel(secret_server) as tunnel, tunnel.visit() as visitor:
        identity = tunnel.wire.connection()
        with Wire.connect(secret_server.control) as wire:
            tag = answer("s3cret", wire.receive()["Challenge"])
            wire.send_bytes(
                encode({"Authenticate": tag}) + encode({"Accept": identity}) + b"behind"
            )
            assert read_exactly(visitor, 6) == b"behind"


@pytest.mark.bore_too
def test_everything_split_at_every_byte(secret_server):
    with Tunnel(secret_server) as tunnel, tunnel.visit() as visitor:
        identity = tunnel.wire.connection()
        with Wire.connect(secret_server.control) as wire:
            tag = answer("s3cret", wire.receive()["Challenge"])
            for byte in encode({"Authenticate": tag}) + encode({"Accept": identity}) + b"behind":
                wire.send_bytes(bytes([byte]))
            assert read_exactly(visitor, 6) == b"behind"


@pytest.mark.bore_too
@pytest.mark.parametrize(
    "behind", [[], [{"Hello": 0}], [{"Accept": UNKNOWN_ID}]], ids=["alone", "hello", "accept"]
)
def test_wrong_secret(secret_server, behind):
    """Without a next frame the verdict still comes long before the three seconds."""
    with Wire.connect(secret_server.control) as wire:
        wire.send({"Authenticate": answer("wrong", wire.receive()["Challenge"])}, *behind)
        if behind and "Accept" in behind[0]:
            # No visitor has this id. The connection may also end without an answer.
            message = _last_words(wire)
            assert message in (None, {"Error": "invalid secret"})
        else:
            wire.expect_error("invalid secret", timeout=1.5)


def _last_words(wire):
    try:
        message = wire.receive()
    except Ended:
        return None
    wire.expect_end()
    return message


@pytest.mark.bore_too
def test_wrong_secret_with_the_id_of_a_real_visitor(secret_server):
    with Tunnel(secret_server) as tunnel, tunnel.visit() as visitor:
        identity = tunnel.wire.connection()
        with Wire.connect(secret_server.control) as wire:
            wire.send(
                {"Authenticate": answer("wrong", wire.receive()["Challenge"])}, {"Accept": identity}
            )
            assert _last_words(wire) in (None, {"Error": "invalid secret"})
        # The visitor still waits for the right one.
        tunnel.accept(identity, b"mine")
        assert read_exactly(visitor, 4) == b"mine"


@pytest.mark.bore_too
@pytest.mark.parametrize(
    "tag", ["", "00", "0" * 63, "0" * 64, "0" * 65, "0" * 128, "not hex", "g" * 64, "\0" * 20]
)
def test_invalid_tags(secret_server, tag):
    with Wire.connect(secret_server.control) as wire:
        wire.receive()
        wire.send({"Authenticate": tag}, {"Hello": 0})
        wire.expect_error("invalid secret")


@pytest.mark.bore_too
def test_the_answer_to_another_connections_challenge(secret_server):
    with Wire.connect(secret_server.control) as first, Wire.connect(
        secret_server.control
    ) as second:
        tag = answer("s3cret", first.receive()["Challenge"])
        second.receive()
        second.send({"Authenticate": tag}, {"Hello": 0})
        second.expect_error("invalid secret")


@pytest.mark.bore_too
@pytest.mark.parametrize("message", [{"Hello": 0}, {"Accept": UNKNOWN_ID}], ids=["hello", "accept"])
def test_another_frame_first(secret_server, message):
    with Wire.connect(secret_server.control) as wire:
        wire.receive()
        wire.send(message)
        wire.expect_error(NO_SECRET)


def test_hello_ex_first(secret_server):
    with Wire.connect(secret_server.control) as wire:
        wire.receive()
        wire.send({"HelloEx": {"port": 0, "version": "spore/1", "features": []}})
        wire.expect_error(NO_SECRET)


@pytest.mark.bore_too
def test_half_closed_in_place_of_a_tag(secret_server):
    with Wire.connect(secret_server.control) as wire:
        wire.receive()
        end_writing(wire.sock)
        wire.expect_error(NO_SECRET)


@pytest.mark.bore_too
def test_authenticate_where_there_is_no_secret(server):
    with Wire.connect(server.control) as wire:
        wire.send({"Authenticate": "00" * 32}, {"Hello": 0})
        wire.expect_end(timeout=2)


@pytest.mark.bore_too
def test_hello_some_time_after_authenticate(secret_server):
    """The server waits only briefly for the next frame, but a right tag stays valid."""
    with Wire.connect(secret_server.control) as wire:
        wire.authenticate("s3cret")
        with pytest.raises(TimeoutError):
            wire.frame(timeout=1.5 / seconds(1))
        assert wire.hello() >= 1024


@pytest.mark.bore_too
def test_authenticate_twice(secret_server):
    with Wire.connect(secret_server.control) as wire:
        tag = answer("s3cret", wire.receive()["Challenge"])
        wire.send({"Authenticate": tag}, {"Authenticate": tag}, {"Hello": 0})
        wire.expect_end(timeout=2)


@pytest.mark.bore_too
def test_refused_clients_harm_nobody(secret_server):
    for _ in range(20):
        with Wire.connect(secret_server.control) as wire:
            wire.send({"Authenticate": answer("wrong", wire.receive()["Challenge"])}, {"Hello": 0})
            wire.expect_error("invalid secret")
    with Tunnel(secret_server) as tunnel:
        assert tunnel.port >= 1024
    assert not any("s3cret" in line for line in secret_server.process.lines)


@pytest.mark.bore_too
@pytest.mark.parametrize("secret", ["a", "s" * 500, "caf\u00e9 \u2603", " spaces "])
def test_odd_secrets(start_server, secret):
    with start_server(secret=secret) as server, Tunnel(server) as tunnel:
        assert tunnel.port >= 1024
