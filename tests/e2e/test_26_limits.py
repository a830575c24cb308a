"""Strangers: how many may be on their way, how often they may try a secret, and what honest clients feel of it."""

import contextlib
import json
import socket
import time

import pytest

from harness import procfs
from harness.peers import spore_client, spore_server
from harness.scale import count, seconds
from harness.services import Echo
from harness.sockets import connect, read_exactly
from harness.visitors import one_exchange
from harness.waiting import wait_until
from harness.wire import Ended, Tunnel, Wire


def configured(tmp_path, address, limits, **server):
    """A server whose file has these limits."""
    path = tmp_path / "limits.json"
    path.write_text(json.dumps({"limits": limits, "auth": [{"use": "hmac", "secret": "s3cret"}]}))
    started = spore_server(address, extra=["--config", str(path)], **server)
    started.secret = "s3cret"
    return started


def from_source(server, source):
    """A connection to the control port from an address of its own, perhaps refused already."""
    sock = socket.socket()
    sock.settimeout(seconds(5))
    sock.bind((source, 0))
    with contextlib.suppress(ConnectionResetError):
        sock.connect(server.control)
    return sock


def greeted(sock):
    """The server has begun to speak; False if it has closed instead."""
    try:
        return sock.recv(1) == b"{"
    except OSError:
        return False


def was_reset(sock):
    """Perhaps behind a greeting, which is still delivered."""
    sock.settimeout(0.05)
    try:
        while sock.recv(64):
            pass
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True
    return False


def try_secret(server, source, secret):
    """What the server says to one Authenticate; None if it does not even ask for one."""
    try:
        with Wire(from_source(server, source)) as wire:
            wire.authenticate(secret)
            wire.send({"Hello": 0})
            return wire.receive()
    except (Ended, OSError):
        return None


def test_a_source_has_a_share(tmp_path, address):
    with configured(tmp_path, address, {"max_unauthenticated_per_ip": 4}) as server:
        socks = [from_source(server, "127.9.8.7") for _ in range(6)]
        try:
            # Two workers accept, so it may be any of them that are refused.
            assert sorted(greeted(sock) for sock in socks) == [False] * 2 + [True] * 4
            other = from_source(server, "127.9.8.8")
            assert greeted(other), "another source is not concerned"
            other.close()
        finally:
            for sock in socks:
                sock.close()
        wait_until(lambda: try_secret(server, "127.9.8.7", "s3cret") is not None, "its share to be free again")


def test_the_heaviest_source_goes_first(tmp_path, address):
    limits = {"max_unauthenticated": 16, "max_unauthenticated_per_ip": 100}
    with configured(tmp_path, address, limits) as server:
        light = from_source(server, "127.9.8.8")
        assert greeted(light)
        heavy = [from_source(server, "127.9.8.7") for _ in range(60)]
        try:
            # The lone one is still there, and still may speak.
            light.settimeout(0.3)
            with pytest.raises(TimeoutError):
                while light.recv(64):
                    pass
            assert any(was_reset(sock) for sock in heavy)
        finally:
            for sock in [light, *heavy]:
                sock.close()


def test_data_connections_do_not_count_against_their_client(tmp_path, address):
    """A share of one, and fifty visitors at once."""
    with configured(tmp_path, address, {"max_unauthenticated_per_ip": 1}) as server:
        with Echo() as service, spore_client(server.control, service.port, secret="s3cret") as client:
            visitors = [connect(server.public_host, client.port) for _ in range(50)]
            try:
                for visitor in visitors:
                    visitor.sendall(b"ping")
                for visitor in visitors:
                    assert read_exactly(visitor, 4) == b"ping"
            finally:
                for visitor in visitors:
                    visitor.close()


def test_wrong_secrets_ban(tmp_path, address):
    limits = {"ban_after": 3, "ban_time": "2s", "ban_exempt": []}
    with configured(tmp_path, address, limits) as server:
        for _ in range(4):
            assert try_secret(server, "127.9.8.7", "wrong") == {"Error": "invalid secret"}
        assert try_secret(server, "127.9.8.7", "s3cret") is None, "not even a right one"
        assert "Hello" in try_secret(server, "127.9.8.8", "s3cret"), "another source"
        server.process.wait_for("source banned", stream="stderr")
        wait_until(lambda: try_secret(server, "127.9.8.7", "s3cret") is not None, "the ban to end", timeout=6)


def test_a_right_secret_clears_the_wrong_ones(tmp_path, address):
    with configured(tmp_path, address, {"ban_after": 3, "ban_exempt": []}) as server:
        for _ in range(3):
            for _ in range(3):
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
    """More visitors than descriptors, none of them served yet: clients still come in."""
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


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_honest_clients_among_strangers(server):
    """Idle and dripping ones from many sources, and handshakes meanwhile."""
    idle = [from_source(server, f"127.77.{i % 100}.{1 + i // 100}") for i in range(count(1500, least=150))]
    drips = [from_source(server, f"127.78.{i % 100}.{1 + i // 100}") for i in range(count(1500, least=150))]
    times = []
    try:
        for step in range(50):
            for drip in drips[step % 10 :: 10]:
                try:
                    drip.send(b"{")
                except OSError:
                    pass
            begun = time.monotonic()
            with Tunnel(server):
                times.append(time.monotonic() - begun)
    finally:
        for sock in idle + drips:
            sock.close()
    assert sorted(times)[len(times) * 98 // 100] < seconds(1.0), "an honest handshake is not starved"


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_running_relay_among_strangers(address):
    with spore_server(address, nofile=128) as server, Echo() as service:
        with spore_client(server.control, service.port) as client:
            with connect(server.public_host, client.port) as visitor:
                visitor.sendall(b"before")
                assert read_exactly(visitor, 6) == b"before"
                strangers = [connect(*server.control) for _ in range(200)]
                visitors = [connect(server.public_host, client.port) for _ in range(200)]
                for _ in range(20):
                    visitor.sendall(b"during")
                    assert read_exactly(visitor, 6) == b"during"
                for sock in strangers + visitors:
                    sock.close()
                wait_until(lambda: _serves(server, client), "the server to serve again", timeout=10)


def _serves(server, client):
    try:
        return one_exchange(server.public_host, client.port) == b"ping"
    except OSError:
        return False
