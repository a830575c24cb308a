"""Public ports behind a proxy that tells the visitors' addresses (PROXY protocol): whom the server
believes, and what depends on that address."""

import contextlib
import json
import re
import signal
import socket
import ssl
import time

import pytest

from harness import fronts
from harness.loopback import Loopback
from harness.metrics import Exporter
from harness.peers import configured_server, spore_client
from harness.services import Echo, Inbox
from harness.sockets import connect, how_it_ends, read_exactly
from harness.waiting import wait_until
from harness.wire import Tunnel

PROXY = "127.0.0.1"  # where the tests connect from
VISITOR, OTHER = "192.0.2.7", "2001:db8::7"
SECRET = "s3cret"
# With a secret, a client asks for its visitors' addresses before it gets its port.
SECURED = {"auth": [{"use": "hmac", "secret": SECRET}]}


@pytest.fixture
def exporter(address):
    return Exporter(address.host, address.free_port())


@pytest.fixture
def serve(address, tmp_path, exporter):
    """Starts a server whose public ports trust PROXY. `above` are the transports above, `entry` is
    more of the entry."""

    def start(above=(), entry=None, trusted=PROXY, timeout="2s", **sections):
        proxy = {"use": "proxy", "trusted": [trusted], "timeout": timeout}
        metrics = [{"use": "prometheus", "listen": f"{exporter.host}:{exporter.port}"}]
        public = {"ports": "1-65535", "transport": [proxy, *above], **(entry or {})}
        sections = {
            "public": [public],
            "metrics": metrics,
            "log": {"level": "debug", "visitors": True},
            **sections,
        }
        return configured_server(address, tmp_path, **sections)

    return start


def ask(sock, header, data=b"ping"):
    """What a visitor behind this header gets back for some bytes; b"" if it is refused."""
    with contextlib.suppress(OSError):  # it may have been refused already
        sock.sendall(header + data)
        sock.shutdown(socket.SHUT_WR)
    return how_it_ends(sock)[0]


def visit(client, header, data=b"ping"):
    with connect(client.host, client.port) as sock:
        return ask(sock, header, data)


def refusals(exporter, reason):
    return exporter.value("spore_refusals_total", reason=reason, at="public")


def server_file(server, tmp_path):
    return tmp_path / f"server{server.control[1]}.json"


def reload_with(server, tmp_path, times=1, **sections):
    """Replaces these sections of the server's configuration."""
    path = server_file(server, tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **sections}))
    server.process.signal(signal.SIGHUP)
    server.process.wait_for("configuration reloaded", times=times)


@pytest.mark.parametrize("header", [fronts.line, fronts.binary], ids=["v1", "v2"])
@pytest.mark.parametrize("visitor", [VISITOR, OTHER])
def test_the_visitor_is_the_one_in_the_header(serve, header, visitor):
    """For the log, and for the service."""
    with serve(**SECURED) as server, Inbox() as service:
        extra = ["--send-proxy", "v1"]
        with spore_client(server.control, service.port, secret=SECRET, extra=extra) as client:
            with connect(client.host, client.port) as sock:
                sock.sendall(header(visitor, port=4711) + b"hello")
                far = service.take()
                kind = "TCP6" if ":" in visitor else "TCP4"
                start = f"PROXY {kind} {visitor} ".encode()
                assert read_exactly(far, len(start)) == start
                rest = b""
                while not rest.endswith(b"hello"):
                    rest += far.recv(100)
            far.close()
            shown = re.escape(fronts.text((visitor, 4711)))
            server.process.wait_for(rf"visitor ended .*{shown}")


def test_access_lists_decide_by_the_visitor(serve, exporter):
    """Also those that are not the entry's own. The proxy's address is on none."""
    lists = [{"use": "cidr", "allow": [VISITOR, OTHER]}]
    for sections in ({"entry": {"acl": lists}}, {"acl": {"public": lists}}):
        with serve(**sections) as server, Echo() as service:
            with spore_client(server.control, service.port) as client:
                assert visit(client, fronts.line(VISITOR)) == b"ping"
                assert visit(client, fronts.binary(OTHER)) == b"ping"
                assert visit(client, fronts.line("192.0.2.8")) == b""
                assert refusals(exporter, "access_list") == 1
                assert service.accepted == 2


def test_limits_count_the_visitor(serve, exporter):
    with serve(limits={"max_visitors_per_ip": 1}) as server, Inbox() as service:
        with spore_client(server.control, service.port) as client:
            with connect(client.host, client.port) as one:
                one.sendall(fronts.line(VISITOR) + b"x")
                service.take()
                assert visit(client, fronts.line(VISITOR)) == b""
                assert refusals(exporter, "source_full") == 1
                with connect(client.host, client.port) as other:
                    other.sendall(fronts.line("192.0.2.8") + b"y")
                    assert read_exactly(service.take(), 1) == b"y"


def test_nobody_else_may_claim_an_address(serve, exporter):
    with serve() as server, Echo() as service, Loopback() as liar:
        with spore_client(server.control, service.port) as client:
            with connect(client.host, client.port, source=liar.host) as sock:
                sock.sendall(fronts.line(VISITOR))
                assert how_it_ends(sock)[0] == b""
            assert visit(client, b"GET / HTTP/1.1\r\n\r\n") == b""
            assert visit(client, b"PROXY TCP4 192.0.2.7 127.0.0.1 65536 80\r\n") == b""
            assert refusals(exporter, "handshake") == 3
            assert service.accepted == 0


@pytest.mark.parametrize("check", fronts.HEALTH_CHECKS)
def test_health_checks_disturb_nobody(serve, exporter, check):
    with serve() as server, Echo() as service:
        with spore_client(server.control, service.port) as client:
            for _ in range(3):
                assert visit(client, fronts.HEALTH_CHECKS[check], b"") == b""
            assert visit(client, fronts.line(VISITOR)) == b"ping"
            assert service.accepted == 1
            for reason in ("handshake", "access_list", "handshakes"):
                assert refusals(exporter, reason) == 0


def test_a_header_that_does_not_come(serve, exporter):
    """The proxy waits no longer than its timeout; it is not banned."""
    with serve() as server, Echo() as service:
        with spore_client(server.control, service.port) as client:
            with connect(client.host, client.port) as sock:
                sock.sendall(b"PROXY ")
                assert how_it_ends(sock, timeout=20)[0] == b""
            wait_until(lambda: refusals(exporter, "handshake") == 1, "the refusal")
            assert visit(client, fronts.line(VISITOR)) == b"ping"


@pytest.mark.parametrize("kind", fronts.KINDS)
def test_real_proxies(serve, address, tmp_path, kind):
    """The service of a client behind haproxy and nginx gets the address of the visitor."""
    with serve(trusted=address.host, **SECURED) as server, Inbox() as service, Loopback() as near:
        extra = ["--send-proxy", "v1"]
        with spore_client(server.control, service.port, secret=SECRET, extra=extra) as client:
            listen = (address.host, address.free_port())
            to = (client.host, client.port)
            with fronts.front(kind, tmp_path, listen, to, address.host):
                with connect(*listen, source=near.host) as visitor:
                    visitor.sendall(b"hello")
                    far = service.take()
                    head = far.recv(100)
                    assert head.startswith(f"PROXY TCP4 {near.host} ".encode())
                    while not head.endswith(b"hello"):
                        head += far.recv(100)
                    far.sendall(b"answer")
                    assert read_exactly(visitor, 6) == b"answer"


def test_tls_behind_a_proxy(serve, authority, certificate, address):
    """The header comes first; TLS lies above it."""
    tls = {"use": "tls", "certfile": str(certificate.path), "keyfile": str(certificate.key)}
    lists = [{"use": "cidr", "allow": [VISITOR]}]
    with serve(above=[tls], entry={"acl": lists}) as server, Echo() as service:
        with spore_client(server.control, service.port) as client:
            context = ssl.create_default_context(cafile=authority.path)
            for host, is_allowed in ((VISITOR, True), (OTHER, False)):
                with connect(client.host, client.port) as sock:
                    sock.sendall(fronts.binary(host))
                    if not is_allowed:
                        assert how_it_ends(sock)[0] == b""
                        continue
                    with context.wrap_socket(sock, server_hostname=client.host) as visitor:
                        visitor.sendall(b"ping")
                        assert read_exactly(visitor, 4) == b"ping"


def test_a_reload_changes_whom_the_server_trusts(serve, tmp_path):
    with serve() as server, Echo() as service:
        public = json.loads(server_file(server, tmp_path).read_text())["public"]
        with spore_client(server.control, service.port) as client:
            assert visit(client, fronts.line(VISITOR)) == b"ping"
            public[0]["transport"][0]["trusted"] = ["192.0.2.1"]
            reload_with(server, tmp_path, public=public)
            assert visit(client, fronts.line(VISITOR)) == b""


ELSEWHERE = {"ports": "1-2", "acl": [{"use": "cidr", "allow": ["0.0.0.0/0"]}]}


@pytest.mark.parametrize("before", [[], [ELSEWHERE]], ids=["removed", "moved"])
def test_a_reload_during_a_handshake(serve, exporter, tmp_path, before):
    """The lists that hold when the address is told decide, wherever they are."""
    lists = [{"use": "cidr", "allow": [VISITOR]}]
    with serve(entry={"acl": lists}, timeout="3s") as server, Echo() as service:
        with spore_client(server.control, service.port) as client:
            with connect(client.host, client.port) as one, connect(client.host, client.port) as two:
                wait_until(lambda: exporter.value("spore_connections_incoming_total") == 2, "both")
                after = {"public": before, "acl": {"public": lists}}
                if before:
                    entry = json.loads(server_file(server, tmp_path).read_text())["public"]
                    after = {"public": before + entry}
                reload_with(server, tmp_path, **after)
                assert ask(one, fronts.line("192.0.2.8")) == b""
                assert ask(two, fronts.line(VISITOR)) == b"ping"
            assert refusals(exporter, "access_list") == 1


def test_two_proxies(serve, exporter):
    """Only the address that the inner one tells counts, and only while the visitor is there."""
    inner = {"use": "proxy", "name": "inner", "trusted": [PROXY, "10.0.0.0/8"]}
    lists = [{"use": "cidr", "allow": [VISITOR]}]
    limits = {"max_visitors_per_ip": 1}
    with serve(above=[inner], entry={"acl": lists}, limits=limits) as server, Echo() as service:
        with spore_client(server.control, service.port) as client:
            for _ in range(3):
                header = fronts.line("10.0.0.1") + fronts.line(VISITOR)
                wait_until(lambda: exporter.value("spore_relays") == 0, "the visitor to leave")
                assert visit(client, header) == b"ping"
            assert visit(client, fronts.line("10.0.0.1") + fronts.line("192.0.2.8")) == b""
            assert refusals(exporter, "access_list") == 1


def test_a_drain_waits_for_a_handshake(serve):
    """The visitor is carried, and then the server ends."""
    with serve(timeout="3s") as server, Tunnel(server) as tunnel, tunnel.visit() as sock:
        sock.sendall(b"PROXY ")
        server.process_was_ended = True
        server.process.terminate()
        server.process.wait_for("draining")
        time.sleep(1)  # nothing shows that the control port stays open
        sock.sendall(b"TCP4 192.0.2.7 127.0.0.1 4711 80\r\nping")
        with tunnel.accept(tunnel.wire.connection()) as far:
            assert read_exactly(far, 4) == b"ping"
        sock.close()
        assert server.process.wait() == 0


@pytest.mark.parametrize("limit", ["max_pending_per_tunnel", "max_pending"])
def test_no_more_visitors_wait_than_may(serve, exporter, limit):
    """Also if all of them have come before the first one waits."""
    with serve(timeout="3s", limits={limit: 2}) as server, Tunnel(server) as tunnel:
        visitors = [tunnel.visit() for _ in range(4)]
        wait_until(lambda: exporter.value("spore_connections_incoming_total") == 4, "all of them")
        for number, visitor in enumerate(visitors, 1):
            visitor.sendall(fronts.line(f"192.0.2.{number}"))
            if number <= 2:
                tunnel.wire.connection()
            else:
                assert how_it_ends(visitor)[0] == b""
        assert exporter.value("spore_connections_pending") == 2
        assert refusals(exporter, "pending") == 2
        server.process.wait_for(f"visitor refused .* from=.*{limit}")


def test_a_reload_of_the_authentication_during_a_handshake(serve, exporter, tmp_path):
    """The client's tunnel has another owner from then on, and so has the visitor."""
    with serve(timeout="3s", **SECURED) as server, Echo() as service:
        with spore_client(server.control, service.port, secret=SECRET) as client:
            with connect(client.host, client.port) as sock:
                wait_until(
                    lambda: exporter.value("spore_connections_incoming_total") == 1, "the visitor"
                )
                auth = [{"use": "hmac", "secret": SECRET, "name": "another"}]
                reload_with(server, tmp_path, auth=auth)
                wait_until(lambda: exporter.value("spore_tunnels_outdated") == 0, "the review")
                assert ask(sock, fronts.line(VISITOR)) == b"ping"
            assert refusals(exporter, "client_lost") == 0
