"""What a client hears of a ban that another client at its address has earned, and what the operator
sees and does."""

import collections
import contextlib
import json
import re
import ssl
import threading
import time

import pytest

from harness.admin import Admin
from harness.peers import configured_server, spore_client
from harness.services import Echo
from harness.sockets import connect
from harness.visitors import one_exchange
from harness.wire import Wire

SOURCE = "127.0.0.1"
TLS = ["--tls", "--insecure"]


@pytest.fixture
def admin(tmp_path):
    return Admin(tmp_path / "admin.sock")


def serve(address, tmp_path, admin, certificate, ban_time):
    return configured_server(
        address,
        tmp_path,
        limits={"ban_after": 1, "ban_time": ban_time, "ban_exempt": []},
        auth=[{"use": "hmac", "secret": "s3cret"}],
        transport=[{"use": "tls", "certfile": certificate.path, "keyfile": certificate.key}],
        admin={"socket": admin.path},
    )


def shake(server):
    """A connection with TLS. An OSError: the server has reset it before."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(connect(*server.control))


def earn_a_ban(server):
    with shake(server) as sock:
        wire = Wire(sock)
        wire.authenticate("wrong")
        wire.send({"Hello": 0})
        assert wire.receive() == {"Error": "invalid secret"}
    server.process.wait_for("source banned")


def test_an_honest_client_is_told_and_waits(address, tmp_path, admin, certificate):
    """It learns of the ban behind TLS, and its tunnel stands once the ban has ended."""
    with serve(address, tmp_path, admin, certificate, "3s") as server, Echo() as service:
        earn_a_ban(server)
        with spore_client(server.control, service.port, secret="s3cret", extra=TLS) as client:
            told = [line for line in client.process.stderr if "the source is banned" in line]
            assert len(told) == 1 and re.search(r"; try again in [123] s", told[0]), told
            assert one_exchange(client.host, client.port) == b"ping"


def test_the_operator_lists_and_lifts_bans(address, tmp_path, admin, certificate):
    with serve(address, tmp_path, admin, certificate, "60s") as server, Echo() as service:
        earn_a_ban(server)
        with spore_client(
            server.control, service.port, secret="s3cret", extra=TLS, listening=False
        ) as client:
            client.process.wait_for(r"try again in (60|5[0-9]) s")
            (ban,) = json.loads(admin.ctl("bans", "--json"))["bans"]
            assert ban["source"] == SOURCE and 55000 < ban["left_ms"] <= 60000
            assert ban["tries"] == 1
            assert re.search(rf"^{SOURCE} +5\ds +1$", admin.ctl("bans"), re.MULTILINE)
        assert admin.ctl("unban", SOURCE) == f"{SOURCE} may connect again"
        assert "no ban is in force" in admin.ctl("unban", SOURCE, status=1)
        assert json.loads(admin.ctl("bans", "--json"))["bans"] == []
        server.process.wait_for("ban lifted by the operator")
        with spore_client(server.control, service.port, secret="s3cret", extra=TLS) as client:
            assert one_exchange(client.host, client.port) == b"ping"


def test_after_unban_a_source_has_all_its_tries(address, tmp_path, admin):
    """Also one that is not banned yet."""
    with configured_server(
        address,
        tmp_path,
        limits={"ban_after": 3, "ban_time": "60s", "ban_exempt": []},
        auth=[{"use": "hmac", "secret": "s3cret"}],
        admin={"socket": admin.path},
    ) as server:

        def try_wrong():
            with Wire.connect(server.control) as wire:
                wire.authenticate("wrong")
                wire.send({"Hello": 0})
                return wire.receive()["Error"]

        for _ in range(2):
            assert [try_wrong() for _ in range(2)] == ["invalid secret"] * 2
            assert admin.ctl("unban", SOURCE) == f"{SOURCE} may connect again"
        for _ in range(2):
            assert [try_wrong() for _ in range(3)] == ["invalid secret"] * 3
            assert "the source is banned" in try_wrong()
            assert admin.ctl("unban", SOURCE) == f"{SOURCE} may connect again"
        assert "no wrong secret is counted" in admin.ctl("unban", SOURCE, status=1)


def is_shaken(server):
    """Whether the server makes a handshake with one more connection."""
    with contextlib.suppress(OSError), shake(server):
        return True
    return False


def test_few_tries_cost_a_handshake(address, tmp_path, admin, certificate):
    """Above a rate the server resets connections before their handshake."""
    with serve(address, tmp_path, admin, certificate, "60s") as server:
        earn_a_ban(server)
        began = time.monotonic()
        shaken = [is_shaken(server) for _ in range(30)]
        assert shaken[0] and not all(shaken), "the first hears of the ban, not all do"
        assert sum(shaken) <= 11 + time.monotonic() - began


@contextlib.contextmanager
def attack(server):
    """Somebody at the same address opens connections without end, and holds a few of them."""
    ended = threading.Event()

    def go_on():
        held = collections.deque(maxlen=20)
        while not ended.wait(0.001):
            with contextlib.suppress(OSError):
                held.append(connect(*server.control))

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_a_client_with_a_tunnel_keeps_its_visitors(address, tmp_path, admin, certificate):
    """A ban of its address resets none of its data connections, not even those opened ahead."""
    ahead = [*TLS, "--ahead", "4", "--secret", "s3cret"]
    with serve(address, tmp_path, admin, certificate, "60s") as server, Echo() as service:
        with spore_client(server.control, service.port, extra=ahead) as client:
            earn_a_ban(server)
            with attack(server):
                for _ in range(100):
                    assert one_exchange(client.host, client.port) == b"ping"
            assert json.loads(admin.ctl("bans", "--json"))["bans"][0]["tries"] == 0
            assert "connection failed" not in client.process.log()
