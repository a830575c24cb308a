"""A client's service may be a unix socket (unix:PATH)."""

import contextlib
import json
import os
import threading
import time

import pytest

from harness.bulk import Sending, fill, receive_pattern
from harness.peers import spore_client
from harness.scale import MIB, seconds, size
from harness.sockets import connect, end_writing, how_it_ends, read_exactly, read_to_end, reset
from harness.unix_inbox import UnixInbox
from harness.waiting import wait_until


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "app.sock")


@contextlib.contextmanager
def tunnel(server, path, *flags, backlog=128):
    with UnixInbox(path, backlog) as service:
        with spore_client(server.control, None, extra=[f"unix:{path}", *flags]) as client:
            yield client, service


def joined(client, service):
    visitor = connect(client.host, client.port)
    return visitor, service.take()


def lines(client, event):
    found = [json.loads(line) for line in client.process.stderr if line.startswith("{")]
    return [line for line in found if line["event"] == event]


def test_bytes_go_both_ways(server, path):
    with tunnel(server, path) as (client, service):
        for _ in range(3):
            visitor, far = joined(client, service)
            far.sendall(b"banner")
            assert read_exactly(visitor, 6) == b"banner"
            visitor.sendall(b"answer")
            end_writing(visitor)
            assert read_to_end(far) == b"answer"
            far.sendall(b"late")
            far.close()
            assert read_to_end(visitor) == b"late"
            visitor.close()


def test_bulk(server, path):
    """Spliced, where the kernel can."""
    total = size(64 * MIB)
    with tunnel(server, path) as (client, service):
        visitor, far = joined(client, service)
        up, down = Sending(visitor, total, end=True), Sending(far, total, end=True)
        results = {}

        def receive():
            results["far"] = receive_pattern(far)

        receiver = threading.Thread(target=receive)
        receiver.start()
        assert receive_pattern(visitor) == (total, down.result())
        receiver.join()
        assert results["far"] == (total, up.result())


def test_a_service_that_closes_with_its_answer_loses_none_of_it(server, path):
    """A visitor that reads slowly gets all of it, and then the end. The service's end of a unix
    socket hangs up at once, while the bytes are still there."""
    with tunnel(server, path) as (client, service):
        visitor, far = joined(client, service)
        total, _ = fill(far)
        far.close()
        time.sleep(2.5)  # the sweep of the relays comes once a second
        assert len(read_to_end(visitor, limit=1 << 30)) == total


def test_a_service_that_has_closed_is_not_held_for_ever(server, path, tmp_path):
    """The visitor has got its end, and says nothing any more."""
    config = tmp_path / "client.json"
    config.write_text(json.dumps({"client": {"peer_timeout": "1s"}}))
    flags = ["--config", str(config), "--log-format", "json", "--log-visitors"]
    with tunnel(server, path, *flags) as (client, service):
        visitor, far = joined(client, service)
        far.sendall(b"answer")
        far.close()
        assert read_to_end(visitor) == b"answer"
        wait_until(lambda: lines(client, "visitor ended"), "the end of the relay")
        assert lines(client, "visitor ended")[0]["reason"] == "closed"


def test_a_service_that_leaves_bytes_unread_resets_the_visitor(server, path):
    with tunnel(server, path) as (client, service):
        visitor, far = joined(client, service)
        visitor.sendall(b"unread")
        wait_until(lambda: far.recv(6, 2) == b"unread", "the bytes")  # MSG_PEEK
        far.close()
        assert how_it_ends(visitor) == (b"", "reset")


def test_a_visitor_that_resets(server, path):
    """A unix socket has no reset: the service reads an end, or a reset if bytes of its own are
    lost."""
    with tunnel(server, path) as (client, service):
        visitor, far = joined(client, service)
        visitor.sendall(b"some")
        assert read_exactly(far, 4) == b"some"
        reset(visitor)
        assert how_it_ends(far) == (b"", "end")
        with pytest.raises(BrokenPipeError):
            far.sendall(b"x")


@pytest.mark.parametrize(
    "make, cause",
    [
        (lambda path: None, "No such file or directory"),
        (lambda path: open(path, "w").close(), "Connection refused"),
    ],
)
def test_a_service_that_is_not_there(server, path, make, cause):
    make(path)
    with spore_client(server.control, None, extra=[f"unix:{path}"]) as client:
        for _ in range(2):
            with connect(client.host, client.port) as visitor:
                assert how_it_ends(visitor) == (b"", "end")
        found = client.process.wait_for(r"local service not reached .*")
        assert f"{path}: {cause}" in found.group(0), found.group(0)


def test_a_service_with_a_full_queue(server, path):
    """Its kernel takes no connection until it accepts one, and the client tries again."""
    with tunnel(server, path, backlog=0) as (client, service):
        with contextlib.ExitStack() as stack:
            visitors = [stack.enter_context(connect(client.host, client.port)) for _ in range(8)]
            for number, visitor in enumerate(visitors):
                visitor.sendall(b"%d" % number)
            time.sleep(0.3)
            found = {read_exactly(service.take(), 1) for _ in visitors}
            assert found == {b"%d" % number for number in range(8)}


def test_a_queue_that_stays_full(server, path):
    with tunnel(server, path, backlog=0) as (client, service):
        with contextlib.ExitStack() as stack:
            for _ in range(2):
                stack.enter_context(connect(client.host, client.port))
            found = client.process.wait_for(
                r"local service not reached .*", timeout=seconds(10)
            ).group(0)
            assert f"{path}: timed out, its queue of connections is full" in found


def test_no_descriptor_stays_open(server, path):
    with tunnel(server, path) as (client, service):
        for _ in range(2):
            visitor, far = joined(client, service)
            far.close()
            visitor.close()
        before = None

        def settled():
            nonlocal before
            last, before = before, len(os.listdir(f"/proc/{client.pid}/fd"))
            return last == before

        wait_until(settled, "the descriptors")
        for _ in range(30):
            visitor, far = joined(client, service)
            far.close()
            assert read_to_end(visitor) == b""
            visitor.close()
        wait_until(
            # Some more connections to the server may be kept.
            lambda: len(os.listdir(f"/proc/{client.pid}/fd")) <= before + 8,
            "closed descriptors",
        )


def test_the_tunnel_is_named_by_its_path(server, path):
    flags = ["--log-format", "json", "--log-visitors"]
    with tunnel(server, path, *flags) as (client, service):
        visitor, far = joined(client, service)
        far.sendall(b"123")
        far.close()
        assert read_to_end(visitor) == b"123"
        visitor.close()
        wait_until(lambda: lines(client, "visitor ended"), "the visitor's line")
        line = lines(client, "visitor ended")[0]
        assert line["tunnel"] == f"unix:{path}"
        assert (line["bytes_up"], line["bytes_down"], line["reason"]) == (0, 3, "closed")


def test_a_file_with_a_header(server, path, tmp_path):
    """send_proxy names the visitor here, too, although the service is no TCP service."""
    config = tmp_path / "client.json"
    config.write_text(json.dumps({"tunnels": [{"local": f"unix:{path}", "send_proxy": "v1"}]}))
    with UnixInbox(path) as service:
        with spore_client(server.control, None, extra=["--config", str(config)]) as client:

            def header():
                with connect(client.host, client.port) as visitor:
                    end_writing(visitor)
                    own, other = visitor.getsockname(), visitor.getpeername()
                    names = "PROXY TCP4 {} {} {} {}\r\n".format(own[0], other[0], own[1], other[1])
                    return read_to_end(service.take()) == names.encode()

            wait_until(header, "the visitor's address")  # once the server has read Extend
            assert header()
