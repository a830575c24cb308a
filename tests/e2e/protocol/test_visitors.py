"""A visitor waits under an id; Accept turns a connection into its byte stream."""

import uuid

import pytest

from harness.bulk import pattern_bytes
from harness.sockets import end_writing, how_it_ends, read_exactly, read_to_end
from harness.wire import Tunnel, Wire

pytestmark = pytest.mark.bore_too


def exchange(visitor, far):
    visitor.sendall(b"question")
    assert read_exactly(far, 8) == b"question"
    far.sendall(b"answer")
    assert read_exactly(visitor, 6) == b"answer"


def test_both_ways(server):
    with Tunnel(server) as tunnel:
        exchange(*tunnel.join())


def test_a_connection_for_each_visitor(server):
    with Tunnel(server) as tunnel:
        visitors = [tunnel.visit() for _ in range(20)]
        identities = [tunnel.wire.connection() for _ in range(20)]
        assert len(set(identities)) == 20
        for identity in identities:
            assert identity == str(uuid.UUID(identity))
        for visitor in visitors:
            visitor.close()


def test_ids_lead_to_their_own_visitors(server):
    with Tunnel(server) as tunnel:
        pairs = []
        for index in range(5):
            visitor = tunnel.visit()
            pairs.append((index, visitor, tunnel.wire.connection()))
        for index, visitor, identity in reversed(pairs):
            tunnel.accept(identity, b"%d" % index)
            assert read_exactly(visitor, 1) == b"%d" % index


@pytest.mark.parametrize(
    "form", ["lower", "upper", "simple", "simple upper", "braces", "urn", "escaped", "spaces"]
)
def test_forms_of_an_id(server, form):
    with Tunnel(server) as tunnel, tunnel.visit() as visitor, tunnel.dial() as wire:
        identity = tunnel.wire.connection()
        text = {
            "lower": identity,
            "upper": identity.upper(),
            "simple": identity.replace("-", ""),
            "simple upper": identity.replace("-", "").upper(),
            "braces": "{%s}" % identity,
            "urn": "urn:uuid:%s" % identity,
            "escaped": identity.replace("-", "\\u002d"),
            "spaces": identity,
        }[form]
        space = b" " if form == "spaces" else b""
        wire.send_bytes(
            space.join((b"{", b'"Accept"', b":", b'"%s"' % text.encode(), b"}")) + b"\0behind"
        )
        assert read_exactly(visitor, 6) == b"behind"


def test_an_id_works_once(server):
    with Tunnel(server) as tunnel, tunnel.visit() as visitor:
        identity = tunnel.wire.connection()
        far = tunnel.accept(identity)
        exchange(visitor, far)
        with tunnel.dial() as again:
            again.send({"Accept": identity})
            again.expect_end(timeout=2)
        exchange(visitor, far)


def test_an_id_works_once_even_after_its_relay(server):
    with Tunnel(server) as tunnel:
        visitor = tunnel.visit()
        identity = tunnel.wire.connection()
        far = tunnel.accept(identity)
        visitor.close()
        assert how_it_ends(far)[0] == b""
        far.close()
        with tunnel.dial() as again:
            again.send({"Accept": identity})
            again.expect_end(timeout=2)


def test_one_of_many_that_race_for_an_id_gets_it(server):
    with Tunnel(server) as tunnel, tunnel.visit() as visitor:
        identity = tunnel.wire.connection()
        wires = [tunnel.dial() for _ in range(20)]
        for wire in wires:
            wire.send({"Accept": identity})
        visitor.sendall(b"hello")
        end_writing(visitor)
        endings = [how_it_ends(wire.stream()) for wire in wires]
        assert sorted(seen for seen, _ in endings) == [b""] * 19 + [b"hello"]
        for wire in wires:
            wire.close()


@pytest.mark.parametrize(
    "identity", [str(uuid.UUID(int=0)), "0f6a4b6e-3c1d-4f0e-9d53-6c6f7b1f3f27", "f" * 32]
)
def test_unknown_id(server, identity):
    with Wire.connect(server.control) as wire:
        wire.send({"Accept": identity})
        wire.expect_end(timeout=2)


def test_unknown_id_behind_a_right_tag(secret_server):
    with Wire.connect(secret_server.control) as wire:
        wire.authenticate("s3cret")
        wire.send({"Accept": str(uuid.uuid4())})
        wire.expect_end(timeout=2)


@pytest.mark.parametrize("length", [1, 255, 257, 6000, 100000, 1000000])
def test_bytes_behind_accept_reach_the_visitor(server, length):
    data = pattern_bytes(length)
    with Tunnel(server) as tunnel, tunnel.visit() as visitor:
        far = tunnel.accept(tunnel.wire.connection(), data)
        end_writing(far)
        assert read_to_end(visitor) == data


def test_a_nul_behind_accept_belongs_to_the_visitor(server):
    with Tunnel(server) as tunnel, tunnel.visit() as visitor:
        tunnel.accept(tunnel.wire.connection(), b'\0{"Hello":0}\0')
        assert read_exactly(visitor, 13) == b'\0{"Hello":0}\0'


@pytest.mark.parametrize("length", [1, 6000, 1000000])
def test_bytes_that_the_visitor_sent_early_reach_the_client(server, length):
    data = pattern_bytes(length)
    with Tunnel(server) as tunnel, tunnel.visit() as visitor:
        identity = tunnel.wire.connection()
        visitor.sendall(data)
        assert read_exactly(tunnel.accept(identity), length) == data


def test_early_bytes_of_both(server):
    with Tunnel(server) as tunnel, tunnel.visit() as visitor:
        visitor.sendall(b"early question")
        far = tunnel.accept(tunnel.wire.connection(), b"early answer")
        assert read_exactly(far, 14) == b"early question"
        assert read_exactly(visitor, 12) == b"early answer"
        exchange(visitor, far)


def test_visitor_that_half_closed_while_it_waited(server):
    with Tunnel(server) as tunnel, tunnel.visit() as visitor:
        visitor.sendall(b"whole request")
        end_writing(visitor)
        far = tunnel.accept(tunnel.wire.connection())
        assert read_to_end(far) == b"whole request"
        far.sendall(b"whole answer")
        end_writing(far)
        assert read_to_end(visitor) == b"whole answer"


def test_client_that_half_closed_right_behind_accept(server):
    with Tunnel(server) as tunnel, tunnel.visit() as visitor, tunnel.dial() as wire:
        far = wire.accept(tunnel.wire.connection(), b"all I have")
        end_writing(far)
        assert read_to_end(visitor) == b"all I have"
        visitor.sendall(b"thanks")
        end_writing(visitor)
        assert read_to_end(far) == b"thanks"


def test_visitor_that_left_before_accept(server):
    with Tunnel(server) as tunnel:
        visitor = tunnel.visit()
        visitor.sendall(b"never mind")
        visitor.close()
        far = tunnel.accept(tunnel.wire.connection())
        assert how_it_ends(far)[0] in (b"never mind", b"")
        exchange(*tunnel.join())


def test_ids_of_another_tunnel_with_the_same_secret(secret_server):
    """One secret is one principal, which may accept its own visitors on any connection."""
    with Tunnel(secret_server) as one, Tunnel(secret_server) as other, one.visit() as visitor:
        exchange(visitor, other.accept(one.wire.connection()))


def test_visitors_of_two_tunnels_do_not_mix(server):
    with Tunnel(server) as one, Tunnel(server) as two:
        first, first_far = one.join()
        second, second_far = two.join()
        first.sendall(b"one")
        second.sendall(b"two")
        assert read_exactly(first_far, 3) == b"one"
        assert read_exactly(second_far, 3) == b"two"
