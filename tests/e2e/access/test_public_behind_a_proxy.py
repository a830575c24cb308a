"""Public ports behind a proxy that tells the visitors' addresses (PROXY protocol): whom the server
believes, and what depends on that address."""

import contextlib
import json
import re
import signal
import socket
import ssl

import pytest

from harness import fronts
from harness.loopback import Loopback
from harness.metrics import Exporter
from harness.peers import configured_server, spore_client
from harness.services import Echo, Inbox
from harness.sockets import connect, how_it_ends, read_exactly
from harness.waiting import wait_until

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

    def start(above=(), entry=None, trusted=PROXY, **sections):
        proxy = {"use": "proxy", "trusted": [trusted], "timeout": "2s"}
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


def visit(client, header, data=b"ping"):
    """What a visitor behind this header gets back for some bytes; b"" if it is refused."""
    with connect(client.host, client.port) as sock:
        with contextlib.suppress(OSError):  # it may have been refused already
            sock.sendall(header + data)
            sock.shutdown(socket.SHUT_WR)
        return how_it_ends(sock)[0]


def refusals(exporter, reason):
    return exporter.value("spore_refusals_total", reason=reason, at="public")


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
        path = tmp_path / f"server{server.control[1]}.json"
        config = json.loads(path.read_text())
        with spore_client(server.control, service.port) as client:
            assert visit(client, fronts.line(VISITOR)) == b"ping"
            config["public"][0]["transport"][0]["trusted"] = ["192.0.2.1"]
            path.write_text(json.dumps(config))
            server.process.signal(signal.SIGHUP)
            server.process.wait_for("configuration reloaded")
            assert visit(client, fronts.line(VISITOR)) == b""
