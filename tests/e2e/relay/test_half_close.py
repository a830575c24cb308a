"""Each direction of a relay ends on its own."""

import pytest

from harness.bulk import Sending, pattern_bytes, receive_pattern
from harness.peers import spore_client
from harness.scale import MIB, size
from harness.services import Inbox, Sink, Source
from harness.sockets import connect, end_writing, read_exactly, read_to_end
from harness.wire import Tunnel


@pytest.mark.bore_too
def test_visitor_first(server):
    with Tunnel(server) as tunnel:
        visitor, far = tunnel.join()
        visitor.sendall(b"request")
        end_writing(visitor)
        assert read_to_end(far) == b"request"
        sending = Sending(far, size(10 * MIB), end=True)
        assert receive_pattern(visitor) == (size(10 * MIB), sending.result())


@pytest.mark.bore_too
def test_client_first(server):
    with Tunnel(server) as tunnel:
        visitor, far = tunnel.join()
        far.sendall(b"banner")
        end_writing(far)
        assert read_to_end(visitor) == b"banner"
        sending = Sending(visitor, size(10 * MIB), end=True)
        assert receive_pattern(far) == (size(10 * MIB), sending.result())


@pytest.mark.bore_too
def test_an_end_comes_behind_all_bytes(server):
    data = pattern_bytes(3 * MIB)
    with Tunnel(server) as tunnel:
        visitor, far = tunnel.join()
        sending = Sending(visitor, len(data), end=True)
        assert read_to_end(far) == data
        sending.result()
        far.sendall(b"x")
        assert read_exactly(visitor, 1) == b"x"


@pytest.mark.bore_too
def test_both_at_the_same_time(server):
    with Tunnel(server) as tunnel:
        for _ in range(20):
            visitor, far = tunnel.join()
            end_writing(visitor)
            end_writing(far)
            assert read_to_end(visitor) == b""
            assert read_to_end(far) == b""
            visitor.close()
            far.close()


@pytest.mark.over_tls_too
def test_whole_tunnel_visitor_first(secret_server):
    total = size(10 * MIB)
    with Sink() as service:
        with spore_client(secret_server.control, service.port, secret="s3cret") as client:
            with connect(secret_server.public_host, client.port) as visitor:
                digest = Sending(visitor, total, end=True).result()
                assert read_to_end(visitor) == f"{total} {digest}\n".encode()


@pytest.mark.over_tls_too
def test_whole_tunnel_service_first(secret_server):
    total = size(10 * MIB)
    with Source(total) as service:
        with spore_client(secret_server.control, service.port, secret="s3cret") as client:
            with connect(secret_server.public_host, client.port) as visitor:
                length, digest = receive_pattern(visitor)
                visitor.sendall(b"thanks")
            sent, (received, _) = service.result()
            assert (length, digest, received) == (total, sent, 6)


@pytest.mark.parametrize("first", ["visitor", "service"])
@pytest.mark.over_tls_too
def test_whole_tunnel_end_without_any_byte(server, first):
    with Inbox() as service, spore_client(server.control, service.port) as client:
        with connect(server.public_host, client.port) as visitor:
            near = service.take()
            ends, stays = (visitor, near) if first == "visitor" else (near, visitor)
            end_writing(ends)
            assert read_to_end(stays) == b""
            stays.sendall(b"still here")
            end_writing(stays)
            assert read_to_end(ends) == b"still here"
