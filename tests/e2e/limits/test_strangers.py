"""Unauthenticated connections: their number, the rate of wrong secrets, and what is exempt."""

import contextlib
import json
import socket

from harness import procfs
from harness.peers import spore_client, spore_server
from harness.scale import seconds
from harness.services import Echo
from harness.sockets import connect, read_exactly
from harness.visitors import connected, exchange_all, one_exchange
from harness.waiting import wait_until
from harness.wire import Ended, Tunnel, Wire


def configured(tmp_path, address, limits, extra=(), **server):
    """A server with these limits."""
    path = tmp_path / "limits.json"
    path.write_text(json.dumps({"limits": limits, "auth": [{"use": "hmac", "secret": "s3cret"}]}))
    started = spore_server(address, extra=["--config", str(path), *extra], **server)
    started.secret = "s3cret"
    return started


def from_source(server, source):
    """A connection to the control port from another address; the server may already refuse it."""
    sock = socket.socket()
    sock.settimeout(seconds(5))
    sock.bind((source, 0))
    with contextlib.suppress(ConnectionResetError):
        sock.connect(server.control)
    return sock


def stands(sock):
    """Whether the server still waits for a frame on this connection."""
    sock.settimeout(0.3)
    try:
        while sock.recv(64):
            pass
    except TimeoutError:
        return True
    except OSError:
        pass
    return False


def try_secret(server, source, secret):
    """The answer to one Authenticate; None if the server sends no Challenge."""
    try:
        with Wire(from_source(server, source)) as wire:
            wire.authenticate(secret)
            wire.send({"Hello": 0})
            return wire.receive()
    except (Ended, OSError):
        return None


def is_told_of_the_ban(answer):
    return answer["Error"].startswith("the source is banned: wrong secrets came from this address")


def test_a_source_has_a_share(tmp_path, address):
    """Above its share a source loses its oldest connections, so a client with a secret still gets
    in."""
    with configured(
        tmp_path, address, {"max_unauthenticated_per_ip": 4}, extra=["--workers", "1"]
    ) as server:
        other = from_source(server, "127.9.8.8")
        socks = [from_source(server, "127.9.8.7") for _ in range(6)]
        try:
            assert "Hello" in try_secret(server, "127.9.8.7", "s3cret")
            assert [stands(sock) for sock in socks] == [False] * 3 + [True] * 3
            assert stands(other), "another source is not affected"
        finally:
            for sock in [other, *socks]:
                sock.close()


def test_the_heaviest_source_goes_first(tmp_path, address):
    limits = {"max_unauthenticated": 16, "max_unauthenticated_per_ip": 100}
    with configured(tmp_path, address, limits, extra=["--workers", "1"]) as server:
        light = from_source(server, "127.9.8.8")
        heavy = [from_source(server, "127.9.8.7") for _ in range(60)]
        try:
            assert stands(light)
            assert [stands(sock) for sock in heavy[:40]] == [False] * 40
        finally:
            for sock in [light, *heavy]:
                sock.close()


def test_data_connections_do_not_count_against_their_client(tmp_path, address):
    """The share is one connection, and fifty visitors arrive at once."""
    with configured(tmp_path, address, {"max_unauthenticated_per_ip": 1}) as server:
        with Echo() as service, spore_client(
            server.control, service.port, secret="s3cret"
        ) as client:
            visitors = [connect(server.public_host, client.port) for _ in range(50)]
            try:
                for visitor in visitors:
                    visitor.sendall(b"ping")
                for visitor in visitors:
                    assert read_exactly(visitor, 4) == b"ping"
            finally:
                for visitor in visitors:
                    visitor.close()


def test_all_data_connections_of_a_burst_get_in(address):
    """More connections at once than the unauthenticated ones that so few descriptors allow."""
    with spore_server(address, secret="s3cret", nofile=128) as server, Echo() as service:
        with spore_client(server.control, service.port, secret="s3cret") as client:
            for _ in range(3):
                with connected(server.public_host, client.port, 20) as visitors:
                    exchange_all(visitors, length=64)


def test_a_ban_does_not_touch_running_tunnels(tmp_path, address):
    """A tunnel from the same address as a banned client continues."""
    limits = {"ban_after": 3, "ban_time": "60s", "ban_exempt": []}
    with configured(tmp_path, address, limits) as server, Echo() as service:
        with spore_client(server.control, service.port, secret="s3cret") as client:
            for _ in range(3):
                assert try_secret(server, "127.0.0.1", "wrong") == {"Error": "invalid secret"}
            assert is_told_of_the_ban(try_secret(server, "127.0.0.1", "s3cret"))
            assert one_exchange(server.public_host, client.port) == b"ping"


def test_wrong_secrets_ban(tmp_path, address):
    limits = {"ban_after": 3, "ban_time": "2s", "ban_exempt": []}
    with configured(tmp_path, address, limits) as server:
        for _ in range(3):
            assert try_secret(server, "127.9.8.7", "wrong") == {"Error": "invalid secret"}
        answer = try_secret(server, "127.9.8.7", "s3cret")
        assert is_told_of_the_ban(answer), "a right secret is refused too"
        assert "Hello" in try_secret(server, "127.9.8.8", "s3cret"), "another source is not banned"
        server.process.wait_for("source banned", stream="stderr")
        wait_until(
            lambda: "Hello" in (try_secret(server, "127.9.8.7", "s3cret") or {}),
            "the ban to end",
            timeout=6,
        )


def test_a_right_secret_clears_the_wrong_ones(tmp_path, address):
    with configured(tmp_path, address, {"ban_after": 3, "ban_exempt": []}) as server:
        for _ in range(3):
            for _ in range(2):
                assert try_secret(server, "127.9.8.7", "wrong") == {"Error": "invalid secret"}
            assert "Hello" in try_secret(server, "127.9.8.7", "s3cret")


def test_loopback_is_exempt_unless_told_otherwise(tmp_path, address):
    with configured(tmp_path, address, {"ban_after": 1}) as server:
        for _ in range(5):
            assert try_secret(server, "127.9.8.7", "wrong") == {"Error": "invalid secret"}
        assert "Hello" in try_secret(server, "127.9.8.7", "s3cret")


def test_tries_are_paced(tmp_path, address):
    limits = {"secret_rate": 1, "secret_burst": 3, "ban_after": 0, "ban_exempt": []}
    with configured(tmp_path, address, limits) as server:
        said = [try_secret(server, "127.9.8.7", "wrong") for _ in range(6)]
        assert said[:3] == [{"Error": "invalid secret"}] * 3
        assert {"Error": "too many tries, wait a little"} in said[3:]
        assert "Hello" in try_secret(server, "127.9.8.8", "s3cret")


def test_visitors_leave_descriptors_for_control(address):
    """More visitors wait than there are descriptors; clients can still connect."""
    with spore_server(address, nofile=64) as server, Tunnel(server) as tunnel:
        visitors = [tunnel.visit() for _ in range(100)]
        try:
            server.process.wait_for("visitor refused", stream="stderr")
            with Tunnel(server) as other:
                assert other.port
            assert procfs.descriptors(server.pid) < 64
        finally:
            for visitor in visitors:
                visitor.close()
