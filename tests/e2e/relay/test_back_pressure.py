"""A reader that stops slows its writer down; it does not fill the server's memory."""

import pytest

from harness import procfs
from harness.bulk import fill, receive_pattern
from harness.peers import spore_client
from harness.scale import MIB
from harness.services import Inbox
from harness.sockets import connect, end_writing, read_exactly
from harness.wire import Tunnel


@pytest.mark.bore_too
@pytest.mark.parametrize("writer", ["visitor", "client"])
def test_through_the_server(server, writer):
    with Tunnel(server) as tunnel:
        visitor, far = tunnel.join()
        writes, reads = (visitor, far) if writer == "visitor" else (far, visitor)
        before = procfs.anonymous_memory(server.pid)
        sent, digest = fill(writes)
        assert procfs.anonymous_memory(server.pid) - before < 8 * MIB
        # The other direction is not blocked.
        reads.sendall(b"other way")
        writes.settimeout(10)
        assert read_exactly(writes, 9) == b"other way"
        end_writing(writes)
        assert receive_pattern(reads) == (sent, digest)


@pytest.mark.parametrize("writer", ["visitor", "service"])
@pytest.mark.over_tls_too
def test_through_the_whole_tunnel(server, writer):
    with Inbox() as service, spore_client(server.control, service.port) as client:
        with connect(server.public_host, client.port) as visitor:
            near = service.take()
            writes, reads = (visitor, near) if writer == "visitor" else (near, visitor)
            before = {pid: procfs.anonymous_memory(pid) for pid in (server.pid, client.pid)}
            sent, digest = fill(writes)
            for pid, memory in before.items():
                assert procfs.anonymous_memory(pid) - memory < 8 * MIB
            end_writing(writes)
            assert receive_pattern(reads) == (sent, digest)


@pytest.mark.bore_too
def test_a_stuck_relay_hinders_no_other(server):
    with Tunnel(server) as tunnel:
        stuck, stuck_far = tunnel.join()
        sent, digest = fill(stuck)
        for _ in range(10):
            visitor, far = tunnel.join()
            visitor.sendall(b"quick")
            assert read_exactly(far, 5) == b"quick"
            visitor.close()
            far.close()
        end_writing(stuck)
        assert receive_pattern(stuck_far) == (sent, digest)


@pytest.mark.bore_too
def test_a_reader_that_reads_byte_by_byte(server):
    """Small reads of large writes: no byte is lost, doubled or moved."""
    with Tunnel(server) as tunnel:
        visitor, far = tunnel.join()
        sent, digest = fill(visitor, idle=0.5)
        for _ in range(1000):
            assert len(far.recv(1, 2)) == 1  # MSG_PEEK: looked at, not taken
        end_writing(visitor)
        assert receive_pattern(far) == (sent, digest)
