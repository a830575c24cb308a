"""TLS that ends at a public port: visitors, what they send and get, and who is refused."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading

import pytest

from harness.bulk import pattern, pattern_digest
from harness.metrics import Exporter
from harness.nginx import installed_program
from harness.peers import configured_server, spore_client
from harness.process import Process
from harness.scale import count, seconds, size
from harness.services import Echo, Inbox, Sink, Source
from harness.sockets import connect, how_it_ends, read_exactly, reset
from harness.tls import client_context
from harness.waiting import wait_until


@pytest.fixture
def exporter(address):
    return Exporter(address.host, address.free_port())


@pytest.fixture
def serve(address, tmp_path, exporter, certificate):
    """Starts a server whose TLS ends at the port that `client` gets."""

    def start(public=None, transport=None, cert=certificate, **sections):
        tls = {"use": "tls", "certfile": str(cert.path), "keyfile": str(cert.key)}
        entry = {"ports": "1-65535", "transport": [{**tls, **(transport or {})}]}
        metrics = [{"use": "prometheus", "listen": f"{exporter.host}:{exporter.port}"}]
        return configured_server(
            address,
            tmp_path,
            public=[{**entry, **(public or {})}],
            metrics=metrics,
            log={"level": "debug"},
            **sections,
        )

    return start


class TlsVisitor:
    """A visitor over TLS, whose directions end one by one. (Python's SSLSocket cannot do that.)"""

    def __init__(self, address, context, name):
        self.sock = connect(*address)
        self.received, self.sent = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.received, self.sent, server_hostname=name)
        self._finish(self.tls.do_handshake)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def _flush(self):
        self.sock.sendall(self.sent.read())

    def _finish(self, call):
        """Repeats the call until it needs no more input."""
        while True:
            try:
                result = call()
                self._flush()
                return result
            except ssl.SSLWantReadError:
                self._flush()
                data = self.sock.recv(65536)
                if data:
                    self.received.write(data)
                else:
                    self.received.write_eof()

    def send(self, data):
        self.tls.write(data)
        self._flush()

    def end_writing(self):
        """Sends close_notify, and reads on."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        self._flush()

    def receive(self, size=65536):
        """Some bytes; b"" is an orderly end."""
        try:
            return self._finish(lambda: self.tls.read(size))
        except ssl.SSLZeroReturnError:
            return b""


def visit(client, authority, certificate=None, **settings):
    context = client_context(authority, certificate, **settings)
    return TlsVisitor((client.host, client.port), context, client.host)


def refusals(exporter, reason):
    return exporter.value("spore_refusals_total", reason=reason, at="public")


def test_bytes_in_both_directions(serve, authority):
    with serve() as server, Echo() as service:
        with spore_client(server.control, service.port) as client:
            for _ in range(3):
                with visit(client, authority) as visitor:
                    visitor.send(b"ping")
                    assert visitor.receive() == b"ping"
                    visitor.end_writing()
                    assert visitor.receive() == b""


def test_a_web_site(serve, authority, address, tmp_path):
    """curl loads a file of 8 MiB from nginx, several times on one connection."""
    site = tmp_path / "site"
    site.mkdir()
    data = os.urandom(size(8 * 1024 * 1024))
    (site / "file").write_bytes(data)
    config = tmp_path / "nginx.conf"
    port = address.free_port()
    config.write_text(
        f"daemon off; master_process off; pid {tmp_path}/nginx.pid; error_log stderr;\n"
        "events { }\nhttp { access_log off;\n"
        + "".join(
            f"{kind}_temp_path {tmp_path}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        + f"server {{ listen {address.host}:{port}; root {site}; }} }}\n"
    )
    os.environ["PATH"] += os.pathsep + "/usr/sbin"
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    argv = [installed_program("nginx", "nginx-light"), "-p", tmp_path, "-c", config]
    with Process(argv, name="nginx"), serve() as server:
        wait_until((tmp_path / "nginx.pid").exists, "nginx to listen")
        with spore_client(server.control, port, local_host=address.host) as client:
            url = f"https://{client.host}:{client.port}/file"
            got = subprocess.run(
                ["curl", "-sS", "--cacert", authority.path, url, url, url],
                capture_output=True,
                timeout=seconds(60),
                check=True,
            )
            assert hashlib.sha256(got.stdout).digest() == hashlib.sha256(data * 3).digest()


def test_much_data_up_and_half_close(serve, authority):
    """The service sees the visitor's end, and still answers."""
    total = size(64 * 1024 * 1024)
    with serve() as server, Sink() as service:
        with spore_client(server.control, service.port) as client:
            with visit(client, authority) as visitor:
                for piece in pattern(total):
                    visitor.send(piece)
                visitor.end_writing()
                answer = b""
                while piece := visitor.receive():
                    answer += piece
                assert answer.decode().split() == [str(total), pattern_digest(total)]


def test_much_data_down(serve, authority):
    total = size(64 * 1024 * 1024)
    with serve() as server, Source(total) as service:
        with spore_client(server.control, service.port) as client:
            with visit(client, authority) as visitor:
                digest, length = hashlib.sha256(), 0
                while piece := visitor.receive():
                    digest.update(piece)
                    length += len(piece)
                assert (length, digest.hexdigest()) == (total, pattern_digest(total))
                visitor.send(b"still there")
                visitor.end_writing()
            assert service.result()[1][0] == len(b"still there")


def test_many_at_once_on_several_workers(serve, authority):
    """Visitors and their data connections are on different workers."""
    n = count(100)
    with serve(server={"workers": 4}) as server, Echo() as service:
        with spore_client(server.control, service.port, extra=["--workers", "4"]) as client:
            results = []

            def one(number):
                text = f"visitor {number}".encode()
                with visit(client, authority) as visitor:
                    visitor.send(text)
                    results.append(visitor.receive() == text)

            threads = [threading.Thread(target=one, args=(i,)) for i in range(n)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert results == [True] * n


def test_a_data_connection_that_waits(serve, authority):
    """The client has opened connections ahead, and keeps those of earlier visitors."""
    with serve() as server, Echo() as service:
        with spore_client(server.control, service.port, extra=["--ahead", "2"]) as client:
            for _ in range(8):
                with visit(client, authority) as visitor:
                    visitor.send(b"first")
                    assert visitor.receive() == b"first"


def test_certificates_of_visitors(serve, authority, tmp_path):
    """Only a visitor with a certificate of the authority comes in."""
    own = authority.issue("email:alice@example")
    with serve(transport={"cacertfile": str(authority.path)}) as server, Echo() as service:
        with spore_client(server.control, service.port) as client:
            with visit(client, authority, own) as visitor:
                visitor.send(b"hello")
                assert visitor.receive() == b"hello"
            with pytest.raises((ssl.SSLError, ConnectionError)):
                with visit(client, authority) as visitor:
                    visitor.send(b"hello")
                    visitor.receive()
            server.process.wait_for(
                rf"visitor refused peer=127.0.0.1:\d+ port={client.port} "
                r"reason=\"the transport handshake failed\".* detail="
            )
            assert service.accepted == 1


def test_wrong_bytes(serve, exporter, tmp_path):
    events = tmp_path / "events.log"
    listener = {"use": "log", "path": str(events), "events": ["visitor_refused"]}
    with serve({"name": "web"}, events=[listener]) as server, Echo() as service:
        with spore_client(server.control, service.port) as client:
            with connect(client.host, client.port) as sock:
                sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
                how_it_ends(sock)
            why = (
                r"the other side does not speak TLS, which this port demands \(at the control port,"
            )
            server.process.wait_for(rf'visitor refused .* entry=web detail="{why} a Spore')
            wait_until(
                lambda: events.exists() and re.search(why + ".*entry web", events.read_text()),
                "the event's detail",
            )
            wait_until(lambda: refusals(exporter, "handshake") == 1, "the refusal")
            assert service.accepted == 0
            # One who leaves without a byte is no visitor, and no failure.
            connect(client.host, client.port).close()
            reset(connect(client.host, client.port))
            server.process.wait_for("visitor left before its first byte", times=2)
            assert refusals(exporter, "handshake") == 1


def test_a_handshake_that_stalls(serve, exporter, authority):
    """It ends after 5 s, and disturbs nobody meanwhile."""
    with serve() as server, Echo() as service:
        with spore_client(server.control, service.port) as client:
            with connect(client.host, client.port) as sock:
                sock.sendall(b"\x16\x03\x01\x02\x00")
                with visit(client, authority) as visitor:
                    visitor.send(b"ping")
                    assert visitor.receive() == b"ping"
                assert how_it_ends(sock, timeout=20)[0] == b""
            server.process.wait_for(r"visitor refused .* detail=\"it took too long\"")
            assert refusals(exporter, "handshake") == 1


def test_too_many_handshakes(serve, exporter, authority):
    """One source has few of them, and a new one is possible as soon as one has ended."""
    with serve(limits={"max_handshakes_per_ip": 3}) as server, Echo() as service:
        with spore_client(server.control, service.port) as client:
            stalled = [connect(client.host, client.port) for _ in range(3)]
            wait_until(
                lambda: exporter.value("spore_connections_incoming_total") == 3, "the visitors"
            )
            with contextlib.suppress(ConnectionError):
                connect(client.host, client.port).close()
            wait_until(lambda: refusals(exporter, "handshakes") == 1, "the refusal")
            stalled.pop().close()
            server.process.wait_for("visitor left before its first byte")
            with visit(client, authority) as visitor:
                visitor.send(b"ping")
                assert visitor.receive() == b"ping"
            for sock in stalled:
                sock.close()


def test_the_client_leaves_during_a_handshake(serve, authority):
    with serve() as server, Echo() as service:
        with spore_client(server.control, service.port) as client:
            sock = connect(client.host, client.port)
            sock.sendall(b"\x16\x03\x01\x02\x00")
            server.process.wait_for("new client")
        with sock:
            assert how_it_ends(sock, timeout=20)[0] == b""


def test_only_some_ports(address, serve, authority):
    """Other ports are as before, and the first entry with a port counts."""
    port, other = address.free_port(), address.free_port()
    with serve(public={"ports": str(port)}) as server, Echo() as service:
        with spore_client(server.control, service.port, port=port) as client:
            with visit(client, authority) as visitor:
                visitor.send(b"ping")
                assert visitor.receive() == b"ping"
        with spore_client(server.control, service.port, port=other) as client:
            with connect(client.host, client.port) as sock:
                sock.sendall(b"plain")
                assert read_exactly(sock, 5) == b"plain"


def test_access_lists_of_an_entry(serve, authority, address):
    """They replace acl.public. Without them acl.public decides."""
    deny = [{"use": "cidr", "deny": [address.host, "127.0.0.1"]}]
    allow = [{"use": "cidr", "allow": ["127.0.0.0/8"]}]
    for public, is_allowed in (({}, False), ({"acl": allow}, True), ({"acl": []}, True)):
        with serve(public=public, acl={"public": deny}) as server, Echo() as service:
            with spore_client(server.control, service.port) as client:
                if is_allowed:
                    with visit(client, authority) as visitor:
                        visitor.send(b"ping")
                        assert visitor.receive() == b"ping"
                else:
                    with pytest.raises((ssl.SSLError, ConnectionError)):
                        visit(client, authority)


def test_a_certificate_is_replaced(serve, authority, address, tmp_path):
    """New visitors get the new one; those that are there stay."""
    first, second = (authority.issue(f"IP:{address.host}") for _ in range(2))
    paths = [tmp_path / "tls.pem", tmp_path / "tls.key"]

    def use(certificate):
        for source, path in zip((certificate.path, certificate.key), paths):
            shutil.copy(source, f"{path}.new")
            os.replace(f"{path}.new", path)

    def shown(client):
        with visit(client, authority) as visitor:
            return visitor.tls.getpeercert(binary_form=True)

    use(first)
    files = {"certfile": str(paths[0]), "keyfile": str(paths[1])}
    with serve(transport=files) as server, Echo() as service:
        with spore_client(server.control, service.port) as client:
            with visit(client, authority) as visitor:
                before = shown(client)
                use(second)
                wait_until(lambda: shown(client) != before, "the new certificate", timeout=30)
                visitor.send(b"still")
                assert visitor.receive() == b"still"


def test_a_reload_adds_and_removes_the_entry(serve, authority, tmp_path):
    """The port is the same. Visitors that are there stay."""
    with serve() as server, Echo() as service:
        path = tmp_path / f"server{server.control[1]}.json"
        config = json.loads(path.read_text())
        with spore_client(server.control, service.port) as client:
            with visit(client, authority) as visitor:
                path.write_text(json.dumps({**config, "public": []}))
                server.process.signal(signal.SIGHUP)
                server.process.wait_for("configuration reloaded")
                with connect(client.host, client.port) as sock:
                    sock.sendall(b"plain")
                    assert read_exactly(sock, 5) == b"plain"
                visitor.send(b"still")
                assert visitor.receive() == b"still"
            path.write_text(json.dumps(config))
            server.process.signal(signal.SIGHUP)
            server.process.wait_for("configuration reloaded", times=2)
            with visit(client, authority) as visitor:
                visitor.send(b"again")
                assert visitor.receive() == b"again"


def test_a_slow_reader_holds_nobody_up(serve, authority):
    """The service's bytes wait, and all of them arrive."""
    total = size(16 * 1024 * 1024)
    with serve() as server, Inbox() as service:
        with spore_client(server.control, service.port) as client:
            with visit(client, authority) as visitor:
                far = service.take()
                sender = threading.Thread(
                    target=lambda: [far.sendall(piece) for piece in pattern(total)]
                    and far.shutdown(socket.SHUT_WR)
                )
                sender.start()
                sender.join(seconds(0.5))
                digest = hashlib.sha256()
                while piece := visitor.receive():
                    digest.update(piece)
                sender.join()
                assert digest.hexdigest() == pattern_digest(total)
