"""A public port that several tunnels share: which of them gets a visitor, by the first bytes."""

import contextlib
import json
import signal
import socket

import pytest

from harness import fronts
from harness.bulk import pattern
from harness.peers import spore_client
from harness.scale import size
from harness.services import Echo
from harness.routed_port import SECRETS, RoutedPort, client_hello, request
from harness.sockets import connect, how_it_ends, read_exactly, read_to_end
from harness.tls import client_context
from harness.waiting import wait_until
from harness.wire import Wire, answer


@pytest.fixture
def start(address, tmp_path):
    with contextlib.ExitStack() as stack:
        yield lambda entry, **more: RoutedPort(address, tmp_path, stack, entry, **more)


HTTP = {"route": [{"use": "http"}]}


def test_a_request_reaches_the_tunnel_of_its_host(start):
    site = start({**HTTP, "route_timeout": "30s"})
    site.client("alice", "*.alice.example")
    site.client("bob", "bob.example")
    for host, name in [("x.alice.example", b"alice"), ("BOB.example:80", b"bob")]:
        assert site.ask(host) == name + b" " + request(host)


def test_a_request_in_pieces_arrives_as_it_was_sent(start):
    site = start({**HTTP, "route_timeout": "30s"})
    site.client("bob", "bob.example")
    visitor = site.connect()
    for byte in request("bob.example"):
        visitor.sendall(bytes([byte]))
    assert read_to_end(visitor) == b"bob " + request("bob.example")


def test_who_wants_no_known_name_is_reset(start):
    site = start(HTTP)
    site.client("bob", "bob.example")
    for first, reason, text in [
        (request("alice.example"), "unknown_host", "no tunnel has the host name"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no_host", "the visitor wants no host name"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "bad_start", "malformed"),
    ]:
        visitor = site.connect()
        visitor.sendall(first)
        assert how_it_ends(visitor) == (b"", "reset")
        site.server.process.wait_for(rf"visitor refused.*{text}.* entry=web")
        if reason == "unknown_host":
            site.server.process.wait_for("visitor refused.* entry=web host=alice.example")
        assert site.refused(reason) == 1


def test_a_silent_visitor_is_reset(start):
    site = start({**HTTP, "route_timeout": "100ms"})
    assert how_it_ends(site.connect()) == (b"", "reset")
    site.server.process.wait_for(r"visitor refused.*the visitor wants no host name")


def test_one_tunnel_may_get_all_others(start):
    site = start({**HTTP, "unknown_host": "bob.example"})
    site.client("bob", "bob.example")
    assert site.ask("nobody.example") == b"bob " + request("nobody.example")


def test_the_name_is_free_when_its_client_leaves(start):
    site = start({**HTTP, "route_timeout": "30s"})
    client = site.client("bob", "bob.example")
    assert site.ask("bob.example").startswith(b"bob ")
    client.stop()
    site.server.process.wait_for(r"client left|closed by the client")
    visitor = site.connect()
    visitor.sendall(request("bob.example"))
    assert how_it_ends(visitor) == (b"", "reset")


def test_a_source_has_few_visitors_without_a_tunnel(start):
    site = start(
        {**HTTP, "route_timeout": "30s"},
        limits={"max_handshakes_per_ip": 2},
    )
    site.client("bob", "bob.example")
    visitors = [site.connect() for _ in range(3)]
    wait_until(lambda: site.refused("handshakes") == 1, "one visitor to be refused")
    for visitor in visitors:
        with contextlib.suppress(OSError):
            visitor.sendall(request("bob.example"))
    assert sorted(how_it_ends(visitor)[0][:4] for visitor in visitors) == [b"", b"bob ", b"bob "]
    assert site.ask("bob.example").startswith(b"bob ")


def test_tls_is_routed_by_its_server_name(start):
    """The server sees no key: the service gets the ClientHello as it was sent."""
    site = start({"route": [{"use": "sni"}], "route_timeout": "30s"})
    site.client("bob", "bob.example")
    hello = client_hello("bob.example")
    visitor = site.connect()
    visitor.sendall(hello)
    assert read_to_end(visitor) == b"bob " + hello


def test_access_lists_know_the_identity_of_the_tunnel(start):
    deny = {"use": "cidr", "identity": ["bob"], "deny": ["127.0.0.0/8"]}
    site = start({**HTTP, "route_timeout": "30s", "acl": [deny]})
    site.client("alice", "x.alice.example")
    site.client("bob", "bob.example")
    assert site.ask("x.alice.example").startswith(b"alice ")
    visitor = site.connect()
    visitor.sendall(request("bob.example"))
    assert how_it_ends(visitor) == (b"", "reset")
    site.server.process.wait_for(r"visitor refused.*access list.* identity=bob")


def test_a_reload_says_who_gets_all_others(start):
    site = start({**HTTP, "route_timeout": "30s"})
    site.client("bob", "bob.example")
    visitor = site.connect()
    visitor.sendall(request("nobody.example"))
    assert how_it_ends(visitor) == (b"", "reset")
    site.reload(unknown_host="bob.example")
    assert site.ask("nobody.example").startswith(b"bob ")


def test_a_routed_port_may_move_in_a_reload(start, address):
    """Visitors that have come go on, and those that come are not lost."""
    site = start({**HTTP, "route_timeout": "30s"})
    site.client("bob", "bob.example")
    early, old, new = site.connect(), site.port, address.free_port()
    early.sendall(request("bob.example")[:9])
    site.reload(listen_port=new)
    assert site.refuses(old)
    assert site.ask("bob.example", new).startswith(b"bob ")
    early.sendall(request("bob.example")[9:])
    assert read_to_end(early) == b"bob " + request("bob.example")
    site.reload(times=2, listen_port=old, listen_addr=[site.server.control[0], "127.0.0.1"])
    assert site.refuses(new)
    assert site.ask("bob.example").startswith(b"bob ")
    with connect("127.0.0.1", old) as visitor:
        visitor.sendall(request("bob.example"))
        assert read_to_end(visitor).startswith(b"bob ")


def test_a_reload_changes_how_long_a_visitor_may_take(start):
    site = start({**HTTP, "route_timeout": "30s"})
    site.reload(route_timeout="100ms")
    assert how_it_ends(site.connect()) == (b"", "reset")


def test_a_port_that_is_in_use_is_not_shared(start, address):
    """Neither at a reload nor at the start."""
    site = start({**HTTP, "route_timeout": "30s"})
    site.client("bob", "bob.example")
    with socket.create_server((site.server.control[0], address.free_port())) as other:
        port = other.getsockname()[1]
        site.reload(rf"routed port {port}: address in use", listen_port=port)
        assert site.ask("bob.example").startswith(b"bob ")


def test_no_tunnel_gets_a_routed_port(start):
    site = start(HTTP)
    with spore_client(
        site.server.control, 9, secret=SECRETS["bob"], port=site.port, listening=False
    ) as client:
        client.process.wait_for(r"port already in use: tunnels share it by their host names")
        assert client.wait() != 0
    site.server.process.wait_for(r"client refused.*port already in use")


def test_a_drain_closes_the_port_and_keeps_who_has_come(start):
    """Also if no client can move to another server."""
    site = start({**HTTP, "route_timeout": "30s"})
    with Wire.connect(site.server.control) as wire:
        tag = answer(SECRETS["bob"], wire.receive()["Challenge"])
        wire.send({"Authenticate": tag}, {"About": "host=bob.example"}, {"Hello": 0})
        assert "Hello" in wire.receive_but_heartbeats()
        visitor = site.connect()
        visitor.sendall(request("bob.example")[:9])
        incoming = lambda: site.exporter.value("spore_connections_incoming_total")
        wait_until(lambda: incoming() == 1, "the visitor to come")
        site.server.process.terminate()
        site.server.process_was_ended = True
        wait_until(lambda: site.refuses(site.port), "the port to close")
        visitor.sendall(request("bob.example")[9:])
        assert "Connection" in wire.receive_but_heartbeats()
        visitor.close()
    site.server.process.signal(signal.SIGINT)
    site.server.process.wait()


# ---- transports below a route ----


@pytest.fixture
def start_tls(start, authority):
    """A routed port where TLS ends, with a certificate for each site. `below` are transports below
    TLS."""

    def begin(below=(), **entry):
        names = [authority.issue(f"DNS:{name}") for name in ("bob.example", "x.alice.example")]
        pairs = [{"certfile": str(each.path), "keyfile": str(each.key)} for each in names]
        tls = {"use": "tls", **pairs[0], "certificates": pairs, "alpn": ["http/1.1"]}
        return start({**HTTP, "route_timeout": "30s", "transport": [*below, tls], **entry})

    return begin


def over_tls(site, authority, host, before=b""):
    """A visitor of this site whose TLS is open."""
    sock = site.connect()
    sock.sendall(before)
    return client_context(authority).wrap_socket(sock, server_hostname=host)


def test_tls_may_end_at_a_routed_port(start_tls, authority):
    """The certificate is that of the site, and the service gets the request as it was sent."""
    site = start_tls()
    site.client("alice", "*.alice.example")
    site.client("bob", "bob.example")
    for host, name in [("x.alice.example", b"alice"), ("bob.example", b"bob")]:
        visitor = over_tls(site, authority, host)
        visitor.sendall(request(host))
        assert read_to_end(visitor) == name + b" " + request(host)
    assert site.refused("no_host") == 0


def test_a_request_in_pieces_over_tls(start_tls, authority):
    site = start_tls()
    site.client("bob", "bob.example")
    visitor = over_tls(site, authority, "bob.example")
    for byte in request("bob.example"):
        visitor.sendall(bytes([byte]))
    assert read_to_end(visitor) == b"bob " + request("bob.example")


def test_bulk_behind_a_request_over_tls(start_tls, authority):
    """No byte is lost or twice where the relay takes over from the route."""
    site, total = start_tls(), size(3_000_000)
    site.client("bob", "bob.example", site.stack.enter_context(Echo()))
    for _ in range(3):
        visitor = over_tls(site, authority, "bob.example")
        for piece in [request("bob.example"), *pattern(total)]:
            visitor.sendall(piece)
            assert read_exactly(visitor, len(piece)) == piece
        visitor.close()


def test_who_wants_no_known_name_over_tls_is_refused(start_tls, authority):
    site = start_tls()
    for first, reason in [
        (request("bob.example"), "unknown_host"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no_host"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "bad_start"),
    ]:
        visitor = over_tls(site, authority, "bob.example")
        visitor.sendall(first)
        with contextlib.suppress(OSError):
            assert visitor.recv(100) == b""
        wait_until(lambda reason=reason: site.refused(reason) == 1, reason)
    visitor = site.connect()
    visitor.sendall(b"GET / HTTP/1.1\r\n\r\n")
    read_to_end(visitor)
    wait_until(lambda: site.refused("handshake") == 1, "the handshake to fail")


@pytest.mark.parametrize("alpn", ["h2", "http/1.1"])
def test_http2_and_a_certificate_for_several_names(start, authority, alpn):
    """A browser reuses the connection for all of them, but the route decides once."""
    certificates = {"one": ["DNS:bob.example", "IP:127.0.0.1"], "wide": ["DNS:*.alice.example"]}
    pairs = [authority.issue(*names) for names in certificates.values()]
    first, second = [{"certfile": str(each.path), "keyfile": str(each.key)} for each in pairs]
    tls = {"use": "tls", **first, "certificates": [second], "alpn": [alpn]}
    site = start({**HTTP, "transport": [tls]})
    site.server.process.wait_for(r"server listening")
    warnings = [line for line in site.server.process.stderr if "requests for all" in line]
    assert len(warnings) == (1 if alpn == "h2" else 0)
    assert all(second["certfile"] in line for line in warnings)


VISITOR = "192.0.2.7"
PROXY = {"use": "proxy", "trusted": ["127.0.0.0/8"], "timeout": "3s"}


@pytest.mark.parametrize("header", [fronts.line, fronts.binary], ids=["v1", "v2"])
def test_a_proxy_in_front_of_a_routed_port(start, header):
    """The server sees no key. The address counts for access lists and is in the log."""
    deny = {"use": "cidr", "identity": ["bob"], "deny": ["192.0.2.8"]}
    entry = {"route": [{"use": "sni"}], "route_timeout": "30s", "transport": [PROXY]}
    site = start({**entry, "acl": [deny]}, log={"visitors": True})
    site.client("bob", "bob.example")
    hello = client_hello("bob.example")
    visitor = site.connect()
    visitor.sendall(header(VISITOR, port=4711) + hello)
    assert read_to_end(visitor) == b"bob " + hello
    visitor.close()
    site.server.process.wait_for(rf"visitor ended visitor={VISITOR}:4711 port={site.port} ")
    visitor = site.connect()
    visitor.sendall(header(VISITOR, port=4712) + client_hello("nobody.example"))
    how_it_ends(visitor)
    refused = rf"visitor refused peer={VISITOR}:4712 port={site.port} .*host name"
    site.server.process.wait_for(refused)
    visitor = site.connect()
    visitor.sendall(header("192.0.2.8", port=4713) + hello)
    how_it_ends(visitor)
    site.server.process.wait_for(
        r"visitor refused peer=192.0.2.8:4713 .*access list.* identity=bob"
    )


def test_a_proxy_in_front_of_tls_that_ends_here(start_tls, authority):
    site = start_tls(below=[PROXY], acl=[{"use": "cidr", "allow": [VISITOR]}])
    site.client("bob", "bob.example")
    visitor = over_tls(site, authority, "bob.example", fronts.binary(VISITOR))
    visitor.sendall(request("bob.example"))
    assert read_to_end(visitor) == b"bob " + request("bob.example")


# ---- who gets no tunnel ----


def test_a_page_for_unknown_hosts(start, tmp_path):
    """It is read again when it has changed. Other protocols than HTTP/1 are reset."""
    page = tmp_path / "unknown.html"
    page.write_text("<p>nothing here</p>", encoding="utf-8")
    site = start({"route": [{"use": "http", "unknown_page": str(page)}], "route_timeout": "30s"})
    site.client("bob", "bob.example")
    head, body = site.ask("nobody.example").split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404 ") and b"\r\nContent-Length: 19\r\n" in head
    assert body == b"<p>nothing here</p>"
    visitor = site.connect()
    visitor.sendall(b"GET / HTTP/1.0\r\n\r\n")
    assert read_to_end(visitor).endswith(b"\r\n\r\n<p>nothing here</p>")
    visitor = site.connect()
    visitor.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
    assert how_it_ends(visitor) == (b"", "reset")
    wait_until(lambda: site.refused("unknown_host") == 1, "the refusal")
    assert site.refused("no_host") == 2
    assert site.ask("bob.example").startswith(b"bob ")
    page.write_text("moved", encoding="utf-8")
    wait_until(lambda: site.ask("nobody.example").endswith(b"\r\n\r\nmoved"), "the new page")


def test_a_page_over_tls(start_tls, authority, tmp_path):
    page = tmp_path / "unknown.html"
    page.write_text("x" * 60000, encoding="utf-8")
    site = start_tls(route=[{"use": "http", "unknown_page": str(page)}])
    visitor = over_tls(site, authority, "bob.example")
    visitor.sendall(request("bob.example") + b"x" * 1000)
    assert read_to_end(visitor).endswith(b"\r\n\r\n" + b"x" * 60000)


def test_listeners_hear_of_visitors_at_the_routed_port(start, tmp_path):
    log = tmp_path / "events.log"
    site = start(HTTP, events=[{"use": "log", "path": str(log), "lines": "json"}])
    site.client("bob", "bob.example")
    assert site.ask("bob.example").startswith(b"bob ")
    for first in (request("nobody.example"), b"SSH-2.0-x\r\n", b"GET / HTTP/1.1\r\n Host: a\r\n"):
        visitor = site.connect()
        visitor.sendall(first)
        how_it_ends(visitor)

    def visitors():
        complete = log.read_text(encoding="utf-8").split("\n")[:-1]
        found = [json.loads(line) for line in complete]
        return [each for each in found if each["event"].startswith("visitor")]

    wait_until(lambda: len(visitors()) == 5, "five events")
    assert {each["port"] for each in visitors()} == {site.port}
    refused = [each for each in visitors() if each["event"] == "visitor_refused"]
    assert [each["reason"] for each in refused] == ["unknown_host", "no_host", "bad_start"]
