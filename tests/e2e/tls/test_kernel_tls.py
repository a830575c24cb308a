"""Kernel TLS: the kernel encrypts what is sent, and the peers see no difference.

The tests are skipped if the kernel has no kernel TLS; if it has, all other tests of TLS use it too.
tests/kernel-tls/run starts such a kernel.
"""

import pathlib
import ssl
import subprocess

import pytest

from harness import peers
from harness.bulk import pattern_digest, receive_pattern, send_pattern
from harness.scale import MIB, seconds, size
from harness.services import Sink, Source
from harness.sockets import connect, end_writing, read_to_end
from harness.tls import dial

OFFERED = pathlib.Path("/proc/sys/net/ipv4/tcp_available_ulp")
STATISTICS = pathlib.Path("/proc/net/tls_stat")
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]

pytestmark = pytest.mark.skipif(
    "tls" not in OFFERED.read_text().split(),
    reason="SKIPPED: this kernel offers no TLS; tests/kernel-tls/run starts one",
)


def sent_by_the_kernel():
    """The number of connections whose sending the kernel has encrypted."""
    return dict(line.split() for line in STATISTICS.read_text().splitlines())["TlsTxSw"]


@pytest.fixture
def flags(authority):
    return ["--tls", "--cacertfile", authority.path]


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_uses_it(tls_server, authority, version):
    before = int(sent_by_the_kernel())
    with tls_server() as server, dial(
        server, authority, maximum_version=version, minimum_version=version
    ) as wire:
        assert wire.hello() > 0
        server.process.wait_for("handshake done: .*, sent by the kernel")
    assert int(sent_by_the_kernel()) > before


def test_it_can_be_left_out(tls_server, authority):
    with tls_server(tls={"kernel_tls": False}) as server, dial(server, authority) as wire:
        assert wire.hello() > 0
        server.process.wait_for("handshake done")
    assert not any("sent by the kernel" in line for line in server.process.stderr)


def test_a_cipher_that_the_kernel_has_not_goes_without(tls_server, authority):
    with tls_server(tls={"ciphers": "ECDHE-ECDSA-AES128-SHA256"}) as server, dial(
        server, authority
    ) as wire:
        assert wire.hello() > 0
        server.process.wait_for("handshake done")
    assert not any("sent by the kernel" in line for line in server.process.stderr)


def test_bulk_arrives_both_ways(tls_server, flags):
    total = size(64 * MIB, least=4 * MIB)
    with tls_server() as server, Sink() as sink, Source(total) as source:
        with peers.spore_client(server.control, sink.port, extra=flags) as client:
            with connect(server.public_host, client.port) as visitor:
                visitor.settimeout(seconds(60))
                digest = send_pattern(visitor, total)
                end_writing(visitor)
                assert read_to_end(visitor) == f"{total} {digest}\n".encode()
        with peers.spore_client(server.control, source.port, extra=flags) as client:
            with connect(server.public_host, client.port) as visitor:
                visitor.settimeout(seconds(60))
                assert receive_pattern(visitor) == (total, pattern_digest(total))
    assert "sent by the kernel" in "".join(server.process.stderr + client.process.stderr)


def test_who_demands_new_keys_is_told(tls_server, authority):
    """openssl s_client sends a key update for a line "K"."""
    with tls_server() as server:
        argv = [
            "openssl",
            "s_client",
            "-connect",
            "%s:%d" % server.control,
            "-CAfile",
            authority.path,
        ]
        with subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as client:
            server.process.wait_for("handshake done: TLSv1.3.*sent by the kernel")
            client.stdin.write(b"K\n")
            client.stdin.flush()
            server.process.wait_for(
                'reason="the client demands a key update, which kernel TLS does not support'
            )
            client.stdin.close()
            client.wait(seconds(20))
