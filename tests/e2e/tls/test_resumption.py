"""TLS sessions are resumed, but no session can be resumed for ever."""

import json
import ssl
import time

import pytest

from harness import peers
from harness.services import Echo
from harness.sockets import connect
from harness.tls import client_context, dial_with, s_client
from harness.tls.certificates import Authority, asn1_date
from harness.visitors import connected, exchange_all, one_exchange


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("tickets", [True, False])
def test_a_session_is_resumed(tls_server, tmp_path, version, tickets):
    """In TLS 1.3 the ticket follows the handshake, so the client reads on, up to the server's
    error."""
    session = tmp_path / "session"
    with tls_server(tls={"tickets": tickets}) as server:
        s_client(server, version, "-sess_out", str(session), "-ign_eof", said="nonsense\0")
        if not session.exists():
            assert not tickets
            return
        _, said = s_client(server, version, "-sess_in", str(session))
    assert ("Reused, TLSv1" in said) == tickets, said


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_keys_of_tickets_are_replaced(tls_server, tmp_path, version):
    """After two ticket lives no key can decrypt the ticket. This client ignores the life of a
    ticket."""
    session = tmp_path / "session"
    with tls_server(tls={"ticket_life": "2s"}) as server:

        def reused(fresh):
            if fresh:
                s_client(server, version, "-sess_out", str(session), "-ign_eof", said="nonsense\0")
            return "Reused, TLSv1" in s_client(server, version, "-sess_in", str(session))[1]

        # On a slow machine the life of a ticket may pass between the two.
        assert any(reused(fresh=True) for _ in range(5))
        time.sleep(4.2)
        assert not reused(fresh=False)
        assert any(reused(fresh=True) for _ in range(5))


def test_data_connections_resume_the_session(tls_server, authority):
    flags = ["--tls", "--cacertfile", authority.path, "--log-level", "debug", "--workers", 4]
    with tls_server("--workers", 4) as server, Echo() as service:
        with peers.spore_client(server.control, service.port, extra=flags) as client:
            # At the same time: a connection would carry one after another.
            with connected(server.public_host, client.port, 20) as visitors:
                exchange_all(visitors)
            client.process.wait_for("handshake done: .*, resumed", times=20)
            server.process.wait_for("handshake done: .*, resumed", times=20)


# Chains of resumptions: each one gives a new ticket, but none outlives the first verification

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


class Comer:
    """A client that reconnects again and again with the newest session."""

    def __init__(self, server, context):
        self.server, self.context, self.session = server, context, None

    def come(self):
        """Connects; returns whether the session was resumed."""
        with dial_with(self.server, self.context, self.session) as wire:
            wire.hello()  # in TLS 1.3 the ticket comes after the handshake: read something
            self.session = wire.sock.session
            return wire.sock.session_reused


@pytest.mark.parametrize("version", VERSIONS)
def test_a_chain_of_resumptions_has_an_end(tls_server, authority, version):
    life, full, longest, chain = 2, 0, 0, 0
    with tls_server(tls={"ticket_life": f"{life}s"}) as server:
        comer = Comer(
            server, client_context(authority, minimum_version=version, maximum_version=version)
        )
        end = time.monotonic() + 3.5 * life
        while time.monotonic() < end or longest < 2:
            began = time.monotonic()
            assert began < end + 60, "no session was resumed twice"
            if comer.come():
                assert began - verified <= life, "resumed after the life of the verified session"
                chain += 1
            else:
                verified, chain, full = time.monotonic(), 0, full + 1
            longest = max(longest, chain)
            time.sleep(0.1)
    assert full >= 3


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("which", ["its own", "the intermediate's"])
def test_no_session_outlives_a_clients_certificate(tls_server, authority, tmp_path, version, which):
    end = int(time.time()) + 7
    if which == "its own":
        certificate = authority.issue(end=asn1_date(end))
    else:
        between = Authority(
            tmp_path / "between", name="Between", parent=authority, end=asn1_date(end)
        )
        certificate = between.issue()
    with tls_server(tls={"cacertfile": authority.path}) as server:
        context = client_context(
            authority, certificate, minimum_version=version, maximum_version=version
        )
        comer = Comer(server, context)
        resumed = []
        with pytest.raises(ssl.SSLError, match="(?i)certificate.expired"):
            while True:
                assert time.time() < end + 1, "an expired certificate was resumed"
                resumed.append(comer.come())
                time.sleep(0.2)
        assert resumed[0] is False and all(resumed[1:]) and len(resumed) > 2
        server.process.wait_for("connection refused .*the client's certificate expired on")


def test_no_session_outlives_a_servers_certificate(configured_server, authority, address):
    """The server would resume it for an hour; the client checks the certificate that it
    verified."""
    end = int(time.time()) + 6
    certificate = authority.issue(f"IP:{address.host}", end=asn1_date(end))
    entry = {"use": "tls", "certfile": certificate.path, "keyfile": certificate.key}
    flags = ["--tls", "--cacertfile", authority.path, "--log-level", "debug"]
    with configured_server(config={"transport": [entry]}) as server, Echo() as service:
        with peers.spore_client(server.control, service.port, extra=flags) as client:
            assert one_exchange(server.public_host, client.port, b"early") == b"early"
            client.process.wait_for("handshake done: .*, resumed")
            time.sleep(max(0, end + 1 - time.time()))
            with connect(server.public_host, client.port):
                client.process.wait_for("connection failed .*the server's certificate expired on")


def test_a_client_verifies_again(tls_server, authority, tmp_path):
    """The client verifies again after its own limit, whatever the server allows."""
    path = tmp_path / "client.json"
    entry = {"use": "tls", "cacertfile": authority.path, "ticket_life": "2s"}
    path.write_text(json.dumps({"transport": [entry]}), encoding="utf-8")
    flags = ["--config", path, "--log-level", "debug"]
    limits = {"max_ahead_per_tunnel": 0}  # each visitor has a connection of its own
    with tls_server(config={"limits": limits}) as server, Echo() as service:
        with peers.spore_client(server.control, service.port, extra=flags) as client:
            end = time.monotonic() + 7
            while time.monotonic() < end:
                assert one_exchange(server.public_host, client.port, b"again") == b"again"
                time.sleep(0.2)
        shaken = [line for line in client.process.stderr if "handshake done: " in line]
    full = [line for line in shaken if ", resumed" not in line]
    assert 3 <= len(full) < len(shaken) / 2
