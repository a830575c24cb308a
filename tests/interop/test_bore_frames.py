"""Checks tests/interop/frames.json against the real bore, entry by entry.

The answer of a bore server with a secret to the first frame shows its verdict; the last output of a
bore client shows the client's.
"""

import pytest

from harness import frames, peers
from harness.fake_server import FakeServer
from harness.loopback import BORE_CONTROL_PORT, port_is_free
from harness.waiting import wait_until
from harness.wire import Wire, answer

UNREADABLE = ("unable to parse message", "frame error, invalid byte length")
SERVER_TO_CLIENT_BATCHES = 4


def test_the_list_has_both_kinds_in_both_directions():
    for direction in (frames.TO_SERVER, frames.TO_CLIENT):
        assert len(frames.load(direction, accepted=True)) >= 40
        assert len(frames.load(direction, accepted=False)) >= 100


def test_frames_to_a_server(address):
    wrong = []
    with peers.bore_server(address, secret="s3cret") as server:
        for entry in frames.load(frames.TO_SERVER):
            with Wire.connect(server.control) as wire:
                wire.receive()
                wire.send_bytes(frames.raw(entry) + b"\0")
                said = wire.receive()["Error"]
            if frames.means_end(entry):
                as_listed = said == "server requires secret, but no secret was provided"
            elif not entry["accepted"]:
                as_listed = said in UNREADABLE
            elif entry["variant"] == "Authenticate":
                as_listed = said == "invalid secret"
            else:
                as_listed = said == "server requires secret, but no secret was provided"
            if not as_listed:
                wrong.append((entry, said))
    assert not wrong


def test_hello_to_a_server_has_the_listed_value(address):
    """The granted port or the refusal shows which number the server has read."""
    wrong = []
    with peers.bore_server(address, min_port=20050, max_port=20050) as server:
        for entry in frames.load(frames.TO_SERVER, accepted=True):
            if entry["variant"] != "Hello":
                continue
            with Wire.connect(server.control) as wire:
                wire.send_bytes(frames.raw(entry) + b"\0")
                said = wire.receive()
                in_range = frames.value(entry) in (0, 20050)
                expected = (
                    {"Hello": 20050}
                    if in_range
                    else {"Error": "client port number not in allowed range"}
                )
                if said != expected:
                    wrong.append((entry, said))
                if in_range:
                    wire.close()
                    wait_until(
                        lambda: port_is_free(server.public_host, 20050),
                        "the server to notice that its client left",
                    )
    assert not wrong


@pytest.mark.parametrize("batch", range(SERVER_TO_CLIENT_BATCHES))
def test_frames_to_a_client(address, batch):
    wrong = []
    with FakeServer(address.host, BORE_CONTROL_PORT) as fake:
        for entry in frames.load(frames.TO_CLIENT)[batch::SERVER_TO_CLIENT_BATCHES]:
            with peers.bore_client((fake.host, fake.port), 9, listening=False) as client:
                with fake.next_wire() as wire:
                    assert wire.receive() == {"Hello": 0}
                    wire.send_bytes(frames.raw(entry) + b"\0")
                    wire.sock.shutdown(1)
                    status = client.wait()
            said = "\n".join(client.process.lines)
            if not _client_said_what_is_listed(entry, said, status):
                wrong.append((entry, status, said))
    assert not wrong


def _client_said_what_is_listed(entry, said, status):
    if frames.means_end(entry):
        return "unexpected EOF" in said and status == 1
    if not entry["accepted"]:
        return any(text in said for text in UNREADABLE) and status == 1
    if entry["variant"] == "Hello":
        return f":{frames.value(entry)}" in said and "listening at" in said and status == 0
    if entry["variant"] == "Error":
        return f"server error: {_one_line(frames.value(entry))}" in _one_line(said) and status == 1
    if entry["variant"] == "Challenge":
        return (
            "server requires authentication, but no client secret was provided" in said
            and status == 1
        )
    return "unexpected initial non-hello message" in said and status == 1


def _one_line(text):
    return text.replace("\r", "").replace("\n", "")


def test_connection_ids_to_a_client_have_the_listed_value(address):
    """The client connects with the id in canonical form, which shows what it has read."""
    with FakeServer(address.host, BORE_CONTROL_PORT) as fake:
        with peers.bore_client((fake.host, fake.port), 9, listening=False) as client:
            control = fake.welcome()
            client.wait_listening()
            for entry in frames.load(frames.TO_CLIENT, accepted=True):
                if entry["variant"] == "Connection":
                    control.send_bytes(frames.raw(entry) + b"\0")
                    identity, wire = fake.accepted()
                    wire.close()
                    assert identity == frames.value(entry), entry


def test_challenges_to_a_client_have_the_listed_value(address):
    with FakeServer(address.host, BORE_CONTROL_PORT) as fake:
        for entry in frames.load(frames.TO_CLIENT, accepted=True):
            if entry["variant"] != "Challenge":
                continue
            with peers.bore_client(
                (fake.host, fake.port), 9, secret="s3cret", listening=False
            ) as client:
                with fake.next_wire() as wire:
                    wire.send_bytes(frames.raw(entry) + b"\0")
                    assert wire.receive() == {
                        "Authenticate": answer("s3cret", frames.value(entry))
                    }, entry
                client.wait()
