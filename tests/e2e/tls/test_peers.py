"""TLS as peers see it: versions, ends of streams, and peers that do not speak TLS."""

import contextlib
import pathlib
import signal
import socket
import ssl
import time

import pytest

from harness import peers, tls
from harness.bulk import pattern_bytes
from harness.metrics import Exporter
from harness.scale import count, seconds
from harness.services import Echo, Inbox
from harness.sockets import connect, how_it_ends, read_exactly, read_to_end, reset
from harness.tls import s_client
from harness.visitors import one_exchange
from harness.wire import Wire, encode

CLIENT_HELLO = bytes.fromhex("16030100f4010000f00303")


@pytest.fixture
def dial(authority):
    """A connection to a TLS server by Python's ssl module."""
    return lambda server, **settings: tls.dial(server, authority, **settings)


# Versions and what is negotiated


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_versions_that_are_spoken(tls_server, authority, version):
    with tls_server() as server:
        status, said = s_client(
            server, "-tls" + version.replace(".", "_"), "-CAfile", authority.path
        )
    assert status == 0, said
    assert f"New, TLSv{version}" in said and "Verification: OK" in said
    assert "AES_128_GCM" in said or "AES128-GCM" in said
    assert "No ALPN negotiated" in said and "Compression: NONE" in said


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_older_versions_are_refused(tls_server, version):
    with tls_server() as server:
        status, said = s_client(server, version, "-cipher", "ALL:@SECLEVEL=0")
        server.process.wait_for("connection refused .*offers no TLS version that is allowed here")
    assert status != 0
    assert "alert protocol version" in said


def test_least_version(tls_server):
    with tls_server(tls={"min_version": "1.3"}) as server:
        assert s_client(server, "-tls1_3")[0] == 0
        assert s_client(server, "-tls1_2")[0] != 0


@pytest.mark.parametrize(
    "option, value, flags, chosen",
    [
        (
            "ciphers",
            "ECDHE-ECDSA-CHACHA20-POLY1305:TLS_CHACHA20_POLY1305_SHA256",
            ["-tls1_2"],
            "ECDHE-ECDSA-CHACHA20",
        ),
        (
            "ciphers",
            "ECDHE-ECDSA-CHACHA20-POLY1305:TLS_CHACHA20_POLY1305_SHA256",
            ["-tls1_3"],
            "TLS_CHACHA20_POLY1305",
        ),
        (
            "ciphers",
            "ECDHE-ECDSA-AES256-GCM-SHA384",
            [],
            "New, TLSv1.2, Cipher is ECDHE-ECDSA-AES256-GCM-SHA384",
        ),
        (
            "ciphers",
            "ECDHE+AESGCM:!RC4:@STRENGTH",
            [],
            "New, TLSv1.2, Cipher is ECDHE-ECDSA-AES256-GCM-SHA384",
        ),
        ("ciphers", "TLS_AES_256_GCM_SHA384", [], "New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384"),
        ("groups", "P-384", [], "ECDH, secp384r1, 384 bits"),
    ],
)
def test_ciphers_and_groups(tls_server, option, value, flags, chosen):
    with tls_server(tls={option: value}) as server:
        status, said = s_client(server, *flags)
    assert status == 0 and chosen in said, said


def test_no_renegotiation(tls_server):
    with tls_server() as server:
        _, said = s_client(server, "-tls1_2", said="R\n")
    assert "RENEGOTIATING" in said
    assert "no renegotiation" in said


# Bytes


@pytest.mark.parametrize("length", [1, 15000, 16000, 100000])
def test_bytes_in_one_record_with_accept(tls_server, dial, length):
    """OpenSSL has buffered the bytes, so the descriptor will not become readable again."""
    data = pattern_bytes(length)
    with tls_server() as server, dial(server) as control:
        port = control.hello()
        with connect(server.public_host, port) as visitor, dial(server) as far:
            far.send_bytes(encode({"Accept": control.connection()}) + data)
            assert read_exactly(visitor, length) == data


def test_half_close_by_close_notify_alone(tls_server, dial):
    """The client sends close_notify without FIN. The visitor reads the end, and can still send."""
    with tls_server() as server, dial(server) as control:
        port = control.hello()
        with connect(server.public_host, port) as visitor, dial(server) as far:
            far.send_bytes(encode({"Accept": control.connection()}) + b"all I have")
            far.sock.settimeout(0)
            # Python's unwrap() sends close_notify, then waits for the other one.
            with contextlib.suppress(ssl.SSLWantReadError):
                far.sock.unwrap()
            assert read_to_end(visitor) == b"all I have"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_cut_stream_is_no_end(tls_server, dial, version):
    """After FIN without close_notify the stream may be truncated, so the visitor sees a reset."""
    with tls_server() as server, dial(server, maximum_version=version) as control:
        port = control.hello()
        with connect(server.public_host, port) as visitor, dial(
            server, maximum_version=version
        ) as far:
            far.send_bytes(encode({"Accept": control.connection()}) + b"half of an ans")
            assert read_exactly(visitor, 14) == b"half of an ans"
            far.sock.shutdown(socket.SHUT_WR)
            assert how_it_ends(visitor) == (b"", "reset")


def test_a_cut_control_connection_is_told(tls_server, dial):
    with tls_server() as server:
        with dial(server) as control:
            control.hello()
        server.process.wait_for(
            "client left .*the stream was cut off: the client closed the connection without a TLS "
            "close alert"
        )


def test_an_end_is_an_end(tls_server, dial):
    with tls_server() as server, dial(server) as control:
        port = control.hello()
        with connect(server.public_host, port) as visitor, dial(server) as far:
            far.send({"Accept": control.connection()})
            visitor.sendall(b"bye")
            visitor.shutdown(socket.SHUT_WR)
            assert read_exactly(far.sock, 3) == b"bye"
            assert far.sock.recv(10) == b""  # a truncated stream would raise


def test_the_control_connection_ends_in_order(tls_server, authority):
    with tls_server() as server:
        flags = ["--no-reconnect", "--tls", "--cacertfile", authority.path]
        with peers.spore_client(server.control, 9, extra=flags) as client:
            server.stop()
            assert client.wait() == 1
            client.process.wait_for("the server closed the connection")


# Those who do not speak TLS


@pytest.mark.parametrize("secret", [None, "s3cret"])
def test_a_plain_client_at_a_tls_port(tls_server, secret):
    with tls_server(secret=secret) as server:
        with peers.spore_client(
            server.control, 9, secret=secret, listening=False, extra=["--no-reconnect"]
        ) as client:
            assert client.wait(8) == 1
            client.process.wait_for(
                "before the server's Hello: .* only one side may use a secret or TLS"
                "|without a Challenge: do both sides use a secret and the same transport"
            )
        server.process.wait_for(
            "connection refused .*(the other side does not speak TLS, which this port demands|"
            "handshake timed out)|connection ended before its first byte .*does it speak TLS"
        )


def test_the_reference_message_of_a_plain_client(tls_server):
    with tls_server() as server:
        started = time.monotonic()
        with Wire.connect(server.control) as wire:
            wire.send({"Hello": 0})
            assert how_it_ends(wire.sock)[0] == b""
        assert time.monotonic() - started < seconds(2)
        server.process.wait_for(
            r'connection refused .*reason="the other side does not speak TLS, which this port '
            r'demands \(at the control port, a Spore client needs --tls\)"'
        )


@pytest.mark.parametrize(
    "secret, why",
    [
        (
            None,
            "the server closed the connection during the TLS handshake: does it speak TLS",
        ),
        (
            "s3cret",
            (
                "the server does not speak TLS on this port: start it with --tls, or do not use "
                "TLS here"
            ),
        ),
    ],
)
def test_a_tls_client_at_a_plain_port(start_server, secret, why):
    with start_server(secret=secret) as server:
        with peers.spore_client(
            server.control, 9, secret=secret, listening=False, extra=["--tls"]
        ) as client:
            assert client.wait(8) == 1
            client.process.wait_for(why)
        server.process.wait_for("reason=.*do both sides use the same transport")


def test_a_client_that_says_nothing(tls_server):
    with tls_server() as server, connect(*server.control) as sock:
        assert how_it_ends(sock, timeout=8)[0] == b""
        server.process.wait_for("the transport's handshake timed out")


@pytest.mark.parametrize("end", [socket.socket.close, reset])
def test_health_checks_are_no_refusals(tls_server, address, end):
    """A load balancer connects and closes again and again."""
    port = address.free_port()
    exporter = {"use": "prometheus", "listen": f"{address.host}:{port}"}
    with tls_server(config={"metrics": [exporter]}) as server:
        for _ in range(10):
            end(connect(*server.control))
        server.process.wait_for("info  connection ended before its first byte", times=10)
        with connect(*server.control) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            server.process.wait_for("warn  connection refused .*does not speak TLS")
        assert (
            Exporter(address.host, port)
            .page()
            .value("spore_refusals_total", reason="handshake", at="control")
            == 1
        )


@pytest.mark.parametrize(
    "first", [b"\x16", CLIENT_HELLO, b"\x15\x03\x03\x00\x02\x02\x28", b"\x00" * 50, b"\xff"]
)
@pytest.mark.parametrize("manner", ["end", "reset"])
def test_handshakes_that_end_early(tls_server, authority, first, manner):
    with tls_server() as server:
        for _ in range(10):
            sock = connect(*server.control)
            sock.sendall(first)
            sock.close() if manner == "end" else reset(sock)
        assert s_client(server, "-CAfile", authority.path)[0] == 0


# Limits


def _stalled(stack, server, number):
    """Connections that stop in the middle of the handshake, from several sources."""
    for index in range(number):
        sock = stack.enter_context(socket.socket())
        sock.settimeout(seconds(10))
        sock.bind((f"127.9.{index // 100}.{index % 100 + 1}", 0))
        sock.connect(server.control)
        sock.sendall(CLIENT_HELLO)


@pytest.mark.timeout(120)
def test_a_thousand_that_stop_in_mid_handshake_delay_nobody(tls_server, authority):
    flags = ["--tls", "--cacertfile", authority.path]
    with tls_server() as server, Echo() as service:
        with peers.spore_client(server.control, service.port, extra=flags) as client:
            with contextlib.ExitStack() as stack:
                _stalled(stack, server, count(1000, least=200))
                # Well before the deadline of three seconds ends the stalled connections.
                started = time.monotonic()
                for _ in range(10):
                    assert one_exchange(server.public_host, client.port) == b"ping"
                with peers.spore_client(server.control, service.port, extra=flags):
                    pass
                assert time.monotonic() - started < seconds(2.5)


def test_too_many_handshakes_end_the_oldest(tls_server, authority):
    with tls_server(
        "--workers", 1, tls={"max_handshakes": 4}
    ) as server, contextlib.ExitStack() as stack:
        _stalled(stack, server, 8)
        server.process.wait_for("too many TLS handshakes in progress", times=4)
        assert s_client(server, "-CAfile", authority.path)[0] == 0


# What is logged


def test_whether_there_is_kernel_tls_is_said_once(tls_server):
    offered = "tls" in pathlib.Path("/proc/sys/net/ipv4/tcp_available_ulp").read_text().split()
    said = "encrypts output" if offered else "is not used: the kernel lacks it"
    with tls_server() as server:
        server.process.wait_for(
            f"info  kernel TLS ({said}|is not used: OpenSSL was built without it)"
        )
        server.process.signal(signal.SIGHUP)
        server.process.wait_for("configuration reloaded")
    assert sum("kernel TLS" in line for line in server.process.stderr) == 1


def test_kernel_tls_can_be_left_out(tls_server):
    with tls_server(tls={"kernel_tls": False}) as server:
        server.process.wait_for(
            "info  kernel TLS is not used: (kernel_tls is false|OpenSSL was built without it)"
        )


def test_insecure_is_said_loudly(tls_server):
    with tls_server() as server, Inbox() as service:
        with peers.spore_client(
            server.control, service.port, extra=["--tls", "--insecure"]
        ) as client:
            client.process.wait_for(
                "warn  INSECURE: the server's certificate is not checked", stream="stderr"
            )


def test_over_tls_the_wire_is_bores(tls_server, dial):
    """The frames and their order are the same as without TLS."""
    with tls_server(secret="s3cret") as server, dial(server) as wire:
        wire.authenticate("s3cret")
        assert wire.hello() > 0
    with tls_server(secret="s3cret") as server, dial(server) as wire:
        wire.authenticate("wrong")
        wire.expect_error("invalid secret")
