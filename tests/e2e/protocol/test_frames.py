"""Frames that the server accepts: each entry of bore's list, and the limits of length."""

import pytest

from harness import frames, procfs
from harness.scale import MIB
from harness.sockets import connect, end_writing, read_exactly
from harness.wire import Ended, Tunnel, Wire, encode

NO_SECRET = "server requires secret, but no secret was provided"
UNREADABLE = ("unable to parse message", "frame error, invalid byte length")


@pytest.mark.bore_too
def test_refused_frames_under_a_challenge(secret_server):
    wrong = []
    for entry in frames.load(frames.TO_SERVER, accepted=False):
        with Wire.connect(secret_server.control) as wire:
            wire.receive()
            wire.send_bytes(frames.raw(entry) + b"\0")
            said = wire.receive().get("Error")
            wire.expect_end()
        if said not in UNREADABLE and not (frames.means_end(entry) and said == NO_SECRET):
            wrong.append((entry, said))
    assert not wrong


@pytest.mark.bore_too
def test_accepted_frames_under_a_challenge(secret_server):
    wrong = []
    for entry in frames.load(frames.TO_SERVER, accepted=True):
        with Wire.connect(secret_server.control) as wire:
            wire.receive()
            wire.send_bytes(frames.raw(entry) + b"\0")
            said = wire.receive().get("Error")
            wire.expect_end()
        if said != ("invalid secret" if entry["variant"] == "Authenticate" else NO_SECRET):
            wrong.append((entry, said))
    assert not wrong


@pytest.mark.bore_too
def test_refused_frames_without_a_secret_get_no_answer(server):
    wrong = []
    for entry in frames.load(frames.TO_SERVER, accepted=False):
        with Wire.connect(server.control) as wire:
            wire.send_bytes(frames.raw(entry) + b"\0")
            try:
                wrong.append((entry, wire.frame()))
            except Ended as over:
                if over.rest:
                    wrong.append((entry, over.rest))
    assert not wrong
    with Tunnel(server):
        pass


@pytest.mark.bore_too
def test_hello_with_every_accepted_spelling(start_server, address):
    with start_server(min_port=20051, max_port=20051) as server:
        wrong = []
        for entry in frames.load(frames.TO_SERVER, accepted=True):
            if entry["variant"] == "Hello" and frames.value(entry) != 0:
                with Wire.connect(server.control) as wire:
                    wire.send_bytes(frames.raw(entry) + b"\0")
                    said = wire.receive()
                if said != {"Error": "client port number not in allowed range"}:
                    wrong.append((entry, said))
        assert not wrong


def padded(length, frame=b'{"Hello":0}'):
    return frame + b" " * (length - len(frame))


@pytest.mark.bore_too
def test_256_bytes(server):
    with Wire.connect(server.control) as wire:
        wire.send_bytes(padded(256) + b"\0")
        assert list(wire.receive()) == ["Hello"]


@pytest.mark.bore_too
def test_257_bytes(server):
    with Wire.connect(server.control) as wire:
        wire.send_bytes(padded(257) + b"\0")
        wire.expect_end(timeout=2)


@pytest.mark.bore_too
def test_257_bytes_without_their_nul(server):
    """The server need not wait for the NUL of a frame that is already too long."""
    with Wire.connect(server.control) as wire:
        wire.send_bytes(padded(257))
        wire.expect_end(timeout=2)


@pytest.mark.bore_too
@pytest.mark.parametrize("split", [1, 10, 255, 256])
def test_256_bytes_in_two_pieces(server, split):
    with Wire.connect(server.control) as wire:
        data = padded(256) + b"\0"
        wire.send_bytes(data[:split])
        with pytest.raises(TimeoutError):
            wire.frame(timeout=0.2)
        wire.send_bytes(data[split:])
        assert list(wire.receive()) == ["Hello"]


@pytest.mark.bore_too
@pytest.mark.parametrize(
    "data, text",
    [(b"x" * 257, UNREADABLE[1]), (b"x" * 100000, UNREADABLE[1]), (b"{\0", UNREADABLE[0])],
    ids=["257 bytes", "100000 bytes", "unfinished"],
)
def test_errors_under_a_challenge_have_a_text(secret_server, data, text):
    with Wire.connect(secret_server.control) as wire:
        wire.receive()
        wire.send_bytes(data)
        try:
            message = wire.receive()
        except Ended as over:
            # Much data was left unread, so a reset may overtake the text.
            assert len(data) > 1000 and over.rest == b""
        else:
            assert message == {"Error": text}


@pytest.mark.bore_too
def test_refused_frames_behind_a_right_tag_get_no_answer(secret_server):
    for data in (b"{\0", b"x" * 257, b'{"Nope":1}\0', b"\0"):
        with Wire.connect(secret_server.control) as wire:
            wire.authenticate("s3cret")
            wire.send_bytes(data)
            wire.expect_end(timeout=2)


@pytest.mark.bore_too
def test_stream_that_ends_inside_a_frame(server):
    with Wire.connect(server.control) as wire:
        wire.send_bytes(b'{"Hel')
        end_writing(wire.sock)
        wire.expect_end(timeout=2)


@pytest.mark.bore_too
def test_much_that_follows_hello_costs_no_memory(server):
    """bore never reads after Hello. spore may read and end the connection, but must not store
    data."""
    before = procfs.anonymous_memory(server.pid)
    with Tunnel(server) as tunnel, Tunnel(server) as other:
        tunnel.wire.sock.settimeout(1)
        try:
            for _ in range(64):
                tunnel.wire.sock.sendall(b"x" * MIB)
        except (TimeoutError, ConnectionError):
            pass
        assert procfs.anonymous_memory(server.pid) - before < 16 * MIB
        visitor, far = other.join()
        visitor.close()
        far.close()


@pytest.mark.bore_too
def test_a_megabyte_of_small_frames(server):
    """The first Hello opens a tunnel; 80,000 more neither open another tunnel nor break this
    one."""
    with Wire.connect(server.control) as wire:
        wire.sock.settimeout(1)
        try:
            wire.sock.sendall(encode({"Hello": 0}) * 80000)
        except TimeoutError:
            pass  # bore does not read after Hello
        first = wire.receive()
        assert list(first) == ["Hello"]
        with pytest.raises(TimeoutError):
            raise AssertionError(f"another answer: {wire.receive_but_heartbeats(timeout=1)}")
        with connect(server.public_host, first["Hello"]) as visitor:
            identity = wire.connection()
            with Wire.connect(server.control) as data:
                data.accept(identity).sendall(b"carried")
                assert read_exactly(visitor, 7) == b"carried"
